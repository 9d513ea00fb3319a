"""One run at a time in a data folder, which is left as clean as it was found."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.files import remove, remove_leftovers, replacing
from uflux_kedro.hooks import LockHooks

HOLD = """
import sys
from types import SimpleNamespace
from uflux_kedro.hooks import LockHooks
hooks = LockHooks()
hooks.after_context_created(
    SimpleNamespace(project_path=sys.argv[1], config_loader={"globals": {"data": "data"}})
)
hooks.before_pipeline_run()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hooks(tmp_path):
    hooks = LockHooks()
    hooks.after_context_created(
        SimpleNamespace(project_path=tmp_path, config_loader={"globals": {"data": "data"}})
    )
    return hooks


def test_a_second_run_in_a_folder_is_refused_until_the_first_one_ends(hooks, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(ConfigurationError, match=rf"another run .*process {first.pid}\b"):
            hooks.before_pipeline_run()
        first.kill()  # it has no time to unlock
        first.wait()
        hooks.before_pipeline_run()
        hooks.after_pipeline_run()


WORK = """
import os
import time
from concurrent.futures import ProcessPoolExecutor
from uflux_kedro.hooks import LockHooks

def work(hooks):
    hooks.before_node_run()
    os.write(1, b"works\\n")  # at once: both write into one pipe
    time.sleep(60)

with ProcessPoolExecutor(2) as pool:
    list(pool.map(work, [LockHooks()] * 2))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_workers_end_with_a_run_that_is_killed():
    """They would put outputs of that run among those of the next one."""
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True) as run:
        assert [run.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        run.kill()
        assert run.communicate(timeout=30)[0] == "", "the workers hold the other end of the pipe"


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_a_run_unlocks_however_it_ends(hooks, end):
    for _ in range(2):
        hooks.before_pipeline_run()
        getattr(hooks, end)()


def test_what_killed_runs_left_is_removed(hooks, tmp_path):
    data = tmp_path / "data"
    (data / "05_model_input").mkdir(parents=True)
    whole = data / "05_model_input" / "table.parquet"
    whole.write_text("whole")
    (data / "05_model_input" / ".table.123.partial.parquet").write_text("half")
    store = data / "04_feature" / ".drivers.77.partial.zarr"
    (store / "ERA5_TA").mkdir(parents=True)
    (data / "04_feature" / ".drivers.zarr.77.removed" / "c").mkdir(parents=True)
    hooks.before_pipeline_run()
    hooks.after_pipeline_run()
    left = {p.name for p in data.rglob("*") if p.is_file() or not any(p.iterdir())}
    assert left == {"table.parquet", ".lock", ".lock.holder", "04_feature"}
    assert whole.read_text() == "whole"


def test_what_another_environment_writes_in_a_folder_below_is_left_alone(hooks, tmp_path):
    """The data folder of ``base`` holds those of the other environments."""
    other = LockHooks()
    other.after_context_created(
        SimpleNamespace(project_path=tmp_path, config_loader={"globals": {"data": "data/uflux"}})
    )
    other.before_pipeline_run()
    with replacing(tmp_path / "data" / "uflux" / "05_model_input" / "table.csv") as temporary:
        temporary.write_text("half")
        hooks.before_pipeline_run()
        hooks.after_pipeline_run()
        assert temporary.exists()
    other.after_pipeline_run()


def test_a_write_that_is_killed_leaves_what_the_next_run_removes(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from uflux_kedro.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os._exit(9)"
    )
    table = tmp_path / "table.csv"
    with replacing(table) as temporary:
        temporary.write_text("whole")
    subprocess.run([sys.executable, "-c", code, str(table)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(remove_leftovers(tmp_path)) == 1
    assert table.read_text() == "whole"


def test_a_folder_that_is_removed_halfway_is_gone_under_its_name(tmp_path, monkeypatch):
    store = tmp_path / "cube.zarr"
    (store / "TA").mkdir(parents=True)
    (store / "zarr.json").touch()
    monkeypatch.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        remove(store)
    assert not store.exists()
    monkeypatch.undo()
    assert len(remove_leftovers(tmp_path)) == 1
    assert not list(tmp_path.iterdir())
