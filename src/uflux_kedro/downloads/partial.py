"""A file on its way: never under its own name before it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uflux_kedro.files import replacing


class Partial:
    """The bytes that have come so far, and a note that says whose they are.

    They stand beside the target as ``NAME.part`` and ``NAME.part.json`` and outlive the process,
    so that the next run goes on where this one stopped.

    Args:
        target: Where the finished file shall stand.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note_path = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that have come so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def note(self) -> dict[str, Any]:
        """What is known of the bytes; empty if nothing is."""
        try:
            note = json.loads(self._note_path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return note if isinstance(note, dict) else {}

    def begin(self, **known: Any) -> None:
        """Drop the bytes that came and note whose the next ones are, beside what was known."""
        self.path.unlink(missing_ok=True)
        note = self.note | known
        with replacing(self._note_path) as temporary:
            temporary.write_text(json.dumps(note))

    def discard(self) -> None:
        """Drop the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the whole file its name, in place of what stood there."""
        self.path.replace(self.target)
        self._note_path.unlink(missing_ok=True)
