"""Windows of days over a record: their valid records as the rows of a table, padded to one length."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Windows(NamedTuple):
    """Valid records of n windows.

    Attributes:
        rows: Step of each record, (n, longest); a repeated one where there are fewer.
        present: Whether it is a record of the window, (n, longest).
    """

    rows: NDArray[np.int64]
    present: NDArray[np.bool_]

    @classmethod
    def of(
        cls, valid: NDArray[np.bool_], day: NDArray[np.int64], first: NDArray, end: NDArray
    ) -> Self:
        """Collect the valid records of the days ``first`` to before ``end`` of each window.

        Args:
            valid: Whether a step is a valid record, (steps,).
            day: Number of each step's day, ascending, (steps,).
            first: First day of each window, (n,).
            end: Day after the last one, (n,).
        """
        steps = np.flatnonzero(valid)
        start, stop = np.searchsorted(day[steps], first), np.searchsorted(day[steps], end)
        places = start[:, None] + np.arange(max((stop - start).max(initial=0), 1))
        present = places < stop[:, None]
        if not len(steps):
            return cls(np.zeros_like(places), present)
        return cls(steps[np.minimum(places, len(steps) - 1)], present)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of records, (n,)."""
        return self.present.sum(axis=1)

    def take(self, chosen: NDArray) -> Windows:
        """Return the chosen windows."""
        return Windows(self.rows[chosen], self.present[chosen])

    def of_values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a variable's values, (n, longest); NaN where there is no record."""
        return np.where(self.present, values[self.rows], np.nan)

    def middles(self) -> NDArray[np.float64]:
        """Return the mean step of each window's records, (n,); NaN for none."""
        with np.errstate(invalid="ignore"):
            return np.where(self.present, self.rows, 0).sum(axis=1) / self.sizes


def days_of(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the number of each step's day, 0 for the record's first, (steps,)."""
    midnight = index.normalize()
    return ((midnight - midnight[0]) // pd.Timedelta(days=1)).to_numpy(np.int64)
