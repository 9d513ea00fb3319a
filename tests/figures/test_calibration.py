"""Coverage against nominal levels and by class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.figures.calibration import calibration_figure


def curves(classes: dict[str, int]) -> pd.DataFrame:
    nominal = [0.5, 0.9, 0.99]
    tables = [
        pd.DataFrame(
            {
                "group": name,
                "towers": n,
                "nominal": nominal,
                "coverage": np.array([0.45, 0.85, np.nan]) + n / 1000,
                "low": 0.4,
                "high": 0.95,
            }
        )
        for name, n in {"all": 50, **classes}.items()
    ]
    return pd.concat(tables, ignore_index=True)


def test_each_flux_has_its_curves_and_the_classes_of_any_flux_in_one_order():
    figure = calibration_figure(
        {"LE": curves({"ENF": 4}), "GPP": curves({"ENF": 20, "EBF": 30})}, 0.9
    )
    gpp, le, gpp_classes, le_classes = figure.axes
    assert (gpp.get_title(loc="left"), le.get_title(loc="left")) == ("GPP", "LE")
    drawn = [line.get_ydata()[1] for line in gpp.get_lines()[:3]]
    assert drawn == pytest.approx([0.9, 0.87, 0.88])
    assert len(le.get_lines()) == 3, "all, one class, and the 1:1 line"
    assert [label.get_text() for label in gpp_classes.get_yticklabels()] == ["all", "EBF", "ENF"]
    dots = np.ma.filled(le_classes.collections[1].get_offsets(), np.nan)
    assert dots[:, 0] == pytest.approx([0.9, np.nan, 0.854], nan_ok=True)


def test_a_missing_column_or_an_unknown_flux_is_named():
    with pytest.raises(InputError, match=r"coverage curves of GPP.*low"):
        calibration_figure({"GPP": curves({}).drop(columns="low")}, 0.9)
    with pytest.raises(InputError, match="found CH4"):
        calibration_figure({"CH4": curves({})}, 0.9)
