"""Files that are whole or absent: written under another name, then renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` if the block succeeds.

    What stood at ``path`` (a file or a folder) stays until the new one is complete. A block
    that fails, or a process that is killed, leaves ``path`` as it was.

    Args:
        path: Where the finished file or folder shall stand.

    Yields:
        The temporary path, in the same folder, so that the rename is atomic.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A folder cannot be renamed over one that holds files.
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.rename(old)
            temporary.rename(path)
            remove(old)
        else:
            temporary.replace(path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, or of a folder's files in the order of their names."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(file.relative_to(path).as_posix().encode())
        digest.update(sha256(file).encode())
    return digest.hexdigest()
