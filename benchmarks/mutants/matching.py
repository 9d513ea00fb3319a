"""Which tests match a place of the code: those of the mirrored folder that reach its line."""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

from benchmarks.mutants.workshop import fork

SOURCE, TESTS = Path("src/uflux_kedro"), Path("tests")
_OURS = {"uflux_kedro", "tests", "conftest", "benchmarks", "__main__", "__mp_main__"}


@dataclass(frozen=True)
class Baseline:
    """What the tests of a package do while nothing is broken.

    Attributes:
        seconds: Test -> seconds of a processor that it takes, of those that passed.
        modules: Libraries that the tests load, in this order.
        reach: File, from the root of the project -> line -> tests that reach it.
    """

    seconds: dict[str, float]
    modules: list[str]
    reach: dict[Path, dict[int, set[str]]]

    def matching(self, path: Path, line: int, source: str, budget_s: float) -> list[str]:
        """Tests for a place: the mirrored file's own first, the quick before the slow.

        Args:
            path: Of the file, from the root of the project.
            line: Of the place, counted from 1.
            source: Text of the file.
            budget_s: Seconds that they may take together; the first is taken whatever it costs.
        """
        reach = self.reach.get(path, {})
        once = _runs_once(source, line)
        lines = list(reach) if once else [line]
        found = set().union(*(reach.get(reached, ()) for reached in lines))
        mirrored = str(TESTS / path.relative_to(SOURCE).with_name(f"test_{path.name}"))
        if once:  # a table of constants is read by tests that reach no line of its file
            found |= {test for test in self.seconds if test.startswith(f"{mirrored}::")}
        return self.quickest(found & self.seconds.keys(), budget_s, first=mirrored)

    def quickest(self, tests: Iterable[str], budget_s: float, first: str = "") -> list[str]:
        """The quick ones among ``tests``; those whose names begin with ``first`` before others."""
        ordered = sorted(
            tests, key=lambda test: (not test.startswith(first), self.seconds[test], test)
        )
        chosen: list[str] = []
        for test in ordered:
            budget_s -= self.seconds[test]
            if chosen and budget_s < 0:
                break
            chosen.append(test)
        return chosen


class _Watch:
    """Plugin of pytest that notes times of tests and loaded modules."""

    def __init__(self, to: Path):
        self._to = to
        self._seconds: dict[str, float] = {}
        self._passed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time of processors, its children's too: a busy machine makes no test slow."""
        before = sum(os.times()[:4])
        result = yield
        self._seconds[item.nodeid] = sum(os.times()[:4]) - before
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember who passed."""
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        seconds = {test: self._seconds[test] for test in self._passed}
        modules = [name for name in sys.modules if name.partition(".")[0] not in _OURS]
        self._to.write_text(json.dumps({"seconds": seconds, "modules": modules}))


class Only:
    """Plugin of pytest that runs the given tests alone, in their order."""

    def __init__(self, tests: list[str]):
        self._rank = {test: rank for rank, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop and sort what pytest collected."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._rank),
            key=lambda item: self._rank[item.nodeid],
        )


def files_of(root: Path, package: str) -> list[Path]:
    """Python files of a package or a module, e.g. ``readers`` or ``readers/units``.

    Files named ``figures`` are left out: how a figure looks is for the eye.

    Raises:
        FileNotFoundError: There is neither.
    """
    inside = [
        path.relative_to(root)
        for path in sorted((root / SOURCE / package).rglob("*.py"))
        if path.stem != "figures"
    ]
    module = SOURCE / f"{package}.py"
    if not inside and not (root / module).exists():
        raise FileNotFoundError(f"neither {SOURCE / package} nor {module} is there")
    return inside or [module]


def mirrored_tests(root: Path, package: str) -> list[str]:
    """Folder and files of tests that mirror a package or the package of a module.

    Raises:
        FileNotFoundError: Nothing mirrors it.
    """
    folder = next(
        (p for p in (Path(package), *Path(package).parents[:-1]) if (root / TESTS / p).is_dir()),
        None,
    )
    files = sorted((root / TESTS).glob(f"test_{Path(package).parts[0]}*.py"))
    found = [str(TESTS / folder)] if folder else []
    found += [str(path.relative_to(root)) for path in files]
    if not found:
        raise FileNotFoundError(f"no tests of {package} below {TESTS}")
    return found


def baseline(copy: Path, tests: list[str], limit_s: float) -> Baseline:
    """Run tests on the unbroken copy, under coverage.

    What fails there is told, and left out.

    Raises:
        RuntimeError: None passes, so nothing could be told from them.
    """
    noted, log = copy / ".mutants.json", copy / ".mutants.log"
    noted.unlink(missing_ok=True)
    arguments = [*tests, "-q", f"--cov={SOURCE}", "--cov-context=test", "--cov-report="]
    code = fork(lambda: pytest.main(arguments, plugins=[_Watch(noted)]), copy, log, limit_s)
    said = log.read_text(encoding="utf-8", errors="replace")
    found = json.loads(noted.read_text()) if noted.exists() else {}
    if not found.get("seconds"):
        raise RuntimeError(f"no test passes before anything is broken:\n{said[-4000:]}")
    if code != 0:
        failed = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
        print("left out, as they fail before anything is broken:", *failed, sep="\n", flush=True)
    data = coverage.CoverageData(str(copy / ".coverage"))
    data.read()
    reach = {
        Path(name).relative_to(copy): {
            line: set().union(*(_who(context, found["seconds"]) for context in contexts))
            for line, contexts in data.contexts_by_lineno(name).items()
        }
        for name in data.measured_files()
    }
    return Baseline(**found, reach=reach)


def _who(context: str, tests: Iterable[str]) -> set[str]:
    """Tests that a context of coverage speaks of, such as ``tests/a.py::one|run``.

    What a test sets up may be a fixture of its whole file.
    """
    test, _, phase = context.rpartition("|")
    if phase != "setup":
        return {test}
    file = test.partition("::")[0]
    return {other for other in tests if other.partition("::")[0] == file}


def _runs_once(source: str, line: int) -> bool:
    """Whether coverage of the line says nothing of who depends on it.

    Code outside functions runs at import; a decorator may compile a function or keep its results,
    so that the first caller's context alone is noted.
    """
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and node.body[0].lineno <= line <= (node.end_lineno or line)
    ]
    return not functions or any(function.decorator_list for function in functions)
