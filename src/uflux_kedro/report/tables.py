"""Tables of the report, and their conversion to HTML."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from great_tables import GT
from markupsafe import Markup, escape

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit
from uflux_kedro.report.numbering import number
from uflux_kedro.validation.comparison import METRICS_COMPARED
from uflux_kedro.validation.metrics import LEADERBOARD_COLUMNS, LEAST_SCORED
from uflux_kedro.variables import FLUXES

_HEADINGS = {
    "predictor_set": "predictor set",
    "site_id": "tower",
    "sites": "towers",
    "r2": "R²",
    "scored": "towers scored",
    "NSE_median": "NSE, median tower",
    "NSE_p10": "NSE, 10th percentile",
    "RMSE_median": "RMSE, median tower",
    "RMSE_p90": "RMSE, 90th percentile",
    **{
        f"{metric}_{key}": text.format(metric)
        for metric in METRICS_COMPARED
        for key, text in {
            "difference": "Δ{}",
            "low": "Δ{} from",
            "high": "to",
            "p_value": "p",
        }.items()
    },
}

_SKILL_COLOURS = ("r2", "R²", "NSE")
_COUNTS = ("sites", "towers", "n", "rows")
"""Columns that say of how many towers or rows a score is."""


def _heading(name: str) -> str:
    """Return the heading of a column; what follows a flux's value does not repeat its name."""
    for ending in ("±", "95 %", "extrapolated"):
        if name.endswith(f" {ending}"):
            return ending
    return _HEADINGS.get(name, name)


def leaderboard_table(leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Return the leaderboard for readers: by flux, best NSE first, with the unit of errors.

    Raises:
        InputError: If a column is missing or a flux is unknown.
    """
    require_columns(leaderboard, LEADERBOARD_COLUMNS, "leaderboard")
    fluxes = ordered_fluxes(leaderboard["flux"], "leaderboard")
    table = leaderboard[list(LEADERBOARD_COLUMNS)].assign(
        order=leaderboard["flux"].map(fluxes.index),
        unit=leaderboard["flux"].map(flux_unit),
    )
    table = table.sort_values(
        ["order", "scheme", "NSE", "predictor_set"], ascending=[True, True, False, True]
    )
    first = ["flux", "predictor_set", "model", "scheme"]
    rest = [name for name in (*LEADERBOARD_COLUMNS, "unit") if name not in first]
    return table[first + rest].reset_index(drop=True)


def comparison_table(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison of members for readers: by flux, the largest gain of NSE first.

    Only one p-value is shown: NSE and RMSE have the same, since on the same draws one rises
    where the other falls.

    Raises:
        InputError: If a flux is unknown.
    """
    fluxes = ordered_fluxes(comparison["flux"], "comparison of members")
    table = comparison.assign(
        order=comparison["flux"].map(fluxes.index), unit=comparison["flux"].map(flux_unit)
    )
    table = table.sort_values(["order", "NSE_difference"], ascending=[True, False])
    return table.drop(columns=["order", "RMSE_p_value"]).reset_index(drop=True)


def data_table(training_table: pd.DataFrame, records: str) -> pd.DataFrame:
    """Return one row per flux: towers, rows with a value, first and last year.

    Args:
        training_table: ``site_id``, ``time`` and fluxes.
        records: Name of the rows, such as ``site-months``.
    """
    require_columns(training_table, ("site_id", "time"), "training table")
    rows = []
    for flux in (name for name in FLUXES if name in training_table):
        present = training_table[training_table[flux].notna()]
        years = present["time"].dt.year
        rows.append(
            {
                "flux": flux,
                "unit": flux_unit(flux),
                "towers": present["site_id"].nunique(),
                records: len(present),
                "years": f"{years.min()}\N{EN DASH}{years.max()}" if len(years) else "",
            }
        )
    return pd.DataFrame(rows)


def members_table(
    members: Sequence[Member], dates: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """Return one row per predictor set and model: its fluxes and its predictors.

    Args:
        members: Members of the report.
        dates: Name of a member -> when another run has trained it; adds a column.
    """
    sets: dict[tuple[str, str, tuple[str, ...], str], list[str]] = {}
    for member in members:
        when = dates.get(member.name, "by this run")
        key = (member.predictor_set, member.model, member.predictors, when)
        sets.setdefault(key, []).append(member.flux)
    table = pd.DataFrame(
        [
            {
                "predictor set": name,
                "model": model,
                "fluxes": ", ".join(fluxes),
                "trained": when,
                "predictors": ", ".join(predictors),
            }
            for (name, model, predictors, when), fluxes in sets.items()
        ]
    )
    return table if dates else table.drop(columns="trained", errors="ignore")


def html_table(
    table: pd.DataFrame,
    table_id: str,
    decimals: int = 2,
    title: str = "",
    *,
    folded: bool | None = None,
) -> Markup:
    """Return a table as HTML with number, title and a link that saves it as CSV.

    Numbers are aligned and rounded; the CSV has them in full. Skill of
    :data:`~uflux_kedro.validation.metrics.LEAST_SCORED` towers and rows or more is coloured: columns
    ``sites`` or ``towers``, and ``n`` or ``rows``, say so. A table without them has no colours. The
    page's style sheet formats the table, so that it follows light and dark mode; the style sheet of
    great-tables is removed.

    Args:
        table: Any table.
        table_id: Identifier in the page, from which great-tables derives those of cells.
        decimals: Decimals of floating-point numbers.
        title: Title; that of the identifier if empty.
        folded: Whether the table is folded at first; None folds long ones.
    """
    whole = [name for name in table if pd.api.types.is_integer_dtype(table[name])]
    real = [name for name in table if pd.api.types.is_float_dtype(table[name])]
    styled = GT(table.replace([np.inf, -np.inf], np.nan), id=table_id).cols_label(
        {name: _heading(name) for name in map(str, table)}
    )
    styled = (
        styled.fmt_integer(whole).fmt_number(real, decimals=decimals).sub_missing(missing_text="")
    )
    coloured = [name for name in _SKILL_COLOURS if name in real]
    rows = _of_enough(table)
    if coloured and rows:
        styled = styled.data_color(
            coloured, rows, palette="viridis", domain=[0, 1], truncate=True, na_color="#BBBBBB"
        )
    html = styled.as_raw_html()
    bare = Markup(_readable(re.sub(r"<style>.*?</style>\s*", "", html, flags=re.DOTALL).strip()))
    return framed(
        bare,
        table,
        table_id,
        title or table_id.replace("-", " ").capitalize(),
        folded=len(table) > _LONG_TABLE if folded is None else folded,
    )


def table_or_none(
    table: pd.DataFrame, table_id: str, decimals: int = 2, title: str = ""
) -> Markup | None:
    """Return a table as :func:`html_table` does; None if it has no rows."""
    return None if table.empty else html_table(table, table_id, decimals, title)


_COLOURED = re.compile(r"color: #\w{6}; background-color: #(\w{6})")


def _readable(html: str) -> str:
    """Write in black or white on each coloured cell, whichever has the larger contrast (WCAG 2.2)."""

    def ink(found: re.Match[str]) -> str:
        fill = found.group(1)
        parts = [int(fill[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        black = (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
        return f"color: #{'000000' if black else 'FFFFFF'}; background-color: #{fill}"

    return _COLOURED.sub(ink, html)


_LONG_TABLE = 25
"""Rows beyond which a table is folded at first."""

_FRAME = Markup(
    """<figure id="table-{key}" class="table">
<figcaption><span id="table-{key}-title"><b>{number}.</b> {title}</span>
<a class="csv" download="{key}.csv" href="data:text/csv;charset=utf-8;base64,{csv}">CSV<span class="unseen"> of {number}</span></a></figcaption>
{before}{table}{after}
</figure>"""
)
_FOLD = Markup("<details><summary>{} rows</summary>\n")
_BOX = '<div id="{}"'


def framed(html: Markup, table: pd.DataFrame, key: str, title: str, *, folded: bool) -> Markup:
    """Return a table with its number, title and CSV.

    Args:
        html: The table, in a box with the identifier.
        table: The same, for the CSV.
        key: Its identifier.
        title: Its title.
        folded: Whether it is folded at first.
    """
    box = _BOX.format(escape(key))
    inside = f'{box} class="scroll" role="group" tabindex="0" aria-labelledby="table-{key}-title"'
    return _FRAME.format(
        key=key,
        number=number("table", key),
        title=title,
        csv=base64.b64encode(table.to_csv(index=False).encode()).decode("ascii"),
        before=_FOLD.format(len(table)) if folded else "",
        table=Markup(str(html).replace(box, inside, 1)),
        after=Markup("\n</details>") if folded else "",
    )


def _of_enough(table: pd.DataFrame) -> list[int]:
    """Return the rows whose scores are of towers and rows enough to be coloured."""
    counts = [name for name in _COUNTS if name in table]
    enough = (table[counts] >= LEAST_SCORED).all(axis=1).to_numpy() if counts else []
    return [int(row) for row in np.flatnonzero(enough)]
