"""Skill by part of the signal: across sites, seasonal cycle, anomalies, years and trends.

A model can have a high pooled score from the differences between sites and seasons alone, so each
part is scored separately, following Jung et al. (2020), doi 10.5194/bg-17-1343-2020.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import METRICS, pooled
from uflux_kedro.validation.steps import period_means

MONTHS_OF_A_YEAR = 11
"""Fewest months of a year that counts, since most towers lose a month now and then."""

YEARS_OF_A_TREND = 5
"""Fewest years of a trend."""

_VALUES = ["truth", "prediction"]


def skill_by_part(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score each part of the signal.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        Indexed by ``part``, in the order of :func:`split_signal`: ``sites``, ``n`` and the
        metrics of the leaderboard; a part with too few values has NaN.
    """
    return _scores(split_signal(predictions), "part")


def skill_by_group(predictions: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Score each group of sites.

    Args:
        predictions: Held-out rows with ``site_id``, ``truth``, ``prediction``.
        groups: Group of each site, such as its IGBP class or climate, indexed by ``site_id``;
            sites that are not in it are left out.

    Returns:
        Indexed by the group, under the name of ``groups``: ``sites``, ``n`` and the metrics of
        the leaderboard.
    """
    label = predictions["site_id"].map(groups)
    return _scores(dict(list(predictions.groupby(label))), str(groups.name or "group"))


def split_signal(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split the monthly means of truth and prediction into parts.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``, at
            monthly or shorter steps; a month of shorter ones counts if half of them are there.

    Returns:
        Part -> table with ``site_id``, ``truth``, ``prediction``:

        - ``across-site``: mean of each site.
        - ``seasonal cycle``: mean of each calendar month, minus the mean of the cycle.
        - ``anomaly``: each month minus the cycle, for calendar months present in two or more years.
        - ``interannual``: mean anomaly of each year of 11 or more months, minus the mean of these
          years, for sites with two or more of them. Means of anomalies do not depend on which
          month is missing.
        - ``trend``: slope of these yearly means, per year, for sites with five or more years.
    """
    monthly = period_means(predictions, "month")
    time = pd.DatetimeIndex(monthly.pop("time"))
    monthly = monthly.assign(year=time.year, month=time.month)
    cells = monthly.groupby(["site_id", "month"])
    anomaly = monthly.copy()
    anomaly[_VALUES] -= cells[_VALUES].transform("mean")
    repeated = cells["year"].transform("size") >= 2
    years = _yearly(anomaly, repeated)
    return {
        "across-site": monthly.groupby("site_id", as_index=False)[_VALUES].mean(),
        "seasonal cycle": _centred(cells[_VALUES].mean().reset_index()),
        "anomaly": anomaly[repeated],
        "interannual": _centred(years),
        "trend": _trends(years),
    }


def _centred(table: pd.DataFrame) -> pd.DataFrame:
    """Subtract the site's mean, for sites with two or more values."""
    sites = table.groupby("site_id")
    centred = table.copy()
    centred[_VALUES] -= sites[_VALUES].transform("mean")
    return centred[sites["truth"].transform("size") >= 2]


def _yearly(anomaly: pd.DataFrame, repeated: pd.Series) -> pd.DataFrame:
    """Average the anomalies of full years; calendar months of one year only have no anomaly."""
    full = anomaly.groupby(["site_id", "year"])["month"].size() >= MONTHS_OF_A_YEAR
    means = anomaly[repeated].groupby(["site_id", "year"])[_VALUES].mean()
    return means[full.reindex(means.index)].reset_index()


def _trends(years: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (site, *np.polyfit(table["year"] - table["year"].mean(), table[_VALUES].to_numpy(), 1)[0])
        for site, table in years.groupby("site_id")
        if len(table) >= YEARS_OF_A_TREND
    ]
    return pd.DataFrame(rows, columns=["site_id", *_VALUES])


def _scores(tables: dict, name: str) -> pd.DataFrame:
    columns = ["sites", "n", *METRICS]
    scores = [pooled(table) for table in tables.values()]
    return pd.DataFrame(scores, index=pd.Index(list(tables), name=name), columns=columns)
