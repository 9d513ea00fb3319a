"""A file of a remote service, and the interface of the fetchers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

from uflux_kedro.downloads.partial import Partial
from uflux_kedro.errors import InputError

MANIFEST = "manifest.json"
"""Name of the manifest, one in each folder of downloads."""


class NothingThereError(InputError):
    """A service has nothing for one file; the others can be fetched all the same."""


@dataclass(frozen=True)
class RemoteFile:
    """One file as its service describes it.

    Attributes:
        name: Path below the folder of the order, separated by ``/``.
        origin: Source, for the manifest: service, record, version, request.
        size: Bytes; None if the service creates the file on request.
        checksum: ``algorithm:hexdigest``; None if the service publishes none.
        url: Address of the content; empty until the service has created it.
        mirrors: Other addresses of the same content, tried if ``url`` cannot resume.
    """

    name: str
    origin: Mapping[str, Any]
    size: int | None = None
    checksum: str | None = None
    url: str = ""
    mirrors: tuple[str, ...] = ()


class Fetcher(Protocol):
    """Interface of a service that files are downloaded from."""

    def plan(self, order: Any) -> list[RemoteFile]:
        """List the files of an order, without downloading them.

        Raises:
            ConfigurationError: If the order cannot be fulfilled, or credentials are missing.
            InputError: If the service does not have what is ordered.
        """

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Download a file into ``partial``, resuming where an earlier attempt stopped.

        Returns:
            The file with its actual size, checksum and address.

        Raises:
            InputError: If the download fails, or its size or checksum is wrong.
            NothingThereError: If the service has nothing for this file; it costs this file alone.
        """


def safe_path(folder: Path, name: str, where: str) -> Path:
    """Return the path of a file inside a folder; reject names that would leave it.

    Args:
        folder: Folder of the file.
        name: Name given by the service.
        where: The service's record, for the error message.

    Raises:
        InputError: If the name leads out of the folder, or is reserved or not printable.
    """
    fault = _fault(name)
    if fault:
        raise InputError(
            where,
            None,
            expected="file names that stay inside the folder",
            found=f"{name!r}, {fault}",
            hint="Nothing was downloaded: do not trust this source",
        )
    return folder.joinpath(*name.split("/"))


def _fault(name: str) -> str | None:
    parts = name.split("/")
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "an absolute path"
    if "\\" in name or not name.isprintable():
        return "a name with a backslash or unprintable characters"
    if any(part in {"", ".", ".."} for part in parts):
        return "a path with empty parts, . or .."
    if parts[-1].endswith((".part", ".part.json")) or parts[-1] == MANIFEST:
        return "a name that the download uses itself"
    return None


def checksum(path: Path, algorithm: str = "md5") -> str:
    """Return ``algorithm:hexdigest`` of a file."""
    with path.open("rb") as stream:
        return f"{algorithm}:{hashlib.file_digest(stream, algorithm).hexdigest()}"
