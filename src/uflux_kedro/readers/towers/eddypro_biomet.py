"""Read the biomet output of EddyPro: the weather that was measured beside the fluxes.

Source: EddyPro 7 help, "Biomet output file". A line of names, each with its position as in ``Rg_1_1_1``, one
of units, then one row a period of the full output, with the same date and time of its end.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.towers.csv_columns import Header, check_rows, read_header
from uflux_kedro.readers.towers.tables import NOTHING
from uflux_kedro.readers.towers.tower_files import SITE_NAME, TowerFile
from uflux_kedro.readers.units import conversion, to_canonical
from uflux_kedro.variables import VARIABLES

_PHOTONS = r"\[.{1,2}mol\+1(m-2s-1|s-1m-2)\]"
_POWER = r"\[W\+1m-2\]"
_DEPTH = "mm"


class _Offer(NamedTuple):
    """A variable in the file: its names in small letters, and its units by their patterns."""

    names: tuple[str, ...]
    units: dict[str, str]


BIOMET = {
    "SW_IN": _Offer(("rg", "swin"), {_POWER: "W m-2"}),
    "PPFD_IN": _Offer(("ppfd",), {_PHOTONS: "umol m-2 s-1"}),
    "NETRAD": _Offer(("rn",), {_POWER: "W m-2"}),
    "LW_IN": _Offer(("lwin",), {_POWER: "W m-2"}),
    "G": _Offer(("shf",), {_POWER: "W m-2"}),
    "TS": _Offer(("ts",), {r"\[K\]": "K", r"\[C\]": "degC"}),
    "SWC": _Offer(("swc",), {r"\[m\+3m-3\]": "m3 m-3", r"\[%\]": "percent"}),
    "P": _Offer(("p_rain", "p"), {r"\[m\]": "m", r"\[mm\]": _DEPTH}),
}
"""Variables that are taken; air temperature, humidity and pressure are in the full output."""
_POSITION = re.compile(r"(_\d+){0,3}$")


def read_biomet(table: TowerFile) -> pd.DataFrame:
    """Read the weather of a tower from the biomet outputs that lie beside a full output.

    Of several sensors of a variable the first in the file counts, and at each time the first file that has it.

    Args:
        table: The full output. Biomet outputs have the same site in their names, and are in the same
            folder or archive.

    Returns:
        Index: end of the period; columns of :data:`BIOMET` in canonical units, P in mm of the step. Without
        columns if there is no such file.

    Raises:
        InputError: If a file has rows that cannot be read, or a variable has a unit that EddyPro does not write.
    """
    parts = [_read(*found) for found in _beside(table)]
    joined = pd.concat(parts) if parts else pd.DataFrame(index=pd.DatetimeIndex([]))
    return joined.groupby(level=0).first() if len(parts) > 1 else joined


def _beside(table: TowerFile) -> list[tuple[File, Header]]:
    file = table.file
    offered = files_of(file.path)
    if file.member is None:
        offered = [File(p) for p in sorted(file.path.parent.iterdir()) if p.is_file()]
    found = []
    for other in offered:
        named = SITE_NAME.search(other.name)
        if named and named[0] == table.site and "biomet" in other.name.lower():
            header = read_header(other)
            found.append((other, header))
    return found


def _read(file: File, header: Header) -> pd.DataFrame:
    with file.open() as stream:
        lines = [stream.readline().decode("utf-8", errors="replace").rstrip("\r\n") for _ in "12"]
    units = [unit.strip() for unit in lines[1].split(header.separator)]
    names = {v: name for v, offer in BIOMET.items() if (name := _first(header, offer.names))}
    check_rows(file, len(header.columns))
    try:
        with file.open() as stream:
            raw = pd.read_csv(
                stream,
                sep=header.separator,
                names=list(header.columns),
                usecols=lambda c: c in ("date", "time", *names.values()),
                skiprows=2,
                index_col=False,
                na_values=[-9999, *NOTHING],
                dtype={"date": str, "time": str},
                encoding_errors="replace",
            )
        ends = pd.to_datetime(raw["date"] + " " + raw["time"], format="%Y-%m-%d %H:%M")
        values = raw[list(names.values())].astype("float64")
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise InputError(
            file.where,
            None,
            expected="rows with date (yyyy-mm-dd), time (HH:MM) and numbers, below a line of names and "
            "one of units",
            found=f"{type(error).__name__}: {error}",
        ) from error
    columns = {}
    for variable, name in names.items():
        found = units[header.columns.index(name)] if len(units) == len(header.columns) else ""
        columns[variable] = _converted(variable, values[name], found, file.where)
    return pd.DataFrame(columns).set_index(pd.DatetimeIndex(ends))


def _first(header: Header, names: tuple[str, ...]) -> str | None:
    """Return the first column of a variable, by the names' order."""
    for name in names:
        for column in header.columns:
            if _POSITION.sub("", column).lower() == name:
                return column
    return None


def _converted(variable: str, values: pd.Series, found: str, where: str) -> pd.Series:
    offer = BIOMET[variable].units
    unit = next((u for pattern, u in offer.items() if re.fullmatch(pattern, found)), None)
    if unit is None:
        raise InputError(
            where,
            str(values.name),
            expected=f"{' or '.join(offer.values())} in the second line",
            found=found or "no unit",
        )
    if variable == "P":  # a sum over the step, not a rate
        return values * conversion(unit, _DEPTH)[0]
    return to_canonical(values.rename(variable), unit, VARIABLES[variable], where)
