"""Where to build the next tower, and whether towers there help more than others, in the demo world."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.table import line
from benchmarks.uncertainty.closed_loop import read_settings
from uflux_kedro.ensemble import Member
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.uncertainty.closed_loop import fit_flux, fit_members
from uflux_kedro.uncertainty.known_world import KnownWorld, know_world
from uflux_kedro.uncertainty.networks import (
    Kind,
    draw_cells,
    nearest_cells,
    read_network,
    vegetated_cells,
)
from uflux_kedro.uncertainty.next_tower import learn_error, next_towers
from uflux_kedro.uncertainty.parameters import UncertaintyParameters

FLUX = "GPP"
KINDS: tuple[Kind, ...] = ("real", "no tropics")
TOWERS = 40
"""Towers to which others are added."""
DRAWS = 5
"""Networks of each kind."""
RANDOM = 3
"""Random choices of further towers for each network."""
NAME = "next tower"
"""Name of all networks, so that the towers that they share measure alike."""


def print_table(options: argparse.Namespace) -> None:
    """Print the best places, and the error of the map with towers there against random ones."""
    settings = read_settings(options)
    members = [m for m in settings.members if m.flux == FLUX]
    known = know_world(settings.world, [p for m in members for p in m.predictors])
    places = read_network(options.sites)
    falls: list[tuple[str, str, int, float]] = []
    for kind in KINDS:
        for draw in range(DRAWS):
            seed = settings.parameters.seed + draw
            cells = draw_cells(known.world, kind, TOWERS, seed=seed, places=places)
            chosen = _choose(known, members, cells, settings.parameters, options.n_jobs)
            if not falls:
                _print_best(chosen["by expected error"], kind)
            falls += _falls(known, members, cells, chosen, seed, kind)
    table = pd.DataFrame(falls, columns=["network", "way", "draw", "fall"])
    names = ", ".join(member.name for member in members)
    _print_falls(table, len(chosen["by completeness"]), names)


def _choose(
    known: KnownWorld,
    members: list[Member],
    cells: NDArray[np.intp],
    parameters: UncertaintyParameters,
    n_jobs: int,
) -> dict[str, pd.DataFrame]:
    """Choose places by the learnt spread's error, and by completeness alone."""
    table = known.training_table(cells, NAME)
    fitted = fit_flux(members, table, parameters, n_jobs=n_jobs)
    space = fitted.intervals.space
    if space is None:
        raise RuntimeError("intervals were calibrated without a sampling space")
    error = learn_error(fitted.judged, space.half)
    first = fitted.members[members[0].name]

    def sigma(X: NDArray[np.float32]) -> NDArray[np.float32]:
        return fitted.intervals.bounds(X, np.ravel(first.packed.predict(X))).sigma

    return {
        way: next_towers(
            space,
            known.drivers,
            error,
            parameters.next_tower,
            sigma=spread,
            seed=parameters.seed,
            n_jobs=n_jobs,
        )[1]
        for way, spread in (("by expected error", sigma), ("by completeness", None))
    }


def _falls(
    known: KnownWorld,
    members: list[Member],
    cells: NDArray[np.intp],
    chosen: Mapping[str, pd.DataFrame],
    seed: int,
    kind: str,
) -> list[tuple[str, str, int, float]]:
    """Return the fall of the map's mean squared error by further towers."""
    added = [(way, nearest_cells(known.world, best)) for way, best in chosen.items()]
    count = len(added[0][1])
    added += [
        ("at random", draw_cells(known.world, "random", count, seed=100 * seed + k))
        for k in range(RANDOM)
    ]
    before = _rmse(known, members, cells)
    return [
        (kind, way, seed, 1 - (_rmse(known, members, np.concatenate([cells, more])) / before) ** 2)
        for way, more in added
    ]


def _print_best(best: pd.DataFrame, kind: str) -> None:
    print(f"\n### Best places for {FLUX} beside {TOWERS} towers, {kind} network\n")
    print(line("rank", "latitude", "longitude", "class", "gain", "together", "reached", "new"))
    print(line(*("---",) * 8))
    for r in best.itertuples():
        place = (f"{r.latitude:g}", f"{r.longitude:g}", r.IGBP)
        print(line(str(r.rank), *place, *(f"{v:.1%}" for v in (r.gain, r.total, r.reached, r.new))))


def _print_falls(table: pd.DataFrame, count: int, members: str) -> None:
    print(f"\n### Mean squared error of the map taken away by {count} further towers\n")
    print(f"{FLUX}, vegetated land, {members}; mean (lowest to highest)\n")
    print(line("network", "places", "cases", "taken away"))
    print(line(*("---",) * 4))
    for (kind, way), part in table.groupby(["network", "way"], sort=False):
        fall = part["fall"]
        band = f"{fall.mean():.0%} ({fall.min():.0%} to {fall.max():.0%})"
        print(line(f"{TOWERS} towers, {kind}", str(way), str(len(part)), band))


def _rmse(known: KnownWorld, members: list[Member], cells: NDArray[np.intp]) -> float:
    """Return the RMSE over vegetated land of the map learnt from towers in cells."""
    table = known.training_table(cells, NAME)
    fitted = fit_members(members, table, 0)
    value = known.on_land(predict_cube(fitted, known.drivers, variable=FLUX)[FLUX])
    cells_of = vegetated_cells(known.world)
    error = (value - known.world.ecosystem.fluxes[FLUX])[:, cells_of]
    area = np.broadcast_to(known.area[cells_of], error.shape)
    valid = np.isfinite(error)
    return float(np.average(error[valid] ** 2, weights=area[valid]) ** 0.5)
