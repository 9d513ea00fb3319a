"""The policy files of archives: licence, acknowledgements and papers, in an archive or unpacked."""

from __future__ import annotations

import logging
import zipfile

import pytest

from tests.testing.shuttle import FUNDING, PAPERS, PORTAL, THANKS, policy
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.policy import UNKNOWN, Policy, parse_policy, policy_of
from uflux_kedro.readers.towers.products import product_table, products_of
from uflux_kedro.readers.towers.tower_files import TowerFile, by_name

NAME = "DATA_POLICY_LICENSE_AND_INSTRUCTIONS.txt"
TABLE = "AMF_XX-Aaa_FLUXNET_FLUXMET_MM_2004-2004_v1.3_r1.csv"


@pytest.mark.parametrize(
    ("network", "thanks", "papers"),
    [
        ("AMF", (THANKS, FUNDING), ()),
        ("TERN", (THANKS, PORTAL), PAPERS),
        ("ICOS", (THANKS,), ()),
        ("TER", (THANKS,), ()),
    ],
)
def test_each_network_has_its_wishes(network, thanks, papers):
    assert parse_policy(policy(), network) == Policy("CC-BY-4.0", "20251226", thanks, papers)


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa 3.0", "CC-BY-NC-SA-3.0"),
        ("CC BY", "CC-BY"),
        ("CC0", "CC0"),
        ("Tier Two", "Tier 2"),
        ("Tier-1", "Tier 1"),
        ("FLUXNET Tier 2", "Tier 2"),
        ("Own Terms of 2020", "Own Terms of 2020"),
    ],
)
def test_licences_have_one_name(words, licence):
    assert parse_policy(policy(words), "AMF").licence == licence


def test_a_file_of_another_form_asks_for_nothing():
    text = 'CC-BY-4.0. When TERN (TERN) data are used, add the text: "Thanks to TERN."'
    assert parse_policy(text, "TERN") == Policy("CC-BY-4.0")
    wrapped = policy().replace("by networks", "by\r\nnetworks")
    assert parse_policy(wrapped, "AMF") == Policy("CC-BY-4.0", "20251226"), (
        "half a sentence is none"
    )
    older = parse_policy("Acknowledge the data resource: Funding was provided.", "AMF")
    assert older == Policy(UNKNOWN, "", ("Funding was provided.",))


def table_in(path, packed: str | bytes | None) -> TowerFile:
    """Return a table in an archive with this policy."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"inside/{TABLE}", "TIMESTAMP\n")
        if packed is not None:
            archive.writestr(f"inside/{NAME}", packed)
    found = by_name(File(path, f"inside/{TABLE}"))
    assert found is not None
    return found


def test_a_product_has_the_policy_of_its_archive(tmp_path):
    stated = table_in(tmp_path / "a.zip", policy("CC-BY-4.0").encode("utf-8-sig"))
    silent = table_in(tmp_path / "b.zip", None)
    foreign = table_in(tmp_path / "c.zip", "\xe9t\xe9".encode("latin-1"))
    known = [products_of([table])[0] for table in (stated, silent, foreign)]
    assert [one["licence"] for one in known] == ["CC-BY-4.0", "", UNKNOWN]
    assert known[0]["thanks"] == f"{THANKS} | {FUNDING}"
    assert known[1]["thanks"] == known[1]["papers"] == known[2]["thanks"] == ""
    assert set(product_table(known)["licence"]) == {"", "CC-BY-4.0", UNKNOWN}


def test_an_unpacked_archive_has_it_beside_its_tables(tmp_path):
    (tmp_path / TABLE).write_text("TIMESTAMP\n")
    table = by_name(File(tmp_path / TABLE))
    assert products_of([table])[0]["licence"] == ""
    (tmp_path / NAME).write_text(policy())
    assert products_of([table])[0]["licence"] == "CC-BY-4.0"


@pytest.mark.parametrize("text", ["", "cite each site", "\x00\xff"])
def test_a_file_that_states_nothing_is_no_trouble(tmp_path, text):
    (tmp_path / NAME).write_text(text, "latin-1")
    assert policy_of(File(tmp_path / "table.csv")) == Policy(UNKNOWN)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    assert policy_of(File(tmp_path / "cut.zip", "table.csv")) == Policy()


def test_a_damaged_one_is_none(tmp_path, caplog):
    path = tmp_path / "a.zip"
    table = table_in(path, policy())
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"shared under", b"shared UNDER"))
    with caplog.at_level(logging.WARNING):
        assert policy_of(table.file) == Policy()
    assert "a.zip" in caplog.text
