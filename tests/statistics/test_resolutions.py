"""A coarse product beside a fine one: areas, periods, regions."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tests.testing.maps import SIDE, in_projection
from tests.testing.synthetic import make_product
from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.statistics import resolutions
from uflux_kedro.statistics.resolutions import compare_resolutions


@pytest.fixture
def coarse():
    product = make_product(size=1.0, months=12, values=5.0)
    product["GPP"] = product["GPP"] + 0.1 * product["latitude"]
    return product


def test_fine_cells_are_averaged_by_area_over_the_common_time(coarse, monkeypatch):
    fine = in_projection(lambda lon, lat: lon + 0 * lat)
    found = compare_resolutions(coarse, fine, "GPP")
    inside = found["share"] > 0.9
    # A half-year of 181 days and one of 184, two apart; the mean longitude of a cell is its centre.
    expected = found["longitude"] + 2 * 184 / 365
    difference = (found["fine"] - expected).where(inside)
    assert int(inside.sum()) > 20
    assert abs(float(difference.max())) < 0.04
    assert abs(float(difference.mean())) < 0.005
    # Seven by eleven fine cells make a coarse one, and each counts in full where its centre lies.
    assert float(found["share"].where(inside).mean()) == pytest.approx(1, abs=0.02)
    ours = found["coarse"].where(found["fine"].notnull())
    xr.testing.assert_allclose(ours, (5 + 0.1 * found["latitude"]).broadcast_like(ours).where(ours.notnull()))  # fmt: skip
    total = float((found["share"] * cell_area(found)).sum())
    assert total == pytest.approx(90 * 70 * SIDE**2, rel=1e-3)  # an equal-area projection
    assert found.attrs["period"] == "2003-01-01 to 2003-12-31"
    assert float(found["side"]) == SIDE
    monkeypatch.setattr(resolutions, "_EDGE", 16)
    xr.testing.assert_allclose(compare_resolutions(coarse, fine, "GPP"), found)


def test_scores_are_weighted_by_area(coarse):
    fine = in_projection(lambda lon, lat: 4 + 0.1 * lat)
    found = compare_resolutions(coarse, fine, "GPP")
    both = found["fine"].notnull() & found["coarse"].notnull()
    weight = cell_area(found).where(both, 0)
    assert float(found["cells"]) == int(both.sum())
    bias = float(found["difference"].weighted(weight).mean())
    assert float(found["bias"]) == pytest.approx(bias)
    assert bias == pytest.approx(1 - 2 * 184 / 365, abs=0.01)
    assert float(found["r2"]) > 0.99
    assert float(found["picture"].mean()) == pytest.approx(float(fine["GPP"].mean()), abs=0.02)


def test_periods_that_one_lacks_are_left_out(coarse):
    fine = in_projection(lambda lon, lat: 0 * lon + 1)
    short = coarse.isel(time=slice(0, 8))  # two months of the second half-year
    found = compare_resolutions(short, fine, "GPP")
    assert found.attrs["period"] == "2003-01-01 to 2003-06-30"
    assert float(found["fine"].mean()) == pytest.approx(1)
    with pytest.raises(InputError, match="whole periods in common"):
        compare_resolutions(coarse.isel(time=slice(0, 5)), fine, "GPP")


def test_cells_with_few_fine_values_and_few_cells_have_no_score(coarse):
    fine = in_projection(lambda lon, lat: np.where(lon < 8, lat, np.nan))
    found = compare_resolutions(coarse, fine, "GPP")
    assert bool(found["fine"].where(found["longitude"] > 9).isnull().all())
    one = in_projection(lambda lon, lat: lat).isel(y=slice(0, 25), x=slice(0, 15))
    small = compare_resolutions(coarse, one, "GPP")
    assert 0 < float(small["cells"]) < 10
    assert np.isnan(float(small["r2"]))


@pytest.mark.parametrize("edge", [20, 39, 79])
def test_a_last_row_and_column_alone_belong_to_the_tile_before(coarse, monkeypatch, edge):
    fine = make_product(size=0.25, months=2).isel(latitude=slice(520, 560), longitude=slice(720, 800))  # fmt: skip
    whole = compare_resolutions(coarse, fine, "GPP")
    monkeypatch.setattr(resolutions, "_EDGE", edge)
    xr.testing.assert_allclose(compare_resolutions(coarse, fine, "GPP"), whole)


def test_degrees_do_as_well_and_strangers_are_refused(coarse):
    fine = make_product(size=0.25, months=2, values=7.0).sel(latitude=slice(40, 50), longitude=slice(0, 20))  # fmt: skip
    found = compare_resolutions(coarse, fine, "GPP")
    assert float(found["share"].min()) == pytest.approx(1, abs=1e-6)
    assert float(found["fine"].mean()) == pytest.approx(7)
    assert float(found["cells"]) == 200
    elsewhere = coarse.sel(latitude=slice(-40, -10))
    with pytest.raises(InputError, match="latitude"):
        compare_resolutions(elsewhere, fine, "GPP")
    with pytest.raises(InputError, match=r"smaller than 0\.25"):
        compare_resolutions(fine, coarse, "GPP")
