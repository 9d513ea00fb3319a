"""The environment ``carbonfluxbench``: members trained and scored by the rules of the benchmark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader

from benchmarks import carbonfluxbench as command
from tests.testing.carbonfluxbench import write_folder
from tests.testing.project import PROJECT
from uflux_kedro.ensemble import EnsembleParameters
from uflux_kedro.errors import InputError
from uflux_kedro.execution.parameters import DaskParameters
from uflux_kedro.features.derived import offered_by_table
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.pipelines.model_training.nodes import predict_split
from uflux_kedro.pipelines.reporting.benchmark import benchmark_nodes
from uflux_kedro.readers import TowerParameters, read_towers
from uflux_kedro.report import benchmark_section
from uflux_kedro.settings import CONFIG_LOADER_ARGS
from uflux_kedro.tracking.results import metrics_of_benchmark
from uflux_kedro.validation.benchmark import benchmark_skill
from uflux_kedro.validation.classes import sites_of_classes
from uflux_kedro.validation.parameters import TrainingParameters

PUBLISHED = """split,flux,model,features,sites,R2_q25,R2_median,R2_q75,RMSE_median
Koppen,GPP,theirs,minimal,92,0.1,0.5,0.8,1.6
IGBP,GPP,theirs,minimal,96,0.1,0.4,0.8,1.7
"""


@pytest.fixture(scope="module")
def environment():
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="carbonfluxbench", **CONFIG_LOADER_ARGS)
    return loader["parameters"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture(scope="module")
def members(environment):
    return EnsembleParameters.model_validate(environment["ensemble"]).members()


@pytest.fixture(scope="module")
def table(folder, environment, members):
    reading = TowerParameters.model_validate(environment["towers"])
    wanted = {name for member in members for name in member.predictors}
    return build_training_table(*read_towers(folder, reading), predictors=wanted)


@pytest.fixture(scope="module")
def predict(members, environment, tmp_path_factory):
    training = TrainingParameters.model_validate(environment["training"] | {"n_jobs": 1})
    member = replace(members[0], predictors=("ERA5LAND_TA", "ERA5LAND_TA_MEAN7", "MODIS_NIRv"))

    def of(rows, **changed):
        used = training.model_copy(update=changed)
        cache = tmp_path_factory.mktemp("cache")
        return predict_split((member, "koppen"), rows, cache, used, DaskParameters())

    return of


def test_every_member_has_its_predictors_on_all_days_of_fluxes(table, members, folder, environment):
    reading = TowerParameters.model_validate(environment["towers"])
    for member in members:
        assert {member.flux, *member.predictors} <= offered_by_table(folder, reading)
        assert table[list(member.predictors)].notna().all(axis=None), member.name
    assert table["GPP"].notna().sum() == 39 * 25


def test_the_published_test_sites_are_predicted_on_days_of_full_quality(table, predict):
    found = predict(table)
    assert set(found["site_id"]) == set(sites_of_classes("koppen", table, 0.2, 56))
    assert (found["time"].dt.day % 2 == 1).all()
    everything = predict(table, min_qc_scored=None)
    assert len(everything) > 1.8 * len(found)
    both = found.merge(everything, on=["site_id", "time"])
    assert len(both) == len(found)
    np.testing.assert_array_equal(both["prediction_x"], both["prediction_y"])


def test_no_flux_of_a_tested_site_is_learnt_from(table, predict):
    tested = table["site_id"].isin(sites_of_classes("koppen", table, 0.2, 56))
    other = predict(table.assign(GPP=table["GPP"].where(~tested, 3 * table["GPP"] + 5)))
    pd.testing.assert_series_equal(other["prediction"], predict(table)["prediction"])
    low = table["GPP_QC"] < 1
    changed = predict(table.assign(GPP=table["GPP"].where(tested | ~low, table["GPP"] + 5)))
    assert (changed["prediction"] > other["prediction"] + 1).mean() > 0.9, (
        "days of low quality train"
    )


def test_a_flux_without_quality_is_refused_where_quality_is_asked_for(table, predict):
    with pytest.raises(InputError, match=r"GPP_QC.*training\.min_qc_scored"):
        predict(table.drop(columns="GPP_QC"))


def test_the_command_prints_ours_beside_the_published(folder, tmp_path, capsys):
    out, published = tmp_path / "sites.csv", tmp_path / "published.csv"
    published.write_text(PUBLISHED)
    asked = ["--splits", "koppen", "--select", "*.GPP.*", "--published", str(published)]
    assert command.main([str(folder), *asked, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 4
    assert "| koppen | GPP | theirs, published | minimal | 92 |" in lines[-1]
    assert "| koppen | GPP | ensemble | 2 sets | 8 |" in "\n".join(lines)
    sites = pd.read_csv(out)
    assert sites.groupby("features")["site_id"].nunique().eq(8).all()
    assert sites["R2"].median() > 0.8, "warmth tells the flux"
    skill = benchmark_skill(sites)
    metrics = metrics_of_benchmark(skill)
    key = "GPP.benchmark.koppen.MODIS-ERA5LAND.R2_median"
    r2 = sites[sites["features"] == "MODIS-ERA5LAND"]["R2"]
    assert metrics[key] == pytest.approx(r2.median())
    section = benchmark_section(skill)
    assert section.tables[0][1]["R2 median"].max() == pytest.approx(max(skill["R2_median"]))


def test_without_the_block_nothing_is_scored_by_the_benchmark(members, environment):
    assert benchmark_nodes(members, environment | {"benchmark": None}) == []
