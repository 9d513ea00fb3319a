"""Read a few columns of a wide text table without keeping the rest in memory.

A half-hourly FULLSET of twenty years has about 700 MB of text in 240 columns, of which about thirty
are needed. It is parsed in blocks while it is unpacked.
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, check_memory, is_gzip
from uflux_kedro.readers.towers.impossible import without_infinite
from uflux_kedro.readers.towers.tables import MISSING, NOTHING

_ONEFLUX_SITE = re.compile(r"site,[A-Z]{2}-[A-Za-z0-9]+")
"""First line of the input files of ONEFlux."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MOST_HEADER_BYTES = 2**20
_MOST_COMMENT_LINES = 100
_BLOCK = 2**20
_CELL_BYTES = 8


@dataclass(frozen=True)
class Header:
    """Header of a text table.

    Attributes:
        comments: Lines before the column names: those that start with ``#``, without that sign,
            or the ``key,value`` lines of an input file of ONEFlux.
        columns: Names of the columns.
        lines: Number of lines before the column names.
        separator: Separator of the columns.
        decimal: Decimal sign of numbers, found in the first row.
        trailing: Whether rows, but not the column names, end with a separator.
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
        InputError: If the file is absent, damaged or has no line of column names.
    """
    comments: list[str] = []
    lines = 0
    with file.open() as stream:
        if stream.read(2) in _UTF_16:
            raise InputError(
                file.where,
                None,
                expected="text in UTF-8",
                found="UTF-16",
                hint="Save it as CSV UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW",
            )
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
    separator = separator_of(line)
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


def separator_of(line: str) -> str:
    """Return the separator of a line of column names: comma, semicolon or tab."""
    return next((s for s in ",;\t" if s in line), ",")


def _line(stream: IO[bytes]) -> str:
    # A binary file may have gigabytes without a line break.
    return stream.readline(_MOST_HEADER_BYTES).decode("utf-8-sig", errors="replace").rstrip("\r\n")


def ends_within_a_row(file: File) -> bool:
    """Return whether a plain file ends without a line break, as one that was truncated does.

    Archives and gzipped files have checksums, which show that they are complete.
    """
    if file.member is not None or is_gzip(file.path):
        return False
    with file.path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) not in (b"\n", b"\r")


def read_columns(file: File, wanted: Collection[str], header: Header | None = None) -> pd.DataFrame:
    """Read the wanted columns that are present in a table.

    Args:
        file: CSV, plain, gzipped or in a zip; missing values are -9999, ``NA`` or empty.
        wanted: Names of columns.
        header: Header of the table; None reads it.

    Returns:
        The columns in the order of the file, numbers as float64, timestamps as text, missing
        and infinite values as NaN; ``attrs["infinite"]`` as of :func:`without_infinite`.

    Raises:
        InputError: If the table cannot be parsed, or has text instead of numbers.
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
            batches, size = [], 0
            for batch in reader:
                batches.append(batch)
                size += batch.nbytes
                check_memory(size, file.where)
            table = pa.Table.from_batches(batches, reader.schema)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return pd.DataFrame(columns=present)
        raise _parse_error(str(error).splitlines()[0], file, header) from error
    columns: dict[str, np.ndarray | pd.Series] = {}
    for name in present:
        if types[name] == pa.string():
            columns[name] = table[name].to_pandas().replace("", None)
        else:
            columns[name] = np.array(table[name].to_numpy())
            columns[name][columns[name] == MISSING] = np.nan
    # Spreadsheets may write rows of separators only; all other rows have a time.
    return without_infinite(pd.DataFrame(columns).dropna(how="all", ignore_index=True), file.where)


def read_text(
    path: Path, names: Collection[str] = (), missing: Sequence[str] = ("",), **options: Any
) -> pd.DataFrame:
    """Read a text table with pandas, whatever the separator of its columns.

    Args:
        path: CSV, plain or gzipped.
        names: Columns of names, such as sites, which stay as they are written: ``001`` and ``NA``
            are names like any others. Only an empty cell is missing.
        missing: Missing values of the other columns.
        options: Further options of ``pandas.read_csv``.

    Returns:
        The table without empty rows.

    Raises:
        InputError: If it cannot be parsed, a row has too few fields, or a column appears twice.
    """
    header = read_header(File(path))
    chosen = options.get("usecols", lambda _: True)
    for name in header.columns:
        if name and chosen(name) and header.columns.count(name) > 1:
            raise InputError(path, name, expected="each column once", found="several")
    _refuse_uneven_rows(path, header)
    check_rows(File(path), sum(map(bool, map(chosen, header.columns))))
    try:
        raw = pd.read_csv(
            path,
            sep=header.separator,
            decimal=header.decimal,
            skiprows=header.lines,
            skipinitialspace=True,
            index_col=False,  # further fields are empty, as checked
            keep_default_na=False,
            encoding_errors="replace",
            na_values={c: [""] if c in names else missing for c in header.columns},
            dtype=dict.fromkeys(names, str),
            **options,
        )
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise InputError(
            path, None, expected="a readable CSV table", found=f"{type(error).__name__}: {error}"
        ) from error
    return raw.dropna(how="all", ignore_index=True)


def check_rows(file: File, columns: int) -> None:
    """Check the memory that the rows of a text table would take, without reading them.

    Raises:
        InputError: If it is too much, as of an archive that was made to fill the memory.
    """
    cells = 0
    with file.open() as stream:
        while block := stream.read(_BLOCK):
            cells += block.count(b"\n") * columns
            check_memory(cells * _CELL_BYTES, file.where)


def _refuse_uneven_rows(path: Path, header: Header) -> None:
    """Raise InputError for rows with too few or too many fields; pandas would shift them."""
    named = max((i for i, name in enumerate(header.columns) if name), default=0)
    separator = header.separator.encode()
    quoted = False
    with File(path).open() as stream:
        for number, line in enumerate(iter(partial(stream.readline, _MOST_HEADER_BYTES), b""), 1):
            # Quoted fields may contain separators and line breaks; the parser checks those rows.
            within, quoted = quoted, quoted ^ bool(line.count(b'"') % 2)
            if number <= header.lines + 1 or within or quoted or not line.strip():
                continue
            if separator in b"".join(line.split(b'"')[1::2]):  # the parts that are quoted
                text = line.decode("utf-8", errors="replace")
                row = next(csv.reader([text], delimiter=header.separator, skipinitialspace=True))
                fields = len(row) - 1
                filled = max((i for i, field in enumerate(row) if field.strip()), default=0)
            else:
                fields = line.count(separator)
                filled = line.rstrip(separator + b' "\r\n').count(separator)
            if filled >= len(header.columns):
                raise InputError(
                    path,
                    None,
                    expected=f"{len(header.columns)} fields in every row",
                    found=f"{filled + 1} in line {number}",
                    hint=f"Is there a {header.separator!r} within a number or a name?",
                )
            if fields < named:
                raise InputError(
                    path,
                    None,
                    expected=f"{named + 1} fields in every row",
                    found=f"{fields + 1} in line {number}",
                    hint="The file is truncated there, or a field is missing",
                )


def _parse_error(message: str, file: File, header: Header) -> InputError:
    """Convert an error of the parser, which names a column by its number, to an InputError."""
    number = re.match(r"In CSV column #(\d+): ", message)
    if number is None or int(number[1]) >= len(header.columns):
        return InputError(file.where, None, expected="a readable CSV table", found=message)
    return InputError(
        file.where,
        header.columns[int(number[1])],
        expected="numbers",
        found=message[number.end() :].rpartition("error to double: ")[2],
    )
