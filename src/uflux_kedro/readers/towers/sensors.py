"""Join the columns of several sensors of a variable, where one ends and the next goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_HARDLY_ANY = 0.2
"""A column with less than this share of the values of the fullest one comes after all others."""
_LONG_GAP = 30
"""Days without a value from which another column goes on; at the ends of a record one is enough."""


class Joined(NamedTuple):
    """One series of several columns.

    Attributes:
        series: The joined series.
        source: Index in ``columns`` of the column of each value; -1 where there is none.
        columns: Names of all columns with values, those that come first in front.
    """

    series: pd.Series
    source: NDArray[np.intp]
    columns: tuple[str, ...]


def join(columns: Mapping[str, pd.Series], steps_a_day: int) -> Joined:
    """Join columns: the first one, and the next ones in its long gaps and at its ends.

    A column with hardly any values comes after all others. Short gaps are not filled, since two
    sensors differ, most of all at different heights and depths.

    Args:
        columns: Name -> series in the same unit, the best first.
        steps_a_day: Number of steps of a day.
    """
    counts = {name: int(column.notna().sum()) for name, column in columns.items()}
    least = _HARDLY_ANY * max(counts.values())
    order = sorted((n for n in columns if counts[n]), key=lambda name: counts[name] < least)
    if not order:
        series = next(iter(columns.values()))
        return Joined(series, np.full(len(series), -1), ())
    values = columns[order[0]].to_numpy(float).copy()
    source = np.where(np.isnan(values), -1, 0)
    for number, name in enumerate(order[1:], start=1):
        other = columns[name].to_numpy(float)
        taken = _in_long_gap(values, steps_a_day) & ~np.isnan(other)
        values[taken] = other[taken]
        source[taken] = number
    return Joined(pd.Series(values, columns[order[0]].index), source, tuple(order))


def _in_long_gap(values: NDArray[np.float64], steps_a_day: int) -> NDArray[np.bool_]:
    """Return where a value is missing in a gap of 30 days, or of one day at the ends."""
    known = np.flatnonzero(~np.isnan(values))
    # Between two known values, or an end of the record, lies one gap, which may be empty.
    edges = np.r_[-1, known, len(values)]
    lengths = np.diff(edges) - 1
    least = np.full(len(lengths), _LONG_GAP * steps_a_day)
    least[[0, -1]] = steps_a_day
    long = np.repeat(lengths >= least, lengths + 1)[: len(values)]
    return long & np.isnan(values)


def in_words(joined: Joined, starts: pd.Series) -> str | None:
    """Describe the columns that were joined; None if only one has values.

    Args:
        joined: Joined columns.
        starts: Start of each step, as text that begins with YYYYMMDD.
    """
    if len(joined.columns) < 2:
        return None
    parts = []
    for number, name in enumerate(joined.columns):
        steps = np.flatnonzero(joined.source == number)
        if steps.size:
            first, last = (starts.iloc[i][:8] for i in steps[[0, -1]])
            parts.append(f"{name} {first}-{last}")
    unused = [n for i, n in enumerate(joined.columns) if not (joined.source == i).any()]
    return ", ".join(parts) + (f" (not {', '.join(unused)})" if unused else "")
