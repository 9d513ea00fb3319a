"""A file that stands elsewhere, and who can fetch it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

from uflux_kedro.downloads.partial import Partial
from uflux_kedro.errors import InputError

MANIFEST = "manifest.json"
"""Name of the list of what was fetched, one in each folder."""


@dataclass(frozen=True)
class RemoteFile:
    """One file as its service describes it.

    Attributes:
        name: Path below the folder that was asked for, parted by ``/``.
        origin: What the manifest says of its source: service, record, version, request.
        size: Bytes; None where the service makes the file only when asked for it.
        checksum: ``algorithm:hexdigest``; None where the service gives none.
        url: Where its bytes are; empty until it is made.
        mirrors: Other addresses of the same bytes, asked where ``url`` cannot resume.
    """

    name: str
    origin: Mapping[str, Any]
    size: int | None = None
    checksum: str | None = None
    url: str = ""
    mirrors: tuple[str, ...] = ()


class Fetcher(Protocol):
    """A service that files are fetched from."""

    def plan(self, order: Any) -> list[RemoteFile]:
        """List the files of an order; only descriptions are read.

        Raises:
            ConfigurationError: If the order cannot be met, or credentials are wanting.
            InputError: If the service does not know what is asked for.
        """

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Fill ``partial`` with all bytes of the file, from where an earlier try left it.

        Returns:
            The file with size, checksum and address as they were found.

        Raises:
            InputError: If the bytes cannot be had or are not those described.
        """


def safe_path(folder: Path, name: str, where: str) -> Path:
    """Path of a file inside a folder, whatever its service calls it.

    Args:
        folder: Folder that must hold it.
        name: Name given by the service.
        where: The service's record, for the message.

    Raises:
        InputError: If the name leads out of the folder, or means something else there.
    """
    fault = _fault(name)
    if fault:
        raise InputError(
            where,
            None,
            expected="names of files that stay inside their folder",
            found=f"{name!r}, {fault}",
            hint="Nothing was fetched: do not trust this source",
        )
    return folder.joinpath(*name.split("/"))


def _fault(name: str) -> str | None:
    parts = name.split("/")
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "an absolute path"
    if "\\" in name or not name.isprintable():
        return "with characters that no file name should have"
    if any(part in {"", ".", ".."} for part in parts):
        return "a path that leads elsewhere"
    if parts[-1].endswith((".part", ".part.json")) or parts[-1] == MANIFEST:
        return "a name that the download keeps for itself"
    return None


def checksum(path: Path, algorithm: str = "md5") -> str:
    """``algorithm:hexdigest`` of a file."""
    with path.open("rb") as stream:
        return f"{algorithm}:{hashlib.file_digest(stream, algorithm).hexdigest()}"
