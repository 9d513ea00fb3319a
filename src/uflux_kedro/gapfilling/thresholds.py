"""Thresholds of USTAR as a table, and NEE without the records below them."""

from __future__ import annotations

import pandas as pd

from uflux_kedro.gapfilling.parameters import UstarParameters
from uflux_kedro.gapfilling.ustar import filter_by_ustar, ustar_thresholds
from uflux_kedro.readers.towers.half_hours import HalfHours
from uflux_kedro.readers.towers.remarks import Remark, remark

REFERENCE = 50.0
"""Percentile of the thresholds whose NEE is filled and partitioned."""
SPREAD = (16, 50, 84)
"""Percentiles of the threshold for which NEE is filled and partitioned; the outer ones are two standard deviations of
the threshold's error apart."""
COLUMNS = ("record", "kind", "year", "percentile", "USTAR")


def thresholds_table(record: HalfHours, parameters: UstarParameters, seed: int) -> pd.DataFrame:
    """Find the thresholds of a record.

    Returns:
        ``record``, ``kind`` (VUT by year, CUT with year 0), ``year``, ``percentile``, ``USTAR`` (m s-1,
        NaN where there is none); no rows if the record is not to be filtered, or has no USTAR.
    """
    needed = {"NEE", "USTAR", "TA", "SW_IN"}
    offered = {str(c).removesuffix("_ERA") for c in record.table}
    if parameters.thresholds == "none" or record.filtered or not needed <= offered:
        return pd.DataFrame(columns=list(COLUMNS))
    found = ustar_thresholds(record.table, n_bootstrap=parameters.n_bootstrap, seed=seed)
    by_year = found.by_year().reset_index().melt("year", var_name="percentile", value_name="USTAR")
    constant = found.constant().rename_axis("percentile").rename("USTAR").reset_index()
    table = pd.concat([by_year.assign(kind="VUT"), constant.assign(kind="CUT", year=0)])
    return table.assign(record=record.name)[list(COLUMNS)].reset_index(drop=True)


def threshold_by_year(
    thresholds: pd.DataFrame, years: pd.Index, parameters: UstarParameters, percentile: float
) -> pd.Series:
    """Return the threshold of each year of a record: its own, else the constant one, else NaN."""
    of = thresholds[thresholds["percentile"] == percentile]
    constant = of.loc[of["kind"] == "CUT", "USTAR"]
    limit = pd.Series(constant.iloc[0] if len(constant) else float("nan"), years, dtype=float)
    if parameters.thresholds == "years":
        own = of[of["kind"] == "VUT"].set_index("year")["USTAR"].reindex(years)
        limit = own.fillna(limit)
    return limit


def without_still_nights(
    record: HalfHours,
    thresholds: pd.DataFrame,
    parameters: UstarParameters,
    percentile: float = REFERENCE,
) -> pd.DataFrame:
    """Return a record's table, whose NEE of still nights is missing.

    Args:
        record: The record.
        thresholds: Of this record, as of :func:`thresholds_table`; none filters nothing.
        parameters: Which thresholds count.
        percentile: Which of them.
    """
    table = record.table
    if thresholds.empty or "NEE" not in table:
        return table
    years = pd.DatetimeIndex(table.index).year.unique()
    limit = threshold_by_year(thresholds, years, parameters, percentile)
    return table.assign(NEE=filter_by_ustar(table, limit))


def remarks_on_ustar(
    record: HalfHours, thresholds: pd.DataFrame, parameters: UstarParameters
) -> list[Remark]:
    """Return findings on years whose still nights stay, since no threshold was found."""
    if parameters.thresholds == "none" or record.filtered or "NEE" not in record.table:
        return []
    years = pd.DatetimeIndex(record.table.index).year.unique()
    limit = threshold_by_year(thresholds, years, parameters, REFERENCE)
    if not limit.isna().any():
        return []
    listed = ", ".join(map(str, limit.index[limit.isna()]))
    return [
        remark(
            "ustar",
            "NEE",
            record.site_id,
            "a threshold of USTAR",
            f"none for {listed}: NEE of still nights stays",
        )
    ]
