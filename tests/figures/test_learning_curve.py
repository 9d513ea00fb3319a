from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.figures import learning_curve_figure
from uflux_kedro.uncertainty.learning_curve import no_curve, summarise_curve


@pytest.fixture
def summary():
    rows = [
        (flux, group, towers, level, level - 0.1, level + 0.1)
        for flux in ("LE", "GPP")
        for group, lower in (("all", 0.0), ("ENF", 0.2), ("EBF", 1.5))
        for towers, level in ((40, 0.7 - lower), (10, 0.5 - lower))
    ]
    return pd.DataFrame(rows, columns=["flux", "group", "towers", "NSE", "NSE_low", "NSE_high"])


def test_each_flux_has_a_panel_with_its_curve_and_classes(summary):
    axes = learning_curve_figure(summary).axes
    assert [a.get_title(loc="left") for a in axes] == ["GPP", "LE"]
    thick = max(axes[0].get_lines(), key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(thick.get_xydata(), [[10, 0.5], [40, 0.7]])
    assert len(axes[0].get_lines()) == 3
    # EBF lies below the axis, where its name would stand outside the panel.
    assert [t.get_text() for t in axes[0].texts] == ["ENF"]
    low, high = axes[0].get_xlim()
    assert low < 10
    assert high > 40


def test_names_of_classes_that_end_together_stand_apart(summary):
    ends = {"ENF": 0.97, "DBF": 0.98, "GRA": 0.979, "MF": 0.3}
    rows = [summary[summary["group"] == "ENF"].assign(group=g, NSE=end) for g, end in ends.items()]
    axis = learning_curve_figure(pd.concat(rows)).axes[0]
    height = {text.get_text(): text.xy[1] for text in axis.texts}
    assert sorted(height, key=height.get) == ["MF", "ENF", "GRA", "DBF"]
    assert np.diff(sorted(height.values())).min() > 0.05
    assert max(height.values()) <= 1
    assert height["MF"] == 0.3


def test_a_missing_column_is_refused(summary):
    with pytest.raises(InputError, match="NSE_low"):
        learning_curve_figure(summary.drop(columns="NSE_low"))


def test_no_curve_is_told_in_words():
    (text,) = learning_curve_figure(summarise_curve(no_curve())).texts
    assert "enough towers" in text.get_text()
