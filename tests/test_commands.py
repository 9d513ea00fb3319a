"""Every command on the pages, typed into bash and zsh, and then looked at by the program it calls.

Programs are stand-ins that note their arguments, so that the shells, and make, run each line as it
is written and nothing takes long. The real programs then check what they would have been given.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from runpy import run_module
from types import SimpleNamespace
from unittest.mock import MagicMock

import click
import pytest

from benchmarks.__main__ import FAMILIES
from tests.testing.project import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
WORDS = re.compile(
    r"`((?:[A-Z_]+=\S+ )?(?:kedro|make|mlflow|pip|python3?|\.venv/bin/[a-z-]+) [^`]+"
    r"|--(?:env|params)\s[^`]+|--only-missing-outputs)`"
)
PROGRAMS = ("kedro", "lint-imports", "mlflow", "mypy", "pip", "pre-commit", "pytest", "ruff")
SHELLS = {
    # History expansion, as at a prompt: ``!*`` within double quotes is the last command's words.
    "bash": ["bash", "--norc", "--noprofile", "-o", "history", "-o", "histexpand"],
    "zsh": ["zsh", "-f", "-i", "-s"],
}
# A line is written at once: programs side by side, as in a pipe, would write into each other's.
STAND_IN = """#!/bin/sh
note=$(printf '%s\\037' "${BY:-shell}" "${0##*/}" "$@")
printf '%s\\n' "$note" >> "$NOTES"
"""
MAKE = """#!/bin/sh
note=$(printf '%s\\037' "${BY:-shell}" make "$@")
printf '%s\\n' "$note" >> "$NOTES"
BY=make exec REAL "$@"
"""


def commands_of(page: Path) -> list[str]:
    """Commands of a page: lines of blocks, with what continues them, and words in the text."""
    text = page.read_text()
    blocks = [
        re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        for indent, block in BLOCK.findall(text)
    ]
    lines = re.findall(r"^(?:.*\\\n)*.*[^\\\n]$", "".join(blocks), re.MULTILINE)
    words = [re.sub(r"\s*\n\s*", " ", word) for word in WORDS.findall(text)]  # wrapped lines
    return [*lines, *(f"kedro run {w}" if w.startswith("--") else w for w in words)]


COMMANDS = {page: commands for page in PAGES if (commands := commands_of(page))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkout whose programs only note that they were called."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in (
        "Makefile",
        "conf",
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
    ):
        (folder / name).symlink_to(PROJECT / name)
    own = folder / ".venv/bin"
    own.mkdir(parents=True)
    for stamp in (".installed", ".developing"):
        (own.parent / stamp).touch()
    in_path = folder / "path"
    in_path.mkdir()
    real_make = shutil.which("make")
    assert real_make
    write_program(in_path / "make", MAKE.replace("REAL", real_make))
    for name in (*PROGRAMS, "python", "python3", "sphinx-build", "curl"):
        write_program(own / name, STAND_IN)
        write_program(in_path / name, STAND_IN)
    return folder


def write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def typed(shell: str, lines: list[str], folder: Path) -> list[list[str]]:
    """Type lines into a shell: who called a program (the shell, or make), and its words."""
    notes = folder / f"notes-{shell}"
    notes.write_text("")
    environment = {
        "HOME": str(folder),
        "NOTES": str(notes),
        "PATH": f"{folder / 'path'}{os.pathsep}{os.environ['PATH']}",
        "PS1": "", "PS2": "", "HISTFILE": os.devnull, "TERM": "dumb", "PYTHON": "python3",
    }  # fmt: skip
    subprocess.run(
        SHELLS[shell], input="\n".join(lines) + "\n", env=environment, cwd=folder,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return [line.split("\037")[:-1] for line in notes.read_text().splitlines()]


def words_of(line: str, folder: Path) -> list[str]:
    """Words of a command, without the variables before it; the program by its name."""
    words = shlex.split(line.replace("\\\n", "").replace("$PWD", str(folder)))
    while re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return [Path(words[0]).name, *words[1:]]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: str(page.relative_to(PROJECT)))
def test_commands_run_as_they_are_written(page, shell, folder):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    calls = typed(shell, COMMANDS[page], folder)
    by_shell = [words for by, *words in calls if by == "shell"]
    assert by_shell == [words_of(line, folder) for line in COMMANDS[page]]
    for _, program, *arguments in calls:
        look_at(program, *[a.replace(str(folder), str(PROJECT)) for a in arguments])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kedro run --env globl_monthly", "did you mean 'global_monthly'"),
        ("kedro run --params ensemble.modle=XGB", "did you mean ensemble.model"),
        ("kedro run --params 'ensemble.select=*-SIV-*.GPP.*'", "matches no member"),
        ("kedro run --tags MODIS-NIRv-ERA6", "did you mean 'MODIS-NIRv-ERA5'"),
        ("kedro run --nodes read_tower", "read_tower"),
        ("kedro run --only-missing-output", "No such option"),
        ("kedro viz run --envi base", "No such option"),
        ("python -m benchmarks skil", "invalid choice"),
        ("python -m benchmarks skill --only step", "invalid choice"),
        ("python -m benchmark skill", "benchmark"),
        ("mlflow ui --worker 1", "No such option"),
        ("pip install -r requirement.lock", "requirement.lock"),
        ("pip install 'uflux_kedro[rastr]'", "rastr"),
        ("make rnu", "rnu"),
        ("pytset", "pytset"),
    ],
)
def test_a_wrong_command_is_seen(line, said, capsys):
    with pytest.raises((Exception, SystemExit)) as error:
        look_at(*shlex.split(line))
    assert said in f"{error.value}{capsys.readouterr().err}"


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", 'kedro run --params "ensemble.select=* !*CARRY*"'),
        ("zsh", 'kedro run --params "ensemble.select=* !*CARRY*"'),
        ("zsh", "pip install uflux_kedro[raster]"),
        ("bash", "make run  # takes minutes"),
    ],
)
def test_a_line_that_a_shell_does_not_take_is_seen(shell, line, folder):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    calls = typed(shell, ["make help", line], folder)
    assert [c[1:] for c in calls if c[0] == "shell"] != [["make", "help"], words_of(line, folder)]


@cache
def look_at(program: str, *arguments: str) -> None:
    """Let a program look at its arguments, and stop before it does anything."""
    if program == "kedro":
        look_at_kedro(*arguments)
    elif program == "mlflow":
        from mlflow.cli import cli

        name, *rest = arguments
        cli.get_command(click.Context(cli), name).make_context(name, rest)
    elif program in ("python", "python3") and arguments[:2] == ("-m", "pip"):
        look_at("pip", *arguments[2:])
    elif program in ("python", "python3"):
        look_at_module(*arguments)
    elif program == "curl":
        assert any("127.0.0.1" in argument for argument in arguments)
    elif program == "pip":
        look_at_pip(arguments)
    elif program == "make":
        rules = (PROJECT / "Makefile").read_text()
        targets = set(re.findall(r"^([a-z]+):", rules, re.MULTILINE))
        assert {a for a in arguments if "=" not in a} <= targets, arguments
    else:
        assert program in (*PROGRAMS, "sphinx-build"), program
        assert program == "lint-imports" or find_spec(program.replace("-", "_").partition("_b")[0])


def look_at_kedro(*arguments: str) -> None:
    """Everything of ``kedro run`` before it computes: its options, request and pipelines."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro_viz.launchers.cli.run import run as viz

    from uflux_kedro.cli import run

    group, *rest = arguments
    if group == "viz":
        viz.make_context("run", rest[1:])
        return
    if group == "--version":
        return
    assert group == "run", arguments
    bootstrap_project(PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        patch.setattr(KedroSession, "run", checked_run)
        patch.setattr("kedro.runner.parallel_runner.ParallelRunnerManager", MagicMock)
        run.main(rest, prog_name="kedro run", standalone_mode=False)


def checked_run(session, *, pipeline_names, tags, namespaces, **options) -> dict:
    """In place of Kedro's: check the request as a run does, and choose the nodes if asked to."""
    from kedro.framework.project import pipelines
    from kedro.pipeline import Pipeline

    from uflux_kedro import configuration
    from uflux_kedro.hooks import RequestHooks

    hooks = RequestHooks()
    loader = session._get_config_loader()
    context = SimpleNamespace(config_loader=loader, env=session.store.get("env"))
    hooks.after_context_created(context)
    places = ("from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")
    if not any((tags, namespaces, *(options[name] for name in places))):
        return {}
    configuration.set_parameters(loader["parameters"])
    try:
        pipelines.set_requested(pipeline_names or None)
        every = Pipeline([pipelines[name] for name in pipeline_names or ["__default__"]])
        chosen = every.filter(
            tags=tags, node_namespaces=namespaces, **{name: options[name] for name in places}
        )
        asked = {"pipeline_names": pipeline_names, "tags": tags, "namespaces": namespaces}
        # Raw data need not be there.
        hooks.before_pipeline_run(asked, chosen, SimpleNamespace(get=lambda _: None))
        assert chosen.nodes
    finally:
        configuration._from_hook = None
        pipelines.set_requested(None)
    return {}


class ParsedError(Exception):
    """The arguments of a benchmark were right."""


def look_at_module(*arguments: str) -> None:
    """Modules that the pages run: that they are there, and take their options."""
    if arguments[0] != "-m":
        assert (PROJECT / arguments[0]).is_file(), arguments
        return
    _, module, *rest = arguments
    assert find_spec(module), module
    if module == "benchmarks":
        assert rest[0] in FAMILIES, f"invalid choice: {rest[0]}"
        rest_of_family = rest[1:]
    else:
        rest_of_family = rest if module.startswith("benchmarks.") else []
    if not rest_of_family:
        return
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, given=None, namespace=None):
        found = parse(parser, given, namespace)
        if hasattr(found, "family"):  # whose module parses the rest
            return found
        raise ParsedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        patch.setattr(sys, "argv", [module, *rest])
        with pytest.raises(ParsedError):
            run_module(module, run_name="__main__", alter_sys=True)


def look_at_pip(arguments: tuple[str, ...]) -> None:
    """Files and extras that pip is asked for."""
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert arguments[0] in ("install", "wheel")
    for before, argument in pairwise(arguments):
        if before == "-r":
            assert (PROJECT / argument).is_file(), argument
    for extra in re.findall(r"(?:uflux_kedro|\.)\[(.*?)\]", " ".join(arguments)):
        assert set(extra.split(",")) <= set(extras["optional-dependencies"]), extra
