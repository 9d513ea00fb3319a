"""Join the weather from reanalysis that accompanies an archive, as predictors at the tower.

ONEFlux downscales a reanalysis to each tower by a line fitted to what the tower measured (Vuichard and
Papale 2015, doi 10.5194/essd-7-157-2015): ERA5 from 1981 on, ERA-Interim from 1989 on in FLUXNET2015.
The files have no gaps and begin long before most towers, so that predictors which look back are known
from a tower's first day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.aggregation import aggregate
from uflux_kedro.readers.towers.csv_columns import read_header
from uflux_kedro.readers.towers.deliveries import newness
from uflux_kedro.readers.towers.fluxnet import companion_columns
from uflux_kedro.readers.towers.left_out import left_out
from uflux_kedro.readers.towers.single_tower import (
    Columns,
    all_within_bounds,
    read_steps,
    steps_that_fill,
)
from uflux_kedro.readers.towers.tables import OutOfBoundsError, Resolution
from uflux_kedro.readers.towers.tower_files import TowerFile
from uflux_kedro.variables import predictor_name

SOURCE = "ERA5"
"""Prefix of the predictors, whichever reanalysis an archive holds."""
COMPANION = "companion"
"""Column of the table of sites with the reanalysis that accompanies a tower."""
LEAD = "lead"
"""Attribute of a record with the number of its rows before the tower's first."""

_BEFORE_ERA5 = "FLUXNET2015"
"""Product whose reanalysis is ERA-Interim."""
_BEFORE: Mapping[Resolution, pd.Timedelta] = {
    "WW": pd.Timedelta(days=366),
    "DD": pd.Timedelta(days=366),
}
"""How long before a tower's first row its companion is kept. Months are kept from the first, since their
mean year is what departures count from."""


def companion_of(
    table: TowerFile, offered: Collection[TowerFile], resolution: Resolution
) -> tuple[TowerFile, Columns] | None:
    """Choose the companion of a tower's table, of the step nearest to the resolution.

    That of the same archive comes first, then that of the same product, then the newest. Without any,
    a FULLSET table has the same columns for its own years.

    Args:
        table: Table with fluxes.
        offered: Companions of any towers.
        resolution: Wanted resolution.

    Returns:
        The companion and its columns; None if there is none.

    Raises:
        InputError: If the companion is damaged, or has none of the columns.
    """
    steps = steps_that_fill(resolution)
    fitting = [c for c in offered if c.site == table.site and c.step in steps]

    def product(one: TowerFile) -> tuple[str, ...]:
        return one.delivery[:1] + one.delivery[2:3]

    def fitness(one: TowerFile) -> tuple[object, ...]:
        inside = table.file.member is not None and one.file.path == table.file.path
        same = product(one) == product(table)
        return (inside, same, newness(one), -steps.index(one.step or "DD"), one.file)

    if not fitting and table.family != "fluxnet":
        return None
    found = max(fitting, key=fitness) if fitting else table
    header = read_header(found.file)
    columns = companion_columns(header)
    if columns.variables:
        return found, columns
    if found is table:
        return None
    raise InputError(
        found.file.where,
        None,
        expected="columns such as TA_ERA",
        found=", ".join(header.columns[:8]),
    )


def with_companion(
    record: pd.DataFrame,
    table: TowerFile,
    offered: Sequence[TowerFile],
    parameters: TowerParameters,
) -> pd.DataFrame:
    """Add the predictors ``ERA5_...`` to the record of a tower, and rows before its first one.

    Args:
        record: As of the reader of the table: ``site_id``, ``time`` and variables, sorted.
        table: The table that it was read from.
        offered: Companions of any towers.
        parameters: Resolution, completeness, ``outside`` and ``on_bad_tower``.

    Returns:
        The record with ``ERA5_TA`` (degC), ``ERA5_SW_IN``, ``ERA5_LW_IN`` (W m-2), ``ERA5_VPD`` (hPa),
        ``ERA5_PA`` (kPa), ``ERA5_P`` (mm d-1), ``ERA5_WS`` (m s-1) where the companion has them. Rows
        before the tower's first, of which ``attrs["lead"]`` is the number, have nothing else: a year of
        them, of months all. ``attrs["companion"]`` names the reanalysis. Without a companion that can
        be read, the record as it was; ``attrs["left_out"]`` then says so.

    Raises:
        InputError: If the tower has no companion that can be read, with ``on_bad_tower`` ``stop``; or
            if values are out of bounds and ``outside`` is ``raise``.
    """
    try:
        weather, reanalysis = _read(table, offered, parameters)
    except OutOfBoundsError:  # for towers.outside to say
        raise
    except InputError as error:
        if parameters.on_bad_tower == "stop":
            raise
        lost = [*record.attrs.get("left_out", []), left_out(table.site, error, SOURCE)]
        record.attrs["left_out"] = lost
        return record
    times = record["time"]
    first, last = times.iloc[0], times.iloc[-1]
    before = _BEFORE.get(parameters.resolution)
    start = weather["time"].iloc[0] if before is None else first - before
    weather = weather[weather["time"].between(start, last)]
    joined = record.merge(weather.drop(columns="site_id"), on="time", how="outer", sort=True)
    joined["site_id"] = table.site
    joined.attrs = record.attrs | {
        COMPANION: reanalysis,
        LEAD: int((joined["time"] < first).sum()),
    }
    return joined


def _read(
    table: TowerFile, offered: Sequence[TowerFile], parameters: TowerParameters
) -> tuple[pd.DataFrame, str]:
    """Read the companion of a table, averaged to the resolution; return it with its reanalysis."""
    found = companion_of(table, offered, parameters.resolution)
    if found is None:
        raise InputError(
            table.file.where,
            SOURCE,
            expected="weather from reanalysis beside the fluxes",
            found="none",
            hint="Take the whole archive as its hub delivers it, with ..._ERA5_..., or weather from "
            "grids",
        )
    companion, columns = found
    steps = read_steps(companion, columns)
    weather = steps.record
    if companion.step != parameters.resolution:
        weather = aggregate(weather, parameters.resolution, steps.length, parameters.completeness)
    weather = weather.rename(columns={v: predictor_name(SOURCE, v) for v in columns.variables})
    weather.insert(0, "site_id", table.site)
    weather = all_within_bounds(weather, companion.file.where, parameters.outside)
    older = {"ERAI", _BEFORE_ERA5} & set(companion.file.name.split("_"))
    return weather, "ERA-Interim" if older else "ERA5"
