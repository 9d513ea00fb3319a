"""Products as configured: totals, derived products, and comparisons with peers."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from pydantic import ValidationError

from tests.testing.drivers import make_drivers
from tests.testing.products import PREDICTORS, write_world
from tests.testing.project import PROJECT
from tests.testing.synthetic import make_product
from tests.testing.uncertainty import NearTowers
from uflux_kedro import configuration
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.execution.parameters import DaskParameters
from uflux_kedro.lineage import origins
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.pipelines import grid_inference, next_tower, reporting, uncertainty
from uflux_kedro.pipelines.grid_inference import nodes
from uflux_kedro.pipelines.grid_inference.nodes import aggregate_product, make_product_drivers
from uflux_kedro.pipelines.reporting.nodes import compare_product, tabulate_peers
from uflux_kedro.pipelines.reporting.peers import Peer, project_peers
from uflux_kedro.products.parameters import InferenceParameters
from uflux_kedro.products.store import ProductStore
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.report.parameters import PeerVariable, ReportingParameters
from uflux_kedro.statistics.correlated import SumErrors
from uflux_kedro.statistics.parameters import AggregateParameters


@pytest.fixture
def parameters(monkeypatch):
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT, env="test") as session:
        found = copy.deepcopy(session.load_context().config_loader["parameters"])
    monkeypatch.setattr(configuration, "_from_hook", found)
    return found


def names(pipeline):
    return {n.name.split(".")[-1] for n in pipeline.nodes}


def test_each_flux_and_et_have_totals(parameters):
    pipeline = grid_inference.create_pipeline()
    assert {"aggregates_GPP", "areas_monthly_GPP", "aggregates_H", "aggregates_ET", "derived_WUE", "netcdf_ET"} <= pipeline.all_outputs()  # fmt: skip
    report = reporting.create_pipeline()
    assert {"aggregates", "areas_monthly", "budgets"} <= report.all_outputs()
    assert "aggregates_ET" in report.inputs()


def test_a_node_makes_a_product_logs_its_cost_and_keeps_its_regions(tmp_path, caplog):
    caplog.set_level("INFO", "uflux_kedro")
    write_world(tmp_path)
    models = [FittedMember.load(tmp_path / name) for name in PREDICTORS]
    members = tuple(Member(name, "GPP", "XGB", PREDICTORS[name]) for name in PREDICTORS)
    drivers = xr.open_zarr(tmp_path / "drivers.zarr", consolidated=False, chunks={})
    whole = {"land_cells": 1_000_000, "periods": 1000, "members": 13}
    inference = InferenceParameters.model_validate(
        {"first_month": "2001-02", "last_month": "2001-11", "regions": {"time": 5}, "whole": whole}
    )
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    towers = NearTowers.write(tmp_path / "towers.json", "ERA5_TA", [8, 12], reach=3)
    given = members, drivers, inference, DaskParameters(), store, towers
    for made, kept in ((2, 0), (0, 2)):
        done = nodes.make_product(*given, *models)
        assert done == store
        assert f"GPP: {made} regions made, {kept} kept" in caplog.text
    assert "the whole product at this rate: 1 billion pixels x 13 members" in caplog.text
    product = store.open()
    assert product.indexes["time"][[0, -1]].month.tolist() == [2, 11]
    assert {"GPP_lower", "GPP_upper", "GPP_completeness"} <= set(product)
    item = json.loads((tmp_path / "GPP.stac.json").read_text())
    assert item["bbox"] == [-180, -90, 180, 90]
    assert item["properties"]["uflux:product_checksum"]


def test_the_budget_closes_where_all_three_are_made_and_it_is_wanted(parameters, caplog):
    closed = grid_inference.create_pipeline()
    assert "close_carbon_budget" in names(closed)
    assert {"predicted_GPP", "product_GPP", "product_H"} <= closed.all_outputs()
    (gpp,) = (n for n in closed.nodes if n.name == "GPP.ensemble_gpp")
    assert gpp.outputs == ["predicted_GPP"]
    assert "carbon_closure" in uncertainty.create_pipeline().all_outputs()
    assert "carbon_skill" in reporting.create_pipeline().inputs()

    parameters["inference"]["close"] = []
    for pipeline in (grid_inference.create_pipeline(), uncertainty.create_pipeline()):
        assert not {"carbon_closure", "predicted_GPP"} & pipeline.datasets()
    assert "product_GPP" in grid_inference.create_pipeline().all_outputs()
    assert "carbon_skill" not in reporting.create_pipeline().inputs()

    del parameters["inference"]["close"]  # on by default
    parameters["ensemble"]["fluxes"] = ["GPP", "NEE"]
    with caplog.at_level("INFO"):
        assert "predicted_GPP" not in grid_inference.create_pipeline().datasets()
    assert "The carbon budget is not closed: there are no members of RECO" in caplog.text


def test_responses_are_drawn_where_a_member_has_the_driver(parameters):
    drawn = reporting.create_pipeline().all_outputs()
    assert {"figure_response_NEE", "figure_response_RECO", "figure_importance_GPP"} <= drawn
    assert "figure_response_GPP" not in drawn
    assert "figure_next_tower_GPP" in next_tower.create_pipeline().all_outputs()
    assert "figure_next_tower_GPP" in reporting.create_pipeline().inputs()
    parameters["ensemble"]["groups"]["ERA5"] = ["ERA5_TA"]
    parameters["ensemble"]["select"] = "MODIS-NIRv-ERA5.*"
    assert "figure_response_NEE" not in reporting.create_pipeline().all_outputs()


def test_product_drivers_need_a_grid():
    inference = InferenceParameters(first_month="2001-01", last_month="2001-12")
    with pytest.raises(ConfigurationError, match=r"inference\.grid: expected the grid"):
        make_product_drivers((), inference, TowerParameters())


def test_members_predict_at_the_step_at_which_they_learnt(parameters):
    """Half-years are made of months, and days are refused to members of months before the run."""
    inference = InferenceParameters.model_validate(
        {"first_month": "2001-01", "last_month": "2001-06", "step": "half-year"}
        | {"grid": {"resolution": 10}}
    )
    months = make_drivers()
    climate = months[["ERA5_TA"]].rename(ERA5_TA="TA").assign_coords(time_bnds=months["time_bnds"])
    cubes = {"ERA5": climate, "IGBP": months[["IGBP"]]}
    members = (Member("A", "GPP", "XGB", ("ERA5_TA",)),)
    drivers = make_product_drivers(members, inference, TowerParameters(), **cubes)
    assert drivers.sizes["time"] == 6

    parameters["inference"] |= {"step": "day", "grid": {"resolution": 10}}
    with pytest.raises(ConfigurationError, match="learnt from each month are to predict each day"):
        grid_inference.create_pipeline()
    parameters["inference"]["members_of"] = "any"
    assert "product_GPP" in grid_inference.create_pipeline().all_outputs()


def test_what_follows_needs_its_fluxes(parameters):
    parameters["ensemble"]["fluxes"] = ["GPP", "H"]
    assert not {"derive_et", "derive_wue"} & names(grid_inference.create_pipeline())
    assert "budgets" not in reporting.create_pipeline().all_outputs()
    parameters["ensemble"]["fluxes"] = ["H", "LE"]
    assert "derive_et" in names(grid_inference.create_pipeline())
    assert "derive_wue" not in names(grid_inference.create_pipeline())
    parameters["inference"]["derived"] = []
    assert "derive_et" not in names(grid_inference.create_pipeline())
    assert "budgets" in reporting.create_pipeline().all_outputs()


def test_an_absent_peer_is_left_out_and_a_present_one_compared(parameters, tmp_path, caplog):
    parameters["reporting"]["peers"]["demo-truth"]["path"] = str(tmp_path / "*.nc")
    with caplog.at_level("INFO"):
        assert project_peers(["GPP", "LE"]) == ()
    assert "No comparison with demo-truth: no file" in caplog.text
    assert "peers" not in reporting.create_pipeline().all_outputs()
    (tmp_path / "b.nc").touch()
    (tmp_path / "a.nc").touch()
    peers = project_peers(["GPP", "LE"])
    assert [(p.name, p.flux) for p in peers] == [("demo-truth", "GPP"), ("demo-truth", "LE")]
    assert [p[-4:] for p in peers[0].paths] == ["a.nc", "b.nc"]
    parameters["reporting"]["peers"]["none"] = None
    assert project_peers(["GPP", "LE"]) == peers
    report = reporting.create_pipeline()
    assert {"GPP_beside_demo-truth", "peers", "figure_difference_demo-truth", "figure_density_demo-truth"} <= report.all_outputs()  # fmt: skip
    page = next(n for n in report.nodes if n.outputs == ["report"])
    assert {"aggregates", "budgets", "peers", "figure_difference_demo-truth"} <= set(page.inputs)


def test_a_resumed_run_compares_again_with_other_files_of_a_peer(parameters, tmp_path):
    file = tmp_path / "x.nc"
    parameters["reporting"]["peers"] = {"X": {"path": str(file), "variables": {"GPP": "gpp"}}}
    catalog = SimpleNamespace(get=lambda name: None)

    def origin():
        (compared,) = (n for n in reporting.create_pipeline().nodes if n.name == "derived.compare_GPP_beside_X")  # fmt: skip
        return origins(Pipeline([compared]), catalog, {})["GPP_beside_X"]

    file.write_text("first")
    first = origin()
    assert origin() == first
    file.write_text("other files")
    assert origin() != first


def test_a_required_peer_without_files_is_an_error(parameters, tmp_path):
    parameters["reporting"]["peers"] = {"X": {"path": str(tmp_path / "x.nc"), "variables": {"GPP": "gpp"}}}  # fmt: skip
    (peer,) = project_peers(["GPP"])
    with pytest.raises(InputError, match=r"files of the X product: .*found none"):
        compare_product(peer, make_product())


def test_a_peer_is_read_and_scored(tmp_path):
    truth = make_product(5.0)
    truth.rename(GPP="gpp").assign(gpp=lambda c: -c["gpp"].assign_attrs(units="gC m-2 d-1")).to_netcdf(tmp_path / "x.nc")  # fmt: skip
    variable = PeerVariable(variable="gpp", sign=-1, unit="gC m-2 d-1")
    peer = Peer("X", "GPP", "x.nc", (str(tmp_path / "x.nc"),), variable)
    found = compare_product(peer, truth)
    table = tabulate_peers((peer,), found)
    assert table.loc[0, ["peer", "flux", "unit"]].tolist() == ["X", "GPP", "gC m-2 d-1"]
    assert table.loc[0, "bias"] == pytest.approx(0, abs=1e-6)
    assert table.loc[0, "NSE"] == pytest.approx(1)


def test_regions_of_the_user_are_summed(tmp_path):
    ring = [[0, 0], [40, 0], [40, 20], [0, 20], [0, 0]]
    feature = {"type": "Feature", "properties": {"id": "box"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}  # fmt: skip
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"features": [feature]}))
    drivers = xr.Dataset({"IGBP": (("latitude", "longitude"), np.ones((36, 72), "int8"))})
    parameters = AggregateParameters.model_validate(
        {"countries": False, "regions": {"path": str(path), "name_column": "id", "kind": "basin"}}
    )
    product, errors = make_product(5.0), SumErrors(0.5, 0.1, 0.2, 60.0).to_dict()
    table, monthly, areas = aggregate_product("GPP", product, drivers, parameters, errors)
    assert set(monthly["region_kind"]) == {"global", "IGBP"}
    assert set(areas["region"]) == {"box"}
    assert monthly["time"].nunique() == areas["time"].nunique() == 12
    assert set(table["region_kind"]) == {"global", "IGBP", "basin"}
    assert table.query("region_kind == 'basin'")["cells"].iloc[0] == 8 * 4


def test_invalid_settings_are_refused():
    for edges in ((0,), (10, 0), (0, 91)):
        with pytest.raises(ValidationError):
            AggregateParameters(latitude_bands=edges)
    own = {"path": "x.gpkg", "name_column": "id", "kind": "country"}
    assert AggregateParameters.model_validate({"countries": False, "regions": own}).regions
    with pytest.raises(ValidationError, match="a kind of its own"):
        AggregateParameters.model_validate({"regions": own})
    with pytest.raises(ValidationError):
        ReportingParameters.model_validate({"peers": {"a_b": {"path": "x", "variables": {"GPP": "g"}}}})  # fmt: skip
    with pytest.raises(ValidationError):
        ReportingParameters.model_validate({"peers": {"X": {"path": "x", "variables": {"Reco": "g"}}}})  # fmt: skip
    with pytest.raises(ValidationError):
        ReportingParameters.model_validate({"peers": {"X": {"path": "x", "variables": {}}}})
