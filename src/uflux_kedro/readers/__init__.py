"""The door: every source becomes canonical names and units here, and nowhere else.

One file a source family. A grid is read by the name of its reader::

    from uflux_kedro.readers import read_source

    era5 = read_source("era5", sorted(Path("data/01_raw/ERA5").glob("*.nc")))
    warmth = read_source("era5", files, variables=["TA", "TS"])

Nothing heavy is imported before a reader is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.errors import ConfigurationError

if TYPE_CHECKING:
    import xarray as xr

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
