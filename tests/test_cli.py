"""``kedro run`` as a user types it: short errors, values without YAML's quotes."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from uflux_kedro.cli import (
    _check_pipelines,
    _from_kedro,
    block_of,
    error_of_the_user,
    plain_values,
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
    ],
)
def test_a_run_that_cannot_be_ends_at_once_in_a_few_lines(arguments, said, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=PROJECT_PATH, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_flux_is_a_pipeline_as_long_as_it_has_members():
    _check_pipelines(["GPP", "reporting"])
    missing = ValueError("Failed to find the pipeline named 'LE'. It needs to be generated")
    refusal = _from_kedro(missing, {"pipelines": ["ingestion", "LE"]})
    assert str(refusal) == "--pipelines LE: no members; see ensemble.fluxes and ensemble.select"


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
    assert opened == ["http://127.0.0.1:4141/?types=nodes", "https://example.org"]
