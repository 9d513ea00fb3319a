"""Archives of towers from the hubs that a snapshot lists; a silent hub stops the order."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from pydantic import ValidationError

from tests.testing.servers import QUICK, Broken, Corrupted, Refused, Running, Unmeasured
from tests.testing.shuttle import PEOPLE, product, snapshot
from tests.testing.shuttle_server import Hubs, archive
from uflux_kedro.downloads import FluxnetFetcher, FluxnetProducts, download
from uflux_kedro.downloads.fluxnet import chosen
from uflux_kedro.downloads.parameters import DownloadParameters
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.pipelines.download.nodes import fetch_raw_files
from uflux_kedro.readers.towers.snapshot import read_snapshot

AMF, ICOS, TERN = product("XX-Aaa"), product("XX-Bbb", "ICOS"), product("XX-Ccc", "TERN")
OLD = product("XX-Ddd", "AMF", "1991-1999")
PATHS = {AMF: f"/ameriflux/{AMF}", ICOS: f"/icos/objects/{ICOS}", TERN: f"/tern/{TERN}"}


@pytest.fixture
def hubs():
    with Running(Hubs([AMF, ICOS, TERN, OLD])) as running:
        yield running


@pytest.fixture
def listed(hubs, tmp_path):
    """Snapshot as a file."""
    path = tmp_path / "snapshot_20260624.csv"
    hubs.snapshot().to_csv(path, index=False)
    return path


@pytest.fixture
def run(listed, tmp_path):
    def run(changed="refuse", **order):
        order = {"snapshot": str(listed)} | order
        fetcher = FluxnetFetcher(QUICK, pause=0)
        return download([(fetcher, FluxnetProducts(**order))], tmp_path / "raw", changed=changed)

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "raw" / "towers"


def archives(folder):
    return sorted(path.name for path in folder.glob("*.zip"))


def test_all_hubs_deliver_and_the_snapshot_lies_beside(run, hubs, folder):
    rows = run()
    assert {row["action"] for row in rows} == {"fetched"}
    assert archives(folder) == sorted(hubs.archives)
    assert all((folder / name).read_bytes() == data for name, data in hubs.archives.items())
    entry = json.loads((folder / "manifest.json").read_text())["files"][ICOS]
    assert (entry["hub"], entry["site"], entry["version"]) == ("ICOS", "XX-Bbb", "a_b2")
    beside = folder / "snapshot_20260624_products.csv"
    assert len(read_snapshot(beside)) == 4
    assert "product_citation" in beside.read_text()
    people = pd.read_csv(beside).drop(columns="product_citation").to_csv()
    assert not any(person in people for person in PEOPLE)


def test_what_is_there_is_kept(run, hubs, folder):
    run()
    hubs.received.clear()
    assert {row["action"] for row in run()} == {"kept"}
    assert len(hubs.received) == 3, "each hub is asked for one byte"


def test_the_snapshot_may_be_an_address(run, hubs, folder):
    run(snapshot=f"{hubs.address}/snapshot.csv", sites=["XX-Ccc"])
    assert archives(folder) == [TERN]
    assert (folder / "snapshot_products.csv").is_file()


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ({"hubs": ["ICOS"]}, [ICOS]),
        ({"sites": ["XX-Aaa", "XX-Ccc"]}, [AMF, TERN]),
        ({"igbp": ["GRA"]}, [ICOS]),
        ({"first_year": 2000}, [AMF, ICOS, TERN]),
        ({"last_year": 1995}, [OLD]),
        ({"hubs": ["AmeriFlux"], "without": ["XX-Aaa"]}, [OLD]),
    ],
)
def test_an_order_is_by_hub_site_class_and_years(tmp_path, order, names):
    table = snapshot([AMF, ICOS, TERN, OLD])
    table.loc[table["site_id"] == "XX-Bbb", "igbp"] = "GRA"
    table.to_csv(tmp_path / "snapshot.csv", index=False)
    found = chosen(read_snapshot(tmp_path / "snapshot.csv"), FluxnetProducts(snapshot="a", **order))
    assert sorted(found["product"] + ".zip") == sorted(names)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"sites": ["XX-Aab"]}, "product of XX-Aab; found none. Is it XX-Aaa?"),
        ({"igbp": ["DNF"]}, "no product fits"),
        ({"last_year": 1980}, "no product fits"),
    ],
)
def test_an_order_that_nothing_fits_is_a_mistake(tmp_path, order, says):
    snapshot([AMF, ICOS, TERN]).to_csv(tmp_path / "snapshot.csv", index=False)
    with pytest.raises(ConfigurationError, match=says):
        chosen(read_snapshot(tmp_path / "snapshot.csv"), FluxnetProducts(snapshot="a", **order))


@pytest.mark.parametrize("hub", ["AmeriFlux", "ICOS", "TERN"])
def test_a_silent_hub_stops_the_order_before_it_begins(run, hubs, folder, hub):
    hubs.silent = {hub.lower()}
    number = 2 if hub == "AmeriFlux" else 1
    says = rf"FLUXNET, hub {hub}.*an answer for its {number} products; found HTTP 404.*Nothing was"
    with pytest.raises(InputError, match=says):
        run()
    assert not folder.exists()


def test_a_hub_that_nobody_answers_for_is_named(run, hubs, listed, folder):
    table = hubs.snapshot()
    table["download_link"] = table["download_link"].str.replace(
        r"http://[^/]+/tern", "http://127.0.0.1:9/t", regex=True
    )
    table.to_csv(listed, index=False)
    with pytest.raises(InputError, match=r"hub TERN.*an answer for its 1 products"):
        run()
    assert not folder.exists()


def test_a_hub_that_was_silent_for_the_snapshot_is_noticed(run, hubs, listed, folder):
    table = hubs.snapshot()
    table[table["data_hub"] != "TERN"].to_csv(listed, index=False)
    says = r"products of the hub TERN; found those of AmeriFlux \(2\), ICOS \(1\)"
    with pytest.raises(ConfigurationError, match=says):
        run()
    run(hubs=["AmeriFlux", "ICOS"])
    assert archives(folder) == sorted([AMF, ICOS, OLD])


def test_a_hub_that_falls_silent_leaves_nothing_half_finished(run, hubs, folder):
    hubs.faults[PATHS[TERN]].extend([None, Refused(404)])  # it answers at first
    with pytest.raises(InputError, match=r"hub TERN: XX-Ccc: expected the archive TERN.*HTTP 404"):
        run()
    assert archives(folder) == sorted([AMF, ICOS, OLD])
    assert TERN not in json.loads((folder / "manifest.json").read_text())["files"]


def test_an_interrupted_archive_is_resumed(run, hubs, folder):
    hubs.faults[PATHS[AMF]].extend([None, None, Broken(100_000)])
    run(sites=["XX-Aaa"])
    statuses = [request.status for request in hubs.requests_for(PATHS[AMF])]
    assert statuses == [206, 206, 200, 206], "asked twice for a byte, fetched, resumed"
    assert (folder / AMF).read_bytes() == hubs.archives[AMF]


def test_what_another_run_left_is_resumed(run, hubs, folder):
    folder.mkdir(parents=True)
    (folder / f"{AMF}.part").write_bytes(hubs.archives[AMF][:5000])
    run(sites=["XX-Aaa"])
    assert [request.status for request in hubs.requests_for(PATHS[AMF])] == [206, 206, 206]
    assert (folder / AMF).read_bytes() == hubs.archives[AMF]


def test_bytes_of_another_archive_are_not_kept(run, hubs, folder):
    folder.mkdir(parents=True)
    (folder / f"{AMF}.part").write_bytes(bytes(5000))
    run(sites=["XX-Aaa"])
    assert (folder / AMF).read_bytes() == hubs.archives[AMF]


@pytest.mark.parametrize("fault", [Unmeasured(0), Unmeasured(-300), Unmeasured(10)])
def test_without_a_length_the_archive_itself_tells(run, hubs, folder, fault):
    hubs.faults[PATHS[ICOS]].extend([fault] * 3)
    run(sites=["XX-Bbb"])
    assert (folder / ICOS).read_bytes()[:100] == hubs.archives[ICOS][:100]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>please log in</html>", "File is not a zip file"),
        (archive(AMF, "XX-Zzz"), "an archive of another tower: AMF_XX-Zzz_FLUXNET_FLUXMET_MM"),
    ],
)
def test_what_is_no_archive_of_the_tower_is_refused(run, hubs, folder, content, says):
    hubs.archives[AMF] = content
    with pytest.raises(InputError, match=rf"hub AmeriFlux: XX-Aaa: .*{says}"):
        run(sites=["XX-Aaa"])
    assert not archives(folder)
    assert not list(folder.glob("*.part"))


def test_a_damaged_archive_is_fetched_once_more(run, hubs, folder):
    hubs.faults[PATHS[AMF]].extend([None, None, Corrupted()])
    run(sites=["XX-Aaa"])
    assert (folder / AMF).read_bytes() == hubs.archives[AMF]


def test_an_archive_that_was_replaced_under_its_name_is_noticed(run, hubs, listed, folder):
    run(sites=["XX-Bbb"])
    table = hubs.snapshot()
    table.loc[table["site_id"] == "XX-Bbb", "product_id"] = "reprocessed"
    table.to_csv(listed, index=False)
    with pytest.raises(InputError, match="the file fetched on"):
        run(sites=["XX-Bbb"])
    rows = run(sites=["XX-Bbb"], changed="refetch")
    assert {row["file"]: row["action"] for row in rows}[ICOS] == "fetched"


def test_an_address_that_is_none_is_refused(run, hubs, listed):
    hubs.snapshot().assign(download_link="file:///etc/passwd").to_csv(listed, index=False)
    with pytest.raises(ConfigurationError, match="expected the address of"):
        run()


def test_years_are_in_order():
    with pytest.raises(ValidationError, match="expected first_year = 2000 or later"):
        FluxnetProducts(snapshot="a.csv", first_year=2000, last_year=1999)


def test_the_pipeline_knows_the_order(hubs, listed, tmp_path):
    block = {"fluxnet": [{"snapshot": str(listed), "sites": ["XX-Aaa"]}], "fluxnet_pause": 0}
    rows = fetch_raw_files(DownloadParameters.model_validate(block), tmp_path / "raw")
    assert rows["file"].tolist() == ["snapshot_20260624_products.csv", AMF]
