"""Derived predictors: numbers worked out by hand, the same for tables and cubes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.cubes import make_cube
from uflux_kedro.features.derived import derive_predictors


def test_indices_deficit_and_efficiency_by_hand():
    cube = make_cube(["RED", "NIR", "TA", "TD", "PA"])
    cube = cube.map(lambda v: v * 0 + {"RED": 0.1, "NIR": 0.4, "TA": 20.0, "TD": 10.0, "PA": 101.3}[v.name])  # fmt: skip
    derived = derive_predictors(cube, co2=xr.DataArray(np.full(6, 400.0), dims="time"))
    point = derived.isel(time=0, latitude=0, longitude=0)
    assert float(point["NDVI"]) == pytest.approx(0.6)
    assert float(point["NIRv"]) == pytest.approx(0.24)
    assert float(point["EVI2"]) == pytest.approx(2.5 * 0.3 / 1.64)
    es = [6.112 * np.exp(17.67 * t / (t + 243.5)) for t in (20, 10)]
    assert float(point["VPD"]) == pytest.approx(es[0] - es[1], rel=1e-5)
    # 76.4 umol mol-1 at 10 hPa; a slightly larger deficit gives a little more.
    assert 76.4 < float(point["iWUE"]) < 85
    assert derived["iWUE"].attrs["units"] == "umol mol-1"


def test_the_published_iwue_comes_from_right_units():
    frame = pd.DataFrame({"X_TA": [20.0], "X_VPD": [10.0], "X_PA": [101.3], "CO2": [400.0]})
    assert derive_predictors(frame, "X")["X_iWUE"].iloc[0] == pytest.approx(76.4, abs=0.1)


def test_specific_humidity_gives_the_deficit_too():
    frame = pd.DataFrame({"C_TA": [20.0], "C_QV": [0.007], "C_PA": [101.3]})
    vapour = 0.007 * 1013 / (0.622 + 0.378 * 0.007)
    expected = 6.112 * np.exp(17.67 * 20 / 263.5) - vapour
    derived = derive_predictors(frame, "C")
    assert derived["C_VPD"].iloc[0] == pytest.approx(expected)
    assert "C_iWUE" not in derived


def test_a_variable_that_a_source_has_is_not_derived():
    frame = pd.DataFrame({"M_RED": [0.1], "M_NIR": [0.4], "M_NDVI": [0.5]})
    derived = derive_predictors(frame, "M")
    assert derived["M_NDVI"].tolist() == [0.5]
    assert {"M_EVI2", "M_NIRv"} < set(derived)


def test_a_table_and_a_cube_get_the_same_numbers():
    cube = make_cube(["RED", "NIR", "TA", "TD", "PA"])
    co2 = xr.DataArray(np.full(6, 390.0, dtype="float32"), dims="time", coords={"time": cube.time})
    derived = derive_predictors(cube, co2=co2)
    frame = cube.drop_vars("time_bnds").to_dataframe().reset_index()
    frame = frame.rename(columns={n: f"S_{n}" for n in cube.data_vars}).assign(CO2=390.0)
    table = derive_predictors(frame, "S")
    for name in ("NDVI", "EVI2", "NIRv", "VPD", "iWUE"):
        expected = derived[name].to_numpy().ravel()
        found = table.sort_values(["time", "latitude", "longitude"])[f"S_{name}"]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5, err_msg=name)
