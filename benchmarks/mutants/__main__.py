"""``python -m benchmarks.mutants [PACKAGE ...]``: break places of the code and see whether tests notice."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.mutants.matching import Baseline, Only, baseline, files_of, mirrored_tests
from benchmarks.mutants.mutations import Mutant, draw
from benchmarks.mutants.workshop import copy_project, fork, load

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("biophysics", "validation", "quality", "readers", "features", "statistics")
_KILLED_BY = {int(pytest.ExitCode.TESTS_FAILED), int(pytest.ExitCode.INTERRUPTED)}
"""Exit codes of pytest: a test failed, or a file could not be imported."""


@dataclass(frozen=True)
class Tally:
    """What became of a package's mutants."""

    package: str
    drawn: int
    survivors: list[str]

    def __str__(self) -> str:
        killed = self.drawn - len(self.survivors)
        return f"{self.package:24} {killed:4} of {self.drawn:4} killed {killed / max(self.drawn, 1):6.1%}"


def main(arguments: list[str] | None = None) -> int:
    """Draw mutants and run the matching tests; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=main.__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, help="of src/uflux_kedro")
    parser.add_argument("--sample", type=int, default=200, help="mutants, of all packages together")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="processor seconds of tests a mutant"
    )
    chosen = parser.parse_args(arguments)
    _be_single_threaded()
    packages = list(chosen.packages)
    tallies = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder).resolve()
        copy_project(ROOT, copy)
        for rank, package in enumerate(packages):
            size = chosen.sample // len(packages) + (rank < chosen.sample % len(packages))
            tallies.append(_tally(copy, package, size, chosen.seed, chosen.budget))
            print(*tallies[-1].survivors, tallies[-1], sep="\n", flush=True)
    if len(tallies) > 1:
        print(*tallies, sep="\n")
    return 0


def _tally(copy: Path, package: str, size: int, seed: int, budget_s: float) -> Tally:
    unbroken = baseline(copy, mirrored_tests(copy, package), limit_s=3600)
    load(unbroken.modules)
    _expect_health(copy, unbroken, budget_s)
    mutants = draw(copy, files_of(copy, package), size, seed)
    survivors = []
    for rank, mutant in enumerate(mutants, 1):
        fate = _fate(copy, mutant, unbroken, budget_s)
        print(f"{rank}/{len(mutants)} {mutant.path}:{mutant.line} {fate}", file=sys.stderr)
        if fate.startswith("survived"):
            survivors.append(f"{mutant.diff((copy / mutant.path).read_text('utf-8'))}({fate})\n")
    return Tally(package, len(mutants), survivors)


def _expect_health(copy: Path, unbroken: Baseline, budget_s: float) -> None:
    """See that tests pass in a fork, so that a mutant's death is its own."""
    tests = unbroken.quickest(unbroken.seconds, budget_s)
    log = copy / ".mutants.log"
    if fork(lambda: _test(tests, copy), copy, log, _limit_s(tests, unbroken)) != 0:
        raise RuntimeError(f"tests fail in a fork of the unbroken code:\n{_end_of(log)}")


def _limit_s(tests: list[str], unbroken: Baseline) -> float:
    return 60 + 10 * sum(unbroken.seconds[test] for test in tests)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-4000:]


def _fate(copy: Path, mutant: Mutant, unbroken: Baseline, budget_s: float) -> str:
    path = copy / mutant.path
    source, status = path.read_text(encoding="utf-8"), path.stat()
    tests = unbroken.matching(mutant.path, mutant.line, source, budget_s)
    if not tests:
        return "survived: no test reaches it"
    log = copy / ".mutants.log"
    try:
        path.write_text(mutant.code(source), encoding="utf-8")
        code = fork(lambda: _test(tests, copy), copy, log, _limit_s(tests, unbroken))
    finally:
        path.write_text(source, encoding="utf-8")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if code is None:
        return "killed by its time"
    if code < 0 or code in _KILLED_BY:
        return "killed"
    if code == 0:
        return f"survived {len(tests)} tests"
    raise RuntimeError(f"pytest ended with {code}:\n{_end_of(log)}")


def _test(tests: list[str], copy: Path) -> int:
    # Bytecode is known by its second and its size, which a mutant may share with what it breaks;
    # compiled kernels by their own file alone, though they hold what they call.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(dir=copy)
    if numba := sys.modules.get("numba"):
        numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
    files = sorted({test.partition("::")[0] for test in tests})
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "--no-cov", "--tb=line"]
    return pytest.main([*files, *quiet], plugins=[Only(tests)])


def _be_single_threaded() -> None:
    """Set before numpy is loaded: threads do not outlive a fork."""
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


if __name__ == "__main__":
    sys.exit(main())
