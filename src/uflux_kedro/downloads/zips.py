"""Check of zip archives, which store a checksum for each file in them."""

from __future__ import annotations

import zipfile
from pathlib import Path


def damage_of(path: Path) -> str | None:
    """Return what is wrong with a zip archive; None if all files in it are intact."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return f"damaged file {damaged} in it" if damaged else None
