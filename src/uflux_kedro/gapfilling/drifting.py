"""A linear response of the flux to the weather, whose coefficients have seasons and drift in time.

Trees find their values where weather and season were alike; where a long gap hides a season, or a crop is
harvested, they repeat the wrong ones. Here each coefficient is interpolated across the gap, from what the flux answered
before it to what it answered after it.

The flux is a sum of terms of the weather, each times a coefficient. A coefficient has a mean and two harmonics of the
year, found by ridge regression, and departs from that in steps between knots: a random walk that is drawn back to
nothing, hence a line across a short gap and the season alone in the middle of a long one. With normal errors this is
the mean of a Gaussian process; its normal equations are banded, so that time grows with the record's length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.respiration import lloyd_taylor
from uflux_kedro.gapfilling.light import light_of

DRIFTING = "drifting"
"""The filler's name."""

_YEAR = 365.25
_KNOT_DAYS = 10
_HALF_LIGHT = 400.0
"""Radiation at which photosynthesis is half saturated, W m-2."""
_RIDGE = 30.0
_HARMONICS = np.array([1.0, 5.0, 5.0, 10.0, 10.0])
"""Penalties of a coefficient's mean and harmonics, in units of the ridge's."""
_STEP, _AWAY = 30.0, 1.0
"""Penalties of a coefficient's change from knot to knot and of its distance from the season: half-hours of the
standardised flux that count as much. Chosen on records of five site-years, from gaps of 12 days and two months."""
_LEAST = 1e-9
"""Standard deviation of a term from which it varies."""
_CHUNK = 50_000
"""Rows of seasonal terms in memory at a time."""


@dataclass(frozen=True)
class Seasons:
    """A response whose coefficients have seasons and do not drift.

    Attributes:
        level: Mean of the flux.
        scale: Its standard deviation, 0 if it never changes.
        middle: Means of the terms, (terms - 1,).
        spread: Their standard deviations, 0 of those that never change.
        coefficients: Of each term, its mean and two harmonics of the year, (terms x 5,).
    """

    level: float
    scale: float
    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    coefficients: NDArray[np.float64]


def fit_seasons(
    flux: NDArray[np.float64], predictors: pd.DataFrame, day: NDArray[np.bool_], steps_a_day: int
) -> Seasons | None:
    """Fit the response without drift; None if nothing was measured. Arguments as of :func:`fill_drifting`."""
    known = np.isfinite(flux)
    if not known.any():
        return None
    raw = _terms(predictors, day)
    middle, spread = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0)
    spread = np.where(spread > _LEAST, spread, 0.0)
    level, scale = float(flux[known].mean()), float(flux[known].std())
    if not scale > 0:
        return Seasons(level, 0.0, middle, spread, np.empty(0))
    terms = _scaled(raw, middle, spread)
    z, days = (flux - level) / scale, predictors["day"].to_numpy()
    width = terms.shape[1] * len(_HARMONICS)
    gram, right = np.zeros((width, width)), np.zeros(width)
    for rows in _chunks(len(z)):
        own = _with_season(terms[rows], days[rows])[known[rows]]
        gram += own.T @ own
        right += own.T @ z[rows][known[rows]]
    penalty = steps_a_day / 48 * _RIDGE * np.tile(_HARMONICS, terms.shape[1])
    return Seasons(level, scale, middle, spread, np.linalg.solve(gram + np.diag(penalty), right))


def fill_drifting(
    flux: NDArray[np.float64],
    predictors: pd.DataFrame,
    day: NDArray[np.bool_],
    steps_a_day: int,
    seasons: Seasons | None = None,
) -> NDArray[np.float64]:
    """Return what the drifting response says of every step, (steps,); NaN if nothing was ever measured.

    Args:
        flux: Measured values, NaN in gaps, (steps,).
        predictors: As of :func:`uflux_kedro.gapfilling.predictors.predictors_of`, (steps, predictors).
        day: Whether the sun shines, (steps,).
        steps_a_day: 48 or 24.
        seasons: Seasons of another record of the tower, or of this one; None fits them to this one.
    """
    seasons = seasons or fit_seasons(flux, predictors, day, steps_a_day)
    if seasons is None:
        return np.full(len(flux), np.nan)
    if not seasons.scale > 0:
        return np.full(len(flux), seasons.level)
    terms = _scaled(_terms(predictors, day), seasons.middle, seasons.spread)
    days = predictors["day"].to_numpy()
    season = np.concatenate(
        [
            _with_season(terms[rows], days[rows]) @ seasons.coefficients
            for rows in _chunks(len(flux))
        ]
    )
    rest = (flux - seasons.level) / seasons.scale - season
    drift = _drift(terms, rest, _KNOT_DAYS * steps_a_day, steps_a_day / 48)
    return seasons.level + seasons.scale * (season + drift)


def _chunks(steps: int) -> list[slice]:
    return [slice(at, at + _CHUNK) for at in range(0, steps, _CHUNK)]


def _terms(predictors: pd.DataFrame, day: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the terms of the response besides the one that is 1, (steps, terms - 1)."""
    known = {str(c): predictors[c].to_numpy(dtype=np.float64) for c in predictors}
    light = light_of(predictors)
    warmth, dryness = known.get("TA"), known.get("VPD")
    columns = [day.astype(np.float64)]
    if light is not None:
        light = np.maximum(light, 0.0)
        saturating = light / (light + _HALF_LIGHT)
        columns += [light, saturating]
        columns += [saturating * other for other in (dryness, warmth) if other is not None]
    if warmth is not None:
        columns += [warmth, lloyd_taylor(np.maximum(warmth, -40))]
    if dryness is not None:
        columns.append(dryness)
    hour = np.arctan2(known["hour_sin"], known["hour_cos"])
    columns += [wave(times * hour) for times in (1, 2) for wave in (np.sin, np.cos)]
    return np.array(columns).T


def _scaled(
    raw: NDArray[np.float64], middle: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return 1 and the standardised terms that vary, (steps, terms)."""
    varies = spread > 0
    scaled = (raw[:, varies] - middle[varies]) / spread[varies]
    return np.hstack([np.ones((len(raw), 1)), np.nan_to_num(scaled)])


def _with_season(terms: NDArray[np.float64], day: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each term times 1 and two harmonics of the year, (rows, terms x 5)."""
    phase = 2 * np.pi * day.astype(np.float64) / _YEAR
    waves = [wave(times * phase) for times in (1, 2) for wave in (np.sin, np.cos)]
    season = np.array([np.ones(len(phase)), *waves]).T
    return (terms[:, :, None] * season[:, None, :]).reshape(len(terms), -1)


def _drift(
    terms: NDArray[np.float64], rest: NDArray[np.float64], steps: int, weight: float
) -> NDArray[np.float64]:
    """Return the response with coefficients that are lines between knots, (steps,).

    Args:
        terms: As of :func:`_terms`.
        rest: What the seasons leave, NaN in gaps, (steps,).
        steps: Steps between knots.
        weight: Factor of the penalties.
    """
    from scipy.linalg import solveh_banded

    n, width = terms.shape
    spans = -(-n // steps)
    padded = np.zeros((spans * steps, width))
    padded[:n] = terms
    share = np.arange(spans * steps) % steps / steps  # way from one knot to the next
    before, after = (padded * part[:, None] for part in (1 - share, share))
    known = np.zeros(spans * steps)
    known[:n] = np.isfinite(rest)
    y = np.zeros(spans * steps)
    y[:n] = np.nan_to_num(rest)
    cut = (spans, steps, width)
    left, right = (one.reshape(cut) for one in (before, after))
    own_left, own_right = (one * known.reshape(spans, steps, 1) for one in (left, right))
    knots = spans + 1
    diagonal, beside = np.zeros((knots, width, width)), np.zeros((knots - 1, width, width))
    diagonal[:-1] += own_left.transpose(0, 2, 1) @ left
    diagonal[1:] += own_right.transpose(0, 2, 1) @ right
    beside += own_left.transpose(0, 2, 1) @ right
    wanted = np.zeros((knots, width))
    wanted[:-1] += np.einsum("ijk,ij->ik", own_left, y.reshape(spans, steps))
    wanted[1:] += np.einsum("ijk,ij->ik", own_right, y.reshape(spans, steps))
    one = weight * np.eye(width)
    neighbours = np.full(knots, 2.0)
    neighbours[[0, -1]] = 1.0
    diagonal += (_AWAY + _STEP * neighbours)[:, None, None] * one
    beside -= _STEP * one
    coefficients = solveh_banded(_banded(diagonal, beside), wanted.ravel()).reshape(knots, width)
    drift = np.einsum("ijk,ik->ij", left, coefficients[:-1])
    return (drift + np.einsum("ijk,ik->ij", right, coefficients[1:])).ravel()[:n]


def _banded(diagonal: NDArray[np.float64], beside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper diagonals of a symmetric matrix of blocks, as LAPACK stores them.

    Args:
        diagonal: Blocks on the diagonal, (knots, width, width).
        beside: Blocks to the right of all but the last, (knots - 1, width, width).
    """
    knots, width, _ = diagonal.shape
    last = 2 * width - 1
    bands = np.zeros((last + 1, knots * width))
    first = np.arange(knots) * width
    row, column = np.triu_indices(width)
    bands[(last + row - column)[:, None], first + column[:, None]] = diagonal[:, row, column].T
    row, column = (each.ravel() for each in np.indices((width, width)))
    place = first[1:] + column[:, None]
    bands[(last + row - column - width)[:, None], place] = beside[:, row, column].T
    return bands
