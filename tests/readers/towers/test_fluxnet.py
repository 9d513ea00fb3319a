from __future__ import annotations

import csv
import logging

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers import fluxnet


def read_fluxnet(path, **parameters) -> pd.DataFrame:
    strict = {"on_bad_tower": "stop", "fall_back_on": ()}
    return fluxnet.read_fluxnet(path, TowerParameters(**strict | parameters))


def test_an_archive_becomes_canonical_columns(fluxnet_table, fluxnet_zip):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table()))
    assert towers["site_id"].unique().tolist() == ["XX-Aaa"]
    assert towers["time"].tolist() == list(pd.date_range("2004-01-01", periods=12, freq="MS"))
    march = towers.iloc[2]
    expected = {
        "GPP": 5.02, "RECO": 3.52, "NEE": -1.48, "H": 36.02, "LE": 48.02, "TA": 10.52,
        "SW_IN": 150.02, "LW_IN": 310.02, "VPD": 4.52, "PA": 98.52, "P": 2.52, "WS": 2.02,
        "CO2": 390.02, "NETRAD": 80.02, "G": 1.02, "GPP_QC": 0.8, "RECO_QC": 0.8, "NEE_QC": 0.8,
        "H_QC": 0.7, "LE_QC": 0.6,
    }  # fmt: skip
    assert {name: march[name] for name in expected} == pytest.approx(expected)
    assert towers.attrs["resolution"] == "MM"
    assert towers.drop(columns=["site_id", "time"]).dtypes.eq("float64").all()


def test_partition_and_energy_balance_choose_the_columns(fluxnet_table, fluxnet_zip):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table()), partition="DT", energy_balance="RAW")
    january = towers.iloc[0]
    assert january[["GPP", "RECO", "H", "LE"]].tolist() == [5.5, 4.0, 30.0, 40.0]


def test_a_csv_reads_as_its_zip_whatever_the_version(fluxnet_table, fluxnet_zip, tmp_path):
    zipped = read_fluxnet(fluxnet_zip(fluxnet_table()))
    for name in (
        "FLX_XX-Aaa_FLUXNET2015_SUBSET_MM_2004-2004_2-3.csv",
        "AMF_XX-Aaa_FLUXNET_FULLSET_MM_2004-2020_3-5.csv.gz",
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_beta-3.csv",
    ):
        fluxnet_table().to_csv(tmp_path / name, index=False)
        pd.testing.assert_frame_equal(read_fluxnet(tmp_path / name), zipped)


def test_minus_9999_is_missing(fluxnet_table, fluxnet_zip):
    table = fluxnet_table()
    table.loc[3, ["GPP_NT_VUT_REF", "TA_F", "NEE_VUT_REF_QC"]] = -9999
    towers = read_fluxnet(fluxnet_zip(table))
    assert towers.loc[3, ["GPP", "TA", "GPP_QC", "NEE_QC"]].isna().all()
    assert towers.drop(index=3)[["GPP", "TA", "GPP_QC"]].notna().all(axis=None)


def test_weeks_start_where_they_start(fluxnet_table, fluxnet_zip):
    weeks = fluxnet_table(2).drop(columns="TIMESTAMP")
    weeks = weeks.assign(TIMESTAMP_START=[20040101, 20040108], TIMESTAMP_END=[20040107, 20040114])
    towers = read_fluxnet(fluxnet_zip(weeks, step="WW"), resolution="WW")
    assert towers["time"].tolist() == [pd.Timestamp("2004-01-01"), pd.Timestamp("2004-01-08")]
    assert towers.attrs["resolution"] == "WW"


@pytest.mark.parametrize("column", ["GPP_NT_VUT_REF", "NEE_VUT_REF_QC", "LE_CORR", "TA_F"])
def test_a_missing_column_is_named(fluxnet_table, fluxnet_zip, column):
    path = fluxnet_zip(fluxnet_table().drop(columns=column))
    with pytest.raises(InputError, match=f"{column}: expected these columns") as caught:
        read_fluxnet(path)
    assert path.name in caught.value.where


def test_a_missing_timestamp_is_named(fluxnet_table, fluxnet_zip):
    with pytest.raises(InputError, match="TIMESTAMP: expected these columns"):
        read_fluxnet(fluxnet_zip(fluxnet_table().drop(columns="TIMESTAMP")))


@pytest.mark.parametrize("column", ["GPP_NT_VUT_REF", "H_CORR", "NEE_VUT_REF_QC", "SW_IN_F"])
def test_minus_9999_throughout_is_named(fluxnet_table, fluxnet_zip, column):
    path = fluxnet_zip(fluxnet_table(**{column: -9999}))
    with pytest.raises(InputError, match=f"{column}: expected values of .*found only -9999"):
        read_fluxnet(path)


def test_what_may_be_missing_is_said_by_name(fluxnet_table, fluxnet_zip):
    path = fluxnet_zip(fluxnet_table(H_CORR=-9999).drop(columns=["LE_CORR", "LE_F_MDS_QC"]))
    towers = read_fluxnet(path, allow_missing=("H", "LE"))
    assert towers[["H", "LE", "LE_QC"]].isna().all(axis=None)
    assert towers["GPP"].notna().all()


def test_a_tower_without_any_flux_is_refused(fluxnet_table, fluxnet_zip):
    fluxes = ["GPP_NT_VUT_REF", "RECO_NT_VUT_REF", "NEE_VUT_REF", "H_CORR", "LE_CORR"]
    path = fluxnet_zip(fluxnet_table(**dict.fromkeys(fluxes, -9999)))
    with pytest.raises(InputError, match="at least one flux with values"):
        read_fluxnet(path, allow_missing=("GPP", "RECO", "NEE", "H", "LE"))


def test_doubled_and_unordered_months_are_named(fluxnet_table, fluxnet_zip):
    table = fluxnet_table()
    doubled = pd.concat([table, table.iloc[[4]]])
    with pytest.raises(InputError, match="found XX-Aaa 2004-05-01 twice"):
        read_fluxnet(fluxnet_zip(doubled))
    as_text = table.sort_values("TIMESTAMP", key=lambda t: t.str[4:].str.lstrip("0"))
    with pytest.raises(InputError, match="found XX-Aaa 2004-02-01 after a later period"):
        read_fluxnet(fluxnet_zip(as_text))


@pytest.mark.parametrize("stamp", ["200413", "soon", "2004"])
def test_unreadable_timestamps_are_refused(fluxnet_table, fluxnet_zip, stamp):
    table = fluxnet_table()
    table.loc[11, "TIMESTAMP"] = stamp
    with pytest.raises(InputError, match="TIMESTAMP: expected timestamps YYYYMM"):
        read_fluxnet(fluxnet_zip(table))


@pytest.mark.parametrize(
    ("column", "value", "variable"),
    [("TA_F", 283.5, "TA"), ("PA_F", 985.0, "PA"), ("PA_F", -8526.0, "PA"), ("LE_F_MDS_QC", 3, "LE_QC")],
)  # fmt: skip
def test_values_that_cannot_be_real_are_refused(
    fluxnet_table, fluxnet_zip, column, value, variable
):
    table = fluxnet_table()
    table.loc[2, column] = value
    with pytest.raises(InputError, match=f"{variable}: expected .*XX-Aaa in 2004-03-01"):
        read_fluxnet(fluxnet_zip(table))


def test_values_that_cannot_be_real_are_masked_on_request(fluxnet_table, fluxnet_zip, caplog):
    table = fluxnet_table()
    table.loc[2, "PA_F"] = -8526.0
    with caplog.at_level(logging.WARNING):
        towers = read_fluxnet(fluxnet_zip(table), outside="mask")
    assert towers["PA"].isna().tolist() == [i == 2 for i in range(12)]
    assert "PA: 1 values outside, such as -8526 at XX-Aaa in 2004-03-01" in caplog.text


def test_text_among_numbers_is_refused(fluxnet_table, fluxnet_zip):
    with pytest.raises(InputError, match=r"TA_F: expected numbers; found .*'warm'"):
        read_fluxnet(fluxnet_zip(fluxnet_table(TA_F="warm")))


def test_the_wrong_file_is_refused(fluxnet_table, fluxnet_zip, tmp_path):
    other = tmp_path / "FLX_XX-Aaa_FLUXNET2015_ERAI_MM_1989-2014_1-4.csv"
    other.write_text("TIMESTAMP\n")
    with pytest.raises(InputError, match="expected a file <network>_<site>_FLUXNET_FULLSET"):
        read_fluxnet(other)
    with pytest.raises(InputError, match=r"expected a table of resolution DD.* found MM"):
        read_fluxnet(fluxnet_zip(fluxnet_table()), resolution="DD")
    with pytest.raises(InputError, match="expected a file; found no file"):
        read_fluxnet(tmp_path / "FLX_XX-Aaa_X_FULLSET_MM_1-4.csv")


def test_an_empty_table_is_refused(fluxnet_table, fluxnet_zip):
    with pytest.raises(InputError, match="at least one row"):
        read_fluxnet(fluxnet_zip(fluxnet_table(0)))


def raw_rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_puechabon_month_by_month(shared_data):
    path = shared_data / "fluxnet_archives/FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2007-2014_2-3.csv"
    towers = read_fluxnet(path)
    rows = raw_rows(path)
    assert len(towers) == len(rows) == 96
    pairs = {
        "GPP": "GPP_NT_VUT_REF", "RECO": "RECO_NT_VUT_REF", "NEE": "NEE_VUT_REF", "H": "H_CORR",
        "LE": "LE_CORR", "TA": "TA_F", "SW_IN": "SW_IN_F", "VPD": "VPD_F", "PA": "PA_F", "P": "P_F",
        "GPP_QC": "NEE_VUT_REF_QC", "LE_QC": "LE_F_MDS_QC", "TS": "TS_F_MDS_1", "CO2": "CO2_F_MDS",
    }  # fmt: skip
    for ours, theirs in pairs.items():
        raw = np.array([float(row[theirs]) for row in rows])
        np.testing.assert_array_equal(towers[ours], np.where(raw == -9999, np.nan, raw), ours)
    assert [f"{t:%Y%m}" for t in towers["time"]] == [row["TIMESTAMP"] for row in rows]
    assert towers["H"].isna().sum() == 8


def test_willow_creek_7_day_by_day(shared_data):
    path = shared_data / "fluxnet_archives/FLX_US-Wi7_FLUXNET2015_FULLSET_DD_2005-2005_1-4.csv"
    with pytest.raises(InputError, match="H_CORR: expected values of H; found only -9999"):
        read_fluxnet(path, resolution="DD")
    towers = read_fluxnet(path, resolution="DD", energy_balance="RAW", partition="DT")
    rows = raw_rows(path)
    assert towers["time"].tolist() == list(pd.date_range("2005-01-01", periods=365))
    np.testing.assert_array_equal(towers["GPP"], [float(row["GPP_DT_VUT_REF"]) for row in rows])
    np.testing.assert_array_equal(towers["LE"], [float(row["LE_F_MDS"]) for row in rows])
    assert towers["CO2"].isna().sum() == sum(row["CO2_F_MDS"] == "-9999" for row in rows) == 179


@pytest.mark.parametrize("water", [25.0, 0.25])
def test_soil_water_is_in_percent_or_a_fraction_by_its_values(fluxnet_table, fluxnet_zip, water):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table(SWC_F_MDS_1=water)))
    assert towers["SWC"].tolist() == pytest.approx([0.25] * 12)
