"""Thresholds of USTAR: known ones are found, records without one say why, filters hide the right steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.companions import driver, nights
from uflux_kedro.gapfilling.moving_point import season_threshold
from uflux_kedro.gapfilling.ustar import (
    ONEFLUX_PERCENTILES,
    UstarThresholds,
    filter_by_ustar,
    ustar_thresholds,
)


@pytest.mark.parametrize("threshold", [0.12, 0.3])
@pytest.mark.parametrize("latitude", [45.0, -35.0])
def test_a_known_threshold_is_found(threshold, latitude):
    record, _ = Tower(latitude=latitude, threshold=threshold, noise=0.5).record()
    strict = ustar_thresholds(record, n_bootstrap=20)
    # A plateau that every next class must reach begins too late by chance.
    assert threshold - 0.01 < strict.seasons.median(axis=1).item() < threshold + 0.1
    low, middle, high = strict.by_year((5, 50, 95)).loc[2011]
    assert threshold < low < middle < high < threshold + 0.35
    lenient = ustar_thresholds(record, n_bootstrap=0, plateau=0.95)
    assert lenient.seasons.median(axis=1).item() == pytest.approx(threshold, abs=0.02)
    assert lenient.years.item() == lenient.seasons.max(axis=1).item()
    assert strict.reasons.item() == ""


def test_the_threshold_of_classes_is_that_of_the_definition():
    """Classes of 20 records; NEE is 1 in the first six, then 2: the seventh class is the first on it."""
    n = 7 * 20 * 20
    TA = np.repeat(np.arange(7.0), n // 7) + 0.1 * (np.arange(n) % 2)
    USTAR = np.tile(np.repeat(np.arange(20) * 0.05 + 0.01, 20), 7)
    NEE = np.where(USTAR < 0.3, 1.0, 2.0)
    rising = NEE + 0.001 * USTAR
    assert season_threshold(TA, USTAR, NEE, 1.0) == pytest.approx(0.31)
    assert np.isnan(season_threshold(TA, USTAR, rising, 1.0))  # never flat
    assert season_threshold(TA, USTAR, rising, 0.99) == pytest.approx(0.31)
    assert np.isnan(season_threshold(TA, USTAR + 0.2, NEE, 1.0))  # never calm
    assert np.isnan(season_threshold(TA + USTAR, USTAR, NEE, 1.0))  # correlated with TA
    assert np.isnan(season_threshold(TA[:699], USTAR[:699], NEE[:699], 1.0))


def test_one_class_above_by_chance_is_no_plateau():
    n = 7 * 20 * 20
    TA = np.repeat(np.arange(7.0), n // 7) + 0.1 * (np.arange(n) % 2)
    level = np.tile(np.repeat(np.arange(20), 20), 7)
    NEE = np.minimum(level, 12).astype(float)
    NEE[level == 2] = 20.0
    assert season_threshold(TA, level * 0.05, NEE, 1.0) == pytest.approx(0.6)


def test_bootstraps_are_seeded_and_years_do_not_depend_on_each_other():
    record, _ = Tower().record(end="2013-01-01")
    both = ustar_thresholds(record, n_bootstrap=5)
    second = ustar_thresholds(record.loc["2012":], n_bootstrap=5)
    pd.testing.assert_frame_equal(both.samples.loc[[2012]], second.samples)
    other = ustar_thresholds(record.loc["2012":], n_bootstrap=5, seed=1)
    assert not np.allclose(other.samples, second.samples, equal_nan=True)


def made_of(samples):
    samples = pd.DataFrame(samples).T
    nothing = pd.Series("", samples.index)
    return UstarThresholds(samples.mean(axis=1), samples, samples, nothing)


def test_years_are_pooled_with_their_neighbours():
    found = made_of({2001: [0.1] * 10, 2002: [0.2] * 10, 2003: [0.3] * 10, 2005: [0.9] * 10})
    means = found.by_year((0, 100))
    assert means.to_numpy().tolist() == [[0.1, 0.2], [0.1, 0.3], [0.2, 0.3], [0.9, 0.9]]
    assert found.constant((0, 50, 100)).to_list() == [0.1, 0.25, 0.9]
    assert found.by_year(ONEFLUX_PERCENTILES).shape == (4, 40)
    assert ONEFLUX_PERCENTILES[0] == 1.25
    assert ONEFLUX_PERCENTILES[-1] == 98.75


def test_too_few_bootstraps_with_a_threshold_give_none():
    found = made_of({2001: [0.1] * 8 + [np.nan] * 92, 2003: [0.1] * 9 + [np.nan] * 91})
    assert found.by_year((50,))[50].isna().to_list() == [True, False]


@pytest.mark.parametrize("steps_a_day", [24, 48])
def test_a_month_alone_has_a_reason_or_a_threshold(steps_a_day):
    record, _ = Tower(steps_a_day=steps_a_day).record(start="2011-11-01", end="2011-12-01")
    found = ustar_thresholds(record, n_bootstrap=10)
    if steps_a_day == 24:
        assert "at least 700 needed" in found.reasons.item()
        assert found.by_year().isna().all(axis=None)
    else:  # one season of the year
        assert found.years.item() == found.seasons[1].item()
        assert 0.1 < found.years.item() < 0.5


def test_no_night_no_threshold():
    record, _ = Tower(latitude=75.0).record(start="2011-05-20", end="2011-07-20")
    record["SW_IN"] += 20
    found = ustar_thresholds(record, n_bootstrap=3)
    assert found.reasons.item().startswith("0 night-time records")
    assert np.isnan(found.constant((50,)).item())
    assert filter_by_ustar(record, found.years).equals(record["NEE"])


def test_filters_hide_calm_nights_and_the_step_after():
    time = pd.date_range("2011-01-01", periods=8, freq="30min", name="time")
    record = pd.DataFrame(
        {
            "NEE": np.arange(8.0),
            "USTAR": [0.5, 0.1, 0.5, 0.5, np.nan, 0.5, 0.1, 0.5],
            "SW_IN": [0.0, 0, 0, 0, 0, 50, 50, 50],
        },
        time,
    )

    def hidden(**settings):
        return np.flatnonzero(filter_by_ustar(record, 0.2, **settings).isna()).tolist()

    assert hidden() == [1, 2, 4, 5]
    assert hidden(first_after=False) == [1, 4]
    assert hidden(night_only=False) == [1, 2, 4, 5, 6, 7]
    by_year = pd.Series({2010: 0.9, 2011: 0.2})
    assert filter_by_ustar(record, by_year).isna().sum() == 4
    assert filter_by_ustar(record, np.nan).notna().all()
    with pytest.raises(InputError, match="2011"):
        filter_by_ustar(record, pd.Series({2010: 0.9}))


def test_companions_fill_drivers_and_nights():
    time = pd.date_range("2011-01-01", periods=4, freq="30min", name="time")
    record = pd.DataFrame(
        {"SW_IN": [0, np.nan, np.nan, 30], "SW_IN_ERA": [5, 0, np.nan, 0.0]}, time
    )
    assert nights(record).tolist() == [True, True, False, False]
    potential = np.array([0, 0, 0, 0.0])
    assert nights(record, potential=potential).tolist() == [True, True, True, False]
    assert not nights(record, potential=potential + 1).any()
    with pytest.raises(InputError, match="TA_ERA"):
        driver(record, "TA")


def test_a_record_without_ustar_or_nee_is_refused():
    record, _ = Tower().record(end="2011-01-03")
    for name in ("USTAR", "NEE"):
        for call in (ustar_thresholds, lambda table: filter_by_ustar(table, 0.2)):
            with pytest.raises(InputError, match=f"a column {name}"):
                call(record.drop(columns=name))


@pytest.mark.parametrize(
    ("settings", "match"),
    [({"plateau": 1.2}, "plateau"), ({"n_bootstrap": -1}, "n_bootstrap")],
)
def test_settings_out_of_range_are_refused(settings, match):
    record, _ = Tower().record(end="2011-01-03")
    with pytest.raises(InputError, match=match):
        ustar_thresholds(record, **settings)
