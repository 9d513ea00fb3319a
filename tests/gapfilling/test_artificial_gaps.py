"""Artificial gaps hide what real ones would, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gapfilling import SCENARIOS, draw_gaps, scenario_of
from uflux_kedro.gapfilling.parameters import Scenario

YEAR = 365 * 48


@pytest.fixture(scope="module")
def measured():
    """A year with a gap of a month, short ones, and one in every fourth night."""
    rng = np.random.default_rng(0)
    here = rng.random(YEAR) > 0.1
    here[9000:10440] = False
    nights = np.arange(YEAR).reshape(-1, 48)[::4, :12]
    here[nights.ravel()] = False
    return here


def spans(gaps):
    """First and last hidden record of each gap, in the order of time."""
    numbers = np.unique(gaps[gaps >= 0])
    ends = [np.flatnonzero(gaps == number)[[0, -1]] for number in numbers]
    return sorted((int(first), int(last)) for first, last in ends)


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_measured_records_are_hidden_in_gaps_that_do_not_touch(measured, name):
    """A record that stays lies between any two gaps of a record without gaps."""
    scenario = SCENARIOS[name]
    gaps = draw_gaps(measured, 48, scenario, seed=3)
    assert (gaps >= 0).any()
    assert measured[gaps >= 0].all()
    assert (gaps >= 0).sum() <= scenario.hidden * measured.sum() * 1.5
    whole = np.ones(YEAR, dtype=bool)
    if scenario.days:
        apart = spans(draw_gaps(whole, 48, scenario, seed=3))
        assert all(second[0] - first[1] >= 2 for first, second in pairwise(apart))
    np.testing.assert_array_equal(gaps, draw_gaps(measured, 48, scenario, seed=3))
    assert not np.array_equal(gaps, draw_gaps(measured, 48, scenario, seed=4))


def test_lengths_have_their_shares_of_the_hidden_records():
    """Of a year without gaps, every gap is as long as it should be."""
    scenario = Scenario(days={30.0: 0.5, 7.0: 0.3, 1.0: 0.2}, hidden=0.4)
    gaps = draw_gaps(np.ones(YEAR, dtype=bool), 48, scenario, seed=0)
    lengths = np.bincount(gaps[gaps >= 0])
    assert set(lengths) == {30 * 48, 7 * 48, 48}
    for days, share in scenario.days.items():
        of_length = lengths[lengths == days * 48].sum() / YEAR
        # Half a gap too much or too little at most.
        assert of_length == pytest.approx(0.4 * share, abs=0.51 * days / 365)


def test_a_gap_hides_its_least_share(measured):
    """Gaps lie where enough was measured."""
    gaps = draw_gaps(measured, 48, Scenario(days={12.0: 1.0}, hidden=0.2, observed=0.8), seed=1)
    assert (np.bincount(gaps[gaps >= 0]) >= 0.8 * 12 * 48).all()
    none = draw_gaps(measured, 48, Scenario(days={25.0: 1.0}, hidden=0.5, observed=0.99), seed=1)
    assert (none == -1).all()


def test_own_gaps_keep_hour_and_season():
    """Gaps of summer nights give gaps of summer nights, of the same lengths."""
    here = np.ones((365, 48), dtype=bool)
    here[170:200:3, 4:10] = False
    gaps = draw_gaps(here.ravel(), 48, SCENARIOS["own"], seed=0)
    step = np.flatnonzero(gaps >= 0)
    assert set(step % 48) <= set(range(4, 10))
    assert step.min() // 48 >= 170 - 45
    assert step.max() // 48 <= 197 + 45
    assert (np.bincount(gaps[gaps >= 0]) == 6).all()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_record_too_short_keeps_most_of_its_records(name):
    """A gap as long as the record has no place: it would hide all there is."""
    here = np.ones(5 * 48, dtype=bool)
    gaps = draw_gaps(here, 48, SCENARIOS[name], seed=0)
    assert (gaps < 0).sum() >= 0.4 * len(here)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("here", [np.zeros(480, dtype=bool), np.zeros(0, dtype=bool)])
def test_nothing_measured_nothing_hidden(here, name):
    """Neither a record without values nor one without steps has anything to hide."""
    gaps = draw_gaps(here, 48, SCENARIOS[name], seed=0)
    assert gaps.shape == here.shape
    assert (gaps == -1).all()


def test_a_record_without_gaps_has_no_own_ones():
    """Nothing can be drawn from it."""
    assert (draw_gaps(np.ones(480, dtype=bool), 48, SCENARIOS["own"], seed=0) == -1).all()


def test_scenarios_by_name():
    """Those of a configuration come first, and an unknown one gets a hint."""
    mine = Scenario(days={2.0: 1.0})
    assert scenario_of("long", {"long": mine}) is mine
    assert scenario_of("long") is SCENARIOS["long"]
    with pytest.raises(ConfigurationError, match="did you mean 'short'"):
        scenario_of("shorter")
    with pytest.raises(ValueError, match="above 0"):
        Scenario(days={-1.0: 1.0})
