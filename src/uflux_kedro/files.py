"""Write files atomically, under a temporary name that is then renamed; checksums."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    # Writers choose the format by the suffix.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A folder cannot replace another one that is not empty.
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.rename(old)
            temporary.rename(path)
            remove(old)
        else:
            temporary.replace(path)
    finally:
        remove(temporary)


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
        folder: Searched with its subfolders, except for those of Zarr stores.

    Returns:
        What was removed.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        here = [Path(parent) / name for name in (*folders, *files) if _LEFTOVER.fullmatch(name)]
        folders[:] = [n for n in folders if not n.endswith(".zarr") and not _LEFTOVER.fullmatch(n)]
        for path in here:
            remove(path)
        found += here
    return found


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
