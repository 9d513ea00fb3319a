"""Which members a run has, and how a member is bound to a node's function."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pandas as pd
import pytest

from tests.testing.project import PROJECT
from uflux_kedro import configuration, members
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.members import bound, project_members
from uflux_kedro.pipelines.model_training.nodes import score_member
from uflux_kedro.validation.parameters import TrainingParameters

SETS = [
    {"name": "GREEN", "predictors": ["MODIS_NIRv", "IGBP"]},
    {"name": "WARM", "predictors": ["ERA5_TA", "ERA5_VPD"]},
    {"name": "CARRIED", "predictors": ["CARRY_APAR"]},
]
KEYS = {"site_id": "ID", "time": "time", "latitude": "Latitude", "IGBP": "IGBP"}
NAMES = ("GPP", "LE", "MODIS_NIRv", "ERA5_TA", "ERA5_TD", "ERA5_SW_IN", "MODIS_EVI2")


def towers(**changes: object) -> pd.DataFrame:
    """Two sites and three years of months with predictors, under the names of the UFLUX table."""
    months = pd.date_range("2004-01-01", periods=36, freq="MS")
    warmth = np.sin(2 * np.pi * (months.month.to_numpy() - 4) / 12)
    values = {
        "GPP": 5 + 4 * warmth, "LE": 50 + 40 * warmth, "MODIS_NIRv": 0.2 + 0.1 * warmth,
        "ERA5_TA": 10 + 8 * warmth, "ERA5_TD": 5 + 6 * warmth, "ERA5_SW_IN": 150 + 100 * warmth,
        "MODIS_EVI2": 0.3 + 0.2 * warmth,
    }  # fmt: skip
    sites = [
        pd.DataFrame({"ID": site, "time": months, "Latitude": 50.0, "IGBP": 1} | values)
        for site in ("XX-Aaa", "XX-Bbb", "XX-Ccc")
    ]
    return pd.concat(sites, ignore_index=True).assign(**changes)


@pytest.fixture(params=["tidy", "parquet", "auto"])
def configured(request, tmp_path, monkeypatch):
    """Set up a project whose predictors come with the towers, read by one of the readers."""
    columns = KEYS | {n: n for n in NAMES} if request.param == "tidy" else {}

    def configure(table: pd.DataFrame, **changes: object):
        folder = tmp_path / "towers"
        folder.mkdir()
        table.to_parquet(folder / "table.parquet")
        parameters = {
            "ensemble": {"model": "XGB", "fluxes": ["GPP", "LE"], "predictor_sets": SETS},
            "towers": {"reader": request.param, "columns": columns},
            "features": {
                "target_grid": {"resolution": 10.0},
                "carry_over": {"climate": "ERA5", "vegetation": {"EVI": "MODIS_EVI2"}},
            },
            "grids": None,
            "towers_path": str(folder),
        }
        monkeypatch.setattr(configuration, "_from_hook", parameters | changes)
        return folder

    return configure


def names() -> list[str]:
    return [member.name.removesuffix(".XGB") for member in project_members()]


ALL = ["GREEN.GPP", "WARM.GPP", "CARRIED.GPP", "GREEN.LE", "WARM.LE", "CARRIED.LE"]


def test_predictors_that_are_there_or_derived_serve_every_member(configured, caplog):
    configured(towers())
    assert names() == ALL
    assert caplog.text == ""


@pytest.mark.parametrize("gone", [None, -9999.0, np.nan])
def test_a_member_without_a_predictor_is_left_out(configured, gone, caplog):
    table = towers().drop(columns="ERA5_TD") if gone is None else towers(ERA5_TD=gone)
    folder = configured(table)
    assert names() == [name for name in ALL if "WARM" not in name]
    for flux in ("GPP", "LE"):
        assert f"WARM.{flux}.XGB is left out: {folder} has no ERA5_VPD" in caplog.text


def test_alternatives_without_a_predictor_are_left_out(configured, caplog):
    alternatives = [s["name"] for s in SETS]
    sets = [*SETS, {"name": "ONE-OF", "alternatives": alternatives}]
    ensemble = {"model": "XGB", "fluxes": ["GPP"], "predictor_sets": sets, "select": "ONE-OF.*"}
    with caplog.at_level("INFO"):
        configured(towers().drop(columns=["ERA5_TD", "MODIS_EVI2"]), ensemble=ensemble)
        (member,) = project_members()
    assert dict(member.alternatives).keys() == {"GREEN"}
    assert member.predictors == ("MODIS_NIRv", "IGBP")
    for name in ("WARM", "CARRIED"):
        assert f"ONE-OF.GPP.XGB chooses without {name}" in caplog.text


def test_a_flux_without_values_leaves_its_members_out(configured):
    configured(towers(LE=-9999.0, MODIS_EVI2=np.nan))
    assert names() == ["GREEN.GPP", "WARM.GPP"]


def test_towers_that_serve_no_member_are_an_error(configured):
    folder = configured(towers().drop(columns=["MODIS_NIRv", "ERA5_TA", "MODIS_EVI2"]))
    with pytest.raises(ConfigurationError) as error:
        project_members()
    assert str(folder) in str(error.value)
    assert "found none for GREEN.GPP.XGB: MODIS_NIRv" in str(error.value)


def test_with_grids_the_towers_are_not_looked_into(configured):
    configured(towers().drop(columns=["MODIS_NIRv", "ERA5_TA"]), grids={"ERA5": {"reader": "era5"}})
    assert names() == ALL


@pytest.mark.parametrize("path", ["", None, "nowhere"])
def test_a_wrong_path_is_left_to_the_catalog(configured, path):
    configured(towers().drop(columns="MODIS_NIRv"), towers_path=path)
    assert names() == ALL


def test_a_relative_path_is_seen_from_the_project_as_in_the_catalog(configured, monkeypatch):
    folder = configured(towers().drop(columns="MODIS_NIRv"))
    configuration._from_hook["towers_path"] = folder.name
    monkeypatch.setattr(members, "PROJECT_PATH", folder.parent)
    assert names() == [name for name in ALL if not name.startswith("GREEN")]


def test_an_empty_folder_is_left_to_the_catalog(configured):
    folder = configured(towers())
    (folder / "table.parquet").unlink()
    assert names() == ALL


def test_a_run_trains_the_members_that_a_training_table_serves(tmp_path):
    """As under conf/uflux: the published table without one of the vegetation indices."""
    weather = dict.fromkeys(("ERA5_U", "ERA5_V", "ERA5_P"), 1.0) | {
        "ERA5_LW_IN": 300.0, "ERA5_TS": 9.0, "ERA5_PA": 98.0, "ERA5_VPD": 5.0, "ERA5_iWUE": 76.0,
    }  # fmt: skip
    towers(**weather).to_parquet(tmp_path / "table.parquet")
    settings = {
        "towers_path": tmp_path / "table.parquet",
        "towers.reader": "parquet",
        "grids": "null",
        "quality.on_suspicion": "report",
        "training.min_qc": 0,
        "ensemble.model": "XGB",
        "ensemble.select": "MODIS-NIRv-ERA5.GPP.* MODIS-NDVI-ERA5.GPP.*",
    }
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test",
         "--to-nodes", "GPP.rank_members_gpp",
         "--params", ",".join(f"{k}={v}" for k, v in settings.items())],
        cwd=PROJECT, env=os.environ | {"UFLUX_TEST_DATA": str(tmp_path / "data")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MODIS-NDVI-ERA5.GPP.XGB is left out" in " ".join((done.stdout + done.stderr).split())
    scores = (tmp_path / "data/07_model_output/GPP").rglob("scores.json")
    assert [path.parent.name for path in scores] == ["MODIS-NIRv-ERA5"]


def test_bound_function_keeps_its_name_and_parameter_models_in_a_worker_process():
    member = Member(predictor_set="S", flux="GPP", model="XGB", predictors=("EVI",))
    sent = ForkingPickler.loads(ForkingPickler.dumps(bound(score_member, member)))
    assert sent.__name__ == "score_member"
    assert sent.__annotations__["parameters"] is TrainingParameters
    assert sent.args == (member,)
