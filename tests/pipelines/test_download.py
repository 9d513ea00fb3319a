"""The pipeline ``download`` as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.testing.project import PROJECT
from tests.testing.servers import Running
from tests.testing.zenodo_server import Zenodo
from uflux_kedro.downloads.parameters import DownloadParameters
from uflux_kedro.pipelines.download.nodes import fetch_raw_files


@pytest.fixture
def zenodo():
    served = Zenodo()
    served.records[17255948] = {
        "co2_mm_gl.txt": b"# month average\n",
        "sites.txt": b"Mauna Loa\n",
        "other.bin": b"0",
    }
    with Running(served) as running:
        yield running


@pytest.fixture
def run(zenodo, tmp_path):
    """Run the pipeline with a configuration that holds an order."""
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    order = {"record": 17255948, "folder": "CO2", "files": ["*.txt"]}
    block = {"download": {"zenodo_api": zenodo.api, "zenodo": [order], "retries": 0}}
    (tmp_path / "conf" / "test" / "parameters_download.yml").write_text(yaml.safe_dump(block))
    environment = os.environ | {
        "UFLUX_TEST_DATA": str(tmp_path / "data"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "MLFLOW_ARTIFACT_LOCATION": (tmp_path / "mlartifacts").as_uri(),
    }
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "download"]
    command += ["--conf-source", str(tmp_path / "conf")]

    def run():
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return pd.read_csv(tmp_path / "data" / "01_raw" / "downloads.csv")

    return run


def test_kedro_run_fetches_what_is_ordered_and_not_there(run, zenodo, tmp_path):
    folder = tmp_path / "data" / "01_raw" / "CO2"
    folder.mkdir(parents=True)
    (folder / "sites.txt").write_bytes(b"Mauna Loa\n")
    rows = run()
    assert rows[["folder", "file", "action"]].to_numpy().tolist() == [
        ["CO2", "co2_mm_gl.txt", "fetched"],
        ["CO2", "sites.txt", "kept"],
    ]
    assert (folder / "co2_mm_gl.txt").read_bytes() == b"# month average\n"
    assert (folder / "manifest.json").exists()
    assert [a.path for a in zenodo.received if a.path.endswith("/content")] == [
        zenodo.content(17255948, "co2_mm_gl.txt")
    ]


def test_nothing_is_fetched_by_default(tmp_path):
    block = yaml.safe_load((PROJECT / "conf/base/parameters_download.yml").read_text())["download"]
    parameters = DownloadParameters(**block)
    assert parameters == DownloadParameters()
    rows = fetch_raw_files(parameters, tmp_path / "01_raw")
    assert rows.empty
    assert list(rows.columns)[:3] == ["folder", "file", "action"]
    assert not list(tmp_path.iterdir())


def test_the_commented_orders_are_valid():
    text = (PROJECT / "conf/base/parameters_download.yml").read_text()
    orders = [line.split("- ", 1)[1] for line in text.splitlines() if line.startswith("  #  - {")]
    record, years, images, points, archives = (yaml.safe_load(order) for order in orders)
    parameters = DownloadParameters(
        zenodo=[record],
        climate_data_store=[years],
        earth_engine=[images, points],
        fluxnet=[archives],
    )
    assert parameters.zenodo[0].record == 17255948
    assert parameters.climate_data_store[0].folder == "ERA5"
    assert parameters.fluxnet[0].igbp == ("ENF", "DBF")
    assert parameters.earth_engine[0].grid.resolution == 10
    assert parameters.earth_engine[1].collection == "MODIS/061/MCD43A4"


def test_a_typing_error_is_refused():
    with pytest.raises(ValueError, match="record"):
        DownloadParameters(zenodo=[{"recod": 1, "folder": "X"}])
