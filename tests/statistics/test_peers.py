"""Comparison of a product with a peer: grids, common months and cells, and known scores."""

from __future__ import annotations

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

from tests.testing.synthetic import make_product
from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.readers.grids.peers import read_peer
from uflux_kedro.statistics import peers
from uflux_kedro.statistics.means import period_days
from uflux_kedro.statistics.peers import SCORES, compare_with_peer


def scores(result):
    return {name: float(result[name]) for name in SCORES}


def test_a_product_equals_itself():
    one = make_product()
    found = scores(compare_with_peer(one, "GPP", one))
    assert found["bias"] == found["RMSE"] == 0
    for name in ("NSE", "r2", "spatial_r2", "seasonal_r2", "seasonal_NSE", "coverage"):
        assert found[name] == pytest.approx(1)
    total = float((one["GPP"] * cell_area(one) * period_days(one)).sum()) * 1e-15
    assert found["product_total"] == found["peer_total"] == pytest.approx(total)
    assert found["area"] == pytest.approx(float(cell_area(one).sum()) / 1e6)


def test_seasons_and_series_are_of_what_both_have():
    ours, theirs = make_product(seed=1, months=8), make_product(seed=2, start="2003-02-01")
    ours["GPP"] = ours["GPP"].where(ours["latitude"] > 0)
    found = compare_with_peer(ours, "GPP", theirs)
    months = [2, 3, 4]  # March to May
    p, t = ours["GPP"].isel(time=months), theirs["GPP"].isel(time=[m - 1 for m in months])
    difference = p.drop_vars("time") - t.drop_vars("time")
    spring = difference.weighted(xr.DataArray([31, 30, 31], dims="time")).mean("time")
    np.testing.assert_allclose(
        found["seasonal_difference"].sel(season=2), spring, rtol=1e-4, atol=1e-5
    )
    assert bool(found["seasonal_difference"].sel(season=4).isnull().all())
    assert found["time"].to_index().strftime("%Y-%m").tolist() == [f"2003-{m:02d}" for m in range(2, 9)]  # fmt: skip
    march = theirs["GPP"].sel(time="2003-03-01").where(ours["latitude"] > 0)
    assert float(found["peer_series"][1]) == pytest.approx(float(march.weighted(cell_area(march)).mean()))  # fmt: skip
    assert float(found["common_area"][1]) == pytest.approx(float(cell_area(ours).sum()) / 2e6)


def test_scores_against_their_definitions_on_what_both_have():
    ours, theirs = (
        make_product(seed=1, months=24),
        make_product(seed=2, start="2003-07-01", months=24),
    )
    random = np.random.default_rng(3)
    ours["GPP"] = ours["GPP"].where(random.random(ours["GPP"].shape) > 0.2)
    theirs["GPP"] = theirs["GPP"].where(random.random((18, 36)) > 0.3)
    found = compare_with_peer(ours, "GPP", theirs)
    p, t = xr.align(ours["GPP"], theirs["GPP"])
    days = period_days(ours).sel(time=p["time"])
    both = p.notnull() & t.notnull()
    w = (cell_area(p) * days).broadcast_like(p).where(both, 0)
    w = w / w.sum()
    p, t = p.where(both, 0), t.where(both, 0)
    mean_p, mean_t = (w * p).sum(), (w * t).sum()
    got = scores(found)
    assert got["months"] == 18
    assert got["bias"] == pytest.approx(float(mean_p - mean_t))
    assert got["RMSE"] == pytest.approx(float((w * (p - t) ** 2).sum() ** 0.5))
    spread = (w * (t - mean_t) ** 2).sum()
    assert got["NSE"] == pytest.approx(1 - float((w * (p - t) ** 2).sum() / spread))
    cov = (w * (p - mean_p) * (t - mean_t)).sum()
    assert got["r2"] == pytest.approx(float(cov**2 / spread / (w * (p - mean_p) ** 2).sum()))
    inside = np.abs(p - t) <= 1.0
    assert got["coverage"] == pytest.approx(float((w * inside).sum()))
    weights = days * both
    mean_map = (p * weights).sum("time") / weights.sum("time")
    np.testing.assert_allclose(found["product"], mean_map, rtol=1e-5)
    np.testing.assert_allclose(found["difference"], found["product"] - found["peer"], atol=1e-5)
    area = cell_area(p)
    here = found["product"].notnull()
    covariance = np.cov(
        found["product"].values[here], found["peer"].values[here], aweights=area.values[here]
    )
    r2 = covariance[0, 1] ** 2 / covariance[0, 0] / covariance[1, 1]
    assert got["spatial_r2"] == pytest.approx(r2, rel=1e-4)


def test_seasons_are_scored_apart_from_levels():
    one = make_product()
    shifted = one.assign(GPP=(one["GPP"] + 3).assign_attrs(one["GPP"].attrs))
    found = scores(compare_with_peer(shifted, "GPP", one))
    assert found["bias"] == pytest.approx(3)
    assert found["seasonal_NSE"] == pytest.approx(1)
    assert found["NSE"] < 0
    assert found["coverage"] == 0
    flat = make_product(values=2.0)
    against_flat = scores(compare_with_peer(flat, "GPP", one))
    assert np.isnan(against_flat["seasonal_r2"])
    assert against_flat["seasonal_NSE"] == pytest.approx(0, abs=1e-6)
    part = one.isel(time=slice(0, 3))
    assert np.isnan(scores(compare_with_peer(part, "GPP", one))["seasonal_r2"])


def test_six_calendar_months_make_a_cycle_and_five_do_not():
    one = make_product()
    for months, known in ((6, True), (5, False)):
        part = one.isel(time=slice(months))
        found = scores(compare_with_peer(part, "GPP", part))
        for name in ("seasonal_r2", "seasonal_NSE"):
            assert np.isfinite(found[name]) == known
        assert found["spatial_r2"] == pytest.approx(1)


def test_two_standard_deviations_are_within():
    ours, theirs = make_product(values=2.0), make_product(values=3.0)
    assert scores(compare_with_peer(ours, "GPP", theirs))["coverage"] == 1  # 0.5 twice is 1
    theirs["GPP"] += 0.01
    assert scores(compare_with_peer(ours, "GPP", theirs))["coverage"] == 0
    # Cells whose spread is not known have no say.
    ours["GPP_std"][:, :, :9] = 10.0
    ours["GPP_std"][:, :, 9:18] = np.nan
    assert scores(compare_with_peer(ours, "GPP", theirs))["coverage"] == pytest.approx(1 / 3)


def test_one_cell_has_no_correlation_and_two_have():
    here = make_product()
    at = (here["latitude"] == 5) & (here["longitude"] == 5)
    beside = (here["latitude"] == 5) & (here["longitude"] == 15)
    for cells, known in ((at, False), (at | beside, True)):
        few = here.assign(GPP=here["GPP"].where(cells))
        assert np.isfinite(scores(compare_with_peer(few, "GPP", few))["spatial_r2"]) == known


def test_what_does_not_vary_has_no_correlation_and_no_efficiency():
    assert peers._squared_correlation(2.0, 2.0, 1.0) == 0.25
    assert peers._efficiency(1.0, 4.0) == 0.75
    assert np.isnan(peers._squared_correlation(0.0, 1.0, 0.5))
    assert np.isnan(peers._squared_correlation(1.0, 0.0, 0.5))
    assert np.isnan(peers._efficiency(1.0, 0.0))


def test_the_density_has_bins_of_a_400th_of_what_the_flux_can_be():
    # GPP from -10 to 40: bins of an eighth; 2 opens the 97th and 3.1 lies in the 105th.
    found = compare_with_peer(make_product(values=3.1), "GPP", make_product(values=2.0))["density"]
    assert found.shape == (400, 400)
    (place,) = np.argwhere(found.to_numpy())
    assert place.tolist() == [96, 104]
    assert float(found["peer_bin"][96]) == pytest.approx(2.0625)
    # What lies at the ends or beyond them counts in the last bins.
    ends = compare_with_peer(make_product(values=40.0), "GPP", make_product(values=-99.0))[
        "density"
    ]
    assert np.argwhere(ends.to_numpy()).tolist() == [[0, 399]]


def test_months_weigh_by_their_days():
    ours, theirs = make_product(values=0.0), make_product(values=0.0)
    ours["GPP"][1] = 1.0  # February
    found = compare_with_peer(ours, "GPP", theirs)
    got = scores(found)
    assert got["product_mean"] == pytest.approx(28 / 365)
    assert got["RMSE"] == pytest.approx((28 / 365) ** 0.5)
    np.testing.assert_allclose(found["product"], 28 / 365, rtol=1e-6)
    total = 28 * float(cell_area(ours).sum()) * 1e-15
    assert got["product_total"] == pytest.approx(total)


def test_density_holds_all_the_area():
    one = make_product()
    found = compare_with_peer(one, "GPP", one)
    assert float(found["density"].sum()) == pytest.approx(12 * float(found["area"]))
    np.testing.assert_array_equal(found["density"], np.diag(np.diag(found["density"])))


@pytest.mark.parametrize("product_size", [2.5, 10.0])
def test_grids_meet_on_the_coarser_one_and_keep_the_total(product_size):
    ours = make_product(product_size)
    theirs = make_product(5.0, seed=2)
    found = compare_with_peer(ours, "GPP", theirs)
    coarser = max(product_size, 5.0)
    assert found.sizes["latitude"] == 180 / coarser
    for name, own in (("product", ours), ("peer", theirs)):
        total = float((own["GPP"] * cell_area(own) * period_days(own)).sum()) * 1e-15
        assert float(found[f"{name}_total"]) == pytest.approx(total, rel=1e-6)


def test_a_peer_of_another_grid_calendar_and_unit(tmp_path):
    """Truth on 2 degrees and a peer on 5, without leap days, in kg of carbon, north to south."""
    fine = make_product(2.0, start="2004-01-01")
    fine["GPP"] = fine["GPP"].where(fine["longitude"] > -120)
    coarse = fine.coarsen(latitude=5, longitude=5).mean()["GPP"]
    peer = xr.Dataset(
        {
            "gpp": (
                ("time", "lat", "lon"),
                coarse.transpose("time", ...).to_numpy()[:, ::-1] * 1e-3 / 86400,
                {
                    "units": "kg m-2 s-1",
                    "standard_name": "gross_primary_productivity_of_biomass_expressed_as_carbon",
                },
            )
        },
        {
            "time": [cftime.DatetimeNoLeap(2004, m, 15) for m in range(1, 13)],
            "lat": coarse["latitude"].to_numpy()[::-1],
            "lon": coarse["longitude"].to_numpy(),
        },
    )
    peer = peer.assign_coords(lon=peer["lon"] % 360).sortby("lon")
    peer.to_netcdf(tmp_path / "peer.nc")
    found = compare_with_peer(fine, "GPP", read_peer([tmp_path / "peer.nc"], "GPP", "gpp"))
    assert found.sizes["latitude"] == 18
    got = scores(found)
    assert got["months"] == 12
    # The peer has plain means of cells instead of means by area, which differ near the poles.
    assert got["bias"] == pytest.approx(0, abs=0.01)
    assert got["NSE"] > 0.99
    assert bool(found["peer"].sel(longitude=-135).isnull().all())


def test_days_become_months():
    one = make_product()
    day = pd.date_range("2003-01-01", "2004-01-01", freq="D")
    month = day[:-1].month.to_numpy() - 1
    daily = xr.Dataset(
        {
            "GPP": one["GPP"].isel(time=month).assign_coords(time=day[:-1]),
            "time_bnds": (("time", "bnds"), np.stack([day[:-1], day[1:]], axis=1)),
        }
    )
    found = scores(compare_with_peer(daily, "GPP", one))
    assert found["months"] == 12
    assert found["RMSE"] == pytest.approx(0, abs=1e-6)
    assert np.isnan(found["coverage"])


def test_energy_has_no_total():
    one = make_product().rename({"GPP": "H", "GPP_std": "H_std"})
    found = compare_with_peer(one, "H", one)
    assert np.isnan(float(found["product_total"]))
    assert found["bias"].attrs["units"] == "W m-2"


def test_nothing_in_common_is_an_error():
    one = make_product()
    with pytest.raises(
        InputError,
        match=r"expected months in common with the product, 2003-01 to 2003-12.*found 2010-01",
    ):
        compare_with_peer(one, "GPP", make_product(start="2010-01-01"))
    with pytest.raises(InputError, match="values where the product has some"):
        compare_with_peer(
            one.assign(GPP=one["GPP"].where(one["latitude"] > 0)),
            "GPP",
            one.assign(GPP=one["GPP"].where(one["latitude"] < 0)),
        )


@pytest.mark.parametrize("missing", [[5], [3, 4, 5]])
@pytest.mark.parametrize("way", ["absent", "empty"])
def test_months_without_the_peer_are_ignored(missing, way):
    ours = make_product(values=2.0)
    peer = ours.copy(deep=True)
    if way == "absent":
        peer = peer.isel(time=[t for t in range(12) if t not in missing])
    else:
        peer["GPP"][missing] = np.nan
    found = scores(compare_with_peer(ours, "GPP", peer))
    assert found["months"] == 12 - len(missing)
    assert found["area"] == pytest.approx(float(cell_area(ours).sum()) / 1e6)
    days = np.delete(period_days(ours).to_numpy(), missing).sum()
    expected = 2 * float(cell_area(ours).sum()) * days / (12 - len(missing)) * 12 * 1e-15
    assert found["product_total"] == found["peer_total"] == pytest.approx(expected)


def test_a_month_with_missing_days_is_dropped():
    ours = make_product(values=5.0)
    days = pd.date_range("2003-01-01", "2003-12-31")
    place = {axis: ours[axis] for axis in ("latitude", "longitude")}
    field = np.full((365, 18, 36), 5.0)
    field[(days.month == 6)] = 10.0
    peer = xr.Dataset(
        {"GPP": (("time", "latitude", "longitude"), field, {"units": "gC m-2 d-1"}),
         "time_bnds": (("time", "bnds"), np.stack([days, days + pd.Timedelta("1D")], axis=1))},
        {"time": days, **place},
    )  # fmt: skip
    peer = peer.isel(time=np.flatnonzero((days.month != 6) | (days.day < 3)))
    found = scores(compare_with_peer(ours, "GPP", peer))
    assert found["months"] == 11
    assert found["bias"] == pytest.approx(0)


def test_daily_products_are_compared_by_day_and_others_by_month():
    """Three days are enough for a daily truth; months need months."""

    def days_of(product):
        days = pd.date_range("2003-07-01", periods=3, name="time")
        bounds = np.stack([days, days + pd.offsets.Day()], axis=1)
        return product.isel(time=slice(3)).assign(time=days, time_bnds=(("time", "bnds"), bounds))

    truth = days_of(make_product(values=3.0))
    ours = days_of(make_product(values=5.0)).isel(time=slice(1, 3))
    found = compare_with_peer(ours, "GPP", truth)
    assert found["product_series"].sizes["time"] == 2
    assert scores(found)["bias"] == pytest.approx(2)
    with pytest.raises(InputError, match="a month in full"):
        compare_with_peer(ours, "GPP", make_product(start="2003-07-01"))


def test_scores_do_not_depend_on_the_number_of_threads():
    # BLAS takes several threads from some ten thousand cells on, and adds in another order then.
    values, weights = np.random.default_rng(0).random((2, 120_000)), np.ones(120_000)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(peers._pairs(values, weights))
    assert found[0] == found[1]
