"""Light-response curves of windows: a hyperbola that VPD bends, over respiration.

NEE = respiration(TA) - GPP, GPP = alpha beta' SW_IN / (alpha SW_IN + beta'), with
beta' = beta exp(-k (VPD - 10 hPa)) where VPD is higher. Source: Lasslop et al. (2010), doi
10.1111/j.1365-2486.2009.02041.x; bounds, priors and fall-backs as in REddyProc (Wutzler et al. 2018,
doi 10.5194/bg-15-5015-2018), the one without photosynthesis as in ONEFlux.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.gapfilling.partitioning.least_squares import Fits, Prior, fit_windows
from uflux_kedro.gapfilling.partitioning.respiration import respiration
from uflux_kedro.gapfilling.partitioning.windows import Windows

K, BETA, ALPHA, RREF = range(4)
"""Columns of the parameters: hPa-1, umol m-2 s-1, umol J-1, umol m-2 s-1."""
VPD0 = 10.0
"""hPa, below which VPD does not matter."""
HIGHEST_ALPHA = 0.22
_HIGHEST_BETA, _DOUBTFUL_BETA = 250.0, 100.0
_PRIOR = {"k": 0.05, "alpha": 0.1}
_PRECISION = 1 / np.array([50.0, 600.0, 10.0, 80.0]) ** 2
"""Of the priors of k, beta, alpha and Rref."""
_LEAST_ERROR = 0.1
"""umol m-2 s-1; the error where NEE is 0."""
_FLOOR = 30
"""Percentile of the errors of a window's records that no error is below."""
_STARTS = (1.0, 1.3, 0.8)
"""Factors of the first guess of beta."""


def photosynthesis(
    SW_IN: NDArray, VPD: NDArray, k: NDArray, beta: NDArray, alpha: NDArray
) -> NDArray[np.float64]:
    """Return GPP, umol m-2 s-1; NaN where VPD is missing, unless ``k`` is 0. Shapes broadcast."""
    dryness = np.where(np.asarray(k) == 0, 0.0, np.maximum(VPD - VPD0, 0.0))
    saturated = beta * np.exp(-k * dryness)
    light = alpha * SW_IN
    total = light + saturated
    return np.where(total > 0, light * saturated / np.where(total > 0, total, 1.0), 0.0 * total)


class LightCurves:
    """Fits the light-response curves of windows of daytime records.

    Args:
        NEE: (steps,).
        SW_IN: W m-2, (steps,).
        TA: degC, (steps,).
        VPD: hPa, (steps,); NaN where the curve is to do without.
        error: Standard deviation of NEE, (steps,); where NaN, estimated: see :meth:`fit`.
        windows: Records of each window, n of them.
        E0: Sensitivity of respiration in each window, K, (n,).
        Rref: First guess of the reference respiration, (n,).
    """

    def __init__(
        self,
        NEE: NDArray,
        SW_IN: NDArray,
        TA: NDArray,
        VPD: NDArray,
        error: NDArray,
        windows: Windows,
        E0: NDArray,
        Rref: NDArray,
    ) -> None:
        rows, self.present = windows
        self.light = np.maximum(SW_IN[rows], 0.0)
        self.dryness = np.nan_to_num(np.maximum(VPD[rows] - VPD0, 0.0))
        self.breath = respiration(TA[rows], 1.0, E0[:, None])
        self.uptake = np.where(self.present, -NEE[rows], 0.0)
        self.error = error[rows]
        self.weight = self.present.astype(float)
        low, high = np.nanpercentile(windows.of_values(NEE), (3, 97), axis=1)
        n = len(rows)
        self.prior = np.column_stack(
            [np.full(n, _PRIOR["k"]), high - low, np.full(n, _PRIOR["alpha"]), Rref]
        )

    def fit(self, with_VPD: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the parameters of each window, (n, 4); NaN for one without an acceptable curve.

        Where the error is not known, it rises with the NEE that first curves expect, as their residuals
        do.

        Args:
            with_VPD: Whether VPD matters in a window, (n,); elsewhere k is 0.
        """
        every = np.arange(len(self.prior))
        k_free = with_VPD.copy()
        self._weigh(self._predict(self._fit(every, k_free, 1.0).parameters, every)[0])
        fits = self._best(every, k_free)
        theta, error = fits.parameters, _errors(fits)
        negative = np.flatnonzero(k_free & ~(theta[:, K] >= 0))
        k_free[negative] = False
        self._refit(theta, error, negative, k_free)
        steep = ~(theta[:, ALPHA] <= HIGHEST_ALPHA)
        alpha = _last_known(theta[:, ALPHA], _acceptable(theta, error) & ~steep)
        rows = np.flatnonzero(steep)
        self._refit(theta, error, rows, k_free, alpha)
        negative = rows[k_free[rows] & ~(theta[rows, K] >= 0)]
        k_free[negative] = False
        self._refit(theta, error, negative, k_free, alpha)
        dark = (theta[:, ALPHA] < 0) | (theta[:, BETA] < 0)
        theta[dark] = self._respiration_only(np.flatnonzero(dark))
        error[dark] = 0
        return np.where(_acceptable(theta, error)[:, None], theta, np.nan)

    def _weigh(self, expected: NDArray) -> None:
        """Weight records by their error; the most certain third of a window counts alike."""
        size = np.abs(expected[self.present])
        apart = np.abs((self.uptake - expected)[self.present])
        base, rise = _line(size, apart)
        assumed = base + rise * np.abs(expected)
        error = np.where(self.present, np.where(self.error > 0, self.error, assumed), np.nan)
        floor = np.nanpercentile(error, _FLOOR, axis=1, keepdims=True)
        self.weight = np.where(self.present, 1 / np.fmax(error, floor), 0.0)

    def _best(self, rows: NDArray, k_free: NDArray) -> Fits:
        """Return the fits with the lowest cost among those of several first guesses."""
        tried = [self._fit(rows, k_free, factor) for factor in _STARTS]
        best = np.argmin([fits.cost for fits in tried], axis=0)
        pick = np.arange(len(rows))
        return Fits(*(np.stack(values)[best, pick] for values in zip(*tried, strict=True)))

    def _refit(
        self,
        theta: NDArray,
        error: NDArray,
        rows: NDArray,
        k_free: NDArray,
        alpha: NDArray | None = None,
    ) -> None:
        """Fit the windows ``rows`` anew and put the results into ``theta`` and ``error``."""
        if len(rows):
            fits = self._fit(rows, k_free, 1.0, alpha)
            theta[rows], error[rows] = fits.parameters, _errors(fits)

    def _fit(
        self, rows: NDArray, k_free: NDArray, factor: float, alpha: NDArray | None = None
    ) -> Fits:
        free = np.ones((len(rows), 4), dtype=bool)
        free[:, K] = k_free[rows]
        start = self.prior[rows].copy()
        start[:, BETA] *= factor
        start[~free[:, K], K] = 0.0
        if alpha is not None:
            free[:, ALPHA] = False
            start[:, ALPHA] = alpha[rows]

        def model(parameters: NDArray, chosen: NDArray) -> tuple[NDArray, NDArray]:
            return self._predict(parameters, rows[chosen])

        return fit_windows(
            model,
            start,
            self.uptake[rows],
            self.weight[rows],
            free=free,
            prior=Prior(self.prior[rows], _PRECISION),
        )

    def _predict(self, parameters: NDArray, rows: NDArray) -> tuple[NDArray, NDArray]:
        """Return net uptake and its derivatives by k, beta, alpha and Rref."""
        k, beta, alpha, Rref = (parameters[:, c, None] for c in range(4))
        light, dryness, breath = self.light[rows], self.dryness[rows], self.breath[rows]
        shrink = np.exp(-k * dryness)
        saturated = beta * shrink
        absorbed = alpha * light
        total = absorbed + saturated
        by_saturated = (absorbed / total) ** 2
        slopes = (
            -by_saturated * saturated * dryness,
            by_saturated * shrink,
            (saturated / total) ** 2 * light,
            -breath,
        )
        return absorbed * saturated / total - Rref * breath, np.stack(slopes, axis=-1)

    def _respiration_only(self, rows: NDArray) -> NDArray[np.float64]:
        """Return parameters without photosynthesis."""
        squares = (self.weight[rows] * self.breath[rows]) ** 2
        products = self.weight[rows] ** 2 * self.breath[rows] * -self.uptake[rows]
        theta = np.zeros((len(rows), 4))
        theta[:, RREF] = products.sum(axis=1) / squares.sum(axis=1)
        return theta


def _line(size: NDArray, apart: NDArray) -> tuple[float, float]:
    """Return constant and slope of the deviations' rise with the flux; both are not negative.

    Source of the form: Richardson et al. (2006), doi 10.1016/j.agrformet.2006.01.007.
    """
    spread = ((size - size.mean()) ** 2).sum()
    rise = ((size - size.mean()) * apart).sum() / spread if spread else 0.0
    rise = min(max(rise, 0.0), apart.mean() / size.mean() if size.any() else 0.0)
    return max(apart.mean() - rise * size.mean(), _LEAST_ERROR), rise


def _errors(fits: Fits) -> NDArray[np.float64]:
    """Return the standard error of beta, (n,); NaN where it is not determined."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(fits.covariance[:, BETA, BETA])


def _acceptable(theta: NDArray, error: NDArray) -> NDArray[np.bool_]:
    """Whether the parameters are possible: not negative, beta not too high or too uncertain."""
    beta = theta[:, BETA]
    certain = (beta <= _DOUBTFUL_BETA) | (error < beta)
    return (theta >= 0).all(axis=1) & (beta < _HIGHEST_BETA) & certain


def _last_known(alpha: NDArray, known: NDArray) -> NDArray[np.float64]:
    """Return the alpha of the last window before each one that has a known one, else the highest."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(alpha)), -1))
    return np.where(last >= 0, alpha[last], HIGHEST_ALPHA)
