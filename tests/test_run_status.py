"""The record of a run that kedro-viz shows."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.framework.startup import bootstrap_project
from kedro.io import SharedMemoryDataCatalog
from kedro.pipeline import Pipeline, node
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner
from kedro_viz.api.rest.responses.run_events import transform_events_to_structured_format
from kedro_viz.integrations.kedro.hooks_utils import hash_node

from tests.testing.project import PROJECT
from uflux_kedro.datasets import CSVDataset, FolderDataset, RawFilesDataset
from uflux_kedro.products.store import ProductStore
from uflux_kedro.run_status import UNFINISHED, RunStatusHooks, bytes_of

PAUSE = 0.05  # s


def read_table(path, settings):
    time.sleep(PAUSE)
    return pd.DataFrame({"NEE": range(settings), "H": 0.0})


def mean_of(table):
    return table.mean().to_frame("mean")


def fail(table):
    raise ValueError("no such flux")


def not_a_table(table):
    return object()


def chain(second=mean_of):
    return Pipeline(
        [
            node(read_table, ["raw", "params:n"], "table", name="read"),
            node(second, "table", "means", name="average"),
        ]
    )


@pytest.fixture(scope="module")
def _plugins():
    """Import the plugins once: worker processes register their hooks too."""
    bootstrap_project(PROJECT)
    _create_hook_manager().load_setuptools_entrypoints("kedro.hooks")


@pytest.fixture
def world(tmp_path, monkeypatch, _plugins):
    """A catalog of files, and a function that runs a pipeline as Kedro's session does."""
    monkeypatch.setenv("UFLUX_VIZ_FOLDER", str(tmp_path / ".viz"))
    catalog = SharedMemoryDataCatalog(
        {
            "raw": FolderDataset(filepath=str(tmp_path)),
            "table": CSVDataset(filepath=str(tmp_path / "table.csv"), save_args={"index": False}),
            "means": CSVDataset(filepath=str(tmp_path / "means.csv")),
        }
    )
    catalog["params:n"] = 3

    def run(pipeline, runner=None, env="base", end=True, **params):
        hooks = RunStatusHooks()
        manager = _create_hook_manager()
        manager.register(hooks)
        hooks.after_context_created(SimpleNamespace(project_path=tmp_path, env=env))
        hooks.before_pipeline_run(run_params=params, pipeline=pipeline)
        if not end:
            return
        try:
            (runner or SequentialRunner()).run(pipeline, catalog, manager)
        except Exception as error:
            hooks.on_pipeline_error(error=error, catalog=catalog)
        else:
            hooks.after_pipeline_run(catalog=catalog)

    return SimpleNamespace(folder=tmp_path, run=run)


def status_of(world):
    """What kedro-viz's page makes of the record."""
    events = json.loads((world.folder / ".viz" / "kedro_pipeline_events.json").read_text())
    return transform_events_to_structured_format(events)


def nodes_in(status, pipeline):
    return {n.name: status.nodes[hash_node(n)] for n in pipeline.nodes if hash_node(n) in status.nodes}  # fmt: skip


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_run_is_recorded_with_times_sizes_and_rows(world, runner):
    world.run(chain(), runner())
    status = status_of(world)
    nodes = nodes_in(status, chain())
    assert {name: n.status.value for name, n in nodes.items()} == dict.fromkeys(
        ("read", "average"), "success"
    )
    assert PAUSE <= nodes["read"].duration < status.pipeline.duration
    assert status.pipeline.status.value == "success"
    sizes = {d.name: d.size for d in status.datasets.values()}
    size = (world.folder / "table.csv").stat().st_size
    assert sizes == {"raw": 0, "table": size, "means": (world.folder / "means.csv").stat().st_size}
    stats = json.loads((world.folder / ".viz" / "stats.json").read_text())
    assert stats["table"] == {"rows": 3, "columns": 2, "file_size": size}
    assert sorted(p.name for p in (world.folder / ".viz").iterdir()) == [
        "kedro_pipeline_events.json", "stats.json",
    ]  # fmt: skip


def test_a_failure_is_shown_at_its_node_when_other_processes_run_the_nodes(world):
    world.run(chain(fail), ParallelRunner(max_workers=2))
    status = status_of(world)
    nodes = nodes_in(status, chain(fail))
    assert nodes["read"].status.value == "success"
    assert nodes["average"].status.value == "failed"
    assert nodes["average"].error.message == "no such flux"
    assert "in fail" in nodes["average"].error.traceback
    assert status.pipeline.status.value == "failed"
    assert status.pipeline.error.message == "no such flux"
    sizes = {d.name: d.size for d in status.datasets.values()}
    assert sizes == {"raw": 0, "table": (world.folder / "table.csv").stat().st_size}


def test_a_dataset_that_cannot_be_saved_is_shown(world):
    world.run(chain(not_a_table))
    status = status_of(world)
    means = status.datasets[hash_node("means")]
    assert means.status.value == "failed"
    assert (means.error.error_node, means.error.error_operation) == ("average", "saving")
    assert nodes_in(status, chain(not_a_table))["average"].status.value == "failed"


def test_a_killed_run_is_not_taken_for_finished(world):
    world.run(chain())
    world.run(chain(), end=False)
    status = status_of(world)
    assert status.pipeline.status.value == "failed"
    assert status.pipeline.error.message == UNFINISHED
    assert nodes_in(status, chain()) == {}, "what they tell is of another run"


def test_a_run_of_a_part_leaves_the_rest_as_it_was(world):
    world.run(chain())
    world.run(Pipeline([chain(fail).nodes[1]]))
    nodes = nodes_in(status_of(world), chain(fail))
    assert {name: n.status.value for name, n in nodes.items()} == {
        "read": "success", "average": "failed",
    }  # fmt: skip
    world.run(Pipeline([chain().nodes[1]]), env="uk_daily")
    assert set(nodes_in(status_of(world), chain())) == {"average"}, "another environment"


def test_a_resumed_run_keeps_what_it_does_not_run_again(world):
    world.run(chain())
    world.run(chain(), end=False, only_missing_outputs=True)
    assert set(nodes_in(status_of(world), chain())) == {"read", "average"}


def test_a_folder_that_cannot_be_written_stops_no_run(world, monkeypatch, caplog):
    (world.folder / "file").touch()
    monkeypatch.setenv("UFLUX_VIZ_FOLDER", str(world.folder / "file"))
    world.run(chain())
    assert (world.folder / "means.csv").exists()
    assert "kedro-viz will not show this run" in caplog.text


def test_a_broken_record_hides_no_error_of_the_run(world, caplog):
    def fill_the_disk(table):
        with (world.folder / ".viz" / "kedro_run_log.jsonl").open("a") as log:
            log.write('{"event": "before_')
        raise OSError("no space left")

    world.run(chain(fill_the_disk))
    assert "kedro-viz will not show this run" in caplog.text


def test_sizes(tmp_path):
    (tmp_path / "cube.zarr" / "c").mkdir(parents=True)
    (tmp_path / "cube.zarr" / "zarr.json").write_bytes(b"12")
    (tmp_path / "cube.zarr" / "c" / "0").write_bytes(b"345")
    (tmp_path / "a.nc").write_bytes(b"6789")
    store = SimpleNamespace(store=ProductStore(str(tmp_path / "cube.zarr")))
    assert bytes_of(store) == bytes_of(SimpleNamespace(_path=Path(store.store.url))) == 5
    assert bytes_of(RawFilesDataset(filepath=str(tmp_path), patterns=["*.nc"])) == 4
    assert bytes_of(RawFilesDataset(filepath=str(tmp_path), patterns=["*.tif"])) is None
    assert bytes_of(FolderDataset(filepath=str(tmp_path))) is None
    assert bytes_of(SimpleNamespace(store=ProductStore("s3://bucket/GPP.zarr"))) is None
    assert bytes_of(SimpleNamespace()) is None
