"""Read a snapshot of the FLUXNET Shuttle: the towers that the data hubs offer, and whom to cite.

Source of the columns: https://github.com/fluxnet/shuttle. Its columns with the names and addresses of
people (``team_member_...``) are never read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.csv_columns import read_header, read_text
from uflux_kedro.readers.towers.sites import check_sites
from uflux_kedro.readers.towers.tables import to_numbers

COLUMNS = {
    "site_id": "site_id",
    "data_hub": "hub",
    "fluxnet_product_name": "product",
    "location_lat": "latitude",
    "location_long": "longitude",
    "igbp": "IGBP",
    "first_year": "first_year",
    "last_year": "last_year",
    "site_name": "name",
    "product_citation": "citation",
    "product_id": "identifier",
    "download_link": "link",
}
"""Column of a snapshot -> name in this project."""

_MARKS = ("site_id", "data_hub", "fluxnet_product_name")
"""Columns that a snapshot has and no other table."""
_NUMBERS = ("latitude", "longitude", "first_year", "last_year")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_LINK = re.compile(r"https?://[^\s\"<>]+")
_UNKNOWN = "UNK"
"""IGBP class of a tower that tells none."""


def is_snapshot(columns: Collection[str]) -> bool:
    """Return whether a table with these columns is a snapshot."""
    return {*_MARKS} <= {name.strip().lower() for name in columns}


def is_snapshot_file(path: Path) -> bool:
    """Return whether a CSV file is a snapshot, by its header.

    Raises:
        InputError: If it cannot be read.
    """
    return is_snapshot(read_header(File(path)).columns)


def product_name(file_name: str) -> str:
    """Return the name of a product without the ending of its archive."""
    return file_name.strip().removesuffix(".zip")


def read_snapshot(path: Path) -> pd.DataFrame:
    """Read the products that a snapshot offers.

    Args:
        path: CSV, plain or gzipped.

    Returns:
        One row a product: ``site_id``, ``hub``, ``product`` (name of the archive without ``.zip``),
        ``network`` (code of the source network, the first part of that name), ``latitude``,
        ``longitude`` (degrees), ``IGBP``, ``first_year``, ``last_year``, ``name`` (of the site),
        ``citation``, ``identifier`` (as the hub has it), ``doi``, ``link`` (address of the archive). What is not known is empty or NaN; so
        are places at 0, 0 and the class UNK, with which the hubs fill in unknown ones.

    Raises:
        InputError: If a column that identifies a product is absent or empty, or a number unreadable.
    """
    header = read_header(File(path))
    present = {c: c.strip().lower() for c in header.columns if c.strip().lower() in COLUMNS}
    if missing := [c for c in _MARKS if c not in present.values()]:
        raise InputError(
            path,
            ", ".join(missing),
            expected="a snapshot of the FLUXNET Shuttle",
            found=", ".join(header.columns[:8]),
        )
    raw = read_text(path, list(present), usecols=lambda c: c in present)
    raw = raw.rename(columns={c: COLUMNS[n] for c, n in present.items()})
    table = raw.reindex(columns=list(COLUMNS.values()), fill_value="").fillna("")
    table = table.apply(lambda column: column.astype(str).str.split().str.join(" "))
    for name in ("site_id", "hub", "product"):
        empty = table.index[table[name] == ""]
        if len(empty):
            raise InputError(
                path, name, expected="a value in every row", found=f"none in row {empty[0] + 1}"
            )
    for name in _NUMBERS:
        table[name] = to_numbers(table[name].replace("", None), path)
    nowhere = (table["latitude"] == 0) & (table["longitude"] == 0)
    table.loc[nowhere, ["latitude", "longitude"]] = float("nan")
    table["IGBP"] = table["IGBP"].where(table["IGBP"] != _UNKNOWN, "")
    table["product"] = table["product"].map(product_name)
    # The name of the archive rules, as the licence of the archives says.
    table["network"] = table["product"].str.partition("_")[0]
    table["doi"] = [
        find_doi(i, c) for i, c in zip(table["identifier"], table["citation"], strict=True)
    ]
    return table


def without_people(path: Path) -> bytes:
    """Return a snapshot as CSV with the columns that this project reads, as they were written.

    Raises:
        InputError: If it cannot be read.
    """
    header = read_header(File(path))
    kept = [c for c in header.columns if c.strip().lower() in COLUMNS]
    table = read_text(path, kept, usecols=lambda c: c in kept)
    return table.to_csv(index=False, lineterminator="\n").encode()


def find_doi(*texts: str) -> str:
    """Return the first DOI in texts, such as ``10.17190/AMF/2571144``; empty without one."""
    found = next((match for text in texts if (match := _DOI.search(text))), None)
    return found[0].rstrip(".,;)") if found else ""


def find_link(text: str) -> str:
    """Return the first address in a text, such as that of a handle; empty without one."""
    found = _LINK.search(text)
    return found[0].rstrip(".,;)") if found else ""


def sites_of_snapshot(path: Path, only: Collection[str] | None = None) -> pd.DataFrame:
    """Read the place and class of towers, as :func:`uflux_kedro.readers.towers.sites.read_sites`.

    Args:
        path: CSV.
        only: Sites to read; None for all. Those without place or class are left out.

    Raises:
        InputError: If it is no snapshot, or a place or class of these sites is invalid.
    """
    table = read_snapshot(path)
    known = table["latitude"].notna() & table["longitude"].notna() & (table["IGBP"] != "")
    wanted = True if only is None else table["site_id"].isin(list(only))
    # A tower of two networks, or in two releases, has several products and one place.
    table = table[known & wanted].drop_duplicates("site_id")
    return check_sites(table, path)
