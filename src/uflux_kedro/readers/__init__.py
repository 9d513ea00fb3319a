"""The door: every source becomes canonical names and units here, and nowhere else.

There is one file per source family. Tower files are recognised by name and header; grids are read by
the name of their reader::

    from uflux_kedro.readers import read_cube, read_towers

    towers, sites, _ = read_towers("data/01_raw/towers")
    era5 = read_cube("era5", "data/01_raw/ERA5", variables=["TA", "SW_IN"])

Heavy libraries are imported when a reader is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from uflux_kedro.readers.parameters import TowerParameters

    Reader = Callable[..., xr.Dataset]


def _import_and_read(module: str, reader: str, paths: Sequence[Path], **options: Any) -> xr.Dataset:
    read = getattr(import_module(f"{__name__}.grids.{module}"), f"read_{reader}")
    known = list(signature(read).parameters)[1:]
    unknown = set(options).difference(known)
    if unknown:
        raise ConfigurationError(
            f"Reader {reader!r} has no option {', '.join(sorted(unknown))}: "
            f"expected {' or '.join(known) or 'none'}"
        )
    return read(paths, **options)


READERS: Mapping[str, Reader] = {
    name: partial(_import_and_read, module, name)
    for name, module in {
        "era5": "era5",
        "era5_land": "era5",
        "cfsv2": "cfsv2",
        "wfde5": "wfde5",
        "modis": "modis",
        "modis_vi": "modis",
        "viirs": "viirs",
        "viirs_vi": "viirs",
        "avhrr": "avhrr",
        "sentinel2": "sentinel2",
        "gome2": "sif",
        "gosat755": "sif",
        "gosat772": "sif",
        "csif": "sif",
        "igbp": "landcover",
        "co2": "co2",
    }.items()
}
"""Name of a reader -> the function that makes a source's files one canonical cube."""


def read_source(reader: str, paths: Sequence[Path], **options: Any) -> xr.Dataset:
    """Read one source's files with the reader of that name.

    Args:
        reader: A name in :data:`READERS`.
        paths: The source's files, in any order.
        options: What the reader takes besides, such as ``variables`` or ``class_offset``.

    Returns:
        Canonical cube, lazily opened; see :func:`uflux_kedro.readers.grids.cubes.open_source`.

    Raises:
        ConfigurationError: If there is no such reader, or it has no such option.
        InputError: If the files are not what the reader expects.
    """
    if reader not in READERS:
        raise ConfigurationError(f"Unknown reader {reader!r}: expected one of {', '.join(READERS)}")
    return READERS[reader](paths, **options)


_GRID_FILES = (".nc", ".nc4", ".h5", ".hdf", ".zip", ".txt", ".csv", ".tif", ".jp2")


def read_cube(reader: str, path: str | Path, **options: Any) -> xr.Dataset:
    """Read all files of one source from a folder.

    Args:
        reader: A name in :data:`READERS`.
        path: Folder with the source's files, searched with its subfolders, or a single file.
        options: Options of the reader, such as ``variables`` or ``class_offset``.

    Returns:
        Canonical cube, opened lazily; see :func:`read_source`.

    Raises:
        ConfigurationError: If there is no such reader, or it has no such option.
        InputError: If there are no files, or they are not what the reader expects.
    """
    return read_source(reader, _files(path, _GRID_FILES), **options)


def read_towers(
    path: str | Path, parameters: TowerParameters | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read all towers from a folder, an archive or a table.

    Args:
        path: Folder with tower files, searched with its subfolders, or a single file.
        parameters: How to read them; by default every file by its family, averaged to months.

    Returns:
        ``towers`` (one row per site and period), ``sites`` (one row per tower) and the mapped
        columns without values; see :func:`uflux_kedro.readers.towers.read.read_towers`.

    Raises:
        InputError: If there are no files, or they are not what the readers expect.
    """
    from uflux_kedro.readers.towers.read import read_towers as read_files

    return read_files(_files(path), parameters)


def _files(path: str | Path, suffixes: tuple[str, ...] = ("",)) -> list[Path]:
    """The file at a path, or the files below it with one of the suffixes."""
    path = Path(path)
    if path.is_file():
        return [path]
    files = (f for f in path.rglob("*") if f.is_file() and not f.name.startswith("."))
    found = sorted(f for f in files if f.name.lower().endswith(suffixes))
    if not found:
        wanted = f"files ending in {', '.join(suffixes)}" if any(suffixes) else "files"
        raise InputError(path, None, expected=wanted, found="none")
    return found
