"""A table in HTML: text of its cells, their alignment, and colours of skill.

Columns are written as a whole. Libraries of tables format cell by cell, which takes seconds for the
hundreds of rows of a network of towers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.style import SKILL_COLOURS

_LIKE_NUMBERS = re.compile(r"[0-9 ,.:/%\u2212\u2013-]*")
"""Dates, ranges and years as text, which are aligned as numbers are."""

_UNKNOWN = (0xBB, 0xBB, 0xBB)
"""Colour of a score that is not defined."""


def table_markup(
    table: pd.DataFrame,
    heading: Callable[[str], str],
    decimals: int,
    coloured: Collection[str],
    rows: np.ndarray,
) -> Markup:
    """Return a table in HTML; all text is escaped.

    Args:
        table: Any table.
        heading: Name of a column -> its heading.
        decimals: Decimals of floating-point numbers. What is missing or infinite is blank.
        coloured: Columns of scores, which have the colours of skill.
        rows: For each row, whether its scores are coloured.

    Returns:
        The element ``table``. Cells of numbers, and their headings, have the class ``number``.
    """
    heads, columns = [], []
    for name, column in table.items():
        texts, numbers = _texts(column, decimals)
        kind = ' class="number"' if numbers else ""
        heads.append(f'<th scope="col"{kind}>{escape(heading(str(name)))}</th>')
        styles = [""] * len(table)
        if name in coloured and pd.api.types.is_float_dtype(column):
            styles = _styles(column.to_numpy(float), rows)
        columns.append(
            [f"<td{style}{kind}>{text}</td>" for style, text in zip(styles, texts, strict=True)]
        )
    lines = [f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True)]
    return Markup(
        "<table>\n<thead>\n<tr>{}</tr>\n</thead>\n<tbody>\n{}\n</tbody>\n</table>".format(
            "".join(heads), "\n".join(lines)
        )
    )


def _texts(column: pd.Series, decimals: int) -> tuple[list[str], bool]:
    """Return the text of each cell of a column, and whether it is a column of numbers."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        texts = ["" if pd.isna(value) else str(value) for value in column]
        return [str(escape(text)) for text in texts], all(map(_LIKE_NUMBERS.fullmatch, texts))
    form = f",.{0 if pd.api.types.is_integer_dtype(column) else decimals}f"
    values = column.to_numpy(float, na_value=np.nan)
    known = np.isfinite(values)
    texts = [
        format(value, form).replace("-", MINUS) if there else ""
        for value, there in zip(values, known, strict=True)
    ]
    return texts, True


def _styles(scores: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return the style of each cell: filled by its score, with black or white text, in rows to colour.

    Of black and white it is the one of the larger contrast (WCAG 2.2).
    """
    fills = SKILL_COLOURS.to_rgba(scores, bytes=True)[:, :3].astype(int)
    fills[~np.isfinite(scores)] = _UNKNOWN
    parts = fills / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    black = (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
    return [
        f' style="color: #{"000000" if dark else "FFFFFF"}; background-color: #{r:02X}{g:02X}{b:02X}"'
        if shown
        else ""
        for (r, g, b), dark, shown in zip(fills.tolist(), black, rows, strict=True)
    ]
