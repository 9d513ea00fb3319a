"""Folds by site, so that models are tested on towers that they never saw.

A random split of site-months would put months of one tower into both train and test rows, and
score how well a model remembers the tower. Every scheme here splits sites or regions of sites.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.validation.classes import CLASSES, sites_of_classes
from uflux_kedro.validation.climate import CLIMATES, extreme_sites
from uflux_kedro.validation.parameters import Scheme, TrainingParameters

logger = logging.getLogger(__name__)

_WHERE = "training table"
_LEAST = 2
"""Sites without which none can be held out."""


@dataclass(frozen=True)
class Fold:
    """One split of the rows; pickled, it takes as much room as it has runs of rows.

    Attributes:
        number: Position among the folds, on which the model's seed depends.
        name: The tested site, or ``fold 2 of 5``.
        train: Indices of the rows to fit on, ascending.
        test: Indices of the rows to predict, ascending.
    """

    number: int
    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    def __reduce__(self) -> tuple:
        return _of_runs, (self.number, self.name, _runs(self.train), _runs(self.test))


def _runs(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return first and last of each run of successive numbers, shape (runs, 2)."""
    first = np.diff(rows, prepend=-2) != 1
    last = np.diff(rows, append=-2) != 1
    return np.stack([rows[first], rows[last]], axis=1)


def _of_runs(number: int, name: str, *runs: NDArray[np.intp]) -> Fold:
    train, test = (
        np.concatenate([np.arange(0), *(np.arange(i, j + 1) for i, j in part)]) for part in runs
    )
    return Fold(number, name, train, test)


def make_folds(
    scheme: Scheme,
    table: pd.DataFrame,
    parameters: TrainingParameters,
    all_sites: pd.DataFrame | None = None,
) -> list[Fold]:
    """Split a training table into folds.

    Args:
        scheme: See :data:`~uflux_kedro.validation.parameters.Scheme`.
        table: Usable rows, with ``site_id``, ``latitude`` and ``longitude``.
        parameters: Number of folds, of ``kfold`` at most one for each site, size of a region, share of the sites, seed.
        all_sites: Rows of all sites, from which the schemes that test chosen sites choose, so that
            all members of a run are tested at the same ones whichever rows they use; None for
            ``table``.

    Returns:
        Folds that together test every row once; of the schemes that test chosen sites one fold,
        which tests the rows of these sites alone. Indices are positions in ``table``.

    Raises:
        ConfigurationError: If the scheme is unknown.
        InputError: If there are fewer than two sites, or fewer regions than folds, a site is in two
            regions, or there is no column of the climate or the class.
    """
    sites = table["site_id"].to_numpy()
    if scheme == "loso":
        folds = leave_one_site_out(sites)
    elif scheme == "kfold":
        folds = site_k_fold(sites, _splits(sites, parameters.n_splits), parameters.seed)
    elif scheme == "blocks":
        folds = spatial_blocks(
            table["latitude"].to_numpy(),
            table["longitude"].to_numpy(),
            parameters.block_size,
            parameters.n_splits,
            parameters.seed,
        )
    elif scheme in CLIMATES:
        rows = table if all_sites is None else all_sites
        tested = extreme_sites(scheme, rows, parameters.test_share)
        folds = [held_out_sites(sites, tested, f"{scheme} sites")]
    elif scheme in CLASSES:
        rows = table if all_sites is None else all_sites
        tested = sites_of_classes(scheme, rows, parameters.test_share, parameters.seed)
        folds = [held_out_sites(sites, tested, f"sites of all {CLASSES[scheme]} classes")]
    else:
        raise ConfigurationError(
            f"Unknown validation scheme {scheme!r}: expected one of {', '.join(get_args(Scheme))}"
        )
    require_sites_apart(folds, sites)
    return folds


def _splits(sites: ArrayLike, wanted: int) -> int:
    """Return the number of folds by site: as many as are wanted, or one for each of fewer sites."""
    found = len(_groups(sites)[0])
    if _LEAST <= found < wanted:
        _warn_of_few(found, wanted)
    return min(wanted, max(found, _LEAST))


@cache
def _warn_of_few(found: int, wanted: int) -> None:
    """Warn once, not for every member."""
    logger.warning(
        "%d folds instead of %d: one for each site with usable rows. Scores at so few sites say "
        "little of others", found, wanted,
    )  # fmt: skip


def leave_one_site_out(sites: ArrayLike) -> list[Fold]:
    """Make one fold for each site, as the published UFLUX scores do.

    Args:
        sites: Site of each row, shape (n,).

    Raises:
        InputError: If there are fewer than two sites.
    """
    names, members = _groups(sites)
    _require(len(names), _LEAST, "sites")
    return [_fold(i, str(name), members == i) for i, name in enumerate(names)]


def site_k_fold(sites: ArrayLike, n_splits: int, seed: int) -> list[Fold]:
    """Make folds of whole sites with about equal numbers of rows.

    In random order, each site joins the fold with the fewest rows so far. Two folds therefore
    differ by at most the number of rows of the largest site, and another seed gives other folds.

    Args:
        sites: Site of each row, shape (n,).
        n_splits: Number of folds.
        seed: Seed of the order.

    Raises:
        InputError: If there are fewer sites than folds.
    """
    names, members = _groups(sites)
    _require(len(names), n_splits, "sites")
    return _balanced(members, n_splits, seed)


def spatial_blocks(
    latitude: ArrayLike, longitude: ArrayLike, size_deg: float, n_splits: int, seed: int
) -> list[Fold]:
    """Make folds of whole regions, so that the towers of a region stay together.

    Towers are clustered, and neighbouring towers resemble each other. Regions are cells of a
    regular grid of ``size_deg``; they join folds as sites do in :func:`site_k_fold`.

    Args:
        latitude: Latitude of each row, degrees north, shape (n,).
        longitude: Longitude of each row, degrees east, -180..180 or 0..360, shape (n,).
        size_deg: Edge of a region, degrees of latitude and longitude.
        n_splits: Number of folds.
        seed: Seed of the order.

    Raises:
        InputError: If there are fewer regions with towers than folds, or a coordinate is missing.
    """
    places = np.stack([np.asarray(latitude, float), np.asarray(longitude, float)], axis=1)
    missing = np.isnan(places).any(axis=1)
    if missing.any():
        raise InputError(
            _WHERE,
            "latitude, longitude",
            expected="coordinates in every row",
            found=f"{missing.sum()} rows without coordinates",
        )
    row = np.floor((places[:, 0] + 90) / size_deg)
    column = np.floor(((places[:, 1] + 180) % 360) / size_deg)
    _, regions = np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)
    regions = regions.ravel()
    _require(int(regions.max(initial=-1)) + 1, n_splits, f"regions of {size_deg:g} degrees")
    return _balanced(regions, n_splits, seed)


def held_out_sites(sites: ArrayLike, tested: ArrayLike, name: str) -> Fold:
    """Make the fold that tests some sites and trains on all others.

    Args:
        sites: Site of each row, shape (n,).
        tested: Names of the sites to test; those without rows are passed over.
        name: Name of the fold.

    Raises:
        InputError: If no row is left to test, or none to train on.
    """
    chosen = np.isin(np.asarray(sites).astype(str), np.asarray(tested).astype(str))
    if chosen.all() or not chosen.any():
        raise InputError(
            _WHERE,
            "site_id",
            expected=f"usable rows both at the {name} and at others",
            found=f"{int(chosen.sum())} of {chosen.size} rows at the {name}",
            hint="Change training.test_share, or check which rows were dropped before.",
        )
    return _fold(0, name, chosen)


def scored_alone(folds: Sequence[Fold], quality: ArrayLike, least: float) -> list[Fold]:
    """Leave out the test rows of too low a quality; models still train on such rows elsewhere.

    Args:
        folds: The folds.
        quality: Quality of the flux in each row, 0-1, shape (n,); NaN if unknown.
        least: Lowest quality of a row that is tested.

    Returns:
        The folds that have a row to test, with their numbers.

    Raises:
        InputError: If none has.
    """
    # In the type that it is held in, as ``usable_rows`` does: 0.7 of float32 is below that of float64.
    good = np.asarray(quality) >= least
    limited = [replace(fold, test=fold.test[good[fold.test]]) for fold in folds]
    found = [fold for fold in limited if len(fold.test)]
    if not found:
        raise InputError(
            _WHERE,
            "quality",
            expected=f"rows of quality {least:g} or better at the tested sites",
            found="none",
            hint="Lower training.min_qc_scored.",
        )
    return found


def require_sites_apart(folds: Sequence[Fold], sites: ArrayLike) -> None:
    """Check that no fold trains and tests on the same site.

    Args:
        folds: The folds.
        sites: Site of each row, shape (n,).

    Raises:
        InputError: Names a fold and a site in both its train and test rows.
    """
    _, members = _groups(sites)
    names = np.asarray(sites)
    for fold in folds:
        shared = np.intersect1d(members[fold.train], members[fold.test])
        if shared.size:
            site = names[members == shared[0]][0]
            raise InputError(
                _WHERE,
                "site_id",
                expected="every site in either train or test rows of a fold",
                found=f"{site} in both train and test rows of fold {fold.name}",
                hint="A site with several coordinates can be in two regions.",
            )


def _groups(labels: ArrayLike) -> tuple[NDArray, NDArray[np.intp]]:
    """Return the distinct labels in order, and the position of each row's label among them."""
    names, members = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    return names, members


def _balanced(members: NDArray[np.intp], n_splits: int, seed: int) -> list[Fold]:
    """Make folds of whole groups; each group joins the fold with the fewest rows."""
    rows = np.bincount(members)
    filled = np.zeros(n_splits, dtype=int)
    fold_of = np.empty(len(rows), dtype=int)
    for group in np.random.default_rng(seed).permutation(len(rows)):
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += rows[group]
    return [_fold(k, f"fold {k + 1} of {n_splits}", fold_of[members] == k) for k in range(n_splits)]


def _fold(number: int, name: str, tested: NDArray[np.bool_]) -> Fold:
    return Fold(number, name, np.flatnonzero(~tested), np.flatnonzero(tested))


def _require(found: int, needed: int, what: str) -> None:
    if found < needed:
        raise InputError(
            _WHERE,
            "site_id",
            expected=f"at least {needed} {what}, one for each fold",
            found=f"{found} with usable rows",
            hint="Models are tested at sites that they never saw: add towers, or check which rows "
            "were dropped before."
            if needed == _LEAST
            else "Use fewer folds, or check which rows were dropped before.",
        )
