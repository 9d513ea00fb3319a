"""The policy file of an archive: its licence and its version."""

from __future__ import annotations

import zipfile

import pytest

from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.policy import Policy, policy_of

NAME = "DATA_POLICY_LICENSE_AND_INSTRUCTIONS.txt"
TEXT = """**** DATA POLICY ****

License document version 20251226

The FLUXNET data product is shared under the
{} license (https://example.org). It requires attribution.
"""


@pytest.mark.parametrize("licence", ["CC-BY-4.0", "CC BY 4.0", "FLUXNET Tier 2"])
def test_licence_and_version_are_read_from_the_archive_and_beside_its_table(tmp_path, licence):
    path, table = tmp_path / "a.zip", tmp_path / "out" / "table.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("table.csv", "TIMESTAMP\n")
        archive.writestr(NAME, TEXT.format(licence))
    table.parent.mkdir()
    table.write_text("TIMESTAMP\n")
    assert policy_of(File(table)) == Policy()
    (table.parent / NAME).write_text(TEXT.format(licence), "utf-8")
    expected = Policy(licence, "20251226")
    assert policy_of(File(path, "table.csv")) == policy_of(File(table)) == expected


@pytest.mark.parametrize("text", ["", "cite each site", "\x00\xff"])
def test_a_file_that_states_neither_is_no_trouble(tmp_path, text):
    (tmp_path / NAME).write_text(text, "latin-1")
    assert policy_of(File(tmp_path / "table.csv")) == Policy()
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    assert policy_of(File(tmp_path / "cut.zip", "table.csv")) == Policy()
