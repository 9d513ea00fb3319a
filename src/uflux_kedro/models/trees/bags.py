"""Bags of training rows: which rows a tree is grown on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DRAWN = 1 - math.exp(-1)
"""Share of n rows that n draws with replacement reach."""


@dataclass(frozen=True)
class Bags:
    """How the bag of a tree is drawn.

    Attributes:
        units: (rows,) uint32, number from 0 of the unit (a row or a site) that is drawn.
        draws: Units drawn, with replacement; 0 takes each of them once.
        chances: (rows,) uint32, chance of 2^32 with which a row of a drawn unit comes into the
            bag; empty for all of them.
        rows: Rows of a bag, on average.
        most: Number of rows that no bag exceeds.
    """

    units: np.ndarray
    draws: int
    chances: np.ndarray
    rows: float
    most: int

    @classmethod
    def of_rows(cls, rows: int, most: int | None = None) -> Bags:
        """Draw rows: as many as there are, or ``most``, with replacement; each as often as drawn."""
        draws = rows if most is None else min(rows, most)
        return cls(np.arange(rows, dtype=np.uint32), draws, _NONE, draws, draws)

    @classmethod
    def distinct(cls, units: np.ndarray, most: int | None = None) -> Bags:
        """Draw units, as many as there are, with replacement, and keep each of them once.

        Args:
            units: (rows,) uint32, number from 0 of each row's unit.
            most: Rows of a bag, on average, where it would have more. They are spread evenly over
                the units, so that a site of many rows does not crowd out the others.
        """
        rows, sizes = len(units), np.bincount(units)
        drawn = rows * DRAWN
        if most is None or drawn <= most:
            return cls(units, len(sizes), _NONE, drawn, rows)
        by_row = len(sizes) == rows
        chance = np.full(rows, most / rows) if by_row else _even(sizes * DRAWN, most)[units]
        chances = np.minimum(chance * 2.0**32, 2.0**32 - 1).astype(np.uint32)
        # A bag's number of rows varies by about its square root: twice as many do not occur.
        return cls(units, 0 if by_row else len(sizes), chances, most, min(rows, 2 * most))


_NONE = np.empty(0, np.uint32)


def _even(sizes: np.ndarray, most: float) -> np.ndarray:
    """Return the share that is taken of each unit so that each gives the same, or all it has.

    Args:
        sizes: (units,) sizes.
        most: Sum of what is taken, less than the sum of the sizes.
    """
    ordered = np.sort(sizes)
    others = np.arange(len(ordered) - 1, -1, -1)
    # What all give if none gives more than the i-th smallest unit has.
    given = np.cumsum(ordered) + ordered * others
    i = int(np.searchsorted(given, most))
    quota = (most - ordered[:i].sum()) / (others[i] + 1)
    return np.minimum(1.0, quota / sizes)
