"""An incomplete download, which gets its final name only when it is complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uflux_kedro.files import replacing


class Partial:
    """The bytes received so far, and a note of the download that they belong to.

    They are kept beside the target as ``NAME.part`` and ``NAME.part.json`` when the process ends,
    so that the next run can resume.

    Args:
        target: Path of the finished file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note_path = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Number of bytes received so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def note(self) -> dict[str, Any]:
        """Note of the download that the bytes belong to; empty if there is none."""
        try:
            note = json.loads(self._note_path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return note if isinstance(note, dict) else {}

    def begin(self, **known: Any) -> None:
        """Delete the bytes received, and add what is known of the next ones to the note."""
        self.path.unlink(missing_ok=True)
        note = self.note | known
        with replacing(self._note_path) as temporary:
            temporary.write_text(json.dumps(note))

    def discard(self) -> None:
        """Delete the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Move the complete file to its final name, replacing any file there."""
        self.path.replace(self.target)
        self._note_path.unlink(missing_ok=True)
