"""kedro-datasets' files, written whole or not at all.

kedro-datasets opens the file under its own name, so that a process killed while it writes leaves
an empty or half a file, which ``--only-missing-outputs`` then takes for finished.
"""

from __future__ import annotations

import copy
from pathlib import PurePosixPath
from typing import Any

from kedro_datasets import json, pandas, text

from uflux_kedro.files import replacing


class _WrittenWhole:
    """Saves a local file under another name and renames it when it is complete.

    Object stores show an object only once it is whole, and a versioned file has a folder of its
    own that no other run looks into: both are left to kedro-datasets.

    Stands before a dataset of kedro-datasets, whose ``save`` it calls; of that type checkers know
    nothing here. It is no dataset itself: Kedro would take its arguments for those of the file.
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
            super(_WrittenWhole, twin).save(data)  # type: ignore[misc]


class CSVDataset(_WrittenWhole, pandas.CSVDataset):
    """A table as CSV; the arguments are those of ``kedro_datasets.pandas.CSVDataset``."""


class JSONDataset(_WrittenWhole, json.JSONDataset):
    """JSON; the arguments are those of ``kedro_datasets.json.JSONDataset``."""


class ParquetDataset(_WrittenWhole, pandas.ParquetDataset):
    """A table as Parquet; the arguments are those of ``kedro_datasets.pandas.ParquetDataset``."""


class TextDataset(_WrittenWhole, text.TextDataset):
    """Text; the arguments are those of ``kedro_datasets.text.TextDataset``."""
