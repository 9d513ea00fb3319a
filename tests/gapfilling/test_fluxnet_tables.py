"""Tables of filled records, which the readers of FLUXNET's archives read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling.drivers import fill_drivers
from uflux_kedro.gapfilling.fluxnet_tables import as_text, file_name, half_hours, periods
from uflux_kedro.readers import read_half_hours, read_towers

GRAMS_A_DAY = 12.011e-6 * 86400


@pytest.fixture(scope="module")
def record() -> pd.DataFrame:
    """Two months of weather that repeats itself every day."""
    times = pd.date_range("2011-04-01", "2011-06-01", freq="30min", inclusive="left", name="time")
    hour = np.asarray(times.hour + times.minute / 60)
    sun = 600 * np.clip(np.sin(np.pi * (hour - 6) / 12), 0, None)
    return pd.DataFrame(
        {"NEE": np.where(np.arange(len(times)) % 3, 2.0, np.nan), "TA": 10 + sun / 60, "SW_IN": sun,
         "VPD": sun / 50, "LW_IN": 300.0, "PA": 98.0, "WS": 2.0, "P": 0.1, "USTAR": 0.3, "SWC": 20.0},
        times,
    )  # fmt: skip


@pytest.fixture(scope="module")
def filled(record) -> pd.DataFrame:
    gap = record["NEE"].isna()
    return pd.DataFrame(
        {"NEE_F": record["NEE"].fillna(4.0), "NEE_F_QC": gap.astype(float) * 2, "NEE_F_METHOD": "mds",
         "NEE_F_SD": np.where(gap, 1.5, np.nan), "NEE_RANDUNC": np.where(gap, np.nan, 0.5),
         "NEE_VUT_16_F": 2.0, "NEE_VUT_84_F": 4.0, "LE_F": 50.0, "LE_F_QC": 0.0},
        record.index,
    )  # fmt: skip


def test_half_hours_have_the_names_of_fluxnet(record, filled):
    table = half_hours(record, filled, pd.DataFrame({"GPP_NT": 5.0, "RECO_NT": 7.0}, record.index))
    assert table["NEE_VUT_REF"].tolist()[:3] == [4, 2, 2]
    assert table["NEE_VUT_REF_QC"].tolist()[:3] == [2, 0, 0]
    assert table["NEE_VUT_REF_RANDUNC"].tolist()[:3] == [1.5, 0.5, 0.5]
    assert table["NEE_VUT_REF_JOINTUNC"].tolist()[:2] == pytest.approx([3.25**0.5, 1.25**0.5])
    named = {
        "GPP_NT_VUT_REF",
        "RECO_NT_VUT_REF",
        "LE_F_MDS",
        "LE_F_MDS_QC",
        "TA_F",
        "TA_F_QC",
        "P_F",
    }
    assert named <= set(table)
    assert "H_F_MDS" not in table


def test_periods_are_means_of_carbon_and_sums_of_rain(record, filled):
    table = half_hours(record, filled)
    days, months = periods(table, "DD"), periods(table, "MM")
    mean = 8 / 3 * GRAMS_A_DAY
    assert days["NEE_VUT_REF"].tolist() == pytest.approx([mean] * 61, rel=1e-4)
    assert months[["NEE_VUT_REF", "P_F"]].iloc[0].tolist() == pytest.approx([mean, 4.8], rel=1e-4)
    assert months["NEE_VUT_REF_QC"].tolist() == pytest.approx([2 / 3] * 2)
    assert "NEE_VUT_REF_RANDUNC" not in months
    assert periods(table, "YY")["NEE_VUT_REF"].isna().all()


def test_a_year_is_a_sum(record):
    times = pd.date_range("2011-01-01", "2012-01-01", freq="60min", inclusive="left", name="time")
    year = periods(pd.DataFrame({"NEE_VUT_REF": 1.0, "P_F": 0.1, "TA_F": 5.0}, times), "YY").iloc[0]
    assert year.tolist() == pytest.approx([365 * GRAMS_A_DAY, 876, 5], rel=1e-4)


def test_errors_of_periods_come_from_sums(record, filled):
    start = pd.DatetimeIndex(["2011-04-01", "2011-05-01"], name="time")
    sums = pd.DataFrame(
        {"NEE_VUT_REF_RANDUNC": [0.1, 0.2], "NEE_VUT_REF_JOINTUNC": [1.0, 2.0]}, start
    )
    months = periods(half_hours(record, filled), "MM", sums)
    assert months["NEE_VUT_REF_RANDUNC"].tolist() == [0.1, 0.2]
    assert months["NEE_VUT_REF_JOINTUNC"].tolist() == pytest.approx(
        np.hypot([1, 2], GRAMS_A_DAY), rel=1e-4
    )


def test_weather_is_filled_by_similar_weather_then_by_reanalysis(record):
    gappy = record.copy()
    gappy.iloc[100, gappy.columns.get_loc("TA")] = np.nan
    gappy.iloc[:1000, gappy.columns.get_loc("WS")] = np.nan
    gappy["WS_ERA"] = np.where(np.arange(len(gappy)) < 500, 3.0, np.nan)
    weather = fill_drivers(gappy)
    assert weather["TA_F"].iloc[100] == pytest.approx(record["TA"].iloc[100], abs=1.0)
    assert weather["TA_F_QC"].value_counts().to_dict() == {0: len(record) - 1, 1: 1}
    assert weather["WS_F"].iloc[[0, 2000]].tolist() == [3, 2]
    assert weather["WS_F"].isna().sum() == 500
    assert weather["WS_F_QC"].iloc[[0, 2000]].tolist() == [2, 0]


def test_the_main_chain_and_gap_filling_read_the_tables(record, filled, tmp_path):
    fluxes = filled.assign(H_F=20.0, H_F_QC=0.0)
    hours = half_hours(record, fluxes, pd.DataFrame({"GPP_NT": 5.0, "RECO_NT": 7.0}, record.index))
    for step, table in {
        "HH": hours,
        "MM": periods(hours, "MM"),
        "DD": periods(hours, "DD"),
    }.items():
        name = file_name("US-Xyz", step, record.index)
        as_text(table, step).to_csv(tmp_path / name, index=False)
    (tmp_path / "sites.csv").write_text(
        "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nUS-Xyz,45,-90,DBF\n"
    )
    months, _ = read_towers(tmp_path, energy_balance="RAW")
    assert months["NEE"].tolist() == pytest.approx([8 / 3 * GRAMS_A_DAY] * 2, rel=1e-4)
    assert months["GPP"].tolist() == pytest.approx([5 * GRAMS_A_DAY] * 2, rel=1e-4)
    assert months[["LE", "H", "TA", "P", "NEE_QC"]].iloc[0].tolist() == pytest.approx(
        [50, 20, record["TA"].mean(), 4.8, 2 / 3], rel=1e-3
    )
    days, _ = read_towers(tmp_path, energy_balance="RAW", resolution="DD")
    assert len(days) == 61
    again = read_half_hours(tmp_path)[0].table
    pd.testing.assert_series_equal(again["NEE"], record["NEE"], check_index_type=False)
