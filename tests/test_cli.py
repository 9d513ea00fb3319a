"""``kedro run`` as a user types it: short errors, values without YAML's quotes."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
import webbrowser

import click
import pytest
from click.testing import CliRunner
from kedro.pipeline import Pipeline, node
from pydantic import BaseModel, ValidationError

from uflux_kedro.cli import (
    BOXES_ONLY,
    _check_pipelines,
    _from_kedro,
    block_of,
    error_of_the_user,
    plain_values,
    run,
    viz,
)
from uflux_kedro.configuration import PROJECT_PATH
from uflux_kedro.errors import ConfigurationError, InputError


def parsed(text):
    @click.command()
    @click.option("--params", callback=plain_values)
    def command(params):
        click.echo(repr(params))

    result = CliRunner().invoke(command, ["--params", text])
    assert result.exit_code == 0, result.output
    return eval(result.output)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ensemble.select=*-SIF-*.GPP.*", {"ensemble": {"select": "*-SIF-*.GPP.*"}}),
        ("ensemble.select=* !*CARRY*", {"ensemble": {"select": "* !*CARRY*"}}),
        ("ensemble.select='*-SIF-*.GPP.*'", {"ensemble": {"select": "*-SIF-*.GPP.*"}}),
        (
            "ensemble.model=XGB,training.n_jobs=1,inference.quantiles=[0.05]",
            {
                "ensemble": {"model": "XGB"},
                "training": {"n_jobs": 1},
                "inference": {"quantiles": [0.05]},
            },
        ),
        (
            "ensemble.fluxes=[GPP,LE],ensemble.model=XGB, grids={A: {reader: b, options: {c: 1}}},",
            {
                "ensemble": {"fluxes": ["GPP", "LE"], "model": "XGB"},
                "grids": {"A": {"reader": "b", "options": {"c": 1}}},
            },
        ),
        ("towers_path=/a b/c=d.csv", {"towers_path": "/a b/c=d.csv"}),
        ("features.carry_over=null", {"features": {"carry_over": None}}),
    ],
)
def test_values_are_yaml_where_they_can_be_and_text_where_not(text, value):
    assert parsed(text) == value


def test_an_error_of_the_users_is_found_in_its_chain():
    mistake = InputError("t.csv", "GPP", expected="numbers", found="'x'", hint="Mend the column")
    wrapped = RuntimeError("Failed while loading data from dataset towers")
    wrapped.__cause__ = mistake
    assert error_of_the_user(wrapped) is mistake
    assert error_of_the_user(RuntimeError("a fault of ours")) is None


@pytest.mark.parametrize(
    ("number", "block"),
    [
        (
            errno.EROFS,
            [
                "where:      data/.lock",
                "expected:   a file or folder that can be read and written",
                "found:      Read-only file system",
                "what to do: Change its permissions, or name another folder: `data` in "
                "conf/<environment>/globals.yml",
            ],
        ),
        (
            errno.ENOSPC,
            [
                "where:      data/.lock",
                "expected:   room on the disk",
                "found:      No space left on device",
                "what to do: Free some space; --only-missing-outputs then continues the run",
            ],
        ),
    ],
)
def test_a_disk_that_cannot_be_written_is_the_users(number, block):
    wrapped = RuntimeError("Failed while saving data to dataset report")
    wrapped.__cause__ = OSError(number, os.strerror(number), "data/.lock")
    lines = block_of(error_of_the_user(wrapped)).strip().splitlines()
    assert [line.strip() for line in lines] == block


def test_a_file_that_is_not_there_may_be_a_fault_of_ours():
    assert error_of_the_user(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


def read_only(path):
    sqlite3.connect(path).execute("CREATE TABLE runs (name)")
    return f"file:{path}?mode=ro"


def broken(path):
    path.write_text("no database " * 100)
    return f"file:{path}"


@pytest.mark.parametrize(
    ("make", "found", "cure"),
    [
        (read_only, "attempt to write a readonly database", "Make it and its folder writable"),
        (broken, "file is not a database", "Move it away: the next run makes a new one"),
    ],
)
def test_a_database_that_mlflow_cannot_use_is_the_users(make, found, cure, tmp_path):
    with pytest.raises(sqlite3.Error) as raised:
        sqlite3.connect(make(tmp_path / "mlflow.db"), uri=True).execute("DROP TABLE runs")
    wrapped = RuntimeError("(sqlite3.OperationalError), and the statement, and its parameters")
    wrapped.__cause__ = raised.value
    error = error_of_the_user(wrapped)
    assert (error.where, error.found) == (os.environ["MLFLOW_TRACKING_URI"], found)
    assert error.hint == f"{cure}. MLFLOW_TRACKING_URI names another one"


def test_ctrl_c_says_where_things_are(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Command, "invoke", interrupted)
    result = CliRunner().invoke(run, [])
    assert result.exit_code == 130
    assert "The outputs of the last finished run are as they were" in result.output


def test_a_block_says_where_what_and_what_to_do():
    mistake = InputError("t.csv", "GPP", expected="numbers", found="'x'", hint="Mend the column")
    assert block_of(mistake).strip().splitlines() == [
        "where:      t.csv: GPP",
        "  expected:   numbers",
        "  found:      'x'",
        "  what to do: Mend the column",
    ]
    assert block_of(ConfigurationError("model: there is no such parameter")).count("\n") == 0


def test_values_that_pydantic_refuses_are_the_users():
    class Model(BaseModel):
        n: int

    with pytest.raises(ValidationError) as refusal:
        Model.model_validate({"n": "many"})
    assert error_of_the_user(refusal.value) is refusal.value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--params", "tower_path=x"], "did you mean towers_path?"),
        (["--env", "nosuchenv"], "--env nosuchenv: no such environment"),
        (["--pipelines", "demo_wrld"], "did you mean 'demo_world'?"),
        (["--env", "test", "--tags", "MODIS-NIRv-ERA6"], "did you mean 'MODIS-NIRv-ERA5'?"),
        (["--env", "test", "--pipelines", "demo_world"], "a file or folder that can be read and"),
    ],
)
def test_a_run_that_cannot_be_ends_at_once_in_a_few_lines(arguments, said, tmp_path):
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=PROJECT_PATH, env=os.environ | {"UFLUX_TEST_DATA": str(tmp_path / "file" / "data")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_flux_is_a_pipeline_as_long_as_it_has_members():
    _check_pipelines(["GPP", "reporting"])
    missing = ValueError("Failed to find the pipeline named 'LE'. It needs to be generated")
    refusal = _from_kedro(missing, {"pipelines": ["ingestion", "LE"]})
    assert str(refusal) == "--pipelines LE: no members; see ensemble.fluxes and ensemble.select"


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"namespaces": ["GPPP"]}, "--namespaces GPPP: .* did you mean 'GPP'"),
        ({"tags": ["training"], "namespaces": ["GP"]}, "--namespaces GP: .* did you mean 'GPP'"),
        ({"node_names": ["fitt"]}, r"does not contain nodes named \['fitt'\]"),
        ({"to_outputs": ["modell"]}, r"does not contain datasets named \['modell'\]"),
    ],
)
def test_what_kedro_refuses_is_said_without_a_traceback(filters, said, monkeypatch):
    one = node(len, "table", "model", name="fit", namespace="GPP", tags="training")
    pipeline = Pipeline([one])
    monkeypatch.setattr("kedro.framework.project.pipelines", {"__default__": pipeline})
    given = {{"namespaces": "node_namespaces"}.get(k, k): v for k, v in filters.items()}
    with pytest.raises(ValueError, match="Pipeline ") as refusal:
        pipeline.filter(**given)
    assert re.search(said, str(_from_kedro(refusal.value, filters)))


def test_kedro_viz_opens_on_its_boxes(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open_new", opened.append)
    monkeypatch.setenv("KEDRO_ENV", "base")
    run = viz.get_command(click.Context(viz), "run")
    assert {p.name for p in run.params} >= {"host", "port", "env", "browser"}
    run.callback = lambda **_: webbrowser.open_new("http://127.0.0.1:4141/")
    result = CliRunner().invoke(run, ["--env", "uk_daily"])
    assert result.exit_code == 0, result.output
    assert os.environ["KEDRO_ENV"] == "uk_daily", "for the server, which reads its parameters"
    webbrowser.open_new("https://example.org")
    assert opened == [f"http://127.0.0.1:4141/{BOXES_ONLY}", "https://example.org"]
