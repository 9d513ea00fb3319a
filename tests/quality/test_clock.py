"""The clock of half-hours, estimated from radiation."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.biophysics.solar_clock import SolarClock, read_solar_clock
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.clock import check_clock
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.read import read_towers


def half_hours(longitude: float, ahead: float, days: int = 60, latitude: float = 45.0):
    """Return times on a clock ahead of UTC by some hours, and the sun's radiation."""
    times = pd.Series(pd.date_range("2003-05-01", periods=48 * days, freq="30min"))
    UTC = times + pd.Timedelta("15min") - pd.Timedelta(hours=ahead)
    # Half-hours: the sun's height with the equation of time of May and June, some 2 minutes.
    hour = UTC.dt.hour + UTC.dt.minute / 60 + longitude / 15 + 2 / 60
    height = np.sin(np.deg2rad(latitude)) * np.sin(0.36) + np.cos(np.deg2rad(latitude)) * np.cos(
        0.36
    ) * np.cos((hour - 12) * np.pi / 12)
    rng = np.random.default_rng(0)
    clouds = np.repeat(rng.uniform(0.55, 0.75, 2 * days), 24)
    return times, pd.Series(1300 * np.clip(height, 0, None) * clouds)


@settings(max_examples=15)
@given(longitude=st.floats(-180, 180), ahead=st.integers(-11, 12))
def test_the_clock_is_read_from_the_sun(longitude, ahead):
    clock = read_solar_clock(*half_hours(longitude, ahead))
    off = (clock.ahead + longitude / 15 - ahead + 12) % 24 - 12
    assert abs(off) < 0.2


@pytest.mark.parametrize(("longitude", "zone"), [(-121.5, -8), (150.0, 10), (76.0, 5.5), (-4.0, 1)])
def test_local_time_is_distinguished_from_utc(longitude, zone):
    local = read_solar_clock(*half_hours(longitude, zone))
    assert check_clock("XX-001", local, longitude, "local") == []
    in_UTC = read_solar_clock(*half_hours(longitude, 0))
    assert check_clock("XX-001", in_UTC, longitude, "UTC") == []
    if abs(longitude) > 30:
        (finding,) = check_clock("XX-001", local, longitude, "UTC")
        assert "the times are in local standard time" in finding.found
        (finding,) = check_clock("XX-001", in_UTC, longitude, "local")
        assert "the times are in UTC" in finding.found


@pytest.mark.parametrize(
    ("said", "longitude", "ahead", "reported"),
    [
        # A clock that does not fit UTC may be 3.25 h from the sun's, one that does 1.75 h.
        ("local", 75.0, 3.25, None),
        ("local", 75.0, 3.26, ""),
        ("local", 75.0, -3.26, ""),
        ("local", 30.0, -1.75, None),
        ("local", 30.0, -1.76, "UTC"),
        # It fits UTC within 0.75 h, which is 2.25 h from the sun at 45 degrees east.
        ("local", 45.0, -2.25, None),
        ("local", 45.0, -2.26, "UTC"),
        ("UTC", 75.0, -4.25, None),
        ("UTC", 75.0, -5.75, None),
        ("UTC", 75.0, -4.24, ""),
        ("UTC", 75.0, -1.75, ""),
        ("UTC", 75.0, -1.74, "local standard time"),
        ("UTC", 75.0, 1.74, "local standard time"),
        # Across the date line: 12 h east and 11.5 h of clock are a day, less half an hour.
        ("UTC", 180.0, 11.5, None),
        ("local", -180.0, -0.5, None),
    ],
)
def test_the_ends_of_what_a_clock_may_be(said, longitude, ahead, reported):
    findings = check_clock("XX-001", SolarClock(ahead, 0.0, 0.0, 60), longitude, said)
    if reported is None:
        assert findings == []
    else:
        (finding,) = findings
        assert finding.open
        assert finding.found.endswith(f": the times are in {reported}" if reported else "(60 days)")


def test_three_standard_errors_are_given_to_the_sun():
    def found(ahead):
        return check_clock("XX-001", SolarClock(ahead, 0.1, 0.0, 60), 75.0)

    assert found(3.25 + 0.299) == []
    (finding,) = found(3.25 + 0.301)
    assert finding.expected == "times in local standard time, about UTC+5.0 h at 75 degrees east"
    assert finding.found == "solar noon fits a clock of UTC+8.55 ± 0.10 h (60 days)"


@pytest.mark.parametrize(
    ("jump", "reported"), [(0.7, False), (0.71, True), (1.39, True), (1.4, False), (np.nan, False)]
)
def test_an_hour_in_summer_is_daylight_saving(jump, reported):
    findings = check_clock("XX-001", SolarClock(0.0, 0.1, jump, 60), 10.0)
    assert [f.weight for f in findings] == ["note"] * reported


def test_too_few_days_give_no_clock():
    times, sun = half_hours(10.0, 1.0, days=10)
    assert read_solar_clock(times, sun) is None


def test_daylight_saving_is_seen():
    winter, dark = half_hours(10.0, 1, days=60)
    summer, bright = half_hours(10.0, 2, days=60)
    times = pd.concat([winter, summer + pd.Timedelta("70D")], ignore_index=True)
    clock = read_solar_clock(times, pd.concat([dark, bright], ignore_index=True))
    (finding,) = check_clock("XX-001", clock, 10.0)
    assert "daylight saving" in finding.found
    assert finding.weight == "note"


def test_measured_half_hours_are_in_local_standard_time(shared_data):
    path = shared_data / "half_hourly" / "AMF_US-CRT_BASE-BADM_2-5.zip"
    with zipfile.ZipFile(path) as archive, archive.open("AMF_US-CRT_BASE_HH_2-5.csv") as stream:
        table = pd.read_csv(
            stream, comment="#", usecols=["TIMESTAMP_START", "SW_IN"], na_values=-9999
        )
    times = pd.to_datetime(table["TIMESTAMP_START"].astype(str), format="%Y%m%d%H%M")
    clock = read_solar_clock(times, table["SW_IN"])
    assert clock.ahead - 83.347 / 15 == pytest.approx(-5, abs=0.3)
    assert check_clock("US-CRT", clock, -83.347) == []
    (finding,) = check_clock("US-CRT", clock, -83.347, "UTC")
    assert "local standard time" in finding.found


def test_reanalysis_half_hours(shared_data):
    path = shared_data / "fluxnet_archives" / "FLX_US-Wi7_FLUXNET2015_ERAI_HH_1989-2014_1-4.csv.gz"
    with gzip.open(path) as stream:
        table = pd.read_csv(stream, na_values=-9999)
    times = pd.to_datetime(table["TIMESTAMP_START"].astype(str), format="%Y%m%d%H%M")
    found = check_clock("US-Wi7", read_solar_clock(times, table["SW_IN_ERA"]), -91.07)
    assert [f for f in found if f.open] == []


def test_one_time_in_a_wide_country_is_no_alarm():
    # Urumqi keeps the time of Beijing.
    assert check_clock("CN-001", read_solar_clock(*half_hours(87.6, 8)), 87.6) == []


def test_the_reader_passes_the_clock_to_the_check(shared_data, tmp_path):
    """Reading averages half-hours to months; the clock estimated from them must be kept."""
    path = tmp_path / "AMF_US-CRT_BASE-BADM_2-5.zip"
    path.symlink_to(shared_data / "half_hourly" / path.name)
    (tmp_path / "sites.csv").write_text(
        "SITE_ID,LOCATION_LAT,LOCATION_LONG,LOCATION_ELEV,IGBP,CLIMATE\n"
        "US-CRT,41.628,-83.347,180,CRO,Dfa\n"
    )
    towers, sites = read_towers([path], TowerParameters(resolution="MM", outside="keep"))
    assert sites["clock_ahead"].item() == pytest.approx(-5 + 83.347 / 15, abs=0.3)

    def clocks(**settings):
        found = check_towers(towers, sites, QualityParameters(**settings)).findings
        return [f for f in found if "noon" in f.found and f.open]

    assert clocks() == []
    (finding,) = clocks(clock="UTC")
    assert finding.sites == ("US-CRT",)
