"""Periods longer than the members' step are means of the predictions of each step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.products import plan, tree
from tests.testing.uncertainty import NearTowers
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.execution import Execution
from uflux_kedro.gridding.means import on_periods
from uflux_kedro.products.fields import INCOMPLETE, NO_MEMBER
from uflux_kedro.products.periods import Periods, prediction_step, require_step, step_of_drivers
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore

EDGES = pd.DatetimeIndex(["2001-01-01", "2001-07-01", "2002-01-01"]).to_numpy()
SETTINGS = {"edges": EDGES, "regions": {"time": 1, "latitude": 18}, "keep_members": True}


@pytest.fixture(scope="module")
def towers(world):
    return NearTowers.write(world / "towers.json", "ERA5_TA", [8, 12], reach=3)


@pytest.fixture(scope="module")
def product(world, towers):
    store = ProductStore(str(world / "GPP.zarr"))
    assert produce(plan(world, **SETTINGS, uncertainty=towers), store).made == 4
    return store.open().load()


@pytest.fixture(scope="module")
def months(world, towers):
    wanted = plan(world)
    return predict_cube(
        wanted.members, wanted.drivers.load(), variable="GPP", keep_members=True, uncertainty=towers
    )


def of_half_years(field):
    days = field["time"].dt.days_in_month
    parts = [field.isel(time=s).weighted(days[s]).mean("time") for s in (slice(6), slice(6, 12))]
    return xr.concat(parts, "time")


def test_half_years_are_means_of_months_weighted_by_days(months, product):
    np.testing.assert_array_equal(product["time_bnds"], np.column_stack([EDGES[:-1], EDGES[1:]]))
    whole = (months["GPP"].notnull() & (months["GPP_n_members"] == 2)).all("time").values
    assert whole.sum() > 500
    for name in ("GPP", "GPP_member", "GPP_lower", "GPP_upper", "GPP_completeness"):
        expected = of_half_years(months[name]).transpose(*product[name].dims)
        found, wanted = product[name].values[..., whole], expected.values[..., whole]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    # The spread is that of the members' half-years, not the mean of the months' spreads.
    spread = product["GPP_member"].std("member").values[..., whole]
    np.testing.assert_allclose(product["GPP_std"].values[..., whole], spread, rtol=1e-4, atol=1e-5)


def test_a_period_is_missing_where_half_of_its_days_are(world, months, product):
    never = months["GPP"].isnull().all("time").values
    assert np.isnan(product["GPP"].values[:, never]).all()
    some = (months["GPP"].notnull() & (months["GPP_n_members"] == 1)).values
    month, row, column = np.argwhere(some)[0]
    flag = product["GPP_flag"].values[month // 6, row, column]
    assert flag & INCOMPLETE
    # Five of six months of the member with a gap are enough for a half-year of its own.
    assert product["GPP_n_members"].values[month // 6, row, column] == 2
    drivers = plan(world).drivers.load().copy(deep=True).drop_encoding()
    place = {"latitude": row, "longitude": column}
    for gone, missing in ((3, False), (4, True)):
        drivers["ERA5_TA"][{"time": slice(0, gone), **place}] = np.nan
        store = ProductStore(str(world / f"{gone}.zarr"))
        wanted = plan(world, **SETTINGS)
        produce(type(wanted)(**vars(wanted) | {"drivers": drivers}), store)
        value, flag = (store.open()[n].values[0, row, column] for n in ("GPP", "GPP_flag"))
        assert np.isnan(value) == missing
        assert bool(flag & NO_MEMBER) == missing


def test_blocks_and_threads_do_not_change_bytes(world, towers, product, tmp_path):
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    produce(plan(world, Execution(n_jobs=2), block_rows=77, uncertainty=towers, **SETTINGS), store)
    assert tree(tmp_path / "GPP.zarr") == tree(world / "GPP.zarr")
    assert "predictions of each month" in store.open().attrs["periods"]
    again = produce(plan(world, uncertainty=towers, **SETTINGS), store)
    assert (again.made, again.kept) == (0, 4)


def test_snow_and_barren_land_follow_the_rule_in_long_periods(world, tmp_path):
    barren = plan(world).drivers["IGBP"].values >= 15
    for rule, value in (("zero", 0.0), ("mask", np.nan)):
        store = ProductStore(str(tmp_path / f"{rule}.zarr"))
        produce(plan(world, **SETTINGS, unvegetated=rule), store)
        found = store.open()
        np.testing.assert_array_equal(found["GPP"].values[:, barren], value)
        assert (found["GPP_n_members"].values[:, barren] == 0).all()
        assert (found["GPP_flag"].values[:, barren] == 64).all()


def test_periods_must_be_whole_ones_of_the_drivers(world):
    drivers = plan(world).drivers
    assert step_of_drivers(drivers) == "month"
    for wrong in (["2001-01-15", "2001-07-01"], ["2001-01-01", "2002-07-01"]):
        with pytest.raises(InputError, match="expected whole periods"):
            Periods.of(drivers, pd.DatetimeIndex(wrong).to_numpy())
    region = {"time": slice(1, 2), "latitude": slice(0, 4)}
    found = Periods.of(drivers, EDGES)
    assert found.of_drivers(region)["time"] == slice(6, 12)
    ((part, days),) = found.parts(region["time"])
    assert (part, days.sum()) == (slice(0, 6), 184)


def test_drivers_of_a_product_of_longer_periods_are_averaged(world, product):
    drivers = plan(world).drivers
    found = on_periods(drivers, product)["ERA5_TA"].load()
    expected = of_half_years(drivers["ERA5_TA"].load())
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    same = on_periods(drivers, drivers.isel(time=slice(3, 5)))
    assert same["ERA5_TA"].identical(drivers["ERA5_TA"].isel(time=slice(3, 5)))


@pytest.mark.parametrize(
    ("product", "learnt", "predicted"),
    [
        *(("half-year", "month", "month"), ("half-year", "day", "day"), ("month", "day", "day")),
        *(("day", "day", "day"), ("day", "month", "day"), ("month", "week", "month")),
    ],
)
def test_members_predict_at_their_own_step(product, learnt, predicted):
    assert prediction_step(product, learnt) == predicted
    if learnt == predicted:
        require_step([learnt], predicted)
        return
    with pytest.raises(ConfigurationError, match=f"learnt from each {learnt} are to predict each"):
        require_step([learnt, predicted], predicted)
    require_step([learnt], predicted, "any")


def test_members_of_another_step_are_refused_before_a_store_is_made(world, tmp_path):
    wanted = plan(world, **SETTINGS)
    for member in wanted.members.values():
        member.card["step"] = "day"
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    with pytest.raises(ConfigurationError, match=r"learnt from each day .* inference.members_of"):
        produce(wanted, store)
    assert not (tmp_path / "GPP.zarr").exists()
