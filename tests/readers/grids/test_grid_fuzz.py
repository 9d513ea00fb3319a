"""Any file gives a canonical cube or an InputError."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.readers import read_cube

MONTHS = pd.date_range("2001-01-01", periods=3, freq="MS")
READERS = {
    "gome2": ("SIF_740",),
    "modis_vi": ("NDVI", "EVI"),
    "avhrr": ("SREFL_CH1", "SREFL_CH2"),
    "igbp": ("Majority_Land_Cover_Type_1",),
    "co2": ("co2",),
}
names = st.sampled_from(["time", "valid_time", "lat", "latitude", "lon", "Longitude", "x", "level"])
units = st.one_of(st.sampled_from(["", "1", "K", "W m-2", "days since 2000-01-01", "ppm"]), st.text(max_size=8))  # fmt: skip
numbers = st.one_of(
    st.floats(width=32), st.integers(-(2**15), 2**15 - 1), st.just(np.nan), st.just(np.inf)
)


@st.composite
def files(draw: st.DrawFn, reader: str) -> xr.Dataset:
    """A file of that source with small errors."""
    dims = draw(st.lists(names, min_size=1, max_size=4, unique=True)) if draw(
        st.booleans()) else ["time", "lat", "lon"]  # fmt: skip
    sizes = {d: draw(st.integers(0 if draw(st.booleans()) else 1, 3)) for d in dims}
    data = xr.Dataset()
    for variable in READERS[reader]:
        used = draw(st.permutations(dims))[: draw(st.integers(0, len(dims)))] if draw(
            st.booleans()) else dims  # fmt: skip
        values = np.full([sizes[d] for d in used], draw(numbers), dtype="float32")
        if draw(st.booleans()):
            values = np.nan_to_num(values, posinf=1, neginf=0).astype(
                draw(st.sampled_from(["int16", "uint8", "int8"]))
            )
        data[variable] = (tuple(used), values, {"units": draw(units)})
    for d in dims:
        kind = draw(st.sampled_from(["right", "none", "odd", "text"]))
        n = sizes[d]
        if kind == "right":
            right = MONTHS[:n] if "time" in d else np.linspace(-30, 30, n)
            data = data.assign_coords({d: right})
        elif kind == "odd":
            data = data.assign_coords({d: (d, np.array([draw(numbers) for _ in range(n)], dtype="float64"), {"units": draw(units)})})  # fmt: skip
        elif kind == "text":
            data = data.assign_coords(
                {d: (d, [draw(st.text("abc", max_size=3)) for _ in range(n)])}
            )
    return data


def canonical_or_refused(reader: str, path) -> None:
    named = None
    try:
        cube = read_cube(reader, [path]).load()
    except InputError as error:
        named = str(error)
    if named is not None:
        assert path.stem in named
        return
    assert cube.indexes["latitude"].is_monotonic_increasing
    assert cube.indexes["longitude"].is_monotonic_increasing
    if reader != "igbp":
        assert cube.indexes["time"].is_monotonic_increasing
        assert all(not np.isinf(data).any() for data in cube.data_vars.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_files_that_are_nearly_right(tmp_path, reader, data):
    path = tmp_path / "2001_fuzz.nc"
    made = data.draw(files(reader))
    try:
        made.to_netcdf(path, format="NETCDF3_64BIT", engine="scipy")
    except (ValueError, TypeError, OverflowError, NotImplementedError):
        return  # what cannot be written cannot be read
    canonical_or_refused(reader, path)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_bytes_that_were_changed_on_the_way(tmp_path, raw_grid, changes):
    path = tmp_path / "2001_fuzz.nc"
    data = raw_grid({"SIF_740": (0.0, 1.0, "mW m-2 nm-1 sr-1")}, time=MONTHS)
    content = bytearray(data.to_netcdf(format="NETCDF3_64BIT", engine="scipy"))
    for place, byte in changes:
        content[int(place**3 * (len(content) - 1))] = byte  # the header is in front
    path.write_bytes(content)
    canonical_or_refused("gome2", path)
