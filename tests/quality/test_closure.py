"""Balances and second sources at the ends of their tolerances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.towers import simulate_towers
from uflux_kedro.quality.closure import (
    _moved,
    check_carbon_balance,
    check_carbon_timing,
    compare_sources,
)
from uflux_kedro.quality.years import Years


def towers(months=24, site="A", **columns):
    time = pd.date_range("2001-01-01", periods=months, freq="MS")
    return pd.DataFrame({"site_id": site, "time": time, **columns})


def carbon(months=24, site="A", RECO=1.0, GPP=1.0, noise=0.0, seed=0):
    """Return fluxes with a balance of these coefficients."""
    rng = np.random.default_rng(seed)
    gpp, reco = rng.uniform(0, 10, (2, months))
    nee = RECO * reco - GPP * gpp
    nee = nee + noise * nee.std() * np.resize([1.0, -1.0], months)
    return towers(months, site, GPP=gpp, RECO=reco, NEE=nee)


def test_twelve_months_make_a_balance_and_eleven_do_not():
    assert len(check_carbon_balance(carbon(12, RECO=-1, GPP=-1))) == 1
    assert check_carbon_balance(carbon(11, RECO=-1, GPP=-1)) == []
    gap = carbon(12, RECO=-1, GPP=-1)
    gap.loc[3, "GPP"] = np.nan
    assert check_carbon_balance(gap) == []


def test_a_coefficient_is_read_within_six_thousandths():
    for off, reported in ((0.0059, True), (-0.0059, True), (0.0062, False), (-0.0062, False)):
        found = check_carbon_balance(carbon(RECO=1.0, GPP=1.0377504 + off))
        assert [f.variable for f in found] == ["GPP"] * reported
    # A healthy balance off by as little is healthy.
    for off in (0.0059, -0.0059, 0.02):
        assert check_carbon_balance(carbon(RECO=1.0 + off)) == []


@pytest.mark.parametrize(
    ("RECO", "GPP", "variable", "size"),
    [
        (0.001, 0.001, "NEE", "0.001 times"),
        (1.0, 0.001, "GPP", "1000 times"),
        (1000.0, 1.0, "RECO", "0.001 times"),
        (2.1, 2.1, "NEE", "2.1 times"),
    ],
)
def test_one_column_of_another_size_is_named(RECO, GPP, variable, size):
    (finding,) = check_carbon_balance(carbon(200, RECO=RECO, GPP=GPP))
    assert finding.variable == variable
    assert size in finding.found


def test_two_columns_of_another_size_or_a_factor_below_two_are_not_named():
    assert check_carbon_balance(carbon(RECO=0.1, GPP=0.001)) == []
    assert check_carbon_balance(carbon(RECO=1.9, GPP=1.9)) == []


def test_a_balance_that_leaves_a_ten_thousandth_is_exact():
    # The pattern of +1 and -1 leaves the square of ``noise`` of the variance, nearly.
    assert len(check_carbon_balance(carbon(200, RECO=-1, GPP=-1, noise=0.0095))) == 1
    assert check_carbon_balance(carbon(200, RECO=-1, GPP=-1, noise=0.0105)) == []


@pytest.mark.parametrize(
    ("RECO", "GPP", "variable", "said"),
    [
        (1.0, 1 / 1.0377504, "GPP", "GPP in umol"),
        (1 / 1.0377504, 1.0, "RECO", "RECO in umol"),
        (0.963623, 0.963623, "NEE", "NEE in umol"),
        (-1.0, -1.0, "NEE", "NEE positive into the ecosystem (opposite sign)"),
        (-0.963623, -0.963623, "NEE", "NEE in umol CO2 m-2 s-1 (factor 1.0377) and NEE positive"),
    ],
)
def test_what_a_balance_tells(RECO, GPP, variable, said):
    # A column in umol is smaller by 1.0377, and its coefficient larger by as much.
    before = {"GPP": (1.0, 1.0377504), "RECO": (1.0377504, 1.0)}.get(variable, (RECO, GPP))
    (finding,) = check_carbon_balance(carbon(RECO=before[0], GPP=before[1]))
    assert finding.variable == variable
    assert finding.found.startswith(f"a balance that is exact only with {said}")


def sources(name, factor, noise=0.0, months=24):
    """Return a column and a correlated second source that is ``factor`` times smaller."""
    rng = np.random.default_rng(1)
    wave = np.resize([1.0, 2.0, 3.0, 4.0], months)
    other = wave + noise * rng.normal(size=months)
    return towers(months, **{name: factor * other}), towers(months, **{name: wave})


def test_two_sources_of_twelve_months_are_compared_and_of_eleven_are_not():
    assert len(compare_sources(*sources("WS", 3.6, months=12))) == 1
    assert compare_sources(*sources("WS", 3.6, months=11)) == []


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1 / 1.0377504, "umol CO2 m-2 s-1 (factor 1.0377)"),
        (1 / 1.0377504 * 1.0059, "umol CO2 m-2 s-1 (factor 1.0377)"),
        (1 / 1.0377504 * 0.9941, "umol CO2 m-2 s-1 (factor 1.0377)"),
        (1 / 1.0377504 * 1.0061, None),
        (1 / 1.0377504 * 0.9939, None),
        (1.0377504, "gC times 1.0377 (converted twice)"),
        (1.0, None),
        (1.999, None),
        (2.001, ""),
        (0.501, None),
        (0.499, ""),
        (30.4375 * 1.29, "gC m-2 month-1"),
        (30.4375 * 0.71, "gC m-2 month-1"),
        (30.4375 * 1.31, ""),
        (30.4375 * 0.69, ""),
        (44.009 / 12.011, "g CO2 m-2 d-1"),
    ],
)
def test_ratios_of_two_sources(factor, said):
    found = compare_sources(*sources("GPP", factor))
    if said is None:
        assert found == []
    else:
        (finding,) = found
        assert finding.found == f"{factor:.4g} times the second source (r = 1.000)" + (
            f": likely {said}" if said else ""
        )


def test_sources_that_do_not_go_along_tell_large_factors_no_more():
    seen = {}
    for noise in np.linspace(1.0, 3.0, 60):
        first, second = sources("GPP", 30.4375, noise)
        r = np.corrcoef(first["GPP"], second["GPP"])[0, 1]
        seen[r] = bool(compare_sources(first, second))
    assert all(reported == (r > 0.7) for r, reported in seen.items())
    assert min(abs(r - 0.71) for r in seen) < 0.01 > min(abs(r - 0.69) for r in seen)


def test_a_small_factor_needs_the_same_measurements():
    # Knots are 1.944 m s-1: another anemometer of the kind may well read twice as much.
    assert len(compare_sources(*sources("WS", 1.944))) == 1
    assert compare_sources(*sources("WS", 1.944, noise=0.3)) == []
    assert len(compare_sources(*sources("WS", 3.6, noise=0.3))) == 1


def test_sources_meet_by_month():
    first, second = sources("WS", 3.6)
    days = first.loc[first.index.repeat(2)].reset_index(drop=True)
    days["time"] += pd.to_timedelta(np.resize([0, 14], len(days)), "D")
    days["WS"] *= np.resize([0.5, 1.5], len(days))
    (finding,) = compare_sources(days, second)
    assert finding.found.startswith("3.6 times")
    second["time"] += pd.DateOffset(years=9)
    assert compare_sources(days, second) == []
    zero = second.assign(time=first["time"], WS=0.0)
    assert compare_sources(first, zero) == []


def years(*tables):
    return Years.of(pd.concat(tables, ignore_index=True), ["GPP", "RECO", "NEE"])


@pytest.mark.parametrize("months", [-6, -3, -1, 1, 4, 6])
@pytest.mark.parametrize("name", ["GPP", "RECO", "NEE"])
def test_the_column_and_its_months_are_named(name, months):
    table = carbon(36)
    table[name] = table[name].shift(months)
    (finding,) = check_carbon_timing(years(table))
    assert finding.variable == name
    side = "late" if months > 0 else "early"
    words = f"{abs(months)} month{'s' if abs(months) > 1 else ''} {side}"
    assert finding.found == (
        f"{words}: the carbon balance fails as read and is exact with {name} moved by {-months:+d}"
    )


def test_beyond_half_a_year_no_shift_is_tried():
    table = carbon(48)
    table["GPP"] = table["GPP"].shift(7)
    assert check_carbon_timing(years(table)) == []


def test_a_record_moved_leaves_gaps_at_its_end():
    record = np.arange(1.0, 6)
    np.testing.assert_array_equal(_moved(record, 2), [np.nan, np.nan, 1, 2, 3])
    np.testing.assert_array_equal(_moved(record, -2), [3, 4, 5, np.nan, np.nan])
    np.testing.assert_array_equal(_moved(record, 0), record)


def failing(name, seed):
    bad = carbon(24, name, seed=seed)
    return bad.assign(NEE=bad["NEE"].sample(frac=1, random_state=0).to_numpy())


def test_failed_balances_are_reported_where_more_than_four_fifths_are_exact():
    bad = [failing("Y", 98), failing("Z", 99)]
    good = [carbon(24, f"S{i}", seed=i) for i in range(9)]
    (finding,) = check_carbon_timing(years(*good, *bad))
    assert finding.sites == ("Y", "Z")
    assert "exact at 9 other sites" in finding.found
    assert check_carbon_timing(years(*good[:8], *bad)) == []


def test_a_balance_that_fails_at_one_site_alone_is_reported():
    (finding,) = check_carbon_timing(years(carbon(24, "S0", seed=0), failing("Z", 99)))
    assert finding.sites == ("Z",)
    assert "exact at another site" in finding.found
    assert check_carbon_timing(years(failing("Z", 99))) == []


def test_a_balance_fails_from_a_hundredth_on():
    good = [carbon(24, f"S{i}", seed=i) for i in range(9)]
    for noise, reported in ((0.098, False), (0.103, True)):
        found = check_carbon_timing(years(*good, carbon(24, "Z", noise=noise, seed=42)))
        assert bool(found) == reported


def test_too_few_months_say_neither():
    good = [carbon(24, f"S{i}", seed=i) for i in range(9)]
    for months, reported in ((11, False), (12, True)):
        bad = carbon(months, "Z", seed=99)
        bad["NEE"] = -bad["NEE"] + 3
        assert bool(check_carbon_timing(years(*good, bad))) == reported
    flat = carbon(24, "Z").assign(NEE=1.0)
    assert check_carbon_timing(years(*good, flat)) == []


def test_swapped_headers_of_gpp_and_reco_are_told_from_an_opposite_sign():
    towers, _ = simulate_towers(n_sites=2)
    (finding,) = check_carbon_balance(towers.rename(columns={"GPP": "RECO", "RECO": "GPP"}))
    assert finding.variable == "GPP, RECO"
    (finding,) = check_carbon_balance(towers.assign(NEE=-towers["NEE"]))
    assert finding.variable == "NEE"
