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
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.intervals import finite_quantile, tower_weights
from uflux_kedro.uncertainty.parameters import Guarantee
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.metrics import score_by_site

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


def minimum_trace(errors: Floats, coefficients: Sequence[float], sites: ArrayLike) -> Floats:
    """Return the linear map that closes a budget with the least expected squared error.

    M = I - W a a' / (a' W a), with W the second moments of the errors and a the coefficients
    (Wickramasuriya et al. 2019, for one constraint). Every tower weighs the same. Correlations are
    shrunk towards 0 by as much as they differ from tower to tower (Schaefer and Strimmer 2005, doi
    10.2202/1544-6115.1175), without which the map follows a few odd towers.

    Args:
        errors: Truth minus prediction, shape (n, fluxes).
        coefficients: The budget's coefficients a, shape (fluxes,).
        sites: Tower of each row, shape (n,).

    Returns:
        M, shape (fluxes, fluxes): ``a @ M`` is zero. Without any error all fluxes are moved alike.
    """
    a = np.asarray(coefficients, dtype=float)
    weights = tower_weights(sites)
    size = np.sqrt(weights @ errors**2)
    z = errors / np.where(size > 0, size, 1.0)
    products = pd.DataFrame((z[:, :, None] * z[:, None, :]).reshape(len(z), -1))
    by_tower = products.groupby(np.asarray(sites)).mean()
    mean = by_tower.mean().to_numpy().reshape(len(a), -1)
    noise = by_tower.var(ddof=1).fillna(0).to_numpy().reshape(len(a), -1) / len(by_tower)
    apart = ~np.eye(len(a), dtype=bool)
    total = np.sum(mean[apart] ** 2)
    shrinkage = min(1.0, np.sum(noise[apart]) / total) if total > 0 else 1.0
    correlation = np.where(apart, (1 - shrinkage) * mean, 1.0)
    gain = (size[:, None] * correlation * size) @ a
    mismatch = a @ gain
    if not mismatch > 0:
        gain, mismatch = a, a @ a
    return np.eye(len(a)) - np.outer(gain / mismatch, a)


def fit_closure(
    rows: Mapping[str, pd.DataFrame],
    coefficients: Mapping[str, float] = CARBON,
    *,
    level: float = 0.9,
    n_splits: int = 5,
    seed: int = 42,
    guarantee: Guarantee = "at_least",
) -> tuple[Closure, dict[str, pd.DataFrame]]:
    """Fit the reconciliation of a budget on held-out rows, and judge it on towers it did not see.

    Args:
        rows: Flux -> held-out rows with ``site_id``, ``time``, ``truth``, ``prediction`` and, where
            there are intervals, ``lower`` and ``upper``.
        coefficients: The budget.
        level: Share of truths that the intervals are to contain.
        n_splits: Folds of towers for the reconciled rows.
        seed: Seed of the folds.
        guarantee: What is promised of coverage, as in
            :func:`~uflux_kedro.uncertainty.intervals.conformal_weights`.

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
    closure = _fit(both, coefficients, level, guarantee)
    closed = {flux: _of_flux(both, flux) for flux in coefficients}
    for fold in site_k_fold(sites, min(n_splits, len(np.unique(sites))), seed):
        fitted = _fit(both.iloc[fold.train], coefficients, level, guarantee)
        centre = fitted.apply(_columns(both, "prediction", coefficients)[fold.test])
        for place, flux in enumerate(coefficients):
            _move(closed[flux], fold.test, centre[:, place], fitted.widths[place])
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
    part: pd.DataFrame, coefficients: Mapping[str, float], level: float, guarantee: Guarantee
) -> Closure:
    """Fit matrix and widths."""
    truth, prediction = (_columns(part, c, coefficients) for c in ("truth", "prediction"))
    sites = part["site_id"].to_numpy()
    a = list(coefficients.values())
    matrix = minimum_trace(truth - prediction, a, sites)
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
        widths.append(
            finite_quantile(ratio, sites[known], level, guarantee) if known.any() else 1.0
        )
    return Closure(
        tuple(coefficients),
        tuple(a),
        tuple(map(tuple, matrix.tolist())),
        tuple(map(float, widths)),
        len(np.unique(sites)),
    )


def _move(table: pd.DataFrame, rows: NDArray[np.intp], centre: Floats, width: float) -> None:
    """Set the centre of some rows, and move their bounds with it."""
    prediction = table.loc[rows, "prediction"].to_numpy()
    table.loc[rows, "centre"] = centre
    for bound in ("lower", "upper"):
        if bound in table:
            half = table.loc[rows, bound].to_numpy() - prediction
            table.loc[rows, bound] = centre + width * half


def compare_closed(closed: Mapping[str, pd.DataFrame], *, seed: int = 0) -> pd.DataFrame:
    """Compare reconciled with predicted fluxes at towers that the reconciliation did not see.

    Args:
        closed: Flux -> rows from :func:`fit_closure`.
        seed: Seed of the draws of towers.

    Returns:
        One row for each flux: ``NSE`` as predicted, ``NSE_closed``, their ``difference`` with its
        95 % interval ``low`` to ``high`` by tower, the ``median_site_NSE`` of both, the
        ``coverage`` of the intervals about the reconciled flux, and the number of ``sites``.
    """
    rows = []
    for flux, table in closed.items():
        before = table[[*_KEY, "truth", "prediction"]]
        after = before.assign(prediction=table["centre"])
        found = compare_members(before, after, seed=seed).loc["NSE"]
        row = {
            "flux": flux,
            "NSE": found["first"],
            "NSE_closed": found["second"],
            **{name: found[name] for name in ("difference", "low", "high")},
            "median_site_NSE": score_by_site(before)["NSE"].median(),
            "median_site_NSE_closed": score_by_site(after)["NSE"].median(),
            "coverage": np.nan,
            "sites": int(found["sites"]),
        }
        if "lower" in table:
            inside = table["truth"].between(table["lower"], table["upper"])
            row["coverage"] = inside.groupby(table["site_id"]).mean().mean()
        rows.append(row)
    return pd.DataFrame(rows)
