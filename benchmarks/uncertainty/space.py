"""Time of completeness and dissimilarity on a map, against SciPy's tree of points."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.skill import read_towers
from benchmarks.table import Row, header, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.uncertainty import SamplingSpace, space_of_towers
from uflux_kedro.uncertainty.parameters import UncertaintyParameters

PREDICTOR_SET = "EVI-ERA"
FLUXES = ("GPP", "NEE", "LE")
PIXELS = 200_000
PAIRS = 5
LEAST = 10.0
"""Times as fast as the peer that is asked for."""


def print_table(options: argparse.Namespace) -> None:
    """Print the time of a pixel and month on one core, ours and the peer's."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    print(header())
    for flux in FLUXES:
        predictors = towers.member(PREDICTOR_SET, flux).predictors
        rows = towers.rows(flux, predictors)
        space, _ = space_of_towers(
            rows, predictors, flux, UncertaintyParameters(), n_jobs=options.n_jobs
        )
        X = rows[list(predictors)].to_numpy("float32")
        row = _row(flux, space, _pixels(X, predictors.index("IGBP")))
        print(row.markdown("python -m benchmarks uncertainty --only space"), flush=True)


def _row(flux: str, space: SamplingSpace, pixels: NDArray[np.float32]) -> Row:
    few = pixels[:: PIXELS // 4000]
    peer = partial(_peer, space, cKDTree(_embedded(space, space.points)), few)
    nearest, counts = peer()
    found = space.places(few)
    np.testing.assert_allclose(found.dissimilarity, nearest, rtol=1e-4)
    space.completeness(pixels[:100])
    pairs = Pairs.in_turns(
        lambda _: _per_row(cost_of(partial(space.completeness, pixels))[0], len(pixels)),
        lambda _: _per_row(cost_of(peer)[0], len(few)),
        PAIRS,
    )
    ours, theirs = (min(cost.cpu for cost in costs) for costs in (pairs.ours, pairs.peer))
    name = (
        f"{flux}: {len(space.points)} points of {len(space.towers)} towers; "
        f"towers equal in {np.mean(found.towers == counts):.2%}"
    )
    return speed_row(
        name, pairs, LEAST, ours=f"{1e6 * ours:.2f} µs", peer=f"{1e6 * theirs:.0f} µs (SciPy)"
    )


def _per_row(cost: Cost, rows: int) -> Cost:
    return Cost(cost.wall / rows, cost.cpu / rows)


def _pixels(X: NDArray[np.float32], igbp: int) -> NDArray[np.float32]:
    """Return rows of a made map: neighbours resemble each other, in steps from row to row."""
    rng = np.random.default_rng(0)
    steps = 500
    start, end = X[rng.integers(0, len(X), (2, PIXELS // steps))]
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    noise = rng.normal(0, 0.05, (PIXELS // steps, steps, X.shape[1])) * X.std(axis=0)
    pixels = start[:, None] * (1 - share) + end[:, None] * share + noise
    classes = rng.choice(X[:, igbp], PIXELS // 50)
    pixels[..., igbp] = np.repeat(classes, 50).reshape(pixels.shape[:2])
    return pixels.reshape(-1, X.shape[1]).astype(np.float32)


def _embedded(space: SamplingSpace, placed: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return coordinates in which classes lie as far from each other as their gap says."""
    parts = [placed[:, space.gap == 0].astype(float)]
    for column in np.flatnonzero(space.gap):
        classes = np.unique(space.points[:, column])
        parts.append((placed[:, column, None] == classes) * space.gap[column] / np.sqrt(2))
    return np.concatenate(parts, axis=1)


def _peer(
    space: SamplingSpace, tree: cKDTree, pixels: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return dissimilarity and number of towers as two queries of a tree of points."""
    places = _embedded(space, space.place(pixels))
    nearest, _ = tree.query(places)
    within = tree.query_ball_point(places, space.radius)
    towers = np.array([len(np.unique(space.tower[points])) for points in within])
    return nearest / space.mean_distance, towers
