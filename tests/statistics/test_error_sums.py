"""Intervals of sums over zones: blocks against all pairs of cells, limits, columns of the tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from pyproj import CRS

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.statistics import error_sums, zone_sums
from uflux_kedro.statistics.aggregates import (
    INTERVAL_COLUMNS,
    MONTHLY_COLUMNS,
    aggregate,
    aggregate_tables,
)
from uflux_kedro.statistics.correlated import (
    SumErrors,
    distances_km,
    sum_variance,
    unit_vectors,
)
from uflux_kedro.statistics.zones import AllCells, Areas, LandCover

ERRORS = SumErrors(
    persistent=0.3,
    seasonal=0.2,
    decaying=0.35,
    decay_days=50.0,
    level_shared=0.5,
    level_range_km=700.0,
    passing_shared=0.7,
    passing_range_km=1200.0,
    towers=40.0,
    class_towers={1: 12.0, 10: 20.0},
    scale=1.1,
    row_multiplier=1.5,
    tower_multiplier=1.6,
    zone_multiplier=1.645,
)


def continent(size=2.0, months=14, seed=3):
    """GPP with bounds on part of a continent; classes 1 to 3 in patches."""
    random = np.random.default_rng(seed)
    time = pd.date_range("2003-01-01", periods=months, freq="MS")
    axes = {
        "latitude": np.arange(30 + size / 2, 62, size),
        "longitude": np.arange(-20 + size / 2, 30, size),
    }
    shape = (months, *(len(a) for a in axes.values()))
    value = random.normal(5, 1, shape)
    season = 1.5 + np.cos(2 * np.pi * np.arange(months) / 12)[:, None, None]
    below = random.uniform(0.5, 1.5, shape) * season
    above = random.uniform(1, 2, shape) * season
    value[:, random.random(shape[1:]) < 0.2] = np.nan
    value[3, :4] = np.nan
    dims = ("time", "latitude", "longitude")
    data = {
        "GPP": (dims, value, {"units": "gC m-2 d-1"}),
        "GPP_lower": (dims, value - below),
        "GPP_upper": (dims, value + above),
        "GPP_completeness": (dims, np.broadcast_to(np.linspace(0, 1, shape[1])[:, None], shape)),
        "time_bnds": (("time", "bnds"), np.stack([time, time + pd.offsets.MonthBegin()], axis=1)),
    }
    cube = xr.Dataset(data, {"time": time, **axes})
    patches = 1 + (np.add.outer(np.arange(shape[1]) // 3, np.arange(shape[2]) // 5) % 3)
    return cube, xr.DataArray(patches.astype("int8"), dims=dims[1:])


def exact(cube, classes, errors, side, year=2003, inside=None):
    """Half-width of the year's total from the double sum over all pairs of cells and periods."""
    days = (cube["time"].to_numpy() - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    length = np.diff(cube["time_bnds"].to_numpy(), axis=1)[:, 0] / np.timedelta64(1, "D")
    length = np.where(cube["time"].dt.year == year, length, 0)
    half = np.abs(cube[f"GPP_{side}"] - cube["GPP"]).fillna(0) * cell_area(cube)
    u = half.transpose("time", ...).to_numpy().reshape(len(days), -1).T * length
    if inside is not None:
        u *= inside.ravel()[:, None]
    latitude, longitude = (a.ravel() for a in np.meshgrid(cube["latitude"], cube["longitude"], indexing="ij"))  # fmt: skip
    place = unit_vectors(latitude, longitude)
    d = distances_km(place, place)
    code = classes.to_numpy().ravel()
    itself = np.eye(len(d), dtype=bool)
    own = np.array([errors.common(int(c)) for c in code])
    common = np.where(code[:, None] == code, own[:, None], errors.common())
    near = np.where(itself, 1, errors.level_shared * np.exp(-d / errors.level_range_km))
    level = common + np.sqrt(np.outer(1 - own, 1 - own)) * near
    passing = np.where(itself, 1, errors.passing_shared * np.exp(-d / errors.passing_range_km))
    lag = days[:, None] - days
    variance = np.sum((u.T @ level @ u) * errors.level_in_time(lag))
    variance += np.sum((u.T @ passing @ u) * errors.passing_in_time(lag))
    return 1e-15 * errors.zone_factor * np.sqrt(variance)


def of_year(table, region, year="2003", statistic="total"):
    rows = table[(table.region == region) & (table.year == year) & (table.statistic == statistic)]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(("edge", "tile"), [(None, 2048), (None, 7), (900.0, 2048)])
def test_blocks_give_what_all_pairs_of_cells_give(monkeypatch, edge, tile):
    if edge:
        monkeypatch.setattr(error_sums, "_edge", lambda *_: edge)
    monkeypatch.setattr(zone_sums, "_EDGE", tile)
    cube, classes = continent()
    table = aggregate(cube.chunk(time=5), "GPP", [AllCells(), LandCover()], classes, ERRORS)
    found = of_year(table, "all cells")
    assert found["value"] - found["lower"] == pytest.approx(exact(cube, classes, ERRORS, "lower"), rel=0.015)  # fmt: skip
    assert found["upper"] - found["value"] == pytest.approx(exact(cube, classes, ERRORS, "upper"), rel=0.015)  # fmt: skip
    forest = of_year(table, "ENF")
    inside = classes.to_numpy() == 1
    expected = exact(cube, classes, ERRORS, "upper", inside=inside)
    assert forest["upper"] - forest["value"] == pytest.approx(expected, rel=0.015)


def test_short_ranges_are_told_from_none():
    cube, classes = continent(size=1.0)
    short = replace(ERRORS, level_range_km=150.0, passing_range_km=250.0, towers=1e4, class_towers=dict.fromkeys((1, 2, 3), 1e4))  # fmt: skip
    found = of_year(aggregate(cube, "GPP", [AllCells()], classes, short), "all cells")
    expected = exact(cube, classes, short, "upper")
    none = exact(cube, classes, replace(short, level_shared=0, passing_shared=0), "upper")
    assert found["upper"] - found["value"] == pytest.approx(expected, rel=0.03)
    assert none < 0.9 * expected


def test_the_mean_correlation_in_a_square_is_that_of_random_points():
    points = np.random.default_rng(1).random((2, 200_000, 2))
    distance = np.linalg.norm(points[0] - points[1], axis=1)
    edges, mean = error_sums._squares()
    for edge in (0.1, 1.0, 8.0):
        assert np.interp(edge, edges, mean) == pytest.approx(np.exp(-edge * distance).mean(), rel=0.01)  # fmt: skip


def test_one_cell_and_one_month_has_the_interval_of_its_row():
    cube, classes = continent()
    cube = cube.isel(latitude=slice(5, 7), longitude=slice(5, 7), time=slice(0, 1))
    cube["GPP"][:] = [[[5.0, np.nan], [np.nan, np.nan]]]
    cube["GPP_lower"][:], cube["GPP_upper"][:] = 4.0, 7.0
    as_rows = replace(ERRORS, scale=1.0, zone_multiplier=ERRORS.row_multiplier)
    table = aggregate_tables(cube, "GPP", [AllCells()], classes[5:7, 5:7], as_rows).monthly
    found = table[table.statistic == "mean"].iloc[0]
    for kind in ("", "_independent", "_dependent"):
        assert found[f"lower{kind}"] == pytest.approx(4.0)
        assert found[f"upper{kind}"] == pytest.approx(7.0)


def test_the_limits_are_independence_and_full_dependence():
    cube, classes = continent()
    unit = {"scale": 1.0, "zone_multiplier": ERRORS.row_multiplier}
    nothing = {"persistent": 0.0, "seasonal": 0.0, "decaying": 0.0, "passing_shared": 0.0}
    row = of_year(aggregate(cube, "GPP", [AllCells()], classes, replace(ERRORS, **nothing, **unit)), "all cells")  # fmt: skip
    assert row["upper"] == pytest.approx(row["upper_independent"])
    assert row["lower"] == pytest.approx(row["lower_independent"])
    everything = {"persistent": 1.0, "seasonal": 0.0, "decaying": 0.0, "towers": 1.0, "class_towers": {}}  # fmt: skip
    row = of_year(aggregate(cube, "GPP", [AllCells()], classes, replace(ERRORS, **everything, **unit)), "all cells")  # fmt: skip
    assert row["upper"] == pytest.approx(row["upper_dependent"])
    assert row["lower"] == pytest.approx(row["lower_dependent"])
    between = of_year(aggregate(cube, "GPP", [AllCells()], classes, ERRORS), "all cells")
    assert between["upper_independent"] < between["upper"] < between["upper_dependent"]


def test_a_class_without_towers_is_less_known_than_one_with_many():
    cube, classes = continent()
    widths = {}
    for towers in (0.0, 3.0, 200.0):
        errors = replace(ERRORS, towers=200.0, class_towers={1: towers})
        row = of_year(aggregate(cube, "GPP", [LandCover()], classes, errors), "ENF")
        widths[towers] = row["upper"] - row["lower"]
    assert widths[0.0] > 1.2 * widths[3.0] > 1.2 * widths[200.0]


def test_pieces_of_a_long_record_give_what_one_matrix_gives(monkeypatch):
    cube, classes = continent(months=24)
    whole = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    monkeypatch.setattr(error_sums, "_PIECE", 5)
    pieces = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    pd.testing.assert_frame_equal(whole, pieces)


def test_the_whole_record_is_known_better_than_a_year_but_not_as_if_years_were_independent():
    cube, classes = continent(months=48)
    cube["GPP_lower"] = cube["GPP"] - 1
    table = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    year, record = (of_year(table, "all cells", y) for y in ("2003", "all"))
    width = {name: row["value"] - row["lower"] for name, row in (("year", year), ("all", record))}
    assert 0.5 * width["year"] < width["all"] < width["year"]
    mean = of_year(table, "all cells", "all", "mean")
    days = 365.25
    share = (mean["value"] - mean["lower"]) * mean["area_km2"] * 1e6 * days * 1e-15
    assert share == pytest.approx(width["all"], rel=1e-3)


def test_completeness_is_the_mean_over_area_and_time():
    cube, classes = continent()
    table = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    inside = cube.isel(time=slice(0, 12))
    weights = cell_area(cube) * inside["GPP"].notnull() * inside["time"].dt.days_in_month
    expected = float((inside["GPP_completeness"] * weights).sum() / weights.sum())
    assert of_year(table, "all cells")["completeness"] == pytest.approx(expected)


def test_shares_of_extrapolation_and_of_land_are_by_area_and_time():
    cube, classes = continent()
    classes[:2] = 0  # water, as far as nothing is predicted there
    cube = cube.where((classes > 0) | (cube["GPP"].dims == ()), drop=False)
    cube["time_bnds"] = continent()[0]["time_bnds"]
    cube["GPP_completeness"] = cube["GPP_completeness"].where(cube["latitude"] > 40, 0.0)
    table = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    inside = cube.isel(time=slice(0, 12))
    days = inside["time"].dt.days_in_month
    weights = cell_area(cube) * inside["GPP"].notnull() * days
    row = of_year(table, "all cells")
    south = weights.where(cube["latitude"] <= 40).sum()
    assert row["extrapolated"] == pytest.approx(float(south / weights.sum()))
    land = (cell_area(cube) * (classes.to_numpy() > 0) * days).sum()
    assert row["coverage"] == pytest.approx(float(weights.sum() / land))
    assert row["coverage"] < 0.85, "gaps of land count"
    of_values = of_year(aggregate(cube, "GPP", [AllCells()]), "all cells")
    assert of_values["coverage"] > 0.98, "without a map land is where there is a value"


def test_without_correlation_or_bounds_there_are_no_intervals():
    cube, classes = continent()
    plain = aggregate(cube, "GPP", [AllCells()], classes)
    bare = aggregate(cube[["GPP", "time_bnds"]], "GPP", [AllCells()], classes, ERRORS)
    assert plain[list(INTERVAL_COLUMNS[:-1])].isna().all(axis=None)
    assert plain["completeness"].notna().all()
    assert bare[list(INTERVAL_COLUMNS)].isna().all(axis=None)
    known = aggregate(cube, "GPP", [AllCells()], classes, ERRORS)
    assert bare["extrapolated"].isna().all()
    same = [c for c in plain if c not in INTERVAL_COLUMNS]
    pd.testing.assert_frame_equal(plain[same], known[same])


def test_cells_without_bounds_count_as_the_others():
    cube, classes = continent()
    cube["GPP_lower"], cube["GPP_upper"] = cube["GPP"] - 1, cube["GPP"] + 1
    full = of_year(aggregate(cube, "GPP", [AllCells()], classes, ERRORS), "all cells")
    cube["GPP_lower"][:, ::2] = np.nan
    part = of_year(aggregate(cube, "GPP", [AllCells()], classes, ERRORS), "all cells")
    assert part["lower_dependent"] == pytest.approx(full["lower_dependent"])
    assert part["lower"] == pytest.approx(full["lower"], rel=0.02)


def test_months_add_up_to_the_year_and_those_of_countries_are_a_table_of_their_own():
    cube, classes = continent(months=14)
    box = Areas("country", ("box",), (shapely.box(0, 40, 20, 50),))
    tables = aggregate_tables(cube, "GPP", [AllCells(), box], classes, ERRORS)
    yearly = tables.yearly[(tables.yearly.statistic == "total") & (tables.yearly.year == "2003")]
    for kind, table in (("global", tables.monthly), ("country", tables.areas)):
        assert tuple(table.columns) == MONTHLY_COLUMNS
        months = table[table.statistic == "total"]
        assert set(months.region_kind) == {kind}
        assert len(months) == 14
        assert set(months.unit) == {"PgC month-1"}
        year = yearly[yearly.region_kind == kind].iloc[0]
        in_year = months[months.time.dt.year == 2003]
        assert in_year["value"].sum() == pytest.approx(year["value"])
        for side in ("lower", "upper"):
            assert in_year[f"{side}_dependent"].sum() == pytest.approx(year[f"{side}_dependent"])
        assert in_year["lower"].sum() < year["lower"] < in_year["value"].sum()


def test_half_years_have_no_months():
    cube, classes = continent(months=12)
    half_years = cube.isel(time=[0, 6])
    half_years["time_bnds"][:, 1] = [np.datetime64("2003-07-01"), np.datetime64("2004-01-01")]
    tables = aggregate_tables(half_years, "GPP", [AllCells()], classes, ERRORS)
    assert tables.monthly.empty
    assert tables.areas.empty
    assert np.isfinite(of_year(tables.yearly, "all cells")["lower"])


def test_a_sum_at_one_place_follows_the_double_sum():
    days, amounts = np.array([0.0, 31, 59, 90]), np.array([[1.0, 2, 0, 1], [1, 1, 1, 1]])
    expected = [
        1.1**2
        * sum(a[i] * a[j] * ERRORS.in_time(days[i] - days[j]) for i in range(4) for j in range(4))
        for a in amounts
    ]
    assert sum_variance(ERRORS, days, amounts) == pytest.approx(expected)


def test_errors_survive_json_and_unknown_names_are_refused():
    stored = json.loads(json.dumps(ERRORS.to_dict()))
    assert SumErrors.from_dict(stored) == ERRORS
    with pytest.raises(InputError, match="bias"):
        SumErrors.from_dict({**stored, "bias": 0.0})


def test_a_projection_has_the_intervals_of_degrees():
    size, n = 50_000.0, 20
    time = pd.date_range("2003-01-01", periods=12, freq="MS")
    dims = ("time", "y", "x")
    value = np.full((12, n, n), 5.0)
    data = {
        "GPP": (dims, value, {"units": "gC m-2 d-1"}),
        "GPP_lower": (dims, value - 1),
        "GPP_upper": (dims, value + 2),
        "time_bnds": (("time", "bnds"), np.stack([time, time + pd.offsets.MonthBegin()], axis=1)),
        "crs": ((), 0, {"crs_wkt": CRS.from_epsg(3035).to_wkt()}),
    }
    axes = {"y": 2.6e6 + size * np.arange(n), "x": 4.0e6 + size * np.arange(n)}
    flat = of_year(aggregate(xr.Dataset(data, {"time": time, **axes}), "GPP", [AllCells()], None, ERRORS), "all cells", statistic="mean")  # fmt: skip
    cube, _ = continent(size=0.5, months=12)
    cube = cube.sel(latitude=slice(46.5, 55.5), longitude=slice(4.5, 17.5))
    cube["GPP"], cube["GPP_lower"], cube["GPP_upper"] = (xr.full_like(cube["GPP"], v) for v in (5.0, 4.0, 7.0))  # fmt: skip
    cube["GPP"].attrs["units"] = "gC m-2 d-1"
    degrees = of_year(aggregate(cube, "GPP", [AllCells()], None, ERRORS), "all cells", statistic="mean")  # fmt: skip
    assert flat["area_km2"] == pytest.approx(degrees["area_km2"], rel=0.1)
    for side in ("lower", "upper"):
        assert flat[side] == pytest.approx(degrees[side], rel=0.01)
    assert (flat["upper"] - 5) / (5 - flat["lower"]) == pytest.approx(2)
