"""Months in text order: which references tell, and how much gain is one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.quality.month_order import (
    TEXT_ORDER,
    _mean,
    _pooled,
    _references,
    _usual_lag,
    months_in_text_order,
)
from uflux_kedro.quality.phase import Seasons
from uflux_kedro.quality.years import Years


def test_references_are_of_another_kind_and_tied():
    columns = ["EVI", "LAI", "GPP", "RECO", "TA", "SW_IN", "PA"]
    assert _references("EVI", columns) == ["GPP", "RECO"]
    assert _references("GPP", columns) == ["EVI", "LAI"]
    assert _references("TA", columns) == ["SUN"]
    assert _references("PA", columns) == []


def test_ties_have_a_side():
    assert _usual_lag("EVI", "GPP") == 0.25
    assert _usual_lag("GPP", "EVI") is None


@pytest.mark.parametrize(
    ("gain", "level", "clear"),
    [
        # Mean 0.275, standard deviation 0.06455: t = 0.175 / 0.032275 = 5.4222 of three degrees
        # of freedom, which chance has in 0.0062 of cases.
        ([0.2, 0.25, 0.3, 0.35], 0.0063, True),
        ([0.2, 0.25, 0.3, 0.35], 0.0061, False),
        ([0.25, 0.3, 0.35], 0.4, False),  # three are too few
        ([0.3, 0.3, 0.3, 0.3], 0.4, False),
        # More than half must gain a tenth.
        ([0.1, 0.1, 0.5, 0.6], 0.4, False),
        ([0.1, 0.11, 0.5, 0.6], 0.4, True),
    ],
)
def test_what_many_sites_gain_together(gain, level, clear):
    assert _pooled(pd.Series(gain), level) == clear


def test_means_leave_gaps_out():
    found = _mean([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])])
    np.testing.assert_array_equal(found, [2, 5, np.nan])


def wave(months):
    return 5 + 4 * np.cos(2 * np.pi * (np.arange(12) - months) / 12)


def order(false_alarm=0.01, n_years=8, **columns):
    """Judgement of one site whose years are all alike."""
    time = pd.date_range("2001-01-01", periods=12 * n_years, freq="MS")
    towers = pd.DataFrame({"site_id": "A", "time": time})
    for name, year in columns.items():
        towers[name] = np.tile(year, n_years)
    years = Years.of(towers, list(columns))
    seasons = Seasons.of(years, np.array([20.0]), list(columns))
    return months_in_text_order(years, seasons, false_alarm).set_index("variable")


def test_a_year_in_text_order_gains_by_being_put_right():
    summer = wave(6)
    found = order(GPP=summer[list(TEXT_ORDER)], EVI=summer, LAI=summer)
    assert found["alarm"].to_dict() == {"GPP": True, "EVI": False, "LAI": False}
    row = found.loc["GPP"]
    usual = np.corrcoef(summer[list(TEXT_ORDER)], summer)[0, 1]
    assert row["r"] == pytest.approx(usual, abs=1e-9)
    assert row["r_right"] == pytest.approx(1)
    # Against the best that a month to either side makes of it as it stands.
    near = [np.corrcoef(np.roll(summer[list(TEXT_ORDER)], k), summer)[0, 1] for k in (-1, 0, 1)]
    assert row["gain"] == pytest.approx(1 - max(near))
    # Eight years that are alike have the floor's error, 0.1 / 8.
    assert row["error"] == pytest.approx(0.0125)
    assert not found["everywhere"].any()


def test_healthy_years_lose_by_it():
    found = order(GPP=wave(6), EVI=wave(6.25), LAI=wave(6.2))
    assert not found["alarm"].any()
    assert (found["gain"] < 0).all()
    assert found["r"].to_list() == pytest.approx([1, 1, 1], abs=0.02)


def test_nothing_to_judge_by_is_no_alarm():
    assert order(PA=wave(6)).empty
    assert order(EVI=wave(6)).empty
