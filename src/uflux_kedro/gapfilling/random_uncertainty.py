"""Random uncertainty of half-hourly fluxes, from records that should be alike but are not.

Hollinger & Richardson (2005, doi:10.1093/treephys/25.7.873) compared pairs of days; ONEFlux
(Pastorello et al. 2020, doi:10.1038/s41597-020-0534-3) takes, as its *method*

1. of a measured record, the standard deviation of the records measured within a week and an hour
   of the day in similar weather, itself among them, if they are more than five,
2. of others, gaps too, the median of the first method's values of fluxes of like size within two weeks.

As in ONEFlux's description: its C shifts the hours of half-hourly records to half an hour before and
one and a half after, and leaves out the last record of two weeks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.gapfilling.mds import Tolerances, as_column, check_steps

ALIKE = {"NEE": 2.0, "LE": 10.0, "H": 10.0}
"""Least difference up to which fluxes are of like size, in the flux's unit."""

_SHARE = 0.2
"""The same as a share of the flux."""
_DAYS, _LONG_DAYS = 7, 14
"""Days on either side, of the two methods."""
_LEAST = 6
"""Records that the first method takes at least."""


class RandomUncertainty(NamedTuple):
    """Random uncertainty of each record; arrays (n,).

    Attributes:
        sd: Standard deviation of the random error, in the flux's unit; NaN where neither method
            finds records.
        method: 1 or 2; 0 where ``sd`` is NaN; int8.
        n: Number of records that it is from.
    """

    sd: NDArray[np.float64]
    method: NDArray[np.int8]
    n: NDArray[np.int32]


def random_uncertainty(
    flux: ArrayLike,
    filled: ArrayLike,
    SW_IN: ArrayLike | None,
    TA: ArrayLike | None,
    VPD: ArrayLike | None,
    steps_a_day: int,
    *,
    alike: float = ALIKE["NEE"],
    tolerances: Tolerances | None = None,
) -> RandomUncertainty:
    """Estimate the random uncertainty of a flux.

    Args:
        flux: Measured values at regular steps, shape (n,); NaN is a gap.
        filled: The same without gaps as far as they are filled, likewise.
        SW_IN: Incoming short-wave radiation, W m-2, (n,); None if there is none, and then there is
            no uncertainty.
        TA: Air temperature, degC, likewise.
        VPD: Vapour pressure deficit, hPa, likewise.
        steps_a_day: 48 or 24.
        alike: Least difference up to which fluxes are of like size, in the flux's unit:
            :data:`ALIKE` has ONEFlux's.
        tolerances: Differences of weather that count as similar; ONEFlux's by default.

    Raises:
        InputError: If lengths differ or ``steps_a_day`` is not a multiple of 24.
    """
    check_steps(steps_a_day)
    measured = as_column("flux", flux, None)
    n = len(measured)
    values = as_column("filled", filled, n)
    sw_in, ta, vpd = (as_column(k, x, n) for k, x in (("SW_IN", SW_IN), ("TA", TA), ("VPD", VPD)))
    (least, most), near_ta, near_vpd = tolerances or Tolerances()
    first, sd = np.full((2, n), np.nan)
    count = np.zeros(n, np.int32)
    _spread_of_similar(
        measured, sw_in, ta, vpd, float(least), float(most), float(near_ta), float(near_vpd),
        steps_a_day, first, count,
    )  # fmt: skip
    method = np.where(np.isnan(first), 0, 1).astype(np.int8)
    sd[:] = first
    reach = _LONG_DAYS * steps_a_day
    room = np.empty((2, 2 * reach + 1), np.int64)
    _median_of_alike(values, first, float(alike), reach, room[0], room[1], sd, count)
    method[np.isnan(first) & ~np.isnan(sd)] = 2
    return RandomUncertainty(sd, method, count)


@njit(nogil=True, cache=True, error_model="numpy")
def _spread_of_similar(  # type: ignore[no-untyped-def]
    flux, sw_in, ta, vpd, least, most, near_ta, near_vpd, steps_a_day, sd, count
):
    """Write the first method's standard deviations and numbers of records."""
    n = len(flux)
    hour = steps_a_day // 24
    for i in range(n):
        if np.isnan(flux[i]):
            continue
        near = min(max(sw_in[i], least), most)
        k, total, squares = 0, 0.0, 0.0
        for day in range(-_DAYS, _DAYS + 1):
            same_hour = i + day * steps_a_day
            for j in range(max(same_hour - hour, 0), min(same_hour + hour + 1, n)):
                if (
                    abs(sw_in[j] - sw_in[i]) < near
                    and abs(ta[j] - ta[i]) < near_ta
                    and abs(vpd[j] - vpd[i]) < near_vpd
                    and not np.isnan(flux[j])
                ):
                    # Differences to the record itself keep the sum of squares exact.
                    k += 1
                    total += flux[j] - flux[i]
                    squares += (flux[j] - flux[i]) ** 2
        if k >= _LEAST:
            sd[i] = np.sqrt(max(squares - total * total / k, 0.0) / (k - 1))
            count[i] = k


@njit(nogil=True, cache=True, error_model="numpy")
def _median_of_alike(values, first, alike, reach, members, chosen, sd, count):  # type: ignore[no-untyped-def]
    """Write the second method's medians and numbers where the first method has no value.

    ``members`` has the records of the window by increasing ``first``, as the window moves on.
    """
    n = len(values)
    m, following = 0, 0
    for i in range(n):
        while following < min(i + reach + 1, n):
            if not np.isnan(first[following]):
                p = m
                while p > 0 and first[members[p - 1]] > first[following]:
                    members[p] = members[p - 1]
                    p -= 1
                members[p] = following
                m += 1
            following += 1
        gone = i - reach - 1
        if gone >= 0 and not np.isnan(first[gone]):
            p = 0
            while members[p] != gone:
                p += 1
            m -= 1
            for q in range(p, m):
                members[q] = members[q + 1]
        if np.isnan(first[i]) and not np.isnan(values[i]):
            near = max(abs(values[i]) * _SHARE, alike)
            low, high = values[i] - near, values[i] + near
            k = 0
            for p in range(m):
                if low <= values[members[p]] <= high:
                    chosen[k] = members[p]
                    k += 1
            if k > 0:
                sd[i] = (first[chosen[(k - 1) // 2]] + first[chosen[k // 2]]) / 2
                count[i] = k
