"""Download all orders: list the files first, then fetch them only if all checks pass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from uflux_kedro.downloads.manifest import Manifest, State
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import Fetcher, NothingThereError, RemoteFile, safe_path
from uflux_kedro.downloads.transfer import require_room
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

COLUMNS = ("folder", "file", "action", "source", "version", "size", "checksum", "host", "fetched")
"""Columns of the table that summarises a download."""


class _Item(NamedTuple):
    fetcher: Fetcher
    file: RemoteFile
    manifest: Manifest
    target: Path
    state: State


def download(
    orders: Sequence[tuple[Fetcher, Any]],
    raw_folder: Path,
    *,
    changed: Literal["refuse", "refetch"] = "refuse",
) -> list[dict[str, Any]]:
    """Download the ordered files that are missing.

    Each finished file is added to its folder's ``manifest.json`` at once, so that an interrupted
    run loses nothing.

    Args:
        orders: Pairs of a fetcher and an order, which has an attribute ``folder``.
        raw_folder: Folder of the raw data.
        changed: If a file was changed by its service or locally since it was downloaded:
            ``refuse`` stops before anything is downloaded, ``refetch`` replaces it.

    Returns:
        One row per file, see :data:`COLUMNS`; ``action`` is ``fetched`` or ``kept``.

    Raises:
        ConfigurationError: If an order cannot be fulfilled, or two would write the same file.
        InputError: If a file changed and ``changed`` is ``refuse``, if the disk has too little
            room, or if a download fails or its size or checksum is wrong.
        NothingThereError: If a service has nothing for some of the files; after all others.
    """
    items = _plan(orders, raw_folder)
    wanted = [item for item in items if item.state != "complete"]
    for item in wanted:
        if item.state != "absent":
            _report_change(item, changed)
    missing = sum((i.file.size or 0) - Partial(i.target).size for i in wanted)
    require_room(raw_folder, missing)
    _log.info("%d files, of which %d to download, %.3g GB", len(items), len(wanted), missing / 1e9)
    _fetch_all(wanted)
    return [_row(item, raw_folder) for item in items]


def _plan(orders: Sequence[tuple[Fetcher, Any]], raw_folder: Path) -> list[_Item]:
    items: dict[str, _Item] = {}
    manifests: dict[Path, Manifest] = {}
    for fetcher, order in orders:
        folder = raw_folder / order.folder
        manifest = manifests.setdefault(folder, Manifest(folder))
        for file in fetcher.plan(order):
            target = safe_path(folder, file.name, where=_source(file))
            # Some file systems ignore case in names.
            key = str(target).casefold()
            if key in items:
                raise ConfigurationError(
                    f"{target}: both {_source(items[key].file)} and {_source(file)} would write this"
                    " file; give each order a folder of its own"
                )
            items[key] = _Item(fetcher, file, manifest, target, manifest.state(file, target))
    return list(items.values())


def _report_change(item: _Item, changed: str) -> None:
    entry = item.manifest.entries.get(item.file.name, {})
    if item.state == "changed upstream":
        expected = f"the file fetched on {entry.get('fetched')}, {entry.get('checksum')}"
        found = f"{_source(item.file)} now offers {item.file.checksum or item.file.origin}"
    elif entry:
        expected = f"the file fetched on {entry.get('fetched')}, {entry.get('checksum')}"
        found = "a file that was changed locally"
    else:
        expected = f"no file, or that of {_source(item.file)}"
        found = "a different file"
    if changed == "refuse":
        raise InputError(
            item.target,
            None,
            expected=expected,
            found=found,
            hint="Nothing was downloaded. Move it away, or replace it with download.changed: refetch",
        )
    _log.warning("%s: expected %s; found %s; downloading it again", item.target, expected, found)


def _fetch_all(items: Sequence[_Item]) -> None:
    """Fetch files; those for which there is nothing are reported after the others."""
    absent: dict[str, NothingThereError] = {}
    for number, item in enumerate(items, 1):
        try:
            _fetch(item)
        except NothingThereError as error:
            _log.warning("%s", error)
            absent[item.file.name] = error
        _log.info("%d of %d files", number, len(items))
    if absent:
        first = next(iter(absent.values()))
        raise NothingThereError(
            first.where,
            ", ".join(absent),
            expected=first.expected,
            found=first.found + (", and likewise for the others" if len(absent) > 1 else ""),
            hint=f"The other files are there. {first.hint}",
        )


def _fetch(item: _Item) -> None:
    partial = Partial(item.target)
    arrived = item.fetcher.fetch(item.file, partial)
    # Recorded first: a file that is not in the manifest counts as the user's own.
    item.manifest.add(arrived, partial.path, str(arrived.checksum))
    partial.finish()
    _log.info("%s: downloaded, %s", item.target, arrived.checksum)


def _row(item: _Item, raw_folder: Path) -> dict[str, Any]:
    entry = item.manifest.entries[item.file.name]
    known = {
        "folder": item.manifest.folder.relative_to(raw_folder).as_posix(),
        "file": item.file.name,
        "action": "kept" if item.state == "complete" else "fetched",
    }
    return {column: known.get(column, entry.get(column)) for column in COLUMNS}


def _source(file: RemoteFile) -> str:
    return " ".join(
        str(file.origin[k]) for k in ("source", "record", "dataset") if k in file.origin
    )
