from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.means import (
    EARTH_RADIUS,
    annual_means,
    annual_totals,
    area_mean,
    cell_area,
    cell_bounds,
    cell_edges,
    energy_closure,
    full_years,
    interannual_variability,
    land_mean,
    meridional_mean,
    multi_year_mean,
    nee_residual,
    period_days,
    time_mean,
    zonal_mean,
    zonal_profile,
)

SPHERE = 4 * np.pi * EARTH_RADIUS**2


def globe(size=2.0, poles=False):
    """A global grid; with ``poles`` the outermost cells are centred on them."""
    latitude = np.arange(-90, 90.1, size) if poles else np.arange(-90 + size / 2, 90, size)
    return xr.Dataset(
        coords={"latitude": latitude, "longitude": np.arange(-180 + size / 2, 180, size)}
    )


def months(years=2, start="2003-01-01"):
    """Two years of which the second is a leap year."""
    first = pd.date_range(start, periods=12 * years, freq="MS")
    return xr.Dataset(
        {"time_bnds": (("time", "bnds"), np.stack([first, first + pd.offsets.MonthBegin()], 1))},
        coords={"time": first},
    )


def field(value, cube, grid, unit="gC m-2 d-1"):
    """A field that depends on month and place as ``value`` says."""
    shape = xr.ones_like(cube["time"], dtype=float) * xr.ones_like(cell_area(grid))
    return (value * shape).transpose("time", ...).rename("GPP").assign_attrs(units=unit)


@settings(deadline=None)
@given(st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0, 30.0]), st.booleans())
def test_cells_cover_the_sphere(size, poles):
    area = cell_area(globe(size, poles))
    assert float(area.sum()) == pytest.approx(SPHERE, rel=1e-12)
    assert (area > 0).all()


def test_area_of_the_earth():
    # WGS84: 510 065 621.7 km2.
    assert pytest.approx(510_065_621.7e6, rel=1e-8) == SPHERE


def test_areas_go_with_the_cosine_of_latitude():
    area = cell_area(globe(0.5))
    ratio = area / np.cos(np.deg2rad(area["latitude"]))
    np.testing.assert_allclose(ratio, float(ratio[0, 0]), rtol=1e-5)
    one = cell_area(globe(1.0)).sel(latitude=0.5, longitude=0.5)
    assert float(one) == pytest.approx((np.pi / 180 * EARTH_RADIUS) ** 2, rel=1e-3)


def test_bounds_of_regular_and_irregular_cells():
    latitude = xr.DataArray([-90.0, 0.0, 90.0], dims="latitude", name="latitude")
    np.testing.assert_array_equal(cell_bounds(latitude), [[-90, -45], [-45, 45], [45, 90]])
    longitude = xr.DataArray([0.0, 1.0, 3.0], dims="longitude", name="longitude")
    np.testing.assert_array_equal(cell_bounds(longitude), [[-0.5, 0.5], [0.5, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("centres", [[5.0], [2.0, 1.0, 0.0], [1.0, 1.0]])
def test_bounds_of_what_is_no_axis(centres):
    axis = xr.DataArray(centres, dims="latitude", name="latitude")
    with pytest.raises(InputError, match="latitude: expected two or more ascending"):
        cell_bounds(axis)


def test_days_of_months():
    days = period_days(months())
    assert days.values[:3].tolist() == [31, 28, 31]
    assert days.values[13] == 29
    assert float(days.sum()) == 365 + 366
    with pytest.raises(InputError, match="time_bnds"):
        period_days(months().drop_vars("time_bnds"))


def test_multi_year_mean_weighs_days_and_skips_what_is_missing():
    cube = months(1)
    values = xr.DataArray(np.arange(12.0), coords={"time": cube["time"]}, name="H")
    days = period_days(cube)
    expected = np.average(np.arange(12), weights=days)
    assert float(multi_year_mean(values, days)) == pytest.approx(expected)
    without = multi_year_mean(values.where(values != 1), days)
    kept = np.arange(12) != 1
    assert float(without) == pytest.approx(np.average(np.arange(12)[kept], weights=days[kept]))


def test_area_mean_of_known_fields():
    grid = globe(1.0)
    latitude = np.deg2rad(grid["latitude"])
    everywhere = xr.ones_like(cell_area(grid))
    # Over the sphere the mean of cos(latitude) is pi/4 and that of sin(latitude)^2 is 1/3.
    assert float(area_mean(everywhere * np.cos(latitude))) == pytest.approx(np.pi / 4, rel=1e-4)
    assert float(area_mean(everywhere * np.sin(latitude) ** 2)) == pytest.approx(1 / 3, rel=1e-3)
    north = everywhere.where(latitude > 0) * 2
    assert float(area_mean(north)) == pytest.approx(2)


@pytest.mark.parametrize("poles", [True, False])
def test_any_mean_of_a_constant_is_the_constant(poles):
    grid, cube, value = globe(10.0, poles), months(), -3.7
    constant = field(value, cube, grid)
    days = period_days(cube)
    for mean in (
        area_mean(constant), zonal_mean(constant), meridional_mean(constant),
        multi_year_mean(constant, days), annual_means(constant, days),
    ):  # fmt: skip
        np.testing.assert_allclose(mean, value, rtol=1e-9)
        assert mean.name == "GPP"
        assert mean.attrs["units"] == "gC m-2 d-1"


def test_zonal_and_meridional_means_keep_members():
    grid, cube = globe(10.0), months(1)
    by_latitude = field(xr.zeros_like(grid["latitude"]) + grid["latitude"], cube, grid)
    members = xr.concat([by_latitude, 2 * by_latitude], "member").assign_coords(member=["a", "b"])
    profile = zonal_mean(members)
    assert set(profile.dims) == {"member", "time", "latitude"}
    np.testing.assert_allclose(
        profile.sel(member="b").isel(time=0), 2 * grid["latitude"], rtol=1e-12
    )
    np.testing.assert_allclose(meridional_mean(members), 0, atol=1e-10)


def test_zonal_mean_is_over_land_alone():
    grid, cube = globe(30.0), months(1)
    values = field(1.0, cube, grid).where(grid["longitude"] > 0)
    np.testing.assert_allclose(zonal_mean(values), 1)


def test_total_of_a_constant_carbon_flux():
    grid, cube = globe(5.0), months()
    totals = annual_totals(field(2.0, cube, grid), period_days(cube))
    # 2 gC m-2 d-1 over the whole sphere, 1 Pg = 1e15 g.
    assert totals["year"].values.tolist() == [2003, 2004]
    expected = [2 * SPHERE * days * 1e-15 for days in (365, 366)]
    np.testing.assert_allclose(totals, expected, rtol=1e-12)
    assert totals.attrs["units"] == "PgC yr-1"


def test_months_count_by_their_days():
    grid, cube = globe(10.0), months(1)
    february = field(xr.where(cube["time"].dt.month == 2, 1.0, 0.0), cube, grid)
    days = period_days(cube)
    np.testing.assert_allclose(annual_totals(february, days), 28 * SPHERE * 1e-15)
    np.testing.assert_allclose(annual_means(february, days), 28 / 365)


def test_a_part_of_a_year_has_no_annual_value():
    grid = globe(10.0)
    cube = months(2).isel(time=slice(0, 23))
    values, days = field(1.0, cube, grid), period_days(cube)
    for annual in (annual_totals(values, days), annual_means(values, days)):
        assert np.isfinite(annual.sel(year=2003))
        assert np.isnan(annual.sel(year=2004))
    emptied = values.where(values["time"] != values["time"][3])
    assert np.isnan(annual_totals(emptied, days).sel(year=2003))


def test_energy_has_no_total():
    grid, cube = globe(10.0), months(1)
    with pytest.raises(InputError, match=r"carbon flux in gC m-2 d-1; found W m-2"):
        annual_totals(field(1.0, cube, grid, "W m-2"), period_days(cube))


def test_nee_agrees_where_it_is_what_reco_leaves():
    gpp = a_field(3.0, "g m-2 d-1")
    reco, nee = a_field(2.0, "g m-2 d-1"), a_field(-0.75, "g m-2 d-1")
    np.testing.assert_allclose(nee_residual(nee, gpp, reco), 0.25)
    with pytest.raises(InputError, match="one unit"):
        nee_residual(nee, gpp, a_field(2.0, "umol m-2 s-1"))


def test_energy_closure_is_weighted_by_area_and_of_what_all_have():
    h, le, available = (a_field(v, "W m-2") for v in (20.0, 60.0, 100.0))
    h[0, 0, 0] = np.nan
    available[0, 0, 0] = 1e6
    np.testing.assert_allclose(energy_closure(h, le, available), 0.8)
    le[:, -1] = 160.0  # a row at the pole counts little
    assert 0.8 < float(energy_closure(h, le, available)[1]) < 0.9


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


def a_field(value, unit):
    """A field of one value, two periods on twelve by twelve cells."""
    latitude = -90 + 15 * (np.arange(12) + 0.5)
    longitude = -180 + 30 * (np.arange(12) + 0.5)
    return xr.DataArray(
        np.full((2, 12, 12), value),
        {"time": [0, 1], "latitude": latitude, "longitude": longitude},
        ("time", "latitude", "longitude"),
        name="field",
        attrs={"units": unit},
    )


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


def small(**settings):
    """Two months of two by two cells, 1 and 3 in January and 2 and 6 in February."""
    values = np.array([[1.0, 3.0], [2.0, 6.0]])[:, :, None] * np.ones((2, 2, 2))
    cube = months(1).isel(time=slice(2)).assign_coords(latitude=[0.0, 60.0], longitude=[0.0, 1.0])
    return cube.assign(GPP=(("time", "latitude", "longitude"), values), **settings)


def test_the_mean_over_time_goes_by_days_where_they_are_told():
    expected = np.array([(31 + 2 * 28) / 59, (3 * 31 + 6 * 28) / 59])
    np.testing.assert_allclose(time_mean(small(), "GPP"), np.stack([expected, expected], 1))
    untold = time_mean(small().drop_vars("time_bnds"), "GPP")
    np.testing.assert_allclose(untold, [[1.5, 1.5], [4.5, 4.5]])
    with pytest.raises(InputError, match="LE: expected such a variable; found the variables"):
        time_mean(small(), "LE")


def test_the_mean_over_time_keeps_members_before_places():
    one = small()["GPP"]
    both = xr.concat([one, 2 * one], "member").transpose("time", "longitude", "latitude", "member")
    cube = small().assign(GPP=both)
    assert time_mean(cube, "GPP").dims == ("member", "latitude", "longitude")
    profile = zonal_profile(cube, "GPP")
    expected = np.array([(31 + 2 * 28) / 59, (3 * 31 + 6 * 28) / 59])
    np.testing.assert_allclose(profile, [expected, 2 * expected])


def test_the_mean_over_land_goes_by_area():
    # A cell at 60 degrees has half the area of one on the equator.
    field = small()["GPP"].isel(time=0)
    assert land_mean(field) == pytest.approx((1 + 0.5 * 3) / 1.5)
    field[0, 0] = np.nan
    assert land_mean(field) == pytest.approx((1 + 2 * 0.5 * 3) / 2)


def test_edges_lie_between_centres():
    np.testing.assert_allclose(cell_edges(np.array([1.0, 2.0, 4.0])), [0.5, 1.5, 3.0, 5.0])


def test_variability_needs_three_years_and_leaves_gaps_out():
    years = np.arange(2001, 2007)
    yearly = xr.DataArray([1.0, 3, 2, np.nan, np.nan, np.nan], {"year": years}, "year")
    # About their line 1.5, 2, 2.5 the three are 0.5, 1, 0.5 off: a variance of 1.5 of one freedom.
    assert float(interannual_variability(yearly)) == pytest.approx(1.5**0.5)
    assert np.isnan(interannual_variability(yearly.where(yearly["year"] < 2003)))
