"""An MLflow database of its own for every test."""

from __future__ import annotations

import shutil

import mlflow
import pytest
from mlflow.tracking import MlflowClient


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory):
    """Tables take seconds to create, and copies of the file none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(_empty_database, tmp_path):
    shutil.copy(_empty_database, tmp_path / "mlflow.db")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    client = MlflowClient()
    location = (tmp_path / "mlartifacts").as_uri()
    mlflow.set_experiment(experiment_id=client.create_experiment("uflux", location))
    yield client
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)
