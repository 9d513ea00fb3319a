"""The moving-point test for the threshold of USTAR.

Night-time NEE of one season and temperature rises with USTAR up to a plateau. A class of USTAR is on
it if it and the next class are not below the mean of the ten classes that follow each. Source: Papale
et al. (2006), doi 10.5194/bg-3-571-2006, in the form of ONEFlux's ``ustar_mp`` (forward mode 2), whose
treatment of ties and empty classes is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TA_CLASSES, USTAR_CLASSES = 7, 20
LEAST_OF_CLASS = 100
"""Records of a class of temperature."""
LEAST_OF_SEASON = TA_CLASSES * LEAST_OF_CLASS
_AHEAD = 10
"""Classes of USTAR whose mean is the plateau."""
_HIGHEST_CORRELATION = 0.5
_HIGHEST_FIRST_CLASS = 0.2
"""m s-1; where the calmest class is above, there is no calm to tell from turbulence."""


def season_threshold(
    TA: NDArray[np.float64], USTAR: NDArray[np.float64], NEE: NDArray[np.float64], plateau: float
) -> float:
    """Return the threshold of a season: the median over its classes of temperature.

    Args:
        TA: Air temperature, degC, ascending, (n,).
        USTAR: Friction velocity, m s-1, (n,).
        NEE: Net ecosystem exchange at night, (n,).
        plateau: Share of the mean of the following classes that a class on the plateau reaches.

    Returns:
        Threshold, m s-1; NaN where there are too few records or no plateau.
    """
    if len(TA) < LEAST_OF_SEASON:
        return np.nan
    found = []
    for start, end in zip(*_split(TA, TA_CLASSES), strict=True):
        if end - start < LEAST_OF_CLASS:
            continue
        calm = USTAR[start:end]
        if not abs(_correlation(TA[start:end], calm)) <= _HIGHEST_CORRELATION:
            continue
        order = np.argsort(calm, kind="stable")
        threshold = _threshold(calm[order], NEE[start:end][order], plateau)
        if not np.isnan(threshold):
            found.append(threshold)
    return float(np.median(found)) if found else np.nan


def _threshold(USTAR: NDArray[np.float64], NEE: NDArray[np.float64], plateau: float) -> float:
    """Return the mean USTAR of the first class on the plateau, of ascending USTAR; else NaN."""
    starts, ends = _split(USTAR, USTAR_CLASSES)
    turbulence, flux = _means(USTAR, starts, ends), _means(NEE, starts, ends)
    if turbulence[0] > _HIGHEST_FIRST_CLASS:
        return np.nan
    sums = np.concatenate([[0.0], np.cumsum(flux)])
    following = np.arange(1, USTAR_CLASSES)
    until = np.minimum(following + _AHEAD, USTAR_CLASSES)
    means = (sums[until] - sums[following]) / (until - following)
    on_plateau = flux[:-1] >= plateau * means
    both = np.flatnonzero(on_plateau[:-1] & on_plateau[1:])
    return float(turbulence[both[0]]) if len(both) else np.nan


def _split(
    values: NDArray[np.float64], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split ascending values into classes of about equal size that share no value.

    Returns:
        First of each class and the one behind its last, (n_classes,). A class is empty if the values
        before it fill its place, and may then end before it starts.
    """
    n = len(values)
    nominal = n // n_classes * np.arange(1, n_classes) - 1
    ends = np.searchsorted(values, values[nominal], side="right").tolist()
    for k in range(1, n_classes - 1):
        if ends[k - 1] == n:
            ends[k] = n
        elif ends[k] == ends[k - 1]:  # the value of the class before would fill this one too
            ends[k] = int(np.searchsorted(values, values[ends[k]], side="right"))
    return np.array([0, *ends]), np.array([*ends, n])


def _means(
    values: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean of each class; 0 for an empty one, as in ONEFlux."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    sizes = ends - starts
    return np.where(sizes > 0, (sums[ends] - sums[starts]) / np.maximum(sizes, 1), 0.0)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    with np.errstate(invalid="ignore"):  # NaN where one of them is constant
        return float((a @ b) / np.sqrt((a @ a) * (b @ b)))
