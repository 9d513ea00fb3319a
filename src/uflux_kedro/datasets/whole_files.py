"""Datasets of kedro-datasets that write a file under a temporary name, then rename it.

kedro-datasets opens the file under its final name: a process killed while writing leaves an incomplete
file, which ``--only-missing-outputs`` takes for finished.
"""

from __future__ import annotations

import copy
from html import escape
from pathlib import PurePosixPath
from typing import Any, ClassVar

from kedro_datasets import json, pandas, text
from kedro_datasets._typing import HTMLPreview

from uflux_kedro.datasets.previews import page_preview
from uflux_kedro.files import replacing
from uflux_kedro.lazy import pd


class _AtomicFile:
    """Mixin that saves a local file under a temporary name and renames it when it is complete.

    Object stores show only complete objects, and a versioned file has a folder of its own: both are
    saved by kedro-datasets as usual.

    The mixin precedes a dataset of kedro-datasets, whose ``save`` it calls, which type checkers cannot
    see. It is not a dataset itself: Kedro would take its arguments for those of the file.
    """

    _protocol: str
    _version: Any
    _filepath: PurePosixPath

    def save(self, data: Any) -> None:
        if self._protocol != "file" or self._version is not None:
            super().save(data)  # type: ignore[misc]
            return
        with replacing(str(self._filepath)) as temporary:
            twin = copy.copy(self)
            twin._filepath = PurePosixPath(temporary)
            super(_AtomicFile, twin).save(data)  # type: ignore[misc]


class CSVDataset(_AtomicFile, pandas.CSVDataset):
    """A table as CSV; the arguments are those of ``kedro_datasets.pandas.CSVDataset``.

    Names come back as they were saved: a site called ``001``, ``1E3`` or ``NA`` is no number and not
    missing. Only an empty cell is missing, which is how pandas writes it.
    """

    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {
        "dtype": {"site_id": str},
        "keep_default_na": False,
        "na_values": [""],
    }


class OptionalCSVDataset(CSVDataset):
    """A table that another pipeline may have made; one that was never made loads without a row."""

    optional = True

    def load(self) -> pd.DataFrame:
        """Read the table."""
        return super().load() if self._exists() else pd.DataFrame()


class JSONDataset(_AtomicFile, json.JSONDataset):
    """JSON; the arguments are those of ``kedro_datasets.json.JSONDataset``."""


class ParquetDataset(_AtomicFile, pandas.ParquetDataset):
    """A table as Parquet; the arguments are those of ``kedro_datasets.pandas.ParquetDataset``.

    Pages carry checksums: a changed bit in one is an error when the table is read.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"write_page_checksum": True}
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {"page_checksum_verification": True}


class TextDataset(_AtomicFile, text.TextDataset):
    """Text; the arguments are those of ``kedro_datasets.text.TextDataset``."""

    def preview(self) -> HTMLPreview:
        """Return the text line by line, for kedro-viz."""
        return page_preview(f"<pre>{escape(self.load())}</pre>")


class PageDataset(TextDataset):
    """A page in HTML, shown by kedro-viz; the arguments are those of :class:`TextDataset`."""

    def preview(self) -> HTMLPreview:
        """Return the page in its style, without its scripts, for kedro-viz."""
        return page_preview(self.load())
