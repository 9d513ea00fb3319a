"""All checks of a table of towers, and the removal of suspects."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.solar_clock import SolarClock
from uflux_kedro.errors import InputError
from uflux_kedro.quality.annual import check_annual
from uflux_kedro.quality.clock import Clock, check_clock
from uflux_kedro.quality.closure import check_carbon_balance, check_carbon_timing, compare_sources
from uflux_kedro.quality.findings import Finding, months_in_words
from uflux_kedro.quality.levels import check_levels
from uflux_kedro.quality.month_order import IN_TEXT_ORDER, months_in_text_order
from uflux_kedro.quality.natural import family, seasonal_columns
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.phase import Seasons, pair_lags
from uflux_kedro.quality.place import check_place
from uflux_kedro.quality.record import (
    check_dates,
    coverage,
    energy_closure,
    missing_periods,
    repeated_years,
    steps,
)
from uflux_kedro.quality.shifts import Shift, circular_median, shifts
from uflux_kedro.quality.signs import check_signs
from uflux_kedro.quality.still import check_still
from uflux_kedro.quality.values import check_bounds, mend_values
from uflux_kedro.quality.years import Years
from uflux_kedro.readers.towers.impossible import Impossible, in_words
from uflux_kedro.readers.towers.sites import check_metadata
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.variables import VARIABLES, bounds_of_step, parse_predictor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """Towers after the checks, and the evidence.

    Attributes:
        towers: The towers; defects with a certain cause are corrected.
        findings: Findings of all checks.
        years: Site-years of ``columns``.
        columns: Columns with numbers of a known variable.
        lags: Lags of pairs of seasons; see :func:`uflux_kedro.quality.phase.pair_lags`.
        coverage: Share of periods with a value, sites by columns.
        closure: Energy-balance closure by site.
    """

    towers: pd.DataFrame
    findings: tuple[Finding, ...]
    years: Years
    columns: tuple[str, ...]
    lags: pd.DataFrame
    coverage: pd.DataFrame
    closure: pd.DataFrame


def check_towers(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    parameters: QualityParameters,
    *,
    outside: Literal["raise", "mask", "keep"] = "raise",
    second: pd.DataFrame | None = None,
) -> Checked:
    """Run every check.

    Args:
        towers: Canonical towers as read, bounds not yet enforced.
        sites: Canonical sites.
        parameters: The block ``quality``.
        outside: What happens to values out of bounds without another explanation: ``mask``
            makes them missing.
        second: A second source of the same towers; None if there is none.

    Returns:
        Corrected towers, findings and evidence. Nothing is dropped here.

    Raises:
        InputError: If the sites lack a tower, which the sun and the elevation could then not check.
    """
    check_metadata(towers, sites, "the tower table")
    resolution = towers.attrs.get("resolution", "MM")
    single_steps = _single_steps(towers.attrs.get("impossible", []))
    remarks = [
        Finding(**r | {"sites": tuple(r["sites"]), "weight": "note"})
        for r in towers.attrs.get("remarks", [])
    ]
    # What readers noticed is in the findings; pandas would copy it at every step of every check.
    towers = towers.copy(deep=False)
    kept = {"resolution": resolution, **marked(mark_of(towers))}
    towers.attrs = dict(kept)
    towers, findings = mend_values(towers)
    units = [
        *check_levels(towers, sites),
        *check_signs(towers),
        *check_carbon_balance(towers),
        *(compare_sources(towers, second) if second is not None else []),
    ]
    outside = outside if parameters.on_suspicion == "stop" else "mask"
    towers, bounds = check_bounds(towers, outside)
    explained = {(f.variable, site) for f in (*units, *findings) if f.open for site in f.sites}
    bounds = [
        f for f in bounds if f.mended or not all((f.variable, s) in explained for s in f.sites)
    ]
    columns = [
        str(c)
        for c in towers
        if parse_predictor(str(c))[1] in VARIABLES and pd.api.types.is_float_dtype(towers[c])
    ]
    years = Years.of(towers, columns)
    seasons, lags = check_phase(years, sites, seasonal_columns(columns), parameters.false_alarm)
    places = check_place(years, sites)
    findings += [
        *places,
        *_without_places(seasons, places),
        *_without_known(check_carbon_timing(years), [*seasons, *units]),
        *units,
        *bounds,
        *single_steps,
        *remarks,
        *_clocks(sites, parameters.clock),
        *check_dates(towers, pd.Timestamp.now().normalize()),
        *missing_periods(towers),
        *repeated_years(years, columns),
        *check_still(towers, columns),
        *check_annual(years, sites),
        *_steps(years, columns, parameters.false_alarm),
    ]
    towers.attrs |= kept
    return Checked(
        towers,
        tuple(findings),
        years,
        tuple(columns),
        lags,
        coverage(towers, columns),
        energy_closure(towers),
    )


def check_phase(
    years: Years, sites: pd.DataFrame, columns: list[str], false_alarm: float
) -> tuple[list[Finding], pd.DataFrame]:
    """Check the phase of seasons: first for months in text order, then for shifted seasons.

    Args:
        years: Site-years.
        sites: Canonical sites.
        columns: Columns with a season to judge.
        false_alarm: Chance of any false alarm in a healthy table; each of the two parts gets
            half of it.

    Returns:
        Findings, and the lags of all pairs.
    """
    latitude = sites.set_index("site_id")["latitude"].reindex(years.sites).to_numpy(float)
    seasons = Seasons.of(years, latitude, columns)
    order = months_in_text_order(years, seasons, false_alarm / 2)
    findings = []
    for column, table in order.groupby("variable", sort=False):
        everywhere = bool(table["everywhere"].iloc[0])
        hit = table if everywhere else table[table["alarm"]]
        if len(hit):
            findings.append(_in_text_order(str(column), hit, years, everywhere))
    lags = pair_lags(years, seasons)
    scrambled = {(f.variable, s) for f in findings for s in f.sites}
    in_order = [
        (a, s) not in scrambled and (b, s) not in scrambled
        for a, b, s in zip(lags["late"], lags["reference"], lags["site_id"], strict=True)
    ]
    found = shifts(lags[np.asarray(in_order, bool)], false_alarm / 2)
    return findings + [_shifted(shift, lags) for shift in found], lags


def _without_known(findings: Iterable[Finding], known: Iterable[Finding]) -> Iterable[Finding]:
    """Yield findings without the sites at which one of their columns already has a finding."""
    seen = {(c, s) for f in known if f.open for c in f.columns for s in f.sites}
    for finding in findings:
        sites = tuple(s for s in finding.sites if not any((c, s) in seen for c in finding.columns))
        if sites:
            yield replace(finding, sites=sites)


def _without_places(findings: Iterable[Finding], places: Iterable[Finding]) -> Iterable[Finding]:
    """Yield findings without the sites whose place is known to be wrong, which explains the lag."""
    misplaced = {site for finding in places for site in finding.sites}
    for finding in findings:
        left = tuple(s for s in finding.sites if s not in misplaced)
        if finding.variable is not None or left == finding.sites:
            yield finding
        elif left:
            yield replace(finding, sites=left)


def _in_text_order(column: str, hit: pd.DataFrame, years: Years, everywhere: bool) -> Finding:
    known = np.isfinite(years.mean_year(column)).any(-1)
    sites = np.asarray(years.sites)[known] if everywhere else hit["site_id"]
    return Finding(
        "phase",
        column,
        tuple(sorted(sites)),
        expected="a season in step with the fluxes and the sun",
        found=f"{months_in_words(circular_median(hit['lag'].to_numpy()))}: {IN_TEXT_ORDER}; "
        f"correlation with related seasons {hit['r'].median():.2f} as read, "
        f"{hit['r_right'].median():.2f} in calendar order (medians of {len(hit)} sites)",
    )


def _shifted(shift: Shift, lags: pd.DataFrame) -> Finding:
    against = ", ".join(dict.fromkeys("the sun" if p == "SUN" else p for p in shift.pairs))
    scope = "pooled over all sites" if shift.pooled else "at each site"
    found = f"{months_in_words(shift.months)} ({shift.months:+.1f}) against {against}, {scope}"
    if shift.column is None:
        opposite = abs(shift.months) > 4.5
        cause = (
            "the latitude has the wrong sign, or the record is shifted by half a year"
            if opposite
            else "the timestamps of all columns are shifted"
        )
        return Finding(
            "phase", None, shift.sites, "weather in step with the sun at its latitude",
            f"weather {found}: {cause}",
        )  # fmt: skip
    if abs(shift.months) > 4.5:
        found += ": shifted by half a year, or of the opposite sign"
    return Finding(
        "phase", shift.column, shift.sites, "a season in step with the fluxes and the sun", found
    )


def _clocks(sites: pd.DataFrame, clock: Clock) -> Iterable[Finding]:
    """Yield findings on clocks, for sites of which the reader saw hours and so the sun."""
    if "clock_ahead" not in sites:
        return
    for site in sites.dropna(subset="clock_ahead").itertuples():
        sun = SolarClock(site.clock_ahead, site.clock_error, site.clock_jump, int(site.clock_days))
        yield from check_clock(str(site.site_id), sun, float(site.longitude), clock)


def _single_steps(impossible: Iterable[Impossible]) -> Iterable[Finding]:
    """Yield findings on infinite values, and impossible ones left out of averages, by readers."""
    groups: dict[tuple[str, bool], list[Impossible]] = {}
    for one in impossible:
        groups.setdefault((one["variable"], bool(np.isinf(one["example"]))), []).append(one)
    for (variable, infinite), cases in groups.items():
        worst = max(cases, key=lambda one: one["steps"])
        expected = f"finite {variable}"
        if not infinite and worst["step"] in ("day", "hour"):
            lower, upper = bounds_of_step(variable, worst["step"])
            unit = VARIABLES[variable].unit
            expected = f"{variable} {lower:g} to {upper:g} {unit} in any {worst['step']}"
        yield Finding(
            "bounds",
            variable,
            tuple(sorted({one["site_id"] for one in cases})),
            expected=expected,
            found=f"most of them at {worst['site_id']}: {in_words(worst)}",
            mended="treated as missing"
            if infinite
            else "treated as missing before periods were averaged",
        )


def _steps(years: Years, columns: list[str], false_alarm: float) -> Iterable[Finding]:
    # CO2 rises everywhere, and rain is irregular.
    steady = [c for c in columns if family(c) not in ("CO2", "P", "Year")]
    for column, table in steps(years, steady, false_alarm).groupby("variable", sort=False):
        largest = table.loc[table["deviations"].abs().idxmax()]
        yield Finding(
            "steps",
            str(column),
            tuple(sorted(table["site_id"])),
            expected="one level throughout the record",
            found=f"a step, the largest at {largest['site_id']}: {largest['step']:+.3g} in "
            f"{largest['month']} ({largest['deviations']:+.1f} standard deviations)",
            weight="note",
        )


def drop_suspects(
    towers: pd.DataFrame, findings: Iterable[Finding]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Drop everything that requires a decision: a column at its sites, or complete sites.

    Args:
        towers: Checked towers.
        findings: Findings of all checks.

    Returns:
        Towers without the suspects, and the findings, now marked as mended.

    Raises:
        InputError: If no row remains.
    """
    towers = towers.copy(deep=False)
    attrs = dict(towers.attrs)
    known = []
    for finding in findings:
        action = None
        if finding.open:
            at = towers["site_id"].isin(finding.sites)
            if finding.variable is None:
                towers = towers[~at]
                action = "sites dropped"
            else:
                for column in finding.columns:
                    towers[column] = towers[column].mask(at)
                action = "column dropped at these sites"
            logger.warning("%s: %s; %s", finding.subject, finding.found, action)
        known.append(replace(finding, mended=action) if action else finding)
    if towers.empty:
        raise InputError(
            "towers",
            None,
            expected="at least one site that passes the checks of quality",
            found="none",
            hint="See quality.html; quality.on_suspicion: report keeps all sites",
        )
    towers = towers.reset_index(drop=True)
    towers.attrs.update(attrs)
    return towers, known
