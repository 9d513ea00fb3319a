"""Tables in HTML: what each kind of column becomes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.style import SKILL_COLOURS
from uflux_kedro.report.table_markup import table_markup


def cells_of(column: pd.Series, decimals: int = 2) -> tuple[list[str], bool]:
    """Text of the cells, and whether column and heading are aligned as numbers."""
    html = table_markup(column.to_frame("x"), str, decimals, [], np.zeros(len(column), bool))
    found = re.findall(r"<t([hd])([^>]*)>(.*?)</t[hd]>", html)
    assert found[0][0] == "h"
    aligned = {'class="number"' in attributes for _, attributes, _ in found}
    assert len(aligned) == 1
    return [text for kind, _, text in found if kind == "d"], aligned.pop()


@pytest.mark.parametrize(
    ("values", "texts", "numbers"),
    [
        ([1234.567, -0.125, np.nan, np.inf], ["1,234.57", f"{MINUS}0.12", "", ""], True),
        ([12345, -7], ["12,345", f"{MINUS}7"], True),
        (pd.array([1, None], dtype="Int64"), ["1", ""], True),
        (["2019", "2018\N{EN DASH}2020", ""], ["2019", "2018\N{EN DASH}2020", ""], True),
        (["GPP", None, np.nan], ["GPP", "", ""], False),
        (["0.10 to 0.25"], ["0.10 to 0.25"], False),
        ([True, False], ["True", "False"], False),
        (pd.Categorical(["DBF"]), ["DBF"], False),
        (["<b> & 'x'"], ["&lt;b&gt; &amp; &#39;x&#39;"], False),
    ],
)
def test_each_kind_of_column(values, texts, numbers):
    assert cells_of(pd.Series(values)) == (texts, numbers)


def test_decimals_are_as_asked():
    assert cells_of(pd.Series([0.12345]), 3)[0] == ["0.123"]


def test_scores_have_the_colours_of_the_figures_in_rows_of_enough_towers():
    table = pd.DataFrame({"NSE": [-3.0, 0.5, np.nan, 0.5], "RMSE": [1.0, 1.0, 1.0, 1.0]})
    html = table_markup(table, str, 2, ["NSE"], np.array([True, True, True, False]))
    fills = re.findall(r"background-color: (#\w{6})", html)
    shown = SKILL_COLOURS.to_rgba([0.0, 0.5], bytes=True)
    expected = ["#{:02X}{:02X}{:02X}".format(*colour) for colour in shown]
    assert fills == [*expected, "#BBBBBB"]


def test_headings_are_escaped_and_a_table_may_be_empty():
    html = table_markup(pd.DataFrame({"a<b": []}), str, 2, [], np.zeros(0, bool))
    assert '<th scope="col" class="number">a&lt;b</th>' in html
    assert "<td" not in html
