"""List the files of a path given by a user: a file, a folder or several paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

Paths = str | Path | Iterable[str | Path]
"""A file, a folder, or several of them."""


def list_files(path: Paths, patterns: Sequence[str]) -> list[Path]:
    """List the files of a path.

    Args:
        path: A file, a folder, or several of them.
        patterns: Glob patterns of the files in a folder; upper and lower case are the same.

    Returns:
        The files; those of a folder are sorted, without hidden ones. A path that does not exist
        is returned unchanged, so that opening it raises the error.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]
    return [file for p in paths for file in (_in_folder(p, patterns) if p.is_dir() else [p])]


def _in_folder(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = {f for p in map(_in_either_case, patterns) for f in folder.glob(p) if f.is_file()}
    return sorted(f for f in found if not f.name.startswith("."))


def _in_either_case(pattern: str) -> str:
    # Path.glob has an option for this since Python 3.12 only.
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in pattern)
