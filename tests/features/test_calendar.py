"""Season and year of a period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.features.calendar import calendar_features


def test_the_year_turns_once_around():
    time = pd.DatetimeIndex(["2001-01-01", "2001-07-01", "2004-12-01"])
    features = calendar_features(time)
    angle = 2 * np.pi * np.array([1, 182, 336]) / 365.25
    np.testing.assert_allclose(features["DoY_sin"], np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(features["DoY_cos"], np.cos(angle), atol=1e-6)
    assert features["Year"].tolist() == [2001, 2001, 2004]
    assert all(values.dtype == np.float32 for values in features.values())


def test_a_day_and_half_a_year_have_the_season_of_a_month_about_their_middle():
    """A model trained on months must see their season: 16 July is in the middle of July."""
    month = calendar_features(pd.DatetimeIndex(["2001-07-01"]), 31)
    np.testing.assert_equal(month, calendar_features(pd.DatetimeIndex(["2001-07-01"])))
    day = calendar_features(pd.DatetimeIndex(["2001-07-16"]), 1)
    half = calendar_features(pd.DatetimeIndex(["2001-04-16"]), 182)
    for one in (day, half):
        for name in ("DoY_sin", "DoY_cos"):
            np.testing.assert_allclose(one[name], month[name], atol=0.02)
    year = np.arange(1, 366, dtype=float)
    days = calendar_features(pd.date_range("2001-01-01", "2001-12-31"), np.ones(365))
    shifted = 2 * np.pi * (year - 365.25 / 24 + 0.5) / 365.25
    np.testing.assert_allclose(days["DoY_sin"], np.sin(shifted), atol=1e-6)
