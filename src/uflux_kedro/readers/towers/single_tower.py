"""Read any single-tower table: columns to canonical variables, steps to periods."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.solar_clock import SolarClock, read_solar_clock
from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.aggregation import aggregate, good_share, nests
from uflux_kedro.readers.towers.csv_columns import (
    Header,
    ends_within_a_row,
    read_columns,
    read_header,
)
from uflux_kedro.readers.towers.impossible import STEP_IN_WORDS, Impossible, without_impossible
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.remarks import Remark, cut_off, stands_still
from uflux_kedro.readers.towers.tables import (
    HIGHEST_WATER,
    Outside,
    Resolution,
    Step,
    bounds,
    check_order,
    in_percent,
    parse_times,
    within_bounds,
)
from uflux_kedro.readers.towers.tower_files import TowerFile
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import FLUXES, VARIABLES, flux_beside

logger = logging.getLogger(__name__)

DAY = pd.Timedelta("1D")
_COARSEST_FIRST: tuple[Step, ...] = ("MM", "WW", "DD", "HR", "HH")

CARBON_BY_SECOND = "umolCO2 m-2 s-1"
"""Unit of carbon fluxes in tables of hours and half-hours."""


class Steps(NamedTuple):
    """A table of one tower at its own step.

    Attributes:
        record: ``time`` (start of the step), variables in canonical units with their QC (0-1), NaN
            where missing.
        length: Length of a step.
        clock: Clock of hours or half-hours; None if it cannot be told.
        impossible: Infinite values, which are missing in the record.
        remarks: What else was noticed.
    """

    record: pd.DataFrame
    length: pd.Timedelta
    clock: SolarClock | None
    impossible: list[Impossible]
    remarks: list[Remark]


@dataclass(frozen=True)
class Columns:
    """Columns of a single-tower table.

    Attributes:
        variables: Variable, or column beside a flux such as ``GPP_DT`` -> column.
        quality: ``<VAR>_QC`` -> column.
        units: Variable -> unit, if it is not the canonical one.
        complete: Function that adds columns to the table; None adds none.
        also: Further columns of the table that ``complete`` needs.
        added: Columns that ``complete`` adds.
    """

    variables: Mapping[str, str]
    quality: Mapping[str, str]
    units: Mapping[str, str]
    complete: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    also: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def offered(self, header: Collection[str]) -> set[str]:
        """Return the canonical names of the columns that are present with this header."""
        present = {*header, *self.added}
        return {ours for ours, theirs in self.all().items() if theirs in present}

    def all(self) -> dict[str, str]:
        """Return canonical name -> column, each variable followed by its QC."""
        order = [n for v in self.variables for n in (v, f"{v}_QC")]
        both = {**self.variables, **self.quality}
        return {name: both[name] for name in order if name in both}


def best_tables(
    tables: Collection[TowerFile], parameters: TowerParameters, losses: Losses | None = None
) -> list[TowerFile]:
    """Select one table of each delivery: that nearest to the resolution, in the fullest set.

    Args:
        tables: Tables of any number of deliveries.
        parameters: Resolution.
        losses: Takes the deliveries without such a table; None raises their error.

    Raises:
        InputError: If no table of a delivery has the resolution or a finer one, or there are two
            with different contents.
    """
    return tables_of_step(
        tables,
        steps_that_fill(parameters.resolution),
        f"a table of resolution {parameters.resolution}, or a finer one that fills it",
        losses,
    )


def steps_that_fill(resolution: Resolution) -> list[Step]:
    """Return the steps of which periods consist, the coarsest first.

    The aggregation of the networks themselves is thus preferred.
    """
    return [s for s in _COARSEST_FIRST if nests(s, resolution)]


def tables_of_step(
    tables: Collection[TowerFile],
    steps: Sequence[Step],
    expected: str,
    losses: Losses | None = None,
) -> list[TowerFile]:
    """Select one table of each delivery: that with the first step, in the fullest set.

    Args:
        tables: Tables of any number of deliveries.
        steps: Steps that fit, the best first.
        expected: What fits, in words.
        losses: Takes the deliveries with an error; None raises it.

    Raises:
        InputError: If no table of a delivery fits, or there are two with different contents.
    """
    losses = losses or Losses(stop=True)
    deliveries: dict[tuple[object, ...], list[TowerFile]] = {}
    for table in tables:
        deliveries.setdefault((table.family, table.delivery), []).append(table)
    chosen = []
    for offered in deliveries.values():
        with losses.at(offered[0].site):
            chosen.append(_table_of_step(offered, steps, expected))
    return chosen


def _table_of_step(offered: Sequence[TowerFile], steps: Sequence[Step], expected: str) -> TowerFile:
    """Select the table of one delivery."""
    fitting = [t for t in offered if t.step in steps]
    if not fitting:
        raise InputError(
            offered[0].file.where,
            None,
            expected=expected,
            found=", ".join(sorted({str(t.step) for t in offered})),
        )
    fitting.sort(key=lambda t: (steps.index(t.step), t.rank, t.file))
    _check_copies(fitting)
    for other in fitting[1:]:
        logger.debug("%s: %s is read instead", other.file.where, fitting[0].file.name)
    return fitting[0]


def _check_copies(tables: Sequence[TowerFile]) -> None:
    """Raise InputError if a copy of the first table, such as an unpacked one, has other contents."""
    first = tables[0]
    for other in tables[1:]:
        copy = (other.step, other.rank) == (first.step, first.rank)
        if copy and other.file.checksum() != first.file.checksum():
            raise InputError(
                first.file.where,
                None,
                expected="one version of the table",
                found=f"another with other contents, {other.file.where}",
                hint="Remove the older one",
            )


def read_single_tower(
    table: TowerFile,
    columns: Columns,
    parameters: TowerParameters,
    required: Collection[str] = (),
    header: Header | None = None,
    raw: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Read a table of one tower and average it to the wanted periods.

    Args:
        table: The table.
        columns: Its columns.
        parameters: Resolution, completeness and ``outside``.
        required: Canonical names of columns that must be present and have values.
        header: Header of the table; None reads it.
        raw: Columns of the table, if it is no CSV; None reads them.

    Returns:
        ``site_id``, ``time`` (start of the period), variables in canonical units with their QC
        (0-1), NaN where missing; ``attrs["clock"]`` is the :class:`SolarClock` of hours,
        ``attrs["impossible"]`` describes the impossible steps that were left out,
        ``attrs["remarks"]`` what else was noticed.

    Raises:
        InputError: If a required column is absent or empty, timestamps are unreadable, duplicate,
            unordered or irregular, no flux has values, or values are out of bounds.
    """
    where = table.file.where
    step = table.step or "DD"
    steps = read_steps(table, columns, required, header, raw)
    record, taken = steps.record, steps.impossible
    if step != parameters.resolution:
        kind: Literal["day", "hour"] = "day" if steps.length >= DAY else "hour"
        record, impossible = without_impossible(record, table.site, kind, where)
        taken = [*taken, *impossible]
        record = aggregate(record, parameters.resolution, steps.length, parameters.completeness)
    record.insert(0, "site_id", table.site)
    record = all_within_bounds(record, where, parameters.outside)
    record.attrs |= {"clock": steps.clock, "impossible": taken, "remarks": steps.remarks}
    if record[[f for f in FLUXES if f in record]].isna().all(axis=None):
        raise InputError(
            where,
            None,
            expected="at least one flux with values",
            found="none",
            hint=None
            if step == parameters.resolution
            else f"No period has {parameters.completeness:.0%} of its steps measured or well "
            "filled; towers.completeness sets that share",
        )
    return record


def all_within_bounds(record: pd.DataFrame, where: str, outside: Outside) -> pd.DataFrame:
    """Check the bounds of all columns after ``site_id`` and ``time``.

    Raises:
        OutOfBoundsError: If ``outside`` is ``raise`` and values are out of bounds.
    """
    arrays = list(record.columns[2:])
    lower, upper = np.transpose([bounds(name)[:2] for name in arrays])
    numbers = record[arrays].to_numpy()
    wrong = ((numbers < lower) | (numbers > upper)).any(axis=0)
    for name in np.array(arrays)[wrong]:
        keys = record[["site_id", "time"]]
        record[name] = within_bounds(record[name], keys, where, outside)
    return record


def stamp_column(step: Step | None) -> str:
    """Return the column with the times of a table: their starts, if it also has their ends."""
    return "TIMESTAMP_START" if step in ("WW", "HR", "HH") else "TIMESTAMP"


def read_steps(
    table: TowerFile,
    columns: Columns,
    required: Collection[str] = (),
    header: Header | None = None,
    raw: pd.DataFrame | None = None,
    share: Callable[[np.ndarray], np.ndarray] = good_share,
) -> Steps:
    """Read a table of one tower at its own step.

    Args:
        table: The table.
        columns: Its columns.
        required: Canonical names of columns that must be present and have values.
        header: Header of the table; None reads it.
        raw: Columns of the table, if it is no CSV; None reads them.
        share: What the QC codes of hours and half-hours are converted with.

    Raises:
        InputError: If a required column is absent or empty, or timestamps are unreadable, duplicate,
            unordered or irregular.
    """
    where = table.file.where
    names = columns.all()
    step = table.step or "DD"
    stamp = stamp_column(table.step)
    if raw is None:
        header = header or read_header(table.file)
        raw = read_columns(table.file, {stamp, *names.values(), *columns.also}, header)
    _require_columns(raw, [stamp], where)
    infinite = raw.attrs.pop("infinite", {})
    if columns.complete is not None:
        raw = columns.complete(raw)
    remarks: list[Remark] = raw.attrs.pop("remarks", [])
    _require_columns(raw, [stamp, *(names[n] for n in required if n in names)], where)
    times = parse_times(raw[stamp], step, where)
    _check_order(times, table.site, where)
    length = step_length(times, where) if step in ("HH", "HR") else DAY
    arrays = {n: _canonical(n, raw, column, columns.units, length, where, share)
              for n, column in names.items()}  # fmt: skip
    empty = {n for n, values in arrays.items() if np.isnan(values).all()}
    _require_values(empty, required, names, where)
    for flux in FLUXES:
        if flux in empty:
            logger.warning("%s: no values of %s (column %s)", where, flux, names[flux])
    clock = None
    if length < DAY and "SW_IN" in arrays and len(times) > 1:
        # The clock is compared with the sun in the hours, before they are averaged.
        clock = read_solar_clock(times, arrays["SW_IN"])
    taken = _infinite(infinite, names, step, times, table.site)
    if length < DAY:
        days = 3 * int(DAY / length)
        remarks += [r for flux in FLUXES if flux in arrays
                    for r in stands_still(flux, table.site, arrays[flux], times, days)]  # fmt: skip
    if header is not None and ends_within_a_row(table.file):
        cut = [n for n, column in names.items() if column == header.columns[-1]]
        remarks += [cut_off(n, table.site, where) for n in cut]
    record = pd.DataFrame({"time": times} | arrays)
    return Steps(record, length, clock, taken, remarks)


def _canonical(
    name: str,
    raw: pd.DataFrame,
    column: str,
    units: Mapping[str, str],
    length: pd.Timedelta,
    where: str,
    share: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return a column in the canonical unit; NaN if it is absent."""
    if column not in raw:
        return np.full(len(raw), np.nan)
    values = raw[column].to_numpy()
    if name.endswith("_QC"):
        return share(values) if length < DAY else values
    if name == "SWC" and units.get(name) == "percent":
        values = in_percent(raw[column], where, HIGHEST_WATER).to_numpy()
    if name in units:
        values = to_canonical(values, units[name], VARIABLES[flux_beside(name) or name], where)
    # Precipitation is a sum over the step.
    return values * (DAY / length) if name == "P" and length < DAY else values


def _infinite(
    infinite: Mapping[str, tuple[int, int, int, float]],
    names: Mapping[str, str],
    step: Step,
    times: pd.Series,
    site: str,
) -> list[Impossible]:
    """Describe the infinite values of each variable, which the table has as missing."""
    return [
        Impossible(
            site_id=site,
            variable=name,
            steps=count,
            of=known,
            step=STEP_IN_WORDS[step],
            example=value,
            time=str(times.iloc[row]),
        )
        for name, column in names.items()
        if column in infinite
        for known, count, row, value in [infinite[column]]
    ]


def _check_order(times: pd.Series, site: str, where: str) -> None:
    if not (times.is_monotonic_increasing and times.is_unique):
        check_order(pd.DataFrame({"site_id": site, "time": times}), where)


def step_length(times: pd.Series, where: str) -> pd.Timedelta:
    """Return the step of a table of hours or half-hours."""
    length = times.diff().median() if len(times) > 1 else pd.Timedelta("30min")
    midnight = (times - times.dt.normalize()) % length
    if length >= DAY or DAY % length != pd.Timedelta(0) or (midnight != pd.Timedelta(0)).any():
        raise InputError(
            where,
            "TIMESTAMP_START",
            expected="starts of hours or half-hours",
            found=f"a step of {length}"
            if (midnight == pd.Timedelta(0)).all()
            else f"{times[midnight != pd.Timedelta(0)].iloc[0]} at a step of {length}",
        )
    return length


def _require_columns(raw: pd.DataFrame, columns: list[str], where: str) -> None:
    missing = [c for c in dict.fromkeys(columns) if c not in raw]
    if missing:
        raise InputError(
            where,
            ", ".join(missing),
            expected="these columns",
            found="a table without them",
            hint="Use a FULLSET or SUBSET table, or name these variables in towers.allow_missing",
        )
    if raw.empty:
        raise InputError(where, None, expected="at least one row", found="none")


def _require_values(
    empty: Collection[str], required: Collection[str], names: Mapping[str, str], where: str
) -> None:
    for name in required:
        if name in empty:
            raise InputError(
                where,
                names[name],
                expected=f"values of {name}",
                found="only -9999",
                hint=f"Leave the tower out, or name {name.removesuffix('_QC')} in towers.allow_missing",
            )
