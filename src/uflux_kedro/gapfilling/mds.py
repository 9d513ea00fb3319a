"""Marginal distribution sampling (MDS): fill a gap by the mean of records with similar weather.

Reichstein et al. (2005), in the variant that ONEFlux runs (Pastorello et al. 2020,
doi:10.1038/s41597-020-0534-3). Windows around the gap are searched one after the other, and the first
with at least two similar records wins. Similar are, by *method*,

1. records whose SW_IN, TA and VPD all differ by less than their tolerance,
2. records whose SW_IN does,
3. records at the same hour, give or take one: the mean diurnal course.

The mean takes more records from the side of the gap's SW_IN where there are more: of low radiation, where
days are short. The symmetric variant takes the mean of both sides' means, which removes that bias
north of 60 degrees (Vekuri et al. 2023, doi:10.1038/s41598-023-28827-2). As there, it is for SW_IN of
20 W m-2 and more.

ONEFlux's C widens the diurnal window until it holds the whole record; here it ends at 427 days, as in
ONEFlux's Python, since days of the opposite season say nothing.
"""

from __future__ import annotations

# ruff: noqa: PLR0912, PLR0915 (long loops without calls are fast)
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import InputError

ALL_DRIVERS, ONLY_SW_IN, DIURNAL = 1, 2, 3
"""Methods, in ONEFlux's numbers."""

_TURNS = (
    (ALL_DRIVERS, range(7, 15, 7)),
    (ONLY_SW_IN, range(7, 8)),
    (DIURNAL, range(3)),
    (ALL_DRIVERS, range(21, 78, 7)),
    (ONLY_SW_IN, range(14, 78, 7)),
    (DIURNAL, range(3, 214, 3)),
)
"""Methods in turn, each with days on either side of the gap."""
_SCHEDULE = np.array([(method, days) for method, reach in _TURNS for days in reach], np.int64)

_DAYTIME = 20.0
"""SW_IN from which the mean can be symmetric, W m-2: below, radiation does not drive fluxes."""

_GOOD = np.array([0, 14, 14, 1])
"""Longest window of the first quality by method, days."""
_MEDIUM = np.array([0, 56, 28, 5])


class Tolerances(NamedTuple):
    """Differences below which weather counts as similar.

    Attributes:
        SW_IN: Lowest and highest tolerance, W m-2; in between it is the gap's own SW_IN.
        TA: degC.
        VPD: hPa.
    """

    SW_IN: tuple[float, float] = (20.0, 50.0)
    TA: float = 2.5
    VPD: float = 5.0


class Filled(NamedTuple):
    """A flux without its gaps, with where each value is from; arrays (n,).

    Attributes:
        value: Measured where measured, else mean of the similar records; NaN where there are fewer
            than two.
        quality: 0 measured or not filled, 1 good, 2 medium, 3 poor; int8.
        method: 1 all drivers, 2 SW_IN alone, 3 diurnal course, 0 measured or not filled; int8.
        sd: Standard deviation of the similar records; NaN where method is 0.
        n: Number of similar records.
        window: Length of the window, days.
    """

    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    method: NDArray[np.int8]
    sd: NDArray[np.float64]
    n: NDArray[np.int32]
    window: NDArray[np.int16]


def fill_mds(
    flux: ArrayLike,
    SW_IN: ArrayLike | None,
    TA: ArrayLike | None,
    VPD: ArrayLike | None,
    *,
    steps_a_day: int,
    symmetric: bool = False,
    everywhere: bool = False,
    tolerances: Tolerances | None = None,
    SW_IN_QC: ArrayLike | None = None,
    TA_QC: ArrayLike | None = None,
    VPD_QC: ArrayLike | None = None,
) -> Filled:
    """Fill the gaps of a flux.

    Where a driver is missing, the methods that need it are left out. Drivers may be filled: with
    their quality, as ONEFlux does for NEE, filled values find similar records, but are none.

    Args:
        flux: Measured values at regular steps, shape (n,), any unit; NaN is a gap.
        SW_IN: Incoming short-wave radiation, W m-2, (n,); None if there is none.
        TA: Air temperature, degC, likewise.
        VPD: Vapour pressure deficit, hPa, likewise.
        steps_a_day: 48 or 24.
        symmetric: Whether to average records above and below the gap's SW_IN separately first, by
            day. The standard deviation stays that of all similar records around their plain mean.
        everywhere: Whether to estimate measured records too, each without its own value as if it
            were a gap. (ONEFlux's estimates of measured records include the record itself.)
        tolerances: Differences that count as similar; ONEFlux's by default.
        SW_IN_QC: Quality of SW_IN, (n,): above 0 where it is filled, as in FLUXNET; None if it is
            measured wherever it has a value.
        TA_QC: Quality of TA, likewise.
        VPD_QC: Quality of VPD, likewise.

    Raises:
        InputError: If lengths differ or ``steps_a_day`` is not a multiple of 24.
    """
    check_steps(steps_a_day)
    values = as_column("flux", flux, None)
    n = len(values)
    sw_in, ta, vpd = (as_column(k, x, n) for k, x in (("SW_IN", SW_IN), ("TA", TA), ("VPD", VPD)))
    # NaN is near to nothing: one comparison also says whether a record has what it takes.
    sw_in_qc, ta_qc, vpd_qc = (
        as_column(k, x, n)
        for k, x in (("SW_IN_QC", SW_IN_QC), ("TA_QC", TA_QC), ("VPD_QC", VPD_QC))
    )
    measured_sw_in = np.where(np.isnan(values) | (sw_in_qc > 0), np.nan, sw_in)
    measured_all = np.where(np.isnan(ta + vpd) | (ta_qc > 0) | (vpd_qc > 0), np.nan, measured_sw_in)
    (least, most), near_ta, near_vpd = tolerances or Tolerances()
    sd, found = np.full(n, np.nan), np.zeros(n, np.int32)
    method, window = np.zeros(n, np.int8), np.zeros(n, np.int16)
    value, room = values.copy(), np.empty((3, 4), np.int64)
    _fill(
        values, sw_in, ta, vpd, measured_sw_in, measured_all,
        float(least), float(most), float(near_ta), float(near_vpd),
        steps_a_day, _SCHEDULE, symmetric, np.isnan(values) | everywhere,
        np.empty(n, np.uint8), np.empty((4, n + 1), np.int64), room[0], room[1], room[2],
        value, sd, found, method, window,
    )  # fmt: skip
    quality = (method > 0).astype(np.int8) + (window > _GOOD[method]) + (window > _MEDIUM[method])
    return Filled(value, quality, method, sd, found, window)


def check_steps(steps_a_day: int) -> None:
    """Raise an ``InputError`` unless hours consist of whole steps."""
    if steps_a_day < 1 or steps_a_day % 24:
        raise InputError("record", None, expected="24 or 48 steps a day", found=str(steps_a_day))


def as_column(name: str, values: ArrayLike | None, n: int | None) -> NDArray[np.float64]:
    """Return values as floats with NaN for all that is not finite.

    Args:
        name: Name for messages.
        values: The column; None stands for one without values.
        n: Length that it must have; None if it sets the length.

    Raises:
        InputError: If its shape is not (n,).
    """
    if values is None:
        return np.full(n or 0, np.nan)
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1 or n not in (None, len(column)):
        raise InputError(
            "record", name, expected=f"shape ({'n' if n is None else n},)", found=str(column.shape)
        )
    column[~np.isfinite(column)] = np.nan
    return column


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(  # type: ignore[no-untyped-def]
    flux, sw_in, ta, vpd, measured_sw_in, measured_all, least, most, near_ta, near_vpd,
    steps_a_day, schedule, symmetric, wanted, near, similar, found, low, high,
    value, sd, count, used, window,
):  # fmt: skip
    """Write value, standard deviation, number of records, method and window of wanted records.

    ``near`` (n,), ``similar`` (4, n + 1), ``found``, ``low`` and ``high`` (4,) are room for what the
    methods search. A window holds the one before, in which there was one similar record at most:
    what was found stays, and only what is new at both ends is searched.
    """
    n = len(flux)
    hour = steps_a_day // 24
    for i in range(n):
        if not wanted[i]:
            continue
        value[i] = np.nan
        near_sw_in = min(max(sw_in[i], least), most)
        without_sw_in = np.isnan(sw_in[i])
        without_any = without_sw_in or np.isnan(ta[i]) or np.isnan(vpd[i])
        for method in range(4):
            found[method], low[method], high[method] = 0, i, i + 1
        searched = -1  # days on either side, of the diurnal course
        for turn in range(len(schedule)):
            method, days = schedule[turn, 0], schedule[turn, 1]
            k = found[method]
            if method == DIURNAL:
                for day in range(searched + 1, days + 1):
                    for side in range(-1, 2 if day else 0, 2):
                        same_hour = i + side * day * steps_a_day
                        for j in range(max(same_hour - hour, 0), min(same_hour + hour + 1, n)):
                            if j != i and not np.isnan(flux[j]):
                                similar[method, k] = j
                                k += 1
                searched = days
            elif without_sw_in or (without_any and method == ALL_DRIVERS):
                continue
            else:
                # As in ONEFlux, the records at exactly so many days are left out.
                start = max(i - days * steps_a_day + 1, 0)
                end = min(i + days * steps_a_day, n)
                for side in range(2):
                    first = high[method] if side else start
                    last = end if side else low[method]
                    if method == ALL_DRIVERS:
                        # Most of the time goes here: a loop of vectors and one without branches.
                        sun, warm, dry = measured_all[first:last], ta[first:last], vpd[first:last]
                        for m in range(len(sun)):
                            near[m] = (
                                (abs(sun[m] - sw_in[i]) < near_sw_in)
                                & (abs(warm[m] - ta[i]) < near_ta)
                                & (abs(dry[m] - vpd[i]) < near_vpd)
                            )
                        for m in range(len(sun)):
                            similar[method, k] = first + m
                            k += near[m]
                    else:
                        for j in range(first, last):
                            if abs(measured_sw_in[j] - sw_in[i]) < near_sw_in:
                                similar[method, k] = j
                                k += 1
                low[method], high[method] = start, end
            found[method] = k
            if k < 2:
                continue
            mean, squares = 0.0, 0.0
            for m in range(k):
                mean += flux[similar[method, m]]
            mean /= k
            for m in range(k):
                squares += (flux[similar[method, m]] - mean) ** 2
            sd[i] = np.sqrt(squares / (k - 1))
            value[i], count[i], used[i] = mean, k, method
            window[i] = 2 * days + (method == DIURNAL)
            if symmetric and method != DIURNAL and sw_in[i] >= _DAYTIME:
                # Records of equal SW_IN count on both sides.
                above, below, n_above, n_below = 0.0, 0.0, 0, 0
                for m in range(k):
                    j = similar[method, m]
                    if sw_in[j] >= sw_in[i]:
                        above += flux[j]
                        n_above += 1
                    if sw_in[j] <= sw_in[i]:
                        below += flux[j]
                        n_below += 1
                if n_above and n_below:
                    value[i] = (above / n_above + below / n_below) / 2
            break
