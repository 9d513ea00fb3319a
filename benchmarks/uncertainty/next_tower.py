"""Where to build the next tower, and whether towers there help more than others, in the demo world."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.table import line
from benchmarks.uncertainty.closed_loop import SETS, read_settings
from uflux_kedro.ensemble import Member
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.readers.towers.sites import read_sites
from uflux_kedro.uncertainty.closed_loop import fit_flux, fit_members
from uflux_kedro.uncertainty.known_world import KnownWorld, know_world
from uflux_kedro.uncertainty.networks import draw_cells, nearest_cells, vegetated_cells
from uflux_kedro.uncertainty.next_tower import learn_error, next_towers

FLUX = "GPP"
TOWERS = 40
"""Towers of the real network to which others are added."""
DRAWS = 5
"""Random networks that the chosen one is compared with."""


def print_table(options: argparse.Namespace) -> None:
    """Print the best places, and the error of the map with towers there against random ones."""
    settings = read_settings(options)
    parameters, loop = settings.parameters, settings.parameters.closed_loop
    members = [m for m in settings.members if m.flux == FLUX]
    known = know_world(settings.world, [p for m in members for p in m.predictors])
    places = read_sites(options.sites)
    cells = draw_cells(known.world, "real", TOWERS, seed=parameters.seed, places=places)
    fitted = fit_flux(members, known.training_table(cells, "base"), parameters, n_jobs=options.n_jobs)  # fmt: skip
    space = fitted.intervals.space
    if space is None:
        raise RuntimeError("intervals were calibrated without a sampling space")
    error = learn_error(fitted.judged, space.half)
    first = fitted.members[members[0].name]

    def sigma(X: NDArray[np.float32]) -> NDArray[np.float32]:
        return fitted.intervals.bounds(X, np.ravel(first.packed.predict(X))).sigma

    ways = {"expected error": sigma, "completeness": None}
    chosen = {}
    for way, spread in ways.items():
        _, chosen[way] = next_towers(
            space,
            known.drivers,
            error,
            parameters.next_tower,
            sigma=spread,
            seed=parameters.seed,
            n_jobs=options.n_jobs,
        )
    best = chosen["expected error"]
    print(f"\n### Best places for {FLUX} beside {TOWERS} real ones ({loop.resolution:g} degrees)\n")
    print(line("rank", "latitude", "longitude", "class", "gain", "together", "reached", "new"))
    print(line(*("---",) * 8))
    for r in best.itertuples():
        place = (f"{r.latitude:g}", f"{r.longitude:g}", r.IGBP)
        print(line(str(r.rank), *place, *(f"{v:.1%}" for v in (r.gain, r.total, r.reached, r.new))))
    _print_comparison(known, members, cells, chosen, parameters.seed)


def _print_comparison(
    known: KnownWorld,
    members: list[Member],
    cells: NDArray[np.intp],
    chosen: Mapping[str, pd.DataFrame],
    seed: int,
) -> None:
    added = {f"by {way}": nearest_cells(known.world, best) for way, best in chosen.items()}
    count = len(next(iter(added.values())))
    added |= {
        f"at random, draw {draw + 1}": draw_cells(
            known.world, "random", count, seed=seed + 10 + draw
        )
        for draw in range(DRAWS)
    }
    before = _rmse(known, members, cells)
    print(f"\n### RMSE of the map of {FLUX}, vegetated land (XGB, {' and '.join(SETS)})\n")
    print(line("network", "towers", "RMSE", "mean squared error taken away"))
    print(line(*("---",) * 4))
    print(line("real", str(len(cells)), f"{before:.3f}", "-"))
    for name, more in added.items():
        after = _rmse(known, members, np.concatenate([cells, more]))
        size = str(len(cells) + count)
        print(line(f"further ones {name}", size, f"{after:.3f}", _fall(before, after)))


def _fall(before: float, after: float) -> str:
    return f"{1 - (after / before) ** 2:.0%}"


def _rmse(known: KnownWorld, members: list[Member], cells: NDArray[np.intp]) -> float:
    """Return the RMSE of the map learnt from towers in cells.

    The towers are named alike in every network, so that those that networks share measure alike.
    """
    table = known.training_table(cells, "base")
    fitted = fit_members(members, table, 0)
    value = known.on_land(predict_cube(fitted, known.drivers, variable=FLUX)[FLUX])
    cells_of = vegetated_cells(known.world)
    error = (value - known.world.ecosystem.fluxes[FLUX])[:, cells_of]
    area = np.broadcast_to(known.area[cells_of], error.shape)
    valid = np.isfinite(error)
    return float(np.average(error[valid] ** 2, weights=area[valid]) ** 0.5)
