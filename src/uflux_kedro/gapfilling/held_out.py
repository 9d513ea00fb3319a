"""Predictions of hidden records, on which fillers are weighted and intervals calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.artificial_gaps import draw_gaps
from uflux_kedro.gapfilling.context import gaps_of
from uflux_kedro.gapfilling.parameters import Scenario

_TURNS: tuple[dict[float, float], ...] = (
    {1 / 48: 0.2, 1 / 6: 0.4, 1.0: 0.4},
    {1.0: 0.3, 6.0: 0.7},
    {6.0: 0.3, 25.0: 0.7},
    {75.0: 1.0},
    {25.0: 1.0},
)
"""Gaps of each pass: length, days -> share of the hidden records."""
_HIDDEN = 0.3
_LONGEST = 0.25
"""Longest artificial gap, as a share of the record."""

LENGTH_CLASSES = (0.25, 1.5, 10.0, 40.0)
"""Limits between classes of lengths of gaps, days."""

Fill = Callable[[NDArray[np.float64], NDArray[np.bool_], int], Mapping[str, NDArray[np.float64]]]
"""Function of the flux without the hidden records, the records to fill, both (steps,), and a seed, that
returns each base filler's values at the records to fill."""


def longest_hidden(steps: int, steps_a_day: int) -> float:
    """Return the length of the longest artificial gap of a record of so many steps, days."""
    return min(max(max(turn) for turn in _TURNS), _LONGEST * steps / steps_a_day)


def length_class(days: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the class of gaps of these lengths, by :data:`LENGTH_CLASSES`."""
    return np.searchsorted(LENGTH_CLASSES, days)


def classes_of_gaps(measured: NDArray[np.bool_], steps_a_day: int) -> NDArray[np.intp]:
    """Return the length class of the gap of each step, (steps,)."""
    start, end = gaps_of(measured)
    return length_class((end - start) / steps_a_day)


def hide_and_fill(
    flux: NDArray[np.float64], fill: Fill, steps_a_day: int, *, seed: int, n_jobs: int = 1
) -> pd.DataFrame:
    """Hide measured records again and again, and let the fillers fill them.

    Artificial gaps are of half an hour to 75 days, a quarter of the record at most, those of one pass of
    like length; about three tenths of the measured records are hidden at a time.

    Args:
        flux: Measured values, NaN in gaps, (steps,).
        fill: The base fillers.
        steps_a_day: 48 or 24.
        seed: Seed of the gaps and the fillers.
        n_jobs: Threads.

    Returns:
        A row for each hidden record of each pass: ``step``, ``turn``, ``days`` (length of the whole
        gap), ``edge`` (days to the nearest measured record), ``truth``, and a column for each filler.
    """
    from joblib import Parallel, delayed

    measured = np.isfinite(flux)
    longest = longest_hidden(len(flux), steps_a_day)

    def one(turn: int, lengths: Mapping[float, float]) -> pd.DataFrame:
        shortened: dict[float, float] = {}
        for days, share in lengths.items():
            shortened[min(days, longest)] = shortened.get(min(days, longest), 0.0) + share
        scenario = Scenario(days=shortened, hidden=_HIDDEN)
        drawn = seed * len(_TURNS) + turn
        hidden = draw_gaps(measured, steps_a_day, scenario, drawn) >= 0
        steps = np.flatnonzero(hidden)
        filled = fill(np.where(hidden, np.nan, flux), hidden, drawn)
        return pd.DataFrame(
            {"step": steps, "turn": turn, "truth": flux[steps]}
            | around(measured & ~hidden, steps, steps_a_day)
            | dict(filled)
        )

    parts = Parallel(n_jobs, prefer="threads")(
        delayed(one)(turn, lengths) for turn, lengths in enumerate(_TURNS)
    )
    return pd.concat(parts, ignore_index=True)


def around(
    measured: NDArray[np.bool_], steps: NDArray[np.intp], steps_a_day: int
) -> dict[str, NDArray[np.float64]]:
    """Return the length of the gap at these steps and the distance to its nearer end, days."""
    start, end = gaps_of(measured)
    edge = np.minimum(steps - start[steps], end[steps] - 1 - steps) + 1
    return {"days": (end - start)[steps] / steps_a_day, "edge": edge / steps_a_day}
