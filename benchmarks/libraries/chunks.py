"""Reads of blocks of drivers from a store on a local disk: our direct reads against zarr and zarrs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.libraries.contest import Contest, Work
from uflux_kedro.products import zarr_reads
from uflux_kedro.products.store import fast_encoding
from uflux_kedro.products.zarr_reads import with_direct_arrays

_TIMES, _VARIABLES = 6, 8
_ROWS, _COLUMNS = 720, 1440
_CHUNK = (1, 360, 720)
_REPEATS = 2
_PART = 60
"""Edge of a block within a chunk, cells."""


def contests(folder: Path) -> Iterator[Contest]:
    """Compare reads of whole chunks and of parts, on one thread and on two."""
    store = folder / "drivers.zarr"
    _simulate(store)
    for what, edge in (("whole chunks", None), (f"{_PART} x {_PART} of a chunk", _PART)):
        for threads in (1, 2):
            work = f"{_REPEATS * _TIMES * _VARIABLES * 4} reads of {what}, {threads} threads"
            for library, packages in (("zarr-python", ()), ("zarrs", ("zarrs",))):
                yield Contest(
                    work, library, packages, _direct, _plain,
                    (store, edge, threads, library), (zarr_reads,), (),
                )  # fmt: skip


def _simulate(store: Path) -> None:
    rng = np.random.default_rng(0)
    land = np.arange(_COLUMNS) < 0.3 * _COLUMNS
    cube = xr.Dataset()
    for number in range(_VARIABLES):
        values = np.round(rng.normal(size=(_TIMES, _ROWS, _COLUMNS)), 3)
        field = np.where(land, values, np.nan).astype("float32")
        cube[f"X{number}"] = (("time", "latitude", "longitude"), field)
        cube[f"X{number}"].encoding = fast_encoding() | {"chunks": _CHUNK}
    cube.to_zarr(store, zarr_format=3, consolidated=False)


def _open(store: Path) -> xr.Dataset:
    return xr.open_dataset(store, engine="zarr", chunks=None, cache=False, consolidated=False)


def _direct(store: Path, edge: int | None, threads: int, library: str) -> Work:
    del library
    return _reads(with_direct_arrays(_open(store), str(store)), edge, threads)


def _plain(store: Path, edge: int | None, threads: int, library: str) -> Work:
    import zarr

    if library == "zarrs":
        zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return _reads(_open(store), edge, threads)


def _reads(cube: xr.Dataset, edge: int | None, threads: int) -> Work:
    rows, columns = _CHUNK[1:]
    blocks = [
        (name, time, slice(y, y + (edge or rows)), slice(x, x + (edge or columns)))
        for time in range(_TIMES)
        for y in range(0, _ROWS, rows)
        for x in range(0, _COLUMNS, columns)
        for name in sorted(cube)  # the order of variables in a store is not defined
    ]

    def read(block: tuple[str, int, slice, slice]) -> float:
        name, time, y, x = block
        field = cube[name].isel(time=time, latitude=y, longitude=x).to_numpy()
        return float(np.nansum(field[:, ::97], dtype="float64"))

    def work() -> np.ndarray:
        with ThreadPoolExecutor(threads) as pool:
            return np.array(list(pool.map(read, blocks * _REPEATS)))

    for block in blocks[:8]:
        read(block)
    return work
