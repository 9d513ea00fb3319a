"""Steps, gaps and repetitions of made-up records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.testing.towers import simulate_towers
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.record import (
    _step,
    check_dates,
    coverage,
    energy_closure,
    missing_periods,
    repeated_years,
    steps,
)
from uflux_kedro.quality.years import Years


def towers(values, site="A", start="2001-01-01", freq="MS", resolution="MM", column="H"):
    time = pd.date_range(start, periods=len(values), freq=freq)
    table = pd.DataFrame({"site_id": site, "time": time, column: np.asarray(values, float)})
    table.attrs["resolution"] = resolution
    return table


def anomalies(before, after, size, noise=0.5, pattern=(1, -1)):
    level = np.repeat([-size / 2, size / 2], [before, after])
    return level + noise * np.resize(np.array(pattern, float), before + after)


def test_a_step_worked_out():
    month, size, deviations, p = _step(anomalies(24, 24, 2.0))
    assert (month, size) == (24, pytest.approx(2))
    # 48 residuals of 0.5 with two means taken off; each month against its neighbour, so that all
    # 48 count as independent.
    spread = 0.5 * np.sqrt(48 / 46)
    assert deviations == pytest.approx(2 / spread)
    t = 2 / spread * np.sqrt(48 * 24 * 24) / 48
    # A record of 48 may step at 25 months: a year at either end is kept.
    assert p == pytest.approx(2 * stats.t.sf(t, 46) * 25)


def test_months_that_go_along_count_for_fewer():
    # Blocks of three: of 53 products of neighbours 36 are of one sign and 17 of both: 19 of 54.
    found = _step(anomalies(27, 27, 1.2, pattern=(1, 1, 1, -1, -1, -1)))
    residual = anomalies(27, 27, 0.0, pattern=(1, 1, 1, -1, -1, -1))
    residual = residual - np.repeat([residual[:27].mean(), residual[27:].mean()], 27)
    r1 = (residual[1:] * residual[:-1]).sum() / (residual**2).sum()
    assert 0.3 < r1 < 0.4
    independent = 54 * (1 - r1) / (1 + r1)
    month, size, deviations, p = found
    assert month == 27
    spread = residual.std(ddof=2)
    assert deviations == pytest.approx(size / spread)
    t = size / spread * np.sqrt(independent * 27 * 27) / 54
    assert p == pytest.approx(min(1, 2 * stats.t.sf(t, independent - 2) * 31))


def test_a_step_is_counted_in_months_of_the_calendar():
    record = anomalies(24, 24, 2.0)
    gap = np.concatenate([np.full(5, np.nan), record[:24], np.full(7, np.nan), record[24:]])
    assert _step(gap)[0] == 36


def test_a_year_is_kept_at_either_end():
    assert _step(anomalies(12, 24, 4.0))[0] == 12
    assert _step(anomalies(24, 12, 4.0))[0] == 24
    assert _step(anomalies(11, 25, 4.0))[0] == 12
    assert _step(anomalies(25, 11, 4.0))[0] == 24


def test_three_years_may_step_and_a_month_less_may_not():
    assert _step(anomalies(18, 18, 4.0)) is not None
    assert _step(anomalies(18, 17, 4.0)) is None


def test_a_record_without_scatter_has_no_step():
    assert _step(anomalies(24, 24, 2.0, noise=0.0)) is None
    assert _step(np.zeros(48)) is None


@pytest.mark.parametrize(("deviations", "reported"), [(1.49, False), (1.51, True), (-1.51, True)])
def test_one_and_a_half_deviations_are_a_step(deviations, reported):
    # Two long halves, each year of which is alike, so that anomalies are the step alone.
    size = deviations * 0.5 * np.sqrt(240 / 238)
    table = towers(anomalies(120, 120, size, pattern=[1, -1] * 6 + [-1, 1] * 6))
    found = steps(Years.of(table, ["H"]), ["H"], 0.01)
    assert len(found) == reported
    if reported:
        assert found["month"].item() in {"2010-12", "2011-01", "2011-02"}
        assert found["step"].item() == pytest.approx(size, rel=0.02)
        assert found["deviations"].item() == pytest.approx(deviations, rel=0.02)


def test_the_month_of_a_step_is_named_by_the_calendar():
    series = anomalies(5 * 12 + 11, 6 * 12 + 1, 5.0, pattern=[1, -1] * 6 + [-1, 1] * 6)
    found = steps(Years.of(towers(series), ["H"]), ["H"], 0.01)
    assert found["month"].tolist() == ["2006-12"]


def test_the_chance_of_a_step_is_shared_among_records():
    series = anomalies(24, 24, 1.0, noise=0.5, pattern=[1, -1] * 6 + [-1, 1] * 6)
    one = Years.of(towers(series), ["H"])
    (alone,) = steps(one, ["H"], 1.0).itertuples()
    p = alone.p_value
    assert len(steps(one, ["H"], 1.01 * p)) == 1
    assert len(steps(one, ["H"], 0.99 * p)) == 0
    quiet = np.resize([1, -1] * 6 + [-1, 1] * 6, 48)
    many = [towers(series)] + [towers(quiet, f"S{i}") for i in range(4)]
    five = Years.of(pd.concat(many), ["H"])
    assert len(steps(five, ["H"], 5.05 * p)) == 1
    assert len(steps(five, ["H"], 4.95 * p)) == 0


def test_a_repeated_year_is_of_one_site_and_varies():
    year = np.arange(12.0)
    a = towers(np.concatenate([year, year + 1, year]), "A")
    b = towers(np.concatenate([year, 2 * year]), "B")  # the same as a year of A
    flat = towers(np.tile(np.full(12, 3.0), 2), "C")
    partly = towers(np.concatenate([year[:11], [np.nan], year[:11], [np.nan]]), "D")
    (finding,) = repeated_years(Years.of(pd.concat([a, b, flat, partly]), ["H"]), ["H"])
    assert finding.sites == ("A",)
    assert finding.found.startswith("2 years")
    tiny = towers(np.tile(np.linspace(0, 1e-6, 12), 2), "E")
    assert repeated_years(Years.of(tiny, ["H"]), ["H"]) == []


def test_gaps_in_the_record_of_days_and_of_months():
    days = towers(np.ones(10), freq="D", resolution="DD")
    assert missing_periods(days) == []
    fewer = days.drop(index=[3, 4, 7])
    fewer.attrs = days.attrs
    other = towers(np.ones(5), "B", freq="D", resolution="DD").drop(index=2)
    both = pd.concat([fewer, other])
    both.attrs = days.attrs
    (finding,) = missing_periods(both)
    assert finding.sites == ("A", "B")
    assert finding.found == "4 periods without a row, most at A"
    assert finding.weight == "note"


def test_times_off_the_start_of_their_period():
    noon = towers(np.ones(5), start="2001-01-01 12:00", freq="D", resolution="DD")
    (finding,) = [f for f in missing_periods(noon) if f.open]
    assert finding.expected == "times at the start of days"
    second = towers(np.ones(5), start="2001-01-02", freq="D", resolution="DD")
    assert missing_periods(second) == []
    month = towers(np.ones(3)).assign(
        time=pd.to_datetime(["2001-01-01", "2001-02-02", "2001-03-01"])
    )
    month.attrs["resolution"] = "MM"
    assert [f.sites for f in missing_periods(month) if f.open] == [("A",)]
    weeks = towers(np.ones(3), freq="7D", resolution="WW")
    assert missing_periods(weeks) == []


def test_the_share_of_periods_with_a_value():
    table = pd.concat([towers([1, np.nan, 3, 4]), towers([np.nan, 2], "B")])
    assert coverage(table, ["H"])["H"].to_dict() == {"A": 0.75, "B": 0.5}


def test_energy_closes_over_periods_with_all():
    table = pd.DataFrame(
        {
            "site_id": ["A", "A", "A", "B", "B"],
            "H": [20.0, 30.0, np.nan, 10.0, 10.0],
            "LE": [60.0, 60.0, 1e6, 30.0, 30.0],
            "NETRAD": [110.0, 120.0, 1e6, 50.0, np.nan],
            "G": [10.0, np.nan, 0.0, np.nan, np.nan],
        }
    )
    # 170 of 100 + 120, ground heat that is not measured being none; 40 of 50.
    closure = energy_closure(table)
    assert closure["ratio"].to_dict() == pytest.approx({"A": 170 / 220, "B": 0.8})
    assert closure["n"].to_dict() == {"A": 2, "B": 1}
    assert energy_closure(table.drop(columns="G"))["ratio"]["A"] == pytest.approx(170 / 230)
    for column in ("H", "LE", "NETRAD"):
        assert energy_closure(table.drop(columns=column)).empty


@pytest.mark.parametrize(
    ("start", "found"),
    [("1969-12-01", ["XX"]), ("1970-01-01", []), ("2026-10-01", []), ("2026-11-01", ["XX"])],
)
def test_dates_of_the_future_and_before_flux_towers(start, found):
    table = towers([1.0, 2.0], site="XX", start=start)
    findings = check_dates(table, pd.Timestamp("2026-11-30"))
    assert [s for f in findings if f.open for s in f.sites] == found
    assert all("1970 to 2026-11-30" in f.expected for f in findings)


def test_the_check_of_towers_finds_the_future():
    table, sites = simulate_towers(n_sites=2, n_years=2)
    last = table["site_id"] == "XX-001"
    table["time"] = table["time"].mask(last, table["time"] + pd.DateOffset(years=200))
    (finding,) = (f for f in check_towers(table, sites, QualityParameters()).findings if f.open)
    assert (finding.variable, finding.sites) == (None, ("XX-001",))
    assert "24 periods outside, such as 2202-12-01" in finding.found
