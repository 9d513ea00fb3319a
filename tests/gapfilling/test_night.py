"""Partitioning by nights recovers what a simulated tower respires."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower, difference, efficiency
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.partitioning import night_response, partition_night

CALM = {"threshold": 1e-6}
PLACE = {"latitude": 45.0, "longitude": 15.0, "utc_offset": 1.0}


def with_gaps(record, share=0.4, seed=1):
    """Hide NEE of a share of the records and of three weeks."""
    rng = np.random.default_rng(seed)
    hidden = rng.random(len(record)) < share
    hidden[4800:5800] = True
    return record.assign(NEE=record["NEE"].mask(hidden))


@pytest.mark.parametrize(
    ("tower", "tolerance"),
    [
        (Tower(**CALM), 0.03),
        (Tower(latitude=-35.0, E0=220.0, **CALM), 0.03),
        (Tower(steps_a_day=24, **CALM), 0.04),
    ],
    ids=["north", "south", "hourly"],
)
def test_respiration_is_recovered_from_noisy_nights_with_gaps(tower, tolerance):
    record, truth = tower.record()
    gappy = with_gaps(record).assign(NEE_F=record["NEE"])
    response = night_response(gappy)
    assert response.E0.item() == pytest.approx(tower.E0, rel=0.15)
    assert response.reasons.item() == ""
    np.testing.assert_allclose(response.Rref.mean(), truth["Rref"].mean(), rtol=0.04)
    found = partition_night(gappy)
    assert abs(difference(found["RECO_NT"], truth["RECO"])) < tolerance
    assert abs(difference(found["GPP_NT"], truth["GPP"])) < tolerance
    assert efficiency(found["RECO_NT"], truth["RECO"]) > 0.97
    np.testing.assert_allclose(found["RECO_NT"] - found["GPP_NT"], gappy["NEE_F"])


def test_without_noise_the_response_is_exact():
    tower = Tower(noise=0.0, **CALM)
    record, truth = tower.record()
    response = night_response(record)
    assert response.E0.item() == pytest.approx(tower.E0, rel=0.02)  # Rref moves in 15 days
    np.testing.assert_allclose(response.Rref, truth["Rref"], atol=0.06)


def test_losses_of_calm_nights_lower_respiration_and_the_filter_restores_it():
    from uflux_kedro.gapfilling.ustar import filter_by_ustar

    record, truth = Tower(threshold=0.4).record()
    lost = difference(partition_night(record)["RECO_NT"], truth["RECO"])
    filtered = record.assign(NEE=filter_by_ustar(record, 0.4))
    assert lost < -0.15
    assert abs(difference(partition_night(filtered)["RECO_NT"], truth["RECO"])) < 0.04


def test_without_filled_nee_gpp_has_the_gaps_of_nee():
    record, _ = Tower(**CALM).record(end="2011-06-01")
    found = partition_night(with_gaps(record))
    assert found["GPP_NT"].isna().equals(with_gaps(record)["NEE"].isna())
    assert found["RECO_NT"].notna().all()


def test_drivers_come_from_companions_and_the_soil():
    record, _ = Tower(**CALM).record(end="2011-04-01")
    expected = partition_night(record)
    renamed = record.rename(columns={"TA": "TA_ERA", "SW_IN": "SW_IN_ERA"})
    pd.testing.assert_frame_equal(partition_night(renamed), expected)
    soil = record.rename(columns={"TA": "TS"})
    pd.testing.assert_frame_equal(partition_night(soil, temperature="TS"), expected)
    with pytest.raises(InputError, match="TA_ERA"):
        partition_night(soil)


def test_the_place_leaves_dark_steps_by_day_out():
    """A sensor in the shade: mornings and evenings are dark, and their NEE is not respiration."""
    record, truth = Tower(**CALM).record()
    shaded = record.assign(SW_IN=record["SW_IN"].where(record["SW_IN"] > 150, 0))
    assert difference(partition_night(shaded)["RECO_NT"], truth["RECO"]) < -0.3
    found = partition_night(shaded, **PLACE)["RECO_NT"]
    assert abs(difference(found, truth["RECO"])) < 0.03
    assert partition_night(shaded, latitude=45.0, longitude=15.0)["RECO_NT"].equals(found)


def test_each_year_has_its_own_sensitivity():
    first, _ = Tower(E0=100.0, **CALM).record()
    second, _ = Tower(E0=250.0, **CALM).record("2012-01-01", "2013-01-01")
    response = night_response(pd.concat([first, second]))
    assert response.E0.to_list() == pytest.approx([100, 250], rel=0.2)


def test_a_year_without_nights_stays_open_and_says_so():
    record, _ = Tower(**CALM).record(end="2013-01-01")
    record.loc["2012", "NEE"] = np.nan
    response = night_response(record)
    assert response.reasons.to_list() == ["", "no night-time records with NEE and temperature"]
    assert np.isnan(response.E0[2012])
    found = partition_night(record)
    assert found.loc["2011", "RECO_NT"].notna().all()
    assert found.loc["2012"].isna().all(axis=None)


def test_a_short_year_takes_the_sensitivity_of_the_record():
    record, _ = Tower(**CALM).record(end="2012-01-08")
    response = night_response(record)
    assert response.E0[2012] == pytest.approx(response.E0[2011], rel=0.2)
    assert "from 3 windows of the record" in response.reasons[2012]


def test_a_month_alone_is_partitioned():
    record, truth = Tower(**CALM).record("2011-05-01", "2011-06-01")
    found = partition_night(record)
    assert abs(difference(found["RECO_NT"], truth["RECO"])) < 0.1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "no night-time records"),
        ({"NEE": np.nan, "SW_IN": 0.0}, "no night-time records"),
        ({"TA": 20.0, "SW_IN": 0.0}, "no window of 15 days"),
    ],
    ids=["polar day", "no NEE", "one temperature"],
)
def test_records_that_cannot_be_partitioned_have_a_reason(change, reason):
    record, _ = Tower(latitude=75.0, **CALM).record("2011-05-20", "2011-07-20")
    record = record.assign(**change)
    assert reason in night_response(record).reasons.item()
    assert partition_night(record).isna().all(axis=None)


def test_cold_beyond_the_curve_and_a_lone_step_are_no_failure(recwarn):
    record, _ = Tower(**CALM).record("2011-05-20", "2011-07-20")
    cold = record.assign(TA=record["TA"] - 70)
    assert (partition_night(cold)["RECO_NT"].fillna(0) >= 0).all()
    assert partition_night(record.iloc[:1], **PLACE)["RECO_NT"].isna().all()
    assert not recwarn.list
