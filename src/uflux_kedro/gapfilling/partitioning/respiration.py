"""Response of night-time NEE to temperature: sensitivities and reference respiration of windows.

Source: Lloyd and Taylor (1994), doi 10.2307/2389824, with a reference of 15 degC.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.biophysics.respiration import lloyd_taylor
from uflux_kedro.gapfilling.partitioning.least_squares import Fits, fit_windows
from uflux_kedro.gapfilling.partitioning.windows import Windows

REFERENCE_TEMPERATURE = 15.0
"""degC."""
_COLDEST = -40.0
"""degC, to which lower temperatures are raised, as in REddyProc: the curve ends at -46."""
_START = 200.0
"""First guess of the sensitivity, K."""


def respiration(TA: NDArray, Rref: NDArray | float, E0: NDArray | float) -> NDArray[np.float64]:
    """Return respiration in the unit of ``Rref``, that at 15 degC; ``E0`` in K, ``TA`` in degC."""
    return np.asarray(lloyd_taylor(np.maximum(TA, _COLDEST), Rref, E0, REFERENCE_TEMPERATURE))


def warmth(TA: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponent of the response to temperature for a sensitivity of 1 K."""
    return np.log(respiration(TA, 1.0, 1.0))


def fit_sensitivity(
    NEE: NDArray[np.float64], TA: NDArray[np.float64], windows: Windows
) -> tuple[Fits, NDArray[np.float64]]:
    """Fit reference respiration and sensitivity of each window.

    Args:
        NEE: Night-time NEE, (steps,).
        TA: Temperature, degC, (steps,).
        windows: Windows of records.

    Returns:
        Fits of (Rref, E0), whose covariance is scaled by the residuals; residuals (n, longest), NaN
        where there is no record.
    """
    # Centred on the window's own temperature the two parameters hardly depend on each other.
    x = windows.of_values(warmth(TA))
    with np.errstate(invalid="ignore"):
        centre = np.nansum(x, axis=1) / np.maximum(windows.sizes, 1)
    x = np.where(windows.present, x - centre[:, None], 0.0)
    y = np.where(windows.present, NEE[windows.rows], 0.0)

    def model(parameters: NDArray, rows: NDArray) -> tuple[NDArray, NDArray]:
        factor = np.exp(parameters[:, 1, None] * x[rows])
        predicted = parameters[:, 0, None] * factor
        return predicted, np.stack([factor, predicted * x[rows]], axis=-1)

    mean = y.sum(axis=1) / np.maximum(windows.sizes, 1)
    start = np.column_stack([mean, np.full(len(mean), _START)])
    fits = fit_windows(model, start, y, windows.present.astype(float))
    residual = y - model(fits.parameters, np.arange(len(mean)))[0]
    variance = fits.cost / np.maximum(windows.sizes - 2, 1)
    parameters = fits.parameters.copy()
    parameters[:, 0] *= np.exp(-np.clip(parameters[:, 1] * centre, -50, 50))
    covariance = fits.covariance * variance[:, None, None]
    return Fits(parameters, fits.cost, covariance), np.where(windows.present, residual, np.nan)


def fit_reference(
    NEE: NDArray[np.float64],
    TA: NDArray[np.float64],
    windows: Windows,
    E0: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the reference respiration of each window for given sensitivities, (n,).

    Args:
        NEE: Night-time NEE, (steps,).
        TA: Temperature, degC, (steps,).
        windows: Windows of records.
        E0: Sensitivity of each window, K, (n,).

    Returns:
        Slope of the regression through the origin; NaN for a window without records.
    """
    factor = np.exp(E0[:, None] * windows.of_values(warmth(TA)))
    y = windows.of_values(NEE)
    with np.errstate(invalid="ignore"):
        return np.nansum(factor * y, axis=1) / np.nansum(factor**2, axis=1)
