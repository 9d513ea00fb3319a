"""All checks of a table of towers, and what is done about what they find."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.solar_clock import SolarClock
from uflux_kedro.errors import InputError
from uflux_kedro.quality.clock import Clock, check_clock
from uflux_kedro.quality.closure import check_carbon_balance, check_carbon_timing, compare_sources
from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.levels import check_levels
from uflux_kedro.quality.month_order import months_in_text_order
from uflux_kedro.quality.natural import family, seasonal_columns
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.phase import Seasons, pair_lags
from uflux_kedro.quality.record import (
    coverage,
    energy_closure,
    missing_periods,
    repeated_years,
    steps,
)
from uflux_kedro.quality.shifts import Shift, circular_median, shifts
from uflux_kedro.quality.values import check_bounds, mend_values
from uflux_kedro.quality.years import Years, canonical
from uflux_kedro.readers.towers.impossible import Impossible, in_words
from uflux_kedro.variables import VARIABLES, bounds_of_step

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """Towers after the checks, and the evidence.

    Attributes:
        towers: With what was beyond doubt mended.
        findings: Of all checks.
        years: Site-years of the columns below.
        columns: Columns that hold numbers of a known variable.
        lags: Pairs of seasons, see :func:`uflux_kedro.quality.phase.pair_lags`.
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
        outside: What becomes of values out of bounds that nothing explains: ``mask`` makes them
            missing.
        second: A second source of the same towers, if there is one.

    Returns:
        Mended towers, findings and evidence. Nothing is dropped yet and nothing raised.
    """
    resolution = towers.attrs.get("resolution", "MM")
    taken = _single_steps(towers.attrs.get("impossible", []))
    towers, findings = mend_values(towers)
    units = [
        *check_levels(towers, sites),
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
        str(c) for c in towers if canonical(str(c)) and pd.api.types.is_float_dtype(towers[c])
    ]
    years = Years.of(towers, columns)
    seasons, lags = check_phase(years, sites, seasonal_columns(columns), parameters.false_alarm)
    findings += [
        *seasons,
        *_not_yet(check_carbon_timing(years), [*seasons, *units]),
        *units,
        *bounds,
        *taken,
        *_clocks(sites, parameters.clock),
        *missing_periods(towers),
        *repeated_years(years, columns),
        *_steps(years, columns, parameters.false_alarm),
    ]
    towers.attrs["resolution"] = resolution
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
    """The phase check: months in text order first, then seasons out of place.

    Args:
        years: Site-years.
        sites: Canonical sites.
        columns: Columns whose seasons are judged.
        false_alarm: Chance of any false alarm in a healthy table; half for each of both parts.

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
    sound = [
        (a, s) not in scrambled and (b, s) not in scrambled
        for a, b, s in zip(lags["late"], lags["reference"], lags["site_id"], strict=True)
    ]
    found = shifts(lags[np.asarray(sound, bool)], false_alarm / 2)
    return findings + [_shifted(shift, lags) for shift in found], lags


def _not_yet(findings: Iterable[Finding], known: Iterable[Finding]) -> Iterable[Finding]:
    """Findings less the sites at which one of their columns was found already."""
    seen = {(v, s) for f in known if f.open for v in _variables(f) for s in f.sites}
    for finding in findings:
        mine = _variables(finding)
        sites = tuple(s for s in finding.sites if not any((v, s) in seen for v in mine))
        if sites:
            yield replace(finding, sites=sites)


def _variables(finding: Finding) -> list[str]:
    return (finding.variable or "").split(", ")


def _in_text_order(column: str, hit: pd.DataFrame, years: Years, everywhere: bool) -> Finding:
    known = np.isfinite(years.mean_year(column)).any(-1)
    sites = np.asarray(years.sites)[known] if everywhere else hit["site_id"]
    return Finding(
        "phase",
        column,
        tuple(sorted(sites)),
        expected="a season in step with the fluxes and the sun",
        found=f"{_months(circular_median(hit['lag'].to_numpy()))}: months in text order (1, 10, 11, 12, 2 ... 9); "
        f"correlation with what it is tied to {hit['r'].median():.2f}, put right "
        f"{hit['r_right'].median():.2f} (medians of {len(hit)} sites)",
    )


def _months(lag: float) -> str:
    whole = max(1, round(abs(lag)))
    return f"{whole} month{'s' if whole > 1 else ''} {'late' if lag > 0 else 'early'}"


def _shifted(shift: Shift, lags: pd.DataFrame) -> Finding:
    against = ", ".join(dict.fromkeys("the sun" if p == "SUN" else p for p in shift.pairs))
    scope = "all sites together" if shift.pooled else "each site"
    found = f"{_months(shift.months)} ({shift.months:+.1f}) against {against}, on {scope}"
    if shift.column is None:
        opposite = abs(shift.months) > 4.5
        cause = (
            "the latitude has the wrong sign, or the record is half a year off"
            if opposite
            else "the timestamps of all columns are off"
        )
        return Finding(
            "phase", None, shift.sites, "weather in step with the sun at its latitude",
            f"weather {found}: {cause}",
        )  # fmt: skip
    if abs(shift.months) > 4.5:
        found += ": half a year off, or of the other sign"
    return Finding(
        "phase", shift.column, shift.sites, "a season in step with the fluxes and the sun", found
    )


def _clocks(sites: pd.DataFrame, clock: Clock) -> Iterable[Finding]:
    """What the sun says of the clocks, where the reader had hours to tell it from."""
    if "clock_ahead" not in sites:
        return
    for site in sites.dropna(subset="clock_ahead").itertuples():
        sun = SolarClock(site.clock_ahead, site.clock_error, site.clock_jump, int(site.clock_days))
        yield from check_clock(str(site.site_id), sun, float(site.longitude), clock)


def _single_steps(taken: Iterable[Impossible]) -> Iterable[Finding]:
    """What the readers left out of the averages."""
    by_variable: dict[str, list[Impossible]] = {}
    for one in taken:
        by_variable.setdefault(one["variable"], []).append(one)
    for variable, cases in by_variable.items():
        worst = max(cases, key=lambda one: one["steps"])
        lower, upper = bounds_of_step(variable, worst["step"])
        yield Finding(
            "bounds",
            variable,
            tuple(sorted({one["site_id"] for one in cases})),
            expected=f"{variable} {lower:g} to {upper:g} {VARIABLES[variable].unit} in any "
            f"{worst['step']}",
            found=f"most at {worst['site_id']}: {in_words(worst)}",
            mended="taken as missing before periods were averaged",
        )


def _steps(years: Years, columns: list[str], false_alarm: float) -> Iterable[Finding]:
    # CO2 rises everywhere, and rain comes as it likes.
    steady = [c for c in columns if family(c) not in ("CO2", "P", "Year")]
    for column, table in steps(years, steady, false_alarm).groupby("variable", sort=False):
        largest = table.loc[table["deviations"].abs().idxmax()]
        yield Finding(
            "steps",
            str(column),
            tuple(sorted(table["site_id"])),
            expected="one level",
            found=f"a step, largest at {largest['site_id']}: {largest['step']:+.3g} in "
            f"{largest['month']} ({largest['deviations']:+.1f} standard deviations)",
            weight="note",
        )


def drop_suspects(
    towers: pd.DataFrame, findings: Iterable[Finding]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Take out what calls for a decision: a column at its sites, or sites as a whole.

    Args:
        towers: Checked towers.
        findings: Of all checks.

    Returns:
        Towers without the suspects, and the findings, now mended.

    Raises:
        InputError: If no row is left.
    """
    towers = towers.copy(deep=False)
    attrs = dict(towers.attrs)
    known = []
    for finding in findings:
        taken = None
        if finding.open:
            at = towers["site_id"].isin(finding.sites)
            if finding.variable is None:
                towers = towers[~at]
                taken = "sites left out"
            else:
                for column in _variables(finding):
                    towers[column] = towers[column].mask(at)
                taken = "column dropped at these sites"
            logger.warning("%s: %s; %s", finding.subject, finding.found, taken)
        known.append(replace(finding, mended=taken) if taken else finding)
    if towers.empty:
        raise InputError("the towers", None, expected="a site that passes the checks", found="none")
    towers = towers.reset_index(drop=True)
    towers.attrs.update(attrs)
    return towers, known
