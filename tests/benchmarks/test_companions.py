"""Weather of archives against a grid: sums by tower give the figures of all months, drawn by tower."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.companions import WEATHER, compare, differences


def test_figures_are_those_of_all_months_with_intervals_by_tower():
    rng = np.random.default_rng(1)
    sites = np.repeat([f"XX-{n:02d}" for n in range(20)], 50)
    other = rng.normal(10, 5, len(sites))
    shift = np.repeat(rng.normal(1, 2, 20), 50)  # of each tower
    one = 0.8 * other + shift
    found = differences(sites, one, other)
    assert found["bias"][0] == pytest.approx((one - other).mean())
    assert found["rmse"][0] == pytest.approx(np.sqrt(((one - other) ** 2).mean()))
    assert found["slope"][0] == pytest.approx(np.polyfit(other, one, 1)[0])
    low, high = found["bias"][1:]
    assert low < (one - other).mean() < high
    # Towers differ by 2: about four standard errors of the mean of 20 towers, not of 1000 months.
    assert high - low == pytest.approx(4 * 2 / np.sqrt(20), rel=0.4)


def test_months_are_compared_in_one_unit_where_all_sources_have_them():
    months = 24
    table = pd.DataFrame({"SITE_ID": np.repeat(["XX-Aaa", "SN-Dhr"], months // 2)})
    for weather in WEATHER.values():
        table[weather.tower] = table[weather.downscaled] = np.linspace(1, 5, months)
        table[f"{weather.tower}_QC"] = 1.0
    table["TMIN_GRID"], table["TMAX_GRID"] = table["TA_F"] - 5, table["TA_F"] + 7
    table["SSRD_GRID"] = table["SW_IN_F"] * 0.0864
    table["VPD_GRID"], table["P_GRID"] = table["VPD_F"], table["P_F"].where(table.index > 3)
    table.loc[:1, "TA_F_QC"] = 0.5
    found = compare(table).set_index(["variable", "of"])
    assert found.loc[("TA, degC", "downscaled against grid"), "bias"][0] == pytest.approx(-1)
    assert found.loc[("SW_IN, W m-2", "grid against tower"), "rmse"][0] == pytest.approx(
        0, abs=1e-9
    )
    assert found.loc[("SW_IN, W m-2", "grid against tower"), "towers"] == 1
    assert found.loc[("TA, degC", "grid against tower"), "months"] == months - 2
    assert found.loc[("P, mm d-1", "grid against tower"), "months"] == months - 4
