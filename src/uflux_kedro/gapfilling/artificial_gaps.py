"""Hide measured records as real gaps would, to see how well a method fills them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gapfilling.parameters import Scenario

_MONTH = 30.0
_MOVED = 45
"""Days by which a gap of the record's own is moved at most, so that it stays in its season."""

SCENARIOS: Mapping[str, Scenario] = {
    "uflux": Scenario(days={30.0: 0.5, 7.0: 0.3, 1.0: 0.2}, hidden=0.25, observed=0.5),
    "very_short": Scenario(days={1 / 48: 1.0}),
    "short": Scenario(days={8 / 48: 1.0}),
    "medium": Scenario(days={64 / 48: 1.0}),
    "long": Scenario(days={12.0: 1.0}),
    "mixed": Scenario(days={1 / 48: 0.25, 8 / 48: 0.25, 64 / 48: 0.25, 12.0: 0.25}),
    "one_month": Scenario(days={_MONTH: 1.0}, hidden=0.2),
    "two_months": Scenario(days={2 * _MONTH: 1.0}, hidden=0.2),
    "three_months": Scenario(days={3 * _MONTH: 1.0}, hidden=0.25),
    "six_months": Scenario(days={6 * _MONTH: 1.0}, hidden=0.5),
    "own": Scenario(hidden=0.2),
}
"""The mix of UFLUX; the five of Moffat et al. (2007), doi 10.1016/j.agrformet.2007.08.011, with gaps of
1, 8, 64 and 576 half-hours; months; and the record's own gaps."""


def scenario_of(name: str, further: Mapping[str, Scenario] | None = None) -> Scenario:
    """Return a scenario by its name.

    Args:
        name: Name in ``further`` or in :data:`SCENARIOS`.
        further: Scenarios of a configuration.

    Raises:
        ConfigurationError: If there is none of that name.
    """
    known = {**SCENARIOS, **(further or {})}
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise ConfigurationError(
            f"gap_filling: no scenario is named {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}")
        )
    return known[name]


def draw_gaps(
    measured: NDArray[np.bool_], steps_a_day: int, scenario: Scenario, seed: int
) -> NDArray[np.int32]:
    """Draw gaps that neither overlap nor touch.

    Longer gaps are placed first. Where no place is left for a gap of some length, less is hidden.

    Args:
        measured: Whether the flux was measured, (records,).
        steps_a_day: Records of a day, 48 or 24.
        scenario: Lengths and shares of the gaps. Without lengths, gaps of the record are drawn and
            moved by up to 45 days to the same hour, so that they keep their season and their part
            of the day.
        seed: Seed of the draw.

    Returns:
        Number of the gap that hides a record; -1 where nothing is hidden, or nothing was measured;
        (records,).
    """
    random = np.random.default_rng(seed)
    board = _Board(measured, scenario.observed)
    wanted = scenario.hidden * int(measured.sum())
    if scenario.days:
        total = sum(scenario.days.values())
        for days, share in sorted(scenario.days.items(), reverse=True):
            length = max(1, round(days * steps_a_day))
            if length >= len(measured):
                continue
            starts = random.permutation(len(measured) - length + 1)
            board.fill(starts, np.full(len(starts), length), wanted * share / total)
    else:
        starts, lengths = _own_gaps(measured, steps_a_day, wanted, random)
        board.fill(starts, lengths, wanted)
    return board.gap


class _Board:
    """Places that are taken, and the gaps that took them."""

    def __init__(self, measured: NDArray[np.bool_], observed: float) -> None:
        self.gap = np.full(len(measured), -1, dtype=np.int32)
        self._measured = measured
        self._observed = observed
        self._before = np.concatenate([[0], np.cumsum(measured)])
        self._taken = np.zeros(len(measured) + 2, dtype=bool)  # one more at either end
        self._number = 0

    def fill(self, starts: NDArray[np.intp], lengths: NDArray[np.intp], wanted: float) -> None:
        """Take the places in this order, where they are free, until enough records are hidden."""
        hidden = 0
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            if hidden >= wanted:
                break
            end = start + length
            if start < 0 or end > len(self.gap) or self._taken[start : end + 2].any():
                continue
            inside = int(self._before[end] - self._before[start])
            # Half a gap too much at most: else the last long gap hides far more than is wanted.
            if inside < max(1.0, self._observed * length) or inside > 2 * (wanted - hidden):
                continue
            self._taken[start + 1 : end + 1] = True
            self.gap[start:end][self._measured[start:end]] = self._number
            self._number += 1
            hidden += inside


def _own_gaps(
    measured: NDArray[np.bool_], steps_a_day: int, wanted: float, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw gaps of the record with replacement, more than enough, and move each by whole days."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], measured, [True]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return starts, starts
    # Twenty draws of each record to hide, for many of the moved gaps find their place taken.
    lengths = ends - starts
    draws = random.integers(len(starts), size=int(20 * max(1.0, wanted / lengths.mean())))
    days = random.integers(1, _MOVED, size=len(draws), endpoint=True)
    days *= random.choice([-1, 1], size=len(draws))
    return starts[draws] + days * steps_a_day, lengths[draws]
