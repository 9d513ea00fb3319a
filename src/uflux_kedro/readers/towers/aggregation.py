"""Average half-hours to days, weeks or months, with the share of good half-hours as quality.

The rules are those of ONEFlux (Pastorello et al. 2020, doi 10.1038/s41597-020-0534-3): the value of
a period is the mean of its steps, its QC the share of steps that are measured or well filled, and
weeks count from 1 January; the 52nd includes the remaining days.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.readers.towers.tables import Resolution, Step
from uflux_kedro.variables import FLUXES

WORST_GOOD_CODE = 1
"""QC of half-hours: 0 is measured, 1 well filled; 2 and 3 are poorer or from reanalysis."""

_WEEKS = 52
_ROUNDING = 1e-9


def good_share(codes: np.ndarray) -> np.ndarray:
    """Convert the QC of half-hours to a share: 1 where measured or well filled, else 0.

    Args:
        codes: 0 to 3, NaN where missing.
    """
    return (codes <= WORST_GOOD_CODE).astype("float64")


def nests(step: Step, resolution: Resolution) -> bool:
    """Return whether a period consists of whole steps; a month does not consist of weeks."""
    return step == resolution or (step != "WW" and _LENGTH[step] < _LENGTH[resolution])


_LENGTH = {"HH": 0, "HR": 1, "DD": 2, "WW": 3, "MM": 4}


def aggregate(
    record: pd.DataFrame, resolution: Resolution, step: pd.Timedelta, completeness: float
) -> pd.DataFrame:
    """Average the record of one tower to days, weeks or months.

    Args:
        record: ``time`` (start of each step, without duplicates), variables in canonical units
            (rates, also for rain) and ``<VAR>_QC``, the good share of each step.
        resolution: Length of the periods.
        step: Length of the steps.
        completeness: Least share of the steps of a period, 0-1, that must have a value; for a
            flux, also a good one. Otherwise the value of the period is missing.

    Returns:
        ``time`` (start of each period with any step) and the same columns. QC is the share of the
        steps of the complete period, so that a month with missing days has a lower QC. Random
        uncertainty (``<flux>_RANDUNC``) is joined in quadrature, since the steps' errors are
        independent; the uncertainty of the processing is averaged as if it were the same in all
        steps.
    """
    starts = period_starts(record["time"], resolution)
    groups = record.drop(columns="time").groupby(starts.to_numpy())
    periods, counts = groups.mean(), groups.count()
    for name in [c for c in periods if c.endswith("_RANDUNC")]:
        squares = (record[name] ** 2).groupby(starts.to_numpy())
        periods[name] = squares.mean().div(squares.count().clip(lower=1)) ** 0.5
    expected = _lengths(pd.DatetimeIndex(periods.index), resolution) / step
    present = counts.div(expected, axis=0)
    enough = present >= completeness - _ROUNDING
    qc = [c for c in periods if c.endswith("_QC") and counts[c].any()]
    shares = (periods[qc] * present[qc]).fillna(0.0).clip(upper=1.0)
    for flux in FLUXES:
        if f"{flux}_QC" in qc and flux in periods:
            enough[flux] &= shares[f"{flux}_QC"] >= completeness - _ROUNDING
    values = [c for c in periods if not c.endswith("_QC")]
    periods[values] = periods[values].where(enough[values])
    periods[qc] = shares
    return periods.rename_axis("time").reset_index()


def period_starts(times: pd.Series, resolution: Resolution) -> pd.Series:
    """Return the start of the day, week or month of each time."""
    days = times.dt.normalize()
    if resolution == "DD":
        return days
    if resolution == "MM":
        return days - pd.to_timedelta(days.dt.day - 1, unit="D")
    week = ((days.dt.day_of_year - 1) // 7).clip(upper=_WEEKS - 1)
    return days - pd.to_timedelta(days.dt.day_of_year - 1 - 7 * week, unit="D")


def _lengths(index: pd.DatetimeIndex, resolution: Resolution) -> pd.TimedeltaIndex:
    """Return the lengths of the periods that start at these times."""
    if resolution == "DD":
        days = np.ones(len(index))
    elif resolution == "MM":
        days = index.days_in_month.to_numpy()
    else:
        year = np.where(index.is_leap_year, 366, 365)
        last = index.day_of_year > 7 * (_WEEKS - 1)
        days = np.where(last, year - 7 * (_WEEKS - 1), 7)
    return pd.to_timedelta(days, unit="D")
