from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.aggregation import aggregate, good_share, nests, period_starts
from uflux_kedro.readers.towers.csv_columns import read_columns

HALF_HOUR = pd.Timedelta("30min")


def half_hours(first: str, last: str, **columns) -> pd.DataFrame:
    time = pd.date_range(first, last, freq="30min", inclusive="left")
    return pd.DataFrame({"time": time} | columns)


def test_a_day_is_the_mean_of_its_half_hours_and_the_share_that_was_good():
    gpp = np.r_[np.zeros(24), np.full(24, 4.0), np.full(48, 1.0)]
    codes = np.r_[np.full(12, 0), np.full(24, 1), np.full(12, 2), np.full(48, 3)]
    record = half_hours("2004-01-01", "2004-01-03", GPP=gpp, GPP_QC=good_share(codes))
    days = aggregate(record, "DD", HALF_HOUR, completeness=0.5)
    assert days["time"].tolist() == list(pd.date_range("2004-01-01", periods=2))
    assert days["GPP_QC"].tolist() == [0.75, 0.0]
    assert days["GPP"].fillna(-1).tolist() == [2.0, -1.0]  # the second day has nothing good


@pytest.mark.parametrize(("completeness", "kept"), [(0.0, True), (0.5, True), (0.51, False)])
def test_completeness_counts_the_whole_period(completeness, kept):
    # February 2005 has 28 days; the record begins in its middle.
    record = half_hours("2005-02-15", "2005-03-01", TA=5.0, H=40.0)
    month = aggregate(record, "MM", HALF_HOUR, completeness)
    assert month["TA"].notna().tolist() == month["H"].notna().tolist() == [kept]
    assert month["time"].tolist() == [pd.Timestamp("2005-02-01")]


def test_weather_keeps_what_was_filled_and_fluxes_do_not():
    filled = good_share(np.full(48, 2))
    record = half_hours("2005-06-01", "2005-06-02", TA=5.0, TA_QC=filled, H=40.0, H_QC=filled)
    day = aggregate(record, "DD", HALF_HOUR, 0.5).iloc[0]
    assert (day["TA"], day["TA_QC"], day["H_QC"]) == (5.0, 0.0, 0.0)
    assert np.isnan(day["H"])


@pytest.mark.parametrize("year", [2004, 2005])
def test_weeks_count_from_new_year_and_the_last_takes_the_rest(year):
    days = pd.Series(pd.date_range(f"{year}-01-01", f"{year}-12-31"))
    starts = period_starts(days, "WW")
    assert starts.nunique() == 52
    assert starts.iloc[[0, 6, 7, -1]].dt.strftime("%m-%d").tolist() == [
        "01-01", "01-01", "01-08", "12-23" if year == 2004 else "12-24",
    ]  # fmt: skip
    record = pd.DataFrame({"time": days, "TA": 1.0, "H": 2.0, "H_QC": 1.0})
    weeks = aggregate(record, "WW", pd.Timedelta("1D"), 1.0)
    assert weeks.notna().all(axis=None), "every week is complete"
    assert weeks["H_QC"].tolist() == pytest.approx([1.0] * 52)


@pytest.mark.parametrize(("year", "days_of_last"), [(2004, 9), (2005, 8)])
def test_the_last_week_is_complete_with_all_its_days_alone(year, days_of_last):
    days = pd.Series(pd.date_range(f"{year}-01-01", f"{year}-12-31"))
    record = pd.DataFrame({"time": days, "TA": 1.0, "H": 2.0, "H_QC": 1.0})
    one_short = record.drop(index=[3, len(days) - 4])  # of the first week and of the last
    weeks = aggregate(one_short, "WW", pd.Timedelta("1D"), 1.0)
    assert np.flatnonzero(weeks["TA"].isna()).tolist() == [0, 51]
    assert weeks["H_QC"].iloc[[0, 1, 51]].tolist() == pytest.approx(
        [6 / 7, 1, (days_of_last - 1) / days_of_last]
    )


def test_days_make_months_but_weeks_do_not():
    assert [nests(s, "MM") for s in ("HH", "HR", "DD", "WW", "MM")] == [True] * 3 + [False, True]
    assert [nests(s, "DD") for s in ("HH", "DD", "WW", "MM")] == [True, True, False, False]


@settings(max_examples=30)
@given(
    st.lists(st.floats(-20, 20), min_size=48, max_size=48),
    st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan]), min_size=48, max_size=48),
    st.lists(st.booleans(), min_size=48, max_size=48),
    st.floats(0, 1),
)
def test_any_day_agrees_with_a_count_by_hand(values, codes, gaps, completeness):
    nee = np.where(gaps, np.nan, values)
    record = half_hours("2004-01-01", "2004-01-02", NEE=nee, NEE_QC=good_share(np.array(codes)))
    day = aggregate(record, "DD", HALF_HOUR, completeness).iloc[0]
    good = sum(c in (0.0, 1.0) for c in codes) / 48
    present = [v for v in nee if not np.isnan(v)]
    assert day["NEE_QC"] == pytest.approx(good)
    if present and min(good, len(present) / 48) >= completeness:
        assert day["NEE"] == pytest.approx(np.mean(present), abs=1e-9)
    else:
        assert np.isnan(day["NEE"])


def test_days_of_willow_creek_7_agree_with_fluxnets_own(shared_data):
    """Half-hours of downscaled reanalysis against its columns in the daily file."""
    folder = shared_data / "fluxnet_archives"
    names = {"TA_ERA": "TA", "SW_IN_ERA": "SW_IN", "VPD_ERA": "VPD", "PA_ERA": "PA", "P_ERA": "P"}
    half = read_columns(
        File(folder / "FLX_US-Wi7_FLUXNET2015_ERAI_HH_1989-2014_1-4.csv.gz"),
        {"TIMESTAMP_START", *names},
    )
    record = half.rename(columns=names)
    record.insert(0, "time", pd.to_datetime(record.pop("TIMESTAMP_START"), format="%Y%m%d%H%M"))
    record["P"] *= 48
    days = aggregate(record, "DD", HALF_HOUR, 1.0).set_index("time")
    theirs = pd.read_csv(folder / "FLX_US-Wi7_FLUXNET2015_FULLSET_DD_2005-2005_1-4.csv")
    theirs.index = pd.to_datetime(theirs["TIMESTAMP"].astype(str), format="%Y%m%d")
    both = days.index.intersection(theirs.index)
    assert len(both) > 100
    for column, name in names.items():
        # Half-hours are rounded to 0.001, of which rain is a sum of 48.
        atol = 0.008 if name == "P" else 0.001
        np.testing.assert_allclose(
            days.loc[both, name], theirs.loc[both, column], rtol=0, atol=atol
        )
