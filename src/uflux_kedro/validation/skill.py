"""Where the skill is: between sites, in the seasons, in anomalies, between years, in trends.

A model can have a high pooled score from the contrast of sites and seasons alone. The parts
follow Jung et al. (2020), doi 10.5194/bg-17-1343-2020: each is scored by itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import METRICS, pooled

MONTHS_OF_A_YEAR = 11
"""A year counts if it has this many months: towers lose a month more often than not."""

YEARS_OF_A_TREND = 5

_VALUES = ["truth", "prediction"]


def skill_by_part(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score of each part of the signal.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        Indexed by ``part``, in the order of :func:`split_signal`: ``sites``, ``n`` and the
        metrics of the leaderboard; a part with too few values has NaN.
    """
    return _scores(split_signal(predictions), "part")


def skill_by_group(predictions: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Pooled score of each group of sites.

    Args:
        predictions: Held-out rows with ``site_id``, ``truth``, ``prediction``.
        groups: Group of each site, such as its IGBP class or climate, indexed by ``site_id``;
            sites without one are left out.

    Returns:
        Indexed by the group, named as ``groups`` is: ``sites``, ``n`` and the metrics of the
        leaderboard.
    """
    label = predictions["site_id"].map(groups)
    return _scores(dict(list(predictions.groupby(label))), str(groups.name or "group"))


def split_signal(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split truth and prediction alike into parts, from monthly means.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``, at
            monthly or shorter steps.

    Returns:
        Part -> table with ``site_id``, ``truth``, ``prediction``:

        - ``across-site``: means of the sites.
        - ``seasonal cycle``: mean of each calendar month, minus the cycle's own mean.
        - ``anomaly``: each month minus the cycle, of calendar months seen in two years or more.
        - ``interannual``: means of such anomalies over years of 11 months or more, minus their
          mean, of sites with two such years or more. Anomalies rather than values, so that
          which month lacks does not matter.
        - ``trend``: slope of those years' means, per year, of sites with five or more.
    """
    time = pd.DatetimeIndex(predictions["time"])
    monthly = (
        predictions[["site_id", *_VALUES]]
        .assign(year=time.year, month=time.month)
        .groupby(["site_id", "year", "month"], as_index=False)[_VALUES]
        .mean()
    )
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
    """Values minus their site's mean, of sites with two or more."""
    sites = table.groupby("site_id")
    centred = table.copy()
    centred[_VALUES] -= sites[_VALUES].transform("mean")
    return centred[sites["truth"].transform("size") >= 2]


def _yearly(anomaly: pd.DataFrame, repeated: pd.Series) -> pd.DataFrame:
    """Means over full years; a month seen in one year alone departs from nothing."""
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
