"""Networks of towers in the simulated Earth: where towers stand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.demo_world.earth import unit_vectors
from uflux_kedro.demo_world.simulation import World
from uflux_kedro.demo_world.towers import CLASS_SHARES
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.cells import EARTH_RADIUS
from uflux_kedro.readers.towers.sites import read_sites
from uflux_kedro.readers.towers.snapshot import is_snapshot_file, sites_of_snapshot
from uflux_kedro.variables import IGBP_CLASSES

Kind = Literal["random", "real", "no tropics"]
"""How a network's places are drawn."""

TROPICS = 23.5
"""Latitude to which the tropics reach, degrees."""

_REACH = 1500.0
"""Distance within which a tower looks for a cell of its class, km."""


def read_network(path: Path) -> pd.DataFrame:
    """Read the places and classes of a real network.

    Args:
        path: CSV: a snapshot of the FLUXNET Shuttle, of which towers without place or class are
            left out, or any table of :func:`uflux_kedro.readers.towers.sites.read_sites`.

    Returns:
        As :func:`uflux_kedro.readers.towers.sites.read_sites`, two rows or more.

    Raises:
        InputError: If there is no such file, it is neither, a place or class is invalid, or it has
            fewer than two towers.
    """
    if not path.is_file():
        raise InputError(
            path,
            None,
            expected="a list of sites with their places and IGBP classes",
            found="no file",
            hint="Set uncertainty.closed_loop.network to one, or to null for no real network",
        )
    places = sites_of_snapshot(path) if is_snapshot_file(path) else read_sites(path)
    if len(places) < 2:
        raise InputError(
            path,
            "site_id",
            expected="two towers or more with place and IGBP class",
            found=str(len(places)),
        )
    return places


def vegetated_cells(world: World) -> NDArray[np.intp]:
    """Return the land cells of classes that have towers, as indices among the land cells."""
    codes = [IGBP_CLASSES[name] for name in CLASS_SHARES]
    return np.flatnonzero(np.isin(world.ecosystem.cover, codes))


def draw_cells(
    world: World, kind: Kind, size: int, *, seed: int, places: pd.DataFrame | None = None
) -> NDArray[np.intp]:
    """Draw the cells of a network.

    Args:
        world: The world.
        kind: ``random``: anywhere on vegetated land, by area; ``no tropics``: the same beyond
            23.5 degrees; ``real``: at random among ``places``.
        size: Number of towers. Where there are more towers than cells, cells are shared.
        seed: Seed of the draw; a larger network of the same seed holds the smaller ones, unless
            cells are shared.
        places: Sites of a real network; see :func:`nearest_cells`.

    Returns:
        Index among the land cells of each tower, (size,).

    Raises:
        ConfigurationError: If the kind is unknown, a real network has no places or fewer than
            ``size``, or no cell is left.
    """
    rng = np.random.default_rng([seed, get_args(Kind).index(kind)])
    if kind == "real":
        if places is None or len(places) < size:
            raise ConfigurationError(
                f"A real network of {size} towers needs as many places, "
                f"found {0 if places is None else len(places)}"
            )
        return nearest_cells(world, places.iloc[rng.permutation(len(places))[:size]])
    latitude = world.earth.latitude[np.nonzero(world.earth.land)[0]]
    cells = vegetated_cells(world)
    if kind == "no tropics":
        cells = cells[np.abs(latitude[cells]) > TROPICS]
    if not cells.size:
        raise ConfigurationError("The world has no vegetated land for this network of towers")
    area = np.cos(np.deg2rad(latitude[cells]))
    # The order of weighted draws without replacement (Efraimidis and Spirakis, 2006), so that a
    # larger network begins with the smaller one.
    order = cells[np.argsort(-(rng.random(cells.size) ** (1 / area)), kind="stable")]
    return np.resize(order, size)


def nearest_cells(world: World, places: pd.DataFrame) -> NDArray[np.intp]:
    """Return the nearest land cell of each place's class, or of any vegetation.

    The simulated land cover differs from the real one, so a tower moves to the nearest cell of its
    class, up to 1500 km; if there is none, to the nearest vegetated cell.

    Args:
        world: The world.
        places: ``latitude``, ``longitude`` (degrees), ``IGBP`` (class), one row a tower.

    Returns:
        Index among the land cells of each place, (n,).

    Raises:
        InputError: If a place is missing.
    """
    if places[["latitude", "longitude"]].isna().any(axis=None):
        raise InputError(
            "places of a network",
            "latitude, longitude",
            expected="a place of every tower",
            found=f"{int(places[['latitude', 'longitude']].isna().any(axis=1).sum())} without",
        )
    earth, cover = world.earth, world.ecosystem.cover
    rows, columns = np.nonzero(earth.land)
    cells = unit_vectors(earth.latitude[rows], earth.longitude[columns])
    towers = unit_vectors(places["latitude"].to_numpy(float), places["longitude"].to_numpy(float))
    distance = EARTH_RADIUS / 1000 * np.arccos(np.clip(towers @ cells.T, -1, 1))
    codes = places["IGBP"].map(IGBP_CLASSES).to_numpy(float)
    same = (cover[None, :] == codes[:, None]) & (distance <= _REACH)
    vegetated = np.isin(np.arange(cover.size), vegetated_cells(world))
    allowed = np.where(same.any(axis=1)[:, None], same, vegetated[None, :])
    return np.where(allowed, distance, np.inf).argmin(axis=1)
