"""Folds by site: what is tested comes from towers that the model never saw.

A random split of site-months would put months of one tower on both sides and score how well
the tower is remembered. Every scheme here splits sites, or regions of sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.validation.parameters import Scheme

_WHERE = "training table"


@dataclass(frozen=True)
class Fold:
    """One split of the rows.

    Attributes:
        number: Position among the folds; models are seeded by it.
        name: What is tested: a site, or the fold's number in words.
        train: Rows to fit on, ascending indices.
        test: Rows to predict, ascending indices.
    """

    number: int
    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]


class FoldParameters(Protocol):
    """What :func:`make_folds` needs to know."""

    @property
    def n_splits(self) -> int:
        """Folds of ``kfold`` and ``blocks``."""

    @property
    def block_size(self) -> float:
        """Edge of a region of ``blocks``, degrees."""

    @property
    def seed(self) -> int:
        """Seed of the draw of sites."""


def make_folds(scheme: Scheme, table: pd.DataFrame, parameters: FoldParameters) -> list[Fold]:
    """Folds of a training table under a scheme.

    Args:
        scheme: See :data:`~uflux_kedro.validation.parameters.Scheme`.
        table: Usable rows, with ``site_id``, ``latitude`` and ``longitude``.
        parameters: Number of folds, size of a region, seed.

    Returns:
        Folds whose test sets together hold every row once. Indices are positions in ``table``.

    Raises:
        ConfigurationError: If the scheme is unknown.
        InputError: If there are fewer sites (or regions) than folds.
    """
    sites = table["site_id"].to_numpy()
    if scheme == "loso":
        folds = leave_one_site_out(sites)
    elif scheme == "kfold":
        folds = site_k_fold(sites, parameters.n_splits, parameters.seed)
    elif scheme == "blocks":
        folds = spatial_blocks(
            table["latitude"].to_numpy(),
            table["longitude"].to_numpy(),
            parameters.block_size,
            parameters.n_splits,
            parameters.seed,
        )
    else:
        raise ConfigurationError(
            f"Unknown validation scheme {scheme!r}: expected one of {', '.join(get_args(Scheme))}"
        )
    require_sites_apart(folds, sites)
    return folds


def leave_one_site_out(sites: ArrayLike) -> list[Fold]:
    """Every site once the test set: the published score.

    Args:
        sites: Site of each row, shape (n,).

    Raises:
        InputError: If there are fewer than two sites.
    """
    names, members = _groups(sites)
    _require(len(names), 2, "sites")
    return [_fold(i, str(name), members == i) for i, name in enumerate(names)]


def site_k_fold(sites: ArrayLike, n_splits: int, seed: int) -> list[Fold]:
    """Groups of sites with about equal numbers of rows.

    Sites come in random order and each joins the fold that has the fewest rows so far, so that
    two folds differ by no more rows than the largest site has, and another seed gives another
    grouping.

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
    """Groups of regions: towers of one region stay together.

    Towers stand in clusters, and a tower's neighbour tells much about it. Regions are cells of
    a regular grid of ``size_deg``; they join folds as sites do in :func:`site_k_fold`.

    Args:
        latitude: Of each row, degrees north, shape (n,).
        longitude: Of each row, degrees east, -180..180 or 0..360, shape (n,).
        size_deg: Edge of a region, degrees of latitude and of longitude.
        n_splits: Number of folds.
        seed: Seed of the order.

    Raises:
        InputError: If there are fewer regions with towers than folds, or a place is missing.
    """
    places = np.stack([np.asarray(latitude, float), np.asarray(longitude, float)], axis=1)
    missing = np.isnan(places).any(axis=1)
    if missing.any():
        raise InputError(
            _WHERE,
            "latitude, longitude",
            expected="a place for every row",
            found=f"{missing.sum()} rows without",
        )
    row = np.floor((places[:, 0] + 90) / size_deg)
    column = np.floor(((places[:, 1] + 180) % 360) / size_deg)
    _, regions = np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)
    regions = regions.ravel()
    _require(int(regions.max(initial=-1)) + 1, n_splits, f"regions of {size_deg:g} degrees")
    return _balanced(regions, n_splits, seed)


def require_sites_apart(folds: Sequence[Fold], sites: ArrayLike) -> None:
    """Refuse folds that train and test on one site.

    Args:
        folds: The folds.
        sites: Site of each row, shape (n,).

    Raises:
        InputError: Names the fold and a site that stands on both sides.
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
                expected="every site on one side of a fold",
                found=f"{site} in both train and test of fold {fold.name}",
                hint="A site whose coordinates change can fall into two regions.",
            )


def _groups(labels: ArrayLike) -> tuple[NDArray, NDArray[np.intp]]:
    """Distinct labels in order, and the position of each row's label among them."""
    names, members = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    return names, members


def _balanced(members: NDArray[np.intp], n_splits: int, seed: int) -> list[Fold]:
    """Folds of groups, each group joining the fold with the fewest rows."""
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
            hint="Take fewer folds, or look at what was dropped before.",
        )
