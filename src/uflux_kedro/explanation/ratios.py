"""Ratios of several fluxes at towers: water-use efficiency and energy-balance ratio.

A model may predict each flux well and miss how they go together; these ratios tell whether it has
learnt the trade of carbon for water and the balance of energy, at towers that it has not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.evapotranspiration import evapotranspiration_from_le
from uflux_kedro.biophysics.radiation import GRASS_ALBEDO, estimated_net_radiation
from uflux_kedro.errors import require_columns
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws
from uflux_kedro.validation.metrics import PairSums, evaluate, r2
from uflux_kedro.variables import parse_predictor

LEAST_WATER = 0.5
"""mm d-1; a month in which tower or model evaporates less has no water-use efficiency."""

LEAST_ENERGY = 20.0
"""W m-2; a month with less available energy has no energy-balance ratio."""

LEAST_PERIODS = 10
"""Fewest periods of a tower whose ratio counts."""

_KEY = ["site_id", "time"]
_PARTS = ("truth_above", "truth_below", "prediction_above", "prediction_below")


class AvailableEnergy(NamedTuple):
    """Net radiation less ground heat flux.

    Attributes:
        rows: ``site_id``, ``time``, ``energy`` in W m-2.
        source: What it is, as text.
    """

    rows: pd.DataFrame
    source: str


class Line(NamedTuple):
    """A line of model (y) on tower (x).

    Attributes:
        slope: Slope.
        intercept: Intercept.
        low: Lower bound of the slope, over resampled towers.
        high: Upper bound of the slope.
        r2: Square of Pearson's correlation.
    """

    slope: float
    intercept: float
    low: float
    high: float
    r2: float


NO_LINE = Line(*[np.nan] * 5)
"""What stands for a line that is not defined."""


def water_use_rows(gpp: pd.DataFrame, le: pd.DataFrame, temperature: pd.DataFrame) -> pd.DataFrame:
    """Return GPP and evapotranspiration of towers and model, where both have both.

    Evapotranspiration is LE divided by the latent heat of vaporisation, which depends on the air
    temperature.

    Args:
        gpp: Held-out rows of GPP: ``site_id``, ``time``, ``truth``, ``prediction``, gC m-2 d-1.
        le: Those of LE, W m-2.
        temperature: ``site_id``, ``time``, ``TA`` in degC.

    Returns:
        ``site_id``, ``time``, and ``truth_above``, ``truth_below``, ``prediction_above``,
        ``prediction_below``: the ratio's numerator in gC m-2 d-1 and its denominator in mm d-1,
        which is kg m-2 d-1; their ratio is in gC per kg of water.
    """
    require_columns(temperature, (*_KEY, "TA"), "air temperature")
    rows = _both(gpp, le).merge(temperature[[*_KEY, "TA"]], on=_KEY)
    table = rows[_KEY].assign(
        truth_above=rows["truth_first"],
        truth_below=evapotranspiration_from_le(rows["truth_second"], rows["TA"]),
        prediction_above=rows["prediction_first"],
        prediction_below=evapotranspiration_from_le(rows["prediction_second"], rows["TA"]),
    )
    return table.dropna().reset_index(drop=True)


def energy_rows(h: pd.DataFrame, le: pd.DataFrame, available: pd.DataFrame) -> pd.DataFrame:
    """Return H + LE of towers and model, and the available energy, which is the same for both.

    Args:
        h: Held-out rows of H, W m-2.
        le: Those of LE, W m-2.
        available: ``site_id``, ``time``, ``energy`` in W m-2.

    Returns:
        Columns as of :func:`water_use_rows`, all in W m-2.
    """
    rows = _both(h, le).merge(available, on=_KEY)
    table = rows[_KEY].assign(
        truth_above=rows["truth_first"] + rows["truth_second"],
        truth_below=rows["energy"],
        prediction_above=rows["prediction_first"] + rows["prediction_second"],
        prediction_below=rows["energy"],
    )
    return table.dropna().reset_index(drop=True)


def _both(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    columns = [*_KEY, "truth", "prediction"]
    require_columns(first, columns, "held-out predictions")
    require_columns(second, columns, "held-out predictions")
    return first[columns].merge(second[columns], on=_KEY, suffixes=("_first", "_second"))


def air_temperature(towers: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame | None:
    """Return the air temperature at towers: their own, and a source's where they have none.

    Args:
        towers: Towers' records, with ``TA`` in degC if they measure it.
        table: Training table, with predictors such as ``ERA5_TA``.

    Returns:
        ``site_id``, ``time``, ``TA`` in degC, rows without left out; None if neither has one.
    """
    names = [str(c) for c in table if parse_predictor(str(c))[1] == "TA"]
    if not names and "TA" not in towers:
        return None
    rows = table[_KEY].assign(TA=np.nan)
    if "TA" in towers:
        rows = table[_KEY].merge(towers[[*_KEY, "TA"]], on=_KEY, how="left")
    for name in names:
        rows["TA"] = np.where(rows["TA"].isna(), table[name].astype(float), rows["TA"])
    return rows.dropna(subset="TA").reset_index(drop=True)


def available_energy(towers: pd.DataFrame, table: pd.DataFrame) -> AvailableEnergy | None:
    """Return the energy that H and LE share, from the towers or else estimated.

    Args:
        towers: Towers' records: ``NETRAD`` and, optionally, ``G`` (a missing G counts as 0, since
            it nearly vanishes over a month), W m-2.
        table: Training table. If no tower has net radiation it is estimated from ``SW_IN`` and
            ``LW_IN`` of the first source that has both and ``TS``, or else ``TA``.

    Returns:
        The available energy; None if neither is there.
    """
    if "NETRAD" in towers and towers["NETRAD"].notna().any():
        heat = "G" in towers and towers["G"].notna().any()
        energy = towers["NETRAD"] - (towers["G"].fillna(0.0) if heat else 0.0)
        rows = towers[_KEY].assign(energy=energy).dropna().reset_index(drop=True)
        return AvailableEnergy(
            rows, "Rn \N{MINUS SIGN} G of the towers" if heat else "Rn of the towers"
        )
    names = set(map(str, table))
    for name in table:
        prefix, variable = parse_predictor(str(name))
        of_source = {v: f"{prefix}_{v}" if prefix else v for v in ("SW_IN", "LW_IN", "TS", "TA")}
        surface = next((of_source[v] for v in ("TS", "TA") if of_source[v] in names), None)
        if variable == "SW_IN" and of_source["LW_IN"] in names and surface:
            energy = estimated_net_radiation(
                *(table[column].astype(float) for column in (of_source["SW_IN"], of_source["LW_IN"], surface))
            )  # fmt: skip
            rows = table[_KEY].assign(energy=energy).dropna().reset_index(drop=True)
            return AvailableEnergy(
                rows, f"Rn estimated from {prefix or 'tower'} radiation, albedo {GRASS_ALBEDO}"
            )
    return None


def ratio_by_period(rows: pd.DataFrame, least: float) -> pd.DataFrame:
    """Return the ratio of each period whose denominators are large enough.

    Args:
        rows: As of :func:`water_use_rows`.
        least: Smallest denominator of towers and model.

    Returns:
        ``site_id``, ``time``, ``truth``, ``prediction``.
    """
    enough = (rows["truth_below"] >= least) & (rows["prediction_below"] >= least)
    return _ratios(rows[enough])[[*_KEY, "truth", "prediction"]]


def ratio_by_tower(rows: pd.DataFrame, least: float, periods: int = LEAST_PERIODS) -> pd.DataFrame:
    """Return the ratio of each tower's sums, over all periods with all four values.

    Args:
        rows: As of :func:`water_use_rows`.
        least: Smallest mean denominator of towers and model.
        periods: Fewest periods of a tower.

    Returns:
        ``site_id``, ``n`` (periods), ``truth``, ``prediction``.
    """
    of_site = rows.groupby("site_id")
    means = of_site[list(_PARTS)].mean().assign(n=of_site.size()).reset_index()
    kept = (means["n"] >= periods) & (means["truth_below"] >= least)
    return _ratios(means[kept & (means["prediction_below"] >= least)])[
        ["site_id", "n", "truth", "prediction"]
    ]


def _ratios(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        truth=rows["truth_above"] / rows["truth_below"],
        prediction=rows["prediction_above"] / rows["prediction_below"],
    ).reset_index(drop=True)


def reduced_major_axis(
    rows: pd.DataFrame, *, n_resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Line:
    """Fit the reduced (standardised) major axis of model on tower.

    Its slope is the ratio of the standard deviations with the sign of the correlation, and it
    passes through the means: unlike least squares, it does not take one of the two as free of
    error. Source: Warton et al. (2006), doi 10.1017/S1464793106007007.

    Args:
        rows: ``site_id``, ``truth``, ``prediction``.
        n_resamples: Number of resamples of towers for the interval of the slope.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        The line; NaN where it is not defined, as for fewer than three rows or no variation.
    """
    if len(rows) < 3:
        return NO_LINE
    site, names = pd.factorize(rows["site_id"], sort=True)
    sums = PairSums.of(rows["truth"], rows["prediction"], site)
    whole = sums.weighted(np.ones((1, len(names))))
    slope = float(_major_slope(whole)[0])
    drawn = _major_slope(sums.weighted(site_draws(len(names), n_resamples, seed)))
    low, high = percentile_interval(drawn, level)
    intercept = float((whole.mean_prediction - slope * whole.mean_truth)[0])
    return Line(slope, intercept, low, high, float(evaluate(whole, {"r2": r2})["r2"][0]))


def _major_slope(sums: PairSums) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.sqrt(sums.spread_prediction / sums.spread_truth)
        return np.where(sums.spread_prediction > 0, np.sign(sums.spread_both) * size, np.nan)
