"""The mutation runner on a project of two files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")

from benchmarks.mutants.matching import Baseline, _who, files_of, mirrored_tests
from benchmarks.mutants.mutations import draw
from benchmarks.mutants.workshop import fork

SOURCE = '''"""Digits of a docstring, 12, are none."""
from __future__ import annotations

from functools import cache

LEAST = 12
SHARE = 0.5


@cache
def f(x: int | None = 3, *, y: float = 0.0) -> float | None:
    if x is None or x < LEAST:
        return None
    return x**2 - y * 1e-3


@lru_cache(maxsize=16)
def g(x):
    return zip(x, strict=True), -x  # pragma: no mutate
'''


@pytest.fixture
def project(tmp_path):
    for name, text in {
        "src/uflux_kedro/room/one.py": SOURCE,
        "src/uflux_kedro/room/figures.py": "SIZE = 7\n",
        "src/uflux_kedro/alone.py": "A = 1\n",
        "tests/room/test_one.py": "",
        "tests/test_alone.py": "",
        "tests/test_room_and_house.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def broken_lines(project, seeds=range(60)):
    """All lines that any of these draws makes of the file."""
    (file,) = files_of(project, "room")
    found = set()
    for seed in seeds:
        for mutant in draw(project, [file], 100, seed):
            diff = mutant.diff(SOURCE).splitlines()[2:]
            found |= {line[1:].strip() for line in diff if line.startswith("+")}
    return found


def test_every_slip_is_made_and_what_cannot_matter_is_left_alone(project):
    assert broken_lines(project) == {
        "LEAST = 13", "LEAST = 11", "SHARE = 0.535",
        "def f(x: int | None = 4, *, y: float = 0.0) -> float | None:",
        "def f(x: int | None = 2, *, y: float = 0.0) -> float | None:",
        "def f(x: int | None = 3, *, y: float = 0.07) -> float | None:",
        "if not x is None or x < LEAST:", "if x is not None or x < LEAST:",
        "if x is None and x < LEAST:", "if x is None or x <= LEAST:", "if x is None or x >= LEAST:",
        "return x*2 - y * 1e-3", "return x**3 - y * 1e-3", "return x**1 - y * 1e-3",
        "return x**2 + y * 1e-3", "return x**2 - y / 1e-3", "return x**2 - y * 0.00107",
    }  # fmt: skip


def test_a_draw_is_known_by_its_seed_and_never_breaks_a_place_twice(project):
    (file,) = files_of(project, "room")
    lines = [
        [(m.line, m.code(SOURCE)) for m in draw(project, [file], 5, seed)] for seed in (1, 1, 2)
    ]
    assert lines[0] == lines[1] != lines[2]
    assert len(draw(project, [file], 100, 1)) == 13


def test_files_and_their_tests_by_the_mirrored_path(project):
    assert files_of(project, "room") == [Path("src/uflux_kedro/room/one.py")]
    assert files_of(project, "room/one") == [Path("src/uflux_kedro/room/one.py")]
    assert files_of(project, "alone") == [Path("src/uflux_kedro/alone.py")]
    assert mirrored_tests(project, "room") == ["tests/room", "tests/test_room_and_house.py"]
    assert mirrored_tests(project, "room/one") == ["tests/room", "tests/test_room_and_house.py"]
    assert mirrored_tests(project, "alone") == ["tests/test_alone.py"]
    with pytest.raises(FileNotFoundError):
        files_of(project, "cellar")
    with pytest.raises(FileNotFoundError):
        mirrored_tests(project, "cellar")


def test_tests_that_reach_a_line_come_first_from_its_own_module_and_within_the_budget():
    path = Path("src/uflux_kedro/room/one.py")
    seconds = {
        "tests/a.py::slow": 9.0,
        "tests/a.py::quick": 1.0,
        "tests/room/test_one.py::own": 5.0,
    }
    reach = {path: {13: {"tests/a.py::quick", "tests/a.py::slow"}, 18: set(seconds)}}
    found = Baseline(seconds, [], reach)
    plain = SOURCE.replace("@cache\n", "").replace("@lru_cache(maxsize=16)\n", "")
    # Line 13 is in a function, line 6 in none, line 10 beyond what is reached.
    assert found.matching(path, 13, plain, 20) == ["tests/a.py::quick", "tests/a.py::slow"]
    assert found.matching(path, 13, plain, 5) == ["tests/a.py::quick"]
    assert found.matching(path, 6, plain, 20)[0] == "tests/room/test_one.py::own"
    assert found.matching(path, 6, plain, 1) == ["tests/room/test_one.py::own"]
    assert found.matching(path, 12, plain, 20) == []
    # What is kept of the first call runs once: all who reach the file are asked.
    assert len(found.matching(path, 12, SOURCE, 20)) == 3
    # A constant is read by tests of its module that reach no line of it.
    constant = Baseline(seconds, [], {path: {13: {"tests/a.py::quick"}}})
    assert constant.matching(path, 6, plain, 20) == [
        "tests/room/test_one.py::own",
        "tests/a.py::quick",
    ]


def test_what_one_test_sets_up_may_serve_all_of_its_file():
    tests = ["tests/a.py::one", "tests/a.py::two", "tests/b.py::one"]
    assert _who("tests/a.py::one|run", tests) == {"tests/a.py::one"}
    assert _who("tests/a.py::one|setup", tests) == {"tests/a.py::one", "tests/a.py::two"}


def test_a_fork_ends_with_its_code_or_with_its_time(tmp_path):
    log = tmp_path / "log"
    assert fork(lambda: os.write(1, b"said"), tmp_path, log, 30) == 4
    assert log.read_text() == "said"

    def endless():
        while True:
            pass

    assert fork(endless, tmp_path, log, 0.3) is None
