"""Small pictures and tables of datasets, for kedro-viz.

A preview is made when a dataset is clicked on, so it reads little: one period, and no more of a large
grid than its centre.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_datasets._typing import HTMLPreview, ImagePreview, TablePreview

from uflux_kedro.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure

_PIXELS = 360
"""Largest number of pixels of a map along an axis."""

_CELLS = 4000
"""Largest number of cells that are read along an axis of the grid."""

_PREVIEW = "page-preview"
"""Class of the element that holds the preview of a page."""

_NO_MARKDOWN = str.maketrans({"_": "\N{MODIFIER LETTER LOW MACRON}", "*": "\N{ASTERISK OPERATOR}"})
"""Characters that mark up text -> others that look like them."""

_OF_PAGE = re.compile(r"(?<![\w.#-])(?::root|html|body)(?=\s*\{)")
"""Selectors of a whole page, for which the element stands in its preview."""

_IN_PREVIEW = "& { display: block; } .contents, .skip, .csv { display: none; }"
"""Style of a preview alone: what needs the page's script is left out."""

_PLANES = (("latitude", "longitude"), ("y", "x"))


def cube_preview(cube: xr.Dataset) -> ImagePreview:
    """Draw a variable of a cube: a map of its middle period, or its course if it has no place.

    A variable that changes with time is preferred, then one with few dimensions, then a short name: of a
    product, the flux itself.

    Raises:
        InputError: If no variable has a place or a time.
    """
    fields = [v for name, v in cube.data_vars.items() if not str(name).endswith("_bnds")]
    maps = [v for v in fields if any(set(plane) <= set(v.dims) for plane in _PLANES)]
    if maps:
        return _map(
            min(maps, key=lambda v: ("time" not in v.dims, v.ndim, len(str(v.name)), str(v.name)))
        )
    for field in fields:
        if field.dims == ("time",):
            return _course(field)
    raise InputError("cube", None, expected="a variable with place or time", found=str(cube.sizes))


def page_preview(html: str) -> HTMLPreview:
    """Return the body of a page in its style, without scripts.

    Kedro-viz puts it among its own elements: the style is nested, so that it holds for them alone. And
    it takes the page for Markdown: a new line would become a break, and two underscores emphasis.
    """
    body = re.search(r"<body\b[^>]*>(.*)</body>", html, re.DOTALL | re.IGNORECASE)
    head, inner = (html[: body.start()], body.group(1)) if body else ("", html)
    plain = re.sub(r"<(script|style)\b.*?</\1\s*>", "", inner, flags=re.DOTALL | re.IGNORECASE)
    plain = _one_line(plain.translate(_NO_MARKDOWN))
    rules = " ".join(re.findall(r"<style\b[^>]*>(.*?)</style\s*>", head, re.DOTALL | re.IGNORECASE))
    rules = _OF_PAGE.sub("&", re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL))
    style = f"<style>.{_PREVIEW} {{{rules} {_IN_PREVIEW}}}</style>" if rules else ""
    return HTMLPreview(f'<div class="{_PREVIEW}">{_one_line(style)}{plain}</div>')


def _one_line(html: str) -> str:
    """Return a text on one line, but for elements in which lines count."""
    parts = re.split(r"(<pre\b.*?</pre>)", html.strip(), flags=re.DOTALL)
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
    return "".join(parts)


def files_preview(files: list[Path], most: int = 50) -> TablePreview:
    """List files with their bytes."""
    rows = [[file.name, file.stat().st_size] for file in files[:most]]
    return TablePreview(
        {"index": list(range(len(rows))), "columns": ["file", "bytes"], "data": rows}
    )


def geotiff_preview(path: Path) -> ImagePreview:
    """Draw a GeoTIFF file from its overviews."""
    import rasterio

    with rasterio.open(path) as file:
        shape = tuple(min(size, _PIXELS) for size in file.shape)
        values = file.read(1, out_shape=shape, masked=True).astype(float).filled(float("nan"))
        bounds = file.bounds
    return _picture(
        values[::-1], (bounds.left, bounds.right, bounds.bottom, bounds.top), path.stem, ""
    )


def _map(field: xr.DataArray) -> ImagePreview:
    plane = next(plane for plane in _PLANES if set(plane) <= set(field.dims))
    title = _title(field)
    if "time" in field.dims:
        field = field.isel(time=field.sizes["time"] // 2)
        title += f", {str(field['time'].values)[:10]}" if "time" in field.coords else ""
    field = field.isel({dim: 0 for dim in field.dims if dim not in plane})
    for dim in plane:
        size = field.sizes[dim]
        read = min(size, _CELLS)
        first = (size - read) // 2
        field = field.isel({dim: slice(first, first + read, -(-read // _PIXELS))})
    field = field.transpose(*plane)
    values = (field.sortby(plane[0]) if plane[0] in field.indexes else field).values
    y, x = (
        field.indexes[dim] if dim in field.indexes else range(field.sizes[dim]) for dim in plane
    )
    extent = (float(min(x)), float(max(x)), float(min(y)), float(max(y)))
    return _picture(values, extent, title, str(field.attrs.get("units", "")))


def _title(field: xr.DataArray) -> str:
    named = field.attrs.get("long_name")
    return f"{field.name}: {named}" if named else str(field.name)


def _picture(
    values: np.ndarray, extent: tuple[float, float, float, float], title: str, unit: str
) -> ImagePreview:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        values.astype(float), origin="lower", extent=extent, interpolation="nearest", aspect="auto"
    )
    axes.set_title(title, fontsize=9)
    figure.colorbar(image, label=unit)
    return _png(figure)


def _course(field: xr.DataArray) -> ImagePreview:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(field["time"].dt.strftime("%Y-%m-%d").values.astype("datetime64[D]"), field.values)
    axes.set_title(_title(field), fontsize=9)
    axes.set_ylabel(str(field.attrs.get("units", "")))
    return _png(figure)


def _png(figure: Figure) -> ImagePreview:
    from uflux_kedro.figures.style import png_bytes

    return ImagePreview(base64.b64encode(png_bytes(figure)).decode())
