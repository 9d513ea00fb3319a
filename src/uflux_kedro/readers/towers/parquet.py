"""Read columns of a parquet table; levels of a pandas index are columns like the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import check_memory

if TYPE_CHECKING:
    import pyarrow


def read_schema(path: Path) -> pyarrow.Schema:
    """Read the names and types of the columns.

    Raises:
        InputError: If the file is no parquet.
    """
    import pyarrow.parquet

    with _as_input_error(path):
        return pyarrow.parquet.read_schema(path)


def read_parquet(path: Path, wanted: Collection[str]) -> pd.DataFrame:
    """Read the wanted columns that are present.

    Raises:
        InputError: If the file is no parquet or damaged.
    """
    import pyarrow.parquet

    names = [name for name in read_schema(path).names if name in wanted]
    with _as_input_error(path):
        # Equal values take no space in the file, and 8 bytes each in memory.
        rows = pyarrow.parquet.read_metadata(path).num_rows
    check_memory(8 * rows * len(names), path)
    with _as_input_error(path):
        table = pyarrow.parquet.read_table(path, columns=names)
        return table.to_pandas(ignore_metadata=True)


@contextmanager
def _as_input_error(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise InputError(
            path,
            None,
            expected="a complete parquet table",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
        ) from error
