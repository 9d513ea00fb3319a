"""Coverage at any level comes from other towers, and follows how well the width fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.coverage import (
    coverage_curves,
    coverage_of_sums,
    leave_one_out_quantiles,
    score_against_constant,
)
from uflux_kedro.uncertainty.intervals import group_quantile

LEVEL = 0.9
NORMAL = 1.6449  # half-width of 90 % of a normal distribution


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Errors of 60 towers whose size doubles from one row to the next, which the width follows."""
    rng = np.random.default_rng(0)
    n = 60 * 40
    size = np.tile([1.0, 2.0], n // 2)
    table = pd.DataFrame({"site_id": np.repeat([f"S{i:02}" for i in range(60)], 40)})
    table["IGBP"] = np.repeat(np.where(np.arange(60) < 30, 1.0, 10.0), 40)
    table["centre"] = rng.normal(5, 2, n)
    table["truth"] = table["centre"] + size * rng.normal(size=n)
    return table.assign(lower=table.centre - NORMAL * size, upper=table.centre + NORMAL * size)


def test_exchangeable_towers_are_covered_as_often_as_any_level_says(rows):
    curves = coverage_curves(rows, LEVEL)
    assert curves["group"].drop_duplicates().tolist() == ["all", "ENF", "GRA"]
    assert curves["towers"].unique().tolist() == [60, 30]
    beyond = curves["nominal"] == 0.99  # takes a hundred towers
    assert curves.loc[beyond, "coverage"].isna().all()
    curves = curves[~beyond]
    np.testing.assert_allclose(curves["coverage"], curves["nominal"], atol=0.04)
    assert (curves["low"] < curves["coverage"]).all()
    assert (curves["coverage"] < curves["high"]).all()


def test_a_class_with_larger_errors_is_seen(rows):
    bent = rows.assign(truth=np.where(rows.IGBP == 10, 2 * rows.truth - rows.centre, rows.truth))
    curves = coverage_curves(bent, LEVEL).set_index(["group", "nominal"])["coverage"]
    assert curves["GRA", LEVEL] < 0.65
    assert curves["ENF", LEVEL] == pytest.approx(0.9, abs=0.02)


def test_coverage_at_the_level_is_that_of_the_rows(rows):
    inside = rows.truth.between(rows.lower, rows.upper)
    curves = coverage_curves(rows, LEVEL).set_index(["group", "nominal"])["coverage"]
    assert curves["all", LEVEL] == pytest.approx(inside.groupby(rows.site_id).mean().mean())


@pytest.mark.parametrize("guarantee", ["at_least", "on_average"])
def test_quantiles_of_other_towers_are_those_without_the_tower(guarantee):
    rng = np.random.default_rng(1)
    tower = np.sort(rng.integers(0, 12, 200))
    scores = rng.exponential(size=200) + tower
    levels = (0.5, 0.9, 0.99)
    found = leave_one_out_quantiles(scores, tower, levels, guarantee)
    for number in range(12):
        others = tower != number
        rest = scores[others], tower[others]
        expected = [group_quantile(*rest, level, guarantee) for level in levels]
        assert found[number].tolist() == expected


def test_a_width_that_follows_the_error_beats_a_constant_one(rows):
    found = score_against_constant(rows, LEVEL)
    assert found["towers"] == 60
    assert found["coverage"] == pytest.approx(0.9, abs=0.02)
    assert 0.03 < found["gain_low"] < found["gain"] < found["gain_high"] < 0.3
    shuffled = rows.assign(
        lower=rows.centre - np.roll(rows.upper - rows.centre, 1),
        upper=rows.centre + np.roll(rows.upper - rows.centre, 1),
    )
    assert score_against_constant(shuffled, LEVEL)["gain"] < 0


def test_one_tower_has_neither_band_nor_constant(rows):
    one = rows[rows.site_id == "S00"]
    curves = coverage_curves(one, LEVEL)
    assert curves["group"].unique().tolist() == ["all"]
    assert curves[["low", "high"]].isna().all(axis=None)
    found = score_against_constant(one, LEVEL)
    assert np.isnan(found["interval_score_constant"])
    assert np.isfinite(found["interval_score"])


def test_rows_without_class_or_value_and_widths_of_nothing(rows):
    odd = rows.assign(IGBP=np.nan)
    odd.loc[odd.index[:40], ["lower", "upper"]] = np.nan
    odd.loc[odd.index[40:80], "lower"] = odd["centre"]
    odd.loc[odd.index[40:80], "upper"] = odd["centre"]
    curves = coverage_curves(odd, LEVEL)
    assert curves["towers"].unique().tolist() == [59]
    assert np.isfinite(curves.loc[curves["nominal"] < 0.99, "coverage"]).all()
    with pytest.raises(InputError, match="found none"):
        coverage_curves(odd.head(40), LEVEL)
    with pytest.raises(InputError, match="centre"):
        coverage_curves(odd.drop(columns="centre"), LEVEL)


def test_sums_count_by_tower_and_by_kind_of_interval():
    sums = pd.DataFrame({"site_id": ["A"] * 4 + ["B"], "truth": [0, 0, 0, 9, 0]})
    for kind, half in (("", 1), ("_independent", -1), ("_dependent", 10)):
        sums = sums.assign(**{f"lower{kind}": -half, f"upper{kind}": half})
    found = coverage_of_sums(sums).set_index("errors")
    assert found["coverage"].to_dict() == {
        "correlated": (0.75 + 1) / 2, "independent": 0, "dependent": 1
    }  # fmt: skip
    assert (found["towers"] == 2).all()
    assert (found["sums"] == 5).all()
    assert found.loc["correlated", ["low", "high"]].tolist() == [0.75, 1]
    assert coverage_of_sums(sums.head(0)).empty
    with pytest.raises(InputError, match="upper_dependent"):
        coverage_of_sums(sums.drop(columns="upper_dependent"))
