"""Records and their files, as a fake Zenodo describes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testing.servers import QUICK, Broken, Refused, Running
from tests.testing.zenodo_server import RECORD, Zenodo
from uflux_kedro.downloads import ZenodoFetcher, ZenodoRecord
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import safe_path
from uflux_kedro.errors import ConfigurationError, InputError


def order(*files, record=RECORD):
    return ZenodoRecord(record=record, folder="UFLUX", **({"files": files} if files else {}))


@pytest.mark.parametrize("dialect", ["files", "entries"])
def test_both_dialects_say_the_same(zenodo, fetcher, content, dialect):
    zenodo.dialect = dialect
    files = fetcher.plan(order())
    assert [f.name for f in files] == ["training.parquet", "grid 2019.nc", "README.md"]
    assert files[0].size == len(content)
    assert files[0].checksum == zenodo.checksum("training.parquet", content)
    assert files[0].url == zenodo.address + zenodo.content(RECORD, "training.parquet")
    assert files[0].origin == {
        "source": "zenodo",
        "record": RECORD,
        "doi": f"10.5281/zenodo.{RECORD}",
        "version": "1.1",
    }


def test_a_name_with_a_blank_is_fetched(fetcher, tmp_path, content):
    (file,) = fetcher.plan(order("grid*"))
    partial = Partial(tmp_path / file.name)
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content[::-1]


def test_patterns_choose_files(fetcher):
    assert [f.name for f in fetcher.plan(order("*.nc", "*.md"))] == ["grid 2019.nc", "README.md"]


def test_a_pattern_that_matches_nothing_is_a_mistake(fetcher):
    with pytest.raises(ConfigurationError, match=r"no file matches '\*.zip'; it has training.par"):
        fetcher.plan(order("*.nc", "*.zip"))


def test_a_record_that_does_not_exist_is_named(fetcher):
    with pytest.raises(InputError, match=r"records/404404: .*HTTP 404.*does not exist"):
        fetcher.plan(order(record=404404))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda entry: entry.pop("checksum"), "files.0.checksum"),
        (lambda entry: entry.update(checksum="sum"), "files.0.checksum"),
        (lambda entry: entry.update(size=-1), "files.0.size"),
        (lambda entry: entry.update(links={}), "files.0.links"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(spoil, says, monkeypatch, zenodo, fetcher):
    describe = Zenodo._describe

    def spoilt(self, handler, number, *, listing):
        say = handler.say

        def say_spoilt(status, content):
            spoil(content["files"][0])
            say(status, content)

        handler.say = say_spoilt
        describe(self, handler, number, listing=listing)

    monkeypatch.setattr(Zenodo, "_describe", spoilt)
    with pytest.raises(InputError, match=f"records/{RECORD}: {says}"):
        fetcher.plan(order())


def test_a_broken_description_is_asked_for_again(zenodo, fetcher):
    path = f"/api/records/{RECORD}"
    zenodo.faults[path] += [Broken(after=10), Refused(503), Broken(after=0)]
    assert len(fetcher.plan(order())) == 3
    zenodo.faults[path] += [Broken(after=10)] * 20
    with pytest.raises(InputError, match="a complete response"):
        fetcher.plan(order())


def test_a_page_in_between_is_recognised(zenodo):
    zenodo.answer = lambda handler: handler.send_bytes(b"<html>log in", None, False)
    with pytest.raises(InputError, match=r"a response in JSON.*log-in page"):
        ZenodoFetcher(zenodo.api, patience=QUICK).plan(order())


def test_a_restricted_record_wants_a_token(zenodo, tmp_path, content):
    zenodo.token = "secret"
    with pytest.raises(InputError, match=r"HTTP 403.*ZENODO_TOKEN"):
        ZenodoFetcher(zenodo.api, patience=QUICK).plan(order())
    fetcher = ZenodoFetcher(zenodo.api, "secret", QUICK)
    (file,) = fetcher.plan(order("*.parquet"))
    partial = Partial(tmp_path / file.name)
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert not file.mirrors, "pages know no tokens"


def test_the_token_is_shown_to_no_other_site(zenodo, tmp_path, content):
    zenodo.token = "secret"
    with Running(Zenodo()) as elsewhere:
        elsewhere.records[1] = {"training.parquet": content}
        zenodo.links["training.parquet"] = elsewhere.address + elsewhere.content(
            1, "training.parquet"
        )
        fetcher = ZenodoFetcher(zenodo.api, "secret", QUICK)
        (file,) = fetcher.plan(order("*.parquet"))
        fetcher.fetch(file, Partial(tmp_path / file.name))
        assert [a.status for a in elsewhere.received] == [200]
        assert "Authorization" not in elsewhere.received[0].headers
    assert zenodo.received[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "name",
    ["", ".", "../x", "a/../../x", "/etc/x", "a//b", "a\\..\\b", "C:x", "x\n", "x\0", "x\x1b"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="record 1"):
        safe_path(tmp_path, name, "record 1")


@pytest.mark.parametrize("name", ["manifest.json", "a/manifest.json", "x.part", "x.part.json"])
def test_names_that_the_download_needs_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="record 1"):
        safe_path(tmp_path, name, "record 1")


@given(st.text("./\\:ab\0", max_size=8))
def test_no_name_leads_out_of_its_folder(name):
    folder = Path("/data/raw/UFLUX")
    try:
        path = safe_path(folder, name, "record 1")
    except InputError:
        return
    # As the disk would follow it.
    assert Path(os.path.normpath(path)).is_relative_to(folder)
    assert path != folder
