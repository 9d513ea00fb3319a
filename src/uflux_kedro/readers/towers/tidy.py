"""Read tidy tables of many towers, with a mapping of columns from the configuration.

Each row has the keys, fluxes, QC and predictors of one site and period. The mapping gives the
column of the file for each canonical name and, if it is not the canonical one, its unit.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from uflux_kedro.biophysics.constants import DAYS_PER_MONTH
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import ColumnSpec
from uflux_kedro.readers.towers.csv_columns import ends_within_a_row, read_header, read_text
from uflux_kedro.readers.towers.impossible import infinite_by_site
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.parquet import read_parquet
from uflux_kedro.readers.towers.remarks import Remark, cut_off
from uflux_kedro.readers.towers.sites import check_sites
from uflux_kedro.readers.towers.tables import (
    Outside,
    Resolution,
    as_names,
    check_order,
    parse_times,
    to_numbers,
    within_bounds,
)
from uflux_kedro.readers.towers.workbooks import read_workbook
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import FLUXES, flux_beside, variable_of

logger = logging.getLogger(__name__)

KEYS = ("site_id", "time", "latitude", "IGBP")
OPTIONAL_SITE_COLUMNS = ("longitude", "elevation", "climate")
_SITE_COLUMNS = ("site_id", *KEYS[2:], *OPTIONAL_SITE_COLUMNS)


def read_tidy(
    paths: Sequence[Path],
    columns: Mapping[str, ColumnSpec],
    *,
    resolution: Resolution = "MM",
    outside: Outside = "raise",
    losses: Losses | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read one table of many towers, or several with the same columns.

    Args:
        paths: CSV files, plain or gzipped, parquet, or the first sheets of workbooks; missing values
            are -9999 or empty.
        columns: Canonical name (a key ``site_id``, ``time``, ``latitude``, ``longitude``, ``IGBP``,
            ``elevation``, ``climate``; a variable; a predictor ``SOURCE_VARIABLE``; ``<flux>_QC``; a
            column beside a flux, such as ``GPP_UNC``) -> column of the file.
        resolution: Length of the periods.
        outside: How values out of physical bounds are handled.
        losses: Takes the towers whose rows are invalid; None raises their error.

    Returns:
        ``towers`` (``site_id``, ``time``, fluxes, QC, predictors; sorted;
        ``attrs["impossible"]`` describes infinite values, which are missing), ``sites``, and the
        canonical names without a column or without values.

    Raises:
        ConfigurationError: If the mapping has an unknown variable or not all keys.
        InputError: If a key or all fluxes are absent, or rows are invalid.
    """
    _check_mapping(columns)
    if not paths:
        raise InputError("the tower table", None, expected="at least one file", found="none")
    where = str(paths[0]) if len(paths) == 1 else str(Path(paths[0]).parent)
    tables = {Path(p): read_mapped(Path(p), columns) for p in sorted(paths)}
    remarks = [r for path, table in tables.items() for r in _cut_off(path, table, columns)]
    raw = pd.concat(tables.values(), ignore_index=True)
    del tables  # as large as the whole

    def read(some: Collection[str] | None = None) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
        part = raw if some is None else raw[raw["site_id"].isin(some)].reset_index(drop=True)
        return _read_rows(part, columns, resolution, outside, where)

    try:
        towers, sites, missing = read()
    except InputError:
        if losses is None or losses.stop:
            raise
        readable = losses.readable(read, raw["site_id"].unique())
        losses.require(readable)
        towers, sites, missing = read(readable)
    towers.attrs["remarks"] = remarks
    return towers, sites, missing


def _read_rows(
    raw: pd.DataFrame,
    columns: Mapping[str, ColumnSpec],
    resolution: Resolution,
    outside: Outside,
    where: str,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Convert the rows of a mapped table."""
    towers = raw[["site_id"]].copy()
    towers["time"] = parse_times(raw["time"].rename(columns["time"].column), resolution, where)
    check_order(towers, where)
    values = {
        name: _column(raw[name], spec, towers, where, outside)
        for name, spec in columns.items()
        if name in raw and name not in (*KEYS, *OPTIONAL_SITE_COLUMNS)
    }
    infinite = [one for n in values for one in infinite_by_site(raw[n], towers, resolution)]
    present = {name: column for name, column in values.items() if column.notna().any()}
    missing = [n for n in columns if n not in raw or (n in values and n not in present)]
    if not any(flux in present for flux in FLUXES):
        wanted = [columns[f].column for f in FLUXES if f in columns]
        raise InputError(
            where, None, expected=f"values of a flux ({', '.join(wanted)})", found="none"
        )
    # What stands beside a flux is used where it exists, and required by nothing.
    missing = [n for n in missing if not flux_beside(n)]
    for name in missing:
        logger.warning("%s: no values of %s (column %s)", where, name, columns[name].column)
    towers = pd.concat([towers, pd.DataFrame(present)], axis=1)
    towers = towers.sort_values(["site_id", "time"], ignore_index=True)
    towers.attrs |= {
        "resolution": resolution,
        "impossible": infinite,
    }
    return towers, _sites(raw, where), missing


def columns_with_values(paths: Sequence[Path], columns: Mapping[str, ColumnSpec]) -> set[str]:
    """Return the canonical names with at least one value in any of the files.

    Args:
        paths: As for :func:`read_tidy`.
        columns: As for :func:`read_tidy`.

    Raises:
        InputError: If a file is damaged, a key is absent, or a variable contains text.
    """
    found: set[str] = set()
    for path in paths:
        raw = read_mapped(path, columns)
        for name in set(raw).difference(found):
            values = raw[name]
            if name not in (*KEYS, *OPTIONAL_SITE_COLUMNS):
                values = to_numbers(values.rename(columns[name].column), path)
            if values.notna().any():
                found.add(name)
    return found


def _check_mapping(columns: Mapping[str, ColumnSpec]) -> None:
    missing = [key for key in KEYS if key not in columns]
    if missing:
        raise ConfigurationError(f"The column mapping has no {', '.join(missing)}")
    for name in columns:
        if name not in (*KEYS, *OPTIONAL_SITE_COLUMNS):
            variable_of(flux_beside(name) or name.removesuffix("_QC"))


def read_mapped(
    path: Path, columns: Mapping[str, ColumnSpec], keys: Sequence[str] = KEYS
) -> pd.DataFrame:
    """Read the mapped columns of a table as they are, named canonically.

    Args:
        path: CSV, parquet or the first sheet of a workbook.
        columns: As for :func:`read_tidy`.
        keys: Canonical names that the table must have; names of sites become text.

    Raises:
        InputError: If the table is damaged or lacks a key.
    """
    wanted = {spec.column for spec in columns.values()}
    if path.suffix == ".parquet":
        raw = read_parquet(path, wanted)
    elif path.suffix == ".xlsx":
        raw = read_workbook(path, wanted)
    else:
        names = [columns["site_id"].column] if "site_id" in columns else []
        raw = read_text(path, names, ["", "NaN", "nan"], usecols=lambda c: c in wanted)
    for key in (*keys, *(k for k in ("longitude",) if k in columns)):
        if columns[key].column not in raw:
            raise InputError(
                path,
                columns[key].column,
                expected=f"this column with {key}",
                found=f"only {', '.join(map(str, raw.columns)) or 'unknown columns'}",
            )
    named = {n: raw[s.column] for n, s in columns.items() if s.column in raw}
    if "site_id" in named:
        named["site_id"] = as_names(named["site_id"], path)
    return pd.DataFrame(named)


def _cut_off(path: Path, table: pd.DataFrame, columns: Mapping[str, ColumnSpec]) -> list[Remark]:
    """Return remarks on the last column of a file that ends within its last row."""
    if path.suffix in (".parquet", ".xlsx") or table.empty or not ends_within_a_row(File(path)):
        return []
    last = read_header(File(path)).columns[-1]
    site = str(table["site_id"].iloc[-1])
    return [cut_off(n, site, str(path)) for n, spec in columns.items() if spec.column == last]


def _column(
    column: pd.Series, spec: ColumnSpec, keys: pd.DataFrame, where: str, outside: Outside
) -> pd.Series:
    name = str(column.name)
    values = to_numbers(column.rename(spec.column), where).rename(name)
    if spec.unit and not name.endswith("_QC"):
        values = to_canonical(values, spec.unit, variable_of(flux_beside(name) or name), where)
        if "month" in spec.unit:
            values = values * DAYS_PER_MONTH / keys["time"].dt.days_in_month
    return within_bounds((values * spec.sign).rename(name), keys, where, outside)


def _sites(raw: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the sites of the table, with one place and one IGBP class (name or code) each."""
    known = [c for c in _SITE_COLUMNS if c in raw]
    sites = raw[known].drop_duplicates()
    if pd.api.types.is_numeric_dtype(sites["IGBP"]):
        sites["IGBP"] = sites["IGBP"].map("{:g}".format)
    moved = sites.loc[sites["site_id"].duplicated(), "site_id"]
    if len(moved):
        varying = sites[sites["site_id"] == moved.iloc[0]].nunique(dropna=False)
        raise InputError(
            where,
            ", ".join(c for c in known if varying[c] > 1),
            expected="one value a site",
            found=f"several at {moved.iloc[0]}",
        )
    return check_sites(sites, where)
