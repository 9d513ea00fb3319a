"""Single impossible hours and days are left out of averages."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.testing.sources import FLUXNET_COLUMNS
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.impossible import in_words, without_impossible
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.variables import VARIABLES, bounds_of_step

SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nXX-Aaa,47.5,8.4,MF\n"


@pytest.fixture
def days():
    """Two years of days."""
    time = pd.date_range("2004-01-01", "2005-12-31")
    season = np.sin(2 * np.pi * (time.day_of_year - 100) / 365.25)
    values = {n: v * (1 + 0.01 * season * ("_QC" not in n)) for n, v in FLUXNET_COLUMNS.items()}
    values |= {"TA_F": 10 + 8 * season, "SW_IN_F": 170 + 120 * season}
    return pd.DataFrame({"TIMESTAMP": time.strftime("%Y%m%d")}).assign(**values)


def read(table, folder, resolution="MM"):
    stem = "FLX_XX-Aaa_FLUXNET2015_FULLSET"
    with zipfile.ZipFile(folder / f"{stem}_2004-2005_1-4.zip", "w") as archive:
        archive.writestr(f"{stem}_DD_2004-2005_1-4.csv", table.to_csv(index=False))
    (folder / "sites.csv").write_text(SITES)
    parameters = TowerParameters(resolution=resolution, outside="keep")
    towers, sites = read_towers(sorted(folder.iterdir()), parameters)
    return check_towers(towers, sites, QualityParameters())


@pytest.mark.parametrize(
    ("column", "ours", "value"),
    [("PA_F", "PA", -113.0), ("PA_F", "PA", -8526.0), ("TA_F", "TA", -206.0), ("P_F", "P", 2500.0),
     ("SW_IN_F", "SW_IN", -110.0), ("WS_F", "WS", -206.0), ("VPD_F", "VPD", 400.0)],
)  # fmt: skip
def test_an_impossible_day_is_left_out_and_told(days, tmp_path, column, ours, value):
    sound = read(days, tmp_path).towers[ours].to_numpy()
    days.loc[100, column] = value
    checked = read(days, tmp_path)
    without = days.assign(month=days["TIMESTAMP"].str[:6]).drop(index=100)
    expected = without.groupby("month")[column].mean().to_numpy()
    np.testing.assert_allclose(checked.towers[ours], expected, rtol=1e-6)
    np.testing.assert_allclose(checked.towers[ours], sound, rtol=0.05)
    finding = next(f for f in checked.findings if f.variable == ours and f.mended)
    assert f"1 of 731 days outside, such as {value:g} on 2004-04-10" in finding.found
    assert not any(f.open for f in checked.findings if f.variable == ours)


def test_a_second_fill_value_is_left_out(days, tmp_path):
    holes = days.index[days.index % 10 == 3]
    days.loc[holes, "TA_F"] = -6999.0
    checked = read(days, tmp_path)
    assert checked.towers["TA"].between(0, 20).all()
    assert any(f"{len(holes)} of 731 days" in f.found for f in checked.findings)


def test_another_unit_is_no_single_step(days, tmp_path):
    """If all or a year of the values are out of bounds, the check of the averages decides."""
    checked = read(days.assign(PA_F=98_500.0), tmp_path)
    assert any(f.variable == "PA" and f.open for f in checked.findings)
    part = days["TIMESTAMP"].str[:4] == "2005"
    checked = read(days.assign(PA_F=days["PA_F"].where(~part, 985.0 + days.index % 7)), tmp_path)
    assert any(f.variable == "PA" and f.open for f in checked.findings)


def test_an_impossible_half_hour_is_left_out(tmp_path):
    starts = pd.date_range("2011-06-01", periods=30 * 48, freq="30min")
    table = pd.DataFrame(
        {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"), "FC": -2.0, "H": 50.0, "LE": 80.0,
         "TA": 20.0, "WS": 3.0, "SW_IN": 300.0, "P": 0.0}
    )  # fmt: skip
    table.loc[500, ["TA", "WS", "SW_IN"]] = [-9999.9, 6999.0, -9999.0]
    table.loc[700:710, "SW_IN"] = 1100.0
    table.loc[800, "P"] = 60.0  # mm in half an hour: it happens
    path = tmp_path / "AMF_XX-Aaa_BASE_HH_2-5.csv"
    path.write_text("# Site: XX-Aaa\n# Version: 2-5\n" + table.to_csv(index=False))
    (tmp_path / "sites.csv").write_text(SITES)
    towers, _ = read_towers([path, tmp_path / "sites.csv"], TowerParameters())
    month = towers.iloc[0]
    assert month[["TA", "WS"]].tolist() == [20.0, 3.0]
    assert month["SW_IN"] == pytest.approx((300 * 1428 + 1100 * 11) / 1439)
    assert month["P"] == pytest.approx(60 / 30)
    assert {(t["variable"], t["steps"], t["of"]) for t in towers.attrs["impossible"]} == {
        ("TA", 1, 1440), ("WS", 1, 1440),
    }  # fmt: skip


def taken(values, step="day", name="TA"):
    """Number of values of a column that are made missing."""
    time = pd.date_range("2004-01-01", periods=len(values))
    record = pd.DataFrame({"time": time, name: np.asarray(values, float)})
    found, told = without_impossible(record, "XX-Aaa", step, "table.csv")
    assert sum(one["steps"] for one in told) == found[name].isna().sum()
    return len(told) and told[0]["steps"]


@pytest.mark.parametrize(
    ("usual", "impossible", "expected"),
    [
        # One, or a fiftieth of the column's values.
        (9, [99.0], 1),
        (9, [98.0, 99.0], 0),
        (98, [98.0, 99.0], 2),
        (97, [98.0, 99.0], 0),
        (147, [97.0, 98.0, 99.0], 3),
        (146, [97.0, 98.0, 99.0], 0),
        # Nine of ten equal values are a fill value.
        (90, [98.0] * 9 + [99.0], 10),
        (90, [98.0] * 8 + [99.0] * 2, 0),
        (5, [99.0] * 20, 20),
        # A column with one impossible value throughout is no record with gaps.
        (0, [99.0] * 20, 0),
        (0, [99.0], 1),
    ],
)
def test_how_many_may_be_left_out(usual, impossible, expected):
    assert taken([10.0] * usual + impossible) == expected


@pytest.mark.parametrize(
    ("name", "step", "low", "high"),
    [
        # Bounds of the month, -80 to 60 degC and 45 to 110 kPa, and a twentieth of their width.
        ("TA", "day", -87.0, 67.0),
        ("PA", "hour", 41.75, 113.25),
        ("P", "day", -1.0, 2000.0),
        ("P", "hour", -1.0, 7200.0),
        ("SW_IN", "hour", -50.0, 1500.0),
        ("SW_IN", "day", -30.0, 630.0),
        ("GPP", "hour", -200.0, 200.0),
        ("GPP", "day", -12.5, 42.5),
    ],
)
def test_the_bounds_of_a_day_and_of_an_hour(name, step, low, high):
    usual = [(low + high) / 2] * 50
    assert taken([*usual, low, high], step, name) == 0
    width = high - low
    assert taken([*usual, low - 1e-6 * width], step, name) == 1
    assert taken([*usual, high + 1e-6 * width], step, name) == 1


def test_what_is_told_of_an_impossible_value():
    time = pd.date_range("2004-01-01", periods=60)
    record = pd.DataFrame({"time": time, "TA": 10.0, "TA_QC": 5.0, "H": np.nan})
    record.loc[[7, 9], "TA"] = 99.0
    found, (one,) = without_impossible(record, "XX-Aaa", "hour", "table.csv")
    assert (one["site_id"], one["variable"], one["steps"], one["of"]) == ("XX-Aaa", "TA", 2, 60)
    assert in_words(one) == (
        "2 of 60 hours or half-hours outside, such as 99 on 2004-01-08 00:00:00"
    )
    assert found["TA_QC"].eq(5).all()


@pytest.mark.parametrize("name", [n for n, v in VARIABLES.items() if v.kind != "category"])
def test_a_shorter_step_may_have_what_a_longer_may(name):
    month = VARIABLES[name].lower, VARIABLES[name].upper
    day, hour = bounds_of_step(name, "day"), bounds_of_step(name, "hour")
    assert hour[0] <= day[0] <= month[0] or name == "P"
    assert hour[1] >= day[1] >= month[1] or name == "CO2"


INFINITE = ["inf", "-inf", "Infinity", "1e400", "-1e400"]


@pytest.mark.parametrize("text", INFINITE)
@pytest.mark.parametrize("resolution", ["DD", "MM"])
def test_infinite_values_are_missing_and_counted(days, tmp_path, text, resolution):
    days["GPP_NT_VUT_REF"] = days["GPP_NT_VUT_REF"].astype(str)
    days.loc[[100, 101], "GPP_NT_VUT_REF"] = text
    checked = read(days, tmp_path, resolution)
    rows = checked.towers["time"].between("2004-04-10", "2004-04-11")
    assert checked.towers.loc[rows, "GPP"].isna().all()
    assert np.isfinite(checked.towers.loc[~rows, "GPP"]).all()
    (finding,) = (f for f in checked.findings if f.variable == "GPP" and f.check == "bounds")
    sign = "-inf" if text.startswith("-") else "inf"
    assert f"2 of 731 days infinite, such as {sign} on 2004-04-10" in finding.found
    assert finding.mended == "treated as missing"


@pytest.mark.parametrize("text", INFINITE)
def test_infinite_values_of_a_tidy_table_are_missing_and_counted(tmp_path, text):
    (tmp_path / "own.csv").write_text(
        "site,month,lat,cover,gpp\n"
        f"A,200401,45,GRA,3.5\nA,200402,45,GRA,{text}\nB,200401,50,ENF,4\n"
    )
    columns = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover", "GPP": "gpp"}
    towers, _ = read_towers(tmp_path, reader="tidy", columns=columns)
    assert towers["GPP"].isna().tolist() == [False, True, False]
    (one,) = towers.attrs["impossible"]
    assert (one["site_id"], one["variable"], one["steps"], one["of"]) == ("A", "GPP", 1, 2)
    assert "1 of 2 months infinite" in in_words(one)


def test_infinite_humidity_is_no_saturated_air(tmp_path):
    starts = pd.date_range("2004-06-01", periods=48, freq="30min").strftime("%Y%m%d%H%M")
    table = pd.DataFrame({"TIMESTAMP_START": starts, "NEE": 1.0, "TA": 20.0, "RH": 50.0})
    table["RH"] = np.where(table.index % 4 == 0, np.inf, 50.0)
    (tmp_path / "AMF_XX-Aaa_BASE_HH_1-5.csv").write_text(table.to_csv(index=False))
    (tmp_path / "sites.csv").write_text(SITES)
    towers, _ = read_towers(tmp_path, resolution="DD")
    assert towers["VPD"].tolist() == pytest.approx([0.5 * 23.39], rel=1e-3)
