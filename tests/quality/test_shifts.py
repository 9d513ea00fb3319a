"""Who is blamed, on tables of lags that are made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.quality.natural import SUN
from uflux_kedro.quality.shifts import _beyond_chance, circular_median, pool, shifts


def lags(*rows, error=0.1, site=0.5, pooled=0.2):
    """Pairs of ``(site_id, late, reference, lag)``."""
    table = pd.DataFrame(rows, columns=["site_id", "late", "reference", "lag"])
    return table.assign(error=error, site=site, pooled=pooled, r=0.95)


def test_the_pool_is_the_median_with_its_error():
    rows = [(f"S{i}", "EVI", "GPP", lag) for i, lag in enumerate([0.1, 0.2, 0.3, 0.4, 0.7])]
    (pair,) = pool(lags(*rows, error=0.01)).itertuples()
    assert (pair.late, pair.reference, pair.n, pair.pooled) == ("EVI", "GPP", 5, 0.2)
    assert pair.lag == pytest.approx(0.3)
    # Median of departures 0.1: 1.2533 x 1.4826 x 0.1 / sqrt(5).
    assert pair.error == pytest.approx(0.0830987, rel=1e-5)
    # Where sites agree better than their errors, the errors count: 1.2533 x 0.4 / sqrt(5).
    assert pool(lags(*rows, error=0.4))["error"].item() == pytest.approx(0.2241973, rel=1e-5)


def test_five_sites_are_a_pool_and_four_are_not():
    rows = [(f"S{i}", "EVI", "GPP", 0.0) for i in range(5)]
    assert len(pool(lags(*rows))) == 1
    assert pool(lags(*rows[:4])).empty


@pytest.mark.parametrize(
    ("excess", "beyond"),
    [
        # Of a normal value 0.01 lie above 2.3263, the root 0.1 above 1.2816, the third root
        # 0.2154 above 0.7877.
        ([2.327], True),
        ([2.326], False),
        ([1.282, 1.282], True),
        ([1.281, 1.281], False),
        ([2.3, 1.2, 0.788], True),
        ([1.2, 0.787, 2.3], False),
        ([0.79, 0.79, 0.78, 0.78, 0.78], False),
        ([0.0, 0.0, 2.327], True),
    ],
)
def test_one_pair_far_out_or_some_that_agree(excess, beyond):
    assert _beyond_chance(np.array(excess), 0.01) == beyond


def test_the_median_of_lags_on_the_circle_of_the_year():
    assert circular_median(np.array([1.0, 2.0, 4.0])) == pytest.approx(2)
    assert circular_median(np.array([5.5, -5.5])) == pytest.approx(6)
    assert circular_median(np.array([5.0, 6.0, -5.0, np.nan])) == pytest.approx(6)
    assert circular_median(np.array([-5.4])) == pytest.approx(-5.4)
    assert circular_median(np.array([-5.6])) == pytest.approx(6.4)
    assert circular_median(np.array([6.4])) == pytest.approx(6.4)


def test_a_pair_speaks_from_one_and_a_half_errors_beyond_its_range():
    # Two pairs that agree, at a chance of 0.49 / 2 among three columns of a site: the second of
    # them need only be 0.57 errors out.
    def found(excess):
        lag = 0.5 + 0.1 * excess
        return shifts(lags(("A", "EVI", "GPP", lag), ("A", "EVI", "RECO", lag)), 0.49)

    assert found(1.49) == []
    (shift,) = found(1.51)
    assert (shift.column, shift.sites, shift.pairs) == ("EVI", ("A",), ("GPP", "RECO"))
    assert shift.months == pytest.approx(0.651)
    assert not shift.pooled


@pytest.mark.parametrize(
    ("late", "reference", "blamed", "months"),
    [
        ("EVI", "GPP", "EVI", 2.0),
        ("GPP", "LAI", "LAI", -2.0),
        ("GPP", "TA", "GPP", 2.0),
        ("TA", "GPP", "GPP", -2.0),
        ("TA", SUN, "TA", 2.0),
    ],
)
def test_of_two_that_disagree_the_less_sure_is_blamed(late, reference, blamed, months):
    (shift,) = shifts(lags(("A", late, reference, 2.0)), 0.01)
    assert shift.column == blamed
    assert shift.months == pytest.approx(months)


def test_the_column_of_most_broken_pairs_is_blamed():
    rows = [
        ("A", "GPP", "RECO", 0.0),
        ("A", "EVI", "RECO", 0.0),
        ("A", "EVI", "GPP", 0.0),
        ("A", "LAI", "EVI", 3.0),
        ("A", "LAI", "GPP", 3.0),
        ("A", "LAI", "RECO", 3.0),
    ]
    (shift,) = shifts(lags(*rows), 0.01)
    assert (shift.column, shift.months) == ("LAI", pytest.approx(3))


def test_weather_that_leaves_the_sun_together_is_the_calendar():
    rows = [("A", name, SUN, -2.0) for name in ("TA", "SW_IN", "LW_IN")]
    rows += [("A", "SW_IN", "TA", 0.0), ("A", "LW_IN", "TA", 0.0)]
    (shift,) = shifts(lags(*rows), 0.01)
    assert shift.column is None
    assert shift.months == pytest.approx(-2)


def test_sites_with_one_account_make_one_finding():
    rows = [(site, "EVI", "GPP", lag) for site, lag in (("A", 2.1), ("B", 1.9), ("C", -3.0))]
    rows += [("D", "EVI", "GPP", 0.4)]
    two, other = shifts(lags(*rows), 0.01)
    assert (two.sites, two.months) == (("A", "B"), pytest.approx(2.0))
    assert (other.sites, other.months) == (("C",), pytest.approx(-3.0))


def test_a_shift_of_all_sites_is_reported_once():
    # 0.3 months beyond the pool's 0.2, of an error 1.2533 x 0.1 / sqrt(25): twelve errors; no
    # single site is beyond its own 0.5.
    rows = [(f"S{i:02d}", "EVI", "GPP", 0.5) for i in range(25)]
    (shift,) = shifts(lags(*rows), 0.01)
    assert shift.pooled
    assert shift.column == "EVI"
    assert len(shift.sites) == 25
    assert shift.months == pytest.approx(0.5)
    # And within the pool's range nothing is.
    assert shifts(lags(*[(f"S{i:02d}", "EVI", "GPP", 0.21) for i in range(25)]), 0.01) == []


def test_the_chance_is_shared_among_columns_and_sites():
    # 0.01 / 2 among two columns of a site: 0.0025 lie above 2.807 errors; among those of ten
    # sites 0.00025 above 3.481.
    def found(excess, sites):
        rows = [("A", "EVI", "GPP", 0.5 + 0.1 * excess)]
        rows += [(f"S{i}", "EVI", "GPP", (-1) ** i * 0.4) for i in range(sites - 1)]
        return shifts(lags(*rows), 0.01)

    assert found(2.80, 1) == []
    assert len(found(2.82, 1)) == 1
    assert found(3.47, 10) == []
    assert len(found(3.49, 10)) == 1


def test_the_chance_of_a_pool_is_shared_among_columns():
    # 0.01 / 2 among two columns: 2.807 errors of 1.2533 x 0.1 / sqrt(5) = 0.0560493 beyond 0.2.
    def found(excess):
        lag = 0.2 + 0.0560493 * excess
        return shifts(lags(*[(f"S{i}", "EVI", "GPP", lag) for i in range(5)]), 0.01)

    assert found(2.80) == []
    assert len(found(2.82)) == 1
