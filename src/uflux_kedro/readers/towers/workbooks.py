"""Read the first sheet of a workbook as a table."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, check_zip


def read_workbook(path: Path, wanted: Collection[str]) -> pd.DataFrame:
    """Read the wanted columns that are present, below a line of names.

    Args:
        path: Workbook (xlsx).
        wanted: Names of columns.

    Returns:
        Cells as the workbook has them: text, numbers and dates; empty ones are missing. Text such as
        ``NA`` stays text, since it may be the name of a site.

    Raises:
        InputError: If the file is no workbook, damaged or unsafe, or a column appears twice.
    """
    with File(path).open() as stream:
        check_zip(stream, str(path))
    try:
        raw = pd.read_excel(path, engine="openpyxl", header=None, keep_default_na=False,
                            na_values=[""], dtype=object)  # fmt: skip
    # openpyxl raises many kinds of exceptions on a file that is no workbook.
    except Exception as error:
        raise InputError(
            path, None, expected="a sheet of xlsx", found=f"{type(error).__name__}: {error}"
        ) from error
    raw = raw.dropna(how="all")
    names = [str(name).strip() for name in (raw.iloc[0] if len(raw) else [])]
    for name in wanted:
        if names.count(name) > 1:
            raise InputError(path, name, expected="each column once", found="several")
    table = raw.iloc[1:].set_axis(names, axis=1).reset_index(drop=True)
    return table[[name for name in names if name in wanted]]
