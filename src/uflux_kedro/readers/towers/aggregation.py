"""From half-hours to days, weeks and months, with what share of them was good.

The rules are ONEFlux's (Pastorello et al. 2020, doi 10.1038/s41597-020-0534-3): a period's value
is the mean of its steps, its QC the share of steps that were measured or filled well, and weeks
count from 1 January, the 52nd taking the days that are left over.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.readers.towers.tables import Resolution, Step
from uflux_kedro.variables import FLUXES

WORST_GOOD_CODE = 1
"""QC of half-hours: 0 is measured, 1 filled well; 2 and 3 are poorer or from reanalysis."""

_WEEKS = 52
_ROUNDING = 1e-9


def good_share(codes: np.ndarray) -> np.ndarray:
    """QC of half-hours as a share: 1 where measured or filled well, else 0.

    Args:
        codes: 0 to 3, NaN where there is none.
    """
    return (codes <= WORST_GOOD_CODE).astype("float64")


def nests(step: Step, resolution: Resolution) -> bool:
    """Whether periods of a resolution are made of whole steps; weeks do not fill a month."""
    return step == resolution or (step != "WW" and _LENGTH[step] < _LENGTH[resolution])


_LENGTH = {"HH": 0, "HR": 1, "DD": 2, "WW": 3, "MM": 4}


def aggregate(
    record: pd.DataFrame, resolution: Resolution, step: pd.Timedelta, completeness: float
) -> pd.DataFrame:
    """Average one tower's record to days, weeks or months.

    Args:
        record: ``time`` (start of each step, each once), variables in canonical units, so rates
            even for rain, and ``<VAR>_QC``, the share of each step that was good.
        resolution: Periods to make.
        step: Length of the record's steps.
        completeness: Least share of a period's steps, 0-1, that must have a value; of a flux,
            that must be good as well. Where there are fewer the period's value is missing.

    Returns:
        ``time`` (start of each period that the record touches) and the same columns. QC counts
        the steps of the whole period, so that a month that begins late is not taken for full.
    """
    starts = period_starts(record["time"], resolution)
    groups = record.drop(columns="time").groupby(starts.to_numpy())
    periods, counts = groups.mean(), groups.count()
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
    """Start of the day, week or month in which each time lies."""
    days = times.dt.normalize()
    if resolution == "DD":
        return days
    if resolution == "MM":
        return days - pd.to_timedelta(days.dt.day - 1, unit="D")
    week = ((days.dt.day_of_year - 1) // 7).clip(upper=_WEEKS - 1)
    return days - pd.to_timedelta(days.dt.day_of_year - 1 - 7 * week, unit="D")


def _lengths(index: pd.DatetimeIndex, resolution: Resolution) -> pd.TimedeltaIndex:
    """How long the periods that begin at these times are."""
    if resolution == "DD":
        days = np.ones(len(index))
    elif resolution == "MM":
        days = index.days_in_month.to_numpy()
    else:
        year = np.where(index.is_leap_year, 366, 365)
        last = index.day_of_year > 7 * (_WEEKS - 1)
        days = np.where(last, year - 7 * (_WEEKS - 1), 7)
    return pd.to_timedelta(days, unit="D")
