"""Single values that cannot be real, and what made them.

A value out of physical bounds mostly tells its own story: -9999 that went into an average, a
fraction among percents, a broken rain gauge. What is beyond doubt is mended here and logged; the
rest is left to the user's decision.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import pandas as pd

from uflux_kedro.quality.findings import Finding
from uflux_kedro.variables import VARIABLES, parse_predictor

logger = logging.getLogger(__name__)

_FILL = -9999.0
_FAR_BELOW = 0.2
"""Of the width of the bounds: only what lies so far below them is put down to -9999."""
_RECORD_RAIN = {"MM": 310.0, "WW": 700.0, "DD": 1830.0}
"""mm d-1; Cherrapunji, July 1861, a month of 9,300 mm; Reunion, 1980 and 1966, seven days and one:
World Meteorological Organization, archive of extremes."""
_HEAVY_RAIN = 60.0
"""Monthly mean, mm d-1, that only a few places on Earth ever had: part of a fault beside one."""
_PRESSURE_SWING = 0.08
"""Relative deviation of pressure from its median at a place that no weather makes."""
_MOST_WATER = 1.5
"""m3 m-3; no soil holds more than its volume, so what lies above is in percent."""
_LEAST_HUMIDITY = 1.5
"""Percent; no month and no day of any tower is drier, so what lies below is a fraction."""


def mend_values(towers: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Find values that cannot be real; mend those whose cause is beyond doubt.

    Args:
        towers: Canonical towers as read, bounds not yet enforced.

    Returns:
        The towers with the mended values, and a finding for each column and cause. Those
        without ``mended`` are still as they were.
    """
    towers = towers.copy(deep=False)
    findings = []
    for column in list(towers):
        _, name = parse_predictor(str(column))
        if name not in VARIABLES or not pd.api.types.is_float_dtype(towers[column]):
            continue
        causes = (
            _averaged_fill,
            _humidity_as_fraction,
            _water_in_percent,
            _rain,
            _slightly_negative,
        )
        for cause in causes:
            found = cause(towers, str(column), name)
            if found is not None:
                towers[column], finding = found
                findings.append(finding)
                if finding.mended:
                    logger.warning("%s: %s; %s", finding.subject, finding.found, finding.mended)
    return towers, findings


def check_bounds(
    towers: pd.DataFrame, outside: Literal["raise", "mask", "keep"]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Hold every value against the bounds of its variable.

    Args:
        towers: Canonical towers.
        outside: ``mask`` makes such values missing, which mends the finding; ``raise`` leaves
            them for a decision.

    Returns:
        Towers and one finding a column.
    """
    towers = towers.copy(deep=False)
    findings = []
    for column in list(towers):
        _, name = parse_predictor(str(column))
        if str(column).endswith("_QC"):
            lower, upper, unit = 0.0, 1.0, "as a fraction"
        elif name in VARIABLES and pd.api.types.is_numeric_dtype(towers[column]):
            variable = VARIABLES[name]
            lower, upper, unit = variable.lower, variable.upper, variable.unit
        else:
            continue
        wrong = (towers[column] < lower) | (towers[column] > upper)
        if wrong.any():
            finding = _finding(
                towers,
                str(column),
                wrong,
                f"{lower:g} to {upper:g} {unit}",
                "out of bounds",
                "bounds",
            )
            if outside == "mask":
                towers[column] = towers[column].mask(wrong)
                finding = replace(finding, mended="taken as missing")
            findings.append(finding)
    return towers, findings


def _finding(
    towers: pd.DataFrame,
    column: str,
    wrong: pd.Series,
    expected: str,
    cause: str,
    check: str = "units",
) -> Finding:
    rows = towers.loc[wrong, ["site_id", "time", column]]
    worst = rows.loc[(rows[column] - towers[column].median()).abs().sort_values().index[::-1][:3]]
    examples = ", ".join(
        f"{value:g} at {site} in {time:%Y-%m-%d}"
        for site, time, value in worst.itertuples(index=False)
    )
    return Finding(
        check,
        column,
        tuple(sorted(rows["site_id"].unique())),
        expected=f"{column} {expected}",
        found=f"{len(rows)} values {cause}, such as {examples}",
    )


Mended = tuple[pd.Series, Finding] | None


def _averaged_fill(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """-9999 in an average: far below the bounds, or a pressure that no weather makes."""
    values = towers[column]
    lower, upper = VARIABLES[name].lower, VARIABLES[name].upper
    usual = values.groupby(towers["site_id"]).transform("median")
    # Where most of a site is out of bounds, it is the unit that is wrong.
    usual = usual.where(usual.between(lower, upper))
    share = (usual - values) / (usual - _FILL)
    wrong = (values < lower - _FAR_BELOW * (upper - lower)) & (share <= 1)
    if name == "PA":
        wrong |= (values < usual * (1 - _PRESSURE_SWING)) & (share <= 1)
    if not wrong.any():
        return None
    shares = share[wrong]
    span = f"{shares.min():.2%}" + (
        f" to {shares.max():.2%}" if shares.max() > shares.min() else ""
    )
    finding = _finding(
        towers,
        column,
        wrong,
        f"at least {lower:g} {VARIABLES[name].unit}",
        f"as an average gives in which -9999 stood for {span} of the time",
    )
    return values.mask(wrong), replace(finding, mended="taken as missing")


def _humidity_as_fraction(towers: pd.DataFrame, column: str, name: str) -> Mended:
    if name != "RH":
        return None
    values = towers[column]
    wrong = (values > 0) & (values < _LEAST_HUMIDITY)
    if not wrong.any():
        return None
    finding = _finding(towers, column, wrong, "in percent", "stored as a fraction")
    return values.mask(wrong, values * 100), replace(finding, mended="multiplied by 100")


def _water_in_percent(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """Soil water in percent; not mended, as months in which the unit changed are of neither."""
    wrong = (towers[column] > _MOST_WATER) & (towers[column] <= 100)
    if name != "SWC" or not wrong.any():
        return None
    finding = _finding(towers, column, wrong, "as a fraction, m3 m-3", "as in percent")
    return towers[column], finding


def _rain(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """More rain than ever fell on Earth, and the heavy months beside it."""
    if name != "P":
        return None
    values = towers[column]
    impossible = values > _RECORD_RAIN.get(towers.attrs.get("resolution", "MM"), 1830.0)
    if not impossible.any():
        return None
    heavy = values > _HEAVY_RAIN
    run = (heavy != heavy.groupby(towers["site_id"]).shift()).groupby(towers["site_id"]).cumsum()
    wrong = heavy & impossible.groupby([towers["site_id"], run]).transform("any")
    finding = _finding(
        towers,
        column,
        wrong,
        "below the world's record",
        "beyond it or in one run with such, mm d-1",
    )
    return values.mask(wrong), replace(finding, mended="taken as missing")


def _slightly_negative(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """A deficit below 0, as a hygrometer that reads above 100 % gives."""
    if name != "VPD":
        return None
    values = towers[column]
    wrong = (values < 0) & (values >= -1)
    if not wrong.any():
        return None
    finding = _finding(towers, column, wrong, "of 0 or more", "slightly negative")
    return values.mask(wrong, 0.0), replace(finding, mended="taken as 0, saturated air")
