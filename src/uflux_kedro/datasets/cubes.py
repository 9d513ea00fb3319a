"""Datasets of cubes: Zarr between the pipelines, CF netCDF and GeoTIFF for export."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import xarray as xr
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from tqdm import tqdm

from uflux_kedro.datasets.previews import cube_preview, geotiff_preview
from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing
from uflux_kedro.products.cf import write_netcdf
from uflux_kedro.products.integrity import absent_chunks, open_sealed, require_sealed, seal
from uflux_kedro.products.store import checked_encoding, fast_encoding

logger = logging.getLogger(__name__)

_WHOLE: dict[str, Any] = {"consolidated": False, "write_empty_chunks": True}
"""Options of writing, of regions too: a chunk of fill values must be told from a lost one."""


class ZarrCubeDataset(AbstractDataset[xr.Dataset, xr.Dataset]):
    """A cube in a Zarr v3 store, opened lazily and replaced as a whole.

    Chunks carry checksums: a chunk that is absent or damaged is an error when it is read. A store
    without them, of an earlier version, does not exist for a run that makes what is missing.

    Args:
        filepath: Folder of the store.
        chunks: Chunk sizes by dimension, on disk and in dask. They must not differ: two dask tasks
            could write one Zarr chunk, and data would be lost silently.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
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
        """Open the store lazily.

        Raises:
            DatasetError: If there is no complete store, or it has no checksums.
        """
        try:
            return open_sealed(self._path)
        except InputError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: xr.Dataset) -> None:
        """Write the cube under a temporary name, then rename it."""
        if self._chunks:
            data = data.chunk({d: n for d, n in self._chunks.items() if d in data.dims})
        for name, variable in data.variables.items():
            # The rest of the encoding belongs to the source's file.
            kept = {
                k: v for k, v in variable.encoding.items() if k in ("units", "calendar", "dtype")
            }
            coded = fast_encoding if name in data.data_vars else checked_encoding
            variable.encoding = kept | coded()
        with replacing(self._path) as temporary:
            step = (self._chunks or {}).get("time")
            if step and "time" in data.dims:
                self._write_by_time(data, temporary, step)
            else:
                data.to_zarr(temporary, zarr_format=3, **_WHOLE)
            seal(temporary)

    def _write_by_time(self, data: xr.Dataset, path: Path, step: int) -> None:
        """Compute and write one chunk of time after the other.

        At once, dask's graph and the chunks that wait to be written would grow with the record.
        """
        data.to_zarr(path, zarr_format=3, compute=False, **_WHOLE)
        fixed = data.drop_vars([n for n, v in data.variables.items() if "time" in v.dims])
        fixed.drop_vars(fixed.coords).to_zarr(path, mode="r+", **_WHOLE)
        changing = data.drop_vars(list(fixed.variables))
        starts = range(0, data.sizes["time"], step)
        # The progress bar is shown on terminals only, after five seconds.
        for start in tqdm(starts, self._path.stem, unit="chunk", disable=None, delay=5):
            time = slice(start, start + step)
            changing.isel(time=time).to_zarr(path, region={"time": time}, **_WHOLE)

    def preview(self) -> ImagePreview:
        """Return a small map for kedro-viz."""
        return cube_preview(self.load())

    def _exists(self) -> bool:
        if not self._path.is_dir():
            return False
        try:
            require_sealed(self._path)
        except InputError as error:
            logger.warning("%s. It is made again where a run makes what is missing", error)
            return False
        absent = absent_chunks(self._path)
        if absent:
            logger.warning("%s: %d chunks are absent, as %s", self._path, len(absent), absent[0])
        return not absent

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "chunks": self._chunks}


class NetCDFCubeDataset(AbstractDataset[xr.Dataset, xr.Dataset]):
    """A finished product as netCDF-4: float32, compressed, CF attributes.

    Args:
        filepath: The file.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> xr.Dataset:
        """Open the file lazily."""
        return xr.open_dataset(self._path, chunks={})

    def save(self, data: xr.Dataset) -> None:
        """Write the file under a temporary name, then rename it."""
        write_netcdf(data, self._path)

    def preview(self) -> ImagePreview:
        """Return a small map for kedro-viz."""
        with self.load() as cube:
            return cube_preview(cube)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class GeoTIFFDataset(AbstractDataset[xr.Dataset, list[Path]]):
    """A finished product in a projection as a folder of cloud-optimised GeoTIFF files.

    Args:
        filepath: The folder.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[Path]:
        """List the files, one per field and period."""
        return sorted(self._path.glob("*.tif"))

    def save(self, data: xr.Dataset) -> None:
        """Write the files into a temporary folder, then rename it."""
        from uflux_kedro.products.geotiff import write_geotiffs

        write_geotiffs(data, self._path)

    def preview(self) -> ImagePreview:
        """Return a small map of the first file for kedro-viz."""
        return geotiff_preview(self.load()[0])

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
