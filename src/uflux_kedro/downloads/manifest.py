"""What was fetched into a folder: from where, which version, when."""

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
    """The file ``manifest.json`` of one folder: name of a file -> where it came from.

    Args:
        folder: Folder of the files.

    Raises:
        InputError: If there is a manifest that cannot be read.
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
                hint="Remove it: files that are whole are recognised by their checksums",
            ) from error

    def state(self, file: RemoteFile, target: Path) -> State:
        """How what stands here compares with what the service offers now.

        A file is read only if the manifest cannot vouch for it. One that was put there by hand
        and has the right checksum is taken over.
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
        """Note a file whose bytes stand at ``path``; keeps the time at which it came."""
        status = path.stat()
        known = self.entries.get(file.name, {})
        came = known.get("fetched") if known.get("checksum") == found else None
        host = urlsplit(file.url).hostname or known.get("host")
        self.entries[file.name] = {
            **file.origin,
            "size": status.st_size,
            "checksum": found,
            "host": host,
            "fetched": came or datetime.now(UTC).isoformat(timespec="seconds"),
            "mtime_ns": status.st_mtime_ns,
        }
        with replacing(self.path) as temporary:
            temporary.write_text(
                json.dumps({"files": dict(sorted(self.entries.items()))}, indent=1) + "\n"
            )
