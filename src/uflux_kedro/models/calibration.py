"""Calibration of a process baseline: robust least squares with what is known of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.models.baseline_inputs import BaselineInputs, find_inputs
from uflux_kedro.models.baselines import BASELINES, Baseline, Drivers

CLASS_SPREAD = 0.3
"""Standard deviation among land cover classes of the logarithm of their multiplier."""
_ROUNDS = 4
"""Times that weights and parameters are estimated in turns."""
_HUBER = 1.345
"""Residual, in standard deviations, from which weights fall; Huber (1964)."""
_NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal variable."""
_LEAST_SPREAD = 1e-6
_STEP = 1e-5
"""Step of numerical derivatives, in spreads of a parameter."""


@dataclass(frozen=True)
class CalibratedBaseline:
    """A baseline with its calibrated parameters.

    Attributes:
        flux: The flux.
        predictors: Names of the columns of X.
        values: Parameter -> value.
        multipliers: Code of a land cover class -> multiplier; 1 for others.
    """

    flux: str
    predictors: tuple[str, ...]
    values: Mapping[str, float]
    multipliers: Mapping[int, float]

    @classmethod
    def fit(
        cls,
        flux: str,
        predictors: Sequence[str],
        X: NDArray,
        y: NDArray,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Calibrate on rows.

        Every group, such as a tower, counts as one observation, since its rows share most of their
        errors; without groups every row does. Parameters are drawn to their centres and
        classes to the whole, the more the fewer groups speak for something else.

        Args:
            flux: GPP, RECO, NEE, LE or H.
            predictors: Names of the columns.
            X: Shape (n, predictors).
            y: The flux, shape (n,).
            groups: Group of each row, shape (n,).

        Raises:
            ConfigurationError: If the predictors lack an input of the baseline.
        """
        inputs = find_inputs(predictors, flux).require(flux)
        baseline = BASELINES[flux]
        drivers = _drivers(baseline, inputs, predictors, X)
        codes = _codes(inputs, predictors, X)
        weights = _weights(len(y), groups)
        values, multipliers = _calibrate(baseline, drivers, codes, np.asarray(y, float), weights)
        return cls(flux, tuple(predictors), values, multipliers)

    def predict(self, X: NDArray) -> NDArray[np.float64]:
        """Return the baseline of rows, (n, predictors) to (n,)."""
        inputs = find_inputs(self.predictors, self.flux)
        baseline = BASELINES[self.flux]
        drivers = _drivers(baseline, inputs, self.predictors, X)
        codes = _codes(inputs, self.predictors, X)
        multiplier = np.ones(len(X))
        for code, of_class in self.multipliers.items():
            multiplier[codes == code] = of_class
        fixed, scaled = baseline.parts(drivers, self.values)
        return fixed + multiplier * scaled


def _drivers(
    baseline: Baseline, inputs: BaselineInputs, predictors: Sequence[str], X: NDArray
) -> Drivers:
    place = {name: i for i, name in enumerate(predictors)}
    columns = {
        variable: np.asarray(X[:, place[name]], dtype=np.float64)
        for variable, name in inputs.columns.items()
    }
    return baseline.drivers(columns, inputs.vegetation)


def _codes(inputs: BaselineInputs, predictors: Sequence[str], X: NDArray) -> NDArray[np.int64]:
    """Return the land cover class of each row; -1 where it is not among the predictors."""
    name = inputs.columns.get("IGBP")
    if name is None:
        return np.full(len(X), -1)
    return np.asarray(X[:, list(predictors).index(name)]).astype(np.int64)


def _weights(n: int, groups: ArrayLike | None) -> NDArray[np.float64]:
    if groups is None:
        return np.ones(n)
    _, group, size = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return 1 / size[group]


def _calibrate(
    baseline: Baseline,
    drivers: Drivers,
    codes: NDArray[np.int64],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[dict[str, float], dict[int, float]]:
    classes, position = np.unique(codes, return_inverse=True)
    known = len(classes) if classes[0] >= 0 else 0
    n = len(baseline.parameters)

    def values_of(deviations: NDArray) -> dict[str, float]:
        return {p.name: p.value(d) for p, d in zip(baseline.parameters, deviations, strict=False)}

    def multipliers_of(deviations: NDArray) -> NDArray[np.float64]:
        return np.exp(CLASS_SPREAD * deviations[n:])

    def predict(deviations: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the flux, and the part that the multiplier multiplied."""
        fixed, scaled = baseline.parts(drivers, values_of(deviations))
        if known:
            scaled = scaled * multipliers_of(deviations)[position]
        return fixed + scaled, scaled

    def slopes(deviations: NDArray) -> NDArray[np.float64]:
        """Return the derivative of each row by each deviation."""
        now, scaled = predict(deviations)
        slope = np.zeros((len(y), n + known))
        for i in range(n):
            step = np.zeros(n + known)
            step[i] = _STEP
            slope[:, i] = (predict(deviations + step)[0] - now) / _STEP
        if known:
            slope[np.arange(len(y)), n + position] = CLASS_SPREAD * scaled
        return slope

    found = _most_likely(lambda d: predict(d)[0], slopes, y, weights, n + known)
    return values_of(found), dict(zip(classes.tolist(), multipliers_of(found), strict=False))


def _most_likely(
    predict: Callable[[NDArray], NDArray[np.float64]],
    slopes: Callable[[NDArray], NDArray[np.float64]],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    """Return the deviations that are most likely, with normal ones and errors of heavy tails.

    Errors beyond 1.345 standard deviations get less weight (iteratively reweighted least squares).
    """
    from scipy.optimize import least_squares

    found = np.zeros(size)
    for _ in range(_ROUNDS):
        error = np.abs(y - predict(found))
        spread = max(_weighted_median(error, weights) / _NORMAL_MAD, _LEAST_SPREAD)
        robust = np.minimum(1.0, _HUBER * spread / np.maximum(error, _LEAST_SPREAD))
        root = np.sqrt(weights * robust) / spread

        def residuals(deviations: NDArray, root: NDArray = root) -> NDArray[np.float64]:
            return np.concatenate([root * (predict(deviations) - y), deviations])

        def jacobian(deviations: NDArray, root: NDArray = root) -> NDArray[np.float64]:
            return np.concatenate([root[:, None] * slopes(deviations), np.eye(size)])

        found = least_squares(residuals, found, jacobian, max_nfev=20, xtol=1e-5, ftol=1e-6).x
    return found


def _weighted_median(values: NDArray, weights: NDArray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def to_json(baseline: CalibratedBaseline) -> dict[str, Any]:
    """Return what JSON can hold of a calibrated baseline."""
    return {
        "flux": baseline.flux,
        "predictors": list(baseline.predictors),
        "values": dict(baseline.values),
        "multipliers": {str(code): m for code, m in baseline.multipliers.items()},
    }


def from_json(content: Mapping[str, Any]) -> CalibratedBaseline:
    """Return the baseline that :func:`to_json` described.

    Raises:
        ConfigurationError: If the predictors lack an input of the baseline.
        ValueError: If the parameters are not those of the baseline.
    """
    flux, predictors = content["flux"], tuple(content["predictors"])
    find_inputs(predictors, flux).require(flux)
    values = {name: float(value) for name, value in content["values"].items()}
    expected = {parameter.name for parameter in BASELINES[flux].parameters}
    if values.keys() != expected:
        raise ValueError(f"parameters {', '.join(values)}, not those of the baseline of {flux}")
    multipliers = {int(code): float(m) for code, m in content["multipliers"].items()}
    return CalibratedBaseline(flux, predictors, values, multipliers)
