"""Which figures and tables of the maps a run makes, by its grid and by the products given."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from tests.testing.maps import held_out, in_projection, product_of
from tests.testing.project import PROJECT
from tests.testing.synthetic import make_product
from uflux_kedro import configuration
from uflux_kedro.errors import InputError
from uflux_kedro.pipelines import reporting
from uflux_kedro.pipelines.reporting.maps import (
    compare_fine_product,
    further_sections,
    tabulate_members,
    tabulate_years,
)
from uflux_kedro.pipelines.reporting.peers import project_fine_product
from uflux_kedro.statistics.aggregates import aggregate
from uflux_kedro.statistics.interannual import NO_TIMESTAMP, SEASON
from uflux_kedro.statistics.zones import AllCells


@pytest.fixture(scope="module")
def configured():
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT, env="test") as session:
        return session.load_context().config_loader["parameters"]


@pytest.fixture
def parameters(configured, monkeypatch):
    found = copy.deepcopy(configured)
    monkeypatch.setattr(configuration, "_from_hook", found)
    return found


def made():
    return reporting.create_pipeline().all_outputs()


def test_only_a_global_grid_is_compared_with_the_literature(parameters):
    assert {"interannual", "figure_interannual", "figure_latitude_seasons", "latitude_seasons_LE",
            "annual_members_GPP", "literature", "figure_literature"} <= made()  # fmt: skip
    parameters["inference"]["grid"] = {"resolution": 0.25, "west": -25, "south": 34, "east": 45, "north": 72}  # fmt: skip
    assert "figure_interannual" in made()
    assert not {"literature", "figure_literature"} & made()
    parameters["inference"]["grid"] = {"crs": "EPSG:3035", "resolution": 100, "west": 0, "south": 0, "east": 1000, "north": 1000}  # fmt: skip
    assert not {"interannual", "figure_latitude_seasons"} & made()


def test_a_fine_product_is_compared_where_one_is_named(parameters, tmp_path):
    assert project_fine_product(["GPP"]) is None
    assert not {"resolutions", "figure_resolutions"} & made()
    parameters["reporting"]["fine_product"] = str(tmp_path / "geotiff")
    assert {"resolutions", "figure_resolutions"} <= made()
    with pytest.raises(InputError, match=r"reporting\.fine_product"):
        compare_fine_product(project_fine_product(["GPP"]), product_of())
    (tmp_path / "geotiff").mkdir()
    for name in ("GPP_2003-07-01.tif", "GPP_2003-01-01.tif", "GPP_std_2003-01-01.txt"):
        (tmp_path / "geotiff" / name).touch()
    fine = project_fine_product(["GPP"])
    assert [path[-14:] for path in fine.paths] == ["2003-01-01.tif", "2003-07-01.tif"]
    parameters["reporting"]["fine_product"] = {"path": "x.zarr", "flux": "LE"}
    assert project_fine_product(["GPP"]) is None


def test_a_fine_product_is_read_and_compared(parameters, tmp_path):
    fine = in_projection(lambda lon, lat: 0 * lon + 3)
    fine.reset_coords("time_bnds").to_netcdf(tmp_path / "fine.nc")
    parameters["reporting"]["fine_product"] = {"path": str(tmp_path / "*.nc"), "sign": -1}
    product = make_product(size=1.0, values=1.0)
    found = compare_fine_product(project_fine_product(["GPP"]), product)
    assert float(found["bias"]) == pytest.approx(1 + 3 + 2 * 184 / 365, abs=0.01)


def test_members_of_the_table_of_years_have_their_group():
    product = product_of()
    names = ["SET-A.GPP.DF21", "SET-B.GPP.DF21"]
    product = product.assign_coords(member=np.array(names, dtype=object))
    members = pd.DataFrame(
        {"predictor_set": ["SET-A", "SET-B"], "flux": "GPP", "model": "DF21",
         "predictors": ["MODIS_NIRv DoY_sin DoY_cos", "MODIS_NIRv ERA5_TA"]}
    )  # fmt: skip
    table = tabulate_years(
        (),
        aggregate(product, "GPP", [AllCells()]),
        annual_GPP=tabulate_members("GPP", product),
        members_GPP=members,
        held_out_GPP=held_out(),
    )
    groups = table[table["kind"] == "member"].groupby("name")["group"].first()
    assert groups.to_dict() == {names[0]: SEASON, names[1]: NO_TIMESTAMP}


def test_sections_say_what_to_provide():
    without = {s.key: s.text for s in further_sections({}, ["mean_maps"], "")}
    assert "reporting.peers" in without["peers"]
    assert "reporting.fine_product" in without["resolutions"]
    peers = pd.DataFrame({"peer": ["X"]})
    given = {s.key: s.text for s in further_sections({"peers": peers}, ["mean_maps", "resolutions"], "")}  # fmt: skip
    assert list(given) == ["resolutions"]
    assert "reporting.fine_product" not in given["resolutions"]
    assert further_sections({}, ["scatter"], "") == []
