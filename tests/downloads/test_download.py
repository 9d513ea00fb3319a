"""Whole downloads: which files are fetched and kept, which changes are noticed and refused."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.testing.servers import QUICK, Broken
from tests.testing.zenodo_server import RECORD
from uflux_kedro.downloads import COLUMNS, ZenodoFetcher, ZenodoRecord, download
from uflux_kedro.errors import ConfigurationError, InputError

NAME = "training.parquet"


@pytest.fixture
def run(zenodo, tmp_path):
    def run(*files, changed="refuse", folder="UFLUX", record=RECORD):
        order = ZenodoRecord(record=record, folder=folder, files=files or ("*",))
        fetcher = ZenodoFetcher(zenodo.api, patience=QUICK)
        return download([(fetcher, order)], tmp_path, changed=changed)

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "UFLUX"


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())["files"]


def actions(rows):
    return {row["file"]: row["action"] for row in rows}


def bodies(zenodo):
    return [a.path for a in zenodo.received if a.path.endswith("/content")]


def test_what_came_is_noted(zenodo, run, folder, content):
    before = datetime.now(UTC) - timedelta(seconds=1)
    rows = run()
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "grid 2019.nc",
        "manifest.json",
        NAME,
    ]
    assert actions(rows) == dict.fromkeys(zenodo.records[RECORD], "fetched")
    assert all(tuple(row) == COLUMNS for row in rows)
    entry = manifest(folder)[NAME]
    assert entry["record"] == RECORD
    assert entry["doi"] == f"10.5281/zenodo.{RECORD}"
    assert entry["version"] == "1.1"
    assert entry["size"] == len(content)
    assert entry["checksum"] == zenodo.checksum(NAME, content)
    assert entry["host"] == "127.0.0.1"
    assert before <= datetime.fromisoformat(entry["fetched"]) <= datetime.now(UTC)


def test_a_second_run_fetches_nothing(zenodo, run, folder):
    run()
    noted = manifest(folder)
    zenodo.received.clear()
    assert set(actions(run()).values()) == {"kept"}
    assert bodies(zenodo) == []
    assert manifest(folder) == noted


def test_a_run_that_stopped_between_files_goes_on_with_the_rest(zenodo, run, folder):
    path = zenodo.content(RECORD, "README.md")
    zenodo.faults[path] += [Broken(after=0)] * 20
    with pytest.raises(InputError, match=r"README\.md"):
        run()
    assert set(manifest(folder)) == {NAME, "grid 2019.nc"}
    zenodo.faults.clear()
    zenodo.received.clear()
    assert actions(run()) == {NAME: "kept", "grid 2019.nc": "kept", "README.md": "fetched"}
    assert bodies(zenodo) == [path]


def test_a_file_put_there_by_hand_is_taken_over_if_it_is_the_same(zenodo, run, folder, content):
    folder.mkdir()
    (folder / NAME).write_bytes(content)
    assert actions(run(NAME)) == {NAME: "kept"}
    assert bodies(zenodo) == []
    assert manifest(folder)[NAME]["checksum"] == zenodo.checksum(NAME, content)


def test_a_stranger_s_file_of_that_name_is_not_overwritten(zenodo, run, folder):
    folder.mkdir()
    (folder / NAME).write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{NAME}.*a different file"):
        run()
    assert (folder / NAME).read_bytes() == b"mine"
    assert bodies(zenodo) == []


def test_a_touched_file_is_read_again_and_kept(zenodo, run, folder):
    run()
    noted = manifest(folder)
    noted[NAME]["fetched"] = "2020-01-01T00:00:00+00:00"
    (folder / "manifest.json").write_text(json.dumps({"files": noted}))
    os.utime(folder / NAME, (1, 1))
    zenodo.received.clear()
    assert set(actions(run()).values()) == {"kept"}
    assert bodies(zenodo) == []
    assert manifest(folder)[NAME]["fetched"] == "2020-01-01T00:00:00+00:00"
    assert manifest(folder)[NAME]["mtime_ns"] == 1_000_000_000, "not read a third time"


def test_a_file_that_changed_upstream_stops_the_run(zenodo, run, folder, content):
    run()
    old = zenodo.checksum(NAME, content)
    zenodo.records[RECORD][NAME] = content + b"more"
    zenodo.records[RECORD]["new.nc"] = b"new"
    with pytest.raises(InputError) as raised:
        run()
    assert raised.value.where == str(folder / NAME)
    assert old in raised.value.expected
    assert f"zenodo {RECORD} now offers" in raised.value.found
    assert zenodo.checksum(NAME, content + b"more") in raised.value.found
    assert "download.changed: refetch" in raised.value.hint
    assert (folder / NAME).read_bytes() == content
    assert not (folder / "new.nc").exists(), "nothing is fetched before all is clear"
    (folder / NAME).rename(folder / "kept.nc")  # as the hint says
    assert actions(run())[NAME] == "fetched"
    assert (folder / NAME).read_bytes() == content + b"more"


def test_a_file_that_changed_upstream_is_replaced_if_so_configured(
    zenodo, run, folder, content, caplog
):
    run()
    zenodo.records[RECORD][NAME] = content + b"more"
    rows = run(changed="refetch")
    assert actions(rows) == {NAME: "fetched", "grid 2019.nc": "kept", "README.md": "kept"}
    assert (folder / NAME).read_bytes() == content + b"more"
    assert manifest(folder)[NAME]["checksum"] == zenodo.checksum(NAME, content + b"more")
    assert "now offers" in caplog.text
    assert set(actions(run()).values()) == {"kept"}


def test_what_changed_upstream_stays_until_the_new_is_whole(zenodo, run, folder, content):
    run()
    zenodo.records[RECORD][NAME] = content + b"more"
    zenodo.faults[zenodo.content(RECORD, NAME)] += [Broken(after=0)] * 20
    with pytest.raises(InputError):
        run(changed="refetch")
    assert (folder / NAME).read_bytes() == content


@pytest.mark.parametrize("changed", ["refuse", "refetch"])
def test_a_file_that_changed_here_is_noticed(run, folder, content, changed):
    run()
    (folder / NAME).write_bytes(b"mine")
    if changed == "refuse":
        with pytest.raises(InputError, match=f"{NAME}.*changed locally"):
            run()
        assert (folder / NAME).read_bytes() == b"mine"
    else:
        run(changed="refetch")
        assert (folder / NAME).read_bytes() == content


def test_a_file_that_was_removed_here_comes_again(run, folder, content):
    run()
    (folder / NAME).unlink()
    assert actions(run())[NAME] == "fetched"
    assert (folder / NAME).read_bytes() == content


def test_a_disk_without_room_is_noticed_before_anything_comes(zenodo, run, tmp_path):
    zenodo.sizes[NAME] = 10**18  # an exabyte
    with pytest.raises(InputError, match=r"room for 1e\+09 GB; found .* GB free"):
        run()
    assert bodies(zenodo) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../escape.nc", "/etc/escape.nc", "manifest.json"])
def test_names_that_lead_elsewhere_stop_the_run(zenodo, run, tmp_path, name):
    zenodo.records[RECORD][name] = b"evil"
    with pytest.raises(InputError, match=f"zenodo {RECORD}"):
        run()
    assert bodies(zenodo) == []
    assert not list(tmp_path.iterdir())


def test_names_with_folders_stay_below_theirs(zenodo, run, folder):
    zenodo.records[RECORD] = {"1_griddata/ERA5/era5.nc": b"grid"}
    run()
    assert (folder / "1_griddata" / "ERA5" / "era5.nc").read_bytes() == b"grid"
    assert set(actions(run()).values()) == {"kept"}


def test_two_records_share_a_folder_but_no_file(zenodo, tmp_path):
    zenodo.records[2] = {"other.nc": b"2"}
    zenodo.records[3] = {"Readme.MD": b"3"}
    fetcher = ZenodoFetcher(zenodo.api, patience=QUICK)
    orders = [(fetcher, ZenodoRecord(record=n, folder="UFLUX")) for n in (RECORD, 2)]
    assert len(download(orders, tmp_path)) == 4
    assert {e["record"] for e in manifest(tmp_path / "UFLUX").values()} == {RECORD, 2}
    orders.append((fetcher, ZenodoRecord(record=3, folder="UFLUX")))
    with pytest.raises(ConfigurationError, match=f"both zenodo {RECORD} and zenodo 3"):
        download(orders, tmp_path)


def test_a_manifest_that_is_none_is_named(run, folder):
    folder.mkdir()
    (folder / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json: expected a manifest"):
        run()


@pytest.mark.parametrize("folder", ["../towers", "/data", "a//b", ".", "a\\b"])
def test_folders_lie_below_the_raw_data(folder):
    with pytest.raises(ValueError, match="below the folder of raw data"):
        ZenodoRecord(record=1, folder=folder)
