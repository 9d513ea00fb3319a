"""Put the records of many towers one below the other without holding them twice.

A network of 767 towers by day for twenty years is 2 GB of numbers in float64; ``pandas.concat`` would
hold the records and the table of them at once. Numbers are appended to one buffer a column, which grows in
place, and may be held in float32: seven digits, of which the networks' tables have at most as many.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable

import numpy as np
import pandas as pd

from uflux_kedro.readers.towers.tables import Resolution


def type_of_numbers(resolution: Resolution) -> type[np.float32 | np.float64]:
    """Return the type in which towers are held: months of all are few, and models take float32 at any step."""
    return np.float32 if resolution == "DD" else np.float64


class Stack:
    """Records of towers, one below the other.

    Args:
        numbers: Type in which columns of float64 are held.

    Attributes:
        rows: Number of rows so far.
        in_order: Whether the rows are sorted by ``site_id`` and ``time``, each once. Records of several
            towers are taken for unsorted.
    """

    def __init__(self, numbers: type[np.float32 | np.float64] = np.float64) -> None:
        self._numbers = np.dtype(numbers)
        self.rows = 0
        self.in_order = True
        self._columns: dict[str, array[float] | list[pd.Series]] = {}
        self._last: tuple[Hashable, Hashable] | None = None

    def add(self, record: pd.DataFrame) -> int:
        """Append a record with the columns ``site_id`` and ``time``; return its number of rows."""
        self.in_order = self.in_order and self._follows(record)
        rows = len(record)
        for name in dict.fromkeys([*self._columns, *record]):
            if name not in self._columns:
                number = record[name].dtype == np.float64
                self._columns[name] = array(self._numbers.char) if number else []
                self._lack(name, self.rows)
            if name in record:
                self._append(name, record[name])
            else:
                self._lack(name, rows)
        self.rows += rows
        return rows

    def table(self) -> pd.DataFrame:
        """Return all rows, with the columns in the order in which they appeared; empties the stack."""
        table = {}
        while self._columns:
            name = next(iter(self._columns))
            values = self._columns.pop(name)
            if isinstance(values, list):
                table[name] = pd.concat(values, ignore_index=True)
            else:
                table[name] = pd.Series(self._of(values), copy=False)
        return pd.DataFrame(table, copy=False)

    def _follows(self, record: pd.DataFrame) -> bool:
        """Return whether a record of one tower is sorted, and later than the one before."""
        times = record["time"]
        if record.empty or not (times.is_monotonic_increasing and times.is_unique):
            return False
        if (record["site_id"] != record["site_id"].iloc[0]).any():
            return False
        ends = record[["site_id", "time"]].iloc[[0, -1]].itertuples(index=False, name=None)
        first, last = ends
        follows = self._last is None or self._last < first
        self._last = last
        return follows

    def _append(self, name: str, values: pd.Series) -> None:
        column = self._columns[name]
        if isinstance(column, array) and values.dtype != np.float64:
            column = self._columns[name] = [pd.Series(self._of(column).copy())]
        if isinstance(column, list):
            column.append(values)
        else:
            self._extend(column, values.to_numpy())

    def _lack(self, name: str, rows: int) -> None:
        """Append missing values."""
        if not rows:
            return
        column = self._columns[name]
        if isinstance(column, array):
            self._extend(column, np.full(rows, np.nan))
        else:
            column.append(pd.Series(np.full(rows, np.nan)))

    def _extend(self, column: array[float], values: np.ndarray) -> None:
        held = np.ascontiguousarray(values, self._numbers)
        column.frombytes(held.view(np.uint8).data)

    def _of(self, column: array[float]) -> np.ndarray:
        """Return a buffer's numbers, without a copy."""
        return np.frombuffer(column, self._numbers)
