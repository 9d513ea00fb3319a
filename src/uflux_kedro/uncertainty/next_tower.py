"""Where to build the next tower: by how much it would lower the expected error elsewhere.

The expected error variance of a place and month falls with the number of distinct towers that
sampled its conditions. A tower at a candidate cell would bring the months of that cell's year: every
place and month within the threshold of one of them, wherever on Earth, would have one tower more.
The gain is the area-weighted fall of the expected error over all land and months, so that it is
large where conditions are common, errors are large and few towers know them. Towers are chosen one after another,
each given the ones before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.uncertainty.intervals import tower_weights
from uflux_kedro.uncertainty.parameters import NextTowerParameters
from uflux_kedro.uncertainty.sampling_space import SamplingSpace
from uflux_kedro.variables import IGBP_CLASSES, IGBP_NAMES

MONTHS = 12
_LEAST_TOWERS = 10
"""Fewest towers with held-out rows to learn how errors fall."""
_BLOCK = 16
"""Candidates that are compared with all rows at once."""
_ROUNDING = 1e-9
"""Of a squared distance between weighted coordinates, which are of the order of 1."""


class ErrorByTowers(NamedTuple):
    """Expected squared error with n towers within the threshold: floor + excess half / (n + half).

    It is linear in completeness n / (n + half).

    Attributes:
        floor: What remains with unlimited towers, the squared unit of the flux.
        excess: What no tower at all adds to it.
        half: Towers at which completeness is one half.
    """

    floor: float
    excess: float
    half: float

    def of(self, towers: NDArray) -> NDArray[np.float64]:
        """Return the expected squared error with numbers of towers."""
        return self.floor + self.excess * self.half / (np.asarray(towers, float) + self.half)


def learn_error(rows: pd.DataFrame, half: float) -> ErrorByTowers:
    """Learn how squared errors at held-out towers fall with completeness.

    Args:
        rows: Held-out rows with ``site_id``, ``truth``, ``centre`` or ``prediction``, and
            ``completeness`` without the row's own tower, as from
            :func:`uflux_kedro.uncertainty.calibration.calibrate`.
        half: Towers at which completeness is one half.

    Returns:
        The least-squares line over rows, towers weighing alike, with a floor and an excess of at
        least 0. With fewer than ten towers, or where errors do not fall with completeness, the
        excess is the mean squared error and the floor 0: the gain is then that in completeness.

    Raises:
        InputError: If a column is missing, or there is no row.
    """
    about = "centre" if "centre" in rows else "prediction"
    columns = ["site_id", "truth", about, "completeness"]
    absent = [c for c in columns if c not in rows]
    known = rows.dropna(subset=columns) if not absent else rows.iloc[:0]
    if known.empty:
        raise InputError(
            "held-out rows",
            ", ".join(absent) or "completeness",
            expected="rows with truth, prediction and completeness",
            found="none",
        )
    squared = (known["truth"] - known[about]).to_numpy(float) ** 2
    lacking = 1 - known["completeness"].to_numpy(float)
    weights = tower_weights(known["site_id"])
    mean = float(np.average(squared, weights=weights))
    if known["site_id"].nunique() >= _LEAST_TOWERS:
        middle = np.average(lacking, weights=weights)
        spread = np.average((lacking - middle) ** 2, weights=weights)
        together = np.average((lacking - middle) * (squared - mean), weights=weights)
        if spread > 0 and together > 0:
            slope = together / spread
            if mean >= slope * middle:
                return ErrorByTowers(float(mean - slope * middle), float(slope), half)
            # A line through zero error at full completeness.
            through = np.average(lacking * squared, weights=weights)
            return ErrorByTowers(
                0.0, float(through / np.average(lacking**2, weights=weights)), half
            )
    return ErrorByTowers(0.0, mean, half)


class NextTowers(NamedTuple):
    """Where towers would lower the expected error.

    Attributes:
        gain: Fall of the mean expected squared error that a tower at each candidate brings alone,
            as a share of that with today's towers, (candidates,).
        best: The towers chosen one after another: ``candidate`` (position), ``gain`` (share, of
            the tower itself), ``total`` (share of all up to it), ``reached`` (share of area and
            months that it is a further tower for), ``new`` (share for which it is the first).
        error: Expected squared error of each place, mean over its months, (places,).
        completeness: Completeness of each place, mean over its months, (places,).
    """

    gain: NDArray[np.floating]
    best: pd.DataFrame
    error: NDArray[np.float64]
    completeness: NDArray[np.float64]


def place_towers(
    space: SamplingSpace,
    places: NDArray[np.floating],
    area: NDArray[np.floating],
    candidates: NDArray[np.intp] | Sequence[int],
    error: ErrorByTowers,
    *,
    variance: NDArray[np.floating] | None = None,
    n_best: int = 10,
    n_jobs: int = 1,
) -> NextTowers:
    """Choose the places at which towers would lower the expected error most.

    Args:
        space: Sampling space of today's towers.
        places: Predictors of the mean year of every place, shape (places, months, predictors) in
            the space's order; months with NaN are left out.
        area: Weight of each place, such as its area, shape (places,).
        candidates: Positions of the places at which a tower could stand.
        error: Expected squared error by towers within the threshold.
        variance: Expected squared error of today, (places, months), if it is known better: it falls
            with further towers in the proportion that ``error`` falls. None for ``error`` itself.
        n_best: Number of towers to choose.
        n_jobs: Threads; -1 for all cores. It changes no result.

    Returns:
        Gain of each candidate and the best ones. Memory is one byte for each candidate, place and
        month.

    Raises:
        InputError: If the predictors are not those of the space, no place is known, or there is no
            candidate.
    """
    places = np.asarray(places, dtype=float)
    candidates = np.asarray(candidates, dtype=np.intp)
    _check(space, places, candidates)
    months = places.shape[1]
    X = places.reshape(-1, places.shape[2])
    known = np.isfinite(X).all(axis=1)
    weight = np.where(known, np.repeat(np.asarray(area, float), months), 0.0)
    if not weight.sum() > 0:
        raise InputError(
            "places", "predictors", expected="places with all predictors", found="none"
        )
    weight /= weight.sum()
    towers = np.nan_to_num(space.places(X, n_jobs=n_jobs).towers)
    reached = _reach(space, X, candidates, months, n_jobs)
    scale = np.ones(len(X))
    if variance is not None:
        scale = np.nan_to_num(np.asarray(variance, float).ravel()) / error.of(towers)

    def expected(now: NDArray) -> NDArray[np.float64]:
        return scale * error.of(now)

    def gains(now: NDArray) -> NDArray[np.floating]:
        fall: NDArray[np.floating] = weight * (expected(now) - expected(now + 1))
        return np.asarray(reached @ fall.astype(np.float32))

    before = float(weight @ expected(towers))
    first, now, rows = gains(towers), towers.copy(), []
    gain = first
    left = np.ones(len(candidates), dtype=bool)
    for _ in range(min(n_best, len(candidates))):
        chosen = int(np.where(left, gain, -1.0).argmax())
        left[chosen] = False
        within = reached[chosen]
        rows.append(
            {
                "candidate": int(candidates[chosen]),
                "gain": float(gain[chosen]) / before,
                "reached": float(weight[within].sum()),
                "new": float(weight[within & (now == 0)].sum()),
            }
        )
        now[within] += 1
        rows[-1]["total"] = 1 - float(weight @ expected(now)) / before
        gain = gains(now)
    by_place = np.where(known, expected(towers), np.nan).reshape(len(places), months)
    complete = np.where(known, towers / (towers + space.half), np.nan).reshape(by_place.shape)
    return NextTowers(first / before, pd.DataFrame(rows), _mean(by_place), _mean(complete))


def mean_year(drivers: xr.Dataset, predictors: Sequence[str]) -> NDArray[np.float32]:
    """Return the mean year of predictors in every cell.

    Args:
        drivers: Predictors on ``latitude`` and ``longitude``, monthly or finer.
        predictors: Names.

    Returns:
        Shape (latitude x longitude, 12, predictors); NaN where a calendar month has no value.

    Raises:
        InputError: If a predictor is missing or the grid is not of latitude and longitude.
    """
    absent = [n for n in (*predictors, "latitude", "longitude") if n not in drivers.variables]
    if absent:
        raise InputError(
            "drivers",
            ", ".join(absent),
            expected="predictors on latitude and longitude",
            found=f"the variables {', '.join(map(str, drivers.variables))}",
        )
    sizes = {"month": MONTHS, "latitude": drivers.sizes["latitude"], "longitude": drivers.sizes["longitude"]}  # fmt: skip
    fields = []
    for name in predictors:
        field = drivers[name].reset_coords(drop=True)
        if "time" in field.dims:
            by_month = field.groupby("time.month").mean().reindex(month=range(1, MONTHS + 1))
            field = by_month.compute()
        values = field.variable.set_dims(sizes).transpose("latitude", "longitude", "month")
        fields.append(values.to_numpy().astype("float32").reshape(-1, MONTHS))
    return np.stack(fields, axis=-1)


def next_towers(
    space: SamplingSpace,
    drivers: xr.Dataset,
    error: ErrorByTowers,
    parameters: NextTowerParameters,
    *,
    sigma: Callable[[NDArray[np.float32]], NDArray[np.floating]] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Map the gain of a tower, and list the places at which to build the next ones.

    Land cells are drawn at random to stand for all, and candidates among them, so that the cost
    does not grow with the grid. Ice and water are no candidates.

    Args:
        space: Sampling space of today's towers.
        drivers: Predictors of the space and ``IGBP`` on latitude and longitude.
        error: Expected squared error by towers; see :func:`learn_error`.
        parameters: Numbers of places, candidates and towers.
        sigma: Function of complete rows of the predictors (n, predictors) that returns their expected
            error (n,), such as the learnt spread of the intervals. Without it the error is that of
            ``error`` alone, as large in a desert as in a forest.
        seed: Seed of the draw.
        n_jobs: Threads; -1 for all cores. It changes no result.

    Returns:
        On the drivers' grid ``gain`` (see :class:`NextTowers`; NaN at cells that are no
        candidates), ``error`` (root of the expected squared error, unit of the flux) and
        ``completeness`` (both NaN at cells that were not drawn), float32. And the best places:
        ``rank``, ``latitude``, ``longitude``, ``IGBP`` (class), ``gain``, ``total``, ``reached``,
        ``new``.

    Raises:
        InputError: If there is no land with predictors, or a predictor is missing.
    """
    year = mean_year(drivers, space.predictors)
    codes = drivers["IGBP"].transpose("latitude", "longitude").to_numpy().ravel()
    known = np.any(np.isfinite(year).all(axis=2), axis=1) & (codes > 0)
    cells = _draw(np.flatnonzero(known), parameters.places, np.random.default_rng(seed))
    possible = np.flatnonzero(~np.isin(codes[cells], [IGBP_CLASSES[n] for n in ("WAT", "SNO")]))
    candidates = _draw(possible, parameters.candidates, np.random.default_rng([seed, 1]))
    area = cell_area(drivers[["latitude", "longitude"]]).to_numpy().ravel()[cells]
    found = place_towers(
        space,
        year[cells],
        area,
        candidates,
        error,
        variance=None if sigma is None else _squared(sigma, year[cells]),
        n_best=parameters.towers,
        n_jobs=n_jobs,
    )
    shape = (drivers.sizes["latitude"], drivers.sizes["longitude"])
    fields = {
        "gain": _on_grid(found.gain, cells[candidates], shape),
        "error": _on_grid(np.sqrt(found.error), cells, shape),
        "completeness": _on_grid(found.completeness, cells, shape),
    }
    maps = xr.Dataset(
        {name: (("latitude", "longitude"), values) for name, values in fields.items()},
        {axis: drivers[axis] for axis in ("latitude", "longitude")},
    )
    row, column = np.unravel_index(cells[found.best["candidate"]], shape)
    table = pd.DataFrame(
        {
            "rank": np.arange(1, len(row) + 1),
            "latitude": drivers["latitude"].to_numpy()[row],
            "longitude": drivers["longitude"].to_numpy()[column],
            "IGBP": [IGBP_NAMES[int(codes[c])] for c in cells[found.best["candidate"]]],
        }
    )
    return maps, table.assign(**found.best[["gain", "total", "reached", "new"]])


def _squared(
    sigma: Callable[[NDArray[np.float32]], NDArray[np.floating]], places: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the expected squared error (places, months); NaN where a predictor is missing."""
    found = np.full(places.shape[:2], np.nan)
    known = np.isfinite(places).all(axis=2)
    found[known] = np.asarray(sigma(places[known]), dtype=float) ** 2
    return found


def _draw(choices: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(rng.permutation(choices)[:n])


def _on_grid(
    values: NDArray[np.floating], cells: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.float32]:
    grid = np.full(shape[0] * shape[1], np.nan, dtype=np.float32)
    grid[cells] = values
    return grid.reshape(shape)


def _check(space: SamplingSpace, places: NDArray, candidates: NDArray) -> None:
    if places.ndim != 3 or places.shape[2] != len(space.predictors):
        raise InputError(
            "places",
            "predictors",
            expected=f"(places, months, {len(space.predictors)}): {', '.join(space.predictors)}",
            found=f"an array of shape {places.shape}",
        )
    if not len(candidates):
        raise InputError("places", "candidates", expected="one or more", found="none")


def _reach(
    space: SamplingSpace,
    X: NDArray[np.floating],
    candidates: NDArray[np.intp],
    months: int,
    n_jobs: int,
) -> NDArray[np.bool_]:
    """Return whether a tower at each candidate is within the threshold of rows, (candidates, rows).

    Distances come from a product of matrices, since every candidate is compared with every row.
    """
    used = space.weight > 0
    placed, gap = space.place(X)[:, used].astype(float), space.gap[used]
    complete = np.isfinite(placed).all(axis=1)
    category = gap > 0
    squares = np.where(complete, (placed[:, ~category] ** 2).sum(axis=1), np.inf)
    # Incomplete rows are infinitely far, whatever their coordinates.
    placed = np.where(complete[:, None], placed, 0.0)
    reached = np.zeros((len(candidates), len(X)), dtype=bool)

    def work(start: int) -> None:
        own = candidates[start : start + _BLOCK, None] * months + np.arange(months)
        points = placed[own.ravel()]
        distance = placed[:, ~category] @ (-2 * points[:, ~category].T)
        distance += squares[:, None] + squares[own.ravel()]
        for column in np.flatnonzero(category):
            distance += gap[column] ** 2 * (placed[:, [column]] != points[:, column])
        nearest = distance.reshape(len(X), *own.shape).min(axis=2)
        reached[start : start + _BLOCK] = (nearest <= space.radius**2 + _ROUNDING).T

    starts = range(0, len(candidates), _BLOCK)
    Parallel(n_jobs=n_jobs, backend="threading")(delayed(work)(start) for start in starts)
    return reached


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the known values of each row; NaN where none is."""
    count = np.isfinite(values).sum(axis=1)
    total = np.nansum(values, axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
