"""A folder of archives of all networks, some at fault, becomes members' tables in the environment ``fluxnet``."""

from __future__ import annotations

import pytest
from kedro.config import OmegaConfigLoader

from tests.testing.archives import FAULTS, NETWORKS, make_towers, write_folder
from tests.testing.project import PROJECT
from uflux_kedro.ensemble import EnsembleParameters
from uflux_kedro.features.parameters import FeatureParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.settings import CONFIG_LOADER_ARGS


@pytest.fixture(scope="module")
def environment():
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="fluxnet", **CONFIG_LOADER_ARGS)
    return loader["parameters"]


@pytest.fixture(scope="module")
def made():
    towers = make_towers(len(NETWORKS) + len(FAULTS), faults=list(FAULTS))
    return {tower.fault: tower.site for tower in towers}, towers


@pytest.fixture(scope="module")
def tables(tmp_path_factory, environment, made):
    from uflux_kedro.pipelines.ingestion.nodes import read_tower_files

    folder = write_folder(tmp_path_factory.mktemp("archives"), made[1])
    parameters = TowerParameters.model_validate(environment["towers"])
    files = sorted(folder.iterdir())
    towers, sites, _, left_out, products = read_tower_files(files, parameters)
    carry_over = FeatureParameters.model_validate(environment["features"]).carry_over
    table = build_training_table(towers, sites, carry_over=carry_over)
    return table, sites, left_out, products, offered_columns(folder, parameters)


def test_each_fault_costs_what_it_is_of_alone(tables, made):
    by_fault, towers = made
    table, sites, left_out, _, _ = tables
    assert set(sites["site_id"]) == {t.site for t in towers} - {by_fault["cut off"]}
    lost = {(row["site_id"], row["variable"]) for row in left_out}
    expected = {
        (by_fault["no NEE"], "GPP"),
        (by_fault["no NEE"], "RECO"),
        (by_fault["no NEE"], "NEE"),
        (by_fault["no rain"], "P"),
        (by_fault["no long-wave"], "LW_IN"),
        (by_fault["no companion"], "ERA5"),
    }
    assert expected <= lost
    whole_towers = {site for site, variable in lost - expected if not variable}
    # The older of two releases and of two networks is set aside.
    assert by_fault["cut off"] in whole_towers
    assert by_fault["two releases"] in whole_towers
    assert by_fault["two networks"] in whole_towers
    fallen_back = table[table["site_id"].isin([by_fault["CUT only"], by_fault["no closure"]])]
    assert fallen_back["LE"].notna().all()
    assert fallen_back["NEE"].notna().all()


def test_members_have_their_predictors_from_the_first_month(tables, made, environment):
    table, *_, offered = tables
    groups = environment["ensemble"]["groups"]
    names = ["IGBP", "DoY_sin", "Latitude", *groups["ERA5"], *groups["SKY"], *groups["RECORD"]]
    assert set(groups["ERA5"]) <= set(offered)
    with_weather = table[table["site_id"] != made[0]["no companion"]]
    assert with_weather[names].notna().all(axis=None)
    assert (table["time"].dt.year >= 2004).all(), "the weather before a tower is no row of it"


def test_products_of_all_towers_are_known_for_citation(tables, made):
    _, sites, _, products, _ = tables
    assert set(products["site_id"]) >= set(sites["site_id"])


def test_the_sets_of_the_environment_are_valid(environment):
    EnsembleParameters.model_validate(environment["ensemble"])
