"""Derived predictors: numbers worked out by hand, the same for tables and cubes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.cubes import make_cube
from uflux_kedro.biophysics.vapour_pressure import vpd_from_dewpoint
from uflux_kedro.features.derived import derive_predictors, offered_by_table
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.variables import SITE_PREDICTORS


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


KEYS = {"site_id": "A", "time": "2001-01", "latitude": 50.0, "IGBP": "ENF"}


def offered(folder, **columns):
    names = [*KEYS, *columns]
    path = folder / "table.csv"
    pd.DataFrame([KEYS | columns]).to_csv(path, index=False)
    parameters = TowerParameters(reader="tidy", columns={n: n for n in names})
    return offered_by_table(path, parameters) - {*names, *SITE_PREDICTORS}


@pytest.mark.parametrize(
    ("columns", "made"),
    [
        (("ERA_TA", "ERA_VPD", "ERA_PA", "CO2"), {"ERA_iWUE"}),
        (("ERA_TA", "ERA_VPD", "ERA_PA"), set()),
        (("ERA_TA", "ERA_VPD", "CO2"), set()),
        (("ERA_TA", "ERA_TD"), {"ERA_VPD"}),
        (("ERA_TA", "ERA_TD", "ERA_PA", "CO2"), {"ERA_VPD", "ERA_iWUE"}),
        (("ERA_TA", "ERA_QV", "ERA_PA"), {"ERA_VPD"}),
        (("M_NIR", "M_RED"), {"M_NDVI", "M_EVI2", "M_NIRv"}),
        (("M_NIR", "V_RED"), set()),
        (("NIR", "RED"), set()),  # without a source
        (("TA_QC", "ERA_TA"), set()),
    ],
)
def test_derived_names_that_a_table_provides(tmp_path, columns, made):
    assert offered(tmp_path, **dict.fromkeys(columns, 1.0)) == made


def test_a_column_without_values_offers_nothing(tmp_path):
    assert offered(tmp_path, ERA_TA=1.0, ERA_TD=-9999) == set()


def test_a_present_variable_is_not_derived_again():
    table = pd.DataFrame({"E_TA": [20.0], "E_TD": [10.0]})
    made = derive_predictors(table, "E")
    assert made["E_VPD"].tolist() == pytest.approx([vpd_from_dewpoint(20.0, 10.0)])
    kept = derive_predictors(table.assign(E_VPD=1.0), "E")
    assert kept["E_VPD"].tolist() == [1.0]
    assert set(derive_predictors(table, "F")) == {"E_TA", "E_TD"}
    assert "E_VPD" not in derive_predictors(table.rename(columns={"E_TA": "TA"}), "E")
    assert "VPD" in derive_predictors(pd.DataFrame({"TA": [20.0], "TD": [10.0]}))


def test_co2_of_all_sources_serves_each():
    table = pd.DataFrame({"E_TA": [20.0], "E_VPD": [10.0], "E_PA": [101.3], "CO2": [400.0]})
    assert derive_predictors(table, "E")["E_iWUE"].tolist() == pytest.approx([76.4], abs=0.1)
    assert "E_iWUE" not in derive_predictors(table.drop(columns="CO2"), "E")
    given = derive_predictors(table, "E", co2=pd.Series([800.0]))
    assert given["E_iWUE"].item() > 1.9 * 76.4
