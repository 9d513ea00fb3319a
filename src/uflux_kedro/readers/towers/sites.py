"""Read and check the table of sites: place and land cover of each tower."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.csv_columns import read_header, read_text
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

ALIASES = (
    ("site_id", ("siteid", "fluxnetid", "sitecode", "stationid", "id", "site", "station")),
    ("latitude", ("locationlat", "latitude", "lat")),
    ("longitude", ("locationlong", "longitude", "long", "lon")),
    ("elevation", ("locationelev", "elevation", "elev", "altitude", "alt")),
    ("IGBP", ("igbp", "igbpclass", "igbpcode", "vegetationabbreviation", "ecosystemtype", "sitetype",
              "vegetation", "landcover")),
    ("climate", ("climate", "climatekoeppen", "climateclassabbreviation", "koeppen", "climatezone")),
)  # fmt: skip
"""Canonical name -> names in the site lists of FLUXNET, AmeriFlux, ICOS, the European database and
OzFlux, without case, signs and units in brackets."""

_CLASS_NAMES = {
    "waterbod": "WAT", "evergreenneedleleaf": "ENF", "evergreenbroadleaf": "EBF",
    "deciduousneedleleaf": "DNF", "deciduousbroadleaf": "DBF", "mixedforest": "MF",
    "closedshrub": "CSH", "openshrub": "OSH", "woodysavanna": "WSA", "savanna": "SAV",
    "grassland": "GRA", "permanentwetland": "WET", "wetland": "WET", "cropland": "CRO",
    "urban": "URB", "croplandnaturalvegetation": "CVM", "snowandice": "SNO",
    "permanentsnow": "SNO", "barren": "BSV",
}  # fmt: skip
"""Beginning of a class in words -> class."""

CLIMATES = {
    "A": "Tropical", "B": "Arid", "C": "Temperate", "D": "Continental", "E": "Arctic",
}  # fmt: skip
"""Main Koeppen classes -> names in the site lists of FLUXNET."""

_KOEPPEN = r"A[fmws]?|B[SW]?[hkn]?|C[fsw]?[abc]?|D[fsw]?[abcd]?|E[TF]?"

_CLASS_OF_CODE = {str(code): name for name, code in IGBP_CLASSES.items()} | {"17": "WAT"}

_SWAPPED = "Are latitude and longitude swapped?"
_LOWEST, _HIGHEST = -450.0, 8900.0
"""m; the shore of the Dead Sea and Mount Everest."""
_OPTIONAL = ("elevation", "climate")


def read_sites(path: Path, only: Collection[str] | None = None) -> pd.DataFrame:
    """Read a site table of any network.

    Args:
        path: CSV with SITE_ID, LOCATION_LAT, LOCATION_LONG (degrees), IGBP (class such as
            ENF), optionally LOCATION_ELEV (m) and CLIMATE, or with other networks' names of them.
        only: Sites to read; None for all. What is wrong at other sites does not matter.

    Returns:
        ``site_id``, ``latitude``, ``longitude``, ``elevation``, ``IGBP``, ``climate``; one row a
        site, sorted; NaN where elevation or climate is unknown.

    Raises:
        InputError: If a column is absent, or as for :func:`check_sites`.
    """
    header = read_header(File(path))
    found = site_columns(header.columns)
    missing = [c for c, name in COLUMNS.items() if name not in {*found, *_OPTIONAL}]
    if missing:
        raise InputError(
            path,
            ", ".join(missing),
            expected="these columns",
            found=", ".join(header.columns),
        )
    names = [column for name, column in found.items() if name in ("site_id", "IGBP", "climate")]
    raw = read_text(path, names, ["", "-9999"], usecols=lambda c: c in found.values())
    sites = pd.DataFrame({name: raw[column] for name, column in found.items()})
    if "climate" in sites:
        sites["climate"] = climates_in_words(sites["climate"])
    if only is not None:
        sites = sites[sites["site_id"].isna() | sites["site_id"].str.strip().isin(list(only))]
    return check_sites(sites, path)


def climates_in_words(classes: pd.Series) -> pd.Series:
    """Return the main class of each Koeppen class as :data:`CLIMATES` has it; other words as they are."""
    classes = classes.str.strip()
    koeppen = classes.str.fullmatch(_KOEPPEN, na=False)
    return classes.mask(koeppen, classes.str[:1].map(CLIMATES))


def site_columns(header: Collection[str]) -> dict[str, str]:
    """Return canonical name -> column of a site table, whichever network's names it has.

    ``Latitude (degrees)`` and ``location_lat`` are both the latitude. Of several columns the first
    of ``ALIASES`` counts.
    """
    plain = {_plain(column): column for column in reversed(list(header))}
    found = {ours: next((plain[a] for a in names if a in plain), None) for ours, names in ALIASES}
    return {ours: column for ours, column in found.items() if column is not None}


def _plain(column: str) -> str:
    return re.sub(r"\(.*?\)|[^a-z0-9]", "", column.lower())


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
    sites["IGBP"] = sites["IGBP"].fillna("").astype(str).map(igbp_class)
    check_igbp(sites, where)
    return sites.sort_values("site_id", ignore_index=True)


def igbp_class(text: str) -> str:
    """Return the class that a text means: ``enf``, ``ENF - ...``, a code or words; else the text."""
    text = text.strip()
    if code := _CLASS_OF_CODE.get(text):
        return code
    first = re.split(r"[^A-Za-z]", text, maxsplit=1)[0].upper()
    if first in IGBP_CLASSES:
        return first
    words = _plain(text)
    fitting = [name for name in _CLASS_NAMES if words.startswith(name)]
    return _CLASS_NAMES[max(fitting, key=len)] if fitting else text


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
    unknown = sorted(set(towers["site_id"].unique()) - set(sites["site_id"]))
    if unknown:
        raise InputError(
            where,
            "site_id",
            expected="a row of the site table for each tower",
            found=f"none for {', '.join(unknown)}",
            hint="Add their place and IGBP class to the site table, or leave the towers out",
        )
