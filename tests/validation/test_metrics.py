from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from uflux_kedro.validation.metrics import (
    LEADERBOARD_COLUMNS,
    SITE_SUMMARIES,
    PairSums,
    evaluate,
    pooled,
    score,
    score_by_site,
)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    truth = 5 + 3 * rng.standard_normal(400)
    return truth, 0.7 * truth + 1 + rng.standard_normal(400)


def test_against_the_libraries(pairs):
    truth, prediction = pairs
    found = score(truth, prediction)
    del found["KGE"], found["CCC"]  # in no library: see the worked example
    line = stats.linregress(truth, prediction)
    assert found == pytest.approx(
        {
            "n": 400,
            "r2": line.rvalue**2,
            "NSE": r2_score(truth, prediction),
            "RMSE": root_mean_squared_error(truth, prediction),
            "MAE": mean_absolute_error(truth, prediction),
            "MBE": np.mean(prediction - truth),
            "MRAE": np.mean(abs(prediction - truth)) / np.mean(abs(truth)),
            "slope": line.slope,
            "intercept": line.intercept,
            "p_value": line.pvalue,
            "std_err": line.stderr,
            "mean": truth.mean(),
        },
        rel=1e-9,
    )


def test_worked_example():
    """Errors are 1, 1, -1, 1. About the means 2.5 and 3 the sums of squares are 5 and 6, of
    products 4: the slope is 4/5, r is 4/sqrt(30), and 6 - 4 * 4/5 = 2.8 is left unexplained.
    """
    found = score([1, 2, 3, 4], [2, 3, 2, 5])
    assert found["n"] == 4
    assert found["mean"] == 2.5
    assert found["NSE"] == pytest.approx(1 - 4 / 5)
    assert found["MBE"] == pytest.approx(0.5)
    assert found["MAE"] == found["RMSE"] == pytest.approx(1)
    assert found["MRAE"] == pytest.approx(0.4)
    assert found["slope"] == pytest.approx(0.8)
    assert found["intercept"] == pytest.approx(1.0)
    assert found["r2"] == pytest.approx(16 / 30)
    # Twice the products, over both sums of squares and four times the squared bias of 0.5.
    assert found["CCC"] == pytest.approx(8 / (5 + 6 + 1))
    # r = 0.730297, ratio of spreads sqrt(1.2) = 1.095445, ratio of means 1.2.
    assert found["KGE"] == pytest.approx(0.65093, abs=1e-5)
    assert found["std_err"] == pytest.approx((2.8 / 2 / 5) ** 0.5)
    # Student's t of 2 degrees of freedom beyond 0.8 / 0.52915 = 1.51186.
    assert found["p_value"] == pytest.approx(0.269703, abs=1e-6)


values = arrays(float, st.shared(st.integers(3, 40), key="n"), elements=st.floats(-50, 50))


@settings(deadline=None)
@given(values, values)
def test_identities(truth, prediction):
    if truth.std() < 1e-3 or prediction.std() < 1e-3:
        return
    s = score(truth, prediction)
    assert s["NSE"] <= s["r2"] + 1e-9
    assert -1 - 1e-9 <= s["CCC"] <= 1 + 1e-9
    assert np.isnan(s["KGE"]) or s["KGE"] <= 1 + 1e-9
    assert abs(s["MBE"]) <= s["MAE"] + 1e-9 <= s["RMSE"] + 2e-9
    assert 0 <= s["p_value"] <= 1
    np.testing.assert_allclose(
        s["slope"] * truth.mean() + s["intercept"], prediction.mean(), atol=1e-6
    )


@settings(deadline=None)
@given(values)
def test_a_perfect_prediction(truth):
    if truth.std() < 1e-3 or abs(truth.mean()) < 0.51 * truth.std():
        return
    s = score(truth, truth)
    for name in ("r2", "NSE", "KGE", "CCC", "slope"):
        assert s[name] == pytest.approx(1, abs=1e-9)
    for name in ("RMSE", "MAE", "MBE", "MRAE"):
        assert s[name] == 0


def test_far_from_zero_keeps_its_digits():
    truth = 1e6 + np.array([0.0, 1.0, 2.0, 4.0])
    prediction = 1e6 + np.array([0.5, 1.0, 2.5, 3.0])
    assert score(truth, prediction)["NSE"] == pytest.approx(r2_score(truth, prediction), rel=1e-9)


# Metrics that are defined for few rows, and for a constant truth or prediction.
ERRORS = {"n", "RMSE", "MAE", "MBE", "MRAE", "mean"}


@pytest.mark.parametrize(
    ("truth", "prediction", "defined"),
    [
        ([], [], {"n"}),
        ([2.0], [3.0], ERRORS),
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], ERRORS),
        ([0.3] * 7, [0.3] * 7, ERRORS),
        ([1.0, 2.0, 4.0], [0.1] * 3, ERRORS | {"NSE", "slope", "intercept", "CCC", "std_err"}),
        ([1.0, 2.0], [1.0, 4.0], ERRORS | {"r2", "NSE", "slope", "intercept", "KGE", "CCC"}),
        ([0.0, 0.0], [1.0, 2.0], ERRORS - {"MRAE"}),
        ([np.nan, 1.0, 2.0], [1.0, 2.0, 3.0], {"n"}),
    ],
)
def test_what_is_not_defined_is_nan(truth, prediction, defined):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(truth, prediction)
    infinite = {name for name, value in found.items() if np.isinf(value)}
    assert {name for name, value in found.items() if not np.isnan(value)} - infinite == defined
    assert infinite <= {"MRAE"}


def test_a_constant_prediction_has_no_correlation_whatever_its_rounding():
    # The mean of eight times 0.1 is not 0.1, so that products about it do not quite vanish.
    sums = PairSums.of([1.0, 5.0, 7.0], [2.0, 2.0, 2.0])
    off = replace(sums, tp=sums.tp + 1e-16)
    assert np.isnan(evaluate(off)["r2"]).all()
    assert np.isnan(evaluate(off)["KGE"]).all()


@pytest.mark.parametrize(("mean", "known"), [(0.0, False), (0.49, False), (-0.49, False), (0.51, True), (-0.51, True)])  # fmt: skip
def test_kge_is_left_out_where_the_mean_is_near_zero(mean, known):
    truth = mean + np.array([-1.0, 1.0, -1.0, 1.0])  # its standard deviation is 1
    found = score(truth, truth + 0.1)
    assert np.isfinite(found["KGE"]) == known
    assert np.isfinite([found[name] for name in ("NSE", "r2", "CCC")]).all()


def frame(truth, prediction):
    site = np.arange(len(truth)) % 7
    return pd.DataFrame(
        {"site_id": [f"S{i}" for i in site], "truth": truth, "prediction": prediction}
    )


def test_by_site_is_score_of_each_site(pairs):
    predictions = frame(*pairs)
    table = score_by_site(predictions).set_index("site_id")
    assert list(table.index) == [f"S{i}" for i in range(7)]
    for site, rows in predictions.groupby("site_id"):
        expected = score(rows["truth"], rows["prediction"])
        assert dict(table.loc[site]) == pytest.approx(expected, rel=1e-9)


def test_by_site_of_a_site_that_does_not_vary():
    predictions = frame(np.arange(14.0), np.arange(14.0) + 1)
    predictions.loc[predictions["site_id"] == "S3", "truth"] = 123.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = score_by_site(predictions).set_index("site_id")
    assert np.isnan(table.loc["S3", ["NSE", "r2", "slope"]].astype(float)).all()
    assert table.drop("S3")["slope"].to_numpy() == pytest.approx(1)


def test_no_rows_at_all():
    nothing = frame(np.empty(0), np.empty(0))
    assert score_by_site(nothing).empty
    assert pooled(nothing)["sites"] == 0


def test_pooled_fills_the_leaderboard(pairs):
    row = pooled(frame(*pairs))
    assert row["sites"] == 7
    assert row["n"] == 400
    named = {"predictor_set", "flux", "model", "scheme", *SITE_SUMMARIES}
    assert set(LEADERBOARD_COLUMNS) - set(row) == named


def test_weighted_sums_are_the_metrics_of_repeated_rows(pairs):
    truth, prediction = pairs
    groups = np.arange(400) % 3
    sums = PairSums.of(truth, prediction, groups).weighted(np.array([[2.0, 0.0, 1.0]]))
    rows = np.concatenate([np.flatnonzero(groups == g) for g in (0, 0, 2)])
    expected = score(truth[rows], prediction[rows])
    for name, value in evaluate(sums).items():
        assert value[0] == pytest.approx(expected[name], rel=1e-9)
