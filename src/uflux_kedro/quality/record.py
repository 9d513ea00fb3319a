"""Checks of the record: its completeness, repeated years, steps, and energy-balance closure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.years import Array, Years
from uflux_kedro.variables import parse_predictor

_FIRST_TOWERS = pd.Timestamp("1970-01-01")
"""Fluxes over forests were first measured by eddy covariance in the seventies."""
_LEAST_STEP = 1.5
"""Smallest step, in standard deviations of the months about their mean year."""
_LEAST_MONTHS = 36
"""Months that a record must have to be searched for a step."""


def coverage(towers: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the share of each site's periods with a value, sites by columns.

    Predictors may reach further back than a tower: periods before its first flux or weather of its own
    do not count where predictors are known.
    """
    codes, sites = pd.factorize(towers["site_id"], sort=True)
    predictors = {c for c in columns if parse_predictor(c)[0]}
    own = _any_value(towers, [c for c in columns if c not in predictors])
    start = towers["time"].where(own).groupby(codes).min().reindex(range(len(sites)))
    early = (towers["time"].to_numpy() < start.to_numpy()[codes]) & _any_value(towers, predictors)
    rows = np.bincount(codes, ~early, len(sites))
    counts = {
        name: np.bincount(codes, towers[name].notna() & ~early, len(sites)) for name in columns
    }
    return pd.DataFrame(counts, index=pd.Index(sites, name="site_id")).div(rows, axis=0)


def _any_value(towers: pd.DataFrame, columns: Collection[str]) -> NDArray[np.bool_]:
    """Return whether any of the columns has a value, row by row, without a copy of them."""
    known = np.zeros(len(towers), dtype=bool)
    for name in columns:
        known |= towers[name].notna().to_numpy()
    return known


def missing_periods(towers: pd.DataFrame) -> list[Finding]:
    """Find missing periods between a site's first and last, and times that start no period."""
    step = {"MM": "MS", "DD": "D"}.get(towers.attrs.get("resolution", "MM"))
    if step is None:
        return []
    times = towers.groupby("site_id")["time"]
    span = times.agg(["min", "max", "count"])
    full = [
        len(pd.date_range(a, b, freq=step)) for a, b in zip(span["min"], span["max"], strict=True)
    ]
    lost = pd.Series(full, index=span.index) - span["count"]
    between = towers.loc[~_on_step(towers["time"], step), "site_id"].unique()
    findings = []
    if (lost > 0).any():
        sites = tuple(lost.index[lost > 0])
        found = f"{int(lost[lost > 0].sum())} periods without a row, most at {lost.idxmax()}"
        findings.append(Finding("time", None, sites, "one row per period", found, weight="note"))
    if len(between):
        findings.append(
            Finding(
                "time",
                None,
                tuple(sorted(between)),
                f"times at the start of {'months' if step == 'MS' else 'days'}",
                "times between them",
            )
        )
    return findings


def check_dates(towers: pd.DataFrame, today: pd.Timestamp) -> list[Finding]:
    """Find periods that begin in the future, or before there were flux towers.

    Args:
        towers: Canonical towers.
        today: The present day.
    """
    wrong = (towers["time"] > today) | (towers["time"] < _FIRST_TOWERS)
    if not wrong.any():
        return []
    rows = towers.loc[wrong, ["site_id", "time"]]
    return [
        Finding(
            "time",
            None,
            tuple(sorted(rows["site_id"].unique())),
            f"dates from {_FIRST_TOWERS:%Y} to {today:%Y-%m-%d}",
            f"{len(rows)} periods outside, such as {rows['time'].iloc[-1]:%Y-%m-%d} at "
            f"{rows['site_id'].iloc[-1]}",
        )
    ]


def _on_step(time: pd.Series, step: str) -> pd.Series:
    whole = time == time.dt.normalize()
    return whole & (time.dt.day == 1) if step == "MS" else whole


def repeated_years(years: Years, columns: list[str]) -> list[Finding]:
    """Find years that appear twice in a site's record, every month equal."""
    findings = []
    for column in columns:
        values = years.months[column]
        # A constant year is no evidence: constants may repeat.
        varied = np.all(np.isfinite(values), axis=-1)
        varied[varied] = np.ptp(values[varied], axis=-1) > 1e-6
        rows = np.column_stack([years.site[varied], values[varied]])
        _, place, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        twice = count[place.ravel()] > 1
        if twice.any():
            sites = np.unique(years.site[varied][twice])
            findings.append(
                Finding(
                    "time",
                    column,
                    tuple(years.sites[i] for i in sites),
                    "years that differ from each other",
                    f"{int(twice.sum())} years equal in every month to another year of the site",
                    weight="note",
                )
            )
    return findings


def steps(years: Years, columns: list[str], false_alarm: float) -> pd.DataFrame:
    """Find steps of a record from one level to another.

    The test looks for the month at which the means of the anomalies before and after differ most,
    in units of their standard error (Alexandersson 1986, doi 10.1002/joc.3370060607). The
    error uses the number of independent months, which follows from their autocorrelation.

    Args:
        years: Site-years.
        columns: Columns to search.
        false_alarm: Chance of an alarm in a record without steps, divided among all sites,
            columns and months at which a record may step (Bonferroni).

    Returns:
        One row per step: ``site_id``, ``variable``, ``month`` (YYYY-MM, the first after the
        step), ``step`` (in the variable's unit), ``deviations`` (step over standard deviation),
        ``p_value``.
    """
    found = []
    for column in columns:
        values = years.months[column]
        anomalies = (values - years.mean_year(column)[years.site]).ravel()
        for site, first in enumerate(years.first):
            months = slice(12 * first, 12 * (first + years.count[site]))
            step = _step(anomalies[months])
            if step is not None:
                month, *rest = step
                year = years.begin[site] + month // 12
                found.append((years.sites[site], column, f"{year}-{month % 12 + 1:02d}", *rest))
    table = pd.DataFrame(
        found, columns=["site_id", "variable", "month", "step", "deviations", "p_value"]
    )
    clear = (table["p_value"] < false_alarm / max(len(table), 1)) & (
        table["deviations"].abs() > _LEAST_STEP
    )
    return table[clear].reset_index(drop=True)


def _step(anomaly: Array) -> tuple[int, float, float, float] | None:
    """Return month (from the site's first January), size, size over spread, and p value."""
    place = np.flatnonzero(np.isfinite(anomaly))
    n = len(place)
    if n < _LEAST_MONTHS:
        return None
    x = anomaly[place]
    before = np.arange(12, n - 11)
    total = np.cumsum(x)
    low, high = total[before - 1] / before, (total[-1] - total[before - 1]) / (n - before)
    at = int(np.argmax(np.abs(high - low) * np.sqrt(before * (n - before))))
    k = before[at]
    size = float(high[at] - low[at])
    residual = x - np.where(np.arange(n) < k, low[at], high[at])
    spread = float(residual.std(ddof=2))
    if spread <= 1e-9 * max(np.abs(x).max(), 1e-30):
        return None
    r1 = np.clip(np.sum(residual[1:] * residual[:-1]) / np.sum(residual**2), 0, 0.95)
    independent = n * (1 - r1) / (1 + r1)
    t = abs(size) / spread * np.sqrt(independent * k * (n - k)) / n
    p = min(1.0, 2 * stats.t.sf(t, max(independent - 2, 1)) * len(before))
    return int(place[k]), size, size / spread, float(p)


def energy_closure(towers: pd.DataFrame) -> pd.DataFrame:
    """Return the closure of the energy balance by site.

    Args:
        towers: ``site_id``, H, LE, NETRAD and, optionally, G, W m-2.

    Returns:
        ``ratio``, the sum of H + LE over that of NETRAD - G on periods with both (a missing G
        counts as 0), and ``n``, the number of periods; empty if H, LE or NETRAD is absent.
    """
    if not {"H", "LE", "NETRAD"} <= set(towers):
        return pd.DataFrame(columns=["ratio", "n"])
    available = towers["NETRAD"] - (towers["G"].fillna(0) if "G" in towers else 0)
    turbulent = towers["H"] + towers["LE"]
    both = available.notna() & turbulent.notna()
    sums = pd.DataFrame({"available": available, "turbulent": turbulent})[both].groupby(
        towers["site_id"][both]
    )
    table = sums.sum()
    return pd.DataFrame({"ratio": table["turbulent"] / table["available"], "n": sums.size()})
