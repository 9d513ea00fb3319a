"""Files of a map: what the page is told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.small_maps import small_aggregates, small_product, small_towers
from uflux_kedro.explorer import Explorer, write_explorer
from uflux_kedro.explorer.grid import describe_grid
from uflux_kedro.explorer.layers import period_labels, product_layers
from uflux_kedro.explorer.places import regions, tower_series, towers
from uflux_kedro.gridding.projections import DEGREES, project_points


def test_the_page_is_told_what_there_is(tmp_path):
    product = small_product()
    sites, rows = small_towers()
    difference = (product["GPP"].mean("time") - 3).rename("difference").to_dataset()
    contents = Explorer(
        {"GPP": product}, sites, {"GPP": rows}, small_aggregates(),
        {"truth": {"GPP": difference.assign(months=3)}}, simulated="towers",
    )  # fmt: skip
    write_explorer(contents, tmp_path / "map")
    about = json.loads((tmp_path / "map/map.json").read_text())
    (flux,) = about["fluxes"]
    assert about["notice"].startswith("Simulated data: towers")
    assert flux["unit"] == "gC m⁻² d⁻¹"
    assert flux["periods"] == ["2019-01", "2019-02", "2019-03"]
    assert flux["members"] == ["one", "two"]
    assert flux["scales"]["mean"] == ["YlGn", 0.0, 10.0]
    assert flux["scales"]["width"] == ["cividis_r", 0.0, 3.2]
    (peer,) = flux["peers"]
    assert peer["months"] == 3
    assert peer["scale"][1] == -peer["scale"][2]
    assert set(about["colours"]) >= {"YlGn", "cividis_r", "viridis", peer["scale"][0]}
    stored = xr.open_zarr(tmp_path / "map" / peer["store"], group="0", consolidated=False)
    np.testing.assert_allclose(stored["difference"][0], difference["difference"], rtol=1e-6)
    names = {file.name for file in (tmp_path / "map").iterdir()}
    assert names >= {
        "index.html", "explorer.js", "explorer.css", "LICENSES.txt", "maplibre-gl-worker.mjs",
        "towers.geojson", "towers_GPP.json", "regions.json", "countries.geojson",
    }  # fmt: skip


def test_a_map_needs_no_more_than_a_mean(tmp_path):
    product = small_product()[["GPP", "time_bnds", "member"]]
    write_explorer(Explorer({"GPP": product}), tmp_path / "map")
    about = json.loads((tmp_path / "map/map.json").read_text())
    assert about["fluxes"][0]["fields"] == ["GPP"]
    assert about["fluxes"][0]["members"] == []
    assert not about["towers"]
    assert not about["regions"]


def test_what_is_derived_follows_the_fluxes_on_a_scale_of_its_own(tmp_path):
    product = small_product()
    water = product[["GPP", "time_bnds"]].rename({"GPP": "WUE"})
    write_explorer(Explorer({"WUE": water, "GPP": product}), tmp_path / "map")
    gpp, wue = json.loads((tmp_path / "map/map.json").read_text())["fluxes"]
    assert (gpp["name"], wue["name"]) == ("GPP", "WUE")
    assert (wue["unit"], wue["fields"]) == ("g kg⁻¹", ["WUE"])
    colours, low, high = wue["scales"]["mean"]
    means = water["WUE"].mean("time").to_numpy()
    assert (colours, low) == ("YlGnBu", 0.0)
    assert 0.9 * np.nanpercentile(means, 98) < high < 2 * np.nanmax(means)


def test_members_can_be_left_out():
    product = small_product()
    assert "GPP_member" in product_layers(product, "GPP", members=True)
    assert "GPP_member" not in product_layers(product, "GPP", members=False)


@pytest.mark.parametrize(("name", "flags"), [("extrapolated", [18]), ("outside", [2, 18])])
def test_bits_of_the_flag_are_missing_where_there_is_no_value(name, flags):
    product = small_product()
    found = product_layers(product, "GPP", members=False)[f"GPP_{name}"]
    expected = np.where(product["GPP"].isnull(), np.nan, product["GPP_flag"].isin(flags))
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_said_of_extrapolation_without_a_completeness():
    product = small_product().drop_vars("GPP_completeness")
    assert "GPP_extrapolated" not in product_layers(product, "GPP", members=False)


def test_periods_are_named_by_month_day_or_both_ends():
    bounds = [
        ["2019-02-01", "2019-03-01"],
        ["2019-02-03", "2019-02-04"],
        ["2019-01-01", "2019-07-01"],
    ]
    product = xr.Dataset({"time_bnds": (("time", "bnds"), np.array(bounds, "datetime64[ns]"))})
    assert period_labels(product) == ["2019-02", "2019-02-03", "2019-01-01 to 2019-06-30"]


def test_towers_have_the_skill_of_their_own_rows():
    sites, rows = small_towers()
    lonely = sites.iloc[:1].assign(site_id="CC-None")
    found = towers(pd.concat([sites, lonely]), {"GPP": rows})["features"]
    assert [one["properties"]["site_id"] for one in found] == ["AA-One", "BB-Two"], "CC has no row"
    one = found[0]
    assert one["geometry"]["coordinates"] == [15.0, 45.0]
    own = rows[rows["site_id"] == "AA-One"]
    nse = 1 - ((own["prediction"] - own["truth"]) ** 2).sum() / ((own["truth"] - own["truth"].mean()) ** 2).sum()  # fmt: skip
    assert one["properties"]["skill"]["GPP"] == {"n": 12, "NSE": pytest.approx(nse, rel=1e-5)}


def test_series_of_a_tower_are_in_order_of_time():
    _, rows = small_towers()
    rows.loc[0, "truth"] = np.nan
    found = tower_series(rows.sample(frac=1, random_state=0))
    assert found["BB-Two"]["time"] == ["2018-01-01", "2018-02-01", "2018-03-01"]
    assert found["AA-One"]["truth"][0] is None
    assert found["AA-One"]["prediction"][1] == pytest.approx(rows.loc[1, "prediction"], rel=1e-5)


def test_totals_come_with_their_intervals():
    found = regions(small_aggregates())["GPP"]
    assert found[0] | {"value": 120.0, "lower": 100.0, "unit": "PgC yr-1"} == found[0]
    assert found[3]["lower"] is None


@pytest.mark.parametrize(
    ("crs", "west", "south"), [("EPSG:3035", 4.3e6, 3.2e6), ("EPSG:27700", 2e5, 1e5)]
)
def test_cells_of_a_projection_are_found_between_nodes(crs, west, south):
    """To a tenth of a cell of 100 m, at places that are no nodes."""
    cells = 1024
    centres = 100 * (np.arange(cells) + 0.5)
    field = xr.DataArray(
        np.empty((1, cells, cells), "int8"), dims=("time", "y", "x"),
        coords={"y": south + centres, "x": west + centres},
    )  # fmt: skip
    grid = describe_grid(field, crs)
    nodes, (w, s, e, n) = grid["nodes"], grid["bounds"]
    rng = np.random.default_rng(0)
    row, column = rng.uniform(0, cells, (2, 200))
    lon, lat = project_points(crs, DEGREES, west + 100 * column, south + 100 * row)
    u, v = (lon - w) / (e - w) * (nodes["across"] - 1), (lat - s) / (n - s) * (nodes["down"] - 1)
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    p, q = u - i, v - j
    for name, exact in (("row", row), ("column", column)):
        at = np.array(nodes[name]).reshape(nodes["down"], nodes["across"])
        found = (at[j, i] * (1 - p) + at[j, i + 1] * p) * (1 - q) + (at[j + 1, i] * (1 - p) + at[j + 1, i + 1] * p) * q  # fmt: skip
        np.testing.assert_allclose(found, exact, atol=0.1)


def test_levels_can_be_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("uflux_kedro.explorer.pyramid._CHUNK", 9)
    product = small_product(months=1)[["GPP", "time_bnds"]]
    write_explorer(Explorer({"GPP": product}, levels=1), tmp_path / "map")
    about = json.loads((tmp_path / "map/map.json").read_text())
    assert about["fluxes"][0]["levels"] == 1, "of two"
