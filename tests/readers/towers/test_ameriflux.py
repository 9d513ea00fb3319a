from __future__ import annotations

import csv
import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure
from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.ameriflux import read_table
from uflux_kedro.readers.towers.sensors import join
from uflux_kedro.readers.towers.tower_files import by_name, recognise

GRAMS_A_DAY = 12.011e-6 * 86400


@pytest.fixture
def base(tmp_path):
    """Write two days of a BASE table in a zip as AmeriFlux delivers it."""

    def write(minutes: int = 30, **columns):
        starts = pd.date_range("2011-06-01", periods=2 * 1440 // minutes, freq=f"{minutes}min")
        table = pd.DataFrame(
            {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"),
             "TIMESTAMP_END": (starts + pd.Timedelta(minutes=minutes)).strftime("%Y%m%d%H%M")}
        ).assign(**columns)  # fmt: skip
        step = "HR" if minutes == 60 else "HH"
        path = tmp_path / "AMF_US-Xyz_BASE-BADM_2-5.zip"
        with zipfile.ZipFile(path, "w") as archive:
            text = "# Site: US-Xyz\n# Version: 2-5\n" + table.to_csv(index=False)
            archive.writestr(f"AMF_US-Xyz_BASE_{step}_2-5.csv", text)
        return path

    return write


def read(path, **parameters) -> pd.DataFrame:
    table = next(t for f in files_of(path) if (t := by_name(f)))
    return read_table(table, TowerParameters(resolution="DD", **parameters))


@pytest.mark.parametrize("minutes", [30, 60])
def test_a_base_table_becomes_days(base, minutes):
    rain = np.zeros(2 * 1440 // minutes)
    rain[3] = 5.0
    days = read(
        base(minutes, FC=-2.0, H=50.0, LE_1_1_1=80.0, TA_1_1_1=20.0, RH_1_1_1=60.0, PA=98.0,
             P=rain, SWC_1_1_1=25.0, CO2=400.0)
    )  # fmt: skip
    assert days["site_id"].tolist() == ["US-Xyz"] * 2
    day = days.iloc[0]
    assert day["NEE"] == pytest.approx(-2 * GRAMS_A_DAY)
    assert day[["H", "LE", "TA", "PA", "CO2", "P"]].tolist() == [50, 80, 20, 98, 400, 5]
    assert day["SWC"] == pytest.approx(0.25)
    assert day["VPD"] == pytest.approx(saturation_vapour_pressure(20.0) * 0.4)
    assert day[["NEE_QC", "H_QC", "LE_QC"]].tolist() == [1, 1, 1]
    assert "GPP" not in days, "BASE has no partition of its own"


def test_humidity_as_a_fraction_makes_the_same_deficit(base):
    columns = {"FC": -2.0, "TA": np.linspace(10, 25, 96)}
    humidity = np.linspace(40, 101, 96)
    percent = read(base(RH=humidity, **columns))["VPD"]
    assert read(base(RH=humidity / 100, **columns))["VPD"].tolist() == pytest.approx(percent)


def test_storage_below_the_sensor_is_added_where_it_was_measured(base):
    storage = np.where(np.arange(96) < 24, 1.0, -9999)
    day = read(base(FC=-2.0, SC=storage)).iloc[0]
    assert day["NEE"] == pytest.approx((-2 + 0.5) * GRAMS_A_DAY)


def test_the_teams_nee_comes_before_the_turbulent_flux(base):
    assert read(base(FC=-2.0, SC=1.0, NEE_PI=-3.0))["NEE"][0] == pytest.approx(-3 * GRAMS_A_DAY)


def test_filled_values_count_in_the_mean_and_not_in_the_quality(base):
    measured = np.where(np.arange(96) % 4 == 3, -9999, 4.0)
    day = read(base(NEE_PI=measured, NEE_PI_F=5.0, GPP_PI_F=9.0, RECO_PI_F=14.0)).iloc[0]
    assert day["NEE"] == pytest.approx(5 * GRAMS_A_DAY)
    assert day["GPP"] == pytest.approx(9 * GRAMS_A_DAY)
    assert day[["NEE_QC", "GPP_QC", "RECO_QC"]].tolist() == [0.75] * 3


def test_the_first_sensor_and_the_exact_name_are_chosen(base):
    day = read(base(H_2_1_1=99.0, H_1_2_1=98.0, H_1_1_2=97.0, H_1_1_1=50.0, TA=1.0, TA_1_1_1=2.0,
                    TA_PI_F_X=3.0, HEAT=4.0)).iloc[0]  # fmt: skip
    assert day[["H", "TA"]].tolist() == [50.0, 1.0]


def test_too_few_half_hours_are_no_day(base):
    gaps = np.where(np.arange(96) % 48 < 30, -9999, 50.0)
    days = read(base(H=gaps, LE=80.0))
    assert days["H"].isna().all()
    assert days["H_QC"].tolist() == pytest.approx([18 / 48] * 2)
    assert read(base(H=gaps, LE=80.0), completeness=0.3)["H"].tolist() == [50.0, 50.0]


def test_a_table_without_fluxes_is_refused(base):
    with pytest.raises(InputError, match="at least one flux with values"):
        read(base(TA=20.0))


def test_curtice_walter_berger_2011(shared_data):
    """Against a plain reading of the text of the file, half-hour by half-hour."""
    path = shared_data / "half_hourly/AMF_US-CRT_BASE-BADM_2-5.zip"
    with zipfile.ZipFile(path) as archive:
        text = archive.read("AMF_US-CRT_BASE_HH_2-5.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text.split("\n", 2)[2])))
    july = [r for r in rows if r["TIMESTAMP_START"].startswith("201107")]
    nee = [float(r["NEE_PI"]) for r in july if r["NEE_PI"] != "-9999"]
    month = next(t for f in files_of(path) if (t := by_name(f)))
    towers = read_table(month, TowerParameters()).set_index("time")
    ours = towers.loc["2011-07-01"]
    assert len(july) == 31 * 48
    assert ours["NEE_QC"] == pytest.approx(len(nee) / (31 * 48))
    assert ours["NEE"] == pytest.approx(np.mean(nee) * GRAMS_A_DAY)
    assert ours["P"] == pytest.approx(sum(float(r["P"]) for r in july if r["P"] != "-9999") / 31)
    air = [float(r["TA"]) for r in july if r["TA"] != "-9999"]
    assert ours["TA"] == pytest.approx(np.mean(air))
    assert ours["SWC"] == pytest.approx(
        np.mean([float(r["SWC"]) for r in july if r["SWC"] != "-9999"]) / 100
    )
    assert 0 < ours["VPD"] < 30
    assert len(towers) == 12
    assert towers["NEE"].notna().sum() == sum(towers["NEE_QC"] >= 0.5) > 0


def test_the_site_may_stand_in_the_comment_alone(base, tmp_path):
    with files_of(base(H=50.0))[0].open() as stream:
        (tmp_path / "renamed.csv").write_bytes(stream.read())
    found = recognise(File(tmp_path / "renamed.csv"))
    assert (found.family, found.site) == ("ameriflux", "US-Xyz")


def test_years_that_oneflux_took_in(shared_data):
    """Sixteen measured site-years, each against a plain reading of its text."""
    paths = sorted((shared_data / "half_hourly/oneflux_nee").glob("*.csv.gz"))
    assert len(paths) == 16
    for path in paths:
        table = recognise(File(path))
        assert (table.family, table.site) == ("ameriflux", path.name[:6])
        # Raw radiation: if only nights were measured, its mean is slightly negative.
        parameters = TowerParameters(resolution="DD", completeness=0.7, outside="mask")
        days = read_table(table, parameters)
        with gzip.open(path, "rt") as stream:
            lines = stream.read().splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("TIMESTAMP_START"))
        rows = list(csv.DictReader(lines[first:]))
        measured = [r for r in rows if r["NEE"] != "-9999"]
        per_day = pd.Series([r["TIMESTAMP_START"][:8] for r in rows]).value_counts().max()
        assert per_day in (24, 48)
        assert days["NEE_QC"].sum() * per_day == pytest.approx(len(measured))
        good = pd.Series([r["TIMESTAMP_START"][:8] for r in measured]).value_counts()
        assert days["NEE"].notna().sum() == (good >= 0.7 * per_day).sum()


def test_a_sensor_goes_on_where_another_ends(base):
    first = np.arange(96) < 40
    table = base(
        H=50.0, TA_1_1_1=np.where(first, 20.0, -9999), TA_1_2_1=np.where(first, -9999, 10.0)
    )
    days = read(table)
    assert days["TA"].tolist() == pytest.approx([(40 * 20 + 8 * 10) / 48, 10.0])
    (remark,) = days.attrs["remarks"]
    assert (remark["variable"], remark["sites"]) == ("TA", ["US-Xyz"])
    assert remark["found"] == "TA: TA_1_1_1 20110601-20110601, TA_1_2_1 20110601-20110602"


def test_a_deficit_that_was_measured_throughout_is_no_choice(base):
    columns = {"H": 50.0, "TA": 20.0, "RH": np.linspace(40, 80, 96)}
    assert read(base(**columns, VPD=9.0)).attrs["remarks"] == []
    ended = read(base(**columns, VPD=np.where(np.arange(96) < 40, 9.0, -9999)))
    assert ended.attrs["remarks"][0]["found"] == (
        "VPD: VPD 20110601-20110601, computed from TA and RH 20110601-20110602"
    )


def test_short_gaps_are_not_filled_with_another_sensor(base):
    gaps = np.arange(96) % 4 == 1
    days = read(base(H=50.0, TA_1_1_1=np.where(gaps, -9999, 20.0), TA_1_2_1=10.0))
    assert days["TA"].tolist() == [20.0, 20.0]
    assert days.attrs["remarks"][0]["found"].endswith("(not TA_1_2_1)")


def test_a_sensor_without_values_or_with_hardly_any_is_not_chosen(base):
    assert read(base(H=50.0, TA_1_1_1=-9999, TA_1_2_1=10.0))["TA"].tolist() == [10.0, 10.0]
    rare = np.where(np.arange(96) % 6 == 0, 20.0, -9999)
    assert read(base(H=50.0, TA_1_1_1=rare, TA_1_2_1=10.0))["TA"].tolist() == [10.0, 10.0]


def test_nee_of_the_team_and_the_turbulent_flux_are_joined_with_their_quality(base):
    first = np.arange(96) < 48
    gaps = np.arange(96) % 4 == 3
    days = read(
        base(NEE_PI=np.where(first & ~gaps, -3.0, -9999), FC=np.where(gaps, -9999, -2.0), SC=0.5)
    )
    # The day of the team's NEE has its gaps; FC, with the storage below, goes on.
    assert days["NEE"].tolist() == pytest.approx([-3 * GRAMS_A_DAY, -1.5 * GRAMS_A_DAY])
    assert days["NEE_QC"].tolist() == [0.75, 0.75]


def test_the_quality_of_a_filled_flux_is_that_of_the_column_it_came_from(base):
    first = np.arange(96) < 48
    days = read(
        base(H_F=np.where(first, 40.0, -9999), H=np.where(np.arange(96) < 36, 40.0, -9999),
             H_1_1_1=np.where(first, -9999, 60.0))
    )  # fmt: skip
    assert days["H"].tolist() == [40.0, 60.0]
    assert days["H_QC"].tolist() == [0.75, 1.0]


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_soil_water_is_a_fraction_or_in_percent_by_its_values(base, scale):
    water = np.linspace(8, 40, 96)
    days = read(base(H=50.0, SWC_1_1_1=water * scale))
    assert days["SWC"].mean() == pytest.approx(water.mean() / 100)


def test_soil_water_of_a_desert_in_percent_is_none_in_fractions(base):
    water = np.linspace(0.4, 1.3, 96)
    assert read(base(H=50.0, SWC_1_1_1=water))["SWC"].mean() == pytest.approx(water.mean() / 100)


def test_each_sensor_of_soil_water_has_a_unit_of_its_own(base):
    first = np.arange(96) < 48
    days = read(
        base(H=50.0, SWC_1_1_1=np.where(first, 25.0, -9999), SWC_1_1_2=np.where(first, -9999, 0.3))
    )
    assert days["SWC"].tolist() == pytest.approx([0.25, 0.3])


def test_the_deficit_is_computed_where_its_own_column_has_ended(base):
    first = np.arange(96) < 48
    days = read(base(H=50.0, TA=20.0, RH=60.0, VPD_PI=np.where(first, 5.0, -9999)))
    assert days["VPD"].tolist() == pytest.approx([5.0, saturation_vapour_pressure(20.0) * 0.4])


def test_a_long_gap_within_a_record_is_bridged_and_a_shorter_one_is_not():
    first = pd.Series(np.where((np.arange(100) < 40) | (np.arange(100) >= 70), 1.0, np.nan))
    other = pd.Series(2.0, first.index)
    joined = join({"a": first, "b": other}, 1)
    assert joined.series.tolist() == [1.0] * 40 + [2.0] * 30 + [1.0] * 30
    assert joined.columns == ("a", "b")
    shorter = first.where(np.arange(100) < 69, 1.0)
    assert join({"a": shorter, "b": other}, 1).series.isna().sum() == 29


@pytest.mark.parametrize(("steps", "told"), [(143, False), (144, True)])
def test_a_flux_that_stands_still_for_three_days_is_told(tmp_path, steps, told):
    starts = pd.date_range("2011-06-01", periods=5 * 48, freq="30min")
    flux = np.random.default_rng(0).normal(50, 9, len(starts))
    flux[20 : 20 + steps] = 33.0
    table = pd.DataFrame({"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"), "H": flux, "LE": 0.0})
    path = tmp_path / "AMF_US-Xyz_BASE_HH_2-5.csv"
    table.to_csv(path, index=False)
    remarks = read(path).attrs["remarks"]
    assert [r["found"] for r in remarks] == [
        "33 in 144 hours or half-hours in a row at US-Xyz, from 2011-06-01: it stands still"
    ] * told


@pytest.mark.parametrize("text", ["", "<html>\n</html>\n", "TIMESTAMP;NEE\n"])
def test_a_table_without_times_is_refused(tmp_path, text):
    (tmp_path / "AMF_US-Xyz_BASE_HH_2-5.csv").write_text(text)
    with pytest.raises(InputError, match="TIMESTAMP_START: expected these columns"):
        read(tmp_path / "AMF_US-Xyz_BASE_HH_2-5.csv")
