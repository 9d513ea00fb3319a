"""Download of a file over HTTP, resumed after interruptions and verified at the end.

After an interruption the rest is requested as a range (RFC 9110, sections 13.1.5 and 14.2).
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ProtocolError

from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile, checksum
from uflux_kedro.downloads.session import Session, wait
from uflux_kedro.errors import InputError, without_secrets

_log = logging.getLogger(__name__)

_BLOCK = 2**16
"""Bytes read at a time, and so the most that an interruption can lose."""


def transfer(session: Session, file: RemoteFile, partial: Partial) -> RemoteFile:
    """Download a file into ``partial`` and verify its checksum.

    Args:
        session: Session with the service.
        file: File with known size and address.
        partial: Bytes of an earlier attempt; discarded if they belong to another version.

    Returns:
        The file with its actual checksum.

    Raises:
        InputError: If the download fails, or its size or checksum is wrong.
    """
    size = file.size or 0
    if partial.note.get("checksum") != file.checksum or partial.size > size:
        partial.discard()
    partial.path.parent.mkdir(parents=True, exist_ok=True)
    require_room(partial.path.parent, size - partial.size)
    algorithm = file.checksum.partition(":")[0] if file.checksum else "md5"
    found: list[str] = []
    while len(found) < 2:
        # A file assembled from several responses gets a second chance, in one piece.
        _fill(session, file, partial)
        found.append(checksum(partial.path, algorithm))
        if file.checksum in {None, found[-1]}:
            return replace(file, checksum=found[-1])
        _log.warning("%s: checksum is %s, expected %s", file.name, found[-1], file.checksum)
        partial.discard()
    raise InputError(
        file.url,
        file.name,
        expected=f"checksum {file.checksum}",
        found=" and then ".join(dict.fromkeys(found)),
        hint="The bytes were discarded: try later, or tell the record's owner",
    )


def _fill(session: Session, file: RemoteFile, partial: Partial) -> None:
    retry = session.retry
    most = partial.size
    partial.path.touch()
    while partial.size != file.size:
        try:
            _append(session, file, partial)
            if partial.size != file.size:
                raise ProtocolError(f"the response ended after {partial.size} bytes")
        except (requests.RequestException, HTTPError) as error:
            if partial.size > most:
                most, retry = partial.size, session.retry
            retry = wait(
                retry,
                file.url,
                error,
                expected=f"{file.size} bytes of {file.name}",
                found=str(partial.size),
            )


def _append(session: Session, file: RemoteFile, partial: Partial) -> None:
    response = _resume(session, file, partial)
    if response is None:
        response = session.get(file.url)
        session.require(response)
        _require_size(response, file)
        partial.begin(checksum=file.checksum, etag=response.headers.get("ETag"))
    with (
        response,
        partial.path.open("ab", buffering=0) as stream,
        tqdm(
            desc=file.name,
            total=file.size,
            initial=partial.size,
            unit="B",
            unit_scale=True,
            leave=False,
            disable=None,
        ) as bar,
    ):
        received = partial.size
        for block in response.iter_content(_BLOCK):
            received += len(block)
            if received > (file.size or 0):
                raise ProtocolError(f"more than the {file.size} bytes expected")
            _write(stream, block, partial.path)
            bar.update(len(block))


def _resume(session: Session, file: RemoteFile, partial: Partial) -> requests.Response | None:
    """Request the rest; return None if no address supports that or there is nothing to resume."""
    if not partial.size:
        return None
    headers = {"Range": f"bytes={partial.size}-"}
    etag = partial.note.get("etag")
    # A mirror may have another ETag for the same bytes; there only the checksum protects.
    same = {"If-Range": etag} if etag and not etag.startswith("W/") else {}
    for url in (file.url, *file.mirrors):
        try:
            response = session.get(url, headers | same if url == file.url else headers)
        except InputError as error:
            if url == file.url:
                raise
            _log.info("%s: mirror %s failed: %s", file.name, without_secrets(url), error)
            continue
        if _is_the_rest(response, partial.size, file):
            _log.info("%s: resuming at byte %d", file.name, partial.size)
            return response
        with response:
            if url == file.url and response.status_code != 416:
                session.require(response)
    _log.info("%s: cannot resume at byte %d, starting again", file.name, partial.size)
    return None


def require_room(folder: Path, needed: int) -> None:
    """Check that a disk has room.

    Args:
        folder: Folder on the disk; it need not exist yet.
        needed: Bytes.

    Raises:
        InputError: If less is free.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            folder,
            None,
            expected=f"room for {needed / 1e9:.3g} GB",
            found=f"{free / 1e9:.3g} GB free",
            hint="Free some space, or order fewer files",
        )


def _require_size(response: requests.Response, file: RemoteFile) -> None:
    length = response.headers.get("Content-Length")
    if length not in {None, str(file.size)}:
        response.close()
        raise InputError(
            response.url,
            file.name,
            expected=f"{file.size} bytes",
            found=f"{length} bytes of {response.headers.get('Content-Type')}",
        )


def _is_the_rest(response: requests.Response, start: int, file: RemoteFile) -> bool:
    rest = f"bytes {start}-{(file.size or 0) - 1}/"
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
        rest
    )


def _write(stream: Any, block: bytes, path: Path) -> None:
    """Write without a buffer, so that a killed process loses nothing written."""
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[stream.write(rest) :]
    except OSError as error:
        raise InputError(
            path,
            None,
            expected="room on the disk",
            found=str(error.strerror),
            hint="The bytes received are kept: free some space and run again",
        ) from error
