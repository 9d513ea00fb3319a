"""Datasets of what a run knows of itself, and of documents that it may lack the program for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from uflux_kedro.configuration import RUN_FACTS
from uflux_kedro.files import replacing


class RunFactsDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """What differs from run to run: date, MLflow run, state of the code.

    The run's hooks pass it through the environment, so that worker processes have it too. Outside of
    a run nothing is known.

    Args:
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    optional = True

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return the facts, see :func:`uflux_kedro.report.run_facts.run_table`."""
        return json.loads(os.environ.get(RUN_FACTS, "{}"))

    def save(self, data: dict[str, Any]) -> NoReturn:
        """Raise an error: only a run itself knows.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("The facts of a run are not saved: its hooks provide them")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}


class DocumentDataset(AbstractDataset[bytes, bytes]):
    """A finished document, such as a PDF. No bytes leave no file: it could not be made.

    Args:
        filepath: The file.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> bytes:
        """Return the file's bytes."""
        return self._path.read_bytes()

    def save(self, data: bytes) -> None:
        """Write the file, if there is a document."""
        if data:
            with replacing(self._path) as temporary:
                temporary.write_bytes(data)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
