"""Read any source's grids by the name of its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.readers.paths import Paths, list_files
from uflux_kedro.simulated import is_simulated, marked

if TYPE_CHECKING:
    import xarray as xr

    Reader = Callable[..., xr.Dataset]

GRID_PATTERNS = (
    "*.nc", "*.nc4", "*.h5", "*.hdf", "*.grib", "*.grb", "*.grib2", "*.grb2", "*.zip", "*.txt", "*.csv",
    "**/*.tif", "**/*.jp2",
)  # fmt: skip
"""Files that are read from a folder; satellite scenes lie in folders of their own."""


def _import_and_read(module: str, reader: str, paths: Sequence[Path], **options: Any) -> xr.Dataset:
    read = getattr(import_module(f"uflux_kedro.readers.grids.{module}"), f"read_{reader}")
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
"""Name of a reader -> function of file paths and options that returns a canonical cube."""


def read_cube(
    source: str, path: Paths, *, pattern: str | Sequence[str] = GRID_PATTERNS, **options: Any
) -> xr.Dataset:
    """Read the files of one source into a cube with canonical names, units and coordinates.

    Args:
        source: Name of the reader, one of :data:`READERS`, such as ``era5``.
        path: A file, a folder, or several of them, in any order.
        pattern: Glob pattern of the files in a folder, or several patterns.
        options: Options of the reader, such as ``variables`` or ``class_offset``.

    Returns:
        Cube, opened lazily; see :func:`uflux_kedro.readers.grids.cubes.open_source`. If a file is
        simulated, ``attrs["simulated"]`` is ``source``.

    Raises:
        ConfigurationError: If the reader is unknown, or has no such option.
        InputError: If there are no files, or they are not what the reader expects.
    """
    if source not in READERS:
        raise ConfigurationError(f"Unknown reader {source!r}: expected one of {', '.join(READERS)}")
    patterns = [pattern] if isinstance(pattern, str) else pattern
    files = list_files(path, patterns)
    cube = READERS[source](files, **options)
    return cube.assign_attrs(marked(source if any(map(is_simulated, files)) else ""))
