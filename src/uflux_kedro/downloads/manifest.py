"""Record of the files downloaded into a folder: source, version, checksum and time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from uflux_kedro.downloads.remote import MANIFEST, RemoteFile, checksum
from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing

State = Literal["absent", "complete", "changed upstream", "changed here"]


class Manifest:
    """The file ``manifest.json`` of one folder: file name -> source, version, checksum and time.

    Args:
        folder: Folder of the downloaded files.

    Raises:
        InputError: If the manifest exists but cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        try:
            self.entries: dict[str, dict[str, Any]] = json.loads(self.path.read_text())["files"]
        except FileNotFoundError:
            self.entries = {}
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(
                self.path,
                None,
                expected="a manifest of downloads",
                found=f"{type(error).__name__}: {error}",
                hint="Remove it: intact files are recognised by their checksums",
            ) from error

    def state(self, file: RemoteFile, target: Path) -> State:
        """Compare the local file with the one that the service offers now.

        The checksum is computed only if size or modification time differ from the manifest's. A
        file that was put there by hand and has the right checksum is added to the manifest.
        """
        entry = self.entries.get(file.name)
        if not target.exists():
            return "absent"
        if entry and self._changed_upstream(file, entry):
            return "changed upstream"
        status = target.stat()
        if entry and (status.st_size, status.st_mtime_ns) == (entry["size"], entry["mtime_ns"]):
            return "complete"
        wanted = entry["checksum"] if entry else file.checksum
        if wanted is None or checksum(target, wanted.partition(":")[0]) != wanted:
            return "changed here"
        self.add(file, target, wanted)
        return "complete"

    @staticmethod
    def _changed_upstream(file: RemoteFile, entry: dict[str, Any]) -> bool:
        if file.checksum is None:
            return any(entry.get(key) != value for key, value in file.origin.items())
        return bool(entry["checksum"] != file.checksum)

    def add(self, file: RemoteFile, path: Path, found: str) -> None:
        """Add a file, whose content is at ``path``; a known file keeps its time of download."""
        status = path.stat()
        known = self.entries.get(file.name, {})
        fetched = known.get("fetched") if known.get("checksum") == found else None
        host = urlsplit(file.url).hostname or known.get("host")
        self.entries[file.name] = {
            **file.origin,
            "size": status.st_size,
            "checksum": found,
            "host": host,
            "fetched": fetched or datetime.now(UTC).isoformat(timespec="seconds"),
            "mtime_ns": status.st_mtime_ns,
        }
        with replacing(self.path) as temporary:
            temporary.write_text(
                json.dumps({"files": dict(sorted(self.entries.items()))}, indent=1) + "\n"
            )
