"""Read MODIS IGBP land cover: MCD12C1 (0 is water) or MCD12Q1 (17 is water), maps or tiles."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import unpack_netcdf
from uflux_kedro.readers.grids.eos import is_eos, is_tile, open_eos
from uflux_kedro.readers.grids.guards import normalise_grid, open_netcdf
from uflux_kedro.readers.grids.landcover_tiles import mosaic, one_year
from uflux_kedro.readers.grids.landmarks import require_landmarks
from uflux_kedro.variables import IGBP_CLASSES, VARIABLES, aliases

logger = logging.getLogger(__name__)

WATER = IGBP_CLASSES["WAT"]
_WATER_OF_MCD12Q1 = 17
_UNCLASSIFIED = 255

_LANDMARKS = {
    "Pacific": (0.0, -150.0, "WAT"),
    "Antarctica": (-82.0, 60.0, "SNO"),
    "Greenland": (74.0, -40.0, "SNO"),
    "Sahara": (24.0, 12.0, "BSV"),
    "Amazonia": (-5.0, -65.0, "EBF"),
}
"""Places of a well-known class, in wide surroundings of the same class."""


def read_igbp(paths: Sequence[Path], class_offset: int = 0) -> xr.Dataset:
    """Read the land cover map; if there are several years, the latest.

    Args:
        paths: netCDF or HDF4 files with the year in their names; maps, or tiles of 500 m.
        class_offset: Added to the stored codes: -1 if class + 1 was stored. It is never guessed;
            the error for a global map says if it is needed.

    Returns:
        Dataset with IGBP (latitude, longitude), int8: codes of
        :data:`uflux_kedro.variables.IGBP_CLASSES`; water and unclassified cells are 0. Tiles
        become a lazy mosaic (y, x) in metres of the sinusoidal projection ``attrs["crs"]``, 0
        where there is no tile.

    Raises:
        InputError: If there is no map, codes are unknown or shifted, land and water are not where
            they are on Earth, or the latest year has not all tiles of the other years. Codes of
            tiles are checked when they are computed.
    """
    files = list(unpack_netcdf(paths))
    tiles = [path for path in files if is_tile(path)]
    if tiles:
        if foreign := [path for path in files if path not in tiles]:
            raise InputError(
                foreign[0],
                "IGBP",
                expected=f"tiles only, like {tiles[0].name}",
                found="a map",
                hint="Keep either maps or tiles in the folder",
            )
        return _read_tiles(tiles, class_offset)
    path = max(files, key=_year)
    dataset = open_eos(path) if is_eos(path) else open_netcdf(path)
    names = [name for name in aliases("mcd12") if name in dataset.data_vars]
    if not names:
        raise InputError(
            path,
            "IGBP",
            expected=f"a variable named {' or '.join(aliases('mcd12'))}",
            found=", ".join(map(str, dataset.data_vars)) or "none",
        )
    land_cover = normalise_grid(dataset[[names[0]]].squeeze(drop=True), path)[names[0]]
    if set(land_cover.dims) != {"latitude", "longitude"}:
        found = ", ".join(f"{d} ({n})" for d, n in land_cover.sizes.items())
        raise InputError(
            path, "IGBP", expected="the dimensions latitude and longitude only", found=found
        )
    land_cover = land_cover.transpose("latitude", "longitude")
    stored = _stored_codes(land_cover, path)
    shifted = _shifted(stored, class_offset)
    if _is_global(land_cover):
        _check_oceans(land_cover, stored, shifted, class_offset, path)
    codes = _codes(shifted, path)
    require_landmarks(land_cover.copy(data=_kinds_of_cells(codes, stored, land_cover)), path)
    _log_offset(class_offset, path)
    cube = land_cover.copy(data=codes).rename("IGBP").to_dataset()
    cube["IGBP"].attrs = igbp_attributes()
    # The fill value or scale of packed integers must not be used when the cube is written.
    cube["IGBP"].encoding = {}
    cube = cube.drop_vars([c for c in cube.coords if c not in ("latitude", "longitude")])
    cube.attrs = {"source": "mcd12", "file": path.name}
    return cube


def _read_tiles(tiles: Sequence[Path], class_offset: int) -> xr.Dataset:
    year, latest = one_year([(_year(path)[0], path) for path in tiles])
    _log_offset(class_offset, latest[0].parent)
    cube = mosaic(latest, tuple(aliases("mcd12")), partial(_tile_codes, class_offset=class_offset))
    cube["IGBP"].attrs = igbp_attributes()
    return cube.assign_attrs(source="mcd12", file=f"{len(latest)} tiles of {year}")


def _tile_codes(values: np.ndarray, path: Path, class_offset: int) -> np.ndarray:
    return _codes(_shifted(_filled(values), class_offset), path)


def _log_offset(class_offset: int, where: Path) -> None:
    if class_offset:
        logger.warning("%s: IGBP: class_offset %+d was added to every code", where, class_offset)


def _shifted(stored: np.ndarray, class_offset: int) -> np.ndarray:
    return np.where(stored == _UNCLASSIFIED, stored, stored + class_offset)


def _filled(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), _UNCLASSIFIED, values)


def igbp_attributes() -> dict[str, object]:
    """Return the CF attributes of a map of IGBP codes."""
    return VARIABLES["IGBP"].cf_attributes() | {
        "flag_values": np.array(list(IGBP_CLASSES.values()), dtype="int8"),
        "flag_meanings": " ".join(IGBP_CLASSES),
    }


def _year(path: Path) -> tuple[int, str]:
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?=\d{3}(?!\d)|(?!\d))", path.stem)
    return (int(years[-1]) if years else 0, path.name)


def _stored_codes(land_cover: xr.DataArray, path: Path) -> np.ndarray:
    try:
        return _filled(land_cover.to_numpy().astype("float64"))
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError(path, "IGBP", expected="whole numbers", found=found) from error


def _codes(values: np.ndarray, path: Path) -> np.ndarray:
    none = (values == _WATER_OF_MCD12Q1) | (values == _UNCLASSIFIED)
    values = np.where(none, WATER, values)
    highest = max(IGBP_CLASSES.values())
    unknown = np.unique(values[(values < 0) | (values > highest) | (values % 1 != 0)])
    if unknown.size:
        raise InputError(
            path,
            "IGBP",
            expected=f"codes 0 to {highest}, {_WATER_OF_MCD12Q1} for water "
            f"or {_UNCLASSIFIED} for none",
            found=", ".join(f"{code:g}" for code in unknown[:10]),
        )
    return values.astype("int8")


def _kinds_of_cells(codes: np.ndarray, stored: np.ndarray, land_cover: xr.DataArray) -> np.ndarray:
    """Return 1 for land, 0 for water and -1 for cells of which nothing is known.

    A map of a country has no class outside. On maps of the globe, and on those without any cell of
    water, no class means the sea.
    """
    kinds = (codes != WATER).astype("int8")
    none = stored == _UNCLASSIFIED
    if not _is_global(land_cover) and (kinds[~none] == 0).any():
        kinds[none] = -1
    return kinds


def _is_global(land_cover: xr.DataArray) -> bool:
    latitude, longitude = land_cover.latitude.to_numpy(), land_cover.longitude.to_numpy()
    return bool(np.ptp(latitude) >= 150 and np.ptp(longitude) >= 300)


def _check_oceans(
    land_cover: xr.DataArray, stored: np.ndarray, shifted: np.ndarray, offset: int, path: Path
) -> None:
    """Raise InputError for a global map that is not mostly water, with the codes of landmarks."""
    codes, counts = np.unique(shifted, return_counts=True)
    most_common = codes[counts.argmax()]
    if most_common in (WATER, _WATER_OF_MCD12Q1, _UNCLASSIFIED):
        return
    evidence = []
    shifts = []
    for place, (latitude, longitude, name) in _LANDMARKS.items():
        row = np.abs(land_cover.latitude.to_numpy() - latitude).argmin()
        column = np.abs(land_cover.longitude.to_numpy() - longitude).argmin()
        code = int(stored[row, column])
        evidence.append(f"{place} {code} where {name} is {IGBP_CLASSES[name]}")
        shifts.append(IGBP_CLASSES[name] - code)
    agreed = shifts[0] if len(set(shifts)) == 1 else None
    raise InputError(
        path,
        "IGBP",
        expected=f"water ({WATER} or {_WATER_OF_MCD12Q1}) as the most common class of the globe",
        found=f"class {most_common:g} ({counts.max() / counts.sum():.0%} of the cells"
        f"{f', with class_offset {offset}' if offset else ''}); stored are {', '.join(evidence)}",
        hint=f"Every landmark is shifted by {-agreed}: set class_offset {agreed}"
        if agreed
        else "Check whether the codes are shifted by one",
    )
