"""Single values that cannot be real, and their causes.

A value out of physical bounds often shows its cause: -9999 in an average, a fraction among
percentages, a broken rain gauge. If the cause is certain, the value is corrected here and logged;
other values are left to the user's decision.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import pandas as pd

from uflux_kedro.quality.findings import Finding
from uflux_kedro.variables import (
    VARIABLES,
    bounds_of_step,
    flux_beside,
    parse_predictor,
)

logger = logging.getLogger(__name__)

_FILL = -9999.0
_FAR_BELOW = 0.2
"""Share of the bounds' width by which a value must be below them to be attributed to -9999."""
_RECORD_RAIN = {"MM": 310.0, "WW": 700.0, "DD": 1830.0}
"""mm d-1; Cherrapunji, July 1861, a month of 9,300 mm; Reunion, 1980 and 1966, seven days and one:
World Meteorological Organization, archive of extremes."""
_HEAVY_RAIN = 60.0
"""mm d-1; a monthly mean that few places on Earth ever had. Next to an impossible month it is part
of the same fault."""
_PRESSURE_SWING = 0.08
"""Relative deviation of pressure from its median at a place that no weather reaches."""
_MOST_WATER = 1.5
"""m3 m-3; soil water cannot exceed the soil's volume, so larger values are in percent."""
_LEAST_HUMIDITY = 1.5
"""Percent; no month or day at a tower is drier, so smaller values are fractions."""


def mend_values(towers: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Find values that cannot be real, and correct those with a certain cause.

    Args:
        towers: Canonical towers as read, bounds not yet enforced.

    Returns:
        The towers with corrected values, and a finding for each column and cause. Values of
        findings without ``mended`` are unchanged.
    """
    towers = towers.copy(deep=False)
    findings = []
    for column in list(towers):
        _, name = parse_predictor(str(column))
        if name not in VARIABLES or not pd.api.types.is_float_dtype(towers[column]):
            continue
        causes = (
            _infinite,
            _averaged_fill,
            _humidity_as_fraction,
            _water_in_percent,
            _rain,
            _slightly_negative,
        )
        for cause in causes:
            result = cause(towers, str(column), name)
            if result is not None:
                towers[column], finding = result
                findings.append(finding)
                if finding.mended:
                    logger.warning("%s: %s; %s", finding.subject, finding.found, finding.mended)
    return towers, findings


def check_bounds(
    towers: pd.DataFrame, outside: Literal["raise", "mask", "keep"]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Compare every value with the bounds of its variable; days have those of days.

    Args:
        towers: Canonical towers.
        outside: ``mask`` makes values out of bounds missing, which closes the finding; otherwise
            they are unchanged and the finding requires a decision.

    Returns:
        Towers, and one finding per column with values out of bounds.
    """
    step: Literal["month", "day"] = "day" if towers.attrs.get("resolution") == "DD" else "month"
    towers = towers.copy(deep=False)
    findings = []
    for column in list(towers):
        _, name = parse_predictor(str(column))
        if str(column).endswith("_QC"):
            lower, upper, unit = 0.0, 1.0, "as a fraction"
        elif flux := flux_beside(str(column)):
            (lower, upper), unit = bounds_of_step(str(column), step), VARIABLES[flux].unit
        elif name in VARIABLES and pd.api.types.is_numeric_dtype(towers[column]):
            (lower, upper), unit = bounds_of_step(name, step), VARIABLES[name].unit
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
                finding = replace(finding, mended="treated as missing")
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


def _infinite(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """Find infinite values, as of a division by zero, which no other check could bear."""
    wrong = towers[column].abs() == float("inf")
    if not wrong.any():
        return None
    finding = _finding(towers, column, wrong, f"finite, {VARIABLES[name].unit}", "infinite")
    return towers[column].mask(wrong), replace(finding, mended="treated as missing")


def _averaged_fill(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """Find averages that include -9999: far below the bounds, or an impossible pressure."""
    values = towers[column]
    lower, upper = VARIABLES[name].lower, VARIABLES[name].upper
    usual = values.groupby(towers["site_id"]).transform("median")
    # If most values of a site are out of bounds, its unit is wrong instead.
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
        f"that fit an average in which -9999 stands for {span} of the time",
    )
    return values.mask(wrong), replace(finding, mended="treated as missing")


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
    """Find soil water in percent; not corrected, since a month may mix both units."""
    wrong = (towers[column] > _MOST_WATER) & (towers[column] <= 100)
    if name != "SWC" or not wrong.any():
        return None
    finding = _finding(towers, column, wrong, "as a fraction, m3 m-3", "that look like percent")
    return towers[column], finding


def _rain(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """Find more rain than was ever recorded on Earth, and the adjacent heavy months."""
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
        "below the highest rain on record",
        "(mm d-1) above that, or heavy and adjacent to such values",
    )
    return values.mask(wrong), replace(finding, mended="treated as missing")


def _slightly_negative(towers: pd.DataFrame, column: str, name: str) -> Mended:
    """Set small negative deficits to 0; a hygrometer may read above 100 %."""
    if name != "VPD":
        return None
    values = towers[column]
    wrong = (values < 0) & (values >= -1)
    if not wrong.any():
        return None
    finding = _finding(towers, column, wrong, "of 0 or more", "slightly negative")
    return values.mask(wrong, 0.0), replace(finding, mended="set to 0, saturated air")
