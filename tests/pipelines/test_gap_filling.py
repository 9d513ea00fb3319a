"""The pipeline ``gap_filling``, from a BASE zip to tables that the main chain trains on."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from tests.testing.half_hours import Tower
from uflux_kedro.datasets import FigureFolderDataset, MemberRunsDataset, TableFolderDataset
from uflux_kedro.gapfilling.parameters import GapFillingParameters
from uflux_kedro.gapfilling.tower import scores_by_length
from uflux_kedro.pipelines.gap_filling import create_pipeline
from uflux_kedro.readers import read_towers
from uflux_kedro.readers.parameters import TowerParameters

SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nUS-Xyz,45,0,DBF\n"
PARAMETERS = GapFillingParameters.model_validate(
    {"method": "mds", "ustar": {"n_bootstrap": 12},
     "scoreboard": {"scenarios": ["short"], "methods": ["mds"]}}
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A BASE zip of two months of NEE with gaps, and a table of sites."""
    folder = tmp_path_factory.mktemp("raw")
    table, _ = Tower().record("2011-05-01", "2011-07-01")
    table["NEE"] = table["NEE"].mask((table.index.day == 5) | (np.arange(len(table)) % 7 == 0))
    stamps = {"TIMESTAMP_START": table.index.strftime("%Y%m%d%H%M")}
    text = table.rename(columns={"NEE": "FC"}).assign(**stamps).fillna(-9999).to_csv(index=False)
    zipped = folder / "AMF_US-Xyz_BASE-BADM_1-5.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("AMF_US-Xyz_BASE_HH_1-5.csv", "# Site: US-Xyz\n" + text)
    (folder / "sites.csv").write_text(SITES)
    return [zipped]


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    catalog = DataCatalog(
        {
            "raw_towers": MemoryDataset(files),
            "params:towers": MemoryDataset(TowerParameters()),
            "params:gap_filling": MemoryDataset(PARAMETERS),
            "filled_towers": TableFolderDataset(filepath=str(folder / "filled")),
            "gap_filling_figures": FigureFolderDataset(filepath=str(folder / "figures")),
            "gap_filling_runs": MemberRunsDataset(filepath=str(folder / "runs.json")),
        }
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    return {name: dataset.load() for name, dataset in outputs.items()}


def test_the_main_chain_reads_what_was_filled(made):
    towers, sites = read_towers(
        made["filled_towers"], allow_missing=("H", "LE", "LW_IN", "PA", "P", "WS")
    )
    assert sites[["site_id", "IGBP"]].to_numpy().tolist() == [["US-Xyz", "DBF"]]
    assert towers["time"].dt.month.tolist() == [5, 6]
    assert towers[["NEE", "GPP", "RECO", "TA", "NEE_PROCUNC"]].notna().all(axis=None)
    balance = towers["RECO"] - towers["GPP"]
    assert balance.to_numpy() == pytest.approx(towers["NEE"].to_numpy(), abs=0.05)


def test_each_tower_and_method_has_scores_and_sums(made):
    (run,) = made["gap_filling_runs"].values()
    assert run["metrics"]["NEE.short.RMSE"] > 0
    assert set(made["gap_filling_runs"]) == {"US-Xyz_2011-2011.mds"}


def test_the_page_shows_records_scores_and_pictures(made):
    page = made["gap_filling_page"]
    assert page.count("<img") == 3
    assert "US-Xyz_2011-2011" in page
    assert "sites.csv" not in page
    assert "none: +0 h are assumed" in page


def test_filled_towers_train_a_member(made):
    from uflux_kedro.ensemble import Member
    from uflux_kedro.features import build_training_table
    from uflux_kedro.models import fit_member, make_model

    settings = {"resolution": "DD", "allow_missing": ("H", "LE", "LW_IN", "PA", "P", "WS")}
    table = build_training_table(*read_towers(made["filled_towers"], **settings))
    predictors = ("TA", "SW_IN", "VPD", "DoY_sin", "DoY_cos")
    rows = table.dropna(subset=[*predictors, "GPP"])
    assert len(rows) == 61
    member = Member("TOWER", "GPP", "XGB", predictors)
    fitted = fit_member(member, rows, make_model("XGB", random_state=1))
    predicted = fitted.packed.predict(rows[[*predictors]].to_numpy("float32"), 1)
    assert np.corrcoef(np.ravel(predicted), rows["GPP"])[0, 1] > 0.9


def test_nothing_is_compared_without_scenarios(files):
    from uflux_kedro.pipelines.gap_filling.nodes import log_towers, read_records, score_methods

    rows, properties, _ = read_records(files, TowerParameters(), PARAMETERS)
    board = PARAMETERS.scoreboard.model_copy(update={"scenarios": ()})
    parameters = PARAMETERS.model_copy(update={"scoreboard": board})
    scoreboard = score_methods(rows, properties, pd.DataFrame({"record": []}), parameters)
    assert len(scoreboard) == 0
    sums = pd.DataFrame({"record": [], "period": [], "flux": [], "value": [], "total": []})
    (run,) = log_towers(properties, sums, scoreboard, {}, parameters)
    assert (run.name, run.metrics) == ("US-Xyz_2011-2011.mds", {})


def test_errors_by_length_take_scenarios_of_one_length():
    scores = pd.DataFrame(
        {"scenario": ["short", "long", "uflux", "long"], "part": ["all"] * 3 + ["day"]}
    )
    found = scores_by_length(scores, PARAMETERS)
    assert found["days"].tolist() == [8 / 48, 12]
    assert scores_by_length(scores[scores["scenario"] != "short"], PARAMETERS).empty


def test_the_run_of_the_method_in_use_holds_the_pictures_of_its_record(tmp_path):
    from uflux_kedro.datasets.member_run import _write_artifacts
    from uflux_kedro.figures.picture import Picture
    from uflux_kedro.pipelines.gap_filling.nodes import log_towers

    names = (
        "US-Xyz_2011-2011.fingerprint",
        "US-Xyz_2011-2011.NEE.residuals",
        "US-Abc_2011-2011.fingerprint",
    )
    pictures = {name: Picture(name.encode()) for name in names}
    properties = pd.DataFrame({"record": ["US-Xyz_2011-2011"], "site_id": ["US-Xyz"]})
    sums = pd.DataFrame({"record": [], "period": [], "flux": [], "value": [], "total": []})
    (run,) = log_towers(properties, sums, pd.DataFrame(), pictures, PARAMETERS)
    _write_artifacts(run, tmp_path, "")
    assert {p.name: p.read_text() for p in tmp_path.glob("*.png")} == {
        "fingerprint.png": names[0],
        "NEE.residuals.png": names[1],
    }


def test_every_flux_has_sums_and_residuals():
    from uflux_kedro.gapfilling.collection import as_tables
    from uflux_kedro.pipelines.gap_filling.nodes import draw_records
    from uflux_kedro.readers import HalfHours

    times = pd.date_range("2011-05-01", periods=96, freq="30min")
    rows = pd.DataFrame({"record": "US-Xyz_2011-2011", "time": times, "NEE": 1.0, "H": 2.0})
    _, properties, _ = as_tables([HalfHours("US-Xyz", rows.set_index("time")[["NEE", "H"]])])
    filled = rows.rename(columns={"NEE": "NEE_F", "H": "H_F"})
    own = {"record": "US-Xyz_2011-2011", "flux": ["NEE", "H"] * 2, "time": times[[0, 0, 95, 95]]}
    to_date = pd.DataFrame(own | {"value": 1.0, "lower": 0.0, "upper": 2.0})
    hidden = pd.DataFrame(own | {"truth": 1.0, "prediction": 2.0, "mds": 3.0})
    figures = draw_records(rows, properties, filled, to_date, hidden, pd.DataFrame(), PARAMETERS)
    assert set(figures) == {
        f"US-Xyz_2011-2011.{name}"
        for name in ("fingerprint", *(f"{f}.{k}" for f in ("NEE", "H") for k in ("cumulative", "residuals")))
    }  # fmt: skip
