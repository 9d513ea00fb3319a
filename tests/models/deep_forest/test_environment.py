from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.deep_forest.environment import (
    VARIABLE,
    _find_python,
    check_interpreter,
    default_folder,
    find_interpreter,
    make_environment,
)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A user without the environment variable, a cache or another Python."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture(scope="module")
def old_python():
    python = _find_python()
    if python is None:
        pytest.skip("no Python 3.7 to 3.9 on PATH or under pyenv")
    return python


def command(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_parameter_goes_before_variable(bare, monkeypatch):
    monkeypatch.setenv(VARIABLE, command(bare / "b/python", "exit 0"))
    assert find_interpreter(sys.executable) == sys.executable
    assert find_interpreter() == str(bare / "b/python")


def test_a_relative_path_is_made_absolute(bare, monkeypatch):
    made = command(bare / "env/bin/python", "exit 0")
    monkeypatch.chdir(bare / "env")
    assert find_interpreter("./bin/python") == made


def test_an_environment_made_before_is_used(bare):
    made = command(default_folder() / "bin/python", "exit 0")
    assert find_interpreter() == made


@pytest.mark.parametrize("by_variable", [False, True])
def test_named_interpreter_that_is_not_there(bare, monkeypatch, by_variable):
    if by_variable:
        monkeypatch.setenv(VARIABLE, "/nowhere/python3.9")
    source = VARIABLE if by_variable else "python"
    with pytest.raises(ConfigurationError, match=f"^{source}='/nowhere/python3.9'.*To get it"):
        find_interpreter(None if by_variable else "/nowhere/python3.9")


def test_no_python_to_make_one_with(bare):
    with pytest.raises(ConfigurationError, match=r"Python 3\.7 to 3\.9; found none.*pyenv install"):
        find_interpreter()
    assert not default_folder().exists()


def test_a_python_that_only_pretends_is_passed_over(bare):
    # Fails as pyenv's shims do for an inactive version.
    command(bare / "bin/python3.9", "echo 'pyenv: python3.9: command not found' >&2; exit 127")
    command(bare / "pyenv/versions/3.9.18/bin/python", "echo 3.9")
    assert _find_python() == str(bare / "pyenv/versions/3.9.18/bin/python")


def test_the_wrong_python_is_named():
    with pytest.raises(ConfigurationError) as raised:
        check_interpreter(sys.executable)
    assert f"found python {platform.python_version()}, deep-forest absent" in str(raised.value)
    assert "expected Python 3.7 to 3.9, deep-forest 0.1.7, numpy below 1.24" in str(raised.value)


def test_missing_packages_are_named(old_python):
    with pytest.raises(ConfigurationError) as raised:
        check_interpreter(old_python, "xgboost")
    expected, found = str(raised.value).split("; found ")
    assert "expected Python" not in expected
    assert "deep-forest 0.1.7" in expected
    assert "xgboost below 2" in expected
    assert "deep-forest absent" in found


def test_what_is_no_python_is_quoted(tmp_path):
    other = command(tmp_path / "python", "echo 'I am a teapot' >&2; exit 3")
    with pytest.raises(ConfigurationError, match="did not run as a Python interpreter: I am a tea"):
        check_interpreter(other)
    with pytest.raises(ConfigurationError, match="did not run as a Python"):
        check_interpreter(str(tmp_path))
    with pytest.raises(
        ConfigurationError, match=r"did not run as a Python interpreter: \(nothing\)"
    ):
        check_interpreter(command(tmp_path / "silent", "exit 0"))


def test_head_that_is_missing_is_told_how_to_install(tmp_path):
    versions = (
        '{"python": "3.9.18", "deep-forest": "0.1.7", "numpy": "1.23.5", '
        '"scikit-learn": "1.1.3", "xgboost": "2.0.3", "lightgbm": null}'
    )
    python = command(tmp_path / "python", f"echo '{versions}'")
    assert check_interpreter(python)["numpy"] == "1.23.5"
    with pytest.raises(
        ConfigurationError, match=r"xgboost 2\.0\.3\. Install it there: .*xgboost<2"
    ):
        check_interpreter(python, "xgboost")
    with pytest.raises(ConfigurationError, match=r"lightgbm absent\. Install it there"):
        check_interpreter(python, "lightgbm")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigurationError, match="expected a new or empty folder"):
        make_environment(tmp_path, sys.executable)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_nothing_is_left_if_packages_cannot_be_had(old_python, tmp_path):
    without_pip = command(tmp_path / "bin/python", f'exec {old_python} "$@" --without-pip')
    with pytest.raises(ConfigurationError, match=r"cannot be installed: .*No module named pip"):
        make_environment(tmp_path / "made/env", without_pip)
    assert list((tmp_path / "made").iterdir()) == []
