"""Runs of members: own times, the user's name, and a registry in which scores are comparable."""

from __future__ import annotations

import json

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from uflux_kedro.configuration import ENVIRONMENT_TAG, PARENT_RUN
from uflux_kedro.datasets import member_run
from uflux_kedro.datasets.member_run import MemberRun, MemberRunDataset, MemberRunsDataset
from uflux_kedro.datasets.member_times import note_time, times_of

TAGS = {"flux": "GPP", "predictor_set": "A", "model": "RF"}


@pytest.fixture
def log(client, tmp_path, monkeypatch):
    """Log a member under a new parent and return its run; the model itself is not written."""
    monkeypatch.setattr(member_run, "write_mlflow_model", lambda _, folder, run_id: folder.mkdir())

    def log(scores, scheme="kfold", environment="base", times=()):
        with mlflow.start_run(tags={ENVIRONMENT_TAG: environment}) as parent:
            monkeypatch.setenv(PARENT_RUN, parent.info.run_id)
            dataset = MemberRunDataset(filepath=str(tmp_path / "mlflow_run.json"))
            for node, begun, ended in times:
                note_time(tmp_path / "mlflow_run.json", parent.info.run_id, node, begun, ended)
            params = {"scheme": scheme, "max_depth": 3}
            dataset.save(MemberRun("A.GPP.RF", TAGS, params, scores, "what it is", model=object()))
        return client.get_run(dataset.load()["run_id"])

    return log


def test_a_member_has_its_own_times_its_user_and_a_description(log, client):
    run = log(
        {"NSE": 0.5, "sites": 8.0},
        times=[("predict_held_out", 1000.0, 1060.5), ("fit", 1100.0, 1102.25)],
    )
    assert run.info.start_time == 1_000_000
    assert run.info.end_time > run.info.start_time
    assert run.data.metrics["validation_seconds"] == 60.5
    assert run.data.metrics["fit_seconds"] == 2.25
    parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    assert run.data.tags["mlflow.user"] == parent.data.tags["mlflow.user"]
    assert run.data.tags["mlflow.source.name"] == parent.data.tags["mlflow.source.name"]
    assert run.data.tags["mlflow.note.content"] == "what it is"


def test_times_of_an_earlier_run_are_no_times_of_this_one(tmp_path, log):
    note_time(tmp_path / "mlflow_run.json", "another run", "fit", 1.0, 2.0)
    run = log({"NSE": 0.5})
    assert "fit_seconds" not in run.data.metrics
    assert run.info.start_time > 1_000_000_000_000
    note_time(tmp_path / "mlflow_run.json", "this", "fit", 3.0, 4.0)
    assert times_of(tmp_path / "mlflow_run.json", "this") == {"fit": [3.0, 4.0]}


def champion(client, name):
    return str(client.get_model_version_by_alias(name, "champion").version)


def test_the_champion_is_the_best_and_not_the_last(log, client):
    name = "A.GPP.RF.base.kfold"
    for scores, expected in (
        ({"NSE": 0.5, "sites": 8.0}, "1"),
        ({"NSE": 0.6, "sites": 8.0}, "2"),
        ({"NSE": 0.4, "sites": 8.0}, "2"),
        ({"NSE": 0.9, "sites": 3.0}, "2"),  # a subset of the towers
        ({"NSE": 0.6, "sites": 8.0}, "5"),  # of equals the newest
        ({"NSE": float("nan"), "sites": 8.0}, "5"),
        ({"NSE": 0.3, "sites": 12.0}, "7"),  # more towers
    ):
        log(scores)
        assert champion(client, name) == expected, scores
    version = client.get_model_version(name, "1")
    assert version.description == "what it is"
    assert version.tags["NSE"] == "0.5"


def test_environments_and_schemes_are_kept_apart(log, client):
    log({"NSE": 0.9, "sites": 8.0})
    log({"NSE": 0.2, "sites": 8.0}, scheme="loso")
    log({"NSE": 0.1, "sites": 8.0}, environment="fluxnet2015")
    names = {model.name for model in client.search_registered_models()}
    assert names == {
        "A.GPP.RF.base.kfold",
        "A.GPP.RF.base.loso",
        "A.GPP.RF.fluxnet2015.kfold",
    }
    assert all(champion(client, name) == "1" for name in names)
    assert client.get_registered_model("A.GPP.RF.base.loso").tags["scheme"] == "loso"


def test_a_member_that_cannot_be_logged_has_failed(log, client, monkeypatch):
    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(member_run, "write_mlflow_model", full)
    with pytest.raises(Exception, match="no space left"):
        log({"NSE": 0.5})
    (run,) = client.search_runs(["1"], "tags.flux = 'GPP'")
    assert run.info.status == "FAILED"
    with pytest.raises(MlflowException):
        client.get_registered_model("A.GPP.RF.base.kfold")


def test_without_tracking_only_the_receipt_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(PARENT_RUN, raising=False)
    dataset = MemberRunDataset(filepath=str(tmp_path / "mlflow_run.json"))
    dataset.save(MemberRun("A.GPP.RF", TAGS, {"scheme": "kfold"}, {"NSE": 0.5}))
    receipt = json.loads((tmp_path / "mlflow_run.json").read_text())
    assert receipt == {
        "member": "A.GPP.RF",
        "metrics": {"NSE": 0.5},
        "parent_run_id": None,
        "run_id": None,
    }


def test_any_number_of_runs_under_one_parent(client, tmp_path, monkeypatch):
    dataset = MemberRunsDataset(filepath=str(tmp_path / "runs.json"))
    runs = [
        MemberRun(n, {"method": n}, {"draws": 1}, {"RMSE": r})
        for n, r in (("a", 2.0), ("b", float("nan")))
    ]
    with mlflow.start_run() as parent:
        monkeypatch.setenv(PARENT_RUN, parent.info.run_id)
        dataset.save(runs)
    receipt = dataset.load()
    assert receipt["b"]["metrics"] == {}
    logged = client.get_run(receipt["a"]["run_id"])
    assert logged.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (logged.data.metrics, logged.data.params) == (
        {"RMSE": 2.0},
        {"method": "a", "draws": "1"},
    )
    monkeypatch.delenv(PARENT_RUN)
    dataset.save(runs)
    assert dataset.load()["a"]["run_id"] is None
