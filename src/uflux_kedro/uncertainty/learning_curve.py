"""Learning curves: how the error at unseen towers falls with the number of towers trained on.

Towers are drawn, never rows. In each draw a part of the towers is kept aside; the others train in
growing numbers, each network holding the smaller ones, so that the points of a draw differ by the
added towers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.parameters import LearningCurveParameters
from uflux_kedro.validation.metrics import METRICS, PairSums, evaluate
from uflux_kedro.variables import IGBP_CLASSES

CURVE_COLUMNS = (
    "flux", "group", "share", "towers", "draw", "test_towers", "NSE", "RMSE",
)  # fmt: skip
ALL = "all"
"""Group of all towers together."""

LEAST_TOWERS = 4
"""Fewest towers of a curve: two to train on, two kept aside."""

_LEAST_TRAINED = 2
_LEAST_TESTED = 2
"""Fewest towers of a class among those kept aside for its score in a draw."""
_LEAST_DRAWS = 3
"""Fewest draws for a band."""
_EXPONENTS = np.linspace(0.1, 1.5, 57)
"""Exponents that are tried; errors that averaged like independent ones would have 1."""
_BAND = (0.05, 0.95)


def no_curve() -> pd.DataFrame:
    """Return the learning curve of too few towers: the columns without a row."""
    types = {"flux": "str", "group": "str", "towers": int, "draw": int, "test_towers": int}
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, float)) for name in CURVE_COLUMNS})


def train_on_shares(
    rows: pd.DataFrame,
    flux: str,
    predictors: Sequence[str],
    make_model: Callable[[int], Any],
    parameters: LearningCurveParameters,
    *,
    seed: int = 0,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Train on growing numbers of towers and score each time on the same towers kept aside.

    Args:
        rows: Usable rows with ``site_id``, ``IGBP`` (code), the flux and the predictors.
        flux: Target.
        predictors: Columns that the model is fitted on.
        make_model: Function of a seed that returns an unfitted estimator of one thread.
        parameters: Shares, draws and the share of the towers kept aside.
        seed: Seed of the draws and, with the draw's number, of the models.
        n_jobs: Fits at a time, on threads; -1 for all cores. It changes no result.

    Returns:
        :data:`CURVE_COLUMNS`: one row for each draw, number of towers and group (``all``, and the
        IGBP classes with two or more towers kept aside). ``towers`` is the number trained on,
        ``test_towers`` the group's number of those kept aside; NSE and RMSE are over their rows.

    Raises:
        InputError: If fewer than four towers have rows.
    """
    names, sites = np.unique(rows["site_id"].to_numpy().astype(str), return_inverse=True)
    tested = max(2, round(parameters.held_out * len(names)))
    if len(names) - tested < _LEAST_TRAINED:
        raise InputError(
            "training table",
            "site_id",
            expected=f"{LEAST_TOWERS} or more towers for a learning curve",
            found=f"{len(names)} with {flux}",
        )
    X = np.ascontiguousarray(rows[list(predictors)].to_numpy("float32"))
    y = rows[flux].to_numpy("float64")
    classes = rows["IGBP"].to_numpy()
    orders = [
        np.random.default_rng([seed, draw]).permutation(len(names))
        for draw in range(parameters.draws)
    ]
    sizes = _sizes(len(names) - tested, parameters.shares)

    def score(draw: int, size: int) -> pd.DataFrame:
        order = orders[draw]
        test = np.isin(sites, order[:tested])
        train = np.isin(sites, order[tested : tested + size])
        model = make_model(seed + draw).fit(X[train], y[train])
        predicted = np.ravel(model.predict(X[test]))
        return _scores(y[test], predicted, sites[test], classes[test]).assign(
            draw=draw, towers=size, share=size / (len(names) - tested)
        )

    pairs = list(product(range(parameters.draws), sizes))
    tables = Parallel(n_jobs=n_jobs, backend="threading")(
        delayed(score)(draw, size) for draw, size in pairs
    )
    return pd.concat(tables, ignore_index=True).assign(flux=flux)[list(CURVE_COLUMNS)]


def _sizes(towers: int, shares: Sequence[float]) -> list[int]:
    return sorted({min(towers, max(_LEAST_TRAINED, round(s * towers))) for s in shares})


def _scores(truth: NDArray, predicted: NDArray, sites: NDArray, classes: NDArray) -> pd.DataFrame:
    """Score all rows, and those of each class with enough towers."""
    groups = {ALL: np.ones(len(truth), dtype=bool)}
    groups |= {name: classes == code for name, code in IGBP_CLASSES.items()}
    found = []
    for name, inside in groups.items():
        towers = len(np.unique(sites[inside]))
        if towers >= _LEAST_TESTED:
            values = evaluate(PairSums.of(truth[inside], predicted[inside]), _SCORED)
            found.append((name, towers, *(float(values[m][0]) for m in _SCORED)))
    return pd.DataFrame(found, columns=["group", "test_towers", *_SCORED])


_SCORED = {name: METRICS[name] for name in ("NSE", "RMSE")}


def summarise_curve(curve: pd.DataFrame) -> pd.DataFrame:
    """Average a learning curve over its draws.

    Args:
        curve: Result of :func:`train_on_shares`, of one or more fluxes.

    Returns:
        One row for each flux, group and number of towers: ``draws``, mean ``NSE`` with
        ``NSE_low`` and ``NSE_high`` (5 to 95 % of the draws), mean ``RMSE``.
    """
    keys = ["flux", "group", "towers"]
    by = curve.dropna(subset=["NSE"]).groupby(keys, sort=False)
    low, high = (by["NSE"].quantile(q) for q in _BAND)
    return pd.DataFrame(
        {
            "draws": by["draw"].nunique(),
            "NSE": by["NSE"].mean(),
            "NSE_low": low,
            "NSE_high": high,
            "RMSE": by["RMSE"].mean(),
        }
    ).reset_index()


class PowerLaw(NamedTuple):
    """Error variance a + b n^-c, as a share of the variance of the flux, at n towers.

    Attributes:
        a: What no number of towers removes.
        b: What one tower leaves beyond ``a``.
        c: Exponent.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]

    def error(self, towers: float) -> NDArray[np.float64]:
        """Return the error variance with a number of towers."""
        return self.a + self.b * towers**-self.c


def fit_power_law(towers: NDArray, error: NDArray) -> PowerLaw:
    """Fit power laws by least squares of relative differences, with a and b of at least 0.

    For a given exponent the fit is linear and has a closed form, so the exponent is searched on a
    grid from 0.1 to 1.5.

    Args:
        towers: Numbers of towers, (n,), n >= 2.
        error: Error variances of one or more curves, (curves, n), above 0.
    """
    n, E = np.asarray(towers, float), np.asarray(error, float)
    best = np.full((4, len(E)), np.inf)
    for c in _EXPONENTS:
        first, second = 1 / E, n**-c / E
        for a, b in _non_negative(first, second):
            loss = ((a[:, None] * first + b[:, None] * second - 1) ** 2).sum(axis=1)
            better = loss < best[0] - 1e-12
            best[:, better] = np.stack([loss, a, b, np.full(len(E), c)])[:, better]
    return PowerLaw(*best[1:])


def _non_negative(first: NDArray, second: NDArray) -> list[tuple[NDArray, NDArray]]:
    """Return the candidates for least squares of a first + b second = 1 with a, b >= 0."""
    ff, ss, fs = (first**2).sum(1), (second**2).sum(1), (first * second).sum(1)
    f, s = first.sum(1), second.sum(1)
    determinant = ff * ss - fs**2
    a, b = (f * ss - s * fs) / determinant, (s * ff - f * fs) / determinant
    inside = (a >= 0) & (b >= 0)
    zero = np.zeros_like(a)
    return [(np.where(inside, a, 0), np.where(inside, b, s / ss)), (f / ff, zero)]


def extrapolate(
    curve: pd.DataFrame, *, factor: float = 2, n_resamples: int = 300, seed: int = 0
) -> pd.DataFrame:
    """Say what more towers would bring, and how much of the error they explain.

    The error variance 1 - NSE is averaged over draws as a geometric mean, in which a draw of hard
    towers counts no more than one of easy towers, and fitted by :func:`fit_power_law`. Bands are
    5 to 95 % of fits to resampled draws; with fewer than three draws they are NaN. Draws share
    their towers, so the bands do not say how another set of towers would differ.

    Args:
        curve: Result of :func:`train_on_shares`, of one or more fluxes.
        factor: Number of towers, as a multiple of all towers of the flux.
        n_resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        One row for each flux and group with three or more numbers of towers: ``towers`` (all of
        the flux), ``NSE`` and ``NSE_more`` (fitted, with these and with ``factor`` times as many),
        ``gain`` (their difference), ``removed`` (share of the error variance of the smallest
        network that the largest one removed: measured), ``reducible`` (share of the error
        variance with all towers that unlimited towers would remove: extrapolated), ``explained``
        (share of the differences in error between the networks of a draw that their number of
        towers explains, adjusted for degrees of freedom; the rest is which towers they have),
        ``exponent``; ``gain``, ``removed`` and ``reducible`` with ``_low`` and ``_high``.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for (flux, group), part in curve.groupby(["flux", "group"], sort=False):
        of_flux = curve[(curve["flux"] == flux) & (curve["group"] == ALL)]
        towers = int(of_flux["towers"].max() + of_flux["test_towers"].max())
        errors = 1 - part.pivot_table("NSE", "draw", "towers").dropna()
        if errors.shape[1] < 3 or errors.empty:
            continue
        rows.append({"flux": flux, "group": group, **_extrapolated(errors, towers, factor, n_resamples, rng)})  # fmt: skip
    return pd.DataFrame(rows)


def _extrapolated(
    errors: pd.DataFrame, towers: int, factor: float, n_resamples: int, rng: np.random.Generator
) -> dict[str, float]:
    logs = np.log(errors.to_numpy().clip(1e-12))
    draws = len(logs)
    picks = rng.integers(draws, size=(n_resamples if draws >= _LEAST_DRAWS else 0, draws))
    means = np.exp(np.concatenate([logs.mean(axis=0)[None], logs[picks].mean(axis=1)]))
    law = fit_power_law(errors.columns.to_numpy(), means)
    now, more = law.error(towers), law.error(factor * towers)
    values = {
        "gain": now - more,
        "removed": 1 - means[:, -1] / means[:, 0],
        "reducible": 1 - law.a / now,
    }
    row = {"towers": towers, "draws": draws, "NSE": 1 - now[0], "NSE_more": 1 - more[0]}
    for name, value in values.items():
        row[name] = value[0]
        ends = np.quantile(value[1:], _BAND) if len(value) > 1 else (np.nan, np.nan)
        row |= dict(zip((f"{name}_low", f"{name}_high"), map(float, ends), strict=True))
    row |= {"explained": _explained(logs), "exponent": law.c[0]}
    return {k: float(v) if isinstance(v, np.floating) else v for k, v in row.items()}


def _explained(logs: NDArray) -> float:
    """Return the share of the variance within draws (rows) that lies between sizes (columns)."""
    draws = len(logs)
    within = logs - logs.mean(axis=1, keepdims=True)
    total = (within**2).sum()
    if draws < 2 or not total:
        return np.nan
    rest = ((within - within.mean(axis=0)) ** 2).sum()
    return float(1 - rest / total * draws / (draws - 1))
