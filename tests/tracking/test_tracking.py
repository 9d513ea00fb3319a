"""The MLflow run of a ``kedro run``: its name, inputs and results, and the end of killed ones."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from kedro_mlflow.framework.hooks import MlflowHook
from mlflow.tracking import MlflowClient

from uflux_kedro.configuration import PARENT_RUN
from uflux_kedro.datasets.member_run import MemberRunDataset
from uflux_kedro.datasets.member_times import times_of
from uflux_kedro.datasets.raw_files import FolderDataset, RawFilesDataset
from uflux_kedro.files import checksums
from uflux_kedro.tracking.__main__ import address, experiment_id
from uflux_kedro.tracking.hooks import TrackingHooks
from uflux_kedro.tracking.inputs import dataset_input, inputs_of
from uflux_kedro.tracking.killed import end_killed_runs
from uflux_kedro.tracking.provenance import facts_of, flat, git_commit, title_of
from uflux_kedro.validation.comparison import mean_of_members
from uflux_kedro.validation.ensemble import ensemble_skill

PARAMETERS = {"ensemble": {"model": "XGB", "groups": {}}, "training": {"scheme": "loso"}}


@pytest.mark.parametrize(
    ("members", "title"),
    [
        ([], "ingestion + quality (base)"),
        (["GPP.A"], "XGB, loso, A of GPP (base)"),
        (["GPP.A", "GPP.B"], "XGB, loso, 2 members of GPP (base)"),
        (["GPP.A", "H.A"], "XGB, loso, 2 members of 2 fluxes (base)"),
    ],
)
def test_a_run_is_named_for_what_it_does(members, title):
    assert title_of(members, ["ingestion", "quality"], "base", PARAMETERS) == title


def test_settings_are_flat():
    given = {
        "training": {"search": {"space": [1, 2]}, "model_parameters": {}},
        "seed": None,
        "peers": {"FLUXCOM-X (0.25°)": "x.nc"},
    }
    assert dict(flat(given)) == {
        "training.search.space": "[1, 2]",
        "training.model_parameters": "{}",
        "seed": "None",
        "peers.FLUXCOM-X _0.25__": "x.nc",
    }


def test_the_commit_says_whether_files_differ(tmp_path):
    assert git_commit(tmp_path) is None

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True
        )

    git("init")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "code")
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "code.py").write_text("2")
    assert git_commit(tmp_path) == f"{commit}+"


RUN = SimpleNamespace(info=SimpleNamespace(run_id="ab12", experiment_id="7"))


@pytest.mark.parametrize(
    ("store", "page"),
    [
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000/#/experiments/7/runs/ab12"),
        ("https://me:secret@mlflow.org/", "https://mlflow.org/#/experiments/7/runs/ab12"),
    ],
)
def test_the_report_learns_of_the_run_where_its_page_is(tmp_path, monkeypatch, store, page):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    facts = facts_of(tmp_path, "base", RUN)
    assert facts["mlflow_page"] == page
    assert facts["started"] > 1_700_000_000
    assert "commit" not in facts, "outside of git"
    assert "mlflow_run" not in facts_of(tmp_path, "base", None)


def test_with_a_date_of_the_source_equal_runs_have_equal_facts(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert facts_of(tmp_path, "base", RUN) == {"started": 86400, "environment": "base"}


def test_a_changed_file_has_another_checksum(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("abc")
    (found,) = checksums([file])
    assert found["sha256"].startswith("ba7816bf"), "that of abc"
    digest = dataset_input("towers", [found], "input").dataset.digest
    file.write_text("abd")
    assert dataset_input("towers", checksums([file]), "input").dataset.digest != digest
    (large,) = checksums([file], largest=2)
    assert set(large) == {"file", "bytes", "changed_ns"}


def test_a_folder_that_a_node_is_told_of_is_no_input(tmp_path):
    (tmp_path / "towers.csv").write_text("a")
    datasets = {
        "data_folder": FolderDataset(filepath=str(tmp_path)),
        "raw_towers": RawFilesDataset(filepath=str(tmp_path)),
    }
    assert list(inputs_of(datasets)) == ["raw_towers"]


def begin(client, data, *, parent=None, host="here"):
    tags = {"mlflow.parentRunId": parent} if parent else {"uflux.data": data, "uflux.host": host}
    return client.create_run("1", tags=tags).info.run_id


def test_killed_runs_end_as_killed_and_no_others(client):
    killed = begin(client, "/data")
    child, finished = begin(client, "", parent=killed), begin(client, "", parent=killed)
    client.set_terminated(finished, end_time=client.get_run(killed).info.start_time + 5000)
    failed = begin(client, "/data")
    client.set_terminated(failed, "FAILED")
    orphan = begin(client, "", parent=failed)
    elsewhere, other_host = begin(client, "/other"), begin(client, "/data", host="there")
    alive = begin(client, "", parent=elsewhere)
    active = begin(client, "/data")
    resumed = begin(client, "", parent=active)  # of the attempt that the run continues
    assert len(end_killed_runs(client, client.get_run(active))) == 1
    status = {
        name: client.get_run(run).info.status
        for name, run in {
            "killed": killed, "child": child, "finished": finished, "failed": failed,
            "orphan": orphan, "elsewhere": elsewhere, "other_host": other_host, "alive": alive,
            "active": active, "resumed": resumed,
        }.items()
    }  # fmt: skip
    assert status == {
        "killed": "KILLED", "child": "KILLED", "finished": "FINISHED", "failed": "FAILED",
        "orphan": "KILLED", "elsewhere": "RUNNING", "other_host": "RUNNING", "alive": "RUNNING",
        "active": "RUNNING", "resumed": "KILLED",
    }  # fmt: skip
    info = client.get_run(killed).info
    assert info.end_time - info.start_time == 5000, "it lived as long as its last member"
    assert end_killed_runs(client, client.get_run(active)) == []


def member_node(function, inputs, outputs, name):
    return node(function, inputs, outputs, name=name, namespace="GPP.A", tags="training")


@pytest.fixture
def project(tmp_path):
    """A run that trains one member, its catalog and its context."""
    times = pd.date_range("2001-01-01", periods=3)
    board = pd.DataFrame(
        {"flux": ["GPP", "GPP"], "predictor_set": ["A", "B"], "model": "XGB", "scheme": "loso", "sites": 1, "NSE": [0.7, 0.4],
         "RMSE": 1.0, "r2": 0.8, "KGE": 0.5, "MBE": [float("nan"), 0.0]}
    )  # fmt: skip
    predictions = pd.DataFrame(
        {"site_id": "S", "time": [*times, *times], "truth": [1.0, 2, 3, 1, 2, 3],
         "prediction": [0.0, 2, 3, 2, 2, 3]}
    )  # fmt: skip
    skill = ensemble_skill({"GPP": mean_of_members(predictions)}, board)
    intervals = pd.DataFrame(
        {"coverage": [0.91], "interval_score": 4.0, "interval_score_constant": float("nan")}
    )
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "towers.csv").write_text("a\n1\n")
    catalog = DataCatalog(
        {
            "raw_towers": RawFilesDataset(filepath=str(raw), patterns=["*.csv"]),
            "leaderboard_GPP": CSVDataset(filepath=str(tmp_path / "leaderboard_GPP.csv")),
            "leaderboard": CSVDataset(filepath=str(tmp_path / "leaderboard.csv")),
            "predictions_GPP": ParquetDataset(filepath=str(tmp_path / "predictions.parquet")),
            "interval_scores_GPP": CSVDataset(filepath=str(tmp_path / "interval_scores.csv")),
            "ensemble_skill": CSVDataset(filepath=str(tmp_path / "ensemble_skill.csv")),
            "report": TextDataset(filepath=str(tmp_path / "report.html")),
            "GPP.A.mlflow_run": MemberRunDataset(filepath=str(tmp_path / "mlflow_run.json")),
        }
    )
    pipeline = Pipeline(
        [
            node(lambda raw: (board, board, predictions, intervals, "<p>"), "raw_towers",
                 ["leaderboard_GPP", "leaderboard", "predictions_GPP", "interval_scores_GPP", "report"],
                 name="all"),
            node(lambda board: skill, "leaderboard", "ensemble_skill", name="score_ensemble"),
            member_node(lambda board: board, "leaderboard", "GPP.A.model", "fit"),
        ]
    )  # fmt: skip
    context = SimpleNamespace(
        project_path=tmp_path,
        env=None,
        config_loader={"globals": {"data": "data"}, "parameters": PARAMETERS},
        mlflow=KedroMlflowConfig(),
    )
    for name, data in (
        ("leaderboard_GPP", board),
        ("ensemble_skill", skill.assign(NSE_low=0.5)),
        ("leaderboard", board),
        ("report", "<p>"),
    ):
        catalog.save(name, data)
    catalog.save("predictions_GPP", predictions)
    catalog.save("interval_scores_GPP", intervals)
    hooks = TrackingHooks()
    hooks.after_context_created(context)
    return hooks, pipeline, catalog


def test_a_run_carries_what_it_was_and_what_came_out(project, client):
    hooks, pipeline, catalog = project
    with mlflow.start_run() as started:
        hooks.before_pipeline_run({}, pipeline, catalog)
        hooks.after_pipeline_run(pipeline, catalog)
    run = client.get_run(started.info.run_id)
    assert run.info.run_name == "XGB, loso, A of GPP (base)"
    assert run.info.status == "FINISHED"
    assert run.data.params["training.scheme"] == "loso"
    assert run.data.metrics["GPP.best.NSE"] == 0.7
    assert run.data.metrics["GPP.ensemble.NSE"] == pytest.approx(1.0), "two errors cancel"
    assert run.data.metrics["GPP.ensemble.NSE_low"] == 0.5
    assert "GPP.ensemble.NSE_high" not in run.data.metrics, "one tower has no interval"
    assert run.data.metrics["GPP.members"] == 2
    assert run.data.metrics["GPP.ensemble.coverage"] == 0.91
    assert run.data.metrics["GPP.ensemble.interval_score"] == 4.0
    assert "GPP.ensemble.interval_score_constant" not in run.data.metrics
    assert "GPP.best.MBE" not in run.data.metrics, "MLflow cannot sort NaN"
    note = run.data.tags["mlflow.note.content"]
    assert "| GPP | A | 0.700 | 1.000 | 1.000 | 0.000 | 2 | 1 |" in note
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "raw_towers"
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artifacts == {
        "ensemble_skill.csv", "environment.txt", "inputs.json", "leaderboard.csv", "report.html",
    }  # fmt: skip
    kept = client.download_artifacts(run.info.run_id, "inputs.json")
    with open(kept) as stream:
        assert len(json.load(stream)["raw_towers"][0]["sha256"]) == 64


def test_nodes_do_not_open_the_run_again(project, client, monkeypatch):
    hooks, pipeline, catalog = project
    kedro_mlflow = MlflowHook()
    kedro_mlflow.mlflow_config = hooks._context.mlflow
    kedro_mlflow._is_mlflow_enabled = False  # no parameters
    with mlflow.start_run() as started:
        hooks.before_pipeline_run({}, pipeline, catalog)
        kedro_mlflow.run_id = started.info.run_id
        read = []
        monkeypatch.setattr(MlflowClient, "get_run", lambda _, run_id: read.append(run_id))
        kedro_mlflow.before_node_run(pipeline.nodes[0], catalog, {}, is_async=False)
        assert not read
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(
                kedro_mlflow.before_node_run, pipeline.nodes[0], catalog, {}, is_async=False
            ).result()
            assert thread.submit(mlflow.active_run).result().info.run_id == started.info.run_id


def test_a_resumed_run_keeps_its_settings(project, client):
    hooks, pipeline, catalog = project
    with mlflow.start_run() as started:
        hooks.before_pipeline_run({}, pipeline, catalog)
    hooks._parameters = PARAMETERS | {"training": {"scheme": "kfold"}}
    with mlflow.start_run(run_id=started.info.run_id):
        hooks.before_pipeline_run({}, pipeline, catalog)
    run = client.get_run(started.info.run_id)
    assert run.data.params["training.scheme"] == "loso"


@pytest.mark.parametrize("end", ["error", "interrupted"])
def test_a_run_that_breaks_off_says_so(end, project, client):
    hooks, pipeline, catalog = project
    started = mlflow.start_run()
    hooks.before_pipeline_run({}, pipeline, catalog)
    if end == "error":
        hooks.on_pipeline_error(ValueError("a wrong file: https://me:word@host/file"))
        mlflow.end_run("FAILED")
    hooks._end_unfinished()  # as at the end of the process
    run = client.get_run(started.info.run_id)
    assert run.info.status == ("FAILED" if end == "error" else "KILLED")
    assert ("Failed: a wrong file: https://...@host" in run.data.tags["mlflow.note.content"]) is (
        end == "error"
    )


def test_nodes_of_members_are_timed(project, tmp_path, monkeypatch):
    hooks, pipeline, catalog = project
    monkeypatch.setenv(PARENT_RUN, "abc")
    for each in pipeline.nodes:
        hooks.before_node_run(each)
        hooks.after_node_run(each, catalog)
    times = times_of(tmp_path / "mlflow_run.json", "abc")
    assert list(times) == ["fit"]
    assert times["fit"][0] <= times["fit"][1]
    monkeypatch.delenv(PARENT_RUN)
    (tmp_path / "times.json").unlink()
    hooks.before_node_run(pipeline.nodes[-1])
    hooks.after_node_run(pipeline.nodes[-1], catalog)
    assert not (tmp_path / "times.json").exists(), "tracking is off"


def test_without_tracking_the_hooks_do_nothing(project, client):
    hooks, pipeline, catalog = project
    hooks.before_pipeline_run({}, pipeline, catalog)
    hooks.after_pipeline_run(pipeline, catalog)
    hooks.on_pipeline_error(ValueError())
    assert client.search_runs(["0", "1"]) == []


def test_the_ui_opens_on_model_training(client, tmp_path):
    store = f"sqlite:///{tmp_path}/mlflow.db"
    page = address("http://127.0.0.1:5000", experiment_id(store, "uflux"))
    assert page == "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
    for where, name in ((store, "another"), (f"sqlite:///{tmp_path}/absent.db", "uflux")):
        with pytest.raises(SystemExit, match=r"no runs of .* yet; `kedro run` makes the first"):
            experiment_id(where, name)
    assert not (tmp_path / "absent.db").exists()


def test_the_ui_shows_no_password_of_the_database(monkeypatch):
    absent = SimpleNamespace(get_experiment_by_name=lambda name: None)
    monkeypatch.setattr("mlflow.tracking.MlflowClient", lambda store: absent)
    with pytest.raises(SystemExit) as stopped:
        experiment_id("postgresql://me:word@host/runs", "uflux")
    assert str(stopped.value).startswith("postgresql://...@host/runs: no runs of uflux yet")
