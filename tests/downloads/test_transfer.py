"""Faults during a transfer, each produced by a fake Zenodo."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.testing.servers import (
    QUICK,
    Broken,
    Corrupted,
    Refused,
    Running,
    Stalled,
    Unmeasured,
    size_of,
)
from tests.testing.zenodo_server import RECORD, Zenodo
from uflux_kedro.downloads import ZenodoFetcher, ZenodoRecord
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.errors import InputError

NAME = "training.parquet"


@pytest.fixture
def file(fetcher):
    order = ZenodoRecord(record=RECORD, folder="UFLUX", files=(NAME,))
    return fetcher.plan(order)[0]


@pytest.fixture
def path(zenodo):
    return zenodo.content(RECORD, NAME)


@pytest.fixture
def partial(tmp_path):
    return Partial(tmp_path / NAME)


def ranges(asked):
    return [a.headers.get("Range") for a in asked]


def test_a_file_comes_whole(zenodo, fetcher, file, path, partial, content):
    arrived = fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert arrived.checksum == "md5:" + hashlib.md5(content).hexdigest()
    assert len(zenodo.requests_for(path)) == 1
    assert not partial.target.exists(), "only whoever asked for it calls it finished"


def test_a_broken_connection_is_resumed_where_it_broke(
    zenodo, fetcher, file, path, partial, content
):
    zenodo.faults[path] += [Broken(after=200_000), Broken(after=100_000)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    first, second, third = zenodo.requests_for(path)
    assert [first.status, second.status, third.status] == [200, 206, 206]
    starts = [int(r.removeprefix("bytes=").removesuffix("-")) for r in ranges([second, third])]
    # At most one block is lost in a break.
    assert 200_000 - 2**16 < starts[0] <= 200_000
    assert 100_000 - 2**16 < starts[1] - starts[0] <= 100_000
    assert second.headers["If-Range"] == '"md5:' + hashlib.md5(content).hexdigest() + '"'


def test_without_an_etag_the_checksum_guards_alone(zenodo, fetcher, file, path, partial, content):
    zenodo.etag = False
    zenodo.faults[path] += [Broken(after=200_000)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert "If-Range" not in zenodo.requests_for(path)[1].headers


def test_breaks_beyond_the_retries_are_borne_as_long_as_bytes_come(
    zenodo, fetcher, file, path, partial, content
):
    breaks = [Broken(after=70_000)] * (QUICK.retries + 2)
    zenodo.faults[path] += breaks
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert len(zenodo.requests_for(path)) == len(breaks) + 1


def test_a_connection_that_brings_nothing_is_given_up(zenodo, fetcher, file, path, partial):
    zenodo.faults[path] += [Broken(after=200_000)] + [Broken(after=0)] * 20
    with pytest.raises(InputError, match=r"400000 bytes.*The bytes received are kept"):
        fetcher.fetch(file, partial)
    assert partial.size > 100_000
    assert len(zenodo.requests_for(path)) == 1 + QUICK.retries


def test_the_page_resumes_what_the_interface_cannot(zenodo, fetcher, file, path, partial, content):
    zenodo.ranges["interface"] = False
    zenodo.faults[path] += [Broken(after=200_000)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert [a.status for a in zenodo.requests_for(zenodo.page(RECORD, NAME))] == [206]


def test_a_server_without_ranges_is_asked_for_the_whole(
    zenodo, fetcher, file, path, partial, content
):
    zenodo.ranges = {"interface": False, "page": False}
    zenodo.faults[path] += [Broken(after=200_000)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    last = zenodo.requests_for(path)[-1]
    assert (last.status, last.headers.get("Range")) == (200, None)


def test_a_page_that_cannot_be_reached_is_no_end(zenodo, fetcher, file, path, partial, content):
    zenodo.ranges["interface"] = False
    zenodo.faults[path] += [Broken(after=200_000)]
    with socket.socket() as nobody:  # bound, and listened to by none
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}/page"
        fetcher.fetch(replace(file, mirrors=(dead,)), partial)
    assert partial.path.read_bytes() == content


def test_bytes_of_another_version_are_not_joined(zenodo, fetcher, file, path, partial, content):
    zenodo.faults[path] += [Broken(after=200_000)] + [Broken(after=0)] * 20
    with pytest.raises(InputError):
        fetcher.fetch(file, partial)
    zenodo.faults.clear()
    asked = len(zenodo.requests_for(path))
    zenodo.records[RECORD][NAME] = content[1:] + content[:1]
    changed = fetcher.plan(ZenodoRecord(record=RECORD, folder="UFLUX", files=(NAME,)))[0]
    fetcher.fetch(changed, partial)
    assert partial.path.read_bytes() == content[1:] + content[:1]
    assert ranges(zenodo.requests_for(path)[asked:]) == [None], "the old bytes are not asked on"


def test_bytes_that_change_on_the_way_are_noticed_by_their_etag(
    zenodo, fetcher, file, path, partial, content
):
    zenodo.faults[path] += [Broken(after=200_000)] + [Broken(after=0)] * 20
    with pytest.raises(InputError):
        fetcher.fetch(file, partial)
    zenodo.faults.clear()
    zenodo.records[RECORD][NAME] = content[1:] + content[:1]  # the record still says the old sum
    with pytest.raises(InputError, match="checksum"):
        fetcher.fetch(file, partial)
    assert {a.status for a in zenodo.requests_for(path)[-2:]} == {200}


def test_a_spoilt_transfer_is_repeated(zenodo, fetcher, file, path, partial, content):
    zenodo.faults[path] += [Corrupted()]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert len(zenodo.requests_for(path)) == 2


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(zenodo, fetcher, path, partial, content):
    zenodo.wrong_checksums.add(NAME)
    file = fetcher.plan(ZenodoRecord(record=RECORD, folder="UFLUX", files=(NAME,)))[0]
    with pytest.raises(InputError) as raised:
        fetcher.fetch(file, partial)
    assert raised.value.variable == NAME
    assert zenodo.checksum(NAME, content) in raised.value.expected
    assert hashlib.md5(content).hexdigest() in raised.value.found
    assert not list(partial.path.parent.iterdir())


def test_a_wrong_size_is_refused_before_the_bytes_come(zenodo, fetcher, path, partial):
    zenodo.sizes[NAME] = 300_000
    file = fetcher.plan(ZenodoRecord(record=RECORD, folder="UFLUX", files=(NAME,)))[0]
    with pytest.raises(InputError, match="expected 300000 bytes; found 400000"):
        fetcher.fetch(file, partial)
    assert len(zenodo.requests_for(path)) == 1
    assert partial.size == 0


@pytest.mark.parametrize("by", [-100_000, 0, 100_000])
def test_a_body_of_unannounced_length_is_measured(
    zenodo, fetcher, file, path, partial, content, by
):
    zenodo.faults[path] += [Unmeasured(by)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content
    assert len(zenodo.requests_for(path)) == (1 if by == 0 else 2)


def test_a_body_without_end_is_cut_off(zenodo, fetcher, file, path, partial, content):
    zenodo.faults[path] += [Unmeasured(10_000_000)] * 20
    with pytest.raises(InputError, match="more than the 400000 bytes"):
        fetcher.fetch(file, partial)
    assert partial.size <= len(content)
    assert len(zenodo.requests_for(path)) <= 2 + QUICK.retries


def test_too_many_requests_are_waited_out_as_long_as_the_server_says(
    zenodo, fetcher, file, path, partial, content, caplog
):
    zenodo.faults[path] += [Refused(429, retry_after=1)]
    start = time.monotonic()
    fetcher.fetch(file, partial)
    # The backoff alone would take 0.001 s.
    assert time.monotonic() - start >= 1
    assert partial.path.read_bytes() == content
    assert "HTTP 429" in caplog.text


def test_errors_of_the_server_are_tried_again(zenodo, fetcher, file, path, partial, content):
    zenodo.faults[path] += [Refused(500), Refused(502), Refused(503)]
    fetcher.fetch(file, partial)
    assert partial.path.read_bytes() == content


def test_errors_that_last_end_the_download_and_say_so(zenodo, fetcher, file, path, partial):
    zenodo.faults[path] += [Broken(after=200_000)] + [Refused(503)] * 20
    with pytest.raises(InputError, match="HTTP 503"):
        fetcher.fetch(file, partial)
    assert partial.size > 100_000, "what came is kept although the rest was refused"
    assert len(zenodo.requests_for(path)) == 1 + 1 + QUICK.retries


def test_a_service_that_is_down_is_named(tmp_path):
    with Running(Zenodo()) as served:
        address = served.api
    with pytest.raises(InputError, match=r"127\.0\.0\.1.*Connection refused"):
        ZenodoFetcher(address, patience=QUICK).plan(ZenodoRecord(record=1, folder="X"))


CHILD = """
import sys
from pathlib import Path
from uflux_kedro.downloads import Patience, ZenodoFetcher, ZenodoRecord, download
api, folder, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
order = ZenodoRecord(record=%d, folder="UFLUX", files=("%s",))
download([(ZenodoFetcher(api, patience=Patience(retries=1)), order)], folder)
""" % (RECORD, NAME)  # noqa: UP031


def child(zenodo, folder, limit=0):
    command = [sys.executable, "-c", CHILD, zenodo.api, str(folder), str(limit)]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_PROXY": "127.0.0.1"}
    )


def test_a_killed_process_leaves_nothing_that_looks_finished_and_the_next_goes_on(
    zenodo, path, tmp_path, content
):
    zenodo.faults[path] += [Stalled(after=200_000)]
    process = child(zenodo, tmp_path)
    assert zenodo.stalled.wait(30)
    part = tmp_path / "UFLUX" / f"{NAME}.part"
    until = time.monotonic() + 30
    while size_of(part) < 2**16 and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    names = {p.name for p in (tmp_path / "UFLUX").iterdir()}
    assert names == {f"{NAME}.part", f"{NAME}.part.json"}
    kept = part.stat().st_size

    second = child(zenodo, tmp_path)
    assert second.wait() == 0, second.stderr.read()
    second.stderr.close()
    assert (tmp_path / "UFLUX" / NAME).read_bytes() == content
    last = zenodo.requests_for(path)[-1]
    assert (last.status, last.headers["Range"]) == (206, f"bytes={kept}-")
    names = {p.name for p in (tmp_path / "UFLUX").iterdir()}
    assert names == {NAME, "manifest.json"}


def test_a_disk_that_fills_up_on_the_way_keeps_what_came(zenodo, path, tmp_path, content):
    # No file may pass this size: the kernel refuses the write, as on a full disk.
    process = child(zenodo, tmp_path, limit=150_000)
    _, said = process.communicate()
    assert process.returncode == 1
    assert f"{NAME}.part: expected room on the disk; found File too large" in said
    assert (tmp_path / "UFLUX" / f"{NAME}.part").stat().st_size == 150_000
    assert not (tmp_path / "UFLUX" / NAME).exists()

    second = child(zenodo, tmp_path)
    assert second.wait() == 0, second.stderr.read()
    second.stderr.close()
    assert (tmp_path / "UFLUX" / NAME).read_bytes() == content
    assert zenodo.requests_for(path)[-1].headers["Range"] == "bytes=150000-"
