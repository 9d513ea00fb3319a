"""The mark of simulated data, which follows them from raw files to products and pages.

The demo world writes it into each of its files: an attribute of netCDF, a word in the first line of
tables. Readers find it there, whatever the file is called and wherever it lies, and every table and
cube that is made from such a file carries it on in ``attrs``. Measured data have no such attribute.
"""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

SIMULATED = "simulated"
"""Attribute of tables, cubes, products and cards; in a netCDF file of the demo world too."""

WORD = "SIMULATED_BY_UFLUX_KEDRO"
"""Word in the first line of the demo world's tables: a column, or in a comment."""

TOWERS, SOME_TOWERS = "towers", "some towers"
"""What the mark says of towers, if all or some of their files are simulated."""

_FIRST_LINE = 1 << 16
"""Bytes within which a table's first line ends; FLUXNET's widest has 10 000."""
_NETCDF, _TABLES = (".nc", ".nc4"), (".csv", ".txt")


def is_simulated(path: Path | str) -> bool:
    """Return whether a raw file says that the demo world has written it.

    Args:
        path: A table, also gzipped or in a zip, or netCDF. A file of another format, or one that
            cannot be read, does not say so.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if suffix in _NETCDF:
            return _netcdf_says(path)
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                tables = [name for name in archive.namelist() if name.lower().endswith(_TABLES)]
                return any(_says(archive.open(name)) for name in tables)
        if suffix == ".gz":
            return _says(gzip.open(path))
        return suffix in _TABLES and _says(path.open("rb"))
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile):
        return False  # the reader of the file says what is wrong with it


def _netcdf_says(path: Path) -> bool:
    # Not by xarray, which keeps few files open: one more would close a file of which a cube reads.
    import netCDF4

    with netCDF4.Dataset(path) as dataset:
        return SIMULATED in dataset.ncattrs()


def _says(file: Any) -> bool:
    with file:
        return WORD.encode() in file.read(_FIRST_LINE).split(b"\n", 1)[0]


def mark_of(*made_from: Any) -> str:
    """Return what is simulated in data, such as ``towers, ERA5``; empty for measured ones.

    Args:
        made_from: Tables and cubes, which have ``attrs``, or cards of models; None for what there
            is not.
    """
    found: dict[str, None] = {}
    for one in made_from:
        attrs = getattr(one, "attrs", one) or {}
        found |= dict.fromkeys(filter(None, str(attrs.get(SIMULATED, "")).split(", ")))
    return ", ".join(found)


def marked(mark: str) -> dict[str, str]:
    """Return the attributes of something made from data with this mark; none for measured ones."""
    return {SIMULATED: mark} if mark else {}


def notice(mark: str) -> str:
    """Return a sentence about data with this mark; empty for measured ones."""
    if not mark:
        return ""
    return (
        f"Simulated data: {mark} come from the demo world of uflux_kedro, not from measurements. "
        "They show how the project works, and nothing about the Earth."
    )


def titled(title: str, mark: str) -> str:
    """Return a title that says so if the data are simulated."""
    return f"Simulated data: {title}" if mark else title
