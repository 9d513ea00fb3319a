"""A product of small cells, however it is stored, is read as the same cube."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.maps import in_projection
from tests.testing.synthetic import make_product
from uflux_kedro.errors import InputError
from uflux_kedro.products.geotiff import write_geotiffs
from uflux_kedro.readers.grids.fine_products import read_fine_product


@pytest.fixture
def stored():
    """A product of half-years as a finished one is: projection in ``crs``, CF unit, bounds as data."""
    from pyproj import CRS

    product = in_projection(lambda lon, lat: lon + lat).isel(y=slice(0, 20), x=slice(0, 30))
    product["GPP"] = product["GPP"].astype("float32").assign_attrs(units="g m-2 d-1")
    product["crs"] = ((), np.int32(0), {"crs_wkt": CRS.from_epsg(3035).to_wkt()})
    return product.reset_coords("time_bnds")


def same(found, stored):
    np.testing.assert_allclose(found["GPP"].to_numpy(), stored["GPP"].to_numpy())
    for name in ("time", "y", "x", "time_bnds"):
        np.testing.assert_array_equal(found[name].to_numpy(), stored[name].to_numpy())
    assert "3035" in found.attrs["crs"]
    assert found["GPP"].attrs["units"] == "gC m-2 d-1"


def test_zarr_netcdf_and_geotiff_are_alike(stored, tmp_path):
    stored.to_zarr(tmp_path / "GPP.zarr", zarr_format=3, consolidated=False)
    stored.to_netcdf(tmp_path / "GPP.nc")
    for name in ("GPP.zarr", "GPP.nc"):
        found = read_fine_product([tmp_path / name], "GPP", "GPP")
        assert found["GPP"].chunks is not None
        same(found, stored)
    pytest.importorskip("rasterio")
    files = write_geotiffs(stored[["GPP", "crs"]], tmp_path / "geotiff")
    assert len(files) == 2
    same(read_fine_product(files, "GPP", "GPP"), stored)
    with pytest.raises(InputError, match="two or more files GPP_"):
        read_fine_product(files[:1], "GPP", "GPP")


def test_degrees_are_read_as_a_peer_and_rows_from_the_north_turned(stored, tmp_path):
    product = make_product(size=10.0, months=2)[["GPP", "time_bnds"]]
    product.to_netcdf(tmp_path / "degrees.nc")
    found = read_fine_product([tmp_path / "degrees.nc"], "GPP", "GPP", sign=-1)
    np.testing.assert_allclose(found["GPP"], -product["GPP"])
    stored.isel(y=slice(None, None, -1)).to_netcdf(tmp_path / "north.nc")
    same(read_fine_product([tmp_path / "north.nc"], "GPP", "GPP"), stored)


def test_what_lacks_projection_unit_or_variable_is_refused(stored, tmp_path):
    def refused(product, match):
        path = tmp_path / f"{match.split()[0]}.nc"
        product.to_netcdf(path)
        with pytest.raises(InputError, match=match):
            read_fine_product([path], "GPP", "GPP")

    plain = stored.drop_vars("crs").drop_attrs(deep=False)
    refused(plain, "projection of y and x")
    refused(stored.drop_vars("time_bnds"), "time_bnds")
    refused(stored.rename(GPP="flux"), "GPP")
    refused(stored.assign(GPP=stored["GPP"].assign_attrs(units="kg m-2 s-1")), "unit gC")
