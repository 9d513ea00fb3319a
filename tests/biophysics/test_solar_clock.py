"""The solar clock of simulated radiation with a known noon."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.biophysics.radiation import potential_radiation, top_of_atmosphere_radiation
from uflux_kedro.biophysics.solar_clock import around, equation_of_time, read_solar_clock


def record(ahead, start="2003-05-03", step_h=0.5, mean=200.0):
    """A bright record with a clock that is ahead by ``ahead[d]`` hours on day d.

    The sun is a whole cosine of the day: its noon is exact at any step.
    """
    ahead = np.asarray(ahead, dtype=float)
    of_day = round(24 / step_h)
    times = pd.date_range(start, periods=of_day * len(ahead), freq=pd.Timedelta(hours=step_h))
    noon = np.repeat(12 + ahead, of_day) - equation_of_time(times.day_of_year.to_numpy())
    hour = np.tile((np.arange(of_day) + 0.5) * step_h, len(ahead))
    return times, mean * (1 + np.cos(2 * np.pi * (hour - noon) / 24))


@pytest.mark.parametrize(
    ("date", "minutes"),
    [("2003-02-11", -14.2), ("2003-05-14", 3.7), ("2003-07-26", -6.5), ("2003-11-03", 16.4)],
)
def test_the_equation_of_time_has_its_known_extremes(date, minutes):
    # Of almanacs: the sundial is 14.2 minutes late in February, 16.4 early in November. Spencer's
    # series is within 35 seconds.
    day = np.array([pd.Timestamp(date).day_of_year])
    assert 60 * equation_of_time(day) == pytest.approx([minutes], abs=35 / 60)


def test_the_equation_of_time_where_its_waves_are_short():
    # Days whose angle is 0, an eighth and a quarter of the year, e.g. the first
    # 229.18 x (0.000075 + 0.001868 - 0.014615).
    minutes = 60 * equation_of_time(1 + 365 * np.array([0, 1 / 8, 1 / 4]))
    assert minutes == pytest.approx([-2.90416, -14.24949, -3.98475], abs=1e-5)


def test_the_equation_of_time_nearly_vanishes_over_the_year():
    # Waves of a whole year leave Spencer's constant, 229.18 min x 0.000075.
    year = equation_of_time(np.arange(1, 366))
    assert 60 * year.mean() == pytest.approx(229.18 * 0.000075, abs=1e-6)


def test_hours_on_the_circle_of_the_day():
    hours = [0.0, 11.5, 12.0, 12.5, 23.0, -11.5, -12.0, -13.0, 36.0]
    expected = [0.0, 11.5, -12.0, -11.5, -1.0, -11.5, -12.0, 11.0, -12.0]
    np.testing.assert_allclose(around(hours), expected)


@pytest.mark.parametrize("step_h", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("ahead", [-7.25, 0.0, 0.4, 11.5])
def test_the_noon_of_a_known_sun(ahead, step_h):
    clock = read_solar_clock(*record([ahead] * 20, step_h=step_h))
    assert clock.ahead == pytest.approx(ahead, abs=1e-9)
    assert clock.error == pytest.approx(0, abs=1e-9)
    assert clock.days == 20


def test_fifteen_days_are_enough_and_fourteen_are_not():
    assert read_solar_clock(*record([1.0] * 15)).days == 15
    assert read_solar_clock(*record([1.0] * 14)) is None


def test_a_day_needs_a_mean_above_forty_watts():
    times, _ = record([0.0] * 20)
    light = (times.hour >= 6) & (times.hour < 18)  # half of the day
    assert read_solar_clock(times, np.where(light, 80.0, 0.0)) is None
    assert read_solar_clock(times, np.where(light, 82.0, 0.0)).days == 20


def test_a_day_may_lack_a_twentieth_and_no_more():
    times, _ = record([0.0] * 20)
    sun = np.where((times.hour >= 6) & (times.hour < 18), 400.0, 0.0)
    sun[times.hour == 0] = np.nan
    assert read_solar_clock(times, sun).ahead == pytest.approx(
        equation_of_time(times.day_of_year.to_numpy()).mean(), abs=0.02
    )
    sun[(times.hour == 23) & (times.minute == 0)] = np.nan
    assert read_solar_clock(times, sun) is None  # 45 of 48


def test_what_an_instrument_reads_below_zero_is_night():
    times, sun = record([2.0] * 20)
    dark, faulty = (np.where(times.hour == 3, low, sun) for low in (0.0, -500.0))
    assert read_solar_clock(times, faulty) == read_solar_clock(times, dark)


def test_the_error_is_that_of_a_median_of_scattered_days():
    # Days 0.1 h on either side: 1.4826 x 0.1 as standard deviation, 1.2533 of it by the root of
    # the number of days for a median.
    clock = read_solar_clock(*record([0.4, 0.6] * 8))
    assert clock.ahead == pytest.approx(0.5, abs=1e-9)
    assert clock.error == pytest.approx(1.2533 * 0.14826 / 4, abs=1e-9)


def test_days_on_both_sides_of_midnight_lie_close_together():
    clock = read_solar_clock(*record([11.9, -11.9] * 8))
    assert abs(clock.ahead) == pytest.approx(12, abs=1e-9)
    assert clock.error == pytest.approx(1.2533 * 0.14826 / 4, abs=1e-9)
    assert clock.jump == pytest.approx(0, abs=1e-9)


def test_a_few_days_far_off_do_not_move_the_clock():
    assert read_solar_clock(*record([1.0] * 17 + [6.0] * 3)).ahead == pytest.approx(1, abs=1e-9)


def test_the_jump_is_between_calendar_months_of_eight_days_or_more():
    # From 24 May to 7 June or 8 June: eight days and seven or eight.
    def jump(days_of_june):
        return read_solar_clock(*record([0] * 8 + [1] * days_of_june, "2003-05-24")).jump

    assert jump(8) == pytest.approx(1, abs=1e-9)
    assert jump(7) == pytest.approx(0, abs=1e-9)


def test_december_and_january_are_months_like_others():
    # 24 December to 8 January.
    clock = read_solar_clock(*record([0] * 8 + [-2] * 8, "2003-12-24"))
    assert clock.jump == pytest.approx(2, abs=1e-9)


def test_no_month_with_enough_days_has_no_jump():
    times, sun = (
        np.concatenate(parts)
        for parts in zip(
            *(record([0.0] * 5, start) for start in ("2003-05-03", "2003-06-03", "2003-07-03")),
            strict=True,
        )
    )
    clock = read_solar_clock(times, sun)
    assert clock.days == 15
    assert np.isnan(clock.jump)


@pytest.mark.parametrize("latitude", [-35.0, 0.0, 50.0, 75.0])
@pytest.mark.parametrize("step", ["30min", "1h"])
def test_potential_radiation_has_the_daily_mean_of_the_formula_for_days(latitude, step):
    times = pd.date_range("2003-01-01", "2003-12-31 23:59", freq=step)
    steps = potential_radiation(times, latitude, 15.0, 1.0)
    days = pd.Series(steps, times).resample("D").mean()
    expected = top_of_atmosphere_radiation(latitude, days.index.day_of_year.to_numpy())
    np.testing.assert_allclose(days, expected, atol=0.5)


def test_the_noon_of_potential_radiation_is_where_the_clock_puts_it():
    times = pd.date_range("2003-01-01", "2003-12-31 23:59", freq="30min")
    clock = read_solar_clock(times, potential_radiation(times, 40.0, 10.0, 1.0))
    assert clock.ahead == pytest.approx(1 - 10 / 15, abs=0.01)
    assert clock.error < 0.01
