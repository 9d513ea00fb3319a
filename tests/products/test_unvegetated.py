"""Snow, ice and barren land: what carbon fluxes are there, by rule."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tests.testing.drivers import Sum, make_drivers
from tests.testing.products import plan, write_member, write_world
from tests.testing.uncertainty import NearTowers
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.products.closing import close_budget
from uflux_kedro.products.derived import water_use_efficiency
from uflux_kedro.products.fields import BY_RULE, CARBON, NO_LAND, NOT_CLOSED, product_fields
from uflux_kedro.products.kernel import predict_region
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore
from uflux_kedro.uncertainty.closing import Closure
from uflux_kedro.variables import IGBP_CLASSES

# The third row is the second less the first, so that the budget closes.
MATRIX = ((0.7, 0.2, -0.3), (0.2, 0.8, 0.2), (-0.5, 0.6, 0.5))
CLOSURE = Closure(CARBON, (1.0, -1.0, 1.0), MATRIX, (1.0, 0.9, 0.8), 30)


def bare(drivers):
    """Return where the land has no plants, (latitude, longitude)."""
    return np.isin(drivers["IGBP"], [IGBP_CLASSES["SNO"], IGBP_CLASSES["BSV"]])


def predicted(drivers, rule, members=None):
    members = members or {"a": Sum("ERA5_TA"), "b": Sum("ERA5_TA", "Latitude")}
    fields = product_fields(
        "GPP", ("latitude", "longitude"), quantiles=(0.5,), keep_members=True, ruled=True
    )
    return predict_region(members, drivers, fields, (0.5,), unvegetated=rule)


@pytest.mark.parametrize(("rule", "value"), [("mask", np.nan), ("zero", 0.0)])
def test_no_member_predicts_land_without_plants(rule, value):
    drivers = make_drivers()
    drivers["ERA5_TA"][:] = 5.0
    at = bare(drivers)
    assert at.any()
    found, everywhere = predicted(drivers, rule), predicted(drivers, "predict")
    for name in ("GPP", "GPP_std", "GPP_quantile", "GPP_member"):
        np.testing.assert_array_equal(found[name][..., at], value)
        np.testing.assert_array_equal(found[name][..., ~at], everywhere[name][..., ~at])
    assert (found["GPP_n_members"][..., at] == 0).all()
    assert (found["GPP_flag"][..., at] == BY_RULE).all()
    assert (everywhere["GPP_n_members"][..., at] == 2).all()
    water = drivers["IGBP"].to_numpy() == 0
    assert (found["GPP_flag"][..., water] == NO_LAND).all()
    member = Sum("ERA5_TA")
    predicted(drivers, rule, {"a": member})
    assert sum(member.rows) == 12 * (~water & ~at).sum()


def test_the_class_of_a_cell_is_all_that_counts():
    drivers = make_drivers()
    drivers["IGBP"] = xr.where(drivers["IGBP"] > 0, IGBP_CLASSES["SNO"], 0).astype("int8")
    found = predicted(drivers, "mask")
    assert np.isnan(found["GPP"]).all()
    drivers["IGBP"] = xr.where(drivers["IGBP"] > 0, IGBP_CLASSES["URB"], 0).astype("int8")
    assert not (predicted(drivers, "mask")["GPP_flag"] & BY_RULE).any()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    for seed, flux in enumerate((*CARBON, "H")):
        write_member(folder / flux, "one", seed=seed)
        NearTowers.write(folder / f"{flux}.json", "ERA5_TA", [5, 12], reach=3)
    return folder


def made(world, folder, flux, rule):
    """Make the product of a flux by a rule."""
    store = ProductStore(str(folder / f"{flux}.zarr"))
    asked = plan(world, regions={"time": 6}, quantiles=())
    towers = NearTowers.write(world / f"{flux}.json", "ERA5_TA", [5, 12], reach=3)
    members = {f"A.{flux}.XGB": FittedMember.load(world / flux / "one")}
    asked = replace(
        asked, flux=flux, members=members, uncertainty=towers, chunks={}, unvegetated=rule
    )
    produce(asked, store)
    return store


@pytest.mark.parametrize(("rule", "value"), [("mask", np.nan), ("zero", 0.0)])
def test_the_rule_holds_for_bounds_closed_budgets_and_what_follows(world, tmp_path, rule, value):
    sources = {flux: made(world, tmp_path, flux, rule) for flux in CARBON}
    targets = {flux: ProductStore(str(tmp_path / f"{flux}_closed.zarr")) for flux in CARBON}
    close_budget(sources, targets, CLOSURE)
    at = bare(xr.open_zarr(world / "drivers.zarr", consolidated=False))
    closed = {flux: store.open().load() for flux, store in targets.items()}
    for flux, product in closed.items():
        for end in ("", "_lower", "_upper", "_member"):
            np.testing.assert_array_equal(product[f"{flux}{end}"].to_numpy()[..., at], value)
        assert np.isnan(product[f"{flux}_completeness"].to_numpy()[..., at]).all()
        flag = product[f"{flux}_flag"]
        assert (flag.to_numpy()[..., at] == BY_RULE).all()
        meanings = dict(
            zip(flag.attrs["flag_meanings"].split(), flag.attrs["flag_masks"], strict=True)
        )
        assert meanings["unvegetated_land"] == BY_RULE == 64
        assert meanings["budget_not_closed"] == NOT_CLOSED
        assert json.loads(product.attrs["parameters"])["unvegetated"] == rule
        assert np.isfinite(product[flux].to_numpy()).any()
    gap = closed["RECO"]["RECO"] - closed["GPP"]["GPP"]
    np.testing.assert_array_equal(gap, closed["NEE"]["NEE"])
    water = (
        closed["GPP"][["GPP", "time_bnds"]].rename(GPP="ET").assign(ET=lambda w: w["ET"] * 0 + 2)
    )
    wue = water_use_efficiency(closed["GPP"], water)["WUE"].to_numpy()
    np.testing.assert_array_equal(wue[..., at], value)


def test_energy_is_predicted_everywhere_and_another_rule_makes_carbon_again(world, tmp_path):
    at = bare(xr.open_zarr(world / "drivers.zarr", consolidated=False))
    heat = made(world, tmp_path, "H", "mask").open()
    assert np.isfinite(heat["H"].to_numpy()[..., at]).mean() > 0.9
    assert "unvegetated_land" not in heat["H_flag"].attrs["flag_meanings"]
    assert "unvegetated" not in json.loads(heat.attrs["parameters"])
    made(world, tmp_path, "GPP", "mask")
    changed = made(world, tmp_path, "GPP", "predict").open()
    assert np.isfinite(changed["GPP"].to_numpy()[..., at]).mean() > 0.9
    assert "unvegetated_land" not in changed["GPP_flag"].attrs["flag_meanings"]
