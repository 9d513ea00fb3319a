"""IGBP land cover of MODIS: MCD12C1 (0 is water), MCD12Q1 (17 is water)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import unpack_netcdf
from uflux_kedro.readers.guards import normalise_grid, open_netcdf
from uflux_kedro.variables import IGBP_CLASSES, VARIABLES, aliases

WATER = IGBP_CLASSES["WAT"]
_WATER_OF_MCD12Q1 = 17
_UNCLASSIFIED = 255


def read_igbp(paths: Sequence[Path]) -> xr.Dataset:
    """Read the land cover map; of several years, the latest.

    Args:
        paths: netCDF files, the year in their names.

    Returns:
        Dataset with IGBP (latitude, longitude), int8: codes of
        :data:`uflux_kedro.variables.IGBP_CLASSES`; water and unclassified cells are 0.

    Raises:
        InputError: If the map is absent, holds codes that no class has, or is shifted.
    """
    path = max(unpack_netcdf(paths), key=_year)
    dataset = open_netcdf(path)
    names = [name for name in aliases("mcd12") if name in dataset.data_vars]
    if not names:
        raise InputError(
            path,
            "IGBP",
            expected=f"a variable named {' or '.join(aliases('mcd12'))}",
            found=", ".join(map(str, dataset.data_vars)) or "none",
        )
    land_cover = normalise_grid(dataset[[names[0]]].squeeze(drop=True), path)[names[0]]
    land_cover = land_cover.transpose("latitude", "longitude")
    codes = _codes(land_cover.to_numpy(), path)
    if _is_global(land_cover):
        _check_oceans(codes, path)
    cube = land_cover.copy(data=codes).rename("IGBP").to_dataset()
    cube["IGBP"].attrs = igbp_attributes()
    # A packed integer's fill value or scale must not return when the cube is written.
    cube["IGBP"].encoding = {}
    cube.attrs = {"source": "mcd12", "file": path.name}
    return cube


def igbp_attributes() -> dict[str, object]:
    """CF attributes of a map of IGBP codes."""
    return VARIABLES["IGBP"].cf_attributes() | {
        "flag_values": np.array(list(IGBP_CLASSES.values()), dtype="int8"),
        "flag_meanings": " ".join(IGBP_CLASSES),
    }


def _year(path: Path) -> tuple[int, str]:
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?=\d{3}(?!\d)|(?!\d))", path.stem)
    return (int(years[-1]) if years else 0, path.name)


def _codes(values: np.ndarray, path: Path) -> np.ndarray:
    values = np.nan_to_num(values, nan=WATER)
    values = np.where(np.isin(values, (_WATER_OF_MCD12Q1, _UNCLASSIFIED)), WATER, values)
    unknown = np.setdiff1d(values, list(IGBP_CLASSES.values()))
    if unknown.size:
        raise InputError(
            path,
            "IGBP",
            expected=f"codes 0 to {max(IGBP_CLASSES.values())}, {_WATER_OF_MCD12Q1} for water "
            f"or {_UNCLASSIFIED} for none",
            found=", ".join(f"{code:g}" for code in unknown[:10]),
        )
    return values.astype("int8")


def _is_global(land_cover: xr.DataArray) -> bool:
    latitude, longitude = land_cover.latitude.to_numpy(), land_cover.longitude.to_numpy()
    return bool(np.ptp(latitude) >= 150 and np.ptp(longitude) >= 300)


def _check_oceans(codes: np.ndarray, path: Path) -> None:
    commonest = int(np.bincount(codes.ravel()).argmax())
    if commonest != WATER:
        raise InputError(
            path,
            "IGBP",
            expected=f"water ({WATER} or {_WATER_OF_MCD12Q1}) as the commonest class of the globe",
            found=f"class {commonest}",
            hint="Are the codes shifted by one?",
        )
