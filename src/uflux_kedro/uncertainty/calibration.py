"""Calibration of intervals on the held-out predictions of towers, and judgement on unseen towers.

The rows are those that validation by site makes: no model saw the tower that it predicts. Spread
and thresholds are fitted in folds of towers of their own, so that the interval of each row comes
from other towers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro import __version__
from uflux_kedro.errors import InputError
from uflux_kedro.installed import version_of
from uflux_kedro.uncertainty.fitted import PLACE, FluxUncertainty, fill_missing
from uflux_kedro.uncertainty.intervals import fit_thresholds, tower_weights
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.uncertainty.scores import SCORES, score_by_class, score_by_tower
from uflux_kedro.uncertainty.spread import Spread, fit_spread
from uflux_kedro.validation.folds import site_k_fold

if TYPE_CHECKING:
    from uflux_kedro.uncertainty.sampling_space import SamplingSpace

_WHERE = "held-out rows"
_FEWEST_TOWERS = 2
_QUICK = {"trees": 20, "learning_rate": 0.15}
"""Spread that judges one of many members: a third of the trees, with larger steps; of a mean, the
cheaper half."""


class _Rows(NamedTuple):
    """Calibration rows as arrays: all of shape (n,), but features (n, features)."""

    table: pd.DataFrame
    features: NDArray[np.float32]
    names: tuple[str, ...]
    medians: NDArray[np.float32]
    errors: NDArray[np.float64]
    sites: NDArray
    classes: NDArray[np.float64]
    fold: NDArray[np.intp]


def calibrate(
    rows: pd.DataFrame,
    predictors: Sequence[str],
    parameters: UncertaintyParameters,
    *,
    flux: str,
    space: SamplingSpace | None = None,
) -> tuple[FluxUncertainty, pd.DataFrame]:
    """Calibrate the intervals of a flux.

    Args:
        rows: Held-out rows: ``site_id``, ``time``, ``truth``, ``prediction``, ``IGBP`` (code), the
            predictors, and optionally ``spread`` among members and ``centre``, what the interval is
            about (by default the prediction). Rows without truth or prediction are left out.
        predictors: Columns that the rows to predict will have.
        parameters: Level, folds, seed, method.
        flux: Name of the flux.
        space: Sampling space of the towers, for completeness as a feature of the spread.

    Returns:
        The intervals, calibrated on all towers, and the rows with their out-of-fold ``lower``,
        ``upper`` and ``sigma``, each from the other folds' towers alone, and with
        ``completeness``, ``dissimilarity`` and ``density`` without the row's own tower.

    Raises:
        InputError: If there are fewer than two towers.
    """
    given = _arrays(rows, predictors, parameters, space)
    settings, level = parameters.intervals, parameters.level
    spreads = _spreads(given, parameters, pairs=True)
    judged = _out_of_fold(given, spreads, parameters)
    scores = _standardised(given, spreads)
    thresholds = fit_thresholds(
        scores, given.sites, given.classes, level, settings.shrinkage, settings.guarantee
    )
    spread = _spread(given, parameters, np.full(len(scores), True))
    towers = score_by_tower(judged, level)
    card = {
        "flux": flux,
        "level": level,
        "method": settings.method,
        "guarantee": settings.guarantee,
        "predictors": list(predictors),
        "features": list(given.names),
        "medians": [float(value) for value in given.medians],
        "floor": spread.floor,
        "sizes": list(spread.sizes),
        "scale": _scale(scores, given.sites),
        "thresholds": thresholds.to_json(),
        "towers": len(towers),
        "rows": len(judged),
        "calibration": {
            **{name: float(towers[name].mean()) for name in SCORES},
            "classes": {
                str(int(code)): {name: float(value) for name, value in found.items()}
                for code, found in score_by_class(towers).iterrows()
            },
        },
        "seed": parameters.seed,
        "versions": {"uflux_kedro": __version__, "xgboost": version_of("xgboost")},
        "checksum": None,
    }
    return FluxUncertainty(card, spread, space), judged


def judge(
    rows: pd.DataFrame, predictors: Sequence[str], parameters: UncertaintyParameters
) -> dict[str, float]:
    """Judge the intervals that the held-out rows of one member would give.

    A quick version of :func:`calibrate`: thresholds of a fold come from errors that are
    standardised by spreads which may have seen that fold.

    Args:
        rows: As in :func:`calibrate`.
        predictors: Columns with the predictors.
        parameters: Level, folds, seed, method.

    Returns:
        ``coverage``, ``interval_score``, and ``interval_score_constant`` of intervals of the same
        width everywhere; means over towers.
    """
    settings = parameters.intervals.model_copy(update=_QUICK)
    if settings.method == "mean":
        settings = settings.model_copy(update={"method": "spread"})
    parameters = parameters.model_copy(update={"intervals": settings})
    given = _arrays(rows, predictors, parameters, None)
    level = parameters.level
    learnt = _out_of_fold(given, _spreads(given, parameters, pairs=False), parameters)
    constant = parameters.model_copy(
        update={"intervals": settings.model_copy(update={"method": "constant"})}
    )
    plain = given._replace(classes=np.full(len(given.classes), np.nan))
    same = _out_of_fold(plain, _spreads(plain, constant, pairs=False), constant)
    scores = [score_by_tower(found, level)[list(SCORES)].mean() for found in (learnt, same)]
    return {
        "coverage": float(scores[0]["coverage"]),
        "interval_score": float(scores[0]["interval_score"]),
        "interval_score_constant": float(scores[1]["interval_score"]),
    }


def _arrays(
    rows: pd.DataFrame,
    predictors: Sequence[str],
    parameters: UncertaintyParameters,
    space: SamplingSpace | None,
) -> _Rows:
    table = rows.dropna(subset=["truth", "prediction"]).reset_index(drop=True)
    if "centre" not in table:
        table["centre"] = table["prediction"]
    sites = table["site_id"].to_numpy().astype(str)
    towers = len(np.unique(sites))
    if towers < _FEWEST_TOWERS:
        raise InputError(
            _WHERE,
            "site_id",
            expected=f"at least {_FEWEST_TOWERS} towers, to judge each by others",
            found=f"{towers} with truth and prediction",
        )
    X = table[list(predictors)].to_numpy("float32")
    if space is not None:
        places = space.places(X, without=sites)
        for name in (*PLACE, "density"):
            table[name] = getattr(places, name)
    names = [*predictors, "prediction"]
    # One member has no spread; of several, some rows may have been predicted by one alone.
    if "spread" in table and table["spread"].notna().any():
        names.append("spread")
    if space is not None:
        names.extend(PLACE)
    features = table[names].to_numpy("float32")
    medians = _medians(features)
    fill_missing(features, medians)
    fold = np.zeros(len(table), dtype=np.intp)
    for part in site_k_fold(sites, min(parameters.n_splits, towers), parameters.seed):
        fold[part.test] = part.number
    return _Rows(
        table,
        features,
        tuple(names),
        medians,
        table["truth"].to_numpy(float) - table["centre"].to_numpy(float),
        # Numbers, which sort much faster than names.
        np.unique(sites, return_inverse=True)[1],
        table["IGBP"].to_numpy(float),
        fold,
    )


def _medians(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each column; 0 for a column without values."""
    known = ~np.isnan(features).all(axis=0)
    medians = np.zeros(features.shape[1], dtype=np.float32)
    medians[known] = np.nanmedian(features[:, known], axis=0)
    return medians


def _spreads(
    given: _Rows, parameters: UncertaintyParameters, *, pairs: bool
) -> dict[frozenset[int], Spread]:
    """Fit spreads without each fold and, on demand, without each pair of folds."""
    numbers = range(given.fold.max() + 1)
    left_out = [frozenset({k}) for k in numbers]
    if pairs:
        left_out += [frozenset(pair) for pair in combinations(numbers, 2)]
    found = {}
    for folds in left_out:
        kept = ~np.isin(given.fold, list(folds))
        if not kept.any():
            # Of two folds none is left: a constant, which cancels in the standardised errors.
            found[folds] = Spread((), 1.0)
            continue
        found[folds] = _spread(given, parameters, kept)
    return found


def _spread(given: _Rows, parameters: UncertaintyParameters, kept: NDArray[np.bool_]) -> Spread:
    return fit_spread(
        given.features[kept],
        given.errors[kept],
        given.sites[kept],
        parameters.intervals,
        parameters.seed,
        parameters.level,
        given.names,
    )


def _standardised(
    given: _Rows, spreads: dict[frozenset[int], Spread], tested: int | None = None
) -> NDArray[np.float64]:
    """Divide the errors of each fold by spreads that did not see it, nor the ``tested`` fold.

    Returns:
        Absolute standardised errors, shape (n,); NaN in the tested fold.
    """
    scores = np.full(len(given.errors), np.nan)
    for k in range(given.fold.max() + 1):
        own = given.fold == k
        if k == tested:
            continue
        folds = frozenset({k} if tested is None else {k, tested})
        spread = spreads.get(folds) or spreads[frozenset({k})]
        scores[own] = np.abs(given.errors[own]) / spread.predict(given.features[own])
    return scores


def _out_of_fold(
    given: _Rows, spreads: dict[frozenset[int], Spread], parameters: UncertaintyParameters
) -> pd.DataFrame:
    """Add the interval and sigma of each row, calibrated on the towers of other folds."""
    threshold, sigma = np.empty(len(given.errors)), np.empty(len(given.errors))
    nested = any(len(folds) > 1 for folds in spreads)
    same = None if nested else _standardised(given, spreads)
    spread = np.empty(len(given.errors))
    for k in range(given.fold.max() + 1):
        own, others = given.fold == k, given.fold != k
        scores = (_standardised(given, spreads, tested=k) if same is None else same)[others]
        fitted = fit_thresholds(
            scores,
            given.sites[others],
            given.classes[others],
            parameters.level,
            parameters.intervals.shrinkage,
            parameters.intervals.guarantee,
        )
        threshold[own] = fitted.of(given.classes[own])
        spread[own] = spreads[frozenset({k})].predict(given.features[own])
        sigma[own] = spread[own] * _scale(scores, given.sites[others])
    centre = given.table["centre"].to_numpy(float)
    half = threshold * spread
    return given.table.assign(sigma=sigma, lower=centre - half, upper=centre + half)


def _scale(scores: NDArray[np.float64], sites: NDArray) -> float:
    """Return the root mean square of standardised errors: spread times it is a standard deviation."""
    return float(np.sqrt(tower_weights(sites) @ scores**2))
