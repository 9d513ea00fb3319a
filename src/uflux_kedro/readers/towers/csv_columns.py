"""A few columns out of a wide table of text, without holding the rest.

A half-hourly FULLSET of twenty years takes about 700 MB of text in 240 columns, of which a tower
needs some thirty. It is parsed block by block as it is unpacked.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.tables import MISSING, NOTHING

_ONEFLUX_SITE = re.compile(r"site,[A-Z]{2}-[A-Za-z0-9]+")
"""First line of the files that ONEFlux takes in."""

_MOST_HEADER_BYTES = 2**20
_MOST_COMMENT_LINES = 100


@dataclass(frozen=True)
class Header:
    """What stands above the rows of a table.

    Attributes:
        comments: Lines before the names: those that begin with ``#``, without that sign, or the
            ``key,value`` lines of a file that ONEFlux takes in.
        columns: Names of the columns.
        lines: Number of lines above that of the names.
        separator: What parts the columns; where it is no comma, numbers may have one.
        decimal: What parts a number, by the first row.
        trailing: Whether rows end with a separator that the names do not have.
    """

    comments: tuple[str, ...]
    columns: tuple[str, ...]
    lines: int = 0
    separator: str = ","
    decimal: str = "."
    trailing: bool = False


def read_header(file: File) -> Header:
    """Read the comment lines and the names of the columns.

    Raises:
        InputError: If the file is absent, damaged or has no line of names.
    """
    comments: list[str] = []
    lines = 0
    with file.open() as stream:
        for _ in range(_MOST_COMMENT_LINES):
            line = _line(stream)
            keyed = _ONEFLUX_SITE.fullmatch(comments[0] if comments else line)
            comment = line.lstrip('"').startswith("#")
            blank = comments and not line.strip()
            if not (comment or blank) and (not keyed or line.startswith("TIMESTAMP")):
                break
            lines += 1
            if not blank:
                comments.append(line.strip('"#, ').strip() if comment else line.strip())
        below = _line(stream)
    separator = next((s for s in ",;\t" if s in line), ",")
    try:
        names, first = (next(csv.reader([row], delimiter=separator), []) for row in (line, below))
    except csv.Error as error:
        raise InputError(
            file.where, None, expected="a line of column names", found=str(error)
        ) from error
    return Header(
        tuple(comments),
        tuple(name.strip() for name in names),
        lines,
        separator,
        "," if separator != "," and re.search(r"\d,\d", below) else ".",
        len(first) == len(names) + 1 and not first[-1].strip(),
    )


def _line(stream: IO[bytes]) -> str:
    # A binary file may have no line end for gigabytes.
    return stream.readline(_MOST_HEADER_BYTES).decode("utf-8-sig", errors="replace").rstrip("\r\n")


def read_columns(file: File, wanted: Collection[str], header: Header | None = None) -> pd.DataFrame:
    """Read those of the wanted columns that a table has.

    Args:
        file: CSV, plain, gzipped or in a zip; -9999, ``NA`` or nothing where a value is missing.
        wanted: Names of columns.
        header: The table's header, if it has been read already.

    Returns:
        The columns in the order of the file, numbers as float64, timestamps as text, missing
        values as NaN.

    Raises:
        InputError: If the table cannot be parsed, or holds text where numbers belong.
    """
    header = header or read_header(file)
    present = [name for name in header.columns if name in wanted]
    for name in present:
        if header.columns.count(name) > 1:
            raise InputError(file.where, name, expected="each column once", found="several")
    if not present:
        return pd.DataFrame(index=range(0))
    return _parse(file, header, present)


def _parse(file: File, header: Header, present: list[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    types = {n: pa.string() if n.startswith("TIMESTAMP") else pa.float64() for n in present}
    try:
        with file.open() as stream:
            reader = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    column_names=[*header.columns, *[""] * header.trailing],
                    skip_rows=header.lines + 1,
                    block_size=2**22,
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=header.separator),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=present,
                    column_types=types,
                    null_values=["-9999", *NOTHING],
                    decimal_point=header.decimal,
                ),
            )
            table = pa.Table.from_batches(list(reader), reader.schema)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return pd.DataFrame(columns=present)
        raise _complaint(str(error).splitlines()[0], file, header) from error
    columns: dict[str, np.ndarray | pd.Series] = {}
    for name in present:
        if types[name] == pa.string():
            columns[name] = table[name].to_pandas().replace("", None)
        else:
            columns[name] = np.array(table[name].to_numpy())
            columns[name][columns[name] == MISSING] = np.nan
    # A spreadsheet may leave rows of nothing but separators; others have a time at least.
    return pd.DataFrame(columns).dropna(how="all", ignore_index=True)


def read_text(path: Path, **options: Any) -> pd.DataFrame:
    """Read a table of text as pandas does, however its columns are parted.

    Args:
        path: CSV, plain or gzipped.
        options: What ``pandas.read_csv`` takes besides.

    Returns:
        The table without rows of nothing.

    Raises:
        InputError: If it cannot be parsed, a row lacks fields, or a column of these is there twice.
    """
    header = read_header(File(path))
    chosen = options.get("usecols", lambda _: True)
    for name in header.columns:
        if name and chosen(name) and header.columns.count(name) > 1:
            raise InputError(path, name, expected="each column once", found="several")
    _refuse_short_rows(path, header)
    try:
        raw = pd.read_csv(
            path,
            sep=header.separator,
            decimal=header.decimal,
            skiprows=header.lines,
            skipinitialspace=True,
            index_col=False if header.trailing else None,
            keep_default_na=False,
            encoding_errors="replace",
            **options,
        )
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise InputError(
            path, None, expected="a readable CSV table", found=f"{type(error).__name__}: {error}"
        ) from error
    return raw.dropna(how="all", ignore_index=True)


def _refuse_short_rows(path: Path, header: Header) -> None:
    """Refuse rows that lost a field: pandas moves the others up and fills their end."""
    named = max((i for i, name in enumerate(header.columns) if name), default=0)
    separator = header.separator.encode()
    quoted = False
    with File(path).open() as stream:
        for number, line in enumerate(stream, 1):
            # A quoted field may hold separators and ends of lines: those are left to the parser.
            within, quoted = quoted, quoted ^ bool(line.count(b'"') % 2)
            if number <= header.lines + 1 or within or b'"' in line or not line.strip():
                continue
            if (fields := line.count(separator)) < named:
                raise InputError(
                    path,
                    None,
                    expected=f"{named + 1} fields in every row",
                    found=f"{fields + 1} in line {number}",
                    hint="The file is cut off there, or a field is lost",
                )


def _complaint(message: str, file: File, header: Header) -> InputError:
    """The parser's words as an error of ours; it gives a column by its number."""
    number = re.match(r"In CSV column #(\d+): ", message)
    if number is None or int(number[1]) >= len(header.columns):
        return InputError(file.where, None, expected="a readable CSV table", found=message)
    return InputError(
        file.where,
        header.columns[int(number[1])],
        expected="numbers",
        found=message[number.end() :].rpartition("error to double: ")[2],
    )
