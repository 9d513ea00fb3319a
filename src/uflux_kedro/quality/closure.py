"""Units and timing from balances: carbon within a file, and one source against another.

umol CO2 m-2 s-1 and gC m-2 d-1 differ by a factor of 1.0377, too little for a check of levels.
The balance NEE = RECO - GPP of a file's own columns, exact to the last digit, shows it, and so
does a second source of the same tower.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from uflux_kedro.quality.findings import Finding, months_in_words
from uflux_kedro.quality.mistakes import CARBON_PER_MICROMOLE, MISTAKES
from uflux_kedro.quality.month_order import IN_TEXT_ORDER, in_calendar_order
from uflux_kedro.quality.years import Array, Years
from uflux_kedro.variables import VARIABLES

_LEAST_ROWS = 12
_EXACT = 1e-4
"""Largest unexplained share of NEE's variance at which a balance counts as exact."""
_BROKEN = 1e-2
"""Smallest unexplained share of NEE's variance at which a balance counts as failed."""
_UNKNOWN = 1e-3  # between the two: too few months to judge
_MOST = 0.8
"""Share of sites with an exact balance above which a failed balance is a defect."""
_SEASON = -0.3
"""Correlation of GPP + RECO with NEE below which NEE has the right sign."""
_OPPOSITE = "NEE positive into the ecosystem (opposite sign)"
_BALANCE = ("GPP", "RECO", "NEE")
_TOLERANCE = 0.006
"""Largest relative error of a coefficient; it must separate 1 from 1.0377."""
_SAME_UNIT = (0.5, 2.0)
"""Range of the ratio of two sources in the same unit."""


def check_carbon_balance(towers: pd.DataFrame) -> list[Finding]:
    """Compare NEE with RECO - GPP at each site.

    Args:
        towers: With GPP, RECO and NEE, gC m-2 d-1; without all three, there are no findings.

    Returns:
        Findings that name the column in another unit (a factor of 1.0377, or beyond 2) or with the
        opposite sign. If all three columns share a wrong unit the balance holds, and only a second
        source shows it.
    """
    if not set(_BALANCE) <= set(towers):
        return []
    cases: dict[tuple[str, str], list[str]] = {}
    for site, table in towers[["site_id", "GPP", "RECO", "NEE"]].dropna().groupby("site_id"):
        if len(table) < _LEAST_ROWS:
            continue
        design = table[["RECO", "GPP"]].to_numpy(float)
        NEE = table["NEE"].to_numpy(float)
        (of_reco, of_gpp), *_ = np.linalg.lstsq(design, NEE, rcond=None)
        residual = NEE - design @ (of_reco, of_gpp)
        if np.sum(residual**2) > _EXACT * np.sum((NEE - NEE.mean()) ** 2):
            continue  # partitioned by a model, such as the daytime method: no exact balance
        explained = _explain(of_reco, -of_gpp)
        season = table["GPP"] + table["RECO"]
        if explained == ("NEE", _OPPOSITE) and season.corr(table["NEE"]) < _SEASON:
            explained = ("GPP, RECO", "the headers of GPP and RECO swapped")
        if explained:
            cases.setdefault(explained, []).append(str(site))
    return [
        Finding(
            "units",
            column,
            tuple(sorted(sites)),
            expected="NEE = RECO - GPP in gC m-2 d-1",
            found=f"a balance that is exact only with {cause}",
        )
        for (column, cause), sites in cases.items()
    ]


def _explain(of_reco: float, of_gpp: float) -> tuple[str, str] | None:
    """Return the columns in umol or with the opposite sign that explain the coefficients."""
    if max(abs(of_reco - 1), abs(of_gpp - 1)) < _TOLERANCE:
        return None
    in_umol = 1 / CARBON_PER_MICROMOLE
    # The simplest explanation first: the fewest columns in another unit.
    for names in sorted(product((False, True), repeat=3), key=sum):
        GPP, RECO, NEE = (in_umol if other else 1.0 for other in names)
        for sign in (1.0, -1.0):
            fits = (abs(of_reco - sign * NEE / RECO), abs(of_gpp - sign * NEE / GPP))
            if max(fits) < _TOLERANCE:
                wrong = [n for n, other in zip(("GPP", "RECO", "NEE"), names, strict=True) if other]
                causes = (
                    [f"{' and '.join(wrong)} in umol CO2 m-2 s-1 (factor 1.0377)"] if wrong else []
                )
                causes += [_OPPOSITE] if sign < 0 else []
                return ", ".join(wrong or ["NEE"]), " and ".join(causes)
    return _of_another_size(of_reco, of_gpp)


def _of_another_size(of_reco: float, of_gpp: float) -> tuple[str, str] | None:
    """Return the one column whose size alone explains coefficients that are far from 1."""
    sizes = {}
    if abs(of_reco - of_gpp) < _TOLERANCE * abs(of_gpp):
        sizes["NEE"] = of_gpp
    if abs(of_reco - 1) < _TOLERANCE:
        sizes["GPP"] = 1 / of_gpp
    if abs(of_gpp - 1) < _TOLERANCE:
        sizes["RECO"] = 1 / of_reco
    for name, size in sizes.items():
        if size > 0 and not _SAME_UNIT[0] < size < _SAME_UNIT[1]:
            return name, f"{name} {size:.4g} times as large as it should be: in another unit"
    return None


def compare_sources(
    towers: pd.DataFrame, second: pd.DataFrame, where: str = "the second source"
) -> list[Finding]:
    """Compare towers with a second source of the same towers.

    Args:
        towers: Canonical towers of any resolution.
        second: Canonical towers, any resolution.
        where: Name of the second source, for messages.

    Returns:
        Findings on columns with a ratio to the second source that points to another unit: a
        known factor within 0.6 %, or any factor of two or more.
    """
    months = _monthly(towers)
    both = months.merge(_monthly(second), on=["site_id", "time"], suffixes=("", " of second"))
    findings: list[Finding] = []
    for name in (c for c in months if f"{c} of second" in both):
        cases: dict[str, list[str]] = {}
        for site, table in both[["site_id", name, f"{name} of second"]].dropna().groupby("site_id"):
            if len(table) >= _LEAST_ROWS:
                ratio = _ratio(str(name), *(table.iloc[:, i].to_numpy(float) for i in (1, 2)))
                if ratio:
                    cases.setdefault(ratio, []).append(str(site))
        findings += [
            Finding(
                "units",
                str(name),
                tuple(sorted(sites)),
                expected=f"{name} in {VARIABLES[str(name)].unit}, as in {where}",
                found=ratio,
            )
            for ratio, sites in cases.items()
        ]
    return findings


def _monthly(towers: pd.DataFrame) -> pd.DataFrame:
    names = [c for c in towers if c in VARIABLES]
    time = towers["time"].dt.to_period("M").dt.to_timestamp()
    return towers[names].groupby([towers["site_id"], time]).mean().reset_index()


def _ratio(name: str, first: np.ndarray, second: np.ndarray) -> str | None:
    """Describe the ratio of two sources; None if both can be in the same unit."""
    if np.sum(second**2) == 0:
        return None
    slope = float(np.sum(first * second) / np.sum(second**2))
    correlation = float(np.corrcoef(first, second)[0, 1])
    exact = np.sum((first - slope * second) ** 2) < 1e-3 * np.sum((first - first.mean()) ** 2)
    known = [(m.name, m.factor) for m in MISTAKES.get(name, ()) if m.offset == 0]
    if name in ("GPP", "RECO", "NEE"):
        known.append(("umol CO2 m-2 s-1 (factor 1.0377)", 1 / CARBON_PER_MICROMOLE))
        known.append(("gC times 1.0377 (converted twice)", CARBON_PER_MICROMOLE))
    for unit, factor in known:
        near = abs(slope / factor - 1)
        # A factor near 1 requires the same measurements; a large one any correlated source.
        if (exact and near < _TOLERANCE) or (
            near < 0.3 and correlation > 0.7 and not 0.4 < factor < 2.5
        ):
            return f"{slope:.4g} times the second source (r = {correlation:.3f}): likely {unit}"
    if correlation > 0.7 and not _SAME_UNIT[0] < slope < _SAME_UNIT[1]:
        return f"{slope:.4g} times the second source (r = {correlation:.3f})"
    return None


def check_carbon_timing(years: Years) -> list[Finding]:
    """Find which of GPP, RECO and NEE is shifted in time against the other two.

    If the balance fails as read but is exact once one column is moved by some months, or its
    months are put into calendar order, chance cannot be the cause.

    Args:
        years: Site-years; without all three columns there are no findings.

    Returns:
        Findings that name the column and its lag, and one with the sites at which the balance
        fails for another cause, if it is exact at most sites, or at any while one alone fails.
    """
    if not set(_BALANCE) <= years.months.keys():
        return []
    cases: dict[tuple[str, str], list[str]] = {}
    failed, exact = [], 0
    for i, site in enumerate(years.sites):
        rows = slice(years.first[i], years.first[i] + years.count[i])
        record = {name: years.months[name][rows].ravel() for name in _BALANCE}
        left = _unexplained(record)
        exact += left < _EXACT
        if left > _BROKEN:
            cause = _cause(record)
            if cause:
                cases.setdefault(cause, []).append(site)
            else:
                failed.append(site)
    expected = "NEE = RECO - GPP month by month"
    findings = [
        Finding("phase", name, tuple(sites), expected, found)
        for (name, found), sites in cases.items()
    ]
    alone = exact > 0 and len(failed) == 1
    if failed and (alone or exact > _MOST * (exact + len(failed))):
        others = "another site" if exact == 1 else f"{exact} other sites"
        found = f"a carbon balance that fails, although it is exact at {others}"
        findings.append(Finding("units", ", ".join(_BALANCE), tuple(failed), expected, found))
    return findings


def _cause(record: dict[str, Array]) -> tuple[str, str] | None:
    """Return the column that is shifted, and how; correcting it makes the balance exact."""
    for name in _BALANCE:
        right = in_calendar_order(record[name].reshape(-1, 12)).ravel()
        if _unexplained(record | {name: right}) < _EXACT:
            return (
                name,
                f"3 months late: {IN_TEXT_ORDER}: the carbon balance fails as read and is exact "
                "in calendar order",
            )
        for months in (m for m in range(-6, 7) if m):
            if _unexplained(record | {name: _moved(record[name], -months)}) < _EXACT:
                return name, (
                    f"{months_in_words(months)}: the carbon balance fails as read "
                    f"and is exact with {name} moved by {-months:+d}"
                )
    return None


def _unexplained(record: dict[str, Array]) -> float:
    """Return the share of NEE's variance that RECO - GPP does not explain."""
    NEE = record["NEE"]
    residual = NEE - record["RECO"] + record["GPP"]
    both = np.isfinite(residual)
    if both.sum() < _LEAST_ROWS or np.ptp(NEE[both]) == 0:
        return _UNKNOWN
    return float(np.sum(residual[both] ** 2) / np.sum((NEE[both] - NEE[both].mean()) ** 2))


def _moved(record: Array, months: int) -> Array:
    """Move a record to later months, or to earlier ones if ``months`` is negative."""
    moved = np.full_like(record, np.nan)
    moved[max(months, 0) : len(record) + min(months, 0)] = record[
        max(-months, 0) : len(record) - max(months, 0)
    ]
    return moved
