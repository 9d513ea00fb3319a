"""Totals by zone and year: partial cells, members' spread, years, tiles, projections."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from pyproj import CRS, Proj, Transformer

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.products.cf import finish_product
from uflux_kedro.readers.regions import read_countries
from uflux_kedro.statistics import zone_sums
from uflux_kedro.statistics.aggregates import AGGREGATE_COLUMNS, aggregate
from uflux_kedro.statistics.means import period_days
from uflux_kedro.statistics.zones import AllCells, Areas, Bands, LandCover, Tile
from uflux_kedro.variables import IGBP_CLASSES

BOX = shapely.box(3.0, 41.0, 12.5, 53.0)


def globe(size=2.0, years=1, members=0, seed=1):
    """A product of random GPP by months, with a sea and members."""
    random = np.random.default_rng(seed)
    time = pd.date_range("2003-01-01", periods=12 * years, freq="MS")
    axes = {
        "latitude": np.arange(-90 + size / 2, 90, size),
        "longitude": np.arange(-180 + size / 2, 180, size),
    }
    shape = (len(time), *(len(a) for a in axes.values()))
    own = random.normal(3, 1, (max(members, 1), *shape)) + random.normal(0, 0.2, (max(members, 1), 1, 1, 1))  # fmt: skip
    own[:, :, random.random(shape[1:]) < 0.3] = np.nan
    dims = ("time", "latitude", "longitude")
    data = {"GPP": (dims, own.mean(0), {"units": "gC m-2 d-1"}), "GPP_std": (dims, own.std(0))}
    if members:
        data["GPP_member"] = (("member", *dims), own)
    bounds = np.stack([time, time + pd.offsets.MonthBegin()], axis=1)
    data["time_bnds"] = (("time", "bnds"), bounds)
    return xr.Dataset(data, {"time": time, **axes})


def yearly_totals(field, cube):
    """PgC of each year, from the definition."""
    amount = (field * cell_area(cube)).sum(("latitude", "longitude")) * period_days(cube)
    return 1e-15 * amount.groupby("time.year").sum()


def pick(table, region, statistic="total", year="all"):
    rows = table[(table.region == region) & (table.statistic == statistic) & (table.year == year)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_totals_of_all_cells_follow_the_definition():
    cube = globe(5.0, years=2)
    table = aggregate(cube, "GPP", [AllCells()])
    assert tuple(table.columns) == AGGREGATE_COLUMNS
    expected = yearly_totals(cube["GPP"], cube)
    for year in (2003, 2004):
        found = pick(table, "all cells", year=str(year))
        assert found["value"] == pytest.approx(float(expected.sel(year=year)))
        assert found["unit"] == "PgC yr-1"
    assert pick(table, "all cells")["value"] == pytest.approx(float(expected.mean()))
    area = float(cell_area(cube).where(cube["GPP"].notnull().any("time")).sum()) / 1e6
    assert pick(table, "all cells")["area_km2"] == pytest.approx(area)
    mean = pick(table, "all cells", "mean", "2003")["value"]
    total = pick(table, "all cells", "total", "2003")["value"]
    assert mean * area * 1e6 * 365 * 1e-15 == pytest.approx(total)


@pytest.mark.parametrize("edge", [2048, 13])
def test_zones_that_cover_the_globe_add_up_to_it_in_tiles_of_any_size(monkeypatch, edge):
    monkeypatch.setattr(zone_sums, "_EDGE", edge)
    cube = globe(5.0, members=3)
    classes = xr.DataArray(
        np.random.default_rng(2).integers(1, 17, (36, 72)).astype("int8"),
        dims=("latitude", "longitude"),
    )
    halves = Areas("half", ("west", "east"), (shapely.box(-180, -90, 7.3, 90), shapely.box(7.3, -90, 180, 90)))  # fmt: skip
    zones = [AllCells(), Bands((-90.0, -33.3, 12.0, 90.0)), LandCover(), halves]
    table = aggregate(cube.chunk(time=5), "GPP", zones, classes)
    whole = pick(table, "all cells")
    totals = table[(table.statistic == "total") & (table.year == "all")]
    for kind in ("zonal", "IGBP", "half"):
        part = totals[totals.region_kind == kind]
        assert part["value"].sum() == pytest.approx(whole["value"], rel=1e-9)
        assert part["area_km2"].sum() == pytest.approx(whole["area_km2"], rel=1e-9)
    assert set(totals[totals.region_kind == "IGBP"].region) == set(IGBP_CLASSES) - {"WAT"}
    assert totals[totals.region_kind == "zonal"].region.tolist() == ["90S to 33.3S", "33.3S to 12N", "12N to 90N"]  # fmt: skip


def test_a_rectangle_across_cells_takes_its_share_of_each():
    grid = globe(2.0)
    grid["GPP"][:] = 1.0
    table = aggregate(grid, "GPP", [Areas("region", ("box",), (BOX,))])
    west, south, east, north = np.deg2rad(BOX.bounds)
    exact = 6371.007181**2 * (east - west) * (np.sin(north) - np.sin(south))
    found = pick(table, "box")
    assert found["area_km2"] == pytest.approx(exact, rel=1e-9)
    assert found["value"] == pytest.approx(exact * 1e6 * 365 * 1e-15)
    assert found["cells"] == 6 * 7


def test_countries_on_a_coarse_grid_have_their_areas():
    grid = globe(5.0)
    grid["GPP"][:] = 1.0
    countries = read_countries()
    zones = Areas(countries.kind, countries.names, countries.outlines)
    table = aggregate(grid, "GPP", [zones])
    # Land areas by the CIA's World Factbook, km2; outlines at 1:110 million are good to percents.
    for name, area in {"Brazil": 8_515_770, "Germany": 357_022, "Australia": 7_741_220}.items():
        assert pick(table, name)["area_km2"] == pytest.approx(area, rel=0.02)


def test_spread_is_that_of_the_members_totals_and_not_the_cells():
    cube = globe(10.0, members=4)
    table = aggregate(cube, "GPP", [AllCells()])
    found = pick(table, "all cells")
    members = yearly_totals(cube["GPP_member"], cube).isel(year=0)
    assert found["std_members"] == pytest.approx(np.std(members))
    assert found["value"] == pytest.approx(np.mean(members))
    assert found["members"] == 4
    bound = yearly_totals(cube["GPP_std"], cube)
    assert found["std_bound"] == pytest.approx(float(bound[0]))
    assert found["std_members"] < 0.5 * found["std_bound"]


def test_a_missing_member_is_replaced_by_the_ensemble_mean():
    cube = globe(10.0, members=2)
    cube["GPP_member"][1] = cube["GPP_member"][0]
    cube["GPP"][:] = cube["GPP_member"][0]
    cube["GPP_member"][1, :, :9] = np.nan
    found = pick(aggregate(cube, "GPP", [AllCells()]), "all cells")
    assert found["std_members"] == pytest.approx(0, abs=1e-12)


def test_without_members_only_the_bound_is_known():
    cube = globe(10.0, members=3).drop_vars("GPP_member")
    found = pick(aggregate(cube, "GPP", [AllCells()]), "all cells")
    assert np.isnan(found["std_members"])
    assert found["std_bound"] > 0
    alone = aggregate(cube.drop_vars("GPP_std"), "GPP", [AllCells()])
    assert alone["std_bound"].isna().all()


def test_years_vary_about_their_trend_and_parts_of_a_year_have_no_total():
    cube = globe(10.0, years=4)
    year = cube["time"].dt.year
    cube["GPP"][:] = xr.where(year % 2 == 0, 1.0, 2.0) + 0.5 * (year - 2003)
    table = aggregate(cube, "GPP", [AllCells()])
    yearly = table[(table.statistic == "mean") & (table.year != "all")]["value"].to_numpy()
    fit = np.polyval(np.polyfit(np.arange(4), yearly, 1), np.arange(4))
    expected = np.sqrt(((yearly - fit) ** 2).sum() / 2)
    assert pick(table, "all cells", "mean")["std_years"] == pytest.approx(expected)
    part = aggregate(cube.isel(time=slice(0, 15)), "GPP", [AllCells()])
    assert set(part[part.statistic == "total"].year) == {"2003", "all"}
    first_quarter = aggregate(cube.isel(time=slice(0, 3)), "GPP", [AllCells()])
    assert first_quarter[["year", "statistic"]].to_numpy().tolist() == [["all", "mean"]]


def test_energy_has_means_only():
    cube = globe(10.0)
    cube["GPP"].attrs["units"] = "W m-2"
    table = aggregate(cube, "GPP", [AllCells()])
    assert set(table["statistic"]) == {"mean"}
    assert set(table["unit"]) == {"W m-2"}


def test_cells_centred_on_the_poles_have_half_their_width():
    cube = globe(10.0).isel(latitude=slice(17))
    cube = cube.assign_coords(latitude=np.linspace(-90.0, 90.0, 17))
    cube["GPP"][:] = 1.0
    table = aggregate(cube, "GPP", [Bands((-90.0, -60.0, 90.0))])
    south, north = (pick(table, name)["area_km2"] for name in ("90S to 60S", "60S to 90N"))
    assert south + north == pytest.approx(510_065_621.7, rel=1e-7)
    assert south / north == pytest.approx((1 - np.sqrt(0.75)) / (1 + np.sqrt(0.75)))


def test_water_has_totals_in_cubic_kilometres():
    cube = globe(10.0)
    cube["GPP"][:] = 2.0
    cube["GPP"].attrs["units"] = "mm d-1"
    found = pick(aggregate(cube, "GPP", [AllCells()]), "all cells")
    # 510 065 622 km2 x 2 mm x 365.
    assert found["value"] == pytest.approx(510_065_621.7 * 2e-6 * 365, rel=1e-7)
    assert found["unit"] == "km3 yr-1"


def test_a_finished_products_carbon_is_carbon():
    cube = globe(10.0)
    cube["GPP"][:] = 2.0
    cube["GPP"].attrs["units"] = "g m-2 d-1"
    table = aggregate(cube, "GPP", [AllCells()])
    total = pick(table, "all cells")
    assert (total["value"], total["unit"]) == (
        pytest.approx(510.0656217 * 0.73, rel=1e-7),
        "PgC yr-1",
    )
    mean = pick(table, "all cells", "mean")
    assert (mean["value"], mean["unit"]) == (pytest.approx(2.0), "gC m-2 d-1")


def test_a_year_with_a_month_of_nothing_has_no_row_and_the_record_a_mean():
    cube = globe(10.0, years=2)
    cube["GPP"][:] = np.where(cube["time"].dt.year == 2003, 1.0, 3.0)[:, None, None]
    cube["GPP"][5] = np.nan
    table = aggregate(cube, "GPP", [AllCells()])
    assert set(table["year"]) == {"2004", "all"}
    assert pick(table, "all cells", "total")["value"] == pytest.approx(
        pick(table, "all cells", "total", "2004")["value"]
    )
    mean = (335 * 1 + 366 * 3) / 701
    assert pick(table, "all cells", "mean")["value"] == pytest.approx(mean)
    area = pick(table, "all cells", "mean")["area_km2"]
    assert area == pytest.approx(510_065_621.7 * 701 / 731, rel=1e-7)


def test_one_member_has_no_spread_and_no_values_are_an_error():
    cube = globe(10.0, members=1)
    found = pick(aggregate(cube, "GPP", [AllCells()]), "all cells")
    assert found["members"] == 1
    assert np.isnan(found["std_members"])
    assert np.isnan(found["std_bound"])
    cube["GPP"][:] = np.nan
    with pytest.raises(InputError, match="values in some zone"):
        aggregate(cube, "GPP", [AllCells()])


def test_a_zone_without_cells_has_no_row():
    cube = globe(10.0)
    cube["GPP"][:, :9] = np.nan
    table = aggregate(cube, "GPP", [Bands((-90.0, 0.0, 90.0))])
    assert set(table["region"]) == {"0 to 90N"}


@pytest.fixture
def tile_of_europe():
    """100 by 100 cells of 5 km in EPSG:3035, half-years, GPP 1."""
    time = pd.DatetimeIndex(["2019-01-01", "2019-07-01"])
    bounds = np.array([["2019-01-01", "2019-07-01"], ["2019-07-01", "2020-01-01"]], "datetime64[ns]")  # fmt: skip
    axes = {"y": 2_700_000 + 5000 * np.arange(100.0), "x": 4_000_000 + 5000 * np.arange(100.0)}
    cube = xr.Dataset(
        {
            "GPP": (("time", "y", "x"), np.ones((2, 100, 100), "float32"), {"units": "gC m-2 d-1"}),
            "time_bnds": (("time", "bnds"), bounds),
        },
        {"time": time, **axes},
        {"crs": "EPSG:3035"},
    )
    return finish_product(cube, title="test", members=[], parameters={}, checksums={})


def test_a_projection_has_areas_of_the_earth_and_zones_by_centres(monkeypatch, tile_of_europe):
    pytest.importorskip("rasterio")
    monkeypatch.setattr(zone_sums, "_EDGE", 64)
    countries = read_countries()
    zones = [AllCells(), Bands((-90.0, 50.0, 90.0)), Areas(countries.kind, countries.names, countries.outlines), Areas("region", ("box",), (BOX,))]  # fmt: skip
    table = aggregate(tile_of_europe.chunk(time=1, y=50, x=50), "GPP", zones)
    # The projection is an equal-area one.
    assert pick(table, "all cells")["area_km2"] == pytest.approx(500**2, rel=1e-6)
    bands = table[(table.region_kind == "zonal") & (table.statistic == "total") & (table.year == "all")]  # fmt: skip
    assert bands["area_km2"].sum() == pytest.approx(500**2, rel=1e-6)
    to_degrees = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    inside = shapely.contains_xy(BOX, *to_degrees.transform(*np.meshgrid(tile_of_europe.x, tile_of_europe.y)))  # fmt: skip
    assert 9000 < inside.sum() < 10_000
    assert abs(pick(table, "box")["cells"] - inside.sum()) <= 2
    centre = pick(table, "Germany")
    assert 0.5 * 500**2 < centre["area_km2"] < 0.9 * 500**2
    found = table[table.region_kind == "country"].region.unique()
    assert {"Germany", "Switzerland", "France", "Austria"} <= set(found)


def test_shares_in_a_projection_follow_the_centres_north_and_south():
    pytest.importorskip("rasterio")
    edges = np.stack([np.arange(10.0), np.arange(1.0, 11.0)], 1) * 10_000
    tile = Tile(3_000_000 + edges, 4_300_000 + edges, np.ones((10, 10)), crs="EPSG:3035")
    degrees = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    x, y = np.meshgrid(tile.columns.mean(1), tile.rows.mean(1))
    _, latitude = degrees.transform(x, y)
    line = float(np.median(latitude))
    north = Areas("half", ("north",), (shapely.box(-20, line, 40, 80),))
    share = north.shares(tile).toarray().reshape(10, 10)
    clear = np.abs(latitude - line) > 0.002
    np.testing.assert_array_equal(share[clear], (latitude > line)[clear])


def projected(crs, west, south, east, north, side):
    """GPP of 1 in a projection."""
    x, y = np.arange(west + side / 2, east, side), np.arange(south + side / 2, north, side)
    time = pd.date_range("2003-01-01", periods=12, freq="MS")
    bounds = np.stack([time, time + pd.offsets.MonthBegin()], axis=1)
    return xr.Dataset(
        {"GPP": (("time", "y", "x"), np.ones((12, y.size, x.size)), {"units": "gC m-2 d-1"}),
         "time_bnds": (("time", "bnds"), bounds), "crs": ((), 0, {"crs_wkt": CRS(crs).to_wkt()})},
        {"time": time, "y": y, "x": x},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("crs", "box", "side"),
    [
        ("EPSG:3857", (0, 4e6, 2e6, 11e6), 1e4),
        ("EPSG:3034", (2.5e6, 1e6, 7.5e6, 5e6), 5e3),
        ("EPSG:27700", (0, 0, 7e5, 1.3e6), 5e3),
        ("EPSG:3035", (2.5e6, 1.4e6, 6e6, 5e6), 1e4),
    ],
)
def test_areas_of_a_projection_follow_its_scale(crs, box, side):
    cube = projected(crs, *box, side)
    x, y = np.meshgrid(cube["x"], cube["y"])
    project = Proj(crs)
    true = side**2 / project.get_factors(*project(x, y, inverse=True)).areal_scale
    found = pick(aggregate(cube, "GPP", [AllCells()]), "all cells")
    assert found["area_km2"] == pytest.approx(true.sum() / 1e6, rel=1e-4)
    north = pick(aggregate(cube, "GPP", [Bands((55, 90))]), "55N to 90N")
    inside = project(x, y, inverse=True)[1] >= 55
    assert north["area_km2"] == pytest.approx(true[inside].sum() / 1e6, rel=1e-3)


@pytest.mark.parametrize("side", [1, -1])
def test_outlines_around_a_pole_have_their_cells(side):
    cube = projected("EPSG:6931" if side > 0 else "EPSG:6932", -3e6, -3e6, 3e6, 3e6, 5e4)
    low, high = sorted((65 * side, 90 * side))
    belt = Areas("cap", ("cap",), (shapely.box(-180, low, 180, high),))
    table = aggregate(cube, "GPP", [Bands((low, high)), belt])
    band, cap = (
        table[table.region == name]["area_km2"].iloc[0] for name in (table.region[0], "cap")
    )
    assert cap == pytest.approx(band, rel=0.005)


def test_half_years_from_april_are_no_calendar_year():
    edges = pd.to_datetime(["2019-04-01", "2019-10-01", "2020-04-01", "2020-10-01"])
    cube = globe(10.0).isel(time=slice(3))
    cube = cube.assign_coords(time=edges[:-1])
    cube["time_bnds"] = (("time", "bnds"), np.stack([edges[:-1], edges[1:]], axis=1))
    table = aggregate(cube, "GPP", [AllCells()])
    assert "2019" not in set(table["year"])
