from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import (
    _p_value,
    compare_members,
    confidence_intervals,
    percentile_interval,
)
from uflux_kedro.validation.metrics import METRICS, pooled, score


def predictions(n_sites=40, noise=1.0, site_noise=1.0, seed=0):
    """Held-out rows with errors that the rows of a site share, as in real towers."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(n_sites), 12)
    truth = np.random.default_rng(99).normal(5, 3, site.size)
    error = site_noise * rng.standard_normal(n_sites)[site] + noise * rng.standard_normal(site.size)
    return pd.DataFrame(
        {
            "site_id": [f"S{i:02d}" for i in site],
            "time": np.tile(pd.date_range("2001-01-01", periods=12, freq="MS"), n_sites),
            "truth": truth,
            "prediction": truth + error,
        }
    )


def test_intervals_hold_the_pooled_value_and_are_seeded():
    table = confidence_intervals(predictions(), seed=3)
    assert list(table.index) == list(METRICS)
    whole = pooled(predictions())
    for name, row in table.iterrows():
        assert row["value"] == pytest.approx(whole[name])
        assert row["low"] < row["value"] < row["high"]
    pd.testing.assert_frame_equal(table, confidence_intervals(predictions(), seed=3))
    assert not table["low"].equals(confidence_intervals(predictions(), seed=4)["low"])


def test_a_loop_over_resamples_gives_the_same():
    table = predictions(n_sites=6)
    rows = [group for _, group in table.groupby("site_id")]
    draws = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=50)
    loop = []
    for draw in draws:
        drawn = pd.concat([rows[i] for i, times in enumerate(draw) for _ in range(times)])
        loop.append(score(drawn["truth"], drawn["prediction"]))
    found = confidence_intervals(table, n_resamples=50, level=0.9, seed=0)
    for name in METRICS:
        expected = np.quantile([values[name] for values in loop], [0.05, 0.95])
        assert found.loc[name, ["low", "high"]].to_list() == pytest.approx(list(expected))


def test_interval_of_the_bias_is_that_of_the_site_means():
    # All rows of a site have the same error, so the standard error of the bias is that of 40
    # numbers, not of 480.
    table = predictions(noise=0.0)
    errors = (table["prediction"] - table["truth"]).groupby(table["site_id"]).mean()
    row = confidence_intervals(table, n_resamples=4000).loc["MBE"]
    expected = 2 * 1.96 * errors.std(ddof=0) / np.sqrt(len(errors))
    assert row["high"] - row["low"] == pytest.approx(expected, rel=0.06)


def test_one_site_has_no_interval():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = confidence_intervals(predictions(n_sites=1))
    assert table["value"].notna().all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_a_better_member_is_found_and_equals_are_not():
    good, bad = predictions(noise=0.5, site_noise=0.1, seed=1), predictions(noise=2.0, seed=2)
    table = compare_members(bad, good)
    assert table.loc["NSE", "difference"] > 0
    assert table.loc["NSE", "low"] > 0
    assert table.loc["RMSE", "high"] < 0
    assert table.loc["NSE", "p_value"] < 0.01
    assert table.loc["NSE", "second"] == pytest.approx(pooled(good)["NSE"])
    assert set(table["sites"]) == {40}
    assert set(table["n"]) == {480}

    same = compare_members(good, good)
    assert (same["difference"] == 0).all()
    assert (same["p_value"] == 1).all()

    twins = compare_members(predictions(seed=5), predictions(seed=6))
    assert twins.loc["NSE", "p_value"] > 0.05
    assert twins.loc["NSE", "low"] < 0 < twins.loc["NSE", "high"]


def test_pairing_narrows_the_interval():
    first = predictions(seed=1)
    second = first.assign(prediction=first["prediction"] + 0.1)
    paired = compare_members(first, second).loc["MBE"]
    alone = confidence_intervals(first).loc["MBE"]
    assert paired["high"] - paired["low"] < 0.01 * (alone["high"] - alone["low"])


def test_only_common_rows_are_compared():
    first = predictions().iloc[:120]
    second = predictions(seed=1).iloc[60:].sample(frac=1, random_state=0)
    table = compare_members(first, second)
    assert table.loc["NSE", "n"] == 60
    assert table.loc["NSE", "sites"] == 5
    assert table.loc["NSE", "first"] == pytest.approx(pooled(first.iloc[60:])["NSE"])


def test_members_of_two_fluxes_are_refused():
    first = predictions()
    with pytest.raises(InputError, match="different truths"):
        compare_members(first, first.assign(truth=first["truth"] + 1))
    with pytest.raises(InputError, match="no row in common"):
        compare_members(first.iloc[:10], first.iloc[20:])


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        # Twice the share of the rarer side of 0, one more of either to stay above none.
        ([1.0, 1.0, 1.0, -1.0], 0.8),
        ([1.0] * 9, 0.2),
        ([-1.0] * 99, 0.02),
        ([0.0, 1.0, 1.0, 1.0, np.nan], 0.8),
        ([1.0, -1.0], 1.0),
        ([0.0, 0.0], 1.0),
    ],
)
def test_p_values_of_a_few_draws(differences, expected):
    assert _p_value(np.array(differences)) == pytest.approx(expected)


def test_no_draw_has_no_p_value_and_no_interval():
    assert np.isnan(_p_value(np.array([np.nan])))
    assert np.isnan(percentile_interval(np.array([np.nan]), 0.95)).all()
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_a_truth_that_neither_has_is_no_difference():
    first = predictions(n_sites=3)
    first.loc[5, "truth"] = np.nan
    table = compare_members(first, first)
    assert set(table["n"]) == {36}
    with pytest.raises(InputError, match="different truths"):
        compare_members(first, predictions(n_sites=3))
