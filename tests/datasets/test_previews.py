"""Pictures and tables of datasets in kedro-viz."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from tests.testing.cubes import make_cube
from uflux_kedro.datasets import (
    FigureDataset,
    GeoTIFFDataset,
    NetCDFCubeDataset,
    PageDataset,
    RawFilesDataset,
    TextDataset,
    ZarrCubeDataset,
)
from uflux_kedro.datasets.previews import _PIXELS, cube_preview, page_preview
from uflux_kedro.errors import InputError


def pixels(preview):
    return imread(io.BytesIO(base64.b64decode(preview)))


@pytest.fixture
def drawn(monkeypatch):
    """Arrays, extents and titles that maps were drawn from."""
    from uflux_kedro.datasets import previews

    found = []
    picture = previews._picture
    monkeypatch.setattr(previews, "_picture", lambda *a: found.append(a) or picture(*a))
    return found


def test_a_cube_is_shown_as_a_map_of_its_middle_period(tmp_path, drawn):
    cube = make_cube(["TA"], count=5)
    cube["TA_std"] = cube["TA"]
    cube["A"] = cube["TA"].expand_dims(member=2)  # as the members of a product
    cube["B"] = cube["TA"].isel(time=0, drop=True)
    dataset = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"))
    dataset.save(cube)
    assert pixels(dataset.preview()).std() > 0
    values, extent, title, unit = drawn[0]
    np.testing.assert_allclose(values, cube["TA"].isel(time=2))
    assert title == "TA, 2001-03-01"
    assert unit == cube["TA"].attrs["units"]
    assert extent == (-165.0, 165.0, -75.0, 75.0)


def test_a_product_in_netcdf_is_shown_north_up(tmp_path, drawn):
    cube = make_cube(["TA"]).isel(latitude=slice(None, None, -1))
    dataset = NetCDFCubeDataset(filepath=str(tmp_path / "cube.nc"))
    cube.to_netcdf(tmp_path / "cube.nc")
    dataset.preview()
    np.testing.assert_allclose(drawn[0][0], cube["TA"].isel(time=3)[::-1])


def test_a_large_grid_is_not_read_whole(drawn):
    size = 40_000
    lazy = xr.DataArray(
        np.broadcast_to(np.float32(1), (1, size, size)),
        dims=("time", "y", "x"),
        coords={"y": np.arange(size) * -100.0, "x": np.arange(size) * 100.0},
        name="GPP",
    )
    cube_preview(lazy.to_dataset())
    values, (left, right, bottom, top), *_ = drawn[0]
    assert max(values.shape) <= _PIXELS
    assert left < right < size * 100
    assert bottom < top < 0


def test_members_and_records_without_place():
    cube = make_cube(["TA"])
    with_members = cube.expand_dims(member=3).transpose("member", ...)
    assert pixels(cube_preview(with_members)).shape == pixels(cube_preview(cube)).shape
    record = cube.mean(("latitude", "longitude"))
    assert pixels(cube_preview(record)).std() > 0
    with pytest.raises(InputError, match="a variable with place or time"):
        cube_preview(xr.Dataset({"R": ("member", [1.0])}))


def test_geotiff(tmp_path, drawn):
    pytest.importorskip("rasterio")
    from rasterio import open as open_raster
    from rasterio.transform import from_origin

    folder = tmp_path / "geotiff"
    folder.mkdir()
    values = np.arange(12, dtype="float32").reshape(3, 4)
    with open_raster(
        folder / "GPP.tif", "w", driver="GTiff", height=3, width=4, count=1, dtype="float32",
        crs="EPSG:3035", transform=from_origin(1000, 5000, 100, 100), nodata=0.0,
    ) as file:  # fmt: skip
        file.write(values, 1)
    assert pixels(GeoTIFFDataset(filepath=str(folder)).preview()).std() > 0
    shown, extent, title, _ = drawn[0]
    values[0, 0] = np.nan
    np.testing.assert_array_equal(shown, values[::-1])
    assert (extent, title) == ((1000.0, 1400.0, 4700.0, 5000.0), "GPP")


def test_a_page_is_shown_in_its_style_which_changes_nothing_around_it(tmp_path):
    page = PageDataset(filepath=str(tmp_path / "report.html"))
    page.save(
        "<html><head><style>:root { --a: 1 }\n/* of * all */\nbody { margin: 0 }\n.body { top: 0 }"
        "</style></head><body class='x'><STYLE>a{}</STYLE><h1>Report</h1>"
        "<script src='a.js'>if (1 < 2) {}</script>\n\n<p id='of_all'>site_id</p><pre>a\nb</pre></body></html>"
    )
    shown = page.preview()
    opening, style, content = re.split("</?style>", shown)
    assert opening == '<div class="page-preview">'
    assert style.startswith(".page-preview {")
    assert style.endswith("}")
    assert "& { --a: 1 } & { margin: 0 } .body { top: 0 }" in style
    assert "*" not in style
    low = "\N{MODIFIER LETTER LOW MACRON}"
    of_page = f"<h1>Report</h1> <p id='of{low}all'>site{low}id</p><pre>a\nb</pre></div>"
    assert content == of_page, "kedro-viz would take underscores and lines for Markdown"
    assert page_preview("<p>NSE</p>") == '<div class="page-preview"><p>NSE</p></div>'


def test_a_text_is_shown_line_by_line(tmp_path):
    text = TextDataset(filepath=str(tmp_path / "citations.bib"))
    text.save("@article{A,\n  title = {<b> & c},\n}")
    assert "<pre>@article{A,\n  title = {&lt;b&gt; &amp; c},\n}</pre>" in text.preview()


def test_raw_files_are_listed(tmp_path):
    (tmp_path / "b.nc").write_bytes(b"123")
    (tmp_path / "a.nc").write_bytes(b"1")
    preview = RawFilesDataset(filepath=str(tmp_path), patterns=["*.nc"]).preview()
    assert preview == {"index": [0, 1], "columns": ["file", "bytes"], "data": [["a.nc", 1], ["b.nc", 3]]}  # fmt: skip


def test_figures_are_shown_as_they_are(tmp_path):
    from matplotlib.figure import Figure

    figure = FigureDataset(filepath=str(tmp_path / "figure.png"))
    figure.save(Figure())
    assert base64.b64decode(figure.preview()) == figure.load().png
