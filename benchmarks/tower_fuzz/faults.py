"""Faults of text tables, of packed files and of site lists, each drawn with a generator."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

Rng = np.random.Generator
TableFault = Callable[[pd.DataFrame, Rng], pd.DataFrame | None]
"""Function of a table of text; None where the fault does not apply."""
ByteFault = Callable[[bytes, Rng], bytes]

KEYS = ("TIMESTAMP", "TIMESTAMP_START", "TIMESTAMP_END", "Year", "DoY", "Hour", "SITE_ID",
        "LOCATION_LAT", "LOCATION_LONG", "IGBP")  # fmt: skip
FLUXES = ("NEE_VUT_REF", "GPP_NT_VUT_REF", "RECO_NT_VUT_REF", "RECO", "H_CORR", "LE_CORR", "NEE_PI",
          "NEE", "H", "LE")  # fmt: skip


def _values(table: pd.DataFrame, rng: Rng) -> str:
    """Draw a column of values."""
    names = [c for c in table if c not in KEYS and not c.endswith("_QC")]
    return str(rng.choice(names))


def cells(text: str, number: int = 1) -> TableFault:
    """Return a fault that puts a text into some cells of a column."""

    def spoil(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
        column = _values(table, rng)
        rows = rng.choice(len(table), number, replace=False)
        table.loc[rows, column] = text
        return table

    return spoil


def written(change: Callable[[str], str]) -> TableFault:
    """Return a fault that writes the numbers of a column in another way."""

    def spoil(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
        column = _values(table, rng)
        table[column] = table[column].map(change)
        return table

    return spoil


def scaled(factor: float, offset: float = 0.0, *names: str) -> TableFault:
    """Return a fault that gives a column another unit or sign."""

    def spoil(table: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        known = [c for c in names if c in table]
        if not known:
            return None
        column = str(rng.choice(known))
        table[column] = [f"{float(v) * factor + offset:.6g}" for v in table[column]]
        return table

    return spoil


def swapped(first: str, second: str) -> TableFault:
    """Return a fault that swaps the headers of two columns."""

    def spoil(table: pd.DataFrame, _: Rng) -> pd.DataFrame | None:
        if first not in table or second not in table:
            return None
        return table.rename(columns={first: second, second: first})

    return spoil


def constant(table: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
    """Give a flux one value."""
    known = [c for c in FLUXES if c in table]
    column = str(rng.choice(known))
    return table.assign(**{column: table[column].iloc[len(table) // 2]})


def still(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Let a flux stand still for a quarter of the record."""
    column = str(rng.choice([c for c in FLUXES if c in table]))
    first = int(rng.integers(0, len(table) // 4))
    last = first + max(len(table) // 2, 6)
    table.loc[first:last, column] = table[column].iloc[first]
    return table


def _stamp(table: pd.DataFrame) -> str | None:
    return next((c for c in ("TIMESTAMP", "TIMESTAMP_START") if c in table), None)


def times(change: Callable[[str], str]) -> TableFault:
    """Return a fault that writes all times in another way."""

    def spoil(table: pd.DataFrame, _: Rng) -> pd.DataFrame | None:
        stamp = _stamp(table)
        return None if stamp is None else table.assign(**{stamp: table[stamp].map(change)})

    return spoil


def a_time(text: str) -> TableFault:
    """Return a fault that writes one time in another way."""

    def spoil(table: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        stamp = _stamp(table)
        if stamp is not None:
            table.loc[int(rng.integers(0, len(table))), stamp] = text
        return None if stamp is None else table

    return spoil


def _duplicated(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    row = int(rng.integers(0, len(table)))
    return pd.concat([table.iloc[: row + 1], table.iloc[row:]], ignore_index=True)


def _exchanged(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    order = np.arange(len(table))
    row = int(rng.integers(0, len(table) - 1))
    order[[row, row + 1]] = row + 1, row
    return table.iloc[order].reset_index(drop=True)


def _fewer(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    return table.drop(index=int(rng.integers(0, len(table)))).reset_index(drop=True)


def _header_again(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    row = int(rng.integers(1, len(table)))
    names = pd.DataFrame([list(table.columns)], columns=table.columns)
    return pd.concat([table.iloc[:row], names, table.iloc[row:]], ignore_index=True)


def _without(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    return table.drop(columns=_values(table, rng))


def _twice(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    column = _values(table, rng)
    table.insert(
        len(table.columns), column, table[column].iloc[::-1].to_numpy(), allow_duplicates=True
    )
    return table


TABLE_FAULTS: Mapping[str, TableFault] = {
    **{f"cell {text!r}": cells(text) for text in (
        "inf", "-inf", "1e400", "Infinity", "1.#INF", "abc", "--", "#DIV/0!", "3,5", "NaN", "NA",
        "", "null", "-9999", "-9999.0", "-9999.99", "-6999", "9999", "99999", "1e30", "-1e30",
        "\N{MINUS SIGN}3.5", "0x1F", "1_000", "12:30", "2010-01-01", "TRUE",
    )},
    "five cells of inf": cells("inf", 5),
    "five cells of -6999": cells("-6999", 5),
    "numbers with a plus": written(lambda v: v if v.startswith("-") else f"+{v}"),
    "numbers with an exponent": written(lambda v: f"{float(v):.12e}"),
    "numbers with spaces": written(lambda v: f" {v} "),
    "numbers with decimal commas": written(lambda v: v.replace(".", ",")),
    "numbers with units": written(lambda v: f"{v} W"),
    "flux of one value": constant,
    "flux that stands still": still,
    "NEE and GPP swapped": swapped("NEE_VUT_REF", "GPP_NT_VUT_REF"),
    "NEE and RECO swapped": swapped("NEE_VUT_REF", "RECO_NT_VUT_REF"),
    "GPP and RECO swapped": swapped("GPP_NT_VUT_REF", "RECO_NT_VUT_REF"),
    "GPP and RECO of a tidy table swapped": swapped("GPP_NT_VUT_REF", "RECO"),
    "TA and SW_IN swapped": swapped("TA_F", "SW_IN_F"),
    "TA and SW_IN of a tidy table swapped": swapped("TA_ERA", "SW_IN_ERA"),
    "PA and VPD swapped": swapped("PA_F", "VPD_F"),
    "LE and NEE swapped": swapped("LE_CORR", "NEE_VUT_REF"),
    "latitude and longitude swapped": swapped("LOCATION_LAT", "LOCATION_LONG"),
    "temperature in K": scaled(1, 273.15, "TA_F", "TA_ERA", "TA", "Tair"),
    "temperature in degF": scaled(1.8, 32, "TA_F", "TA_ERA", "TA", "Tair"),
    "pressure in hPa": scaled(10, 0, "PA_F", "PA_ERA", "PA"),
    "pressure in Pa": scaled(1000, 0, "PA_F", "PA_ERA", "PA"),
    "deficit in Pa": scaled(100, 0, "VPD_F", "VPD_ERA", "VPD"),
    "deficit in kPa": scaled(0.1, 0, "VPD_F", "VPD_ERA", "VPD"),
    "radiation in MJ": scaled(0.0864, 0, "SW_IN_F", "SW_IN_ERA", "SW_IN", "LW_IN_F", "Rg"),
    "flux in kW": scaled(0.001, 0, "LE_CORR", "H_CORR", "LE", "H"),
    "flux in mm": scaled(1 / 28.4, 0, "LE_CORR", "LE"),
    "carbon in umol": scaled(1 / 1.0377, 0, "GPP_NT_VUT_REF", "NEE_VUT_REF"),
    "carbon in mg": scaled(1000, 0, "GPP_NT_VUT_REF", "NEE_VUT_REF", "NEE_PI", "NEE"),
    "carbon in kg": scaled(0.001, 0, "GPP_NT_VUT_REF", "NEE_VUT_REF"),
    "carbon by the month": scaled(30.4, 0, "GPP_NT_VUT_REF", "NEE_VUT_REF"),
    "rain by the month": scaled(30.4, 0, "P_F"),
    "flux of the opposite sign": scaled(
        -1, 0, "GPP_NT_VUT_REF", "RECO_NT_VUT_REF", "RECO", "NEE_VUT_REF", "LE_CORR"
    ),
    "quality in percent": scaled(100, 0, "NEE_VUT_REF_QC", "TA_F_QC"),
    "a thirteenth month": a_time("201013"),
    "a day of words": a_time("yesterday"),
    "no time": a_time(""),
    "a time of the future": a_time("299901"),
    "times of the future": times(lambda t: f"{int(t[:4]) + 100}{t[4:]}"),
    "times a century ago": times(lambda t: f"{int(t[:4]) - 100}{t[4:]}"),
    "times half a year later": times(lambda t: _later(t, 6)),
    "times three months later": times(lambda t: _later(t, 3)),
    "times as numbers": times(lambda t: f"{t}.0"),
    "times as ISO dates": times(lambda t: f"{t[:4]}-{t[4:6]}-{t[6:8] or '01'}"),
    "times with slashes": times(lambda t: f"{t[6:8] or '01'}/{t[4:6]}/{t[:4]}"),
    "a row twice": _duplicated,
    "two rows exchanged": _exchanged,
    "a row less": _fewer,
    "header once more": _header_again,
    "rows in reverse": lambda table, _: table.iloc[::-1].reset_index(drop=True),
    "a column less": _without,
    "a column twice": _twice,
    "no row": lambda table, _: table.iloc[:0],
    "one row": lambda table, _: table.iloc[:1],
}  # fmt: skip
"""Name -> fault of a table."""


MISSING = "-9999"
LOSSY = ("a row less", "one row", "cut off", "cut off by two bytes", "b'#' inserted")
"""Faults that lose rows; a mean over the others is right."""


def _later(stamp: str, months: int) -> str:
    month = int(stamp[:4]) * 12 + int(stamp[4:6]) - 1 + months
    day = f"{min(int(stamp[6:8]), 28):02d}{stamp[8:]}" if len(stamp) > 6 else ""
    return f"{month // 12}{month % 12 + 1:02d}{day}"


def _cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(1, len(content)))]


def _flipped(content: bytes, rng: Rng) -> bytes:
    spoilt = bytearray(content)
    spoilt[int(rng.integers(0, len(spoilt)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(spoilt)


def _inserted(token: bytes) -> ByteFault:
    def spoil(content: bytes, rng: Rng) -> bytes:
        at = int(rng.integers(0, len(content)))
        return content[:at] + token + content[at:]

    return spoil


def _rezipped(content: bytes, _: Rng) -> bytes:
    """Hold the member of an archive twice, the second one with a number changed."""
    source = zipfile.ZipFile(io.BytesIO(content))
    name = source.namelist()[0]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, source.read(name))
        archive.fp.write(b"")  # type: ignore[union-attr]
        archive.NameToInfo.clear()  # no warning of the library
        archive.writestr(name, source.read(name).replace(b"0.95", b"0.55"))
    return stream.getvalue()


TEXT_FAULTS: Mapping[str, ByteFault] = {
    "cut off": _cut,
    "cut off by two bytes": lambda content, _: content[:-2],
    **{f"{token!r} inserted": _inserted(token) for token in
       (b",", b"\n", b'"', b"\x00", b"\xff\xfe", b"a", b";", b"\t", b"#", b"\r")},
    "byte order mark": lambda content, _: b"\xef\xbb\xbf" + content,
    "UTF-16": lambda content, _: content.decode().encode("utf-16"),
    "lines of Windows": lambda content, _: content.replace(b"\n", b"\r\n"),
    "lines of old Macs": lambda content, _: content.replace(b"\n", b"\r"),
    "lines without text": lambda content, _: content.replace(b"\n", b"\n\n"),
    "separators at the ends": lambda content, _: content.replace(b"\n", b",\n"),
    "semicolons": lambda content, _: content.replace(b",", b";"),
    "semicolons and decimal commas": lambda content, _: (
        content.replace(b",", b";").replace(b".", b",")
    ),
    "tabs for commas": lambda content, _: content.replace(b",", b"\t"),
    "packed": lambda content, _: gzip.compress(content, mtime=0),
    "a web page": lambda _, __: b"<!DOCTYPE html><html><body>Log in</body></html>",
    "nothing": lambda _, __: b"",
    "zeros": lambda content, _: bytes(len(content)),
    "twice": lambda content, _: content + content,
}  # fmt: skip
"""Name -> fault of the bytes of a text. Digits are not changed: no check can tell 3.5 from 3.6."""

PACKED_FAULTS: Mapping[str, ByteFault] = {
    "cut off": _cut,
    "bit flipped": _flipped,
    **{f"{token!r} inserted": _inserted(token) for token in (b"\x00", b"PK\x03\x04", b"a")},
    "nothing": lambda _, __: b"",
    "zeros": lambda content, _: bytes(len(content)),
}
"""Name -> fault of the bytes of an archive or a gzipped file, which have checksums."""

ZIP_FAULTS: Mapping[str, ByteFault] = {"member twice": _rezipped}


def site_fault(column: int, text: str) -> ByteFault:
    """Return a fault of one field of the site list."""

    def spoil(content: bytes, _: Rng) -> bytes:
        header, row = content.decode().splitlines()
        fields = row.split(",")
        fields[column] = text
        return f"{header}\n{','.join(fields)}\n".encode()

    return spoil


SITE_FAULTS: Mapping[str, ByteFault] = {
    "latitude and longitude swapped": lambda content, _: content.replace(
        b"50.96,13.57", b"13.57,50.96"
    ),
    "latitude of the wrong sign": site_fault(1, "-50.96"),
    "latitude in radians": site_fault(1, "0.889"),
    "latitude of inf": site_fault(1, "inf"),
    "latitude with a letter": site_fault(1, "50.96N"),
    "latitude missing": site_fault(1, ""),
    "longitude of 373": site_fault(2, "373.57"),
    "elevation of 1e9": site_fault(3, "1e9"),
    "elevation of inf": site_fault(3, "inf"),
    "elevation of 3850": site_fault(3, "3850"),
    "class unknown": site_fault(4, "EFN"),
    "class missing": site_fault(4, ""),
    "class in words": site_fault(4, "Evergreen Needleleaf Forests"),
    "name of another site": site_fault(0, "DE-Abd"),
    "name missing": site_fault(0, ""),
    "row twice": lambda content, _: content + content.splitlines(keepends=True)[1],
    "semicolons": lambda content, _: content.replace(b",", b";"),
    "cut off": _cut,
    "nothing": lambda _, __: b"",
}
"""Name -> fault of the site list beside a table."""
