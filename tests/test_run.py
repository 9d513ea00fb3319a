"""A small run from raw files of the demo world to maps, report and MLflow."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from kedro_viz.integrations.kedro.hooks_utils import hash_node
from playwright.sync_api import expect

from tests.testing.blocks import ON_RESULTS, blocks_of, run_python
from tests.testing.browser import answer, chromium, needs_chromium
from tests.testing.project import PROJECT
from tests.testing.screens import (
    copy_of_project,
    kedro_viz,
    mlflow_ui,
    open_boxes,
    open_dataset,
    open_member,
    open_runs,
)
from uflux_kedro.validation.metrics import LEADERBOARD_COLUMNS

FLUXES = ("GPP", "RECO", "NEE", "H", "LE")
SETS = ("MODIS-NIRv-ERA5", "MODIS-NIRv-CFSV2", "GOSAT-755-SIF-ERA5")


KEDRO_RUN = (sys.executable, "-m", "kedro", "run", "--env", "test")


def environment_of(folder: Path) -> dict[str, str]:
    """Return an environment that keeps the results and tracking of a run in ``folder``."""
    return os.environ | {
        "UFLUX_TEST_DATA": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACT_LOCATION": (folder / "mlartifacts").as_uri(),
        "UFLUX_VIZ_FOLDER": str(folder / ".viz"),
    }


def kedro_run(folder: Path, *arguments: str) -> None:
    """Run the project as a user does."""
    done = subprocess.run(
        [*KEDRO_RUN, *arguments],
        cwd=PROJECT,
        env=environment_of(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder of a finished run, and the MLflow database beside it."""
    folder = tmp_path_factory.mktemp("run")
    kedro_run(folder, "--pipelines", "demo_world")
    kedro_run(folder)
    return folder


@pytest.fixture(scope="module")
def client(results):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{results}/mlflow.db")


@pytest.fixture(scope="module")
def runs(client):
    experiment = client.get_experiment_by_name("uflux").experiment_id
    return client.search_runs([experiment], max_results=1000)


def test_leaderboard_has_one_row_a_member(results):
    table = pd.read_csv(results / "08_reporting" / "leaderboard.csv")
    assert tuple(table.columns) == LEADERBOARD_COLUMNS
    assert sorted(zip(table["flux"], table["predictor_set"], strict=True)) == sorted(
        (flux, predictors) for flux in FLUXES for predictors in SETS
    )
    assert (table["sites"] == 10).all()
    assert (table["n"] > 100).all()
    assert table[["r2", "NSE", "CCC", "NSE_median", "RMSE_p90"]].notna().all(axis=None)
    assert (table["RMSE_p90"] >= table["RMSE_median"]).all()
    assert table.loc[table["flux"] == "GPP", "KGE"].notna().all()
    assert table.loc[table["flux"] == "NEE", "KGE"].isna().all(), "its mean is near zero"


def test_members_are_compared_with_the_first_of_their_flux(results):
    board = pd.read_csv(results / "08_reporting" / "leaderboard.csv")
    for flux in FLUXES:
        table = pd.read_csv(results / "07_model_output" / flux / "comparison.csv")
        assert table["predictor_set"].tolist() == list(SETS[1:])
        assert (table["reference"] == SETS[0]).all()
        assert (table["NSE_low"] <= table["NSE_high"]).all()
        assert table["NSE_p_value"].between(0, 1).all()
        nse = board[board["flux"] == flux].set_index("predictor_set")["NSE"]
        expected = nse[SETS[1]] - nse[SETS[0]]
        assert table["NSE_difference"][0] == pytest.approx(expected)


def test_held_out_rows_are_each_predicted_once(results):
    table = pd.read_parquet(results / "07_model_output" / "GPP" / "predictions.parquet")
    assert not table.duplicated(["predictor_set", "site_id", "time"]).any()
    folds = table.groupby(["predictor_set", "site_id"])["fold"].nunique()
    assert (folds == 1).all(), "a site's months stand in one fold"


@pytest.mark.parametrize("flux", FLUXES)
def test_product_is_mean_and_spread_of_its_members(results, flux):
    with xr.open_dataset(results / "07_model_output" / flux / f"{flux}.nc") as product:
        members = product[f"{flux}_member"]
        assert members.sizes["realization"] == len(SETS)
        xr.testing.assert_allclose(product[flux], members.mean("realization"), rtol=1e-4, atol=1e-4)
        xr.testing.assert_allclose(
            product[f"{flux}_std"].fillna(0),
            members.std("realization").fillna(0),
            rtol=1e-3,
            atol=1e-3,
        )
        assert product.attrs["Conventions"] == "CF-1.11"
        assert product.sizes["time"] == 3
        sea = 1 - product[flux].notnull().any("time").mean()
        assert 0.5 < sea < 0.9, "most of the Earth is sea"


def test_products_have_intervals_and_completeness(results):
    for flux in (*FLUXES, "ET"):
        with xr.open_dataset(results / "07_model_output" / flux / f"{flux}.nc") as product:
            known = product[flux].notnull().values
            lower, upper, completeness = (
                product[f"{flux}_{name}"].values[known]
                for name in ("lower", "upper", "completeness")
            )
            assert (lower <= product[flux].values[known]).all(), flux
            assert (upper >= product[flux].values[known]).all(), flux
            assert ((completeness >= 0) & (completeness < 1)).all(), flux


def test_all_that_the_demo_world_gives_says_that_it_is_simulated(results, runs):
    for flux in (*FLUXES, "ET", "WUE"):
        with xr.open_dataset(results / "07_model_output" / flux / f"{flux}.nc") as product:
            assert product.attrs["title"].startswith("Simulated data: ")
            assert product.attrs["simulated"].startswith("towers, ERA5, ")
            assert "FLUXNET2015" not in " ".join(map(str, product.attrs.values()))
    for page in ("report", "quality"):
        text = (results / "08_reporting" / f"{page}.html").read_text()
        assert "<title>Simulated data: " in text
        assert "come from the demo world of uflux_kedro, not from measurements" in text
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert all(r.data.tags["simulated"].startswith("towers, ERA5") for r in children)


def test_the_headline_is_the_ensemble_that_the_maps_show(results, runs):
    skill = pd.read_csv(results / "08_reporting" / "ensemble_skill.csv").set_index("flux")
    assert set(skill.index) == set(FLUXES)
    assert (skill["NSE_low"] < skill["NSE"]).all()
    assert (skill["NSE"] < skill["NSE_high"]).all()
    closed = pd.read_parquet(results / "07_model_output" / "carbon_closed.parquet")
    for flux in ("GPP", "H"):
        shown = pd.read_parquet(results / "07_model_output" / flux / "held_out.parquet")
        if flux == "GPP":
            own = closed[closed["flux"] == flux].set_index(["site_id", "time"])["centre"]
            moved = own.reindex(pd.MultiIndex.from_frame(shown[["site_id", "time"]])).to_numpy()
            shown["prediction"] = np.where(np.isnan(moved), shown["prediction"], moved)
        error = shown["prediction"] - shown["truth"]
        expected = 1 - error.pow(2).mean() / shown["truth"].var(ddof=0)
        assert skill.loc[flux, "NSE"] == pytest.approx(expected)
        assert skill.loc[flux, "n"] == len(shown)
    (parent,) = (r for r in runs if "GPP.ensemble.NSE_low" in r.data.metrics)
    assert parent.data.metrics["GPP.ensemble.NSE"] == pytest.approx(skill.loc["GPP", "NSE"])

    steps = pd.read_csv(results / "08_reporting" / "skill_by_step.csv").set_index(["flux", "step"])
    assert list(steps.loc["LE"].index) == ["month", "season", "anomaly", "year", "site"]
    for flux in FLUXES:
        assert steps.loc[(flux, "month"), "NSE"] == pytest.approx(skill.loc[flux, "NSE"])
    metric = parent.data.metrics["LE.ensemble.anomaly.RMSE_p90"]
    assert metric == pytest.approx(steps.loc[("LE", "anomaly"), "RMSE_p90"])
    assert "By step of time" in (results / "08_reporting" / "report.html").read_text()


def test_carbon_has_no_value_on_land_without_plants_and_energy_has(results):
    drivers = xr.open_zarr(results / "04_feature" / "drivers.zarr", consolidated=False)
    bare = drivers["IGBP"].isin([15, 16]).to_numpy()
    assert bare.any()
    for flux in FLUXES:
        with xr.open_dataset(results / "07_model_output" / flux / f"{flux}.nc") as product:
            known = product[flux].notnull().to_numpy()[:, bare]
            assert known.any() == (flux in ("H", "LE"))
    totals = pd.read_csv(results / "08_reporting" / "aggregates.csv")
    whole = totals[totals["region_kind"] == "global"].set_index("flux")
    assert whole.loc["GPP", "coverage"] < whole.loc["H", "coverage"] <= 1
    assert whole["extrapolated"].between(0, 1).all()


def test_the_carbon_budget_closes_to_the_last_bit(results):
    folder = results / "07_model_output"
    gpp, reco, nee = (
        xr.open_dataset(folder / flux / f"{flux}.nc") for flux in ("GPP", "RECO", "NEE")
    )
    np.testing.assert_array_equal(reco["RECO"] - gpp["GPP"], nee["NEE"])
    predicted = xr.open_zarr(folder / "NEE" / "predicted.zarr", consolidated=False)
    assert not np.array_equal(predicted["NEE"].values, nee["NEE"].values)
    totals = pd.read_csv(results / "08_reporting" / "aggregates.csv")
    assert (totals["lower"] < totals["value"]).all()
    assert (totals["value"] < totals["upper"]).all()


def test_intervals_are_judged_for_members_and_ensemble(results, runs):
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert all({"coverage", "interval_score"} <= r.data.metrics.keys() for r in children)
    for flux in FLUXES:
        scores = pd.read_csv(results / "07_model_output" / flux / "interval_scores.csv")
        (parent,) = (r for r in runs if f"{flux}.ensemble.coverage" in r.data.metrics)
        assert parent.data.metrics[f"{flux}.ensemble.coverage"] == scores["coverage"][0]
    page = (results / "08_reporting" / "report.html").read_text()
    assert 'id="uncertainty"' in page
    assert 'id="explanation"' in page


def test_training_table_and_drivers_have_the_same_numbers(results):
    table = pd.read_parquet(results / "05_model_input" / "training_table.parquet")
    drivers = xr.open_zarr(results / "04_feature" / "drivers.zarr", consolidated=False)
    row = table.iloc[len(table) // 2]
    cell = drivers.sel(latitude=row["latitude"], longitude=row["longitude"], method="nearest").sel(
        time=row["time"]
    )
    names = [n for n in drivers.data_vars if n in table and n != "IGBP"]
    assert len(names) > 30
    for name in names:
        assert float(cell[name]) == pytest.approx(float(row[name]), nan_ok=True), name


def test_every_member_is_a_child_of_one_parent(runs):
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert len(children) == len(FLUXES) * len(SETS)
    parents = {r.data.tags["mlflow.parentRunId"] for r in children}
    assert len(parents) == 1
    (parent,) = (r for r in runs if r.info.run_id in parents)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "DF21, kfold, 15 members of 5 fluxes (test)"
    assert {f"{f}.{of}.NSE" for f in FLUXES for of in ("best", "ensemble")} <= set(
        parent.data.metrics
    )
    assert parent.data.params["training.scheme"] == "kfold"
    assert {d.dataset.name for d in parent.inputs.dataset_inputs} >= {"raw_towers", "raw_ERA5"}
    for run in children:
        assert run.info.status == "FINISHED"
        assert {"flux", "predictor_set", "model"} <= run.data.params.keys() & run.data.tags.keys()
        assert {"NSE", "NSE_low", "NSE_high", "r2", "RMSE"} <= run.data.metrics.keys()
        # All nodes ran here, each member's own.
        length = (run.info.end_time - run.info.start_time) / 1000
        assert 0 < run.data.metrics["fit_seconds"] < length
        assert run.info.start_time > parent.info.start_time
        assert run.data.tags["mlflow.user"] == parent.data.tags["mlflow.user"]


def test_children_hold_tables_figure_and_model(client, runs):
    run = next(r for r in runs if r.data.params.get("flux") == "LE")
    paths = {a.path for a in client.list_artifacts(run.info.run_id)}
    assert {"site_scores.csv", "skill.csv", "held_out.png", "model"} <= paths


@pytest.fixture
def tracking(results):
    """Set MLflow to the run's database for the test."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{results}/mlflow.db")
    yield mlflow
    mlflow.set_tracking_uri(before)


def test_tracked_model_predicts_from_a_table(results, runs, tracking):
    run = next(r for r in runs if r.data.params.get("flux") == "GPP")
    model = tracking.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    table = pd.read_parquet(results / "05_model_input" / "training_table.parquet")
    wanted = model.metadata.get_input_schema().input_names()
    rows = table[wanted].astype(float).dropna().head(20)
    prediction = model.predict(rows)
    assert list(prediction.columns) == ["GPP"]
    assert prediction["GPP"].between(-5, 30).all()


def test_model_is_registered_under_its_members_name(results, runs, tracking):
    names = {v.name: v for v in tracking.MlflowClient().search_model_versions()}
    assert len(names) == len(FLUXES) * len(SETS)
    version = names[f"{SETS[0]}.LE.DF21.test.kfold"]
    board = pd.read_csv(results / "08_reporting" / "leaderboard.csv").set_index(
        ["flux", "predictor_set"]
    )
    assert float(version.tags["NSE"]) == pytest.approx(board["NSE"]["LE", SETS[0]], abs=1e-3)
    best = tracking.pyfunc.load_model(f"models:/{version.name}@champion")
    assert best.metadata.run_id == version.run_id


@pytest.mark.parametrize("page", ON_RESULTS)
def test_code_of_the_pages_works_with_results(results, tracking, page, tmp_path, monkeypatch):
    """As in the project's folder after ``kedro run``, but for the environment's name."""
    (tmp_path / "data").symlink_to(results)
    (tmp_path / "mlflow.db").symlink_to(results / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    blocks = [b for b in blocks_of(PROJECT / page) if b.language == "python" and not b.why_not]
    assert blocks
    run_python([replace(b, code=b.code.replace(".base.", ".test.")) for b in blocks], {})


def test_receipts_agree_with_the_leaderboard(results):
    table = pd.read_csv(results / "08_reporting" / "leaderboard.csv")
    row = table[(table["flux"] == "H") & (table["predictor_set"] == SETS[0])].iloc[0]
    receipt = json.loads(
        (results / "07_model_output" / "H" / SETS[0] / "mlflow_run.json").read_text()
    )
    assert receipt["metrics"]["NSE"] == pytest.approx(row["NSE"])


def test_totals_are_those_of_the_products(results):
    table = pd.read_csv(results / "08_reporting" / "aggregates.csv")
    assert set(table["flux"]) == {*FLUXES, "ET"}
    assert set(table["region_kind"]) == {"global", "zonal", "IGBP", "country"}
    # Three months are no year: means alone.
    assert set(table["statistic"]) == {"mean"}
    with xr.open_dataset(results / "07_model_output" / "H" / "H.nc") as product:
        days = (product["time_bnds"].diff("bnds") / np.timedelta64(1, "D")).squeeze("bnds")
        expected = float(product["H"].weighted(product["cell_area"] * days).mean())
        # Where a member has no value the ensemble's own stands in.
        members = product["H_member"].fillna(product["H"]).weighted(product["cell_area"] * days)
        spread = float(members.mean(("time", "latitude", "longitude")).std())
    row = table.query("flux == 'H' and region_kind == 'global'").iloc[0]
    assert row["value"] == pytest.approx(expected, rel=1e-5)
    assert row["std_members"] == pytest.approx(spread, rel=1e-4)


def test_products_are_compared_with_the_truth_of_the_demo_world(results):
    table = pd.read_csv(results / "08_reporting" / "peers.csv").set_index("flux")
    assert (table["peer"] == "demo-truth").all()
    assert set(table.index) == set(FLUXES)
    for flux in FLUXES:
        with (
            xr.open_dataset(results / "07_model_output" / flux / f"{flux}.nc") as product,
            xr.open_dataset(results / "demo_truth" / "fluxes.nc") as truth,
        ):
            away = (product[flux] - truth[flux]).weighted(product["cell_area"])
            worst = float(np.abs(away.mean(("latitude", "longitude"))).max())
        assert abs(table.loc[flux, "bias"]) <= worst
        assert table.loc[flux, "RMSE"] > 0
    assert table.loc["GPP", "NSE"] > 0


def test_evapotranspiration_follows_from_latent_heat(results):
    folder = results / "07_model_output"
    with xr.open_dataset(folder / "ET" / "ET.nc") as et, xr.open_dataset(folder / "LE" / "LE.nc") as le:  # fmt: skip
        assert et["ET"].attrs["units"] == "mm d-1"
        ratio = (et["ET"] / le["LE"]).where(abs(le["LE"]) > 1)
        # 2.36 MJ kg-1 at 60 degC to 2.69 at -80 degC
        assert 0.0864 / 2.69 < float(ratio.min()) < float(ratio.max()) < 0.0864 / 2.36
    with xr.open_dataset(folder / "WUE" / "WUE.nc") as wue:
        assert wue["WUE"].notnull().any()


def test_report_is_one_page_with_its_figures(results):
    page = (results / "08_reporting" / "report.html").read_text()
    assert page.count("data:image/") >= 8
    for text in (
        "Figure 1. Tower against model",
        *(f"(Figure {number} of UFLUX.)" for number in ("2", "3", "4a", "5", "8")),
        "Members compared",
        "Compared with demo-truth",
        "Budgets",
        "MODIS-NIRv-ERA5",
    ):
        assert text in page


def test_killed_run_resumes_to_the_same_result(results, tmp_path):
    """After SIGKILL in training, a resumed run computes the rest, and only the rest."""
    shutil.copytree(results / "01_raw", tmp_path / "01_raw")
    two = ("--params", f"ensemble.select={SETS[0]}.GPP.* {SETS[1]}.GPP.*")
    two = (*two, "--to-outputs", "leaderboard")
    log = tmp_path / "log.txt"
    with log.open("w") as stream:
        run = subprocess.Popen(
            [*KEDRO_RUN, *two],
            cwd=PROJECT,
            env=environment_of(tmp_path),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        unfinished = tmp_path / "unfinished"
        scored = unfinished / "07_model_output" / "GPP"
        deadline = time.monotonic() + 300
        while not list(scored.rglob("scores.json")) and time.monotonic() < deadline:
            assert run.poll() is None, log.read_text()
            time.sleep(0.02)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert run.returncode == -signal.SIGKILL, "killed before its end"
    assert not (tmp_path / "08_reporting" / "leaderboard.csv").exists()
    towers = Path("03_primary", "towers.parquet")
    before = (unfinished / towers).stat().st_mtime_ns
    kedro_run(tmp_path, *two, "--only-missing-outputs")
    after = (tmp_path / towers).stat().st_mtime_ns
    assert after == before, "what was finished is not made again"
    assert not unfinished.exists()
    # Members are fitted apart from each other: fewer of them have the same scores.
    key = ["flux", "predictor_set"]
    whole = pd.read_csv(results / "08_reporting" / "leaderboard.csv").set_index(key)
    resumed = pd.read_csv(tmp_path / "08_reporting" / "leaderboard.csv").set_index(key)
    assert len(resumed) == 2
    pd.testing.assert_frame_equal(resumed, whole.loc[resumed.index])


FRESH = "%reset -f\nimport matplotlib.pyplot as plt; plt.close('all')"
"""Begins a notebook in a kernel that ran another: none of its names are left."""


@pytest.fixture(scope="module")
def kernel(results):
    """One kernel for all notebooks, in the environment of the run."""
    import asyncio

    from jupyter_client.manager import AsyncKernelManager

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(results).items():
            patch.setenv(name, value)
        patch.setenv("KEDRO_ENV", "test")
        manager = AsyncKernelManager(kernel_name="python3")
        yield manager
        asyncio.run(manager.shutdown_kernel(now=True))


@pytest.mark.parametrize(
    ("name", "pictures", "words"),
    [
        ("explore_towers", 3, ["RECO"]),
        ("compare_members", 1, [*SETS, "MBE"]),
        ("look_at_a_product", 3, ["GPP_completeness", "60N to 90N"]),
        ("fill_a_gap", 1, ["filling"]),
        ("bring_your_own_table", 1, ["expected -80 to 60 degC; found 156 values outside"]),
    ],
)
def test_notebooks_run_on_a_finished_run(kernel, name, pictures, words):
    """Every cell runs and is quiet, and draws or prints what the text speaks of."""
    import nbformat
    from nbclient import NotebookClient

    path = PROJECT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FRESH))
    resources = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, km=kernel, timeout=300, resources=resources).execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert [o["text"] for o in outputs if o.get("name") == "stderr"] == []
    shown = [o.get("data", {}) for o in outputs]
    assert sum("image/png" in data for data in shown) == pictures
    text = "".join(str(d.get("text/html", "")) for d in shown)
    text += "".join(o.get("text", "") for o in outputs)
    assert [word for word in words if word not in text] == []


@needs_chromium
def test_kedro_viz_shows_boxes_fluxes_previews_and_the_run(results, tmp_path):
    project = copy_of_project(tmp_path)
    shutil.copytree(results / ".viz", project / ".viz")
    with kedro_viz(project, "test", environment_of(results)) as url, chromium() as page:
        nodes = page.locator(".pipeline-node")
        open_boxes(page, url)
        boxes = [*FLUXES, "derived", "features", "ingestion", "reporting"]
        assert sorted(nodes.all_text_contents()) == sorted(boxes)

        page.locator(".pipeline-list .dropdown__label").click()
        page.get_by_role("option", name="LE", exact=True).click()
        expect(nodes).to_have_text(["LE"])

        open_dataset(page, url, "leaderboard")
        expect(page.locator(".preview-table__row")).to_have_count(len(FLUXES) * len(SETS))
        board = pd.read_csv(results / "08_reporting" / "leaderboard.csv")
        expect(page.locator(".preview-table")).to_contain_text(str(board["NSE"][0]))
        open_dataset(page, url, "figure_scatter")
        assert page.locator(".pipeline-metadata__plot-image").evaluate(_WIDTH) > 500

        tasks = sum(n["type"] == "task" for n in answer(f"{url}api/main")["nodes"])
        page.goto(f"{url}workflow")
        expect(page.locator(".pipeline-node--task")).to_have_count(tasks, timeout=240_000)
        run = page.locator(".run-status-notification__text")
        expect(run).to_have_text(re.compile("^Run execution completed successfully in "))
        failed = page.locator(".pipeline-node:not(.pipeline-node--status-success)")
        assert failed.all_text_contents() == []

        status = answer(f"{url}api/run-status")
        sizes = {d["name"]: d["size"] for d in status["datasets"].values()}
        stats = answer(f"{url}api/nodes/{hash_node('training_table')}")["stats"]
    files = (results / "07_model_output" / "GPP" / "GPP.zarr").rglob("*")
    assert sizes["product_GPP"] == sum(f.stat().st_size for f in files if f.is_file())
    table = results / "05_model_input" / "training_table.parquet"
    assert stats["rows"] == len(pd.read_parquet(table))
    assert stats["file_size"] == table.stat().st_size


_WIDTH = "picture => picture.decode().then(() => picture.naturalWidth)"
"""Pixels across a picture, once it is there."""


@needs_chromium
def test_mlflow_shows_members_charts_pictures_and_the_champion(results, runs):
    members = {r.info.run_name: r for r in runs if "mlflow.parentRunId" in r.data.tags}
    gpp = [f"{s}.GPP.DF21" for s in SETS]
    by_skill = sorted(gpp, key=lambda name: -members[name].data.metrics["NSE"])
    best = members[by_skill[0]]
    (parent,) = (r for r in runs if r.info.run_id == best.data.tags["mlflow.parentRunId"])
    experiment = parent.info.experiment_id
    with mlflow_ui(environment_of(results)) as url, chromium() as page:
        open_runs(page, url, experiment)
        expect(page.get_by_text(parent.info.run_name)).to_be_visible()
        page.locator("[data-component-id*=runnamecellrenderer]").first.click()
        for name in members:
            expect(page.locator(".ag-row").filter(has_text=name)).to_have_count(1)

        open_runs(page, url, experiment, "GPP")
        for row, name in enumerate(by_skill):
            line = page.locator(f".ag-row[row-index='{row}']").filter(has_text=name)
            expect(line).to_have_count(1)
        expect(page.get_by_text("3 matching runs")).to_be_visible()
        open_runs(page, url, experiment, "GPP", charts=True)
        for name in gpp:
            bar = f"{members[name].data.metrics['NSE']:.2f}"
            expect(page.locator(".bartext").get_by_text(bar, exact=True).first).to_be_attached()

        open_member(page, url, experiment, best.info.run_id)
        page.get_by_role("tab", name="Artifacts").click()
        page.get_by_text("held_out.png").click()
        assert page.locator("img[alt='held_out.png']").evaluate(_WIDTH) > 500

        page.goto(f"{url}/#/models/{best.info.run_name}.test.kfold")
        expect(page.get_by_text("champion")).to_be_visible()
        expect(page.get_by_text(f"{best.data.metrics['NSE']:.6g}")).to_be_visible()


@needs_chromium
def test_the_report_leads_to_its_figures_and_tables(results, tmp_path):
    """The first screen, contents that lead to a section, a figure enlarged, a table saved."""
    errors: list[str] = []
    with chromium() as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((results / "08_reporting" / "report.html").as_uri())
        expect(page.locator("h1")).to_be_in_viewport()
        link = page.locator("nav.contents a[href='#maps']")
        link.click()
        expect(page.locator("#maps > h2")).to_be_in_viewport()
        expect(link).to_have_attribute("aria-current", "location")

        figure = page.locator("#maps figure").first
        small = figure.locator("img").bounding_box()
        figure.locator("img").click()
        large = page.locator("dialog[open] img")
        assert large.evaluate(_WIDTH) > 0
        assert large.bounding_box()["width"] > small["width"]
        assert large.get_attribute("alt")
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)

        with page.expect_download() as download:
            page.locator("a.csv[download='leaderboard.csv']").click()
        download.value.save_as(tmp_path / "leaderboard.csv")
    assert errors == []
    saved, made = (
        pd.read_csv(folder / "leaderboard.csv")[["flux", "predictor_set", "NSE"]]
        for folder in (tmp_path, results / "08_reporting")
    )
    keys = ["flux", "predictor_set"]
    pd.testing.assert_frame_equal(
        saved.sort_values(keys, ignore_index=True), made.sort_values(keys, ignore_index=True)
    )
