"""Raw files of a source, as they were downloaded: never written by the pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from uflux_kedro.errors import ConfigurationError, InputError


class RawFilesDataset(AbstractDataset[None, list[Path]]):
    """The files of one source, as paths that a reader opens lazily.

    Args:
        filepath: A folder, or a single file.
        patterns: Glob patterns of the files within a folder; ``.ZIP`` is ``.zip``.
        hint: What to do where there is nothing, for the error message.
        metadata: Kedro's free field (layer, preview).

    Raises:
        ConfigurationError: If the path is empty.
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        patterns: list[str] | None = None,
        hint: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not filepath:  # as of `--params towers_path=` with nothing behind it
            raise ConfigurationError(
                "expected the path of a file or folder, found nothing"
                + (f". {hint}" if hint else "")
            )
        self._path = Path(filepath)
        self._patterns = patterns or ["*"]
        self._hint = hint
        self.metadata = metadata

    def load(self) -> list[Path]:
        """List the files, sorted.

        Raises:
            DatasetError: If there are none.
        """
        return self.files()

    def files(self) -> list[Path]:
        """List the files, sorted.

        Raises:
            InputError: If there are none.
        """
        if self._path.is_file():
            return [self._path]
        patterns = map(_in_either_case, self._patterns)
        files = sorted({f for p in patterns for f in self._path.glob(p) if f.is_file()})
        files = [f for f in files if not f.name.startswith(".")]
        if not files:
            raise InputError(
                self._path,
                None,
                expected=f"raw files, {' or '.join(self._patterns)}",
                found="none" if self._path.is_dir() else "no such file or folder",
                hint=self._hint,
            )
        return files

    def save(self, data: None) -> NoReturn:
        """Refuse: raw files are never written by a pipeline."""
        raise DatasetError(f"Raw files are read only: {self._path}")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "patterns": self._patterns}


def _in_either_case(pattern: str) -> str:
    # Path.glob can leave case aside since Python 3.12 only.
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in pattern)


class FolderDataset(AbstractDataset[None, Path]):
    """The path of a folder, for a node that writes a tree of files by itself.

    Args:
        filepath: The folder; Kedro makes it absolute.
        metadata: Kedro's free field.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Give the path; the folder need not exist yet."""
        return self._path

    def save(self, data: None) -> NoReturn:
        """Refuse: whoever loads the path writes there."""
        raise DatasetError(f"A folder is not saved as a whole: {self._path}")

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
