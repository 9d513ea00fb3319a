"""Budgets of two cells and two months, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.budgets import (
    BUDGET_COLUMNS,
    budget_residuals,
    energy_closure,
    nee_residual,
)

TIME = pd.DatetimeIndex(["2003-01-01", "2003-02-01"])
AXES = {"latitude": [-45.0, 45.0], "longitude": [0.0, 90.0]}  # four cells of one area


def product(name, january, february, unit):
    """A field with one value per month, and its bounds."""
    values = np.array([january, february], float)[:, None, None] * np.ones((2, 2, 2))
    bounds = np.stack([TIME, TIME + pd.offsets.MonthBegin()], axis=1)
    return xr.Dataset(
        {
            name: (("time", "latitude", "longitude"), values, {"units": unit}),
            "time_bnds": (("time", "bnds"), bounds),
        },
        {"time": TIME, **AXES},
    )


def carbon():
    unit = "g m-2 d-1"
    return {
        "GPP": product("GPP", 3.0, 5.0, unit),
        "RECO": product("RECO", 2.0, 3.0, unit),
        "NEE": product("NEE", -0.5, -1.0, unit),
    }


def energy():
    return {"H": product("H", 20.0, 30.0, "W m-2"), "LE": product("LE", 60.0, 60.0, "W m-2")}


def drivers(**values):
    # One month more than the products.
    time = pd.date_range("2003-01-01", periods=3, freq="MS")
    shape = (("time", "latitude", "longitude"), np.ones((3, 2, 2)))
    ones = xr.Dataset(dict.fromkeys(values, shape), {"time": time, **AXES})
    return ones * xr.Dataset(values)


def of(table):
    return dict(zip(table["quantity"], table["value"], strict=True))


def test_carbon_is_weighted_by_days():
    table = budget_residuals(carbon(), drivers())
    assert tuple(table.columns) == BUDGET_COLUMNS
    assert set(table["budget"]) == {"carbon"}
    assert set(table["unit"]) == {"gC m-2 d-1"}
    # NEE of 31 days of -0.5 and 28 of -1; RECO less GPP of -1 and -2; what is left 0.5 and 1.
    assert of(table) == pytest.approx(
        {
            "NEE": -(31 * 0.5 + 28) / 59,
            "RECO less GPP": -(31 + 28 * 2) / 59,
            "residual, NEE less (RECO less GPP)": (31 * 0.5 + 28) / 59,
            "residual, root mean square of cells and periods": ((31 * 0.25 + 28) / 59) ** 0.5,
        }
    )


def test_only_cells_with_all_three_count():
    fields = carbon()
    fields["NEE"]["NEE"][0, 0, 0] = np.nan
    fields["GPP"]["GPP"][0, 0, 1] = 1e6
    fields["RECO"]["RECO"][0, 0, 1] = np.nan
    found = of(budget_residuals(fields, drivers()))
    # In January two cells of four are left.
    assert found["NEE"] == pytest.approx(-(31 * 0.5 + 2 * 28) / (31 + 2 * 28))
    assert found["RECO less GPP"] == pytest.approx(-(31 + 2 * 28 * 2) / (31 + 2 * 28))


def test_energy_is_set_against_radiation():
    radiation = drivers(ERA5_SW_IN=200.0, ERA5_LW_IN=300.0, ERA5_TS=0.0)
    table = budget_residuals(energy(), radiation)
    found = of(table)
    turbulent = 80 + 10 * 28 / 59
    assert found["H plus LE"] == pytest.approx(turbulent)
    assert found["ERA5_SW_IN plus ERA5_LW_IN"] == pytest.approx(500)
    assert found["H plus LE by ERA5_SW_IN plus ERA5_LW_IN"] == pytest.approx(turbulent / 500)
    # At 0 degC a black body emits 315.658 W m-2: 0.77 x 200 + 0.98 x (300 - 315.658).
    net = "net radiation, estimated from ERA5 with albedo 0.23"
    assert found[net] == pytest.approx(138.6555, rel=1e-5)
    assert found[f"H plus LE by {net}"] == pytest.approx(turbulent / 138.6555, rel=1e-5)
    words = "H plus LE by estimated net radiation, {} of the periods"
    assert found[words.format("lowest")] == pytest.approx(80 / 138.6555, rel=1e-5)
    assert found[words.format("highest")] == pytest.approx(90 / 138.6555, rel=1e-5)
    assert table["unit"].tolist() == ["W m-2", "W m-2", "1", "W m-2", "1", "1", "1"]


def test_energy_counts_where_both_sides_are_known():
    radiation = drivers(ERA5_SW_IN=200.0, ERA5_LW_IN=300.0, ERA5_TS=0.0)
    radiation["ERA5_SW_IN"][0, 0, 0] = np.nan
    fluxes = energy()
    fluxes["H"]["H"][0, 0, 0] = 1e6
    fluxes["LE"]["LE"][0, 0, 1] = np.nan
    radiation["ERA5_SW_IN"][0, 0, 1] = 1e6
    found = of(budget_residuals(fluxes, radiation))
    share = (31 * 80 + 2 * 28 * 90) / (31 + 2 * 28)
    assert found["ERA5_SW_IN plus ERA5_LW_IN"] == pytest.approx(500)
    assert found["H plus LE by ERA5_SW_IN plus ERA5_LW_IN"] == pytest.approx(share / 500)


def test_the_first_source_with_all_three_is_taken():
    given = drivers(
        A_SW_IN=1.0, A_LW_IN=1.0, B_SW_IN=100.0, B_LW_IN=300.0, B_TS=0.0, C_SW_IN=200.0,
        C_LW_IN=300.0, C_TS=0.0, D_TS=0.0,
    )  # fmt: skip
    assert of(budget_residuals(energy(), given))["B_SW_IN plus B_LW_IN"] == pytest.approx(400)
    alone = budget_residuals(energy(), given[["A_SW_IN", "A_LW_IN", "D_TS"]])
    assert alone["quantity"].tolist() == ["H plus LE"]


def test_a_budget_needs_all_its_fluxes():
    fields = carbon() | energy()
    for missing in ("NEE", "GPP", "RECO"):
        table = budget_residuals({f: p for f, p in fields.items() if f != missing}, drivers())
        assert set(table["budget"]) == {"energy"}
    for missing in ("H", "LE"):
        table = budget_residuals({f: p for f, p in fields.items() if f != missing}, drivers())
        assert set(table["budget"]) == {"carbon"}
    assert budget_residuals({}, drivers()).empty


def a_field(value, unit):
    """A field of one value, two periods on twelve by twelve cells."""
    latitude = -90 + 15 * (np.arange(12) + 0.5)
    longitude = -180 + 30 * (np.arange(12) + 0.5)
    return xr.DataArray(
        np.full((2, 12, 12), value),
        {"time": [0, 1], "latitude": latitude, "longitude": longitude},
        ("time", "latitude", "longitude"),
        name="field",
        attrs={"units": unit},
    )


def test_the_residual_of_nee_is_what_reco_less_gpp_does_not_explain():
    gpp = a_field(3.0, "g m-2 d-1")
    reco, nee = a_field(2.0, "g m-2 d-1"), a_field(-0.75, "g m-2 d-1")
    np.testing.assert_allclose(nee_residual(nee, gpp, reco), 0.25)
    with pytest.raises(InputError, match="one unit"):
        nee_residual(nee, gpp, a_field(2.0, "umol m-2 s-1"))


def test_energy_closure_is_weighted_by_area_and_over_common_cells():
    h, le, available = (a_field(v, "W m-2") for v in (20.0, 60.0, 100.0))
    h[0, 0, 0] = np.nan
    available[0, 0, 0] = 1e6
    np.testing.assert_allclose(energy_closure(h, le, available), 0.8)
    le[:, -1] = 160.0  # a row at the pole counts little
    assert 0.8 < float(energy_closure(h, le, available)[1]) < 0.9
