"""Spikes of fluxes: found, told, and left out only if that is wished."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.records import SUNNY_PLACE as PLACE
from tests.testing.records import sunny_record as record
from uflux_kedro.gapfilling.record import check_record
from uflux_kedro.gapfilling.spikes import find_spikes

_STEPS = 48


def _noise(days=52):
    """Return noise that is three times as large by day, and the day."""
    day = (np.arange(days * _STEPS) % _STEPS >= 14) & (np.arange(days * _STEPS) % _STEPS < 34)
    return np.random.default_rng(1).normal(0, np.where(day, 3.0, 1.0)), day


def test_a_value_is_judged_by_its_part_of_the_day():
    flux, day = _noise()
    noon, midnight = 24 + 5 * _STEPS, 2 + 9 * _STEPS
    flux[[noon, midnight]] = 13.0
    assert np.flatnonzero(find_spikes(flux, day, _STEPS)).tolist() == [midnight]
    flux[noon] = 60.0
    assert np.flatnonzero(find_spikes(flux, day, _STEPS)).tolist() == [noon, midnight]


def test_a_value_is_judged_by_its_season():
    flux, day = _noise()
    flux[26 * _STEPS + 1 :] *= 10  # from the third window of 13 days on
    early, late = 3 * _STEPS, 40 * _STEPS
    flux[[early, late]] = 20.0
    assert np.flatnonzero(find_spikes(flux, day, _STEPS)).tolist() == [early]


def test_neighbours_of_a_spike_and_edges_of_gaps_are_none():
    flux, day = _noise()
    flux[1000], flux[1100:1110], flux[1110] = 100.0, np.nan, 100.0  # and one that nobody can judge
    assert np.flatnonzero(find_spikes(flux, day, _STEPS)).tolist() == [1000]


def test_a_flux_that_never_changes_has_no_spikes():
    flux = np.zeros(2000)
    flux[7] = 5.0
    assert not find_spikes(flux, np.ones(2000, dtype=bool), _STEPS).any()


@pytest.mark.parametrize(("treatment", "left", "words"), [("flag", 60.0, "they stay"),
                                                          ("drop", np.nan, "made missing")])  # fmt: skip
def test_spikes_are_a_finding(treatment, left, words):
    table = record()
    table.iloc[3000, 0] = 60.0
    checked, (found,) = check_record(table, **PLACE, spikes=treatment)
    assert (found["check"], found["variable"]) == ("spikes", "NEE")
    assert found["found"] == f"1 of 5760 measured values, such as 60 on 2001-06-02 12:00; {words}"
    assert checked["NEE"].iloc[3000] == pytest.approx(left, nan_ok=True)
    assert checked["NEE"].isna().sum() == np.isnan(left)
    assert np.flatnonzero(checked["NEE_SPIKE"]).tolist() == [3000]
