"""Tables of a filled record as FLUXNET names and arranges them: half-hours, days, months, years.

Readers of FLUXNET's archives read them as they are. The name of a file begins with ``UFLUX``, so that
nobody takes it for one of a network's own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.gapfilling.drivers import fill_drivers
from uflux_kedro.gapfilling.thresholds import SPREAD
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND
from uflux_kedro.readers.units import conversion
from uflux_kedro.variables import VARIABLES

STEMS = {"NEE": "NEE_VUT_REF", "LE": "LE_F_MDS", "H": "H_F_MDS"}
"""Flux -> FLUXNET's name of the filled flux, whatever the method."""
_RANDOM = {"NEE": "NEE_VUT_REF_RANDUNC", "LE": "LE_RANDUNC", "H": "H_RANDUNC"}
_UNDER_THRESHOLDS = ("NEE", "GPP_NT", "RECO_NT", "GPP_DT", "RECO_DT")
"""Beginnings of the names of what depends on the threshold of USTAR."""
_OTHER_DRIVERS = {
    "NETRAD": "NETRAD", "USTAR": "USTAR", "RH": "RH", "PPFD_IN": "PPFD_IN", "G": "G_F_MDS",
    "TS": "TS_F_MDS_1", "SWC": "SWC_F_MDS_1", "CO2": "CO2_F_MDS",
}  # fmt: skip
"""Driver -> column of its measured values."""
_OF_FILLER = ("METHOD", "SD", "LOWER", "UPPER")
"""Columns of a filler that FLUXNET has no name for; they are in the table of half-hours."""
_WORST_GOOD = 1
_LEAST_SHARE = 0.5
"""Share of a period's steps with a value that its mean needs; of a year's, nearly all."""
_LEAST_OF_YEAR = 0.98
_MISSING = -9999

PERIODS = {"DD": "%Y%m%d", "MM": "%Y%m", "YY": "%Y"}
"""FLUXNET's periods, each with the form of its times."""


def half_hours(
    record: pd.DataFrame, filled: pd.DataFrame, partitioned: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the table of half-hours or hours with FLUXNET's names.

    Args:
        record: Record of a tower, measured values and drivers.
        filled: What a filler returned: ``<flux>_F``, ``<flux>_F_QC`` and further columns; may have
            ``NEE_VUT_16_F`` and so on, NEE of other thresholds of USTAR.
        partitioned: ``GPP_NT``, ``RECO_NT``, ``GPP_DT``, ``RECO_DT``, those that there are, and of other
            thresholds ``GPP_NT_VUT_16`` and so on.

    Returns:
        Index ``time``; fluxes with QC and random error, joint error of NEE, GPP and RECO, weather.
    """
    columns: dict[str, pd.Series] = {}
    for flux, stem in STEMS.items():
        if f"{flux}_F" not in filled:
            continue
        quality = filled[f"{flux}_F_QC"].where(filled[f"{flux}_F"].notna())
        columns |= {stem: filled[f"{flux}_F"], f"{stem}_QC": quality}
        random = _random(filled, flux)
        columns |= {_RANDOM[flux]: random} if random is not None else {}
        columns |= {
            f"{flux}_F_{part}": filled[f"{flux}_F_{part}"]
            for part in _OF_FILLER
            if f"{flux}_F_{part}" in filled
        }
    columns |= _thresholds(filled)
    if partitioned is not None:
        columns |= {
            str(v) if "_VUT_" in str(v) else f"{v}_VUT_REF": partitioned[v] for v in partitioned
        }
    columns |= _joint(pd.DataFrame(columns, record.index), columns.get(_RANDOM["NEE"]))
    weather = fill_drivers(record)
    columns |= {str(name): weather[name] for name in weather}
    columns |= {name: record[v] for v, name in _OTHER_DRIVERS.items() if v in record}
    return pd.DataFrame(columns, record.index)


def _random(filled: pd.DataFrame, flux: str) -> pd.Series | None:
    """Return the random error of measured records, and the standard deviation of filled ones."""
    measured, sd = (filled.get(f"{flux}_{part}") for part in ("RANDUNC", "F_SD"))
    return sd if measured is None else measured if sd is None else measured.fillna(sd)


def _thresholds(filled: pd.DataFrame) -> dict[str, pd.Series]:
    """Return NEE of other thresholds of USTAR."""
    named = {f"NEE_VUT_{p}": filled.get(f"NEE_VUT_{p}_F") for p in SPREAD}
    return {name: values for name, values in named.items() if values is not None}


def _joint(table: pd.DataFrame, error: pd.Series | None) -> dict[str, pd.Series]:
    """Return what the threshold and the error of NEE make together, of NEE and what is partitioned from it.

    Args:
        table: Values, among them those of the outer percentiles of the threshold.
        error: Error of NEE without that of the threshold.
    """
    if error is None:
        return {}
    joint = {}
    for stem in _UNDER_THRESHOLDS:
        columns = [c for p in SPREAD if (c := f"{stem}_VUT_{p}") in table]
        if not columns:
            continue
        # The sum need not grow with the threshold: the middle one may lie outside the other two.
        spread = (table[columns].max(axis=1) - table[columns].min(axis=1)) / 2
        # RECO is modelled from many nights: the error of a single record hardly enters.
        own = 0.0 if stem.startswith("RECO") else error
        joint[f"{stem}_VUT_REF_JOINTUNC"] = np.hypot(own, spread)
    return joint


def periods(hours: pd.DataFrame, period: str, sums: pd.DataFrame | None = None) -> pd.DataFrame:
    """Average a table of half-hours to days, months or years, as FLUXNET does.

    Carbon is in gC m-2 d-1, rain in mm d-1, of years in gC m-2 yr-1 and mm yr-1; QC is the share of
    the steps that are measured or well filled. A mean needs half of its steps, that of a year 98 %.

    Args:
        hours: As of :func:`half_hours`.
        period: ``DD``, ``MM`` or ``YY``.
        sums: Errors of the period's means, ``<flux>_RANDUNC`` and ``<flux>_JOINTUNC`` by its start, in
            the unit of the means. The joint error of NEE is extended by that of the threshold, and GPP
            and RECO get theirs.

    Returns:
        Index ``time``, start of the period; the columns of ``hours`` that can be averaged, those of
        the errors from ``sums``.
    """
    frequency = {"DD": "D", "MM": "MS", "YY": "YS"}[period]
    errors = [c for c in hours if str(c).endswith("UNC")]
    plain = hours.drop(columns=errors).select_dtypes("number")
    quality = [c for c in plain if str(c).endswith("_QC")]
    values = plain.drop(columns=quality)
    values = values.drop(
        columns=[c for c in values if str(c).endswith(("_SD", "_LOWER", "_UPPER", "_SPIKE"))]
    )
    groups = values.resample(frequency)
    means, counts = groups.mean(), groups.count()
    index = pd.DatetimeIndex(means.index)
    step = pd.Timedelta(hours.index[1] - hours.index[0])
    ends = index + {"D": pd.DateOffset(days=1), "MS": pd.DateOffset(months=1),
                    "YS": pd.DateOffset(years=1)}[frequency]  # fmt: skip
    steps = np.asarray((ends - index) / step)
    least = _LEAST_OF_YEAR if period == "YY" else _LEAST_SHARE
    means = means.where(counts.div(steps, axis=0) >= least)
    carbon = [c for c in means if str(c).startswith(("NEE", "GPP", "RECO"))]
    means[carbon] *= conversion(CARBON_BY_SECOND, VARIABLES["NEE"].unit)[0]
    if "P_F" in means:
        means["P_F"] *= pd.Timedelta("1D") / step
    if period == "YY":
        days = steps * (step / pd.Timedelta("1D"))
        totals = [c for c in (*carbon, "P_F") if c in means]
        means[totals] = means[totals].mul(days, axis=0)
    good = (plain[quality] <= _WORST_GOOD).resample(frequency).sum().div(steps, axis=0)
    means = means.join(good)
    if sums is not None:
        means = means.join(sums.reindex(index))
    means = means.assign(**_joint(means, means.get("NEE_VUT_REF_JOINTUNC")))
    return means[[c for c in hours if c in means] + [c for c in means if c not in hours]]


def as_text(table: pd.DataFrame, step: str) -> pd.DataFrame:
    """Return a table with FLUXNET's columns of time, and -9999 where a value is missing.

    Args:
        table: As of :func:`half_hours` or :func:`periods`.
        step: ``HH``, ``HR``, or a period.
    """
    index = pd.DatetimeIndex(table.index)
    if step in PERIODS:
        times = {"TIMESTAMP": index.strftime(PERIODS[step])}
    else:
        ends = index + (index[1] - index[0])
        times = {"TIMESTAMP_START": index.strftime("%Y%m%d%H%M"),
                 "TIMESTAMP_END": ends.strftime("%Y%m%d%H%M")}  # fmt: skip
    numbers = table.select_dtypes("number")
    shown = table.assign(**numbers.round(6).fillna(_MISSING)).reset_index(drop=True)
    return pd.concat([pd.DataFrame(times), shown], axis="columns")


def file_name(site: str, step: str, times: pd.DatetimeIndex) -> str:
    """Return the name of a table, such as ``UFLUX_US-Xyz_FLUXNET_FULLSET_HH_2011-2012_1-1.csv``."""
    return f"UFLUX_{site}_FLUXNET_FULLSET_{step}_{times[0].year}-{times[-1].year}_1-1.csv"
