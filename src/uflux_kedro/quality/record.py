"""The record itself: how much of it there is, whether years stand in it twice, where it steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.years import Array, Years

_LEAST_STEP = 1.5
"""Size of a step in standard deviations of the months about their mean year."""
_LEAST_MONTHS = 36


def coverage(towers: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Share of each site's periods that hold a value, sites by columns."""
    return towers[columns].notna().groupby(towers["site_id"]).mean()


def missing_periods(towers: pd.DataFrame) -> list[Finding]:
    """Sites whose record leaves out periods between its first and last, or times off the step."""
    step = {"MM": "MS", "DD": "D"}.get(towers.attrs.get("resolution", "MM"))
    if step is None:
        return []
    times = towers.groupby("site_id")["time"]
    span = times.agg(["min", "max", "count"])
    full = [
        len(pd.date_range(a, b, freq=step)) for a, b in zip(span["min"], span["max"], strict=True)
    ]
    lost = pd.Series(full, index=span.index) - span["count"]
    off = towers.loc[~_on_step(towers["time"], step), "site_id"].unique()
    findings = []
    if (lost > 0).any():
        sites = tuple(lost.index[lost > 0])
        found = f"{int(lost[lost > 0].sum())} periods not in the record, most at {lost.idxmax()}"
        findings.append(Finding("time", None, sites, "a row a period", found, weight="note"))
    if len(off):
        findings.append(
            Finding(
                "time",
                None,
                tuple(sorted(off)),
                f"times at the start of periods ({step})",
                "others",
            )
        )
    return findings


def _on_step(time: pd.Series, step: str) -> pd.Series:
    whole = time == time.dt.normalize()
    return whole & (time.dt.day == 1) if step == "MS" else whole


def repeated_years(years: Years, columns: list[str]) -> list[Finding]:
    """Years of a site that stand in its record twice, month by month the same."""
    findings = []
    for column in columns:
        values = years.months[column]
        # A year that hardly varies says nothing: a scale of constants may repeat.
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
                    "each year measured once",
                    f"{int(twice.sum())} years that are the same month by month as another of the site",
                    weight="note",
                )
            )
    return findings


def steps(years: Years, columns: list[str], false_alarm: float) -> pd.DataFrame:
    """Where a record steps from one level to another.

    The months less their mean year are searched for the point at which the means before and after
    differ most, in units of their standard error (Alexandersson 1986,
    doi 10.1002/joc.3370060607); the error counts as many independent months as their
    autocorrelation leaves.

    Args:
        years: Site-years.
        columns: Which of them.
        false_alarm: Chance of an alarm in a record without steps, shared among all sites and
            columns and among the months at which a record may step (Bonferroni).

    Returns:
        One row a step: ``site_id``, ``variable``, ``month`` (YYYY-MM, the first after the step), ``step`` (in
        the variable's unit), ``deviations`` (the same over the standard deviation), ``p_value``.
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
    """Month (counted from the site's first January), size, size over spread, p value."""
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
    """Closure of the energy balance, by site.

    Returns:
        ``ratio`` of the sums of H + LE over NETRAD - G on periods that have all four (G is left
        out where a site has none), and ``n``; empty where a column lacks.
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
