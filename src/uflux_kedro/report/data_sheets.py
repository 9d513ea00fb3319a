"""Data sheets of products: what a user has to know before opening one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.figures.labels import unit_text
from uflux_kedro.report.run_facts import LICENCE

_OF_PRODUCT = ("title", "grid", "period", "size", "licence", "citation")
"""Columns that are the same in all rows of a product."""


def data_sheet(products: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Return a row for each variable of each product.

    Args:
        products: Name -> product, as opened from its store.

    Returns:
        ``product``, ``variable``, ``meaning``, ``unit``, ``dimensions`` and ``shape``, ``chunks``
        (empty if not stored in any), ``type``, and what holds for the whole product: ``title``,
        ``grid``, ``period``, ``size`` (of its files where they are on this machine, else of its
        values, uncompressed), ``licence``, ``citation``.
    """
    rows = []
    for name, product in products.items():
        shared = {
            "title": str(product.attrs.get("title", "")),
            "grid": _grid(product),
            "period": _period(product),
            "size": _size(product),
            "licence": str(product.attrs.get("license", LICENCE)),
            "citation": str(product.attrs.get("references", "")),
        }
        for variable, field in product.data_vars.items():
            if str(variable).endswith("_bnds") or variable == "crs":
                continue
            chunks = field.encoding.get("chunks") or field.encoding.get("preferred_chunks")
            if isinstance(chunks, Mapping):
                chunks = [chunks.get(dim, field.sizes[dim]) for dim in field.dims]
            rows.append(
                {
                    "product": name,
                    "variable": str(variable),
                    "meaning": str(field.attrs.get("long_name", "")),
                    "unit": str(field.attrs.get("units", "")),
                    "dimensions": ", ".join(map(str, field.dims)),
                    "shape": _times(field.shape),
                    "chunks": _times(chunks or ()),
                    "type": str(field.dtype),
                }
                | shared
            )
    return pd.DataFrame(rows)


def sheets(table: pd.DataFrame) -> list[tuple[str, list[tuple[str, str]], pd.DataFrame]]:
    """Return name, facts and variables of each product, for readers.

    Args:
        table: Result of :func:`data_sheet`.
    """
    found = []
    for name, part in table.fillna("").groupby("product", sort=False):
        facts = [(key, str(part[key].iloc[0])) for key in _OF_PRODUCT if part[key].iloc[0]]
        rows = part.drop(columns=["product", *_OF_PRODUCT]).reset_index(drop=True)
        found.append((str(name), facts, rows.assign(unit=rows["unit"].map(unit_text))))
    return found


def _grid(product: xr.Dataset) -> str:
    rows, columns = ("latitude", "longitude") if "latitude" in product.dims else ("y", "x")
    unit = "degrees" if rows == "latitude" else "m"
    edges = []
    for axis in (rows, columns):
        values = product[axis].to_numpy()
        step = abs(float(values[1] - values[0])) if len(values) > 1 else 0.0
        low, high = float(values.min()) - step / 2, float(values.max()) + step / 2
        edges.append(f"{axis} {low:.7g} to {high:.7g} by {step:.6g}")
    return (
        f"{' and '.join(edges)} {unit}: {_times(product.sizes[a] for a in (rows, columns))} cells"
    )


def _period(product: xr.Dataset) -> str:
    if "time" not in product.dims:
        return ""
    bounds = product["time_bnds" if "time_bnds" in product else "time"].to_numpy()
    first, last = np.datetime_as_string([bounds.min(), bounds.max()], unit="D")
    return f"{first} to {last}, {product.sizes['time']} periods"


def _size(product: xr.Dataset) -> str:
    source = Path(str(product.encoding.get("source", "")).removeprefix("file://"))
    if source.is_dir():
        return (
            f"{megabytes(sum(f.stat().st_size for f in source.rglob('*') if f.is_file()))} stored"
        )
    return f"{megabytes(product.nbytes)} of values"


def megabytes(count: float) -> str:
    """Return a number of bytes for readers: ``1.2 MB``."""
    power = min(len(str(int(count))) - 1, 12) // 3
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _times(numbers: Sequence[int] | Iterable[int]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(str(n) for n in numbers)
