"""Vegetation at towers with Earth Engine's own client, from a fake Earth Engine."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

ee = pytest.importorskip("ee", reason="the extra earth_engine is not installed")
pytest.importorskip("rasterio", reason="needs the extra raster")

from google.oauth2.credentials import Credentials  # noqa: E402

from tests.testing.engine_server import EarthEngine, Image  # noqa: E402
from tests.testing.project import PROJECT  # noqa: E402
from tests.testing.reflectance import NUMBERS, season  # noqa: E402
from tests.testing.servers import QUICK, Refused, Running  # noqa: E402
from tests.testing.shuttle import product, snapshot  # noqa: E402
from uflux_kedro.downloads import EarthEngineFetcher, EarthEnginePoints, download  # noqa: E402
from uflux_kedro.downloads.parameters import MCD43A4_BANDS, DownloadParameters  # noqa: E402
from uflux_kedro.errors import ConfigurationError, InputError  # noqa: E402
from uflux_kedro.pipelines.download.nodes import fetch_raw_files  # noqa: E402
from uflux_kedro.readers.towers.left_out import Losses  # noqa: E402
from uflux_kedro.readers.towers.vegetation.join import read_records  # noqa: E402
from uflux_kedro.request import check_parameters  # noqa: E402

COLLECTION = "MODIS/061/MCD43A4"
PLACES = {"DE-Tha": (50.9624, 13.5652), "FR-Pue": (43.7413, 3.5957)}
DAYS = pd.date_range("2004-12-01", "2005-01-31")
MADE = season(DAYS).set_index("time")
CLOUDY = pd.Timestamp("2005-01-10")


def image(day: pd.Timestamp) -> Image:
    """An image of a day, brighter in the north, without values on a cloudy one."""

    def at(band, x, y):
        masked = (day == CLOUDY) | ((x < -20) & (y < 0))  # the sea has no values
        if "Quality" in band:
            return np.ma.masked_array(np.full(x.shape, 0), masked)
        of = {f"Nadir_Reflectance_Band{n}": name for name, n in NUMBERS.items()}[band]
        stored = np.round(MADE.loc[day, of] * 1e4) + np.where(y > 45, 500, 0)
        return np.ma.masked_array(stored * np.ones(x.shape), masked)

    time = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Image(time, (-180, -60, 180, 90), at, names=MCD43A4_BANDS)


@pytest.fixture(scope="module")
def served():
    with Running(EarthEngine({COLLECTION: [image(day) for day in DAYS]})) as running:
        yield running, EarthEngineFetcher(running.address, Credentials(running.token), QUICK)


@pytest.fixture
def engine(served):
    running, _ = served
    running.faults.clear()
    running.expressions.clear()
    running.listed, running.most_values = (lambda rows: rows), 1048576
    return running


@pytest.fixture
def fetcher(served):
    return served[1]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "sites.csv"
    rows = [(s, lat, lon, "ENF") for s, (lat, lon) in PLACES.items()]
    names = ["SITE_ID", "LOCATION_LAT", "LOCATION_LONG", "IGBP"]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


def order(table, **changes) -> EarthEnginePoints:
    settings = {"project": "my-project", "towers": str(table), "first": "2004-01-01", "last": "2005-12-31"}  # fmt: skip
    return EarthEnginePoints(**settings | changes)


def asked_at_places(engine) -> list[str]:
    return [text for e in engine.expressions if "getRegion" in (text := json.dumps(e))]


def test_the_tables_of_towers_are_fetched_and_read(engine, fetcher, table, tmp_path):
    rows = download([(fetcher, order(table))], tmp_path)
    assert [row["file"] for row in rows] == ["DE-Tha_MCD43A4.csv", "FR-Pue_MCD43A4.csv"]
    assert len(asked_at_places(engine)) == 2, "the days of a tower fit into one request"
    records = read_records(tmp_path / "vegetation", Losses(stop=True))
    assert {(r.name, r.product) for r in records} == {(s, "MCD43A4") for s in PLACES}
    clear = DAYS != CLOUDY
    for record in records:
        assert (record.latitude, record.longitude) == PLACES[record.name]
        assert record.table["time"].tolist() == DAYS.tolist()
        brighter = 0.05 if record.name == "DE-Tha" else 0.0
        np.testing.assert_allclose(
            record.table["NIR"][clear], MADE["NIR"][clear] + brighter, atol=1e-6
        )
        assert record.table["NIRv"].isna().tolist() == (~clear).tolist()
        assert record.table["LSWI"].notna().sum() == clear.sum()


def test_finished_towers_are_kept_and_an_unfinished_one_is_begun_again(
    engine, fetcher, table, tmp_path
):
    # A day and the bands of the collection, days and values of the first tower, days of the second.
    engine.faults[f"/v1/projects/{engine.project}/value:compute"] += [None] * 5 + [Refused(404)] * 9
    with pytest.raises(InputError, match=r"Earth Engine, FR-Pue_MCD43A4\.csv"):
        download([(fetcher, order(table))], tmp_path)
    folder = tmp_path / "vegetation"
    assert [p.name for p in folder.glob("*.csv")] == ["DE-Tha_MCD43A4.csv"]
    engine.faults.clear()
    engine.expressions.clear()
    rows = download([(fetcher, order(table))], tmp_path)
    assert [row["action"] for row in rows] == ["kept", "fetched"]
    assert len(asked_at_places(engine)) == 1
    assert not list(folder.glob("*.part*"))
    assert len(read_records(folder, Losses(stop=True))) == 2


def test_long_records_are_requested_in_parts_and_those_too_large_in_halves(
    engine, fetcher, table, tmp_path, caplog
):
    asked = order(table, sites=["DE-Tha"], last="2004-12-10")
    download([(fetcher, asked)], tmp_path / "whole")
    engine.expressions.clear()

    bands = len(MCD43A4_BANDS)
    in_parts = EarthEngineFetcher(
        engine.address, Credentials(engine.token), QUICK, values=5 * bands
    )
    engine.most_values = 4 * bands
    download([(in_parts, asked)], tmp_path / "parts")
    # Ten days in two parts of five, each refused once and asked for again as two and three days.
    assert len(asked_at_places(engine)) == 2 * 3
    assert "5 days are too much at once" in caplog.text
    tables = [tmp_path / name / "vegetation" / "DE-Tha_MCD43A4.csv" for name in ("whole", "parts")]
    assert tables[0].read_bytes() == tables[1].read_bytes()

    engine.most_values = bands - 1
    with pytest.raises(InputError, match="Too many values: 1 points x 8 bands x 1 images"):
        download([(in_parts, asked)], tmp_path / "never")


def test_a_place_without_values_costs_that_tower_alone(engine, fetcher, table, tmp_path):
    sites = table.read_text() + "AA-Sea,-1.5,-25.0,WAT\nAA-Out,-89.5,10.0,SNO\n"
    table.write_text(sites)
    lines = "AA-Out_MCD43A4.csv, AA-Sea_MCD43A4.csv: expected values at -89.5, 10; found no image of this"
    with pytest.raises(InputError, match=f"{lines}.*without"):
        download([(fetcher, order(table))], tmp_path)
    folder = tmp_path / "vegetation"
    found = {p.name for p in folder.iterdir()}
    assert found == {"DE-Tha_MCD43A4.csv", "FR-Pue_MCD43A4.csv", "manifest.json"}
    with pytest.raises(InputError, match="found 62 images without a value there"):
        download([(fetcher, order(table, without=["AA-Out"]))], tmp_path)
    without = order(table, without=["AA-Out", "AA-Sea"])
    assert {row["action"] for row in download([(fetcher, without)], tmp_path)} == {"kept"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda rows: [rows[0][:-1], *rows[1:]], "the columns"),
        (lambda rows: [*rows, rows[1]], "an image twice"),
        (lambda rows: [rows[0], [*rows[1][:2], -5.0, *rows[1][3:]]], "a place that was not"),
        (lambda rows: [rows[0], [*rows[1][:3], 0, *rows[1][4:]]], "days that were not"),
        (
            lambda rows: [rows[0], [*rows[1][:3], None, *rows[1][4:]]],
            "no numbers for place and time",
        ),
        (lambda rows: [rows[0], ["i", "13.6", *rows[1][2:]]], "no numbers for place and time"),
        (lambda rows: {}, "without rows"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_never_becomes_a_file(
    engine, fetcher, table, tmp_path, change, found
):
    engine.listed = change
    with pytest.raises(InputError, match=f"a row for each image of 2004.*found .*{found}"):
        download([(fetcher, order(table, last="2004-12-05"))], tmp_path)
    assert not list((tmp_path / "vegetation").glob("*.csv"))


def test_towers_come_from_a_snapshot_and_may_be_chosen(engine, fetcher, tmp_path):
    names = [product(site, "EUF", "2004-2005", 1) for site in PLACES]
    places = {
        "location_lat": [lat for lat, _ in PLACES.values()],
        "location_long": [lon for _, lon in PLACES.values()],
    }
    path = tmp_path / "snapshot.csv"
    snapshot(names, **places).to_csv(path, index=False)
    (row,) = download([(fetcher, order(path, sites=["FR-Pue"]))], tmp_path)
    assert row["file"] == "FR-Pue_MCD43A4.csv"
    with pytest.raises(ConfigurationError, match="no place of FR-Pua; did you mean FR-Pue"):
        fetcher.plan(order(path, sites=["FR-Pua"]))


def test_the_pipeline_finds_the_table_of_towers_in_the_project(
    engine, fetcher, table, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("uflux_kedro.downloads.EarthEngineFetcher", lambda **_: fetcher)
    relative = os.path.relpath(table, PROJECT)
    asked = order(relative, sites=["FR-Pue"], last="2004-12-02").model_dump()
    parameters = DownloadParameters.model_validate({"earth_engine": [asked]})
    rows = fetch_raw_files(parameters, tmp_path / "raw")
    assert rows["file"].tolist() == ["FR-Pue_MCD43A4.csv"]
    found = pd.read_csv(tmp_path / "raw" / "vegetation" / "FR-Pue_MCD43A4.csv")
    assert found["date"].tolist() == ["2004-12-01", "2004-12-02"]


def test_what_cannot_be_fetched_is_said(engine, fetcher, table, tmp_path):
    with pytest.raises(InputError, match=r"expected images of 1999-01-01 .* found none"):
        fetcher.plan(order(table, first="1999-01-01", last="1999-12-31"))
    with pytest.raises(InputError, match="asset 'MODIS/061/MCD43' not found"):
        fetcher.plan(order(table, collection="MODIS/061/MCD43"))
    near = "MCD43A4 has no Nadir_Reflectance_Band01; did you mean Nadir_Reflectance_Band1"
    with pytest.raises(ConfigurationError, match=near):
        fetcher.plan(order(table, bands=["Nadir_Reflectance_Band01"]))
    with pytest.raises(ConfigurationError, match="has no B99; it has Nadir_Reflectance_Band1, "):
        fetcher.plan(order(table, bands=["B99"]))
    with pytest.raises(ConfigurationError, match="leaves no tower"):
        fetcher.plan(order(table, without=[*PLACES]))
    with pytest.raises(ValidationError, match="expected first"):
        order(table, last="2003-01-01")


def test_an_order_is_of_towers_or_of_a_grid_and_a_misspelt_key_is_named():
    at_towers = {"project": "p", "towers": "sites.csv", "first": "2004-01-01", "last": "2004-12-31"}
    (known,) = DownloadParameters(earth_engine=[at_towers]).earth_engine
    assert isinstance(known, EarthEnginePoints)
    with pytest.raises(ConfigurationError, match=r"earth_engine\.0\.band: there is no such"):
        check_parameters({"download": {"earth_engine": [at_towers | {"band": ["B1"]}]}})
    with pytest.raises(ConfigurationError, match=r"earth_engine\.0\.grid: expected a value"):
        check_parameters({"download": {"earth_engine": [{k: v for k, v in at_towers.items() if k != "towers"}]}})  # fmt: skip
