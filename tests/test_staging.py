"""Outputs of a run replace those of the last one when it has finished, and not before."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from matplotlib.figure import Figure

from tests.testing.products import plan, tree, write_world
from uflux_kedro import staging
from uflux_kedro.datasets import (
    CSVDataset,
    FigureDataset,
    FolderDataset,
    OptionalCSVDataset,
    ProductDataset,
    ProductStoreDataset,
    RawFilesDataset,
    TextDataset,
    ZarrCubeDataset,
)
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.lineage import origins
from uflux_kedro.products.production import produce
from uflux_kedro.staging import Staging


class CrashError(Exception):
    """What ends a run in these tests."""


def read(files, settings):
    return pd.DataFrame({"GPP": [float(settings["factor"])] * len(files)})


def draw(table, settings):
    if settings.get("crash"):
        raise CrashError
    return f"{settings['title']}: {table['GPP'].sum()}"


PIPELINE = Pipeline(
    [
        node(read, ["raw_towers", "params:reading"], "table", name="read"),
        node(draw, ["table", "params:drawing"], "page", name="draw"),
    ]
)


class Project:
    """A pipeline of two steps and its data folder."""

    def __init__(self, data):
        self.data = data
        (data / "01_raw").mkdir(parents=True)
        (data / "01_raw" / "a.csv").write_text("a")
        self.made = []

    def catalog(self, factor=1, title="Towers", **drawing):
        return DataCatalog(
            {
                "raw_towers": RawFilesDataset(filepath=str(self.data / "01_raw")),
                "params:reading": MemoryDataset({"factor": factor, "n_jobs": len(self.made)}),
                "params:drawing": MemoryDataset({"title": title, **drawing}),
                "table": CSVDataset(
                    filepath=str(self.data / "02" / "table.csv"), save_args={"index": False}
                ),
                "page": TextDataset(filepath=str(self.data / "08" / "page.html")),
            }
        )

    def run(self, pipeline=PIPELINE, *, resume=False, whole=True, **settings):
        """Run as the hooks do; a crash leaves everything where it is, as SIGKILL would."""
        catalog = self.catalog(**settings)
        places = Staging(self.data)
        places.complete()
        places.begin(pipeline, catalog, resume=resume)
        SequentialRunner().run(pipeline, catalog, only_missing_outputs=resume)
        self.made.append(sorted(places.missing + places.outdated))
        places.finish(whole=whole)
        return catalog

    @property
    def page(self):
        return (self.data / "08" / "page.html").read_text()

    def files(self):
        """Contents of all files but those that a run keeps for itself."""
        return {
            path.relative_to(self.data).as_posix(): path.read_bytes()
            for path in sorted(self.data.rglob("*"))
            if path.is_file() and path.name != ".made.json" and "unfinished" not in path.parts
        }


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "data")


def test_a_run_leaves_its_outputs_where_they_belong(project):
    catalog = project.run()
    assert project.page == "Towers: 1.0"
    assert catalog.load("page") == project.page, "the catalog reads them there"
    assert not (project.data / "unfinished").exists()
    project.run(factor=2)
    assert project.page == "Towers: 2.0"


def test_a_run_that_fails_changes_no_file_of_the_last_one(project):
    project.run()
    before = project.files()
    with pytest.raises(CrashError):
        project.run(factor=2, crash=True)
    assert project.files() == before
    assert (project.data / "unfinished" / "02" / "table.csv").read_text() == "GPP\n2.0\n"
    project.run(factor=3)
    assert project.page == "Towers: 3.0"
    assert not (project.data / "unfinished").exists()


def test_a_resumed_run_makes_only_what_is_missing(project):
    with pytest.raises(CrashError):
        project.run(factor=2, crash=True)
    made = (project.data / "unfinished" / "02" / "table.csv").stat().st_mtime_ns
    project.run(factor=2, resume=True)
    assert project.page == "Towers: 2.0"
    assert (project.data / "02" / "table.csv").stat().st_mtime_ns == made
    assert project.made == [["page"]]


def test_a_resumed_run_makes_again_what_other_settings_made(project):
    """Settings that the finished outputs do not depend on leave them."""
    with pytest.raises(CrashError):
        project.run(factor=2, crash=True)
    project.run(factor=3, resume=True)
    assert project.page == "Towers: 3.0"
    project.run(factor=3, title="Sites", resume=True)
    assert project.page == "Sites: 3.0"
    project.run(factor=3, title="Sites", resume=True)
    assert project.made == [["page", "table"], ["page"], []]


def test_a_run_killed_at_once_is_not_resumed_from_the_last_one(project):
    project.run(factor=1)
    catalog = project.catalog(factor=2)
    Staging(project.data).begin(PIPELINE, catalog, resume=False)  # killed here
    project.run(factor=2, resume=True)
    assert project.page == "Towers: 2.0"


def test_other_raw_files_are_other_inputs(project):
    project.run()
    (project.data / "01_raw" / "b.csv").write_text("b")
    project.run(resume=True)
    assert project.page == "Towers: 2.0"


def test_a_run_killed_while_it_swaps_is_completed_by_the_next(project, monkeypatch):
    project.run(factor=1)
    put = staging.put

    def killed(source, target):
        if target.name == "page.html":
            raise CrashError
        return put(source, target)

    monkeypatch.setattr(staging, "put", killed)
    with pytest.raises(CrashError):
        project.run(factor=2)
    assert project.page == "Towers: 1.0"
    monkeypatch.setattr(staging, "put", put)
    assert Staging(project.data).complete() == 2
    assert project.page == "Towers: 2.0"
    assert not (project.data / "unfinished").exists()
    project.run(factor=2, resume=True)
    assert project.made[-1] == [], "it is known what the outputs were made of"


def test_a_folder_of_the_data_may_be_on_another_disk(tmp_path, monkeypatch):
    cube = ZarrCubeDataset(filepath=str(tmp_path / "04" / "drivers.zarr"))
    table = CSVDataset(filepath=str(tmp_path / "04" / "table.csv"))
    pipeline = Pipeline(
        [node(lambda n: (xr.Dataset({"TA": n}), pd.DataFrame({"n": [n]})), "n", ["cube", "table"])]
    )

    def to_the_other_disk(rename):
        def within_one(self, target):
            if ("04" in self.parts) and (
                ("unfinished" in self.parts) != ("unfinished" in target.parts)
            ):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return rename(self, target)

        return within_one

    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, to_the_other_disk(getattr(Path, name)))
    for n in (1, 2):
        catalog = DataCatalog({"n": MemoryDataset(n), "cube": cube, "table": table})
        places = Staging(tmp_path)
        places.begin(pipeline, catalog, resume=False)
        SequentialRunner().run(pipeline, catalog)
        places.finish(whole=True)
        assert (cube.load()["TA"], table.load()["n"][0]) == (n, n)
    assert sorted(p.name for p in (tmp_path / "04").iterdir()) == ["drivers.zarr", "table.csv"]
    assert not (tmp_path / "unfinished").exists()


def test_results_of_different_settings_are_not_mixed(project):
    project.run(factor=1)
    project.run(PIPELINE.filter(node_names=["read"]), whole=False, factor=1)
    project.run(PIPELINE.filter(node_names=["draw"]), whole=False, title="Again")
    assert project.page == "Again: 1.0"
    project.run(PIPELINE.filter(node_names=["read"]), whole=False, factor=2)
    assert Staging(project.data).out_of_date() == ["08/page.html"]
    assert list(Staging(project.data).earlier()) == ["table", "page"]
    last = Pipeline([node(len, "page", "length", name="count")])
    with pytest.raises(ConfigurationError, match=r"08/page.html was made .* from 02/table.csv"):
        project.run(last, whole=False)
    project.run(factor=2, title="Again", resume=True)
    project.run(last, whole=False)
    assert project.page == "Again: 2.0"
    assert Staging(project.data).out_of_date() == []


def test_what_the_run_under_way_makes_is_not_of_an_earlier_one(project):
    project.run()
    draw = PIPELINE.filter(node_names=["draw"])
    Staging(project.data).begin(draw, project.catalog(), resume=False)
    assert list(Staging(project.data).earlier()) == ["table"]


def test_a_part_whose_inputs_were_never_made_is_refused(project):
    with pytest.raises(ConfigurationError, match=r"^02/table.csv: not there, and nothing in these"):
        project.run(PIPELINE.filter(node_names=["draw"]), whole=False)
    assert not (project.data / "unfinished").exists()


def test_what_another_pipeline_may_have_made_need_not_be_there(project, tmp_path):
    """The report shows the closed loop if there is one."""
    table = OptionalCSVDataset(filepath=str(tmp_path / "data" / "02" / "loop.csv"))
    figure = FigureDataset(filepath=str(tmp_path / "data" / "02" / "loop.png"), optional=True)
    catalog = DataCatalog({"loop": table, "picture": figure})
    page = Pipeline([node(lambda *parts: str(parts), ["loop", "picture"], "page")])
    Staging(tmp_path / "data").begin(page, catalog, resume=False)
    assert catalog.load("loop").empty
    assert catalog.load("picture") is None
    needed = DataCatalog({"loop": table, "picture": FigureDataset(filepath=str(figure._path))})
    with pytest.raises(ConfigurationError, match=r"^02/loop.png: not there"):
        Staging(tmp_path / "data").begin(page, needed, resume=False)
    with pytest.raises(DatasetError):
        needed.load("picture")


def test_a_part_of_an_unfinished_run_is_continued_from_its_own_inputs(project):
    project.run(factor=1)
    with pytest.raises(CrashError):
        project.run(factor=2, crash=True)
    project.run(PIPELINE.filter(node_names=["draw"]), resume=True, whole=False, factor=2)
    assert project.page == "Towers: 2.0"
    assert (project.data / "02" / "table.csv").read_text() == "GPP\n2.0\n"
    assert not (project.data / "unfinished").exists()


def test_files_elsewhere_on_the_disk_wait_beside_their_place(project, tmp_path):
    page = tmp_path / "elsewhere" / "page.html"
    catalog = project.catalog()
    catalog["page"] = TextDataset(filepath=str(page))
    places = Staging(project.data)
    places.begin(PIPELINE, catalog, resume=False)
    SequentialRunner().run(PIPELINE, catalog)
    assert not page.exists()
    places.finish(whole=True)
    assert page.read_text() == "Towers: 1.0"


def test_files_out_of_reach_keep_their_place(tmp_path):
    remote = CSVDataset(filepath=f"memory:/{tmp_path}/table.csv")
    before = remote._filepath
    pipeline = Pipeline([node(lambda raw: raw, "raw", "table", name="make")])
    catalog = DataCatalog({"raw": MemoryDataset(1), "table": remote})
    Staging(tmp_path).begin(pipeline, catalog, resume=False)
    assert remote._filepath == before


def test_a_path_that_a_node_only_names_follows_its_output(project):
    """A message about the page names the place where it is."""
    catalog = project.catalog()
    catalog["page_path"] = FolderDataset(filepath=str(project.data / "08" / "page.html"))
    pipeline = PIPELINE + Pipeline([node(lambda path: path, "page_path", "message", name="say")])
    Staging(project.data).begin(pipeline, catalog, resume=False)
    assert catalog.load("page_path") == project.data / "unfinished" / "08" / "page.html"


def test_what_changes_no_number_changes_no_fingerprint(project):
    first = origins(PIPELINE, project.catalog(), {})
    project.made.append([])  # the toy's n_jobs
    assert origins(PIPELINE, project.catalog(), {}) == first
    assert origins(PIPELINE, project.catalog(factor=2), {})["page"] != first["page"]


def test_files_beside_an_output_come_and_go_with_it(tmp_path):
    """A figure is a PNG, and a PDF and an SVG beside it."""
    crowd = np.random.default_rng(0).normal(size=(2, 4000))

    def run(points, *, resume=False, finish=True):
        figure = FigureDataset(filepath=str(tmp_path / "08" / "figure_a.png"), dpi=400)
        pipeline = Pipeline(
            [node(lambda settings: plot(*settings["xy"]), "params:plot", "figure_a")]
        )
        catalog = DataCatalog({"figure_a": figure, "params:plot": MemoryDataset({"xy": points})})
        places = Staging(tmp_path)
        places.begin(pipeline, catalog, resume=resume)
        if not places.kept:
            SequentialRunner().run(pipeline, catalog)
        if finish:
            places.finish(whole=True)
        return places, sorted(p.name for p in tmp_path.glob("08/*"))

    assert run(crowd[:, :5])[1] == ["figure_a.pdf", "figure_a.png", "figure_a.svg"]
    before = tree(tmp_path / "08")
    assert run(crowd, finish=False)[1] == ["figure_a.pdf", "figure_a.png", "figure_a.svg"]
    assert tree(tmp_path / "08") == before
    places, names = run(crowd, resume=True)
    assert places.kept == ["figure_a"]
    assert names == ["figure_a.pdf", "figure_a.png"], "no SVG of the figure that was there before"
    assert not (tmp_path / "unfinished").exists()


def plot(x, y):
    figure = Figure(figsize=(3, 3))
    figure.subplots().scatter(x, y)
    return figure


class ProductProject:
    """A pipeline of one product of two regions."""

    def __init__(self, data):
        self.data = data
        write_world(data)

    def begin(self):
        where = {"filepath": str(self.data / "GPP.zarr")}
        catalog = DataCatalog(
            {"store": ProductStoreDataset(**where), "product": ProductDataset(**where)}
        )
        places = Staging(self.data)
        places.begin(self.pipeline, catalog, resume=False)
        return places, catalog

    @property
    def pipeline(self):
        return Pipeline([node(self.make, "store", "product", name="make")])

    def make(self, store):
        self.production = produce(plan(self.data, regions={"time": 6}), store)
        return store

    def run(self):
        places, catalog = self.begin()
        SequentialRunner().run(self.pipeline, catalog)
        places.finish(whole=True)
        return catalog["product"]


def test_a_product_is_made_beside_the_last_one_whose_regions_it_keeps(tmp_path):
    project = ProductProject(tmp_path)
    last = project.run()
    before = {name: tree(tmp_path / name) for name in ("GPP.zarr", "GPP.regions")}
    _, catalog = project.begin()  # killed here
    assert not catalog["product"].exists(), "a resumed run would take it for its own"
    assert last.exists(), "the last one can be read"
    chunk = next(p for p in (tmp_path / "GPP.zarr" / "GPP").rglob("c/*/*/*"))
    twin = tmp_path / "unfinished" / chunk.relative_to(tmp_path)
    assert chunk.samefile(twin), "on the disk once"
    catalog["product"].store.group()["GPP"][:6] = -1.0
    assert tree(tmp_path / "GPP.zarr") == before["GPP.zarr"], "files are replaced, not changed"
    again = project.run()
    assert (project.production.made, project.production.kept) == (1, 1), "of two regions"
    assert {name: tree(tmp_path / name) for name in before} == before
    assert again.load().sizes["time"] == 12
    assert (tmp_path / "GPP.stac.json").exists()


def test_a_node_that_reads_a_store_makes_the_same_alone_as_after_the_node_that_fills_it(tmp_path):
    """As the node that closes the carbon budget does; what was made of its outputs stays valid."""
    project = ProductProject(tmp_path)
    where = {"filepath": str(tmp_path / "GPP.zarr")}
    page = {"page": TextDataset(filepath=str(tmp_path / "page.html"))}
    reading = node(lambda store, product: "read", ["store_made", "product"], "page", name="read")

    def run(pipeline):
        stores = {name: ProductStoreDataset(**where) for name in ("store", "store_made")}
        catalog = DataCatalog({"product": ProductDataset(**where), **stores, **page})
        places = Staging(tmp_path)
        places.begin(pipeline, catalog, resume=False)
        SequentialRunner().run(pipeline, catalog)
        places.finish(whole=False)
        return json.loads((tmp_path / ".made.json").read_text())["page.html"]["fingerprint"]

    assert run(project.pipeline + Pipeline([reading])) == run(Pipeline([reading]))


def test_a_cube_is_replaced_as_a_whole(tmp_path):
    import xarray as xr

    cube = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"))
    pipeline = Pipeline([node(lambda value: xr.Dataset({"a": value}), "value", "cube", name="m")])
    for value in (1, 2):
        catalog = DataCatalog({"value": MemoryDataset(value), "cube": cube})
        places = Staging(tmp_path)
        places.begin(pipeline, catalog, resume=False)
        SequentialRunner().run(pipeline, catalog)
        places.finish(whole=True)
        assert int(cube.load()["a"]) == value
    assert sorted(p.name for p in tmp_path.iterdir()) == [".made.json", "cube.zarr"]


def test_places_on_this_machine(tmp_path):
    assert staging.local_path(MemoryDataset(1)) is None
    assert staging.local_path(ProductDataset(filepath="s3://bucket/GPP.zarr")) is None
    path = tmp_path / "GPP.zarr"
    assert staging.local_path(ProductDataset(filepath=f"file://{path}")) == path
    assert staging.local_path(CSVDataset(filepath=str(Path("a.csv")))) == Path("a.csv")
