"""Simulated records: a known truth with the drivers, gaps, levels and noise of a real record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.synthetic import simulate

PLACE = (45.0, 10.0, 1.0)


@pytest.fixture(scope="module")
def table():
    """Stands in for a real record: NEE, LE and H with gaps, one of them of a month."""
    record, _ = Tower(noise=1.5).record(end="2011-10-01")
    rng = np.random.default_rng(1)
    energy = 0.7 * record["SW_IN"] - 30
    record["NETRAD"] = energy
    for flux, share in (("LE", 0.4), ("H", 0.35)):
        values = share * energy + 10
        record[flux] = values + rng.laplace(0, 5, len(record)) + 0.1 * rng.laplace(0, values.abs())
    for flux in ("NEE", "LE", "H"):
        record[flux] = record[flux].mask(rng.random(len(record)) < 0.25)
        record.iloc[9000:10500, record.columns.get_loc(flux)] = np.nan
    record["TA"] = record["TA"].mask(rng.random(len(record)) < 0.02)
    return record


@pytest.fixture(scope="module")
def simulated(table):
    return simulate(table, 48, PLACE, seed=3)


def test_gaps_and_drivers_are_those_of_the_record(table, simulated):
    fluxes = ["NEE", "LE", "H"]
    pd.testing.assert_frame_equal(simulated.record[fluxes].isna(), table[fluxes].isna())
    pd.testing.assert_frame_equal(simulated.record.drop(columns=fluxes), table.drop(columns=fluxes))
    assert list(simulated.truth) == fluxes
    assert np.isfinite(simulated.truth.to_numpy()).all()


def test_levels_are_those_of_the_record(table, simulated):
    for flux, truth in simulated.truth.items():
        measured = table[flux].dropna()
        same = truth[measured.index]
        assert same.mean() == pytest.approx(measured.mean(), abs=0.15 * measured.std())
        assert 0.75 < same.std() / measured.std() < 1.15
        assert np.corrcoef(same, measured)[0, 1] > 0.8


def test_noise_is_that_of_the_record(simulated):
    """The record has 0.45 + 0.15 GPP; random uncertainty takes some weather for noise."""
    for flux, truth in simulated.truth.items():
        z = ((simulated.record[flux] - truth) / simulated.noise[flux]).dropna().to_numpy()
        assert z.mean() == pytest.approx(0, abs=0.05)
        assert z.std() == pytest.approx(1, abs=0.05)
        # Double exponential: half of the draws within 0.49, a hundredth beyond 3.26.
        assert np.mean(np.abs(z) < np.log(2) / np.sqrt(2)) == pytest.approx(0.5, abs=0.02)
        assert np.mean(np.abs(z) > np.log(100) / np.sqrt(2)) == pytest.approx(0.01, abs=0.003)
    night = simulated.record["SW_IN"] == 0
    assert 0.4 < simulated.noise["NEE"][night].median() < 1.0
    large = simulated.truth["NEE"] < -10
    assert 1.6 < simulated.noise["NEE"][large].median() < 3.2


def test_noise_of_neighbours_is_correlated_a_little(simulated):
    z = (simulated.record["NEE"] - simulated.truth["NEE"]) / simulated.noise["NEE"]
    assert z.autocorr(1) == pytest.approx(0.3, abs=0.04)
    assert z.autocorr(8) == pytest.approx(0.0, abs=0.04)


def test_the_truth_is_no_function_of_the_drivers_alone(table, simulated):
    """What two seeds differ by changes over days, not from hour to hour."""
    other = simulate(table, 48, PLACE, seed=4)
    noon = simulated.record.index.hour == 12
    ratio = np.log(other.truth["LE"][noon].clip(1) / simulated.truth["LE"][noon].clip(1))
    daily = ratio.resample("D").mean()
    assert 0.1 < daily.std() < 0.7
    assert daily.autocorr(1) > 0.7
    assert not np.allclose(other.record["NEE"].dropna(), simulated.record["NEE"].dropna())


def test_a_seed_gives_the_same_world(table, simulated):
    again = simulate(table, 48, PLACE, seed=3)
    for one, other in zip(again, simulated, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_hours_and_a_record_of_few_drivers_serve():
    record, _ = Tower(steps_a_day=24).record(end="2011-04-01")
    few = simulate(record[["NEE", "SW_IN", "TA"]], 24)
    assert list(few.truth) == ["NEE"]
    z = (few.record["NEE"] - few.truth["NEE"]) / few.noise["NEE"]
    assert z.autocorr(1) == pytest.approx(0.09, abs=0.06)
    assert np.corrcoef(few.truth["NEE"], record["NEE"])[0, 1] > 0.8


def test_what_cannot_be_simulated_is_told(table):
    with pytest.raises(InputError, match="SW_IN"):
        simulate(table.drop(columns=["SW_IN"]), 48)
    rare = table[["NEE", "SW_IN", "TA"]].copy()
    rare["NEE"] = rare["NEE"].where(np.arange(len(rare)) % 480 == 0)
    with pytest.raises(InputError, match="50 records"):
        simulate(rare, 48)
