"""Means weighted by area and by days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.statistics.means import (
    area_mean,
    full_years,
    interannual_variability,
    multi_year_mean,
    period_days,
    zonal_mean,
)


def globe(size=2.0, poles=False):
    """Make a global grid; with ``poles`` the outermost cells are centred on the poles."""
    latitude = np.arange(-90, 90.1, size) if poles else np.arange(-90 + size / 2, 90, size)
    return xr.Dataset(
        coords={"latitude": latitude, "longitude": np.arange(-180 + size / 2, 180, size)}
    )


def months(years=2, start="2003-01-01"):
    """Two years; the second is a leap year."""
    first = pd.date_range(start, periods=12 * years, freq="MS")
    return xr.Dataset(
        {"time_bnds": (("time", "bnds"), np.stack([first, first + pd.offsets.MonthBegin()], 1))},
        coords={"time": first},
    )


def field(value, cube, grid, unit="gC m-2 d-1"):
    """A field that depends on month and place as ``value`` says."""
    shape = xr.ones_like(cube["time"], dtype=float) * xr.ones_like(cell_area(grid))
    return (value * shape).transpose("time", ...).rename("GPP").assign_attrs(units=unit)


def test_days_of_months():
    days = period_days(months())
    assert days.values[:3].tolist() == [31, 28, 31]
    assert days.values[13] == 29
    assert float(days.sum()) == 365 + 366
    with pytest.raises(InputError, match="time_bnds"):
        period_days(months().drop_vars("time_bnds"))


def test_multi_year_mean_is_weighted_by_days_and_ignores_missing_periods():
    cube = months(1)
    cube["H"] = ("time", np.arange(12.0), {"units": "W m-2"})
    days = period_days(cube)
    mean = multi_year_mean(cube, "H")
    assert float(mean) == pytest.approx(np.average(np.arange(12), weights=days))
    assert (mean.name, mean.attrs) == ("H", {"units": "W m-2"})
    without = multi_year_mean(cube.assign(H=cube["H"].where(cube["H"] != 1)), "H")
    kept = np.arange(12) != 1
    assert float(without) == pytest.approx(np.average(np.arange(12)[kept], weights=days[kept]))
    # The dimension of the bounds may have any name.
    assert float(multi_year_mean(cube.rename(bnds="nv"), "H")) == pytest.approx(float(mean))


def test_a_multi_year_mean_needs_its_variable_and_bounds():
    with pytest.raises(InputError, match="product: GPP: expected a variable of that name"):
        multi_year_mean(months(1), "GPP")
    cube = months(1).assign(H=("time", np.ones(12))).drop_vars("time_bnds")
    with pytest.raises(InputError, match="time_bnds"):
        multi_year_mean(cube, "H")


@pytest.mark.parametrize("poles", [True, False])
def test_any_mean_of_a_constant_is_the_constant(poles):
    grid, cube, value = globe(10.0, poles), months(), -3.7
    constant = field(value, cube, grid)
    for mean in (
        area_mean(constant),
        zonal_mean(constant),
        multi_year_mean(cube.assign(GPP=constant), "GPP"),
    ):
        np.testing.assert_allclose(mean, value, rtol=1e-9)
        assert mean.name == "GPP"
        assert mean.attrs["units"] == "gC m-2 d-1"


def test_zonal_means_keep_members():
    grid, cube = globe(10.0), months(1)
    by_latitude = field(xr.zeros_like(grid["latitude"]) + grid["latitude"], cube, grid)
    members = xr.concat([by_latitude, 2 * by_latitude], "member").assign_coords(member=["a", "b"])
    profile = zonal_mean(members)
    assert set(profile.dims) == {"member", "time", "latitude"}
    np.testing.assert_allclose(
        profile.sel(member="b").isel(time=0), 2 * grid["latitude"], rtol=1e-12
    )


def test_only_complete_years_are_full():
    assert full_years(period_days(months(2))).values.tolist() == [True, True]
    assert full_years(period_days(months(2).isel(time=slice(23)))).values.tolist() == [True, False]
    shifted = full_years(period_days(months(1, start="2003-04-01")))
    assert shifted.values.tolist() == [False, False]


def test_area_mean_of_known_fields():
    grid = globe(1.0)
    latitude = np.deg2rad(grid["latitude"])
    everywhere = xr.ones_like(cell_area(grid))
    # Over the sphere the mean of cos(latitude) is pi/4 and that of sin(latitude)^2 is 1/3.
    assert float(area_mean(everywhere * np.cos(latitude))) == pytest.approx(np.pi / 4, rel=1e-4)
    assert float(area_mean(everywhere * np.sin(latitude) ** 2)) == pytest.approx(1 / 3, rel=1e-3)
    north = everywhere.where(latitude > 0) * 2
    assert float(area_mean(north)) == pytest.approx(2)


def test_a_zonal_mean_is_over_land_only():
    grid, cube = globe(30.0), months(1)
    values = field(1.0, cube, grid).where(grid["longitude"] > 0)
    np.testing.assert_allclose(zonal_mean(values), 1)


def test_interannual_variability_is_about_the_trend():
    years = np.arange(2001, 2011)
    wiggle = np.where(years % 2, 1.0, -1.0)
    yearly = xr.DataArray(100 + 3.0 * (years - 2001) + wiggle, {"year": years}, "year")
    found = interannual_variability(yearly.assign_attrs(units="PgC yr-1"))
    slope, intercept = np.polyfit(years - 2001, yearly, 1)
    residual = yearly.to_numpy() - (slope * (years - 2001) + intercept)
    assert float(found) == pytest.approx(np.sqrt((residual**2).sum() / 8))
    assert found.attrs["units"] == "PgC yr-1"
    assert np.isnan(interannual_variability(yearly[:2]))


def quarters(*starts):
    edges = pd.DatetimeIndex(starts)
    bounds = ("time", "bnds"), np.stack([edges[:-1], edges[1:]], 1)
    return period_days(xr.Dataset({"time_bnds": bounds}, {"time": edges[:-1]}))


def test_a_year_is_full_from_its_first_day_to_its_last():
    days = quarters("2003-01-01", "2003-05-01", "2004-01-01", "2004-07-01", "2005-01-01")
    assert full_years(days).values.tolist() == [True, True]
    # A day of the leap year is missing at the end, or at the start.
    assert full_years(quarters("2004-01-01", "2004-07-01", "2004-12-31")).values.tolist() == [False]
    assert full_years(quarters("2004-01-02", "2004-07-01", "2005-01-01")).values.tolist() == [False]
    # A period reaches over the turn of the year.
    days = quarters("2003-01-01", "2003-12-01", "2004-02-01", "2005-01-01")
    assert full_years(days).values.tolist() == [False, False]
    # From its first day to its last, but with a gap.
    gap = days.isel(time=slice(0)).copy()
    parts = [quarters("2003-01-01", "2003-05-01"), quarters("2003-06-01", "2004-01-01")]
    gap = xr.concat(parts, "time")
    assert full_years(gap).values.tolist() == [False]


def test_variability_needs_three_years_and_leaves_gaps_out():
    years = np.arange(2001, 2007)
    yearly = xr.DataArray([1.0, 3, 2, np.nan, np.nan, np.nan], {"year": years}, "year")
    # About their line 1.5, 2, 2.5 the three are 0.5, 1, 0.5 off: a variance of 1.5 of one freedom.
    assert float(interannual_variability(yearly)) == pytest.approx(1.5**0.5)
    assert np.isnan(interannual_variability(yearly.where(yearly["year"] < 2003)))
