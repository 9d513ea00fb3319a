"""Recognise a table of reflectance at towers by its header, and parse it.

Three forms are in use. *MODISTools* and the ORNL web service write one row a band, *AppEEARS* prefixes
columns with product and version, and exports of *Google Earth Engine* have ``system:index`` and ``.geo``,
whose JSON may stand there with commas and without quotes, so that a line has more fields than the header.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.csv_columns import read_header
from uflux_kedro.readers.towers.tables import NOTHING
from uflux_kedro.readers.towers.vegetation.products import BANDS, BY_NAME, READY, product_of

Form = Literal["MODISTools", "AppEEARS", "Earth Engine"]

_MOST_BYTES = 2**30
"""A hundred towers by day for 25 years take 500 MB."""
_SCALE = 1e-4
_HIGHEST = 16000.0
"""Highest stored value; from 32761 on they are fill values."""
_HIGHEST_SHARE = 5.0
"""A table in which no value lies above is in shares, 0-1; fill values of AppEEARS are 3.2767."""

_MODISTOOLS = {"band", "value", "calendar_date", "product"}
_APPEEARS = {"ID", "Latitude", "Longitude", "Date"}
_PREFIX = re.compile(r"(M[COY]D\d{2}[A-Z]{1,2}\d?)_\d{3}_+(.+)")
"""Column of AppEEARS: product, version, name."""
_MARKS = ("system:index", "system_index", ".geo", "x_geo")
_NAMES = ("sites_id", "site_id", "SITE_ID", "site", "Site", "SITE", "ID", "name", "Name")
"""Columns of an export of Earth Engine that may name the tower, the first first."""
_DATE_PARTS = ("YY", "MM", "DD")
_STAMPS = ("date", "Date", "system:time_start", "time")
_PLAIN_DATE = r"[12]\d{7}"
"""As milliseconds it would be the first day of 1970."""
_IN_AN_INDEX = r"(\d{4}_\d{2}_\d{2})"
_POINT = r"\[\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*,\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*\]"
_JSON = re.compile(rb'(?<=,)\{[^{}\n"]*"[^{}\n]*\}(?=,|\r?$)', re.MULTILINE)
"""JSON that stands between commas without quotes around it."""


@dataclass(frozen=True)
class ReflectanceFile:
    """A table of reflectance.

    Attributes:
        path: The file.
        form: How it is written.
        header: Names of its columns.
    """

    path: Path
    form: Form
    header: tuple[str, ...]


def recognise_form(path: Path) -> ReflectanceFile | None:
    """Recognise a table of reflectance by its header; None if it is none.

    Raises:
        InputError: If the file is absent or damaged.
    """
    header = read_header(File(path)).columns
    names = {*header}
    form: Form | None = None
    if names >= _MODISTOOLS:
        form = "MODISTools"
    elif names >= _APPEEARS and any(_PREFIX.fullmatch(name) for name in header):
        form = "AppEEARS"
    elif product_of(header) and (names & {*_MARKS} or names >= {*_DATE_PARTS}):
        form = "Earth Engine"
    return ReflectanceFile(path, form, header) if form else None


def parse(file: ReflectanceFile) -> dict[str, pd.DataFrame]:
    """Parse a table of reflectance.

    Args:
        file: The table.

    Returns:
        Product -> its rows, one a name and day: ``name`` (as the table has it, maybe empty),
        ``latitude``, ``longitude`` (degrees, where the table tells), ``time``, variables of
        :data:`BANDS` and :data:`READY` as shares, NaN for fill values, and words of quality as they are.

    Raises:
        InputError: If it cannot be parsed, or has columns of no product.
    """
    try:
        tables = _PARSERS[file.form](file)
        return {product: _in_shares(table, product) for product, table in tables.items()}
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, OSError, EOFError) as error:
        raise not_a_table(file.path, f"{type(error).__name__}: {error}") from error


def not_a_table(path: Path, found: str) -> InputError:
    """Return the error of a file that is no table of reflectance."""
    return InputError(
        path,
        None,
        expected="a table of reflectance at towers from MODISTools, AppEEARS or Earth Engine",
        found=" ".join(found.split())[:300],
        hint="See the page on vegetation at towers for the columns",
    )


def offered_by(file: ReflectanceFile) -> set[str]:
    """Return the variables of :data:`BANDS` and :data:`READY` that a table has, by its header.

    Of MODISTools, whose bands stand in rows, the column of bands is read.

    Raises:
        InputError: If it cannot be parsed.
    """
    if file.form == "MODISTools":
        try:
            rows = _read(file, ["product", "band"], text=["product", "band"])
        except (ValueError, KeyError) as error:
            raise not_a_table(file.path, f"{type(error).__name__}: {error}") from error
        pairs = rows.drop_duplicates()
        found = [_columns_of(p, set(of["band"])) for p, of in pairs.groupby("product")]
    elif file.form == "AppEEARS":
        found = [_columns_of(p, names) for p, names in _prefixed(file.header).items()]
    else:
        product = product_of(file.header)
        found = [product.columns(file.header)] if product else []
    return {name for columns in found for name in columns} & {*BANDS, *READY}


def _columns_of(product: str, names: Collection[str]) -> dict[str, str]:
    known = BY_NAME.get(product)
    return known.columns(names) if known else {}


def _prefixed(header: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return product -> name of a layer -> column of AppEEARS."""
    found: dict[str, dict[str, str]] = {}
    for column in header:
        if match := _PREFIX.fullmatch(column):
            found.setdefault(match[1], {})[match[2]] = column
    return found


def _parse_modistools(file: ReflectanceFile) -> dict[str, pd.DataFrame]:
    places = [c for c in ("latitude", "longitude") if c in file.header]
    grid = [c for c in ("nrows", "ncols", "pixel") if c in file.header]
    text = [c for c in ("site", "product", "band", "calendar_date") if c in file.header]
    rows = _read(file, [*text, *places, *grid, "value"], text=text)
    if len(grid) == len(("nrows", "ncols", "pixel")):
        # Pixels count by row; the tower is in the middle one.
        middle = rows["nrows"] // 2 * rows["ncols"] + rows["ncols"] // 2 + 1
        rows = rows[rows["pixel"].isna() | (rows["pixel"] == middle)]
    rows = rows.assign(site=rows.get("site", ""))
    tables = {}
    for product, every in rows.groupby("product", sort=False):
        columns = _columns_of(str(product), set(every["band"]))
        if not columns:
            continue
        ours = {theirs: name for name, theirs in columns.items()}
        of = every[every["band"].isin(ours)]
        keys = ["site", "calendar_date"]
        twice = of.duplicated([*keys, "band"])
        if twice.any():
            raise _twice(file.path, of["calendar_date"][twice])
        # A pivot_table would drop a band without any value.
        wide = of.pivot(index=keys, columns="band", values="value")  # noqa: PD010
        wide = wide.rename(columns=ours)
        first = of.groupby("site")[places].first() if places else pd.DataFrame()
        wide = wide.reset_index().join(first, on="site") if places else wide.reset_index()
        wide["time"] = pd.to_datetime(wide["calendar_date"], format="%Y-%m-%d")
        tables[str(product)] = wide.rename(columns={"site": "name"})
    if not tables:
        bands = ", ".join(sorted(set(rows["product"] + " " + rows["band"]))[:8])
        raise not_a_table(file.path, f"bands of no known product: {bands}")
    return tables


def _parse_appeears(file: ReflectanceFile) -> dict[str, pd.DataFrame]:
    tables = {}
    for product, names in _prefixed(file.header).items():
        columns = {ours: names[n] for ours, n in _columns_of(product, names).items()}
        if not columns:
            continue
        rows = _read(file, [*_APPEEARS, *columns.values()], text=["ID", "Date"])
        table = rows.rename(columns={c: ours for ours, c in columns.items()})
        table = table.rename(columns={"Latitude": "latitude", "Longitude": "longitude"})
        table["time"] = pd.to_datetime(table["Date"])
        # A table of several products has empty cells where one has no date.
        table = table[table[[*columns]].notna().any(axis=1)]
        tables[product] = table.rename(columns={"ID": "name"})
    if not tables:
        raise not_a_table(file.path, f"products {', '.join(_prefixed(file.header))}")
    return tables


def _parse_earth_engine(file: ReflectanceFile) -> dict[str, pd.DataFrame]:
    header = file.header
    product = product_of(header)
    assert product is not None, "recognised by its columns"
    columns = product.columns(header)
    name = next((n for n in _NAMES if n in header), None)
    geometry = next((n for n in (".geo", "x_geo") if n in header), None)
    index = next((n for n in ("system:index", "system_index") if n in header), None)
    stamp = next((n for n in _STAMPS if n in header), None)
    dated = {*_DATE_PARTS} <= {*header}
    places = [c for c in ("latitude", "longitude") if c in header]
    text = [c for c in (name, geometry, index, stamp, "product") if c and c in header]
    numbers = [*columns.values(), *places, *(_DATE_PARTS if dated else ())]
    rows = _read(file, [*text, *numbers], text=text)
    table = rows[[*columns.values()]].rename(columns={c: ours for ours, c in columns.items()})
    table["name"] = rows[name] if name else ""
    if len(places) == len(("latitude", "longitude")):
        table[places] = rows[places]
    elif geometry:
        point = rows[geometry].str.extract(_POINT).astype("float64")
        table["longitude"], table["latitude"] = point[0], point[1]
    if dated:
        parts = {"year": rows["YY"], "month": rows["MM"], "day": rows["DD"]}
        table["time"] = pd.to_datetime(parts, errors="raise")
    elif stamp:
        table["time"] = _from_stamps(rows[stamp])
    elif index:
        days = rows[index].str.extract(_IN_AN_INDEX, expand=False)
        table["time"] = pd.to_datetime(days, format="%Y_%m_%d")
    if "time" not in table or table["time"].isna().any():
        raise not_a_table(file.path, f"rows without a date: {', '.join(header[:8])}")
    if table.empty:
        raise InputError(file.path, "time", expected="each day once", found="no day")
    if "product" not in header:
        return {product.name: table}
    named = rows["product"].where(rows["product"].isin(list(BY_NAME)), product.name)
    return {str(name): of.copy() for name, of in table.groupby(named)}


def _from_stamps(column: pd.Series) -> pd.Series:
    """Return days of dates, with or without dashes, or of milliseconds since 1970 (UTC)."""
    if column.str.fullmatch(_PLAIN_DATE).all():
        return pd.to_datetime(column, format="%Y%m%d")
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all():
        return pd.to_datetime(numbers, unit="ms").dt.normalize()
    times = pd.to_datetime(column, format="ISO8601", utc=True)
    return times.dt.tz_localize(None).dt.normalize()


_PARSERS: dict[Form, Any] = {
    "MODISTools": _parse_modistools,
    "AppEEARS": _parse_appeears,
    "Earth Engine": _parse_earth_engine,
}


def _read(file: ReflectanceFile, wanted: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    """Read columns; those of text stay as they are written, so that a site may be called 001 or NA."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    with File(file.path).open() as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise not_a_table(file.path, "more than 1 GiB")
    if file.form == "Earth Engine":
        content = _JSON.sub(lambda m: b'"' + m[0].replace(b'"', b'""') + b'"', content)
    wanted = list(dict.fromkeys(wanted))
    types = {name: pa.string() if name in text else pa.float64() for name in wanted}
    table = arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=wanted,
            column_types=types,
            null_values=[*NOTHING, "Not Available"],
        ),
    )
    return table.to_pandas()


def _twice(path: Path, days: pd.Series) -> InputError:
    shown = ", ".join(f"{day}" for day in days.head(5))
    return InputError(path, "time", expected="each day once", found=shown)


def _in_shares(table: pd.DataFrame, product: str) -> pd.DataFrame:
    """Make fill values missing, and stored integers shares."""
    names = [name for name in (*BANDS, *READY) if name in table]
    values = table[names]
    lowest = BY_NAME[product].lowest
    table["time"] = table["time"].astype("datetime64[ns]")
    real = (values >= lowest) & (values <= _HIGHEST)
    if np.nanmax(values.where(real).to_numpy(), initial=0.0) > _HIGHEST_SHARE:
        return table.assign(**(values.where(real) * _SCALE))
    real = (values >= lowest * _SCALE) & (values <= _HIGHEST * _SCALE)
    return table.assign(**values.where(real))
