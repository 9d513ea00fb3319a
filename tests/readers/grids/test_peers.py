"""Fluxes of other products: units, calendars, signs."""

from __future__ import annotations

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.peers import read_peer

PLACE = {"lat": [60.0, 0.0, -60.0], "lon": [30.0, 150.0, 270.0]}


def write(path, value, attributes, name="flux", time=None):
    time = pd.date_range("2001-01-01", periods=3, freq="MS") if time is None else time
    data = np.full((len(time), 3, 3), value, dtype="float64")
    xr.Dataset(
        {name: (("time", "lat", "lon"), data, attributes)}, {"time": time, **PLACE}
    ).to_netcdf(path)
    return [path]


CARBON = "gross_primary_productivity_of_biomass_expressed_as_carbon"


@pytest.mark.parametrize(
    ("flux", "value", "attributes", "expected"),
    [
        ("GPP", 2.0, {"units": "gC m-2 d-1"}, 2.0),
        ("GPP", 2.0, {"units": "g C m-2 day-1"}, 2.0),
        ("GPP", 2e-3 / 86400, {"units": "kg m-2 s-1", "standard_name": CARBON}, 2.0),
        ("GPP", 2e-3 / 86400, {"units": "kgC m-2 s-1"}, 2.0),
        ("GPP", 2e-3 / 86400, {"units": "kg C m-2 s-1"}, 2.0),
        ("GPP", 730.5, {"units": "g m-2 yr-1", "comment": "mass of carbon"}, 2.0),
        ("GPP", 2.0, {"units": "g m-2 d-1", "comment": "mass of carbon"}, 2.0),
        ("NEE", -1.0, {"units": "umol m-2 s-1"}, -1.0377504),
        ("NEE", -1.0, {"units": "µmol CO2 m-2 s-1"}, -1.0377504),
        ("RECO", 44.009, {"units": "g CO2 m-2 d-1"}, 12.011),
        ("LE", 100.0, {"units": "W m-2"}, 100.0),
        ("H", 8.64, {"units": "MJ m-2 d-1"}, 100.0),
        ("H", 100.0, {"units": "W/m2"}, 100.0),
    ],
)
def test_units_become_ours(tmp_path, flux, value, attributes, expected):
    cube = read_peer(write(tmp_path / "peer.nc", value, attributes), flux, "flux")
    np.testing.assert_allclose(cube[flux], expected, rtol=1e-5)
    assert cube[flux].dims == ("time", "latitude", "longitude")
    assert cube["longitude"].to_numpy().tolist() == [-90, 30, 150]
    assert cube["latitude"].to_numpy().tolist() == [-60, 0, 60]


@pytest.mark.parametrize(
    ("flux", "attributes", "message"),
    [
        ("GPP", {"units": "kg m-2 s-1"}, "expected a unit with the substance"),
        (
            "GPP",
            {"units": "kg m-2 s-1", "long_name": "dry matter"},
            "expected a unit with the substance",
        ),
        ("GPP", {"units": "gC m-2 month-1"}, "a rate per second, day or year"),
        ("LE", {"units": "kg m-2 s-1"}, "a unit that converts to W m-2"),
        ("GPP", {}, "expected an attribute 'units'"),
    ],
)
def test_what_a_unit_leaves_open_is_asked(tmp_path, flux, attributes, message):
    with pytest.raises(InputError, match=message):
        read_peer(write(tmp_path / "peer.nc", 1e-8, attributes), flux, "flux")


def test_a_user_may_say_unit_and_sign(tmp_path):
    paths = write(tmp_path / "peer.nc", 2e-3 / 86400, {"units": "kg m-2 s-1"}, name="NBP")
    cube = read_peer(paths, "NEE", "NBP", unit="kgC m-2 s-1", sign=-1)
    np.testing.assert_allclose(cube["NEE"], -2.0, rtol=1e-5)
    assert cube["NEE"].attrs["units"] == "gC m-2 d-1"


@pytest.mark.parametrize(
    "dates",
    [
        [cftime.DatetimeNoLeap(2004, m, 15) for m in (1, 2, 3)],
        [cftime.Datetime360Day(2004, m, 16) for m in (1, 2, 3)],
        [cftime.DatetimeJulian(2004, m, 1) for m in (1, 2, 3)],
    ],
)
def test_months_of_other_calendars(tmp_path, dates):
    paths = write(tmp_path / "peer.nc", 2.0, {"units": "gC m-2 d-1"}, time=dates)
    cube = read_peer(paths, "GPP", "flux")
    assert cube.indexes["time"].tolist() == [pd.Timestamp(2004, m, 1) for m in (1, 2, 3)]
    days = np.diff(cube["time_bnds"].to_numpy(), axis=1).ravel() / np.timedelta64(1, "D")
    assert days.tolist() == [31, 29, 31]


def test_bounds_of_another_calendar_tell_the_month(tmp_path):
    """A month with its end as timestamp is the month before."""
    path = tmp_path / "peer.nc"
    ends = [cftime.DatetimeNoLeap(2004, m, 1) for m in (2, 3, 4)]
    starts = [cftime.DatetimeNoLeap(2004, m, 1) for m in (1, 2, 3)]
    xr.Dataset(
        {
            "GPP": (("time", "lat", "lon"), np.ones((3, 3, 3)), {"units": "gC m-2 d-1"}),
            "time_bnds": (("time", "bnds"), np.column_stack([starts, ends])),
        },
        {"time": ("time", ends, {"bounds": "time_bnds"}), **PLACE},
    ).to_netcdf(path)
    cube = read_peer([path], "GPP", "GPP")
    assert cube.indexes["time"].tolist() == [pd.Timestamp(2004, m, 1) for m in (1, 2, 3)]


def test_days_without_leap_days_and_the_thirtieth_of_february(tmp_path):
    no_leap = xr.date_range("2004-02-27", periods=4, calendar="noleap", use_cftime=True)
    paths = write(tmp_path / "a.nc", 2.0, {"units": "gC m-2 d-1"}, time=no_leap)
    found = read_peer(paths, "GPP", "flux").indexes["time"]
    assert found.strftime("%m-%d").tolist() == ["02-27", "02-28", "03-01", "03-02"]
    thirty = xr.date_range("2004-02-27", periods=5, calendar="360_day", use_cftime=True)
    paths = write(tmp_path / "b.nc", 2.0, {"units": "gC m-2 d-1"}, time=thirty)
    with pytest.raises(InputError, match="dates of the common calendar"):
        read_peer(paths, "GPP", "flux")


def test_what_lacks_is_named(tmp_path):
    paths = write(tmp_path / "peer.nc", 2.0, {"units": "gC m-2 d-1"})
    with pytest.raises(InputError, match="GPP: expected a variable of that name; found the variables flux"):  # fmt: skip
        read_peer(paths, "GPP", "GPP")
    with pytest.raises(InputError, match="-10 to 40 gC m-2 d-1; found 500 to 500"):
        read_peer(write(tmp_path / "high.nc", 500.0, {"units": "gC m-2 d-1"}), "GPP", "flux")


@pytest.mark.parametrize(
    ("attributes", "carbon"),
    [
        ({"standard_name": CARBON}, True),
        ({"long_name": "gross primary production, carbon mass flux"}, True),
        ({"long_name": "net ecosystem exchange of carbon dioxide"}, False),
        ({"standard_name": "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_x"}, True),
        ({"standard_name": "surface_upward_mass_flux_of_carbon_expressed_as_carbon_dioxide"}, False),
        ({"long_name": "CO2 flux, carbon cycle"}, False),
        ({"comment": "no carbon, mass of dry matter"}, False),
    ],
)  # fmt: skip
def test_a_mass_is_of_carbon_where_the_file_says_so(tmp_path, attributes, carbon):
    paths = write(tmp_path / "peer.nc", 2e-3 / 86400, {"units": "kg m-2 s-1"} | attributes)
    if carbon:
        np.testing.assert_allclose(read_peer(paths, "GPP", "flux")["GPP"], 2.0, rtol=1e-5)
    else:
        with pytest.raises(InputError, match="expected a unit with the substance"):
            read_peer(paths, "GPP", "flux")


def test_years_and_seasons_are_no_months(tmp_path):
    """They would be read as their first months."""
    for frequency, name in (("YS", "years"), ("QS-DEC", "seasons")):
        time = pd.date_range("2001-03-01", periods=4, freq=frequency)
        paths = write(tmp_path / f"{name}.nc", 2.0, {"units": "gC m-2 d-1"}, time=time)
        with pytest.raises(InputError, match="time: expected months or shorter"):
            read_peer(paths, "GPP", "flux")
    time = pd.to_datetime(["2001-07-01"])
    paths = write(tmp_path / "bounded.nc", 2.0, {"units": "gC m-2 d-1"}, time=time)
    data = xr.load_dataset(paths[0])
    bounds = np.array([["2001-01-01", "2002-01-01"]], "datetime64[ns]")
    data["time"].attrs["bounds"] = "time_bnds"
    data.assign(time_bnds=(("time", "nv"), bounds)).to_netcdf(tmp_path / "one_year.nc")
    with pytest.raises(InputError, match="expected months or shorter; found 365 days"):
        read_peer([tmp_path / "one_year.nc"], "GPP", "flux")
