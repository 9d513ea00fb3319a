"""Datasets of raw files and folders, which the catalog never writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from uflux_kedro.datasets.previews import files_preview
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.paths import list_files


class RawFilesDataset(AbstractDataset[None, list[Path]]):
    """The files of one source, as paths.

    Args:
        filepath: A folder, or a single file.
        patterns: Glob patterns of the files within a folder, in upper or lower case.
        hint: Advice for the error message if there are no files.
        metadata: Kedro's metadata, such as the layer in kedro-viz.

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
        if not filepath:  # as from `--params towers_path=` without a value
            raise ConfigurationError(
                "Raw files: expected the path of a file or folder, found an empty one"
                + (f". {hint}" if hint else "")
            )
        self._path = Path(filepath)
        self._patterns = patterns or ["*"]
        self._hint = hint
        self.metadata = metadata

    def load(self) -> list[Path]:
        """List the files, sorted.

        Raises:
            InputError: If there are no files.
        """
        return self.files()

    def files(self) -> list[Path]:
        """List the files, sorted; what a run looks at before it starts.

        Raises:
            InputError: If there are no files.
        """
        files = list_files(self._path, self._patterns) if self._path.exists() else []
        if not files:
            raise InputError(
                self._path,
                None,
                expected=f"raw files named {' or '.join(self._patterns)}",
                found="none" if self._path.exists() else "no such file or folder",
                hint=self._hint,
            )
        return files

    def preview(self) -> TablePreview:
        """List the files for kedro-viz."""
        return files_preview(self.files())

    def save(self, data: None) -> NoReturn:
        """Raise an error: raw files are read-only.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._path}: raw files are read-only")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "patterns": self._patterns}


class FolderDataset(AbstractDataset[None, Path]):
    """The path of a folder, for a node that writes files itself.

    Args:
        filepath: The folder; Kedro makes it absolute.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the path; the folder need not exist yet."""
        return self._path

    def save(self, data: None) -> NoReturn:
        """Raise an error: the node that loads the path writes to it.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._path}: the node that loads the folder's path writes to it")

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
