"""Products of GPP, RECO and NEE that close the carbon budget."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from types import SimpleNamespace

import netCDF4
import numpy as np
import pytest
import xarray as xr

from tests.testing.products import plan, tree, write_member, write_world
from tests.testing.uncertainty import NearTowers
from uflux_kedro.errors import InputError
from uflux_kedro.execution.engine import Execution
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.products.cf import write_netcdf
from uflux_kedro.products.closing import CARBON, close_budget, close_values
from uflux_kedro.products.fields import NO_LAND, NOT_CLOSED
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore
from uflux_kedro.uncertainty.closing import Closure

BUDGET = np.array([1.0, -1.0, 1.0])
ERRORS = np.array([[1.0, 0.4, -0.3], [0.4, 2.0, 0.5], [-0.3, 0.5, 0.7]])
MATRIX = np.eye(3) - np.outer(ERRORS @ BUDGET, BUDGET) / (BUDGET @ ERRORS @ BUDGET)
WIDTHS = (0.9, 0.8, 1.1)
CLOSURE = Closure(CARBON, tuple(BUDGET), tuple(map(tuple, MATRIX.tolist())), WIDTHS, 30)

# NEE has no member without vegetation, so that it is missing where vegetation is.
MEMBERS = {
    "GPP": {"A.GPP.XGB": "one", "B.GPP.XGB": "two"},
    "RECO": {"B.RECO.XGB": "two", "A.RECO.XGB": "one"},
    "NEE": {"A.NEE.XGB": "one"},
}


def stores(folder):
    return {flux: ProductStore(str(folder / f"{flux}.zarr")) for flux in CARBON}


def wanted(folder, flux, uncertainty=None, **settings):
    """Return the plan of a product as predicted, of four regions."""
    own = folder / f"members_{flux}"
    members = {name: FittedMember.load(own / of) for name, of in MEMBERS[flux].items()}
    for member in members.values():
        member.card["simulated"] = "towers"
    asked = plan(folder, regions={"time": 3}, **settings)
    return replace(asked, flux=flux, members=members, uncertainty=uncertainty, chunks={})


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """Folder of the three products as predicted."""
    folder = tmp_path_factory.mktemp("predicted")
    write_world(folder)
    for seed, flux in enumerate(CARBON):
        for name in {*MEMBERS[flux].values()}:
            write_member(folder / f"members_{flux}", name, seed=seed)
        towers = NearTowers.write(folder / f"{flux}.json", "ERA5_TA", [5 + seed, 12], reach=3)
        produce(wanted(folder, flux, towers), stores(folder)[flux])
    return folder


@pytest.fixture(scope="module")
def closed(predicted, tmp_path_factory):
    """Folder of the three products closed without interruption."""
    folder = tmp_path_factory.mktemp("closed")
    close_budget(stores(predicted), stores(folder), CLOSURE)
    return folder


@pytest.fixture
def copy(predicted, tmp_path):
    shutil.copytree(predicted, tmp_path / "predicted")
    return tmp_path / "predicted"


@pytest.fixture(scope="module")
def before(predicted):
    return {flux: store.open().load() for flux, store in stores(predicted).items()}


@pytest.fixture(scope="module")
def after(closed):
    return {flux: store.open().load() for flux, store in stores(closed).items()}


@pytest.fixture(scope="module")
def whole(before):
    """Cells and periods in which all three are predicted."""
    return np.logical_and.reduce([before[flux][flux].notnull().to_numpy() for flux in CARBON])


def bits(values):
    return np.ascontiguousarray(values, dtype="float32").view("int32")


def test_the_budget_closes_to_the_last_bit(after, before, whole):
    gpp, reco, nee = (after[flux][flux].to_numpy() for flux in CARBON)
    np.testing.assert_array_equal(bits(nee[whole]), bits((reco - gpp)[whole]))
    found = np.stack([gpp[whole], reco[whole], nee[whole]])
    given = np.stack([before[flux][flux].to_numpy()[whole] for flux in CARBON])
    assert np.abs(BUDGET @ given).max() > 1, "as predicted it does not"
    np.testing.assert_allclose(found, MATRIX @ given.astype(float), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_values_of_any_size_close(seed):
    rng = np.random.default_rng(seed)
    values = [(rng.normal(size=999) * 10.0 ** rng.integers(-6, 7, 999)).astype("f4") for _ in "abc"]
    gpp, reco, nee = close_values(MATRIX, values)
    assert {one.dtype for one in (gpp, reco, nee)} == {np.dtype("float32")}
    np.testing.assert_array_equal(bits(nee), bits(reco - gpp))
    again = [close_values(MATRIX, [one[i : i + 1] for one in values]) for i in range(99)]
    np.testing.assert_array_equal(bits(gpp[:99]), bits([one[0][0] for one in again]))


def test_where_a_flux_is_missing_all_stay_as_predicted(after, before, whole):
    land = (before["GPP"]["GPP_flag"] != NO_LAND).to_numpy()
    assert (land & ~whole & before["GPP"]["GPP"].notnull().to_numpy()).any()
    for flux in CARBON:
        flag = after[flux][f"{flux}_flag"].to_numpy()
        np.testing.assert_array_equal(flag & NOT_CLOSED > 0, land & ~whole)
        np.testing.assert_array_equal(flag & ~NOT_CLOSED, before[flux][f"{flux}_flag"])
        for name in before[flux].data_vars:
            if name.startswith(flux) and name != f"{flux}_flag":
                one, other = (p[flux][name].to_numpy()[..., ~whole] for p in (after, before))
                np.testing.assert_array_equal(one, other, err_msg=name)


def test_intervals_and_quantiles_move_with_the_flux(after, before, whole):
    for flux, width in zip(CARBON, WIDTHS, strict=True):
        new, old = (
            {name: p[flux][f"{flux}{name}"].to_numpy()[..., whole] for name in names}
            for p in (after, before)
            for names in [("", "_lower", "_upper", "_quantile", "_completeness", "_n_members")]
        )
        kwargs = {"rtol": 1e-5, "atol": 1e-4}
        assert (new["_lower"] <= new[""]).all()
        for side in ("_lower", "_upper"):
            np.testing.assert_allclose(new[side] - new[""], width * (old[side] - old[""]), **kwargs)
        np.testing.assert_allclose(new["_quantile"] - new[""], old["_quantile"] - old[""], **kwargs)
        for same in ("_completeness", "_n_members"):
            np.testing.assert_array_equal(new[same], old[same])


def test_members_that_all_fluxes_have_close_too(after, before, whole):
    member = {f: after[f][f"{f}_member"].sel(member=f"A.{f}.XGB").to_numpy() for f in CARBON}
    known = np.logical_and.reduce([np.isfinite(one) for one in member.values()])
    assert known.any()
    difference = member["RECO"] - member["GPP"]
    np.testing.assert_array_equal(bits(member["NEE"][known]), bits(difference[known]))
    given = np.stack(
        [before[f][f"{f}_member"].sel(member=f"A.{f}.XGB").to_numpy()[known] for f in CARBON]
    )
    np.testing.assert_allclose(
        member["GPP"][known], MATRIX[0] @ given.astype(float), rtol=1e-5, atol=1e-4
    )
    for flux in ("GPP", "RECO"):
        other = f"B.{flux}.XGB"
        xr.testing.assert_equal(
            after[flux][f"{flux}_member"].sel(member=other),
            before[flux][f"{flux}_member"].sel(member=other),
        )
        spread = after[flux][f"{flux}_std"].to_numpy()[whole]
        both = after[flux][f"{flux}_member"].to_numpy()[:, whole]
        several = np.isfinite(both).all(axis=0)
        expected = both.astype(float).std(axis=0)[several]
        np.testing.assert_allclose(spread[several], expected, rtol=1e-4, atol=1e-5)
        assert np.abs(spread - before[flux][f"{flux}_std"].to_numpy()[whole]).max() > 0.01


def test_the_attributes_say_what_was_done(closed, after, before):
    for flux in CARBON:
        attrs = after[flux].attrs
        about = json.loads(attrs["budget"])
        assert about["closed"] == "NEE = RECO - GPP"
        assert "minimum trace" in about["method"]
        np.testing.assert_array_equal(about["matrix"], MATRIX)
        checksums = json.loads(attrs["input_checksums"])
        assert {name: checksums[name] for name in CARBON} == {
            name: product.attrs["product_checksum"] for name, product in before.items()
        }
        assert set(json.loads(before[flux].attrs["input_checksums"])) < set(checksums)
        assert attrs["history"].endswith("; adjusted so that NEE = RECO - GPP")
        assert attrs["product_checksum"] != before[flux].attrs["product_checksum"]
        flags = after[flux][f"{flux}_flag"].attrs
        assert flags["flag_masks"][-1] == NOT_CLOSED == 32
        assert flags["flag_meanings"].split()[-1] == "budget_not_closed"
        record = json.loads((closed / f"{flux}.stac.json").read_text())["properties"]
        assert json.loads(record["uflux:budget"]) == about
        assert attrs["simulated"] == record["uflux:simulated"] == "towers"
        assert record["title"] == f"Simulated data: UFLUX ensemble: {flux}"
        assert record["description"] == attrs["comment"]
        xr.testing.assert_equal(after[flux].coords.to_dataset(), before[flux].coords.to_dataset())


def test_a_closed_product_is_a_netcdf_file_as_cf_asks(closed, tmp_path):
    product = stores(closed)["NEE"].open()
    write_netcdf(product, tmp_path / "NEE.nc")
    with netCDF4.Dataset(tmp_path / "NEE.nc") as file:
        assert file["NEE_flag"].flag_masks.dtype == np.int8
        assert file["NEE_flag"].flag_masks.tolist() == [1, 2, 4, 8, 16, 32]
        assert file["NEE"].units == "g m-2 d-1"
        np.testing.assert_array_equal(file["NEE"][:].filled(np.nan), product["NEE"].to_numpy())


@dataclass(frozen=True)
class Cut(Execution):
    """Work that ends after some regions, as if killed."""

    regions: int = 0

    def run(self, work, shared, items):
        for number, result in enumerate(super().run(work, shared, items)):
            if number == self.regions:
                raise KeyboardInterrupt
            yield result


def test_an_interrupted_run_continues_where_it_stopped(predicted, closed, tmp_path, caplog):
    targets = stores(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        close_budget(stores(predicted), targets, CLOSURE, Cut(regions=1))
    # Killed between the marks of two fluxes, a region is closed again.
    targets["NEE"].unmark("0-0-0")
    assert len(list((tmp_path / "GPP.regions").glob("[0-9]*.json"))) == 2
    assert targets["GPP"].status() == "unfinished"
    caplog.set_level("INFO")
    close_budget(stores(predicted), targets, CLOSURE, Execution(n_jobs=2))
    assert "3 regions closed, 1 kept" in caplog.text
    for flux in CARBON:
        for kind in ("zarr", "regions"):
            assert tree(tmp_path / f"{flux}.{kind}") == tree(closed / f"{flux}.{kind}")
    close_budget(stores(predicted), targets, CLOSURE)
    assert "0 regions closed, 4 kept" in caplog.text


def test_a_damaged_region_and_another_closure_are_closed_again(copy, closed, tmp_path, caplog):
    targets = stores(tmp_path)
    caplog.set_level("INFO")
    for name in (*(f"{flux}.zarr" for flux in CARBON), *(f"{flux}.regions" for flux in CARBON)):
        shutil.copytree(closed / name, tmp_path / name)
    (tmp_path / "RECO.zarr" / "RECO_upper" / "c" / "2" / "0" / "0").unlink()
    close_budget(stores(copy), targets, CLOSURE)
    assert "1 regions closed, 3 kept" in caplog.text
    close_budget(stores(copy), targets, replace(CLOSURE, widths=(1.0, 1.0, 1.0)))
    assert "4 regions closed, 0 kept" in caplog.text
    for flux in CARBON:
        assert tree(tmp_path / f"{flux}.zarr") != tree(closed / f"{flux}.zarr")


def test_products_without_members_and_intervals_close(predicted, before, whole, tmp_path):
    sources, targets = stores(tmp_path / "predicted"), stores(tmp_path / "closed")
    for flux in CARBON:
        produce(wanted(predicted, flux, keep_members=False, quantiles=()), sources[flux])
    close_budget(sources, targets, CLOSURE)
    found = {flux: store.open().load() for flux, store in targets.items()}
    for flux in CARBON:
        assert not {f"{flux}_member", f"{flux}_lower", "uncertainty"} & {
            *found[flux].variables,
            *found[flux].attrs,
        }
        xr.testing.assert_equal(found[flux][f"{flux}_std"], before[flux][f"{flux}_std"])
    gpp, reco, nee = (found[flux][flux].to_numpy()[whole] for flux in CARBON)
    np.testing.assert_array_equal(bits(nee), bits(reco - gpp))


@dataclass(frozen=True)
class Replacing(Execution):
    """Makes a source anew while the budget is closed."""

    folder: object = None

    def run(self, work, shared, items):
        for result in super().run(work, shared, items):
            ProductStore(str(self.folder / "GPP.zarr")).set_status("unfinished")
            yield result


def test_a_source_that_is_replaced_meanwhile_is_noticed(copy, tmp_path):
    targets = stores(tmp_path)
    with pytest.raises(InputError, match=r"GPP\.zarr.*stays the same while its budget"):
        close_budget(stores(copy), targets, CLOSURE, Replacing(folder=copy))
    assert not [mark for store in targets.values() for mark in store.marks().values() if "objects" in mark]  # fmt: skip


def test_what_cannot_be_closed_is_refused(predicted, copy, tmp_path):
    targets = stores(tmp_path)
    with pytest.raises(InputError, match="third row is the second less the first"):
        close_budget(
            stores(predicted), targets, replace(CLOSURE, matrix=tuple(map(tuple, np.eye(3))))
        )
    other = SimpleNamespace(fluxes=("H", "LE"), matrix=np.eye(2), widths=(1, 1))
    with pytest.raises(InputError, match="expected GPP, RECO, NEE; found H, LE"):
        close_budget(stores(predicted), targets, other)
    with pytest.raises(InputError, match="another store"):
        close_budget(stores(predicted), stores(predicted), CLOSURE)
    store = ProductStore(str(copy / "NEE.zarr"))
    asked = plan(copy, regions={"time": 6})
    produce(replace(asked, flux="NEE", chunks={}), store)
    with pytest.raises(InputError, match=r"NEE\.zarr.*the regions of GPP"):
        close_budget(stores(copy), targets, CLOSURE)
    shorter = asked.drivers.isel(time=slice(6))
    produce(replace(asked, flux="NEE", drivers=shorter), store)
    with pytest.raises(InputError, match=r"NEE\.zarr: time: expected that of GPP"):
        close_budget(stores(copy), targets, CLOSURE)
