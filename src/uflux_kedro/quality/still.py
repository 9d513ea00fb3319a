"""Columns that never change, or stand still for long, as a dead sensor or a fill value does."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.quality.findings import Finding
from uflux_kedro.variables import VARIABLES, parse_predictor

_LEAST_RUN = {"MM": 6, "WW": 12, "DD": 60}
"""Equal values in a row from which a column stands still."""
_YEAR = {"MM": 12, "WW": 52, "DD": 365}
"""The same for values of 0: rain, light and leaves are 0 through a season, not through a year."""
_BY_CHANCE = 3.0
"""A run must be as many times as long as the longest to be expected of rounded values."""
_STEADY = ("EVI_MEAN", "EVI_AMP", "LAI_MAX", "LAI_MIN", "LSWI_MEAN")
"""Properties of a place, which do not change."""


def check_still(towers: pd.DataFrame, columns: list[str]) -> list[Finding]:
    """Find columns that never change at a site, or have one value for months.

    Values whose quality is 0 fill gaps and are not judged. CO2 may be the same everywhere, there
    are deserts without rain, and satellites are filled through a polar winter with one value or
    with 0: these are to review.

    Args:
        towers: Canonical towers.
        columns: Columns to judge.

    Returns:
        One finding a column and kind of standstill, with its sites.
    """
    resolution = towers.attrs.get("resolution", "MM")
    codes, names = pd.factorize(towers["site_id"], sort=True)
    ordered = bool((np.diff(codes) >= 0).all())
    order = slice(None) if ordered else np.argsort(codes, kind="stable")
    sites = codes[order]
    findings = []
    for column in columns:
        name = parse_predictor(column)[1]
        if VARIABLES[name].kind in ("site", "category") or name in _STEADY:
            continue
        values = _numbers(towers[column])[order]
        if f"{column}_QC" in towers:
            filled = towers[f"{column}_QC"].to_numpy()[order] == 0
            values = np.where(filled, values.dtype.type(np.nan), values)
        known = np.isfinite(values)
        runs = _longest_runs(values[known], sites[known], len(names))
        least = np.where(runs["value"] == 0, _YEAR[resolution], _LEAST_RUN[resolution])
        still = runs[(runs["length"] >= np.maximum(least, _BY_CHANCE * runs["by_chance"]))]
        for never, cases in still.groupby(still["length"] == still["known"]):
            if never or name != "CO2":
                season = cases["length"].max() < _YEAR[resolution]
                findings.append(_finding(column, name, cases, names, bool(never), bool(season)))
    return findings


def _numbers(column: pd.Series) -> NDArray[np.floating]:
    """Return the values, without a copy where they are of a type that has NaN."""
    floats = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    return column.to_numpy() if floats else column.to_numpy(float, na_value=np.nan)


def _longest_runs(values: NDArray[np.floating], sites: NDArray[np.intp], size: int) -> pd.DataFrame:
    """Return the longest run of equal values at each site.

    Args:
        values: Known values, sorted by site and time.
        sites: Code of the site of each value.
        size: Number of sites.

    Returns:
        Indexed by the code of the site: ``value``, ``length``, ``known`` (number of values) and
        ``by_chance``, the longest run to be expected, from the share of other neighbours that are
        equal.
    """
    new = np.ones(len(values), bool)
    new[1:] = (values[1:] != values[:-1]) | (sites[1:] != sites[:-1])
    starts = np.flatnonzero(new)
    lengths = np.diff(np.r_[starts, len(values)])
    of_site = sites[starts]
    # The longest run of each site is the last one of it in this order.
    order = np.lexsort((lengths, of_site))
    longest = order[np.r_[of_site[order][1:] != of_site[order][:-1], True][: len(order)]]
    site = of_site[longest]
    known = np.bincount(sites, minlength=size)[site]
    others = known - lengths[longest]
    # Of the other values, those that begin no run repeat their neighbour.
    runs = np.bincount(of_site, minlength=size)[site] - 1
    repeats = np.clip(others - runs, 0, None) / np.maximum(others, 1)
    with np.errstate(divide="ignore"):
        chance = np.log(np.maximum(known, 2)) / -np.log(np.minimum(repeats, 0.99))
    columns = {"value": values[starts[longest]], "length": lengths[longest], "known": known}
    return pd.DataFrame(columns | {"by_chance": chance}, index=site)


def _finding(
    column: str, name: str, cases: pd.DataFrame, names: pd.Index, never: bool, season: bool
) -> Finding:
    longest = cases.loc[cases["length"].idxmax()]
    unit = VARIABLES[name].unit
    length, known = int(longest["length"]), int(longest["known"])
    how = (
        f"all {known} periods: it never changes,"
        if never
        else f"{length} successive periods of {known}: it stands still, longest"
    )
    zero = bool((cases["value"] == 0).all())
    filled = VARIABLES[name].kind == "index" and (zero or (season and not never))
    review = name == "CO2" or filled or (zero and name == "P")
    return Finding(
        "constant",
        column,
        tuple(sorted(str(names[i]) for i in cases.index)),
        expected=f"{column} that changes from period to period",
        found=f"{longest['value']:g}{f' {unit}' if unit != '1' else ''} in {how} "
        f"at {names[longest.name]}",
        weight="note" if review else "defect",
    )
