"""A snapshot of the FLUXNET Shuttle: the site table, and whom to cite for what was read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from tests.testing.shuttle import PEOPLE, product, snapshot
from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.products import product_table
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.snapshot import find_doi, read_snapshot, sites_of_snapshot

SHARED = Path(__file__).parents[4] / "shared/data/fluxnet_network/sites_2026.csv"
NAME = "fluxnet_shuttle_snapshot_20260624T101500.csv"


@pytest.fixture
def archive(tmp_path, fluxnet_table):
    """Write an archive as the data hubs deliver it since 2025."""

    def write(name: str, folder: Path = tmp_path, **changes) -> Path:
        stem = name.removesuffix(".zip")
        network, site, kind, *rest = stem.split("_")
        path = folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            table = fluxnet_table(**changes).to_csv(index=False)
            packed.writestr(f"{network}_{site}_{kind}_FLUXMET_MM_{'_'.join(rest)}.csv", table)
            packed.writestr("DATA_POLICY_LICENSE_AND_INSTRUCTIONS.txt", "cite each site")
        return path

    return write


@pytest.fixture
def folder(tmp_path, archive):
    """Archives of three hubs with their snapshot, and none of their own metadata."""
    names = [product("XX-Aaa"), product("XX-Bbb", "ICOS"), product("XX-Ccc", "TERN")]
    for name in names:
        archive(name)
    offered = [*names, product("XX-Ddd", "JPF"), product("XX-Bbb", "EUF")]
    snapshot(offered).to_csv(tmp_path / NAME, index=False)
    return tmp_path


def test_it_is_the_site_table_and_says_whom_to_cite(folder):
    towers, sites = read_towers(folder)
    assert sites["site_id"].tolist() == ["XX-Aaa", "XX-Bbb", "XX-Ccc"]
    assert (sites[["latitude", "longitude"]] == [50, 10]).all(axis=None)
    assert set(sites["IGBP"]) == {"ENF"}
    assert set(sites["collection"]) == {"FLUXNET"}
    found = product_table(towers.attrs["products"]).set_index("site_id")
    assert found["network"].tolist() == ["AMF", "ICOS", "TERN"]
    assert found["hub"].tolist() == ["AmeriFlux", "ICOS", "TERN"]
    assert found["doi"].tolist() == ["10.17190/AMF/1", "", ""]
    assert found["link"].tolist() == ["", "https://hdl.handle.net/11676/a_b2", ""]
    assert found.loc["XX-Ccc", "citation"].startswith(
        "Nobody, A., Noone, B. (2026): XX-Ccc FLUXNET"
    )
    assert found.loc["XX-Aaa", "product"] == "AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1"
    assert not towers.attrs["left_out"]


def test_people_are_in_no_table_but_the_citation(folder):
    towers, sites = read_towers(folder)
    found = product_table(towers.attrs["products"]).drop(columns="citation")
    offered = read_snapshot(folder / NAME).drop(columns="citation")
    for table in (towers, sites, found, offered):
        assert not any(person in table.to_csv() for person in PEOPLE)


def test_beside_one_archive_it_is_found_too(folder):
    towers, sites = read_towers(folder / product("XX-Aaa"))
    assert sites["IGBP"].tolist() == ["ENF"]
    assert [p["doi"] for p in towers.attrs["products"]] == ["10.17190/AMF/1"]


def test_another_release_is_not_cited(folder, archive, caplog):
    archive(product("XX-Aaa", release=2))
    towers, _ = read_towers(folder)
    found = product_table(towers.attrs["products"]).set_index("site_id")
    assert found.loc["XX-Aaa", "product"].endswith("r2"), "only what was read is listed"
    assert found.loc["XX-Aaa", "citation"] == ""
    assert "the snapshot offers AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1" in caplog.text


def test_the_archives_own_metadata_come_first(folder):
    rows = {"LOCATION_LAT": "51", "LOCATION_LONG": "11", "LOCATION_ELEV": "700", "IGBP": "GRA"}
    bif = pd.DataFrame(
        {"SITE_ID": "XX-Aaa", "GROUP_ID": 1, "VARIABLE": rows.keys(), "DATAVALUE": rows.values()}
    )
    bif.to_csv(folder / "AMF_XX-Aaa_FLUXNET_BIF_2004-2004_v1.3_r1.csv", index=False)
    _, sites = read_towers(folder)
    assert sites["elevation"].tolist()[:1] == [700]
    assert sites["IGBP"].tolist() == ["GRA", "ENF", "ENF"]


def test_what_the_hubs_do_not_know_is_no_place(folder):
    table = pd.read_csv(folder / NAME)
    table.loc[0, ["location_lat", "location_long"]] = 0.0
    table.loc[2, "igbp"] = "UNK"
    table.to_csv(folder / NAME, index=False)
    towers, sites = read_towers(folder)
    assert sites["site_id"].tolist() == ["XX-Bbb"]
    assert [row["site_id"] for row in towers.attrs["left_out"]] == ["XX-Aaa", "XX-Ccc"]
    assert [p["site_id"] for p in towers.attrs["products"]] == ["XX-Bbb"]


def test_an_archive_of_2015_is_no_product_of_a_hub(tmp_path, fluxnet_table, fluxnet_zip):
    fluxnet_zip(fluxnet_table(), "XX-Aaa")
    snapshot([product("XX-Aaa")]).to_csv(tmp_path / NAME, index=False)
    towers, sites = read_towers(tmp_path)
    assert sites["collection"].tolist() == ["FLUXNET2015"]
    (found,) = towers.attrs["products"]
    assert (found["collection"], found["network"], found["citation"]) == ("FLUXNET2015", "FLX", "")


def test_the_day_of_the_download_is_known_from_its_record(folder):
    name = product("XX-Aaa")
    record = {"files": {name: {"fetched": "2026-06-24T10:15:00+00:00"}}}
    (folder / "manifest.json").write_text(pd.io.json.ujson_dumps(record))
    towers, _ = read_towers(folder)
    days = {p["site_id"]: p["downloaded"] for p in towers.attrs["products"]}
    assert days == {"XX-Aaa": "2026-06-24", "XX-Bbb": "", "XX-Ccc": ""}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.assign(fluxnet_product_name=None), "product.*a value in every row.*row 1"),
        (lambda t: t.assign(location_lat="north"), "latitude.*numbers.*'north'"),
        (lambda t: t.assign(location_lat=95.0), "latitude.*-90 to 90"),
        (lambda t: t.assign(igbp="XYZ"), "IGBP.*'XYZ' at XX-Aaa"),
        (lambda t: t.drop(columns="data_hub"), "data_hub.*snapshot of the FLUXNET Shuttle"),
    ],
)
def test_a_broken_one_is_refused(tmp_path, spoil, says):
    spoil(snapshot([product("XX-Aaa")])).to_csv(tmp_path / NAME, index=False)
    with pytest.raises(InputError, match=f"(?s){says}"):
        sites_of_snapshot(tmp_path / NAME, ["XX-Aaa"])


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.17190/AMF/2571144", "10.17190/AMF/2571144"),
        ("(Dataset). https://doi.org/10.17190/AMF/2571144.", "10.17190/AMF/2571144"),
        ("oIJ9cFYf8Q0e9nfMRRS-90vM", ""),
    ],
)
def test_a_doi_is_found_in_a_text(text, doi):
    assert find_doi(text) == doi


@pytest.mark.skipif(not SHARED.is_file(), reason="no shared data")
def test_the_archive_of_2026_is_read_as_one():
    table = read_snapshot(SHARED)
    assert len(table) == 767
    assert set(table["network"]) == {
        "AMF",
        "CNF",
        "EUF",
        "FLX",
        "ICOS",
        "JPF",
        "KOF",
        "SAEON",
        "TERN",
    }
    assert len(sites_of_snapshot(SHARED, table["site_id"])) == 767
