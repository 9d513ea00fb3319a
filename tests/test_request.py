"""A misspelt name is refused with the nearest one, before anything runs."""

from __future__ import annotations

import copy
import json

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import CONFIG_LOADER_ARGS, PROJECT_PATH
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.members import bound
from uflux_kedro.request import (
    check_environment,
    check_filters,
    check_named_files,
    check_parameters,
    check_pipelines,
    check_raw_data,
    check_step,
    nearest,
    references,
)
from uflux_kedro.statistics.parameters import AggregateParameters, RegionFile
from uflux_kedro.validation.parameters import BenchmarkParameters

CONF = PROJECT_PATH / "conf"
ENVIRONMENTS = sorted(p.name for p in CONF.iterdir() if p.is_dir())


@pytest.fixture(scope="module")
def base():
    return parameters_of("base")


def parameters_of(env):
    from kedro.config import OmegaConfigLoader

    return OmegaConfigLoader(str(CONF), env=env, **CONFIG_LOADER_ARGS)["parameters"]


def given(base, dotted, value):
    """The base parameters as ``--params dotted=value`` changes them."""
    parameters = copy.deepcopy(base)
    *parents, name = dotted.split(".")
    place = parameters
    for parent in parents:
        place = place.setdefault(parent, {})
    place[name] = value
    return parameters


@pytest.mark.parametrize("env", ["europe_daily", "uk_daily"])
def test_where_to_build_a_tower_is_refused_by_name_where_members_learn_from_days(env, base):
    with pytest.raises(ConfigurationError, match=r"next_tower: expected towers\.resolution MM.*DD"):
        check_step(["next_tower"], parameters_of(env))
    check_step(["__default__"], parameters_of(env))
    check_step(["next_tower"], base)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_passes(env):
    check_parameters(parameters_of(env), references(CONF, env))


@pytest.mark.parametrize(
    ("dotted", "value", "meant"),
    [
        ("tower_path", "x", "did you mean towers_path?"),
        ("Towers_path", "x", "did you mean towers_path?"),
        ("ensembel.model", "XGB", "did you mean ensemble.model?"),
        ("model", "XGB", "did you mean ensemble.model?"),
        ("Ensemble.model", "XGB", "did you mean ensemble.model?"),
        ("ensemble.modle", "XGB", "did you mean ensemble.model?"),
        ("ensemble.model", "xgb", "did you mean 'XGB'?"),
        ("ensemble.model", "SVM", "expected one of DF21"),
        ("ensemble.fluxes", ["GPPP"], "unknown flux 'GPPP'"),
        ("ensemble.select", "MODIS-NIRV-ERA5.*", "did you mean 'MODIS-NIRv-ERA5'?"),
        ("ensemble.select", "MODIS-NIRv-ERA5.* GOSAT-775-SIF.*", "'GOSAT-775-SIF.*' matches no"),
        ("training.schema", "loso", "did you mean training.scheme?"),
        ("training.scheme", "LOSO", "training.scheme: Input should be 'loso'"),
        ("training.n_splits", 1, "training.n_splits: Input should be greater"),
        ("features.target_grid.resolutio", 2, "did you mean features.target_grid.resolution?"),
        ("features.target_grid.crs", "EPSG:4326", "expected a projection in metres"),
        ("grids.ERA5.raeder", "era5", "did you mean grids.reader?"),
        ("aggregates.regions", {"path": "x"}, "aggregates.regions.name_column: expected a value"),
        ("area", "SW", "area: there is no such parameter"),
    ],
)
def test_a_misspelt_parameter_is_refused(base, dotted, value, meant):
    with pytest.raises(ConfigurationError) as refusal:
        check_parameters(given(base, dotted, value), references(CONF, "base"))
    assert meant in str(refusal.value)
    assert dotted.split(".")[0] in str(refusal.value)


def test_a_source_can_be_switched_off(base):
    check_parameters(given(base, "grids.CFSV2", None), references(CONF, "base"))


def test_a_parameter_of_the_catalog_belongs_to_the_environments_that_use_it(base):
    check_parameters(given(base, "towers_path", "x"), references(CONF, "base"))
    uk = parameters_of("uk_daily")
    check_parameters(given(uk, "area", "SW"), references(CONF, "uk_daily"))


@pytest.mark.parametrize(
    ("env", "meant"),
    [("fluxnet2014", "did you mean 'fluxnet2015'?"), ("nosuch", "expected one of")],
)
def test_an_environment_without_a_folder_is_refused(env, meant):
    with pytest.raises(ConfigurationError, match=f"--env {env}") as refusal:
        check_environment(CONF, env)
    assert meant in str(refusal.value)


def test_environments_that_exist_pass():
    for env in (None, *ENVIRONMENTS):
        check_environment(CONF, env)


def test_pipelines_and_filters():
    check_pipelines(["ingestion"], ["ingestion", "reporting"])
    with pytest.raises(ConfigurationError, match="did you mean 'reporting'"):
        check_pipelines(["reporting", "reportin"], ["ingestion", "reporting"])
    known = {"tags": ["MODIS-NIRv-ERA5"], "namespaces": ["GPP", "GPP.MODIS-NIRv-ERA5"]}
    check_filters({"tags": ["MODIS-NIRv-ERA5"], "namespaces": ["GPP"]}, known)
    with pytest.raises(ConfigurationError, match=r"--namespaces gpp: .* did you mean 'GPP'"):
        check_filters({"tags": [], "namespaces": ["GPP", "gpp"]}, known)


def test_nearest_name():
    assert nearest("xgb", ["DF21", "XGB", "RF"]) == "did you mean 'XGB'?"
    assert nearest("svm", ["DF21", "XGB", "RF"]) == "expected one of DF21, XGB, RF"
    assert nearest("x", []) == "there are none"


def test_raw_data_that_is_missing_is_named(tmp_path):
    from kedro.io import MemoryDataset

    from uflux_kedro.datasets import RawFilesDataset

    (tmp_path / "tower.csv").touch()
    there = RawFilesDataset(filepath=str(tmp_path), patterns=["*.csv"])
    check_raw_data({"towers": there, "params": MemoryDataset(1)})
    missing = RawFilesDataset(filepath=str(tmp_path / "ERA5"), patterns=["*.nc"], hint="Fetch them")
    with pytest.raises(
        InputError, match=r"ERA5: expected raw files named \*\.nc; found no such file"
    ):
        check_raw_data({"towers": there, "era5": missing})


def test_a_set_without_what_a_hybrid_computes_with_is_named_before_the_run(base):
    """A baseline of GPP needs climate and a vegetation index, which sets of fluorescence lack."""
    with pytest.raises(ConfigurationError) as refused:
        check_parameters(given(base, "ensemble.model", "HYBRID"), references(CONF, "base"))
    message = str(refused.value)
    assert "GOME-2-SIF-ERA5 lacks a vegetation index" in message
    assert "MODIS-NIRv-CFSV2 lacks CFSV2_PA, CFSV2_LW_IN" in message
    assert "MODIS-NIRv-ERA5 lacks" not in message
    select = message.partition('ensemble.select="')[2].rstrip('"')
    served = given(given(base, "ensemble.model", "HYBRID"), "ensemble.select", select)
    check_parameters(served, references(CONF, "base"))


def own_areas(tmp_path, name_column):
    areas = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"NAME": "basin"}, "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}]}  # fmt: skip
    (tmp_path / "basins.geojson").write_text(json.dumps(areas))
    return AggregateParameters(regions=RegionFile(path="basins.geojson", name_column=name_column))


def test_files_that_parameters_name_are_looked_at_before_the_run(tmp_path):
    check_named_files([own_areas(tmp_path, "NAME"), AggregateParameters(), {"any": 1}], tmp_path)
    with pytest.raises(InputError, match=r"NAMES.*attributes NAME"):
        check_named_files([own_areas(tmp_path, "NAMES")], tmp_path)
    with pytest.raises(InputError, match="no such file"):
        check_named_files([AggregateParameters(regions=RegionFile(path="none.gpkg", name_column="A"))], tmp_path)  # fmt: skip
    with pytest.raises(InputError, match=r"Correct benchmark\.published"):
        check_named_files([BenchmarkParameters(published="none.csv")], tmp_path)


def test_a_run_asks_its_parameters_and_what_its_functions_are_bound_to(monkeypatch):
    from uflux_kedro.hooks import RequestHooks

    asked = []

    class Part:
        def __init__(self, name):
            self.name = name

        def check_files(self, project):
            asked.append(self.name)

        def __call__(self, *_):
            return None

    pipeline = Pipeline(
        [node(bound(identity, Part("bound")), "params:zones", "table", name="make")]
    )
    monkeypatch.setattr("kedro.framework.project.pipelines", {"__default__": pipeline})
    catalog = DataCatalog({"params:zones": MemoryDataset(Part("zones"), copy_mode="assign")})
    RequestHooks().before_pipeline_run({}, pipeline, catalog)
    assert sorted(asked) == ["bound", "zones"]


def identity(_, zones):
    return zones
