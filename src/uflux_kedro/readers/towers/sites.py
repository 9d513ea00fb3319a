"""Read and check the table of sites: place and land cover of each tower."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.csv_columns import read_text
from uflux_kedro.readers.towers.tables import to_numbers
from uflux_kedro.variables import IGBP_CLASSES

logger = logging.getLogger(__name__)

COLUMNS = {
    "SITE_ID": "site_id",
    "LOCATION_LAT": "latitude",
    "LOCATION_LONG": "longitude",
    "LOCATION_ELEV": "elevation",
    "IGBP": "IGBP",
    "CLIMATE": "climate",
}
"""FLUXNET's name of a property of a site -> canonical name."""

_SWAPPED = "Are latitude and longitude swapped?"
_LOWEST, _HIGHEST = -450.0, 8900.0
"""m; the shore of the Dead Sea and Mount Everest."""
_OPTIONAL = ("elevation", "climate")


def read_sites(path: Path) -> pd.DataFrame:
    """Read a site table with FLUXNET's names.

    Args:
        path: CSV with SITE_ID, LOCATION_LAT, LOCATION_LONG (degrees), IGBP (class such as
            ENF), optionally LOCATION_ELEV (m) and CLIMATE.

    Returns:
        ``site_id``, ``latitude``, ``longitude``, ``elevation``, ``IGBP``, ``climate``; one row a
        site, sorted; NaN where elevation or climate is unknown.

    Raises:
        InputError: If a column is absent, or as for :func:`check_sites`.
    """
    names = ("SITE_ID", "IGBP", "CLIMATE")
    raw = read_text(path, names, ["", "-9999"], usecols=lambda c: c in COLUMNS)
    missing = [c for c, name in COLUMNS.items() if c not in raw and name not in _OPTIONAL]
    if missing:
        raise InputError(
            path,
            ", ".join(missing),
            expected="these columns",
            found=", ".join(map(str, raw.columns)),
        )
    return check_sites(raw.rename(columns=COLUMNS), path)


def check_sites(sites: pd.DataFrame, where: str | Path) -> pd.DataFrame:
    """Convert a site table to canonical columns and types, and check it.

    Args:
        sites: With at least ``site_id``, ``latitude``, ``IGBP``. ``longitude`` is needed for maps
            and regions only.
        where: File, for the message.

    Raises:
        InputError: If a site appears twice, has no name, no valid place or an unknown IGBP
            class.
    """
    unplaced = "longitude" not in sites
    sites = sites.reindex(columns=list(COLUMNS.values()))
    if sites["site_id"].isna().any():
        raise InputError(where, "site_id", expected="a name for each site", found="none")
    sites["site_id"] = sites["site_id"].astype(str).str.strip()
    twice = sites.loc[sites["site_id"].duplicated(), "site_id"]
    if len(twice):
        raise InputError(
            where, "site_id", expected="each site once", found=f"{twice.iloc[0]} twice"
        )
    for name, limit in (("latitude", 90), ("longitude", 180)):
        sites[name] = to_numbers(sites[name], where)
        if name == "longitude" and unplaced:
            logger.warning(
                "%s: no longitudes: towers cannot be shown on maps or assigned to regions", where
            )
            continue
        wrong = sites[~(sites[name].abs() <= limit)]
        if len(wrong):
            site = wrong.iloc[0]
            raise InputError(
                where,
                name,
                expected=f"-{limit} to {limit} degrees",
                found=f"{site[name]:g} at {site['site_id']}",
                hint=_SWAPPED if name == "latitude" and 90 < abs(site[name]) <= 180 else None,
            )
    sites["elevation"] = to_numbers(sites["elevation"], where)
    wrong = sites[(sites["elevation"] < _LOWEST) | (sites["elevation"] > _HIGHEST)]
    if len(wrong):
        raise InputError(
            where,
            "elevation",
            expected=f"{_LOWEST:g} to {_HIGHEST:g} m above the sea",
            found=f"{wrong.iloc[0]['elevation']:g} at {wrong.iloc[0]['site_id']}",
        )
    sites["IGBP"] = sites["IGBP"].fillna("").astype(str).str.strip()
    check_igbp(sites, where)
    return sites.sort_values("site_id", ignore_index=True)


def check_igbp(sites: pd.DataFrame, where: str | Path) -> None:
    """Check the IGBP classes of a site table.

    Raises:
        InputError: If a class is unknown; the message suggests a similar one.
    """
    unknown = sites[~sites["IGBP"].isin(list(IGBP_CLASSES))]
    if len(unknown):
        site = unknown.iloc[0]
        near = get_close_matches(site["IGBP"].upper(), IGBP_CLASSES, n=1)
        raise InputError(
            where,
            "IGBP",
            expected=f"one of {', '.join(IGBP_CLASSES)}",
            found=f"{site['IGBP']!r} at {site['site_id']}",
            hint=f"Is it {near[0]}?" if near else None,
        )


def check_metadata(towers: pd.DataFrame, sites: pd.DataFrame, where: str | Path) -> None:
    """Check that the site table has all towers.

    Raises:
        InputError: If towers are missing there.
    """
    unknown = sorted(set(towers["site_id"]) - set(sites["site_id"]))
    if unknown:
        raise InputError(
            where,
            "site_id",
            expected="a row of the site table for each tower",
            found=f"none for {', '.join(unknown)}",
            hint="Add their place and IGBP class to the site table, or leave the towers out",
        )
