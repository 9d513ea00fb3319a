"""The training table: fluxes of towers with the predictors of the same place and period."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

import numpy as np

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.antecedent import antecedents_at_towers, require_days
from uflux_kedro.features.calendar import PERIOD_DAYS, calendar_features
from uflux_kedro.features.carry_over import carry_over_at_towers
from uflux_kedro.features.derived import derive_predictors
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.lazy import pd, xr
from uflux_kedro.origins import from_collections
from uflux_kedro.readers.towers.products import COLLECTION
from uflux_kedro.readers.towers.sites import COLUMNS, check_igbp, check_metadata
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.variables import FLUXES, IGBP_CLASSES, flux_beside, parse_predictor

logger = logging.getLogger(__name__)


def igbp_codes(classes: pd.Series) -> pd.Series:
    """Return the codes (int8) of IGBP classes given by name, such as ENF."""
    return classes.map(IGBP_CLASSES).astype("int8")


def build_training_table(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    drivers: xr.Dataset | None = None,
    carry_over: CarryOverParameters | None = None,
    footprint: float | None = None,
    predictors: Iterable[str] = (),
    sampled: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Join the towers' fluxes with predictors for the same place and period.

    Args:
        towers: Fluxes by ``site_id`` and ``time``; without ``drivers`` also predictors.
        sites: Place and IGBP class of each tower.
        drivers: Cube from which predictors are read; None uses those in ``towers``.
        carry_over: Without ``drivers``, inputs of the carry-over predictors; None makes none.
        footprint: With ``drivers``, radius in metres over which a tower's fields are averaged;
            None reads its cell.
        predictors: Names of predictors that are wanted of the days before, such as ``TA_MEAN30``;
            without ``drivers``, others are ignored.
        sampled: In place of ``drivers``, predictors by site and day, from
            :func:`uflux_kedro.features.days_at_sites`.

    Returns:
        ``site_id``, ``time``, ``latitude``, ``longitude`` (of the tower), ``climate``, fluxes,
        their ``_QC`` and the columns beside them such as ``NEE_RANDUNC``, predictors; without
        ``drivers`` from a tower's first flux on. IGBP is the code of the tower's own class, since a cell of the
        map covers many classes; Latitude is the cell's, or without a cube the tower's. ``attrs``
        are the towers', with the mark of simulated data of both and the collections of the towers.

    Raises:
        ConfigurationError: If months or days are required and the towers have another resolution.
        InputError: If a tower has no metadata or is outside the grid, or if towers and drivers
            have no period in common.
    """
    check_metadata(towers, sites, "towers")
    check_igbp(sites, "sites")
    places = [name for name in COLUMNS.values() if name in sites]
    collections = sites.set_index("site_id").reindex(columns=[COLLECTION])[COLLECTION].dropna()
    sites = sites.loc[sites["site_id"].isin(towers["site_id"].unique()), places]
    sites = sites.assign(IGBP=igbp_codes(sites["IGBP"]))  # a code takes less memory in every row
    fluxes = [c for c in towers if c.removesuffix("_QC") in FLUXES or flux_beside(str(c))]
    keys = ["site_id", "time"]
    resolution = towers.attrs.get("resolution", "MM")
    require_days(predictors, resolution)
    if sampled is not None:
        table = towers[[*keys, *fluxes]].merge(sites, on="site_id")
        table = table.merge(sampled.drop(columns="IGBP"), on=keys)
        _report_dropped(towers, table, sampled["time"].min(), sampled["time"].max())
    elif drivers is None:
        table = _with_tower_predictors(_with_places(towers, sites), PERIOD_DAYS[resolution])
        table = antecedents_at_towers(table, predictors)
        if carry_over is not None:
            _require_months(towers, "features.carry_over works on months")
            table = carry_over_at_towers(table, carry_over)
        table = _from_first_flux(table, fluxes)
    else:
        _require_months(towers, "the drivers are of months")
        sampled = sample_at_sites(drivers, sites, footprint).drop(columns="IGBP")
        table = towers[[*keys, *fluxes]].merge(sites, on="site_id").merge(sampled, on=keys)
        _report_dropped(towers, table, *drivers.indexes["time"][[0, -1]])
    first = [*keys, "latitude", "longitude", "climate", *fluxes]
    # The quality of weather told the checks what is measured; nothing after them asks for it.
    rest = [c for c in table if c not in first and c != "elevation" and not c.endswith("_QC")]
    table = table[first + rest]
    if not _in_order(table):
        table = table.sort_values(keys, ignore_index=True)
    used = collections[collections.index.isin(table["site_id"].unique())]
    names = [name for of in used.unique() for name in of.split(", ")]
    table.attrs = {
        **towers.attrs,
        **marked(mark_of(towers, drivers, sampled)),
        **from_collections(*names),
    }
    return table


def _from_first_flux(table: pd.DataFrame, fluxes: Collection[str]) -> pd.DataFrame:
    """Leave out the rows before each tower's first flux, which predictors that look back begin with.

    Args:
        table: ``site_id``, ``time``, in any order, and fluxes.
        fluxes: Columns of fluxes, their quality and what stands beside them.
    """
    known = np.zeros(len(table), dtype=bool)
    for name in set(FLUXES).intersection(fluxes):
        known |= table[name].notna().to_numpy()
    start = table["time"].where(known).groupby(table["site_id"]).transform("min")
    early = (table["time"] < start).to_numpy()
    return table[~early].reset_index(drop=True) if early.any() else table


def _with_places(towers: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Return the towers with place and code of class; unlike a merge it copies none of their columns."""
    codes, names = pd.factorize(towers["site_id"])
    places = sites.set_index("site_id").reindex(names).reset_index(drop=True)
    places = places.drop(columns="elevation", errors="ignore")
    table = towers.reset_index(drop=True)
    return table.assign(
        **{name: places[name].take(codes).reset_index(drop=True) for name in places}
    )


def _in_order(table: pd.DataFrame) -> bool:
    """Return whether rows are sorted by site and time, each once, so that a copy in order is spared."""
    codes, names = pd.factorize(table["site_id"])
    steps = np.diff(codes)
    later = np.diff(table["time"].to_numpy()) > np.timedelta64(0)
    return names.is_monotonic_increasing and bool(((steps > 0) | ((steps == 0) & later)).all())


def _with_tower_predictors(table: pd.DataFrame, days: float | None) -> pd.DataFrame:
    """Derive the predictors that follow from those in the table, and add season and place."""
    for prefix in dict.fromkeys(parse_predictor(str(c))[0] for c in table):
        if prefix:
            table = derive_predictors(table, prefix)
    features = calendar_features(pd.DatetimeIndex(table["time"]), days)
    return table.assign(**features, Latitude=table["latitude"])


def _require_months(towers: pd.DataFrame, because: str) -> None:
    resolution = towers.attrs.get("resolution", "MM")
    if resolution != "MM":
        raise ConfigurationError(
            f"towers.resolution: expected MM, since {because}; found {resolution}"
        )


def _report_dropped(
    towers: pd.DataFrame, table: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp
) -> None:
    covered = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if table.empty:
        raise InputError(
            "towers",
            "time",
            expected=f"periods that the drivers cover, {covered}",
            found=f"{towers['time'].min():%Y-%m-%d} to {towers['time'].max():%Y-%m-%d}",
        )
    if len(table) < len(towers):
        logger.warning(
            "%d of %d rows of the towers are dropped: the drivers cover %s",
            len(towers) - len(table), len(towers), covered,
        )  # fmt: skip
