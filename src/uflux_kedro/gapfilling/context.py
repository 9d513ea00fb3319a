"""What a flux did before and after a gap: its means over the days on either side.

In training each record is in a gap of its own making, of a random length, within which nothing of the flux
counts, as nothing does in a real gap.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WINDOWS = (5, 20)
"""Days on either side over which the flux is averaged."""
_FEWEST = 4
"""Records of a mean at least."""
_SHORTEST, _LONGEST = 0.25, 75.0
"""Days of a gap made for training; lengths between are equally likely on a logarithmic scale."""
_FARTHEST = 90.0
"""Days beyond which the distance to an end of the gap makes no more difference."""


def gaps_of(measured: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the gap of each step starts and ends (the step after its last).

    A measured step is a gap of its own.

    Args:
        measured: Whether a step was measured, (steps,).
    """
    steps = np.arange(len(measured))
    before = np.maximum.accumulate(np.where(measured, steps, -1))
    after = np.minimum.accumulate(np.where(measured, steps, len(measured))[::-1])[::-1]
    return np.where(measured, steps, before + 1), np.where(measured, steps + 1, after)


def training_gaps(
    steps: int, steps_a_day: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return start and end of gaps, side by side, that hold every step of a record.

    Args:
        steps: Steps of the record.
        steps_a_day: 48 or 24.
        seed: Seed of the lengths.
    """
    random = np.random.default_rng(seed)
    shortest, longest = np.log(_SHORTEST * steps_a_day), np.log(_LONGEST * steps_a_day)
    edges = [-int(random.integers(0, int(_LONGEST * steps_a_day)))]
    while edges[-1] < steps:
        edges.append(edges[-1] + int(np.exp(random.uniform(shortest, longest))))
    ends = np.array(edges)
    gap = np.searchsorted(ends, np.arange(steps), side="right") - 1
    return np.clip(ends[gap], 0, steps), np.clip(ends[gap + 1], 0, steps)


def context_of(
    flux: NDArray[np.float64],
    gaps: tuple[NDArray[np.intp], NDArray[np.intp]],
    day: NDArray[np.bool_],
    drivers: tuple[NDArray[np.float64] | None, ...],
    steps_a_day: int,
) -> NDArray[np.float32]:
    """Return what is known of the flux on either side of each step's gap.

    Args:
        flux: Measured values, NaN in gaps, (steps,).
        gaps: Start and end of each step's gap, each (steps,).
        day: Whether the sun shines, (steps,).
        drivers: Drivers, (steps,) each, whose means on the same records tell what the flux answered to.
        steps_a_day: 48 or 24.

    Returns:
        (steps, columns), float32, NaN where too few records are known: for 5 and 20 days before and
        after the gap the mean at the hour of the step, give or take one, by day and by night, with those
        of the drivers; and the distances to both ends of the gap, days.
    """
    n, (start, end) = len(flux), gaps
    steps = np.arange(n)
    columns: list[NDArray] = []
    known = np.isfinite(flux)
    running = [
        _running(np.where(known & part, values, np.nan))
        for part in (day, ~day)
        for values in (flux, *(d for d in drivers if d is not None))
    ]
    hourly = _by_hour(flux, steps_a_day)
    for days in _WINDOWS:
        reach = days * steps_a_day
        for first, last in (
            (np.clip(start - reach, 0, n), start),
            (end, np.clip(end + reach, 0, n)),
        ):
            columns += [_mean(one, first, last) for one in running]
        columns += list(_same_hour(hourly, start, end, days, steps_a_day))
    far = _FARTHEST * steps_a_day
    columns += [
        np.minimum(steps - start, far) / steps_a_day,
        np.minimum(end - steps, far) / steps_a_day,
    ]
    return np.array(columns, dtype=np.float32).T


_Running = tuple[NDArray[np.float64], NDArray[np.float64]]


def _running(values: NDArray[np.float64]) -> _Running:
    """Return the sums and the numbers of the values before each step, (steps + 1,)."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    return sums, np.concatenate([[0.0], np.cumsum(known)])


def _mean(running: _Running, first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray:
    sums, numbers = running
    count = numbers[last] - numbers[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= _FEWEST, (sums[last] - sums[first]) / count, np.nan)


def _by_hour(flux: NDArray[np.float64], steps_a_day: int) -> _Running:
    """Return sums and numbers of the values within an hour of each step of the day, by the days before.

    Both are (days + 1, steps of a day).
    """
    hour = steps_a_day // 24
    days = -(-len(flux) // steps_a_day)
    sums, numbers = _running(np.pad(flux, hour, constant_values=np.nan))
    width = 2 * hour + 1
    around = [one[width:] - one[:-width] for one in (sums, numbers)]
    tables = [np.pad(one, (0, days * steps_a_day - len(flux))).reshape(days, steps_a_day)
              for one in around]  # fmt: skip
    nothing = np.zeros((1, steps_a_day))
    return (
        np.concatenate([nothing, np.cumsum(tables[0], axis=0)]),
        np.concatenate([nothing, np.cumsum(tables[1], axis=0)]),
    )


def _same_hour(
    hourly: _Running,
    start: NDArray[np.intp],
    end: NDArray[np.intp],
    days: int,
    steps_a_day: int,
) -> Iterator[NDArray]:
    """Yield the mean at the step's hour over the days before the gap, and over those after it."""
    sums, numbers = hourly
    hour = steps_a_day // 24
    of_day = np.arange(len(start)) % steps_a_day
    # Whole days: an hour later the record is still before the gap, an hour earlier still after it.
    before = np.clip((start - hour - 1 - of_day) // steps_a_day + 1, 0, len(sums) - 1)
    after = np.clip(-((of_day - hour - end) // steps_a_day), 0, len(sums) - 1)
    for first, last in (
        (np.clip(before - days, 0, None), before),
        (after, np.clip(after + days, None, len(sums) - 1)),
    ):
        count = numbers[last, of_day] - numbers[first, of_day]
        total = sums[last, of_day] - sums[first, of_day]
        with np.errstate(invalid="ignore", divide="ignore"):
            yield np.where(count >= 2, total / count, np.nan)
