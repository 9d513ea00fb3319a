"""Calendar months by bands of latitude: weights, years, and months that are not mapped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.synthetic import make_product
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.statistics.latitude_seasons import COLUMNS, latitude_seasons


def test_a_band_has_its_mean_over_cells_and_years():
    product = make_product(months=24)
    product["GPP"] = product["GPP"].where(product["longitude"] > 0)
    table = latitude_seasons(product, "GPP")
    assert list(table) == list(COLUMNS)
    assert len(table) == 12 * 18
    one = table[(table["month"] == 2) & (table["south"] == 40)].iloc[0]
    row = product["GPP"].sel(latitude=45.0)
    both = row.isel(time=[1, 13]).mean("longitude").to_numpy()
    assert one["value"] == pytest.approx(float(np.average(both, weights=[28, 29])))
    assert one["north"] == 50
    area = cell_area(product).sel(latitude=45.0).where(product["longitude"] > 0).sum()
    assert one["area_km2"] == pytest.approx(float(area) / 1e6)


def test_fine_rows_are_put_together_by_area_and_chunks_do_not_matter():
    product = make_product(size=1.0, months=2)
    table = latitude_seasons(product.chunk(time=1), "GPP")
    assert sorted(table["south"].unique())[:2] == [-90, -88]
    one = table[(table["month"] == 1) & (table["south"] == 60)].iloc[0]
    rows = product["GPP"].isel(time=0).sel(latitude=slice(60, 62))
    assert one["value"] == pytest.approx(float(rows.weighted(cell_area(rows)).mean()))


def test_months_and_bands_without_a_value_have_no_row():
    product = make_product(months=3)
    product["GPP"] = product["GPP"].where(product["latitude"] > 0)
    table = latitude_seasons(product, "GPP")
    assert sorted(table["month"].unique()) == [1, 2, 3]
    assert table["south"].min() == 0
