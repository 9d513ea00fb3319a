"""MCD12Q1 as distributed by LP DAAC: HDF4-EOS tiles in the sinusoidal projection."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from pyproj import Proj

from uflux_kedro.datasets import ZarrCubeDataset
from uflux_kedro.datasets.validators import check_cube
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.regrid import align
from uflux_kedro.readers import read_cube
from uflux_kedro.readers.grids.landcover import read_igbp

RADIUS = 6371007.181
TILE = 2 * np.pi * RADIUS / 36
FILL = 255


def corners(h: int, v: int) -> tuple[float, float]:
    """Left and upper edge of a tile, metres."""
    return (h - 18) * TILE, (9 - v) * TILE


def places(h: int, v: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude of the cells' centres by the formula of the projection."""
    left, top = corners(h, v)
    step = (np.arange(cells) + 0.5) * TILE / cells
    latitude = (top - step) / RADIUS
    longitude = (left + step)[None, :] / (RADIUS * np.cos(latitude[:, None]))
    return np.degrees(longitude), np.degrees(latitude)[:, None] + np.zeros((1, cells))


def write_tile(
    folder,
    h: int,
    v: int,
    codes: np.ndarray,
    year: int = 2020,
    made: str = "061.2022153",
    name: str = "LC_Type1",
    shift: float = 0.0,
):
    sd = pytest.importorskip("pyhdf.SD", reason="needs the extra hdf4")
    left, top = corners(h, v)
    left += shift
    rows, columns = codes.shape
    structure = (
        'GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName="MCD12Q1"\n'
        f"\t\tXDim={columns}\n\t\tYDim={rows}\n"
        f"\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})\n"
        f"\t\tLowerRightMtrs=({left + TILE:.6f},{top - TILE:.6f})\n"
        f"\t\tProjection=GCTP_SNSOID\n\t\tProjParams=({RADIUS:.6f},0,0,0,0,0,0,0,0,0,0,0,0)\n"
        "\t\tSphereCode=-1\n\t\tGridOrigin=HDFE_GD_UL\n"
    )
    path = folder / f"MCD12Q1.A{year}001.h{h:02d}v{v:02d}.{made}000000.hdf"
    file = sd.SD(str(path), sd.SDC.WRITE | sd.SDC.CREATE | sd.SDC.TRUNC)
    file.attr("StructMetadata.0").set(sd.SDC.CHAR, structure)
    for field, values in {name: codes, "QC": np.zeros_like(codes)}.items():
        variable = file.create(field, sd.SDC.UINT8, codes.shape)
        variable.attr("_FillValue").set(sd.SDC.UINT8, FILL)
        variable.setcompress(sd.SDC.COMP_DEFLATE, 5)
        variable[:] = values.astype("uint8")
        variable.endaccess()
    file.end()
    return path


def chequered(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Classes of one-degree cells that differ from those of their neighbours."""
    return (1 + (np.floor(longitude) + 5 * np.floor(latitude)) % 16).astype("uint8")


def chequered_tile(folder, h, v, cells=240, **kwargs):
    return write_tile(folder, h, v, chequered(*places(h, v, cells)), **kwargs)


@pytest.mark.parametrize(
    ("h", "v", "west", "south"),
    [(18, 4, 0, 41), (30, 4, 155, 41), (8, 3, -175, 51), (20, 10, 15, -19)],
    ids=["by Greenwich", "far in the east", "far in the west", "in the south"],
)
def test_each_degree_takes_its_own_class(tmp_path, h, v, west, south):
    cube = read_cube("igbp", [chequered_tile(tmp_path, h, v)])
    assert cube["IGBP"].dims == ("y", "x")
    assert cube["IGBP"].dtype == np.int8
    assert isinstance(cube["IGBP"].data, da.Array)
    degrees = TargetGrid(resolution=1, west=west, south=south, east=west + 25, north=south + 8)
    longitude, latitude = np.meshgrid(west + np.arange(25) + 0.5, south + np.arange(8) + 0.5)
    covered = Proj(f"+proj=sinu +R={RADIUS}")
    left, top = corners(h, v)
    whole = np.ones(longitude.shape, dtype=bool)
    for dx in (-0.5, 0.5):
        for dy in (-0.5, 0.5):
            x, y = covered(longitude + dx, latitude + dy)
            whole &= (x >= left) & (x <= left + TILE) & (y <= top) & (y >= top - TILE)
    assert whole.sum() > 20
    found = align(cube, degrees)["IGBP"]
    np.testing.assert_array_equal(found.to_numpy()[whole], chequered(longitude, latitude)[whole])


def test_the_commonest_of_the_centres_in_a_cell(tmp_path):
    """Noise of a few classes, compared with counts by the formula of the projection."""
    rng = np.random.default_rng(0)
    codes = rng.choice([1, 5, 12, 17, FILL], (120, 120), p=[0.25, 0.25, 0.25, 0.2, 0.05])
    cube = read_igbp([write_tile(tmp_path, 26, 5, codes)])
    grid = TargetGrid(resolution=0.5, west=95, south=30, east=120, north=40)
    found = align(cube, grid)["IGBP"].to_numpy()
    longitude, latitude = places(26, 5, 120)
    classes = np.where(codes >= 17, 0, codes)
    seen = 0
    for row in range(20):
        for column in range(50):
            south, west = 30 + row / 2, 95 + column / 2
            inside = (latitude >= south) & (latitude < south + 0.5)
            inside &= (longitude >= west) & (longitude < west + 0.5)
            counts = np.bincount(classes[inside], minlength=17)
            if inside.sum() > 10:
                seen += 1
                assert found[row, column] == counts.argmax(), (south, west)
    assert seen > 400


def test_tiles_become_one_map_and_what_lies_between_is_water(tmp_path):
    paths = [chequered_tile(tmp_path, h, v, 60) for h, v in ((18, 3), (19, 4))]
    cube = read_igbp(paths)
    assert cube["IGBP"].shape == (120, 120)
    x, y = Proj(f"+proj=sinu +R={RADIUS}")(15.3, 55.3)
    place = cube["IGBP"].sel(x=x, y=y, method="nearest")
    assert int(place) == chequered(np.array(15.3), np.array(55.3))
    assert int((cube["IGBP"][:60, :60] > 0).sum()) == 0  # h18v04
    assert int((cube["IGBP"][60:, :60] == 0).sum()) == 0  # h18v03
    assert cube["y"].to_numpy()[[0, -1]] == pytest.approx(
        [TILE * 4 + TILE / 120, TILE * 6 - TILE / 120], abs=1e-3
    )


def test_the_mosaic_goes_through_the_catalog_as_it_is(tmp_path):
    cube = read_igbp([chequered_tile(tmp_path, h, v, 60) for h, v in ((18, 3), (19, 4))])
    stored = ZarrCubeDataset(filepath=str(tmp_path / "IGBP.zarr"), chunks={"time": 12})
    check_cube(cube)
    stored.save(cube)
    loaded = stored.load()
    assert loaded["IGBP"].dtype == np.int8
    grid = TargetGrid(resolution=1, west=0, south=40, east=30, north=60)
    np.testing.assert_array_equal(align(loaded, grid)["IGBP"], align(cube, grid)["IGBP"])


def test_a_real_tile_is_read_when_it_is_asked_for_and_on_a_projected_grid(tmp_path):
    pytest.importorskip("odc.geo", reason="needs the extra raster")
    cube = read_igbp([chequered_tile(tmp_path, 17, 3, cells=2400)])
    for resolution, share in ((100, 0.985), (5000, 0.95)):
        grid = ProjectedGrid(
            crs="EPSG:27700",
            resolution=resolution,
            west=380e3, south=200e3, east=440e3, north=260e3,
        )  # fmt: skip
        found = align(cube, grid)
        truth = chequered(found.longitude.to_numpy(), found.latitude.to_numpy())
        assert found["IGBP"].dims == ("y", "x")
        assert found.attrs["crs"] == "EPSG:27700"
        # Cells on the border of two one-degree cells may take either class.
        assert np.mean(found["IGBP"].to_numpy() == truth) > share


def test_what_lies_beyond_the_earths_edge_is_not_counted(tmp_path):
    """The map ends within tile h00v08; cells beyond it are fill values, not the far east."""
    longitude, _ = places(0, 8, 120)
    codes = np.where(np.abs(longitude) <= 180, 12, FILL)
    assert 0.05 < (codes == FILL).mean() < 0.2
    near_the_date_line = places(35, 8, 120)[0]
    east = np.where(np.abs(near_the_date_line) <= 180, 5, FILL)
    cube = read_igbp([write_tile(tmp_path, 0, 8, codes), write_tile(tmp_path, 35, 8, east)])
    found = align(cube, TargetGrid(resolution=0.5, south=1, north=9))["IGBP"]
    assert np.unique(found.sel(longitude=slice(-180, -179))).tolist() == [12]
    assert np.unique(found.sel(longitude=slice(179, 180))).tolist() == [5]


def test_of_several_years_the_latest_and_of_two_files_the_newer(tmp_path):
    same = np.ones((24, 24))
    paths = [
        write_tile(tmp_path, 18, 4, same, year=2019),
        write_tile(tmp_path, 18, 4, same * 7, year=2020, made="006.2021153"),
        write_tile(tmp_path, 18, 4, same * 9, year=2020, made="061.2022153"),
    ]
    cube = read_igbp(paths)
    assert np.unique(cube["IGBP"]).tolist() == [9]
    assert cube.attrs["file"] == "1 tiles of 2020"


def test_a_year_that_lacks_a_tile_is_refused(tmp_path):
    same = np.ones((24, 24))
    paths = [
        write_tile(tmp_path, 18, 4, same, year=2019),
        write_tile(tmp_path, 19, 4, same, year=2019),
        write_tile(tmp_path, 18, 4, same, year=2020),
    ]
    with pytest.raises(
        InputError, match=r"every tile of the other years in 2020 .* found h19v04 missing"
    ):
        read_igbp(paths)


def test_codes_are_checked_as_a_tile_is_read(tmp_path):
    codes = np.ones((24, 24))
    codes[3, 4] = 40
    path = write_tile(tmp_path, 18, 4, codes)
    with pytest.raises(InputError, match=r"h18v04.*IGBP: expected codes 0 to 16.*found 40"):
        read_igbp([path]).load()
    shifted = read_igbp([write_tile(tmp_path, 19, 4, codes * 0 + 5)], class_offset=-1)
    assert np.unique(shifted["IGBP"]).tolist() == [4]


def test_foreign_tiles_are_refused(tmp_path):
    ones = np.ones((24, 24))
    first = write_tile(tmp_path, 18, 4, ones)
    off = write_tile(tmp_path, 19, 4, ones, shift=TILE / 48)
    with pytest.raises(
        InputError, match=r"h19v04.*the grid of .*h18v04.*0.5 of a cell off the grid"
    ):
        read_igbp([first, off])
    finer = write_tile(tmp_path, 17, 4, np.ones((48, 48)))
    with pytest.raises(InputError, match=r"expected the grid of .*found 24 x 24 cells"):
        read_igbp([first, finer])
    other = write_tile(tmp_path, 21, 4, ones, name="LC_Type2")
    with pytest.raises(InputError, match=r"a variable named .*LC_Type1.*; found LC_Type2, QC"):
        read_igbp([other])


def test_a_map_beside_tiles_is_refused(tmp_path):
    path = write_tile(tmp_path, 18, 4, np.ones((24, 24)))
    (tmp_path / "MCD12C1.A2020001.nc").write_bytes(b"CDF\x01")
    with pytest.raises(InputError, match=r"expected tiles only, like .*; found a map"):
        read_igbp([path, tmp_path / "MCD12C1.A2020001.nc"])


def test_a_truncated_tile_is_named(tmp_path):
    rng = np.random.default_rng(1)
    path = write_tile(tmp_path, 18, 4, rng.integers(1, 17, (240, 240)))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises((InputError, ConfigurationError), match="h18v04"):
        read_igbp([path]).load()


def test_a_target_without_tiles_is_refused(tmp_path):
    cube = read_igbp([write_tile(tmp_path, 18, 4, np.ones((24, 24)))])
    elsewhere = TargetGrid(resolution=1, west=-60, south=-20, east=-50, north=-10)
    with pytest.raises(
        InputError, match=r"expected a map that overlaps the grid, -60 to -50, -20 to -10"
    ):
        align(cube, elsewhere)
