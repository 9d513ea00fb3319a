"""Predictors of the days before: by the calendar, the same at towers and on maps."""

from __future__ import annotations

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.biophysics import makkink
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.antecedent import (
    antecedent_names,
    antecedent_predictors,
    antecedents_at_towers,
    inputs_of,
    require_days,
    split_antecedent,
)
from uflux_kedro.variables import variable_of

NAMES = ["ERA5_TA_MEAN7", "ERA5_TA_MEAN30", "ERA5_P_DRY", "ERA5_P_PET30", "MODIS_NIRv_MEAN90"]


@pytest.fixture(scope="module")
def record():
    """Two hundred days at three places, with rain on one day of four."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2003-01-01", periods=200, name="time")
    fields = {
        "ERA5_TA": rng.normal(10, 5, (200, 3)),
        "ERA5_SW_IN": rng.uniform(20, 300, (200, 3)),
        "ERA5_P": rng.gamma(0.3, 4, (200, 3)),
        "MODIS_NIRv": rng.uniform(0, 0.4, (200, 3)),
    }
    made = {n: (("time", "site_id"), v.astype("float32")) for n, v in fields.items()}
    return xr.Dataset(made, {"time": days, "site_id": ["A", "B", "C"]})


def test_means_sums_and_dry_spells_are_those_of_the_last_days(record):
    found = antecedent_predictors(record, NAMES)
    assert set(found) == set(NAMES)
    for name, days in (("ERA5_TA_MEAN7", 7), ("ERA5_TA_MEAN30", 30)):
        window = record["ERA5_TA"][120 - days + 1 : 121].mean("time")
        np.testing.assert_allclose(found[name][120], window, rtol=1e-5)
    water = record["ERA5_P"] - makkink(record["ERA5_TA"], record["ERA5_SW_IN"])
    np.testing.assert_allclose(found["ERA5_P_PET30"][120], water[91:121].sum("time"), rtol=1e-4)
    for place in range(3):
        wet = np.flatnonzero(record["ERA5_P"][:121, place].values >= 1)
        assert found["ERA5_P_DRY"].values[120, place] == 120 - wet[-1]


def test_days_are_found_by_the_calendar(record):
    """A gap is a gap: the rows before it do not slide into the window."""
    gap = record.isel(time=[*range(100), *range(110, 200)])
    found = antecedent_predictors(gap, NAMES).sel(time="2003-04-24")  # three days after the gap
    kept = record["ERA5_TA"].sel(time=slice("2003-04-21", "2003-04-24")).mean("time")
    np.testing.assert_allclose(found["ERA5_TA_MEAN7"], kept, rtol=1e-5)
    two = antecedent_predictors(gap, NAMES).sel(time="2003-04-23")
    assert np.isnan(two["ERA5_TA_MEAN7"]).all()
    missing = record.copy(deep=True)
    missing["ERA5_TA"][100:110] = np.nan
    whole = antecedent_predictors(missing, NAMES)["ERA5_TA_MEAN30"].sel(time=gap["time"])
    xr.testing.assert_identical(antecedent_predictors(gap, NAMES)["ERA5_TA_MEAN30"], whole)


def test_half_of_a_window_is_enough_at_the_start_of_a_record(record):
    found = antecedent_predictors(record, NAMES)
    assert np.isnan(found["ERA5_TA_MEAN30"][:14]).all()
    assert np.isfinite(found["ERA5_TA_MEAN30"][14:]).all()
    np.testing.assert_allclose(
        found["ERA5_TA_MEAN30"][14], record["ERA5_TA"][:15].mean("time"), rtol=1e-5
    )
    never = record.assign(ERA5_P=xr.zeros_like(record["ERA5_P"]))
    dry = antecedent_predictors(never, ["ERA5_P_DRY"])["ERA5_P_DRY"]
    assert np.isnan(dry[:44]).all()
    assert (dry[44:] == 90).all()


def test_a_tower_a_window_and_a_map_have_the_same_numbers(record):
    """Wherever a record begins, and whether it is lazy, a day has the same bits."""
    whole = antecedent_predictors(record, NAMES)
    part = antecedent_predictors(record.isel(time=slice(60, 180)), NAMES).isel(time=slice(89, None))
    xr.testing.assert_identical(part, whole.isel(time=slice(149, 180)))
    lazy = antecedent_predictors(record.chunk(time=1), NAMES)
    assert all(isinstance(v.data, dask.array.Array) for v in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), whole)
    table = record.to_dataframe().reset_index().sample(frac=1, random_state=1)
    rows = antecedents_at_towers(table, NAMES).set_index(["time", "site_id"])
    for name in NAMES:
        np.testing.assert_array_equal(rows[name].to_xarray().values, whole[name].values)


def test_the_future_and_other_places_are_not_seen(record):
    changed = record.copy(deep=True)
    for name in changed:
        changed[name][121:] += 100
        changed[name][:, 1:] += 100
    before, after = (antecedent_predictors(r, NAMES) for r in (record, changed))
    xr.testing.assert_identical(
        before.isel(time=slice(121), site_id=[0]), after.isel(time=slice(121), site_id=[0])
    )


def test_names_and_what_they_need():
    assert split_antecedent("ERA5_TA_MEAN30") == ("ERA5_TA", "MEAN30")
    assert split_antecedent("TA_MEAN7") == ("TA", "MEAN7")
    assert split_antecedent("ERA5_TA_LAG1") == split_antecedent("ERA5_TA") == ("", "")
    assert inputs_of(["ERA5_P_PET90", "ERA5_TA"]) == {"ERA5_P", "ERA5_TA", "ERA5_SW_IN"}
    offered = antecedent_names({"P", "TA", "IGBP", "GPP", "site_id"})
    assert {"P_DRY", "P_MEAN7", "TA_MEAN90"} <= offered
    assert not {"P_PET30", "TA_DRY", "GPP_MEAN7", "IGBP_MEAN7"} & offered
    assert "P_PET30" in antecedent_names({"P", "TA", "SW_IN"})
    assert (variable_of("ERA5_P_DRY").unit, variable_of("ERA5_P_DRY").upper) == ("d", 90)
    assert variable_of("P_PET90").unit == "mm"
    with pytest.raises(ConfigurationError, match="Unknown variable 'ERA5_TA_DRY'"):
        variable_of("ERA5_TA_DRY")
    with pytest.raises(ConfigurationError, match="expected DD, since ERA5_TA_MEAN7 are"):
        require_days(["ERA5_TA", "ERA5_TA_MEAN7"], "MM")
    require_days(["ERA5_TA"], "MM")


def test_a_record_that_is_not_of_days_is_refused(record):
    for times in (record["time"][::-1], pd.date_range("2003", periods=200, freq="12h")):
        with pytest.raises(InputError, match="days in order, each once"):
            antecedent_predictors(record.assign_coords(time=times), NAMES)
