"""The towers' fluxes beside the predictors of the same place and period."""

from __future__ import annotations

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.calendar import _DAYS, calendar_features
from uflux_kedro.features.carry_over import carry_over_at_towers
from uflux_kedro.features.derived import _prefix, derive_predictors, logger
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.towers.sites import check_igbp, check_metadata
from uflux_kedro.variables import FLUXES, IGBP_CLASSES


def igbp_codes(classes: pd.Series) -> pd.Series:
    """Codes (int8) of IGBP classes written as names, such as ENF."""
    return classes.map(IGBP_CLASSES).astype("int8")


def build_training_table(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    drivers: xr.Dataset | None = None,
    carry_over: CarryOverParameters | None = None,
    footprint: float | None = None,
) -> pd.DataFrame:
    """Join the towers' fluxes with predictors for the same place and period.

    Args:
        towers: Fluxes by ``site_id`` and ``time``; without ``drivers`` their predictors too.
        sites: Place and IGBP class of each tower.
        drivers: Cube to read the predictors off; None takes those that stand in ``towers``.
        carry_over: Without ``drivers``, of what predictors that carry over to unseen towers are
            made; None for none.
        footprint: Of ``drivers``, the radius in metres over which a tower's fields are averaged;
            None reads its cell.

    Returns:
        ``site_id``, ``time``, ``latitude``, ``longitude`` (of the tower), ``climate``, fluxes and
        their ``_QC``, predictors. IGBP is the code of the tower's own class, since the map's
        cell holds many covers; Latitude is the cell's, or without a cube the tower's.

    Raises:
        InputError: If a tower has no metadata, stands outside the grid, or no period is shared.
    """
    check_metadata(towers, sites, "towers")
    check_igbp(sites, "sites")
    sites = sites[sites["site_id"].isin(towers["site_id"])]
    fluxes = [c for c in towers if c.removesuffix("_QC") in FLUXES]
    keys = ["site_id", "time"]
    if drivers is None:
        days = _DAYS[towers.attrs.get("resolution", "MM")]
        table = _with_tower_predictors(towers.merge(sites, on="site_id"), days)
        if carry_over is not None:
            _require_months(towers, "features.carry_over makes predictors of months")
            table = carry_over_at_towers(table, carry_over)
    else:
        _require_months(towers, "grids are brought to months")
        sampled = sample_at_sites(drivers, sites, footprint).drop(columns="IGBP")
        table = towers[[*keys, *fluxes]].merge(sites, on="site_id").merge(sampled, on=keys)
        _report_dropped(towers, table, drivers)
    table["IGBP"] = igbp_codes(table["IGBP"])
    first = [*keys, "latitude", "longitude", "climate", *fluxes]
    rest = [c for c in table if c not in first and c != "elevation"]
    table = table[first + rest].sort_values(keys, ignore_index=True)
    table.attrs = dict(towers.attrs)
    return table


def _with_tower_predictors(table: pd.DataFrame, days: float | None) -> pd.DataFrame:
    """Complete the predictors of a table that already has some."""
    for prefix in dict.fromkeys(_prefix(c) for c in table):
        if prefix:
            table = derive_predictors(table, prefix)
    features = calendar_features(pd.DatetimeIndex(table["time"]), days)
    return table.assign(**features, Latitude=table["latitude"])


def _require_months(towers: pd.DataFrame, because: str) -> None:
    resolution = towers.attrs.get("resolution", "MM")
    if resolution != "MM":
        raise ConfigurationError(f"{because}, towers.resolution is {resolution}: expected MM")


def _report_dropped(towers: pd.DataFrame, table: pd.DataFrame, drivers: xr.Dataset) -> None:
    first, last = drivers.indexes["time"][[0, -1]]
    covered = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if table.empty:
        raise InputError(
            "towers",
            "time",
            expected=f"periods that the drivers have, {covered}",
            found=f"{towers['time'].min():%Y-%m-%d} to {towers['time'].max():%Y-%m-%d}",
        )
    if len(table) < len(towers):
        logger.warning(
            "%d of %d rows of the towers lie outside the drivers' record, %s",
            len(towers) - len(table), len(towers), covered,
        )  # fmt: skip
