"""Cost of the checksums of drivers: reading and writing with them, over the same without."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import xarray as xr

from benchmarks.inference.world import AXES, CELLS, LAND
from benchmarks.table import Row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.products import zarr_reads
from uflux_kedro.products.store import fast_encoding

_MONTHS, _VARIABLES = 2, 4
_PAIRS = 7


def checksums(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare reads and writes of maps of noise with checksums and without."""
    del towers
    cube = _cube()
    size = sum(field.nbytes for field in cube.data_vars.values())
    store = folder / "drivers.zarr"

    def write(checked: bool) -> Cost:
        shutil.rmtree(store, ignore_errors=True)
        encoding = fast_encoding()
        if not checked:
            encoding = {"compressors": encoding["compressors"][:1]}
        chunked = encoding | {"chunks": (1, *CELLS)}
        return cost_of(
            lambda: cube.to_zarr(
                store, zarr_format=3, consolidated=False, encoding=dict.fromkeys(cube, chunked)
            )
        )[0]

    def read(checked: bool) -> Cost:
        content = zarr_reads.payload if checked else _unchecked
        with mock.patch.object(zarr_reads, "payload", content):
            plain = xr.open_dataset(
                store, engine="zarr", chunks=None, cache=False, consolidated=False
            )
            return cost_of(zarr_reads.with_direct_arrays(plain, str(store)).load)[0]

    for what, work, most in (("Writing", write, 1.2), ("Reading", read, 1.2)):
        work(False), work(True)  # reads need the store with checksums, which is the last one
        pairs = Pairs.in_turns(lambda _, w=work: w(False), lambda _, w=work: w(True), _PAIRS)
        without, having = (median(c.cpu for c in costs) for costs in (pairs.ours, pairs.peer))
        yield Row(
            f"{what} {size / 1e6:.0f} MB of drivers with their checksums, over without",
            f"{having * 1e3:.0f} ms of processor time",
            f"{without * 1e3:.0f} ms",
            f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
            f"≤ {most:g}",
            pairs.cpu_ratio <= most,
        )


def _cube() -> xr.Dataset:
    rng = np.random.default_rng(0)
    land = np.arange(CELLS[1]) < LAND * CELLS[1]
    fields = {
        f"X{number}": (
            ("time", *AXES),
            np.where(land, rng.normal(size=(_MONTHS, *CELLS)).round(3), np.nan).astype("float32"),
        )
        for number in range(_VARIABLES)
    }
    return xr.Dataset(fields)


def _unchecked(stored: bytes, *_: object) -> memoryview:
    return memoryview(stored)[:-4]
