"""Day and night by whatever tells the light."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling.light import daylight, light_of


def test_measured_light_comes_before_reanalysis_and_the_sun():
    gone = np.nan
    table = pd.DataFrame({
        "SW_IN_POT": [900.0, 900.0, 900.0, 0.0, gone],
        "PPFD_IN": [gone, gone, 4.0, gone, gone],
        "SW_IN_ERA": [gone, 21.0, gone, gone, gone],
        "SW_IN": [20.0, gone, gone, gone, gone],
    })  # fmt: skip
    assert light_of(table)[[0, 1, 3]] == pytest.approx([20, 21, 0])
    assert light_of(table)[2] == pytest.approx(4 / 2.04, rel=0.1)
    assert daylight(table).tolist() == [False, True, False, False, True]


def test_without_any_light_it_is_always_day():
    table = pd.DataFrame({"TA": [1.0, 2.0]})
    assert light_of(table) is None
    assert daylight(table).all()
