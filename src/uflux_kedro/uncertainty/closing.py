"""Budgets that close: fluxes predicted apart, reconciled by the covariance of their errors.

GPP, RECO and NEE are predicted by models of their own, so RECO - GPP differs from NEE. Of all
linear corrections that close the budget, that of the minimum trace (Wickramasuriya et al. 2019,
doi 10.1080/01621459.2018.1448825) has the least expected squared error: it moves most what is known
least. The covariance is that of errors at towers that the models did not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.towers import tower_folds, tower_quantile, tower_weights

Floats = NDArray[np.float64]

CARBON: Mapping[str, float] = {"GPP": 1.0, "RECO": -1.0, "NEE": 1.0}
"""Coefficients of the carbon budget: GPP - RECO + NEE = 0."""

ENERGY: Mapping[str, float] = {"H": 1.0, "LE": 1.0, "AVAILABLE": -1.0}
"""Coefficients of the energy budget: H + LE - (NETRAD - G) = 0."""

_KEY = ["site_id", "time"]
_LEAST_TOWERS = 3


@dataclass(frozen=True)
class Closure:
    """A fitted reconciliation of the fluxes of a budget.

    Attributes:
        fluxes: The fluxes, in the order of the matrix.
        coefficients: Coefficient of each flux in the budget, whose sum of products is zero.
        matrix: Linear map (fluxes, fluxes) from predicted to reconciled fluxes.
        widths: Factor of the intervals' half-widths for each flux, so that they cover as much about
            the reconciled flux as before about the predicted one.
        towers: Number of towers whose errors were used.
    """

    fluxes: tuple[str, ...]
    coefficients: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]
    widths: tuple[float, ...]
    towers: int

    def apply(self, values: Floats) -> Floats:
        """Reconcile fluxes, shape (n, fluxes), in the order of ``fluxes``."""
        return values @ np.asarray(self.matrix).T

    def to_dict(self) -> dict[str, Any]:
        """Return the closure as lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Closure:
        """Return a closure from :meth:`to_dict`, or from its JSON.

        Raises:
            InputError: If an entry is absent or the shapes differ.
        """
        try:
            closure = cls(
                tuple(stored["fluxes"]),
                tuple(map(float, stored["coefficients"])),
                tuple(tuple(map(float, row)) for row in stored["matrix"]),
                tuple(map(float, stored["widths"])),
                int(stored["towers"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "closure", None, expected="a fitted closure", found=repr(error)
            ) from error
        n = len(closure.fluxes)
        lengths = (closure.coefficients, closure.widths, closure.matrix, *closure.matrix)
        if {len(one) for one in lengths} != {n}:
            raise InputError(
                "closure", "matrix", expected=f"{n} rows and columns", found=str(stored["matrix"])
            )
        return closure


def minimum_trace(errors: Floats, coefficients: Sequence[float], weights: Floats) -> Floats:
    """Return the linear map that closes a budget with the least expected squared error.

    M = I - W a a' / (a' W a), with W the second moments of the errors and a the coefficients
    (Wickramasuriya et al. 2019, for one constraint).

    Args:
        errors: Truth minus prediction, shape (n, fluxes).
        coefficients: The budget's coefficients a, shape (fluxes,).
        weights: Weight of each row, shape (n,).

    Returns:
        M, shape (fluxes, fluxes): ``a @ M`` is zero. If the predictions close the budget wherever
        there is a truth, nothing is to be moved, and M is the projection with equal variances.
    """
    a = np.asarray(coefficients, dtype=float)
    share = weights / weights.sum()
    second_moments = (errors * share[:, None]).T @ errors
    gain = second_moments @ a
    mismatch = a @ gain
    if not mismatch > 1e-12 * np.trace(second_moments):
        gain, mismatch = a, a @ a
    return np.eye(len(a)) - np.outer(gain / mismatch, a)


def fit_closure(
    rows: Mapping[str, pd.DataFrame],
    coefficients: Mapping[str, float] = CARBON,
    *,
    level: float = 0.9,
    n_splits: int = 5,
    seed: int = 42,
) -> tuple[Closure, dict[str, pd.DataFrame]]:
    """Fit the reconciliation of a budget on held-out rows, and judge it on towers it did not see.

    Args:
        rows: Flux -> held-out rows with ``site_id``, ``time``, ``truth``, ``prediction`` and, where
            there are intervals, ``lower`` and ``upper``.
        coefficients: The budget.
        level: Share of truths that the intervals are to contain.
        n_splits: Folds of towers for the reconciled rows.
        seed: Seed of the folds.

    Returns:
        The closure fitted on all towers, and flux -> its rows that all fluxes have, with ``centre``,
        the reconciled prediction, and bounds about it, by closures that never saw the tower.

    Raises:
        InputError: If a flux is absent, or fewer than three towers have all of them.
    """
    absent = [flux for flux in coefficients if flux not in rows]
    if absent:
        raise InputError(
            "held-out rows", ", ".join(absent), expected="rows of the flux", found="none"
        )
    both = _common(rows, tuple(coefficients))
    sites = both["site_id"].to_numpy()
    if len(np.unique(sites)) < _LEAST_TOWERS:
        raise InputError(
            "held-out rows",
            ", ".join(coefficients),
            expected=f"{_LEAST_TOWERS} towers or more with all fluxes of the budget",
            found=str(len(np.unique(sites))),
            hint="Set inference.close to []",
        )
    whole = np.ones(len(both), dtype=bool)
    closure = _fit(both, coefficients, whole, level)
    closed = {flux: _of_flux(both, flux) for flux in coefficients}
    for test in tower_folds(sites, n_splits, seed):
        fitted = _fit(both, coefficients, ~test, level)
        centre = fitted.apply(_columns(both, "prediction", coefficients)[test])
        for place, flux in enumerate(coefficients):
            _move(closed[flux], test, centre[:, place], fitted.widths[place])
    return closure, closed


def _common(rows: Mapping[str, pd.DataFrame], fluxes: Sequence[str]) -> pd.DataFrame:
    """Return the rows that all fluxes have; a flux's columns end in its name."""
    tables = []
    for flux in fluxes:
        own = [c for c in ("truth", "prediction", "lower", "upper") if c in rows[flux]]
        table = rows[flux][[*_KEY, *own]].dropna(subset=["truth", "prediction"])
        tables.append(table.rename(columns={c: f"{c}_{flux}" for c in own}))
    both = tables[0]
    for table in tables[1:]:
        both = both.merge(table, on=_KEY, validate="one_to_one")
    return both


def _columns(both: pd.DataFrame, name: str, fluxes: Mapping[str, float]) -> Floats:
    return both[[f"{name}_{flux}" for flux in fluxes]].to_numpy(dtype=float)


def _of_flux(both: pd.DataFrame, flux: str) -> pd.DataFrame:
    own = {f"{c}_{flux}": c for c in ("truth", "prediction", "lower", "upper")}
    table = both[[*_KEY, *(c for c in own if c in both)]].rename(columns=own)
    return table.assign(centre=np.nan)


def _fit(
    both: pd.DataFrame, coefficients: Mapping[str, float], use: NDArray[np.bool_], level: float
) -> Closure:
    """Fit matrix and widths on some of the rows."""
    part = both[use]
    truth, prediction = (_columns(part, c, coefficients) for c in ("truth", "prediction"))
    sites = part["site_id"].to_numpy()
    a = list(coefficients.values())
    matrix = minimum_trace(truth - prediction, a, tower_weights(sites))
    centre = prediction @ matrix.T
    widths = []
    for place, flux in enumerate(coefficients):
        if f"lower_{flux}" not in part:
            widths.append(1.0)
            continue
        error = truth[:, place] - centre[:, place]
        side = np.where(
            error < 0,
            part[f"lower_{flux}"] - prediction[:, place],
            part[f"upper_{flux}"] - prediction[:, place],
        )
        known = np.isfinite(side) & (side != 0)
        ratio = np.abs(error[known] / side[known])
        widths.append(tower_quantile(ratio, sites[known], level) if known.any() else 1.0)
    return Closure(
        tuple(coefficients),
        tuple(a),
        tuple(map(tuple, matrix.tolist())),
        tuple(map(float, widths)),
        len(np.unique(sites)),
    )


def _move(table: pd.DataFrame, rows: NDArray[np.bool_], centre: Floats, width: float) -> None:
    """Set the centre of some rows, and move their bounds with it."""
    prediction = table.loc[rows, "prediction"].to_numpy()
    table.loc[rows, "centre"] = centre
    for bound in ("lower", "upper"):
        if bound in table:
            half = table.loc[rows, bound].to_numpy() - prediction
            table.loc[rows, bound] = centre + width * half
