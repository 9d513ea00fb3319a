"""Maps unpacked without the HDF5 library are those that it unpacks, and so are their means."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.means import means_over
from uflux_kedro.readers import read_cube
from uflux_kedro.readers.grids import cubes, stored_means
from uflux_kedro.readers.grids.hdf5_chunks import locate
from uflux_kedro.readers.grids.stored_record import record_of

UNITS = {"t2m": "K", "ssrd": "J m**-2", "tp": "m"}
NAMES = ["TA", "SW_IN", "P"]
DIMS = ("valid_time", "latitude", "longitude")
HOURS = pd.date_range("2003-01-30", "2003-02-04 05:00", freq="h", inclusive="left")
COMPRESSED = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (5, 6, 7)}


def hours(reader: str = "era5", seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (len(HOURS), 11, 18)
    sums = {"ssrd": rng.uniform(0, 2e6, shape), "tp": rng.gamma(0.2, 1e-3, shape)}
    if reader == "era5_land":
        since = pd.Series((HOURS - pd.Timedelta("1h")).floor("D"))
        sums = {
            name: np.concatenate([values[i].cumsum(axis=0) for i in since.groupby(since).indices.values()])
            for name, values in sums.items()
        }  # fmt: skip
    fields = {"t2m": rng.normal(280, 5, shape)} | sums
    fields["t2m"][:, 3:5, 4] = np.nan
    fields["t2m"][40:60, 7, 2:9] = np.nan
    return xr.Dataset(
        {n: (DIMS, v.astype("float32"), {"units": UNITS[n]}) for n, v in fields.items()},
        {
            "valid_time": HOURS,
            "latitude": np.linspace(50, -50, 11),
            "longitude": np.arange(18) * 20.0,
        },
    )


def write(data: xr.Dataset, folder, encoding=COMPRESSED, cuts=(31, 80)):
    paths = []
    for i, part in enumerate(np.split(np.arange(data.sizes["valid_time"]), cuts)):
        paths.append(folder / f"{i}.nc")
        piece = data.isel(valid_time=part)
        chosen = {n: dict(encoding) for n in data}
        for one in chosen.values():
            if "chunksizes" in one:
                one["chunksizes"] = (min(one["chunksizes"][0], len(part)), *one["chunksizes"][1:])
        piece.to_netcdf(paths[-1], encoding=chosen, engine="netcdf4")
    return paths


def by_library(paths, reader="era5", names=NAMES):
    """Read as files are read that are stored in any other way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "stored_maps", lambda *_: {})
        return read_cube(reader, paths, variables=names)


@pytest.mark.parametrize(
    ("reader", "sizes"),
    [("era5", (1, 11, 18)), ("era5_land", (5, 6, 7)), ("era5_land", (30, 11, 18))],
)
def test_values_and_means_are_those_of_the_hdf5_library(tmp_path, reader, sizes, monkeypatch):
    monkeypatch.setattr(stored_means, "_TIMES_PER_TASK", 30)
    paths = write(hours(reader), tmp_path, COMPRESSED | {"chunksizes": sizes})
    ours, library = read_cube(reader, paths, variables=NAMES), by_library(paths, reader)
    assert all(record_of(ours[name]) is not None for name in NAMES)
    assert not any(record_of(library[name]) for name in NAMES)
    xr.testing.assert_identical(ours.compute(), library.compute())
    some = {"time": slice(50, 3, -7), "latitude": slice(2, 9, 3), "longitude": 4}
    xr.testing.assert_identical(ours.isel(some).compute(), library.isel(some).compute())
    one = {"time": 33, "latitude": 5}
    xr.testing.assert_identical(ours.isel(one).compute(), library.isel(one).compute())
    assert np.isnan(ours["SW_IN"][-1]).all()
    slowly = []
    monkeypatch.setattr(stored_means, "_add_slowly", lambda *_: slowly.append(1))
    means, expected = (means_over(cube, reader, "day").compute() for cube in (ours, library))
    assert means.sizes["time"] == 5
    xr.testing.assert_allclose(means, expected, rtol=3e-7, atol=0)
    for name in NAMES:
        assert means[name].attrs == expected[name].attrs
        assert means[name].dims == expected[name].dims
    assert not slowly


def test_a_month_of_several_tasks_is_the_mean_of_its_hours(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_means, "_TIMES_PER_TASK", 100)
    data = hours().isel(valid_time=slice(0, 24))
    time = pd.date_range("2003-02-01", "2003-03-01", freq="h", inclusive="left")
    data = data.isel(valid_time=np.resize(np.arange(24), len(time))).assign_coords(valid_time=time)
    paths = write(data, tmp_path, cuts=(24, 250))
    cube = read_cube("era5", paths, variables=NAMES)
    months, values = means_over(cube, "era5", "month"), cube.compute()
    # The last hour has no rate: it is left out of the mean, and of temperature it is not.
    for name, kept in (("TA", values["TA"]), ("P", values["P"][:-1])):
        expected = kept.astype("float64").mean("time")
        np.testing.assert_allclose(months[name][0], expected, rtol=3e-7)
    one_task = months.compute(scheduler="synchronous")
    xr.testing.assert_identical(one_task, months.compute(scheduler="threads", num_workers=4))


def test_packed_numbers_are_unpacked_as_by_xarray(tmp_path):
    packed = COMPRESSED | {"dtype": "int16", "scale_factor": 0.002, "add_offset": 280.0, "_FillValue": -32767}  # fmt: skip
    paths = write(hours()[["t2m"]], tmp_path, packed)
    ours, library = read_cube("era5", paths, variables=["TA"]), by_library(paths, names=["TA"])
    assert record_of(ours["TA"]) is not None
    xr.testing.assert_identical(ours.compute(), library.compute())
    assert np.isnan(ours["TA"][45]).any()


@pytest.mark.parametrize(
    "encoding", [{}, {"fletcher32": True, "zlib": True}, {"compression": "zstd"}, {"dtype": ">f4", "endian": "big"}]
)  # fmt: skip
def test_files_stored_in_another_way_are_read_by_the_library(tmp_path, encoding):
    paths = write(hours()[["t2m"]], tmp_path, encoding)
    cube = read_cube("era5", paths, variables=["TA"])
    assert record_of(cube["TA"]) is None
    np.testing.assert_allclose(cube["TA"].sortby("longitude")[3].sum(), hours()["t2m"][3].sum() - 273.15 * 196, rtol=1e-4)  # fmt: skip


def spoilt(name, value, at=(50, 2, 3)):
    data = hours()
    data[name][at] = value
    return data


@pytest.mark.parametrize(("name", "value"), [("t2m", 500.0), ("ssrd", 1e8), ("tp", -0.5)])
def test_means_refuse_values_out_of_bounds_in_the_words_of_the_library_way(tmp_path, name, value):
    paths = write(spoilt(name, value), tmp_path)
    said = []
    for cube in (read_cube("era5", paths, variables=NAMES), by_library(paths)):
        with pytest.raises(InputError) as found:
            means_over(cube, "era5", "day").compute()
        said.append(str(found.value).split(" in 1 of")[0])
    assert said[0] == said[1]


def test_infinite_values_are_missing_in_means_and_logged(tmp_path, caplog):
    paths = write(spoilt("t2m", np.inf), tmp_path)
    cube = read_cube("era5", paths, variables=["TA"])
    with caplog.at_level(logging.WARNING):
        days = means_over(cube, "era5", "day").compute()
    assert "1.nc: TA: 1 of" in caplog.text
    expected = means_over(by_library(paths, names=["TA"]), "era5", "day").compute()
    xr.testing.assert_allclose(days, expected, rtol=3e-7, atol=0)


def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path):
    paths = write(hours(), tmp_path)
    first, length = locate(paths[1], ["tp"])["tp"].places[3, 1, 1].tolist()
    content = bytearray(paths[1].read_bytes())
    content[first + length // 2 : first + length // 2 + 8] = b"\xff" * 8
    paths[1].write_bytes(content)
    cube = read_cube("era5", paths, variables=["P", "TA"])
    means_over(cube.drop_vars("P"), "era5", "day").compute()
    for damaged in (means_over(cube, "era5", "day"), cube):
        with pytest.raises(InputError, match=r"1\.nc.*tp.*data that can be read.*damaged"):
            damaged.compute()


def test_sums_since_midnight_are_refused_by_the_reader_of_hourly_sums(tmp_path):
    paths = write(hours("era5_land")[["tp"]], tmp_path)
    cube = read_cube("era5", paths, variables=["P"])
    with pytest.raises(InputError, match="sums that pile up from 01 to 24 UTC"):
        means_over(cube, "era5", "day").compute()


def test_a_region_over_the_date_line_keeps_its_gap(tmp_path):
    data = hours().isel(longitude=slice(5, 14))
    paths = write(data, tmp_path)
    ours, library = read_cube("era5", paths, variables=["TA"]), by_library(paths, names=["TA"])
    assert ours.sizes["longitude"] > 9
    days = [means_over(cube, "era5", "day").compute() for cube in (ours, library)]
    xr.testing.assert_allclose(*days, rtol=3e-7, atol=0)
    xr.testing.assert_identical(ours.compute(), library.compute())


def test_spans_of_which_chunks_hold_many_are_averaged_from_blocks(tmp_path):
    paths = write(hours(), tmp_path, COMPRESSED | {"chunksizes": (99, 11, 18)}, cuts=())
    cube = read_cube("era5", paths, variables=["TA"])
    record, spans = record_of(cube["TA"]), [slice(6 * i, 6 * i + 6) for i in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_means, "_TIMES_PER_TASK", 12)
        assert stored_means.means(record, spans, [np.ones(6)] * 20) is None
    assert stored_means.means(record, spans, [np.ones(6)] * 20) is not None
