"""FULLSET tables of hours and half-hours, averaged to days and longer periods."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.testing.sources import FLUXNET_COLUMNS
from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.fluxnet import read_fluxnet

GRAMS_A_DAY = 12.011e-6 * 86400
"""gC m-2 d-1 in one umol CO2 m-2 s-1."""

DAYS = TowerParameters(resolution="DD")


@pytest.fixture
def half_hourly():
    """Make days of a FULLSET table; carbon varies about its mean, rain falls once a day."""

    def make(first="2004-06-01", days=3, minutes=30, **changes) -> pd.DataFrame:
        starts = pd.date_range(first, periods=days * 1440 // minutes, freq=f"{minutes}min")
        ends = starts + pd.Timedelta(minutes=minutes)
        table = pd.DataFrame(
            {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"),
             "TIMESTAMP_END": ends.strftime("%Y%m%d%H%M")}
        ).assign(**FLUXNET_COLUMNS)  # fmt: skip
        codes = [c for c in table if c.endswith("_QC")]
        swing = np.sin(2 * np.pi * (starts.hour + starts.minute / 60) / 24)
        noon = (starts.hour == 12) & (starts.minute == 0)
        table["NEE_VUT_REF"] = -1.5 + 8 * swing
        table["P_F"] = np.where(noon, 6.0, 0.0)
        return table.assign(**dict.fromkeys(codes, 0)).assign(**changes)

    return make


@pytest.fixture
def archive(tmp_path):
    def write(table, step="HH", name="FLX_XX-Aaa_FLUXNET2015_FULLSET", years="2004-2004_1-4"):
        path = tmp_path / f"{name}_{years}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"{name}_{step}_{years}.csv", table.to_csv(index=False))
        return path

    return write


@pytest.mark.parametrize(("step", "minutes"), [("HH", 30), ("HR", 60), ("HH", 60)])
def test_carbon_is_converted_and_rain_summed_at_any_step(half_hourly, archive, step, minutes):
    towers = read_fluxnet(archive(half_hourly(minutes=minutes), step), DAYS)
    assert towers["time"].tolist() == list(pd.date_range("2004-06-01", periods=3))
    day = towers.iloc[1]
    assert day["NEE"] == pytest.approx(-1.5 * GRAMS_A_DAY)
    assert day["GPP"] == pytest.approx(5.0 * GRAMS_A_DAY)
    assert day["RECO"] == pytest.approx(3.5 * GRAMS_A_DAY)
    assert day["P"] == pytest.approx(6.0)
    assert day[["TA", "VPD", "H", "LE"]].tolist() == pytest.approx([10.5, 4.5, 36.0, 48.0])
    assert day[["NEE_QC", "GPP_QC", "LE_QC", "TA_QC"]].tolist() == [1.0] * 4
    assert towers.attrs["resolution"] == "DD"


def test_codes_become_the_share_that_was_measured_or_filled_well(half_hourly, archive):
    table = half_hourly()
    table.loc[:11, "NEE_VUT_REF_QC"] = 1
    table.loc[12:23, "NEE_VUT_REF_QC"] = 2
    table.loc[48:95, "NEE_VUT_REF_QC"] = 3
    towers = read_fluxnet(archive(table), DAYS)
    assert towers["NEE_QC"].tolist() == [0.75, 0.0, 1.0]
    assert towers["NEE"].isna().tolist() == [False, True, False]
    assert towers["LE"].notna().all(), "LE has quality of its own"
    strict = read_fluxnet(archive(table), TowerParameters(resolution="DD", completeness=0.8))
    assert strict["NEE"].isna().tolist() == [True, True, False]


def test_months_come_from_half_hours_as_from_days(half_hourly, archive):
    table = half_hourly("2004-02-01", days=29)
    direct = read_fluxnet(archive(table)).iloc[0]
    days = read_fluxnet(archive(table), DAYS)
    assert direct["NEE"] == pytest.approx(days["NEE"].mean())
    assert direct["P"] == pytest.approx(6.0)
    assert direct["time"] == pd.Timestamp("2004-02-01")


def test_soil_water_in_percent_becomes_a_fraction(half_hourly, archive):
    table = half_hourly(SWC_F_MDS_1=35.0, SWC_F_MDS_1_QC=0)
    assert read_fluxnet(archive(table), DAYS)["SWC"].tolist() == pytest.approx([0.35] * 3)


def test_a_table_of_the_wanted_step_comes_before_an_average(half_hourly, fluxnet_table, tmp_path):
    path = tmp_path / "AMF_XX-Aaa_FLUXNET_FULLSET_2004-2004_3-5.zip"
    stem = "AMF_XX-Aaa_FLUXNET_FULLSET_{}_2004-2004_3-5.csv"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(stem.format("HR"), half_hourly(minutes=60).to_csv(index=False))
        z.writestr(stem.format("MM"), fluxnet_table().to_csv(index=False))
    assert read_fluxnet(path)["GPP"].iloc[0] == 5.0
    assert len(read_fluxnet(path, DAYS)) == 3


@pytest.mark.parametrize(
    ("row", "stamp", "message"),
    [
        (10, "200406010515", "each period|after a later|a step of|starts of hours"),
        (5, "200406010200", "each period once"),
        (5, "2004060102", "timestamps"),
        (5, "200406319999", "timestamps"),
    ],
)
def test_timestamps_off_the_step_are_refused(half_hourly, archive, row, stamp, message):
    table = half_hourly()
    table.loc[row, "TIMESTAMP_START"] = stamp
    with pytest.raises(InputError, match=message):
        read_fluxnet(archive(table), DAYS)


def test_nothing_but_poor_filling_is_said(half_hourly, archive):
    table = half_hourly(NEE_VUT_REF_QC=3, H_F_MDS_QC=3, LE_F_MDS_QC=3)
    with pytest.raises(InputError, match=r"at least one flux.*50% .*towers\.completeness"):
        read_fluxnet(archive(table), DAYS)


def test_text_among_half_hours_is_named(half_hourly, archive):
    table = half_hourly()
    table["TA_F"] = table["TA_F"].astype(object)
    table.loc[7, "TA_F"] = "warm"
    with pytest.raises(InputError, match=r"TA_F: expected numbers; found .*warm"):
        read_fluxnet(archive(table), DAYS)


def test_icos_and_fluxnet_since_2025_read_alike(half_hourly, fluxnet_table, tmp_path):
    reference = fluxnet_table()
    for name in (
        "ICOSETC_XX-Aaa_FLUXNET_MM_L2.csv",
        "ICOSETC_XX-Aaa_FLUXNET_MM_INTERIM_L2.csv",
        "EUF_XX-Aaa_FLUXNET_FLUXMET_MM_2004-2004_v1.3_r1.csv",
    ):
        reference.to_csv(tmp_path / name, index=False)
        assert read_fluxnet(tmp_path / name)["GPP"].tolist() == pytest.approx(
            reference["GPP_NT_VUT_REF"].tolist()
        )
    path = tmp_path / "ICOSETC_XX-Aaa_FLUXNET_HH_L2.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("ICOSETC_XX-Aaa_FLUXNET_HH_L2.csv", half_hourly().to_csv(index=False))
        z.writestr("ICOSETC_XX-Aaa_VARINFO_FLUXNET_HH_L2.csv", "SITE_ID,GROUP_ID\n")
    assert len(read_fluxnet(path, DAYS)) == 3
