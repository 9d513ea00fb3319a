"""Attribution: which column is shifted where seasons disagree.

If pairs of seasons are outside their natural range, the column (or the site's calendar, or its
latitude) that most of these pairs share is blamed. Shifts common to many sites are judged on all
sites pooled, which detects much smaller shifts than a single site does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from uflux_kedro.quality.natural import SUN, kind
from uflux_kedro.quality.years import Array, wrapped

_SUSPECT = 1.5
"""Standard errors outside its range from which a pair counts; a single pair needs far more."""
_PREFERENCE = {"vegetation": 0.04, "flux": 0.03, "weather": 0.02, SUN: 0.0}
"""Kind of column -> bonus that decides ties: vegetation is blamed first, since it was joined to
the tower's table from another source, and the sun last, since it cannot err."""
_ENDS = ("late", "reference")
_POOLED_SITES = 5
"""Sites that a pair must have to be judged on all of them pooled."""


@dataclass(frozen=True)
class Shift:
    """A shifted season.

    Attributes:
        column: Column to blame; None for place or calendar of the sites.
        months: Months by which it is late; negative is early.
        sites: Sites concerned, sorted.
        pairs: Columns against which it is shifted.
        pooled: Whether it was judged on all sites pooled.
    """

    column: str | None
    months: float
    sites: tuple[str, ...]
    pairs: tuple[str, ...]
    pooled: bool


def shifts(lags: pd.DataFrame, false_alarm: float) -> list[Shift]:
    """Find shifted seasons, those of all sites first.

    Args:
        lags: Lags from :func:`uflux_kedro.quality.phase.pair_lags`.
        false_alarm: Chance that a healthy table raises any alarm, divided among all columns and
            sites (Bonferroni); half of it is for the pooled test.

    Returns:
        Shifts that explain the pairs outside their natural range.
    """
    found = []
    pooled = pool(lags)
    pooled["excess"] = (pooled["lag"].abs() - pooled["pooled"]) / pooled["error"]
    columns = pd.concat([lags["late"], lags["reference"]]).nunique()
    for column, months, against in _to_blame(pooled, false_alarm / 2 / max(columns, 1)):
        here = _with(lags, column)
        found.append(Shift(column, months, tuple(sorted(here["site_id"].unique())), against, True))
        lags = lags.drop(index=here.index)
    lags = lags.assign(excess=(lags["lag"].abs() - lags["site"]) / lags["error"])
    ends = pd.concat([lags[["site_id", end]].set_axis(["site", "name"], axis=1) for end in _ENDS])
    level = false_alarm / 2 / max(len(ends.drop_duplicates()), 1)
    suspects = lags[lags["site_id"].isin(lags.loc[lags["excess"] > _SUSPECT, "site_id"])]
    cases: dict[tuple[str | None, int], list[tuple[str, float, tuple[str, ...]]]] = {}
    for site, table in suspects.groupby("site_id"):
        for column, months, against in _to_blame(table, level):
            cases.setdefault((column, round(months)), []).append((str(site), months, against))
    for (column, _), of_sites in cases.items():
        months = circular_median(np.array([m for _, m, _ in of_sites]))
        against = tuple(dict.fromkeys(name for _, _, names in of_sites for name in names))
        found.append(Shift(column, months, tuple(s for s, _, _ in of_sites), against, False))
    return found


def pool(lags: pd.DataFrame) -> pd.DataFrame:
    """Return the median lag of each pair over its sites, with its standard error.

    Pairs with fewer than five sites are left out.
    """
    groups = lags.groupby(["late", "reference"], sort=False)
    table = groups.agg(
        lag=("lag", "median"),
        spread=("lag", lambda x: 1.4826 * (x - x.median()).abs().median()),
        within=("error", "median"),
        n=("lag", "size"),
        pooled=("pooled", "first"),
    ).reset_index()
    table = table[table["n"] >= _POOLED_SITES].copy()
    # 1.2533 is the ratio of the standard errors of median and mean, for normal values.
    spread = np.maximum(table["spread"], table["within"])
    table["error"] = 1.2533 * spread / np.sqrt(table["n"])
    return table


def _with(lags: pd.DataFrame, column: str | None) -> pd.DataFrame:
    name = column or SUN
    return lags[(lags["late"] == name) | (lags["reference"] == name)]


def _to_blame(pairs: pd.DataFrame, level: float) -> list[tuple[str | None, float, tuple[str, ...]]]:
    """Return the columns that explain the pairs outside their range.

    The column with the largest share of such pairs is blamed, its pairs are removed, and so on.

    Args:
        pairs: Pairs of one site, or of all sites pooled, with ``excess``: distance from the
            natural range, in standard errors.
        level: Probability of blaming a column by chance.
    """
    found: list[tuple[str | None, float, tuple[str, ...]]] = []
    while (pairs["excess"] > _SUSPECT).any():
        ends = pd.concat(
            [
                pairs.assign(name=pairs["late"], other=pairs["reference"], months=pairs["lag"]),
                pairs.assign(name=pairs["reference"], other=pairs["late"], months=-pairs["lag"]),
            ]
        )
        ends["broken"] = ends["excess"] > _SUSPECT
        # Kinds have equal weight, so that many vegetation indices do not outvote few fluxes.
        kinds = ends.groupby(["name", ends["other"].map(kind)])["broken"].mean()
        share = kinds.groupby("name").mean()
        share += share.index.map(lambda name: _PREFERENCE[kind(name)])
        share += 1e-3 * np.tanh(ends[ends["broken"]].groupby("name")["excess"].max() / 20)
        name = str(share.idxmax())
        broken = ends[(ends["name"] == name) & ends["broken"]]
        if _beyond_chance(broken["excess"].to_numpy(), level):
            months = circular_median(broken["months"].to_numpy())
            # If the sun seems late, the site's rows are early.
            of_sun = name == SUN
            found.append(
                (None if of_sun else name, -months if of_sun else months, tuple(broken["other"]))
            )
        pairs = pairs[(pairs["late"] != name) & (pairs["reference"] != name)]
    return found


def _beyond_chance(excess: Array, level: float) -> bool:
    """Return whether one pair, or two or three together, are significantly out of range."""
    largest = np.sort(excess)[::-1][:3]
    needed = stats.norm.isf(level ** (1 / np.arange(1, len(largest) + 1)))
    return bool((largest > needed).any())


def circular_median(months: Array) -> float:
    """Return the median of lags on the circle of a year, -5.5 to 6.5 months.

    Lags of 5.9 and -5.9 months are neighbours.
    """
    months = months[np.isfinite(months)]
    middle = np.angle(np.exp(1j * np.pi / 6 * months).mean()) * 6 / np.pi
    return float((middle + np.median(wrapped(months - middle)) + 5.5) % 12 - 5.5)
