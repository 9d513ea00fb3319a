"""Write files atomically, under a temporary name that is then renamed; checksums."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

LOCK = ".lock"
"""File by which a run locks its data folder."""

LARGEST = 1 << 30
"""Bytes of a source up to which its contents are read for a checksum.

Beyond, the checksum is of names, sizes and times of change: to read a terabyte takes hours.
"""

_LEFTOVER = re.compile(r"\..+\.\d+\.(partial|old|removed)(\..+)?")
"""Names that :func:`replacing` and :func:`remove` give for a moment, with the process's number."""


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    An existing file or folder at ``path`` stays until the new one is complete. If the block fails
    or the process is killed, ``path`` is unchanged.

    Args:
        path: Final path of the file or folder.

    Yields:
        The temporary path, in the same folder, so that the rename is atomic.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    remove(temporary)
    try:
        yield temporary
        replaced = put(temporary, path)
        if replaced:
            remove(replaced)
    finally:
        remove(temporary)


def put(source: Path, target: Path) -> Path | None:
    """Rename a complete file or folder to ``target``, in place of what is there.

    Args:
        source: File or folder. On another file system than ``target``, as where a folder of the
            data is a link to another disk, it is copied beside it first.
        target: Its final path.

    Returns:
        The folder that was there, under another name, for the caller to remove: a folder cannot
        replace another one that is not empty.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copied = _temporary(target)
    remove(copied)
    if source.is_dir():
        shutil.copytree(source, copied)
    else:
        shutil.copy2(source, copied)
    replaced = _rename(copied, target)
    remove(source)
    return replaced


def _rename(source: Path, target: Path) -> Path | None:
    if not target.is_dir():
        source.replace(target)
        return None
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(old)
    try:
        source.rename(target)
    except OSError:
        old.rename(target)
        raise
    return old


def _temporary(path: Path) -> Path:
    """A name beside ``path``; writers choose the format by the suffix."""
    return path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")


def link(source: Path, target: Path) -> None:
    """Give a file or folder a second name, sharing its bytes on the disk.

    Whoever replaces a file under one name leaves it as it was under the other; files must not be
    changed in place. Where the file system has no hard links, the bytes are copied.

    Args:
        source: An existing file or folder.
        target: The second name, which does not exist.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: Path | str, target: Path | str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists.

    A folder is renamed first: a process killed halfway leaves no half of it under its name.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
    elif _LEFTOVER.fullmatch(path.name):
        shutil.rmtree(path)
    else:
        doomed = path.with_name(f".{path.name}.{os.getpid()}.removed")
        path.rename(doomed)
        shutil.rmtree(doomed)


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed processes left half-written or half-removed.

    Call it only while no other process writes there.

    Args:
        folder: Searched with its subfolders, except for those of Zarr stores and those with a lock
            of their own, in which another run may be writing.

    Returns:
        What was removed.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        here = [Path(parent) / name for name in (*folders, *files) if _LEFTOVER.fullmatch(name)]
        folders[:] = [
            name
            for name in folders
            if not (name.endswith(".zarr") or _LEFTOVER.fullmatch(name))
            and not Path(parent, name, LOCK).exists()
        ]
        for path in here:
            remove(path)
        found += here
    return found


@cache
def checksum(path: Path, size: int, changed: int) -> str:
    """Return the SHA-256 of a file; a process reads each file once, unless it changes.

    Args:
        path: The file.
        size: Its bytes.
        changed: When it was changed, nanoseconds since 1970.
    """
    return sha256(path)


def checksums(files: Iterable[Path], largest: int = LARGEST) -> list[dict[str, Any]]:
    """Return path, size and checksum of each file.

    Args:
        files: The files of one source.
        largest: See :data:`LARGEST`.
    """
    sizes = {file: file.stat() for file in files}
    read = sum(stat.st_size for stat in sizes.values()) <= largest
    return [
        {"file": str(file), "bytes": stat.st_size}
        | (
            {"sha256": checksum(file, stat.st_size, stat.st_mtime_ns)}
            if read
            else {"changed_ns": stat.st_mtime_ns}
        )
        for file, stat in sizes.items()
    ]


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file, or of the files of a folder in the order of their names."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(file.relative_to(path).as_posix().encode())
        digest.update(sha256(file).encode())
    return digest.hexdigest()
