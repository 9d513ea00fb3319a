"""Read each faulty file, check its towers, and say whether a wrong value went unnoticed."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.tower_fuzz import faults
from benchmarks.tower_fuzz.sound import SITES, Family, families
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.quality.check import Checked, check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.towers.read import read_towers

Outcome = Literal["refused", "told", "right", "silent", "crash"]
"""``refused``: a named error, or a finding that requires a decision; ``told``: wrong values with a
finding to review or corrected; ``right``: no wrong value; ``silent``: wrong values, and no finding;
``crash``: any other exception."""

_CELLS = re.compile(r"cell |five cells of ")
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6


class Case(NamedTuple):
    """One faulty delivery.

    Attributes:
        name: Family, fault and number of the draw.
        family: Name of the family.
        files: Name -> bytes of each file.
        without: The same files without the values in question; None if they are as the sound ones.
    """

    name: str
    family: str
    files: dict[str, bytes]
    without: dict[str, bytes] | None = None


class Result(NamedTuple):
    """Outcome of a case, and its evidence."""

    name: str
    outcome: Outcome
    evidence: str


def cases(draws: int, seed: int = 0) -> Iterator[Case]:
    """Yield all cases: each fault at each family it applies to, drawn several times."""
    for name, family in families().items():
        packed = name in ("zip", "gzip")
        kinds: list[tuple[str, str]] = [("table", fault) for fault in faults.TABLE_FAULTS]
        kinds += [("packed" if packed else "text", f) for f in
                  (faults.PACKED_FAULTS if packed else faults.TEXT_FAULTS)]  # fmt: skip
        kinds += [("zip", fault) for fault in faults.ZIP_FAULTS] if name == "zip" else []
        kinds += [("sites", fault) for fault in faults.SITE_FAULTS] if name == "months" else []
        if packed:  # the table inside is that of the months
            kinds = [k for k in kinds if k[0] != "table"]
        for number, (kind, fault) in enumerate(kinds):
            for draw in range(draws):
                key = [seed, len(name), number, draw]
                files = _spoilt(family, kind, fault, np.random.default_rng(key))
                if files is None:
                    continue
                without = None
                if family.averaged and fault in faults.LOSSY:
                    without = files
                elif family.averaged and (cells := _CELLS.match(fault)):
                    missing = faults.cells(faults.MISSING, 5 if cells[0].startswith("five") else 1)
                    table = missing(family.table.copy(), np.random.default_rng(key))
                    without = files | {family.name: family.write(table)}
                yield Case(f"{name}: {fault} ({draw})", name, files, without)


def _spoilt(family: Family, kind: str, fault: str, rng: faults.Rng) -> dict[str, bytes] | None:
    sites = {"sites.csv": SITES.encode()} if family.sites else {}
    if kind == "table":
        table = faults.TABLE_FAULTS[fault](family.table.copy(), rng)
        return None if table is None else sites | {family.name: family.write(table)}
    if kind == "sites":
        spoilt = faults.SITE_FAULTS[fault](SITES.encode(), rng)
        return {"sites.csv": spoilt, family.name: family.write(family.table)}
    kinds = {"text": faults.TEXT_FAULTS, "packed": faults.PACKED_FAULTS, "zip": faults.ZIP_FAULTS}
    return sites | {family.name: kinds[kind][fault](family.write(family.table), rng)}


def read(files: dict[str, bytes], family: Family) -> tuple[Checked, pd.DataFrame]:
    """Read files as the pipeline does, and check their towers."""
    with tempfile.TemporaryDirectory(prefix="uflux-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        towers, sites = read_towers(folder, family.parameters, outside="keep")
    return check_towers(towers, sites, QualityParameters(), outside="raise"), sites


class Judge:
    """Compares what faulty files give with what the sound ones give."""

    def __init__(self) -> None:
        """Make the sound files, which are read when they are needed."""
        self.families = families()
        self._sound: dict[str, tuple[Checked, pd.DataFrame]] = {}

    def sound(self, name: str) -> tuple[Checked, pd.DataFrame]:
        """Return what the sound files of a family give."""
        if name not in self._sound:
            family = self.families[name]
            sites = {"sites.csv": SITES.encode()} if family.sites else {}
            files = sites | {family.name: family.write(family.table)}
            self._sound[name] = read(files, family)
        return self._sound[name]

    def judge(self, case: Case) -> Result:
        """Read and check the files of a case, and return its outcome."""
        family = self.families[case.family]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                checked, sites = read(case.files, family)
        except (InputError, ConfigurationError) as error:
            return Result(case.name, "refused", str(error))
        except Exception as error:
            return Result(case.name, "crash", f"{type(error).__name__}: {error}")
        sound, places = self.sound(case.family)
        wrong = _wrong(checked.towers, sound.towers) | _misplaced(sites, places)
        if wrong and case.without is not None:
            wrong &= _wrong(checked.towers, read(case.without, family)[0].towers)
        if not wrong:
            return Result(case.name, "right", "")
        known = [(f, c) for f in checked.findings for c in (f.columns or sorted(wrong))]
        # The pressure shows the elevation.
        known += [(f, "elevation") for f, c in known if c == "PA"]
        unseen = wrong - {c for _, c in known}
        if unseen:
            return Result(case.name, "silent", ", ".join(map(str, unseen)))
        open_ones = [f.found for f, c in known if c in wrong and f.open]
        if open_ones:
            return Result(case.name, "refused", open_ones[0])
        return Result(case.name, "told", next(f.found for f, c in known if c in wrong))


def _wrong(towers: pd.DataFrame, sound: pd.DataFrame) -> set[str]:
    """Return the columns with values that the sound table does not have; ``time`` for other periods."""
    both = sound.merge(towers, on=["site_id", "time"], suffixes=("", " now"))
    wrong = {"time"} if len(both) < len(towers) else set()
    for name in towers.columns.drop(["site_id", "time"]):
        if name not in sound:
            wrong |= {name} if towers[name].notna().any() else set()
            continue
        right, now = both[name].to_numpy(float), both[f"{name} now"].to_numpy(float)
        differ = np.abs(now - right) > _ABSOLUTE + _RELATIVE * np.abs(right)
        if (differ | (np.isnan(right) & ~np.isnan(now))).any():
            wrong.add(str(name))
    return wrong


def _misplaced(sites: pd.DataFrame, sound: pd.DataFrame) -> set[str]:
    both = sound.merge(sites, on="site_id", suffixes=("", " now"))
    names = ("latitude", "longitude", "elevation", "IGBP")
    return {n for n in names if ((both[n] != both[f"{n} now"]) & both[f"{n} now"].notna()).any()}
