"""Mean years, lags and their peaks, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
from uflux_kedro.quality.years import (
    LAGS,
    Years,
    lag_profile,
    peak,
    peak_near,
    solar_years,
    wrapped,
)

MONTHS = np.arange(12)


def wave(months, harmonic=1):
    """A cosine of the year that peaks ``months`` after January."""
    return np.cos(2 * np.pi * harmonic * (MONTHS - months) / 12)


@pytest.fixture
def years():
    """Site B from March 2001 to 2003 without 2002, site A in February 2005 alone."""
    rows = [
        ("B", "2001-03-01", 1.0),
        ("B", "2001-03-11", 3.0),
        ("B", "2001-12-31", 5.0),
        ("B", "2003-03-01", 8.0),
        ("B", "2003-04-01", np.nan),
        ("A", "2005-02-01", 7.0),
    ]
    towers = pd.DataFrame(rows, columns=["site_id", "time", "TA"])
    towers["time"] = pd.to_datetime(towers["time"])
    return Years.of(towers, ["TA"])


def test_rows_are_months_of_site_years_without_gaps(years):
    assert years.sites == ("A", "B")
    assert years.first.tolist() == [0, 1]
    assert years.site.tolist() == [0, 1, 1, 1]
    assert years.begin.tolist() == [2005, 2001]
    assert years.count.tolist() == [1, 3]
    table = years.months["TA"]
    assert table.shape == (4, 12)
    known = {(r, m): table[r, m] for r, m in np.argwhere(np.isfinite(table))}
    assert known == {(0, 1): 7.0, (1, 2): 2.0, (1, 11): 5.0, (3, 2): 8.0}


def test_the_mean_year_leaves_gaps_out(years):
    mean = years.mean_year("TA")
    assert mean.shape == (2, 12)
    assert mean[1, 2] == 5.0
    assert mean[1, 11] == 5.0
    assert mean[0, 1] == 7.0
    assert np.isfinite(mean).sum() == 3


def test_draws_stay_within_a_site_and_are_seeded(years):
    draws = years.draws(200)
    assert draws.shape == (200, 4)
    assert set(draws[:, 0]) == {0}
    assert all(set(draws[:, row]) == {1, 2, 3} for row in (1, 2, 3))
    np.testing.assert_array_equal(draws, years.draws(200))
    assert (draws != years.draws(200, seed=1)).any()
    drawn = years.mean_year("TA", np.array([[0, 1, 1, 3], [0, 2, 2, 2]]))
    assert drawn[0, 1, 2] == (2 + 2 + 8) / 3
    assert np.isnan(drawn[1, 1]).all()


def test_the_sun_of_the_middle_of_each_month():
    sun = solar_years(np.array([0.0, 60.0]))
    assert sun.shape == (2, 12)
    # The equator has most at the equinox to which the sun is nearer; 60 degrees north in June.
    assert sun[0].argmax() == 2
    assert sun[1].argmax() == 5
    assert sun[1].argmin() == 11
    # Of most months Klein's (1977) days, whose sun is the month's mean.
    days = [15, 15, 16, 15, 15, 11, 17, 16, 15, 15, 14, 10]
    day = np.array([pd.Timestamp(2001, m, d).day_of_year for m, d in enumerate(days, 1)])
    np.testing.assert_allclose(sun[1], top_of_atmosphere_radiation(60.0, day), rtol=1e-12)


def test_lags_are_brought_to_half_a_year_on_either_side():
    assert wrapped(np.array([-7.0, -6.0, 0.0, 5.9, 6.0, 13.0])) == pytest.approx(
        [5.0, -6.0, 0.0, 5.9, -6.0, 1.0]
    )


def test_eight_months_of_both_make_a_correlation():
    late, reference = wave(2), wave(0)
    for lost, known in ((4, True), (5, False)):
        gap = late.copy()
        gap[:lost] = np.nan
        assert np.isfinite(lag_profile(gap, reference)).all() == known
        assert np.isfinite(lag_profile(reference, gap)).all() == known


def test_the_profile_is_pearsons_r_at_each_lag():
    rng = np.random.default_rng(0)
    late, reference = rng.normal(5, 2, (2, 12))
    gap = late.copy()
    gap[[3, 7]] = np.nan
    for year in (late, gap):
        profile = lag_profile(year, reference)
        for lag, r in zip(LAGS, profile, strict=True):
            moved = np.roll(year, -lag)
            ok = np.isfinite(moved)
            assert r == pytest.approx(np.corrcoef(moved[ok], reference[ok])[0, 1])
    assert LAGS.tolist() == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6]


def test_the_peak_lies_where_the_parabola_has_it():
    profile = np.full(12, 0.1)
    profile[6:9] = 0.5, 0.9, 0.7  # lags 1, 2, 3: 0.5 (0.5 - 0.7) / (0.5 - 1.8 + 0.7) = 1/6
    lag, r = peak(profile)
    assert lag == pytest.approx(2 + 1 / 6)
    assert r == 0.9
    # At the ends the circle closes: lag 6 has -5 for its neighbour.
    profile = np.full(12, 0.1)
    profile[[10, 11, 0]] = 0.5, 0.9, 0.7
    assert peak(profile)[0] == pytest.approx(6 + 1 / 6 - 12)
    profile[3] = np.nan
    assert np.isnan(peak(profile)).all()


def test_a_profile_without_a_peak_has_its_first_lag():
    lag, r = peak(np.full(12, 0.3))
    assert (lag, r) == (-5, 0.3)


@pytest.mark.parametrize("shift", [-4.3, -0.5, 0.0, 0.2, 2.5, 5.4])
def test_the_peak_near_a_rough_lag(shift):
    reference = np.stack([wave(0), wave(0)])
    late = np.stack([wave(shift), wave(shift)])
    found = peak_near(late[None], reference[None], np.array([shift + 0.4, shift - 0.4]))
    assert found.shape == (1, 2)
    # A cosine is nearly a parabola about its top.
    assert found == pytest.approx(shift, abs=0.1)


def test_far_from_the_rough_lag_two_months_are_the_most():
    # Where the parabola is flat (2.8 months off), or has no top (4.5).
    reference, rough = wave(0)[None, None], np.array([0.0])
    for months in (2.8, 4.5, 5.5):
        assert peak_near(wave(months)[None, None], reference, rough) == pytest.approx(2)
        assert peak_near(wave(-months)[None, None], reference, rough) == pytest.approx(-2)
