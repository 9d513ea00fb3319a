"""Choose among several deliveries of one tower: newest release, a regional hub before FLUXNET2015."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from uflux_kedro.readers.towers.left_out import LeftOut
from uflux_kedro.readers.towers.tower_files import TowerFile

_YEARS = re.compile(r"(\d{4})[-_](\d{4})")
_GLOBAL = "FLX"
"""Network in the names of FLUXNET2015, which regional hubs have superseded."""


def newness(table: TowerFile | None) -> tuple[object, ...]:
    """Return what deliveries of a tower are compared by: the newest is the largest.

    Tables of ONEFlux come before those of single teams, regional hubs before FLUXNET2015, then the
    names that are in use since 2025 (``v1.3_r2``), then version, release and last year count.

    Args:
        table: Table of a delivery; None for a table of many towers.
    """
    if table is None:
        return (0, False, False, (), 0)
    name = "_".join(table.delivery)
    years = _YEARS.search(name)
    rest = _YEARS.sub("", name)
    parts = [p for p in rest.split("_")[3:] if p]
    version = tuple(int(n) for part in parts for n in re.findall(r"\d+", part))
    numbered = any(re.fullmatch(r"v\d.*", part) for part in parts)
    last = int(years[2]) if years else 0
    oneflux = 2 if table.family == "fluxnet" else 1
    return (oneflux, not name.startswith(_GLOBAL), numbered, version, last)


def one_a_period(
    towers: pd.DataFrame,
    origin: pd.Series,
    tables: Sequence[TowerFile | None],
    where: Sequence[str],
    lead: pd.Series,
) -> tuple[pd.Series, list[LeftOut]]:
    """Choose one delivery where several have the same tower and period; what they share is read once.

    Args:
        towers: ``site_id`` and ``time`` of all deliveries, one below the other.
        origin: Number of the delivery of each row.
        tables: Table of each delivery; None for a table of many towers.
        where: Description of the file of each delivery.
        lead: Whether each row is of weather alone, from before the delivery begins. Such rows do not
            make deliveries rivals; they go with their delivery.

    Returns:
        Whether each row is kept, and the deliveries that were set aside.
    """
    keys = towers[["site_id", "time"]]
    twice = keys[~lead].duplicated(keep=False).reindex(keys.index, fill_value=False)
    keep = pd.Series(data=True, index=towers.index)
    aside: list[LeftOut] = []
    for site in towers.loc[twice, "site_id"].unique():
        of_site = towers["site_id"] == site
        offered = origin[of_site].unique()
        rows = {n: towers.index[of_site & (origin == n)] for n in offered}
        offered = sorted(
            offered, key=lambda n: (newness(tables[n]), len(rows[n]), -n), reverse=True
        )
        taken: list[int] = []
        for number in offered:
            times = towers["time"].loc[_measured(rows[number], lead)]
            rival = next(
                (
                    n
                    for n in taken
                    if times.isin(towers["time"].loc[_measured(rows[n], lead)]).any()
                ),
                None,
            )
            if rival is None:
                taken.append(number)
                continue
            keep[rows[number]] = False
            aside.append(
                LeftOut(
                    site_id=str(site),
                    variable="",
                    file=where[number],
                    reason=f"{where[rival]} has the same periods, and is read instead",
                    remedy="Remove the one that is not wanted",
                )
            )
    return keep, aside


def doubled_lead(towers: pd.DataFrame, lead: pd.Series) -> pd.Series:
    """Return whether each row is of weather alone, and another has the same tower and period.

    Args:
        towers: ``site_id`` and ``time``.
        lead: As of :func:`one_a_period`, of these rows and maybe others.
    """
    weather = lead[towers.index].sort_values(kind="stable")
    keys = towers.loc[weather.index, ["site_id", "time"]]
    return keys.duplicated() & weather


def _measured(rows: pd.Index, lead: pd.Series) -> pd.Index:
    return rows[~lead[rows]]
