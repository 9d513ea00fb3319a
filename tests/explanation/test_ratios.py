"""Water-use efficiency and energy-balance ratio at towers, and the line between tower and model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.explanation.ratios import (
    air_temperature,
    available_energy,
    energy_rows,
    ratio_by_period,
    ratio_by_tower,
    reduced_major_axis,
    water_use_rows,
)

TIME = pd.date_range("2001-01-01", periods=12, freq="MS")
KEY = pd.DataFrame({"site_id": "A", "time": TIME})


def test_latent_heat_is_that_of_water_and_not_ten_times_as_much():
    gpp = KEY.assign(truth=6.0, prediction=3.0)
    le = KEY.assign(truth=100.0, prediction=50.0)
    rows = water_use_rows(gpp, le, KEY.assign(TA=20.0))
    # 100 W m-2 are 8.64 MJ m-2 d-1; at 20 degC a kilogram of water takes 2.4536 MJ.
    assert rows["truth_below"].to_numpy() == pytest.approx(8.64 / 2.4536)
    ratios = ratio_by_period(rows, 0.5)
    assert ratios["truth"].to_numpy() == pytest.approx(6 * 2.4536 / 8.64)
    assert ratios["prediction"].to_numpy() == pytest.approx(ratios["truth"].to_numpy())


def test_a_tower_has_the_ratio_of_its_sums():
    gpp = KEY.assign(truth=np.arange(12.0), prediction=2 * np.arange(12.0))
    le = KEY.assign(truth=50.0 + np.arange(12.0), prediction=50.0)
    rows = water_use_rows(gpp, le, KEY.assign(TA=10.0))
    (tower,) = ratio_by_tower(rows, 0.5).itertuples()
    assert tower.n == 12
    assert tower.truth == pytest.approx(rows["truth_above"].sum() / rows["truth_below"].sum())
    assert tower.prediction == pytest.approx(132 / rows["prediction_below"].sum())


def test_small_denominators_and_short_records_have_no_ratio():
    le = KEY.assign(truth=np.where(TIME.month == 1, 1.0, 80.0), prediction=80.0)
    rows = water_use_rows(KEY.assign(truth=1.0, prediction=1.0), le, KEY.assign(TA=10.0))
    assert list(ratio_by_period(rows, 0.5)["time"]) == list(TIME[1:])
    assert ratio_by_tower(rows.head(9), 0.5).empty
    assert ratio_by_tower(rows, 10.0).empty


def test_energy_is_shared_by_tower_and_model():
    towers = KEY.assign(NETRAD=120.0, G=np.where(TIME.month < 7, 20.0, np.nan))
    energy = available_energy(towers, KEY)
    assert energy.source == "Rn − G of the towers"  # noqa: RUF001
    assert list(energy.rows["energy"]) == [100.0] * 6 + [120.0] * 6
    rows = energy_rows(
        KEY.assign(truth=40.0, prediction=30.0), KEY.assign(truth=60.0, prediction=50.0), energy.rows
    )  # fmt: skip
    ratios = ratio_by_period(rows, 20.0)
    assert ratios["truth"].iloc[[0, -1]].to_numpy() == pytest.approx([1.0, 100 / 120])
    assert ratios["prediction"].iloc[0] == pytest.approx(0.8)


def test_net_radiation_is_estimated_where_no_tower_has_it_and_said_so():
    table = KEY.assign(X_SW_IN=200.0, X_LW_IN=300.0, X_TA=15.0)
    energy = available_energy(KEY.assign(NETRAD=np.nan), table)
    emitted = 5.670374419e-8 * 288.15**4
    assert energy.source == "Rn estimated from X radiation, albedo 0.23"
    assert energy.rows["energy"].to_numpy() == pytest.approx(0.77 * 200 + 0.98 * (300 - emitted))
    assert available_energy(KEY, table.drop(columns="X_LW_IN")) is None


def test_a_source_fills_the_towers_temperature():
    towers = KEY.assign(TA=np.where(TIME.month < 7, 5.0, np.nan))
    table = KEY.assign(ERA5_TA=9.0)
    assert list(air_temperature(towers, table)["TA"]) == [5.0] * 6 + [9.0] * 6
    assert list(air_temperature(KEY, table)["TA"]) == [9.0] * 12
    assert air_temperature(KEY, KEY) is None


def test_the_reduced_major_axis_treats_both_sides_alike():
    random = np.random.default_rng(0)
    x = random.normal(2, 1, 200)
    rows = pd.DataFrame({"site_id": np.arange(200) % 20, "truth": x})
    rows["prediction"] = 3 - 0.5 * x + random.normal(0, 0.3, 200)
    line = reduced_major_axis(rows)
    assert line.slope == pytest.approx(-rows["prediction"].std() / x.std(ddof=1))
    assert line.intercept == pytest.approx(rows["prediction"].mean() - line.slope * x.mean())
    assert line.r2 == pytest.approx(np.corrcoef(x, rows["prediction"])[0, 1] ** 2)
    assert line.low < line.slope < line.high
    swapped = rows.rename(columns={"truth": "prediction", "prediction": "truth"})
    assert reduced_major_axis(swapped).slope == pytest.approx(1 / line.slope)


def test_no_line_through_two_rows_or_a_constant():
    rows = KEY.assign(truth=1.0, prediction=np.arange(12.0))
    assert np.isnan(reduced_major_axis(rows).slope)
    assert np.isnan(reduced_major_axis(rows.head(2)).slope)
    one = reduced_major_axis(KEY.assign(truth=np.arange(12.0), prediction=2 * np.arange(12.0)))
    assert one.slope == pytest.approx(2)
    assert np.isnan(one.low), "one tower says nothing about others"
