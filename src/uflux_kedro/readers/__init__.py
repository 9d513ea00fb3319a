"""The door: every source becomes canonical names and units here, and nowhere else.

One file a source family. A grid is read by the name of its reader::

    from uflux_kedro.readers import read_source

    era5 = read_source("era5", sorted(Path("data/01_raw/ERA5").glob("*.nc")))

Nothing heavy is imported before a reader is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from uflux_kedro.errors import ConfigurationError

if TYPE_CHECKING:
    import xarray as xr

    Reader = Callable[[Sequence[Path]], xr.Dataset]


def _import_and_read(module: str, function: str, paths: Sequence[Path]) -> xr.Dataset:
    return getattr(import_module(f"{__name__}.{module}"), function)(paths)


READERS: Mapping[str, Reader] = {
    name: partial(_import_and_read, module, f"read_{name}")
    for name, module in {
        "era5": "era5",
        "cfsv2": "cfsv2",
        "modis": "modis",
        "avhrr": "avhrr",
        "gome2": "sif",
        "gosat755": "sif",
        "gosat772": "sif",
        "csif": "sif",
        "igbp": "landcover",
        "co2": "co2",
    }.items()
}
"""Name of a reader -> the function that makes a source's files one canonical cube."""


def read_source(reader: str, paths: Sequence[Path]) -> xr.Dataset:
    """Read one source's files with the reader of that name.

    Args:
        reader: A name in :data:`READERS`.
        paths: The source's files, in any order.

    Returns:
        Canonical cube, lazily opened; see :func:`uflux_kedro.readers.cubes.open_source`.

    Raises:
        ConfigurationError: If there is no such reader.
        InputError: If the files are not what the reader expects.
    """
    if reader not in READERS:
        raise ConfigurationError(f"Unknown reader {reader!r}: expected one of {', '.join(READERS)}")
    return READERS[reader](paths)
