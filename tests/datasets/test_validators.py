"""Cubes and tables that the catalog refuses to save."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pandera.errors import SchemaError

from uflux_kedro.datasets.validators import TOWERS, check_cube
from uflux_kedro.errors import InputError


@pytest.fixture
def cube():
    time = pd.date_range("2020-01-01", periods=3, freq="MS")
    ends = time + pd.offsets.MonthBegin()
    return xr.Dataset(
        {
            "ERA5_TA": (("time", "latitude", "longitude"), np.zeros((3, 2, 4))),
            "time_bnds": (("time", "bnds"), np.stack([time, ends], axis=1)),
        },
        {"time": time, "latitude": [-45.0, 45.0], "longitude": [-135.0, -45.0, 45.0, 135.0]},
        {"title": "a cube"},
    )


@pytest.fixture
def towers():
    return pd.DataFrame(
        {
            "site_id": ["DE-Tha", "DE-Tha"],
            "time": pd.to_datetime(["2020-01-01", "2020-02-01"]),
            "GPP": [1.0, np.nan],
            "GPP_QC": [1.0, 0.2],
            "ERA5_TA": [-3.0, 2.0],
        }
    )


def test_canonical_cube_and_table_pass(cube, towers):
    check_cube(cube)
    pd.testing.assert_frame_equal(TOWERS.validate(towers), towers)


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        (lambda c: c.isel(latitude=slice(None, None, -1)), "latitude"),
        (lambda c: c.assign_coords(longitude=c.longitude + 180), "longitude"),
        (lambda c: c.isel(time=[0, 2, 1]), "time"),
        (lambda c: c.isel(time=[0, 0, 1]), "time"),
        (lambda c: c.drop_vars("time_bnds"), "time_bnds"),
        (lambda c: c.drop_vars("latitude"), "latitude"),
    ],
)
def test_cube_with_other_axes_is_refused(cube, change, variable):
    with pytest.raises(InputError, match=rf"a cube: {variable}: expected"):
        check_cube(change(cube))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ERA5_TA", 288.0, "TA within -80 to 60 degC"),
        ("GPP", 99.0, "GPP within -10 to 40 gC m-2 d-1"),
        ("GPP_QC", 3.0, "GPP_QC"),
        ("time", pd.Timestamp("2020-02-01"), "time"),
    ],
)
def test_table_with_impossible_values_is_refused(towers, column, value, message):
    towers.loc[0, column] = value
    with pytest.raises(SchemaError, match=message):
        TOWERS.validate(towers)


def test_days_of_towers_may_exceed_the_bounds_of_months():
    days = pd.date_range("2003-01-01", periods=2)
    table = pd.DataFrame({"site_id": "A", "time": days, "GPP": [-11.0, 3.0]})
    with pytest.raises(SchemaError, match="GPP within -10 to 40"):
        TOWERS.validate(table)
    table.attrs["resolution"] = "DD"
    TOWERS.validate(table)
    with pytest.raises(SchemaError, match=r"GPP within -12\.5 to 42\.5"):
        TOWERS.validate(table.assign(GPP=-20.0))
