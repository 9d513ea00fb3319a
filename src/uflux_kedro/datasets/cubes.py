"""Cubes on disk: Zarr between the pipelines, CF netCDF for the world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr
from kedro.io import AbstractDataset, DatasetError
from tqdm import tqdm

from uflux_kedro.files import replacing
from uflux_kedro.products.cf import write_netcdf
from uflux_kedro.products.store import read_often


class ZarrCubeDataset(AbstractDataset[xr.Dataset, xr.Dataset]):
    """A cube in a Zarr v3 store, opened lazily and replaced as a whole.

    Args:
        filepath: Folder of the store.
        chunks: Chunk sizes by dimension, on disk as in dask: were they to differ, two dask
            tasks could write one Zarr chunk and data would be lost silently.
        metadata: Kedro's free field.
    """

    def __init__(
        self,
        *,
        filepath: str,
        chunks: dict[str, int] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._chunks = chunks
        self.metadata = metadata

    def load(self) -> xr.Dataset:
        """Open the store; nothing is read before it is asked for."""
        try:
            return xr.open_zarr(self._path, chunks={}, consolidated=False)
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(f"Not a complete Zarr store: {self._path}: {error}") from error

    def save(self, data: xr.Dataset) -> None:
        """Write the cube beside its place, then move it there."""
        if self._chunks:
            data = data.chunk({d: n for d, n in self._chunks.items() if d in data.dims})
        for name, variable in data.variables.items():
            # What the source's file was encoded with says nothing about this store.
            kept = {
                k: v for k, v in variable.encoding.items() if k in ("units", "calendar", "dtype")
            }
            variable.encoding = kept | (read_often() if name in data.data_vars else {})
        with replacing(self._path) as temporary:
            step = (self._chunks or {}).get("time")
            if step and "time" in data.dims:
                self._write_by_time(data, temporary, step)
            else:
                data.to_zarr(temporary, zarr_format=3, consolidated=False)

    def _write_by_time(self, data: xr.Dataset, path: Path, step: int) -> None:
        """Compute one chunk of time after the other.

        All at once, the plan of the computation and what waits to be written would grow with the
        record.
        """
        data.to_zarr(path, zarr_format=3, consolidated=False, compute=False)
        fixed = data.drop_vars([n for n, v in data.variables.items() if "time" in v.dims])
        fixed.drop_vars(fixed.coords).to_zarr(path, mode="r+", consolidated=False)
        changing = data.drop_vars(list(fixed.variables))
        starts = range(0, data.sizes["time"], step)
        # To a terminal alone, and where there is something to wait for.
        for start in tqdm(starts, self._path.stem, unit="chunk", disable=None, delay=5):
            time = slice(start, start + step)
            changing.isel(time=time).to_zarr(path, region={"time": time}, consolidated=False)

    def _exists(self) -> bool:
        return (self._path / "zarr.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "chunks": self._chunks}


class NetCDFCubeDataset(AbstractDataset[xr.Dataset, xr.Dataset]):
    """A finished product as netCDF-4: float32, compressed, CF attributes.

    Args:
        filepath: The file.
        metadata: Kedro's free field.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> xr.Dataset:
        """Open the file lazily."""
        return xr.open_dataset(self._path, chunks={})

    def save(self, data: xr.Dataset) -> None:
        """Write the file whole, or not at all."""
        write_netcdf(data, self._path)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class GeoTIFFDataset(AbstractDataset[xr.Dataset, list[Path]]):
    """A finished product in a projection as a folder of cloud-optimised GeoTIFF files.

    Args:
        filepath: The folder.
        metadata: Kedro's free field.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[Path]:
        """The files, one a field and period."""
        return sorted(self._path.glob("*.tif"))

    def save(self, data: xr.Dataset) -> None:
        """Write all files, or none."""
        from uflux_kedro.products.geotiff import write_geotiffs

        write_geotiffs(data, self._path)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
