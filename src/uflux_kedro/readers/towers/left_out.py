"""Towers and variables that are left out while reading, so that one tower's trouble costs it alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypedDict

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.remarks import Remark
from uflux_kedro.readers.towers.tables import OutOfBoundsError

logger = logging.getLogger(__name__)


class LeftOut(TypedDict):
    """A tower, or a variable of it, that is not in what was read.

    Attributes:
        site_id: Tower; empty if the file does not tell.
        variable: Variable; empty for the whole tower.
        file: File with the trouble.
        reason: What was expected, and what was found.
        remedy: What would mend it; empty if unknown.
    """

    site_id: str
    variable: str
    file: str
    reason: str
    remedy: str


_MOST_LINES = 30
_MOST_KINDS = 5

COLUMNS = tuple(LeftOut.__annotations__)


def left_out(site: str, error: InputError, variable: str = "") -> LeftOut:
    """Return what an error costs."""
    subject = f"{error.variable}: " if error.variable else ""
    return LeftOut(
        site_id=site,
        variable=variable,
        file=error.where,
        reason=f"{subject}expected {error.expected}; found {error.found}",
        remedy=error.hint or "",
    )


def as_table(rows: Collection[Mapping[str, str]]) -> pd.DataFrame:
    """Return one row for each tower or variable that was left out, sorted; maybe none."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS), dtype="str")
    return table.drop_duplicates().sort_values(["site_id", "variable", "file"], ignore_index=True)


def in_words(table: pd.DataFrame | None) -> list[str]:
    """Return a line for each tower, or variables of it, that was left out; of very many the first."""
    if table is None or table.empty:
        return []
    lines = []
    for (site, file), rows in table.groupby(["site_id", "file"], sort=False):
        variables = ", ".join(name for name in rows["variable"] if name)
        what = f"{variables} of tower" if variables else "Tower"
        reasons = "; ".join(dict.fromkeys(rows["reason"]))
        lines.append(f"{what} {site or 'of unknown name'} ({file}): {reasons}.")
    more = (
        [f"{len(lines) - _MOST_LINES} more: 08_reporting/left_out.csv."]
        if len(lines) > _MOST_LINES
        else []
    )
    return lines[:_MOST_LINES] + more


def as_remarks(rows: Collection[LeftOut]) -> list[Remark]:
    """Return what was left out as remarks, for the quality page."""
    return [
        Remark(
            check="left out",
            variable=row["variable"],
            sites=[row["site_id"] or "unknown"],
            expected=row["remedy"] or "files that can be read",
            found=f"{row['file']}: {row['reason']}",
        )
        for row in rows
    ]


def _summary(errors: Sequence[tuple[str, InputError]]) -> InputError:
    """Return one error that says how many towers are left out for which kind of error."""
    if len(errors) == 1:
        return errors[0][1]
    kinds: dict[tuple[str | None, str], list[InputError]] = {}
    towers: dict[tuple[str | None, str], set[str]] = {}
    for site, error in errors:
        kind = (error.variable, error.expected)
        kinds.setdefault(kind, []).append(error)
        towers.setdefault(kind, set()).add(site or error.where)
    order = sorted(kinds, key=lambda kind: -len(towers[kind]))
    first = kinds[order[0]][0]
    lines = [
        f"{len(towers[kind])} for {error.variable or 'the file'}: expected {error.expected}; found "
        f"{error.found} ({error.where})"
        for kind in order[:_MOST_KINDS]
        for error in kinds[kind][:1]
    ]
    further = len(order) - _MOST_KINDS
    more = [f"{further} further kinds of error, see the log"] if further > 0 else []
    return InputError(
        "the tower files",
        None,
        expected="at least one tower that can be read",
        found=f"none of {len(set().union(*towers.values()))}. Left out are "
        + ". ".join([*lines, *more]),
        hint=first.hint,
    )


@dataclass
class Losses:
    """What is lost while towers are read.

    Attributes:
        stop: Whether any trouble stops the reading.
        quiet: Whether it is not logged, as where the same files are read once more later.
        rows: What is left out.
    """

    stop: bool = False
    quiet: bool = False
    rows: list[LeftOut] = field(default_factory=list)
    _errors: list[tuple[str, InputError]] = field(default_factory=list)

    @contextmanager
    def at(self, site: str) -> Iterator[None]:
        """Let an InputError of the block cost this tower alone, unless it is to stop.

        What to do about values out of bounds is for ``towers.outside`` to say.

        Raises:
            InputError: The error of the block, if any trouble stops the reading.
        """
        try:
            yield
        except OutOfBoundsError:
            raise
        except InputError as error:
            if self.stop:
                raise
            self.note(site, error)

    def note(self, site: str, error: InputError) -> None:
        """Note that a tower is left out for an error."""
        self._errors.append((site, error))
        self._add(left_out(site, error), f"{site or error.where} is left out: {error}")

    def pass_over(self, site: str, file: str, reason: str) -> None:
        """Note that a file is not read, since it is of no family that is."""
        row = LeftOut(site_id=site, variable="", file=file, reason=reason, remedy="")
        self._add(row, f"{file} is not read: {reason}")

    def _add(self, row: LeftOut, message: str) -> None:
        self.rows.append(row)
        if not self.quiet:
            logger.warning("%s", message)

    def require(self, something: Collection[object]) -> None:
        """Raise what most towers are left out for, if nothing is left.

        Raises:
            InputError: The only error as it is; of several the number of towers by kind of error, each
                kind with an example, the commonest first.
        """
        if not something and self._errors:
            raise _summary(self._errors)

    def readable(self, read: Callable[[list[str]], object], wanted: Collection[str]) -> list[str]:
        """Return the sites of a table of many that can be read, and note the others.

        Args:
            read: Reads these sites.
            wanted: Sites.

        Raises:
            InputError: If any trouble stops the reading.
        """
        names = sorted(wanted)
        try:
            read(names)
        except OutOfBoundsError:
            raise
        except InputError as error:
            if self.stop:
                raise
            if len(names) <= 1:
                self.note("".join(names), error)
                return []
            # Halves, so that a few towers among many cost few further readings.
            middle = len(names) // 2
            halves = (names[:middle], names[middle:])
            return [name for half in halves for name in self.readable(read, half)]
        return names
