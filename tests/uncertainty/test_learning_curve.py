from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.learning_curve import (
    CURVE_COLUMNS,
    extrapolate,
    fit_power_law,
    summarise_curve,
    train_on_shares,
)
from uflux_kedro.uncertainty.parameters import LearningCurveParameters

SETTINGS = LearningCurveParameters(shares=(0.1, 0.5, 1.0), draws=3)


class Mean:
    """Predicts the mean of its rows, and remembers the towers that it was fitted on."""

    fitted: list[frozenset]

    def fit(self, X, y):
        self.fitted.append(frozenset(X[:, 0]))
        self.mean = y.mean()
        return self

    def predict(self, X):
        self.fitted.append(frozenset(X[:, 0]))
        return np.full((len(X), 1), self.mean)


def make_rows(towers=20, months=6):
    number = np.repeat(np.arange(towers), months)
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "site_id": [f"XX-{n:02d}" for n in number],
            "IGBP": np.where(number % 4, 1, 10),
            "number": number,
            "GPP": number + rng.normal(size=number.size),
        }
    )


@pytest.fixture
def seen(monkeypatch):
    fitted: list[frozenset] = []
    monkeypatch.setattr(Mean, "fitted", fitted, raising=False)
    return fitted


def test_no_tower_is_trained_and_tested_on_and_networks_are_nested(seen):
    curve = train_on_shares(make_rows(), "GPP", ["number"], lambda _: Mean(), SETTINGS)
    assert list(curve.columns) == list(CURVE_COLUMNS)
    assert sorted(curve["towers"].unique()) == [2, 8, 15]
    trained, tested = seen[::2], seen[1::2]
    for draw in range(3):
        networks = trained[3 * draw : 3 * draw + 3]
        assert [len(n) for n in networks] == [2, 8, 15]
        assert networks[0] < networks[1] < networks[2]
        assert len({*tested[3 * draw : 3 * draw + 3]}) == 1
        assert not networks[2] & tested[3 * draw]
        assert len(networks[2] | tested[3 * draw]) == 20


def test_scores_are_of_the_towers_kept_aside_and_of_their_classes(seen):
    rows = make_rows()
    curve = train_on_shares(rows, "GPP", ["number"], lambda _: Mean(), SETTINGS)
    first = curve[(curve["draw"] == 0) & (curve["towers"] == 2)].set_index("group")
    train, test = (rows["number"].isin(part) for part in seen[:2])
    errors = rows["GPP"] - rows.loc[train, "GPP"].mean()
    assert first.loc["all", "RMSE"] == pytest.approx(np.sqrt((errors[test] ** 2).mean()))
    for name, code in (("ENF", 1), ("GRA", 10)):
        of_class = test & (rows["IGBP"] == code)
        towers = rows.loc[of_class, "site_id"].nunique()
        assert (name in first.index) == (towers >= 2)
        if towers >= 2:
            assert first.loc[name, "test_towers"] == towers
            expected = np.sqrt((errors[of_class] ** 2).mean())
            assert first.loc[name, "RMSE"] == pytest.approx(expected)


def test_threads_change_nothing_and_another_seed_draws_other_towers(seen):
    def curve(seed, n_jobs):
        return train_on_shares(
            make_rows(), "GPP", ["number"], lambda _: Mean(), SETTINGS, seed=seed, n_jobs=n_jobs
        )

    pd.testing.assert_frame_equal(curve(1, 1), curve(1, 2))
    assert not curve(1, 1)["RMSE"].equals(curve(2, 1)["RMSE"])


def test_too_few_towers_are_refused():
    with pytest.raises(InputError, match="4 or more towers"):
        train_on_shares(make_rows(3), "GPP", ["number"], lambda _: Mean(), SETTINGS)


def test_a_power_law_is_found_again():
    n = np.array([10, 20, 40, 80, 160])
    truth = [(0.2, 1.5, 0.5), (0.0, 0.9, 0.3), (0.3, 0.0, 0.5)]
    errors = np.array([a + b * n**-c for a, b, c in truth])
    law = fit_power_law(n, errors)
    np.testing.assert_allclose(law.a, [0.2, 0, 0.3], atol=1e-6)
    np.testing.assert_allclose(law.b[:2], [1.5, 0.9], atol=1e-6)
    np.testing.assert_allclose(law.c[:2], [0.5, 0.3], atol=1e-9)
    np.testing.assert_allclose(law.error(320), [0.2 + 1.5 * 320**-0.5, 0.9 * 320**-0.3, 0.3])


def test_a_curve_that_rises_is_fitted_by_a_constant():
    law = fit_power_law(np.array([10, 20, 40]), np.array([[0.3, 0.35, 0.4]]))
    assert law.b[0] == 0
    assert 0.3 < law.a[0] < 0.4


def make_curve(draws=6, noise=0.01):
    rng = np.random.default_rng(3)
    hard = np.exp(rng.normal(scale=0.5, size=draws))
    rows = [
        ("GPP", "all", n / 120, n, d, 40, 1 - hard[d] * (0.1 + n**-0.5) * np.exp(noise * rng.normal()), 1.0)
        for d in range(draws)
        for n in (15, 30, 60, 120)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def test_doubling_follows_from_the_fit_whatever_the_draws_have_in_common():
    found = extrapolate(make_curve(draws=8, noise=0.002)).iloc[0]
    assert found["towers"] == 160
    now, more = 0.1 + 160**-0.5, 0.1 + 320**-0.5
    level = (1 - found["NSE"]) / now
    assert found["gain"] == pytest.approx(level * (now - more), rel=0.03)
    assert found["gain_low"] <= found["gain"] <= found["gain_high"]
    assert found["removed"] == pytest.approx(1 - (0.1 + 120**-0.5) / (0.1 + 15**-0.5), rel=0.02)
    assert found["reducible"] == pytest.approx(1 - 0.1 / now, rel=0.1)
    assert found["explained"] > 0.99


def test_a_number_that_explains_nothing_and_a_band_without_draws():
    noise = make_curve().assign(NSE=lambda t: np.random.default_rng(0).uniform(0, 0.5, len(t)))
    assert extrapolate(noise).iloc[0]["explained"] < 0.5
    two = extrapolate(make_curve(draws=2)).iloc[0]
    assert np.isnan(two["gain_low"])
    assert two["gain"] > 0


def test_a_summary_has_the_mean_of_the_draws():
    curve = make_curve()
    summary = summarise_curve(curve).set_index("towers")
    expected = curve[curve["towers"] == 30]["NSE"]
    assert summary.loc[30, "NSE"] == pytest.approx(expected.mean())
    assert summary.loc[30, "NSE_low"] == pytest.approx(expected.quantile(0.05))
    assert (summary["draws"] == 6).all()


@pytest.mark.parametrize("shares", [(), (0.5, 1.1), (0.0,)])
def test_shares_are_between_0_and_1(shares):
    with pytest.raises(ValueError, match="shares"):
        LearningCurveParameters(shares=shares)
