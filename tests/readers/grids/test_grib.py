"""GRIB of reanalyses, with cfgrib where it is installed and with its answers where it is not."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers import read_cube

AXES = {"latitude": [60.0, 50.0, 40.0], "longitude": [0.0, 10.0, 20.0, 30.0]}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "era5.grib"
    path.write_bytes(b"GRIB and more")
    return path


def field(name, leading, unit, value, step_type):
    sizes = [len(v) for v in leading.values()]
    values = np.full((*sizes, 3, 4), value, "float32")
    attributes = {"units": unit, "GRIB_stepType": step_type}
    return xr.Dataset({name: ((*leading, *AXES), values, attributes)}, {**leading, **AXES})


def answers(monkeypatch, *parts):
    fake = SimpleNamespace(open_datasets=lambda path, backend_kwargs: list(parts))
    monkeypatch.setitem(sys.modules, "cfgrib", fake)


def test_grib_without_its_library_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cfgrib", None)
    with pytest.raises(ConfigurationError, match=r"era5.grib: GRIB needs cfgrib: install uflux_kedro\[grib\]"):  # fmt: skip
        read_cube("era5", [path])


def test_forecasts_are_read_by_their_valid_time(path, monkeypatch):
    """ERA5-Land's sums since 00 UTC, by the day and the hours from its start."""
    days = pd.date_range("2021-07-02", periods=3)
    hours = pd.to_timedelta(np.arange(1, 25), "h")
    sums = field("ssrd", {"time": days, "step": hours}, "J m**-2", 0, "accum")
    sums["ssrd"] += 3.6e5 * xr.DataArray(np.arange(1, 25), dims="step")
    sums["ssrd"].attrs = {"units": "J m**-2", "GRIB_stepType": "accum"}
    sums = sums.assign_coords(valid_time=sums["time"] + sums["step"], surface=0.0, number=0)
    times = pd.date_range("2021-07-02T01", periods=72, freq="h")
    warmth = field("t2m", {"time": times}, "K", 280, "instant")
    warmth = warmth.assign_coords(valid_time=("time", times), step=pd.Timedelta(0))
    answers(monkeypatch, sums, warmth)
    cube = read_cube("era5_land", [path], variables=["SW_IN", "TA"])
    assert cube.indexes["time"].equals(times)
    np.testing.assert_allclose(cube["SW_IN"][:-1], 100, rtol=1e-5)


def test_a_damaged_file_is_named(path, monkeypatch):
    def fail(path, backend_kwargs):
        raise EOFError("end of file")

    monkeypatch.setitem(sys.modules, "cfgrib", SimpleNamespace(open_datasets=fail))
    with pytest.raises(InputError, match=r"complete GRIB file .*EOFError: end of file"):
        read_cube("era5", [path])


@pytest.mark.parametrize("ending", ["grib", "grb", "grib2", "grb2"])
def test_grib_is_found_in_a_folder(path, monkeypatch, ending):
    path.rename(path.with_suffix(f".{ending}"))
    monkeypatch.setitem(sys.modules, "cfgrib", None)
    with pytest.raises(ConfigurationError, match=rf"era5\.{ending}: GRIB needs cfgrib"):
        read_cube("era5", path.parent)


def write_messages(path, stamps, averaged):
    eccodes = pytest.importorskip("eccodes", reason="needs the extra grib")
    with path.open("wb") as file:
        for stamp in stamps:
            message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
            keys = {
                "Ni": 4, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 60.0,
                "latitudeOfLastGridPointInDegrees": 40.0, "longitudeOfFirstGridPointInDegrees": 0.0,
                "longitudeOfLastGridPointInDegrees": 30.0, "iDirectionIncrementInDegrees": 10.0,
                "jDirectionIncrementInDegrees": 10.0, "centre": "ecmf",
                "stream": "moda" if averaged else "oper", "timeRangeIndicator": 123 if averaged else 0,
                "dataDate": int(f"{stamp:%Y%m%d}"), "dataTime": 100 * stamp.hour, "paramId": 167,
            }  # fmt: skip
            for key, value in keys.items():
                eccodes.codes_set(message, key, value)
            eccodes.codes_set_values(message, np.full(12, 280.0 + stamp.month))
            eccodes.codes_write(message, file)


@pytest.mark.parametrize("averaged", [True, False])
def test_months_are_told_from_hours_by_the_step_type(path, averaged):
    months = pd.date_range("2021-01-01", periods=3, freq="MS")
    write_messages(path, months, averaged)
    if averaged:
        cube = read_cube("era5", [path], variables=["TA"])
        assert cube.indexes["time"].equals(months)
        np.testing.assert_allclose(cube["TA"][:, 0, 0], 6.85 + np.arange(1, 4), atol=1e-3)
    else:
        with pytest.raises(InputError, match="expected means of months; found values of single"):
            read_cube("era5", [path], variables=["TA"])
