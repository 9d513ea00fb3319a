"""Earlier months follow the calendar; missing ones get the usual value of their month."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.history import anomaly, climatology, from_record, lagged, mean_year
from uflux_kedro.variables import HISTORY, variable_of


def record(values, time) -> xr.DataArray:
    return xr.DataArray(np.asarray(values, float), coords={"time": time}, dims="time")


@pytest.fixture
def rain() -> xr.DataArray:
    """Two years from March: the number of the month, plus ten in the second year."""
    time = pd.date_range("2001-03-01", periods=24, freq="MS")
    return record(time.month + 10 * (np.arange(24) >= 12), time)


def at(values: xr.DataArray, *months: str) -> list[float]:
    return values.sel(time=[np.datetime64(f"{m}-01") for m in months]).to_numpy().tolist()


def test_the_usual_month_and_the_departure_from_it(rain):
    assert at(climatology(rain), "2001-06", "2002-06") == [11, 11]
    assert at(anomaly(rain), "2001-06", "2002-06") == [-5, 5]


def test_endings_name_what_is_taken_of_the_record(rain):
    assert at(from_record(rain, HISTORY["ANOM"]), "2002-06") == [5]
    assert at(from_record(rain, HISTORY["LAG1"]), "2002-06") == [15]
    assert at(from_record(rain, HISTORY["RUN3"]), "2002-06") == [15]


def test_a_year_has_twelve_months():
    year = mean_year(record([5, 6, 7], pd.date_range("2001-06-01", periods=3, freq="MS")))
    assert year["month"].values.tolist() == list(range(1, 13))
    assert year.values[5:8].tolist() == [5, 6, 7]
    assert int(year.notnull().sum()) == 3


def test_months_before_are_of_the_calendar(rain):
    assert at(lagged(rain, 1), "2001-06", "2002-06") == [5, 15]
    assert at(lagged(rain, 2), "2001-06", "2002-01") == [4, 11]
    mean = from_record(rain, HISTORY["RUN3"])
    assert at(mean, "2001-06", "2002-01") == [5, (1 + 12 + 11) / 3]
    assert at(from_record(rain, HISTORY["LAG1"]), "2001-06", "2002-01") == [5, 12]
    assert at(from_record(rain, HISTORY["ANOM"]), "2001-06", "2002-06") == [-5, 5]


def test_missing_months_get_the_usual_value(rain):
    assert at(lagged(rain, 1), "2001-03") == [(2 + 12) / 2]
    gap = np.datetime64("2002-05-01")
    without_row = rain.sel(time=rain["time"] != gap)
    without_value = rain.where(rain["time"] != gap)
    for data in (without_row, without_value):
        assert at(lagged(data, 1), "2002-06", "2002-07") == [5, 16]
        mean = from_record(data, HISTORY["RUN3"])
        assert at(mean, "2002-06") == [pytest.approx((16 + 5 + 14) / 3)]


def test_a_month_without_any_value_gets_that_of_the_next():
    summer = record([5, 6, 7], pd.date_range("2001-06-01", periods=3, freq="MS"))
    assert lagged(summer, 1).to_numpy().tolist() == [5, 5, 6]


@settings(max_examples=20)
@given(
    st.lists(st.booleans(), min_size=30, max_size=30).filter(any),
    st.integers(0, 11),
)
def test_a_missing_row_and_a_missing_value_give_the_same(seen, start):
    """A table of towers has missing rows, a Dataset of all towers missing values."""
    time = pd.date_range("2001-01-01", periods=30, freq="MS") + pd.DateOffset(months=start)
    values = record(np.random.default_rng(0).normal(size=30), time)
    kept = np.array(seen)
    for name, history in HISTORY.items():
        rows = from_record(values[kept], history)
        blanks = from_record(values.where(xr.DataArray(kept, dims="time")), history)
        np.testing.assert_allclose(rows, blanks[kept], rtol=1e-12, err_msg=name)
        assert rows.notnull().all()


def test_lazy_inputs_stay_lazy(rain):
    chunked = rain.chunk(time=5)
    for name, history in HISTORY.items():
        made = from_record(chunked, history)
        assert isinstance(made.data, da.Array), name
        xr.testing.assert_allclose(made.compute(), from_record(rain, history))


@pytest.mark.parametrize(
    ("name", "unit", "lower", "upper"),
    [
        ("ERA5_TA_ANOM", "degC", -140, 140),
        ("FILLED_EVI_LAG1", "1", -1, 1.5),
        ("ERA_P_RUN3", "mm d-1", 0, 500),
    ],
)
def test_a_predictor_of_the_record_has_its_variables_unit(name, unit, lower, upper):
    variable = variable_of(name)
    assert variable.name == name.partition("_")[2]
    assert (variable.unit, variable.lower, variable.upper) == (unit, lower, upper)


def test_only_variables_have_a_record():
    with pytest.raises(ConfigurationError, match="ERA_TAA"):
        variable_of("ERA_TAA_LAG1")
