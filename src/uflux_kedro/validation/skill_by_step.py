"""Skill at every step of time: rows, weeks, months, mean season, anomalies, years, site means.

A score of all rows at once says little of the tower that is served worst, and a score of days
little of years. Scores are therefore by site at each step, summarised by their median and by the
site that nine in ten sites surpass, as in the benchmark FLUXtrapolation (Fries et al. 2026,
arXiv:2605.19812). Its steps are followed; where ours differ, :func:`at_steps` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import (
    LEAST_SCORED,
    SITE_SUMMARIES,
    PairSums,
    evaluate,
    nse,
    rmse,
)
from uflux_kedro.validation.skill import MONTHS_OF_A_YEAR
from uflux_kedro.validation.steps import period_means, step_name, usual_step
from uflux_kedro.variables import VARIABLES

YEARS_OF_A_SCORE = 3
"""Fewest years of a site that is scored by its years."""

STEP_COLUMNS = ("sites", "n", "NSE", "RMSE", "scored", *SITE_SUMMARIES)

LEAST_VALUES = {"year": YEARS_OF_A_SCORE, "site": 1}
"""Step -> fewest values of a site that is scored; elsewhere :data:`LEAST_SCORED`."""

_VALUES = ["truth", "prediction"]
_METRICS = {"NSE": nse, "RMSE": rmse}


def skill_by_step(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score predictions at every step of time.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        Indexed by ``step``, in the order of :func:`at_steps`, with :data:`STEP_COLUMNS`: numbers of
        ``sites`` and values ``n``, NSE and RMSE of all values, the number of sites ``scored``, and
        over these the median and 10th percentile of NSE, and the median and 90th percentile of
        RMSE, in the unit of the flux. NSE of a single site mean is not defined, and NaN.
    """
    rows = {
        step: _summary(table, LEAST_VALUES.get(step, LEAST_SCORED))
        for step, table in at_steps(predictions).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STEP_COLUMNS)).rename_axis(
        "step"
    )


def skill_of_fluxes(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Score predictions of several fluxes at every step of time.

    Args:
        predictions: Flux -> rows as :func:`skill_by_step` takes them.

    Returns:
        ``flux``, ``unit``, ``step`` and :data:`STEP_COLUMNS`, by flux in the given order.
    """
    tables = [
        skill_by_step(table).reset_index().assign(flux=flux, unit=VARIABLES[flux].unit)
        for flux, table in predictions.items()
    ]
    joined = pd.concat(tables, ignore_index=True)
    return joined[["flux", "unit", "step", *STEP_COLUMNS]]


def site_summaries(predictions: pd.DataFrame) -> dict[str, float]:
    """Return :data:`SITE_SUMMARIES` of the rows as they are, over sites with ten or more.

    Args:
        predictions: Held-out rows with ``site_id``, ``truth``, ``prediction``.
    """
    found = _summary(predictions.dropna(subset=_VALUES), LEAST_SCORED)
    return {name: found[name] for name in SITE_SUMMARIES}


def at_steps(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Take truth and prediction to every step of time, from the same rows of both.

    Args:
        predictions: Held-out rows with ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        Step -> table with ``site_id``, ``truth``, ``prediction``; steps shorter than the rows are
        left out:

        - the rows as they are, under the name of their step: ``day``, ``month`` or such as
          ``8 days``.
        - ``day``, ``week``, ``month``: means of those of which at least half the rows are there.
        - ``season``: mean of each day of the year, over at least two years; of each calendar month
          if rows are longer than a day. The level of the site is in it.
        - ``anomaly``: each of these days (months) minus its mean season.
        - ``year``: mean of the months of each year of 11 or more, minus the mean of the site's
          years, for sites with two or more of them. FLUXtrapolation takes years of half their
          days.
        - ``site``: mean of all months of a site that has ten or more. FLUXtrapolation takes the
          mean of yearly means.
    """
    rows = predictions[["site_id", "time", *_VALUES]].dropna()
    step = usual_step(rows)
    found = {step_name(step): rows}
    if step > 31:
        return found
    months = period_means(rows, "month", step)
    if step < 1.5:
        days = period_means(rows, "day", step)
        found.setdefault("day", days)
        seasons = _seasons(days, pd.DatetimeIndex(days["time"]).day_of_year)
    else:
        seasons = _seasons(months, pd.DatetimeIndex(months["time"]).month)
    if step < 6:
        found["week"] = period_means(rows, "week", step)
    found.setdefault("month", months)
    return found | seasons | {"year": _years(months), "site": _sites(months)}


def _seasons(rows: pd.DataFrame, part_of_year: pd.Index) -> dict[str, pd.DataFrame]:
    """Return the mean season, and anomalies from it, where two years or more tell it."""
    rows = rows.assign(part_of_year=part_of_year)
    cells = rows.groupby(["site_id", "part_of_year"])[_VALUES]
    repeated = cells.transform("size") >= 2
    anomaly = rows.copy()
    anomaly[_VALUES] -= cells.transform("mean")
    season = rows[repeated].groupby(["site_id", "part_of_year"])[_VALUES].mean().reset_index()
    return {"season": season, "anomaly": anomaly[repeated]}


def _sites(months: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of all months of each site with enough of them."""
    enough = months.groupby("site_id")["time"].transform("size") >= LEAST_SCORED
    return months[enough].groupby("site_id")[_VALUES].mean().reset_index()


def _years(months: pd.DataFrame) -> pd.DataFrame:
    """Return the means of full years, minus the mean of the site's years."""
    year = pd.DatetimeIndex(months["time"]).year.rename("year")
    groups = months.groupby(["site_id", year])[_VALUES]
    years = groups.mean()[groups.size() >= MONTHS_OF_A_YEAR].reset_index()
    sites = years.groupby("site_id")
    several = sites["year"].transform("size") >= 2
    years[_VALUES] -= sites[_VALUES].transform("mean")
    return years[several]


def _summary(table: pd.DataFrame, least: int) -> dict[str, Any]:
    """Return the scores of all values, and of the sites with at least so many."""
    site, names = pd.factorize(table["site_id"], sort=True)
    sums = PairSums.of(table["truth"], table["prediction"], site)
    whole = evaluate(sums.weighted(np.ones((1, len(sums.n)))), _METRICS)
    scored = sums.n >= least
    by_site = {name: values[scored] for name, values in evaluate(sums, _METRICS).items()}
    return {
        "sites": len(names),
        "n": len(table),
        "NSE": float(whole["NSE"][0]),
        "RMSE": float(whole["RMSE"][0]),
        "scored": int(scored.sum()),
        "NSE_median": _percentile(by_site["NSE"], 50),
        "NSE_p10": _percentile(by_site["NSE"], 10),
        "RMSE_median": _percentile(by_site["RMSE"], 50),
        "RMSE_p90": _percentile(by_site["RMSE"], 90),
    }


def _percentile(values: np.ndarray, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")
