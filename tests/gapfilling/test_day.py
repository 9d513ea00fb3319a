"""Partitioning by days recovers what a simulated tower assimilates and respires."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower, difference, efficiency
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.partitioning import light_response, partition_day

CALM = {"threshold": 1e-6}


def spring(tower=None, **settings):
    return (tower or Tower(**CALM)).record("2011-04-01", "2011-07-01", **settings)


@pytest.mark.parametrize(
    "tower",
    [
        Tower(**CALM),
        Tower(latitude=-35.0, E0=220.0, **CALM),
        Tower(steps_a_day=24, noise=0.5, **CALM),  # half the records
    ],
    ids=["north", "south", "hourly"],
)
def test_both_fluxes_are_recovered_from_noisy_days_with_gaps(tower):
    record, truth = tower.record()
    hidden = np.random.default_rng(1).random(len(record)) < 0.4
    hidden[100 * tower.steps_a_day : 120 * tower.steps_a_day] = True
    gappy = record.assign(NEE=record["NEE"].mask(hidden))
    found = partition_day(gappy, error="residuals")
    assert found.notna().all(axis=None)
    assert abs(difference(found["GPP_DT"], truth["GPP"])) < 0.02
    assert abs(difference(found["RECO_DT"], truth["RECO"])) < 0.05
    assert efficiency(found["GPP_DT"], truth["GPP"]) > 0.96
    assert efficiency(found["RECO_DT"], truth["RECO"]) > 0.9


def test_without_noise_the_curves_are_exact():
    tower = Tower(noise=0.0, E0=180.0, k=0.08, **CALM)
    record, truth = spring(tower)
    curves = light_response(record).curves
    assert curves["alpha"].median() == pytest.approx(0.05, rel=0.03)
    assert curves["E0"].median() == pytest.approx(180, rel=0.03)
    assert curves["k"].tail(10).median() == pytest.approx(0.08, rel=0.1)  # in the dry of June
    middle = truth["Rref"].to_numpy()[curves.index.to_numpy().astype(int)]
    np.testing.assert_allclose(curves["Rref"], middle, rtol=0.05)
    found = partition_day(record)
    np.testing.assert_allclose(found["GPP_DT"], truth["GPP"], atol=0.4)
    np.testing.assert_allclose(found["RECO_DT"], truth["RECO"], atol=0.3)


def test_shares_of_measured_nee_as_errors_lower_the_fluxes():
    """Why ``residuals`` is there: REddyProc's errors trust what noise has made small."""
    record, truth = spring(Tower(noise=2.0, **CALM))
    lowered = difference(partition_day(record)["GPP_DT"], truth["GPP"])
    better = difference(partition_day(record, error="residuals")["GPP_DT"], truth["GPP"])
    known = record.assign(ERROR=2 * (0.3 + 0.1 * truth["GPP"]))
    best = difference(partition_day(known, error="ERROR")["GPP_DT"], truth["GPP"])
    assert lowered < -0.08
    assert abs(better) < 0.03
    assert abs(best) < 0.03


def test_vpd_that_is_left_out_costs_afternoons():
    tower = Tower(noise=0.0, k=0.15, **CALM)
    record, truth = tower.record("2011-06-01", "2011-08-01")
    dry = record["VPD"] > 15
    assert dry.mean() > 0.1
    errors = [
        np.abs(partition_day(table)["GPP_DT"] - truth["GPP"])[dry].mean()
        for table in (record, record.drop(columns="VPD"))
    ]
    assert errors[0] < errors[1] / 3


def test_steps_without_vpd_have_curves_without_it():
    record, _ = spring()
    holes = record.copy()
    holes.loc["2011-05-01":"2011-05-20", "VPD"] = np.nan
    found, plain = partition_day(holes), partition_day(record.drop(columns="VPD"))
    assert found.notna().all(axis=None)
    hidden = holes["VPD"].isna()
    pd.testing.assert_frame_equal(found[hidden], plain[hidden])
    assert (light_response(record.drop(columns="VPD")).curves["k"] == 0).all()


def test_fluxes_change_smoothly_between_windows():
    record, _ = spring()
    record = record.assign(TA=10.0 + 5 * np.sin(np.arange(len(record)) / 7.6))
    found = partition_day(record)
    night = found["RECO_DT"].to_numpy() / np.exp(
        150 * (1 / 61.02 - 1 / (record["TA"].to_numpy() + 46.02))
    )
    assert np.abs(np.diff(night)).max() < 0.25


def test_a_dormant_tower_assimilates_nothing():
    """NEE is respiration alone: no curve is forced on it."""
    record, truth = spring(Tower(noise=0.3, **CALM))
    rng = np.random.default_rng(0)
    asleep = record.assign(NEE=truth["RECO"] + rng.normal(0, 0.2, len(record)))
    found = partition_day(asleep)
    assert found["GPP_DT"].mean() < 0.03 * truth["GPP"].mean()
    assert abs(difference(found["RECO_DT"], truth["RECO"])) < 0.04


def test_drivers_come_from_companions_and_the_soil():
    record, _ = spring()
    expected = partition_day(record)
    names = {"TA": "TA_ERA", "SW_IN": "SW_IN_ERA", "VPD": "VPD_ERA"}
    pd.testing.assert_frame_equal(partition_day(record.rename(columns=names)), expected)
    soil = record.rename(columns={"TA": "TS"})
    pd.testing.assert_frame_equal(partition_day(soil, temperature="TS"), expected)
    with pytest.raises(InputError, match="SW_IN_ERA"):
        partition_day(record.drop(columns="SW_IN"))


def test_steps_without_drivers_stay_open():
    record, _ = spring()
    holes = record.copy()
    holes.iloc[100:110, holes.columns.get_loc("SW_IN")] = np.nan
    holes.iloc[200:210, holes.columns.get_loc("TA")] = np.nan
    found = partition_day(holes)
    assert np.flatnonzero(found["GPP_DT"].isna()).tolist() == list(range(100, 110))
    assert np.flatnonzero(found["RECO_DT"].isna()).tolist() == list(range(200, 210))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SW_IN": 50.0}, "no window of nights"),
        ({"SW_IN": 0.0}, "no window of 4 days has 10 daytime records"),
        ({"NEE": np.nan}, "no window of nights"),
    ],
    ids=["polar day", "polar night", "no NEE"],
)
def test_records_that_cannot_be_partitioned_have_a_reason(change, reason):
    record, truth = spring()
    record = record.assign(NEE=truth["RECO"]).assign(**change)
    response = light_response(record)
    assert response.reason.startswith(reason)
    assert partition_day(record).isna().all(axis=None)


@pytest.mark.parametrize("days", [1, 3, 31])
def test_short_records_are_partitioned_or_say_why(days):
    record, truth = Tower(**CALM).record(
        "2011-06-01", str(pd.Timestamp("2011-06-01") + pd.Timedelta(days=days))
    )
    found = partition_day(record, error="residuals")
    if days == 31:
        assert abs(difference(found["GPP_DT"], truth["GPP"])) < 0.05
    assert found.shape == (48 * days, 2)
