"""The simulated Earth by day: the months' weather with days about it, and files of days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world
from uflux_kedro.demo_world.days import simulate_days
from uflux_kedro.demo_world.simulation import simulate
from uflux_kedro.readers.grids.read import read_cube
from uflux_kedro.readers.towers.read import read_towers

SMALL = DemoWorldParameters(
    step="day", resolution=15, first_year=2020, last_year=2020, n_towers=3, tower_gaps=0
)


@pytest.fixture(scope="module")
def world():
    return simulate(SMALL)


@pytest.fixture(scope="module")
def days(world):
    return simulate_days(world)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("days")
    write_demo_world(SMALL, folder / "raw", folder / "truth")
    return folder


def test_days_scatter_about_the_weather_of_the_months(world, days):
    land = world.earth.land
    assert len(days.times) == 366
    month = days.times.month
    for name, least in (("TA", 0.98), ("SW_IN", 0.95), ("P", 0.5)):
        ours = np.stack([days.weather[name][month == m][:, land].mean(0) for m in range(1, 13)])
        theirs = getattr(world.climate, name)[:, land]
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > least
        assert ours.mean() == pytest.approx(theirs.mean(), rel=0.1, abs=0.5)
    assert (days.weather["TD"] < days.weather["TA"]).all()
    dry = (days.weather["P"][:, land] < 0.1).mean()
    assert 0.3 < dry < 0.8


def test_fluxes_follow_the_day(days):
    for name, flux in days.fluxes.items():
        assert np.isfinite(flux).all(), name
    np.testing.assert_allclose(days.fluxes["NEE"], days.fluxes["RECO"] - days.fluxes["GPP"])
    np.testing.assert_allclose(days.fluxes["H"] + days.fluxes["LE"], days.NETRAD - days.G)
    # Neighbouring days differ: fluxes are not interpolated from months.
    green = days.fluxes["GPP"].mean(0) > 2
    steps = np.abs(np.diff(days.fluxes["GPP"][:, green], axis=0)).mean()
    assert steps > 0.05 * days.fluxes["GPP"][:, green].mean()


def test_readers_find_days_in_its_files(folder, days, world):
    towers, _ = read_towers(folder / "raw" / "towers", resolution="DD", outside="keep")
    assert towers.attrs["resolution"] == "DD"
    assert towers.groupby("site_id").size().tolist() == [366] * 3
    cube = read_cube("era5", folder / "raw" / "ERA5")
    assert cube.sizes["time"] == 366
    bounds = cube["time_bnds"].transpose("time", ...).values
    assert (bounds[:, 1] - bounds[:, 0] == np.timedelta64(1, "D")).all()
    rain = float(cube["P"].mean())
    assert rain == pytest.approx(float(days.weather["P"].mean()), rel=0.3)
    with xr.open_dataset(folder / "truth" / "fluxes.nc") as truth:
        assert truth["time"].to_index().equals(pd.DatetimeIndex(days.times))
        land = truth["GPP"].values[:, world.earth.land]
    np.testing.assert_allclose(land, days.fluxes["GPP"], rtol=1e-5, atol=1e-5)
