"""Whole years that no other tower of the class comes near, or that physics hardly allows.

What is usual is taken from the towers that are read, by IGBP class: a robust z of the annual sum, with the
median and the median absolute deviation over site-years, in which each site weighs the same. The
deviation of a class is never below that of all classes about their medians, since a few
similar towers say little about the next one. Classes of few sites are judged with all towers.

Two bounds do not depend on other towers. An ecosystem cannot keep more carbon than its plants build into
themselves: over 200 studies of forests found at most 0.79 of GPP (Collalti and Prentice 2019, doi
10.1093/treephys/tpz034). And hardly any place on land has more than 5 m of rain a year, which reanalyses
reach on steep coasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.years import Array, Years
from uflux_kedro.variables import parse_predictor

HIGHEST_Z = 5.0
"""Robust z above which a year is a finding: a normal distribution has one in two million there."""
LEAST_SITES = 5
"""Sites of a class below which it is judged with all towers."""
LEAST_TOWERS = 10
"""Sites below which nothing is usual yet."""
HIGHEST_EFFICIENCY = 0.79
"""Highest ratio of net to gross primary production found in forests."""
LEAST_GPP = 200.0
"""gC m-2 yr-1; below it the ratio of two small sums says nothing."""
WETTEST = 5000.0
"""mm yr-1."""

_FLUXES = ("GPP", "RECO", "NEE")
_DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_MOST_SHOWN = 4


class _Case(NamedTuple):
    """A year that is a finding: row of the site-years, how far it is out, and the words for it."""

    row: int
    size: float
    text: str


def check_annual(years: Years, sites: pd.DataFrame) -> list[Finding]:
    """Find years with sums of carbon fluxes or of rain that are not those of an ecosystem.

    Args:
        years: Site-years with daily means by month; only years with all months are judged.
        sites: ``site_id``, ``IGBP``.

    Returns:
        A note per column and rule, with its sites and its worst years.
    """
    classes = sites.set_index("site_id")["IGBP"].reindex(years.sites).to_numpy(object)
    sums = {c: values @ _DAYS for c, values in years.months.items() if _annual(c)}
    found = []
    for column in (c for c in _FLUXES if c in sums):
        cases = list(_unlike_class(sums[column], years.site, classes))
        expected = f"within {HIGHEST_Z:g} robust deviations of the median of its class"
        found += _finding(column, f"{column} of a year {expected}", cases, years)
    if {"NEE", "GPP"} <= sums.keys():
        cases = list(_too_efficient(sums["GPP"], sums["NEE"]))
        expected = f"at most {HIGHEST_EFFICIENCY:g} of GPP kept in a year, as plants build at most"
        found += _finding("NEE", expected, cases, years)
    for column in (c for c in sums if parse_predictor(c)[1] == "P"):
        wet = np.flatnonzero(sums[column] > WETTEST)
        cases = [_Case(int(i), sums[column][i], f"{sums[column][i]:,.0f} mm") for i in wet]
        found += _finding(column, f"at most {WETTEST:,.0f} mm of rain a year", cases, years)
    return found


def _annual(column: str) -> bool:
    return column in _FLUXES or parse_predictor(column)[1] == "P"


def _unlike_class(
    sums: Array, site: NDArray[np.intp], classes: NDArray[np.object_]
) -> Iterable[_Case]:
    """Yield the years whose sum is far from those of the class."""
    known = np.flatnonzero(np.isfinite(sums))
    values, of = sums[known], site[known]
    if len(np.unique(of)) < LEAST_TOWERS:
        return
    weight = 1 / np.bincount(of)[of]
    label = np.array([str(name) for name in classes[of]], dtype=object)
    counted = pd.Series(of).groupby(label).nunique()
    few = counted[counted < LEAST_SITES].index
    label[np.isin(label, few)] = "all classes"
    groups = {name: label == name for name in np.unique(label)}
    if "all classes" in groups:
        groups["all classes"] = np.ones(len(label), bool)
    middle = {name: _median(values[at], weight[at]) for name, at in groups.items()}
    away = values - np.array([middle[name] for name in label])
    floor = _median(np.abs(away), weight)
    for name, at in groups.items():
        about = np.abs(values[at] - middle[name])
        deviation = _TO_DEVIATION * max(_median(about, weight[at]), floor)
        if deviation == 0:
            continue
        for i in np.flatnonzero((label == name) & (np.abs(away) > HIGHEST_Z * deviation)):
            z = away[i] / deviation
            text = f"{values[i]:,.0f} gC m-2 ({name}: median {middle[name]:,.0f}, z {z:+.1f})"
            yield _Case(int(known[i]), abs(z), text)


def _median(values: Array, weight: Array) -> float:
    """Return the median of weighted values."""
    return float(np.quantile(values, 0.5, weights=weight, method="inverted_cdf"))


def _too_efficient(gpp: Array, nee: Array) -> Iterable[_Case]:
    """Yield the years in which more of GPP is kept than plants build into themselves."""
    with np.errstate(invalid="ignore"):
        kept = np.where(gpp > LEAST_GPP, -nee / gpp, np.nan)
        rows = np.flatnonzero(kept > HIGHEST_EFFICIENCY)
    for i in rows:
        yield _Case(int(i), kept[i], f"NEE {nee[i]:,.0f} of GPP {gpp[i]:,.0f} gC m-2")


def _finding(column: str, expected: str, cases: Sequence[_Case], years: Years) -> list[Finding]:
    """Return the note on a rule's years, the worst first; none without."""
    if not cases:
        return []
    worst = sorted(cases, key=lambda case: -case.size)
    shown = [
        f"{years.sites[s]} {years.begin[s] + case.row - years.first[s]}: {case.text}"
        for case in worst[:_MOST_SHOWN]
        for s in [years.site[case.row]]
    ]
    rest = len(worst) - len(shown)
    more = f"; and {rest} more year{'s' if rest > 1 else ''}" if rest else ""
    sites = sorted({years.sites[years.site[case.row]] for case in cases})
    return [
        Finding("years", column, tuple(sites), expected, "; ".join(shown) + more, weight="note")
    ]
