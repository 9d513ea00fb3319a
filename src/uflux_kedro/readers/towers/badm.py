"""Read the place and land cover of towers from the metadata of the networks.

BADM metadata are in the interchange format BIF: one row for each value, ``SITE_ID, GROUP_ID,
[VARIABLE_GROUP,] VARIABLE, DATAVALUE``, as CSV (commas, semicolons or tabs) or xlsx; ICOS calls the file SITEINFO.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from io import BytesIO, StringIO

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, check_zip
from uflux_kedro.readers.towers.csv_columns import separator_of
from uflux_kedro.readers.towers.sites import CLIMATES, COLUMNS, check_sites

_COLUMNS = ("SITE_ID", "VARIABLE", "DATAVALUE")
_DECIMAL_COMMA = re.compile(r"^(\s*-?\d+),(\d+\s*)$")
_NUMBER = re.compile(r"[+-]?\d{1,2}(\.\d+)?")
_MOST_BYTES = 256 * 2**20
"""The file of all AmeriFlux sites takes 15 MB."""


def read_badm(file: File, only: Collection[str] | None = None) -> pd.DataFrame:
    """Read the sites of one metadata file.

    Args:
        file: BIF or SITEINFO, CSV or xlsx, of one or many sites.
        only: Sites to read; None for all.

    Returns:
        As :func:`uflux_kedro.readers.towers.sites.read_sites`. Sites without place or class are
        left out. If a value appears several times, as after a tower moved, the last is taken.

    Raises:
        InputError: If the file cannot be read, or a place or class is invalid.
    """
    found: dict[str, dict[str, str]] = {}
    for site, variable, value in _entries(_rows(file), file):
        if only is None or site in only:
            found.setdefault(site, {})[variable] = value
    sites = pd.DataFrame.from_dict(found, orient="index").rename_axis("SITE_ID").reset_index()
    if "CLIMATE_KOEPPEN" in sites:
        sites["CLIMATE"] = sites["CLIMATE_KOEPPEN"].str.strip().str[:1].map(CLIMATES)
    sites = sites.reindex(columns=list(COLUMNS)).rename(columns=COLUMNS)
    return check_sites(sites.dropna(subset=["latitude", "longitude", "IGBP"]), file.where)


def read_utc_offsets(file: File, only: Collection[str]) -> dict[str, float]:
    """Read by how many hours the clocks of sites are ahead of UTC; sites that do not tell are left out.

    Args:
        file: BIF or SITEINFO, CSV or xlsx.
        only: Sites to read.

    Raises:
        InputError: If the file cannot be read.
    """
    found: dict[str, float] = {}
    for site, variable, value in _entries(_rows(file), file):
        if variable == "UTC_OFFSET" and site in only and _NUMBER.fullmatch(value):
            found[site] = float(value)
    return found


def _rows(file: File) -> Iterator[list[str]]:
    with file.open() as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(file.where, None, expected="metadata", found="more than 256 MiB")
    return _sheet(content, file) if file.name.endswith(".xlsx") else _text(content)


def _text(content: bytes) -> Iterator[list[str]]:
    # Comments contain unquoted line breaks and commas; such rows are skipped below.
    text = content.decode("utf-8-sig", errors="replace")
    separator = separator_of(text.partition("\n")[0])
    lines = csv.reader(StringIO(text, newline=""), delimiter=separator)
    while True:
        try:
            row = next(lines)
            # Spreadsheets that separate columns by semicolons write decimal commas.
            yield row if separator == "," else [_DECIMAL_COMMA.sub(r"\1.\2", c) for c in row]
        except csv.Error:
            continue
        except StopIteration:
            return


def _sheet(content: bytes, file: File) -> Iterator[list[str]]:
    import openpyxl

    check_zip(BytesIO(content), file.where)
    try:
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield ["" if cell is None else str(cell) for cell in row]
    # openpyxl raises many kinds of exceptions on a file that is no workbook.
    except Exception as error:
        raise InputError(
            file.where, None, expected="a sheet of xlsx", found=f"{type(error).__name__}: {error}"
        ) from error


def _entries(rows: Iterable[list[str]], file: File) -> Iterator[tuple[str, str, str]]:
    """Yield site, variable and value of each row that has all three."""
    rows = iter(rows)
    header = [cell.strip() for cell in next(rows, [])]
    if missing := [c for c in _COLUMNS if c not in header]:
        raise InputError(
            file.where,
            ", ".join(missing),
            expected="these columns",
            found=", ".join(header[:10]) or "no header line",
        )
    places = [header.index(c) for c in _COLUMNS]
    for row in rows:
        if len(row) > max(places) and all(row[p].strip() for p in places):
            site, variable, value = (row[p].strip() for p in places)
            yield site, variable, value
