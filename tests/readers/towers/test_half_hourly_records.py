"""Towers at their own step: measured fluxes, drivers, units of half-hours, places."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers import HalfHours, read_half_hours, read_towers
from uflux_kedro.readers.towers.left_out import Losses

SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nUS-Xyz,45,-90,DBF\n"


def stamps(start="2011-06-01", days=2, minutes=30) -> pd.DataFrame:
    starts = pd.date_range(start, periods=days * 1440 // minutes, freq=f"{minutes}min")
    ends = starts + pd.Timedelta(minutes=minutes)
    return pd.DataFrame(
        {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"), "TIMESTAMP_END": ends.strftime("%Y%m%d%H%M")}
    )  # fmt: skip


def write_base(path, minutes=30, start="2011-06-01", **columns):
    table = stamps(start, minutes=minutes).assign(**columns)
    with zipfile.ZipFile(path, "w") as archive:
        text = "# Site: US-Xyz\n# Version: 2-5\n" + table.to_csv(index=False)
        step = "HR" if minutes == 60 else "HH"
        archive.writestr(f"AMF_US-Xyz_BASE_{step}_{path.stem[-3:]}.csv", text)
    return path


def only(records: list[HalfHours]) -> HalfHours:
    assert len(records) == 1
    return records[0]


def test_base_stays_at_its_step_and_in_its_units(tmp_path):
    (tmp_path / "sites.csv").write_text(SITES)
    rain = np.zeros(96)
    rain[3] = 5.0
    path = write_base(
        tmp_path / "AMF_US-Xyz_BASE-BADM_2-5.zip", FC=-2.5, SC=0.5, LE=80.0, TA=20.0, RH=60.0, P=rain,
        SWC=25.0, PPFD_IN=204.0,
    )  # fmt: skip
    record = only(read_half_hours(path))
    assert (record.site_id, record.latitude, record.longitude, record.IGBP) == (
        "US-Xyz",
        45,
        -90,
        "DBF",
    )
    assert record.steps_a_day == 48
    assert record.table.index.name == "time"
    assert record.table.index[0] == pd.Timestamp("2011-06-01")
    row = record.table.iloc[3]
    assert row[["NEE", "LE", "TA", "RH", "P", "SWC"]].tolist() == [-2.0, 80, 20, 60, 5, 25]
    assert row["VPD"] == pytest.approx(9.35, abs=0.05)
    assert row["SW_IN"] == pytest.approx(100)
    assert [f for f in record.findings if f["variable"] == "SW_IN" and "PPFD_IN" in f["found"]]


def test_fluxes_that_the_team_filled_are_left_out(tmp_path):
    gappy = np.where(np.arange(96) % 3 == 0, -9999, 7.0)
    path = write_base(
        tmp_path / "AMF_US-Xyz_BASE-BADM_2-5.zip", NEE_PI_F=7.0, NEE_PI=gappy, H_PI_F=9.0, TA=1.0
    )
    record = only(read_half_hours(path))
    assert record.table["NEE"].isna().tolist() == (np.arange(96) % 3 == 0).tolist()
    assert "H" not in record.table
    assert any(f["variable"] == "H" and "H_PI_F" in f["found"] for f in record.findings)


def test_fluxnet_keeps_what_is_measured_and_joins_its_reanalysis(tmp_path):
    codes = np.arange(96) % 4
    table = stamps().assign(
        NEE_VUT_REF=-3.0, NEE_VUT_REF_QC=codes, GPP_NT_VUT_REF=5.0, LE_F_MDS=50.0, LE_F_MDS_QC=0,
        H_F_MDS=20.0, H_F_MDS_QC=1, H_CORR=99.0, TA_F=12.0, TA_F_QC=2, SW_IN_F=100.0, P_F=0.25,
        SWC_F_MDS_1=30.0, RH=70.0,
    )  # fmt: skip
    weather = stamps("2011-05-31", days=4).assign(TA_ERA=11.0, P_ERA=0.5, WS_ERA=-9999)
    with zipfile.ZipFile(
        tmp_path / "FLX_US-Xyz_FLUXNET2015_FULLSET_2011-2011_1-4.zip", "w"
    ) as archive:
        name = "FLX_US-Xyz_FLUXNET2015_{}_HH_2011-2011_1-4.csv"
        archive.writestr(name.format("FULLSET"), table.to_csv(index=False))
        archive.writestr(name.format("ERAI"), weather.to_csv(index=False))
    record = only(read_half_hours(tmp_path)).table
    expected = {"NEE", "LE", "H", "TA", "SW_IN", "RH", "SWC", "P", "TA_ERA", "P_ERA"}
    assert set(record) == expected
    assert record["NEE"].notna().tolist() == (codes == 0).tolist()
    assert record["LE"].eq(50).all()
    assert record["H"].isna().all()
    assert record.iloc[5][["P", "SWC", "TA_ERA", "P_ERA"]].tolist() == pytest.approx(
        [0.25, 30, 11, 0.5]
    )


def test_the_constant_threshold_serves_where_the_other_is_absent(tmp_path):
    table = stamps().assign(NEE_CUT_REF=-1.5, NEE_CUT_REF_QC=0, TA_F=5.0)
    table.to_csv(tmp_path / "ICOSETC_US-Xyz_FLUXNET_HH_L2.csv", index=False)
    assert only(read_half_hours(tmp_path)).table["NEE"].eq(-1.5).all()


def test_the_first_lines_of_oneflux_state_place_and_clock(tmp_path):
    for year in (2003, 2004, 2012):
        table = stamps(f"{year}-01-01", days=366 if year % 4 == 0 else 365, minutes=60)
        head = f"site,US-Xyz\nyear,{year}\nlat,45.5\nlon,-90.5\ntimezone,{year}01010030,-6\n"
        with gzip.open(tmp_path / f"US-Xyz_qca_ustar_{year}.csv.gz", "wt") as stream:
            stream.write(head + table.assign(NEE=1.0, SW_IN=0.0).to_csv(index=False))
    first, second = read_half_hours(tmp_path)
    assert (first.latitude, first.longitude, first.utc_offset, first.steps_a_day) == (
        45.5,
        -90.5,
        -6,
        24,
    )
    assert (first.table.index[0].year, first.table.index[-1].year) == (2003, 2004)
    assert second.table.index[0].year == 2012
    assert len(first.table) == 24 * 731


def test_every_step_has_a_row(tmp_path):
    table = stamps(days=3).drop(index=range(40, 60)).assign(FC=1.0)
    (tmp_path / "base.csv").write_text("# Site: US-Xyz\n" + table.to_csv(index=False))
    record = only(read_half_hours(tmp_path / "base.csv")).table
    assert len(record) == 144
    assert record["NEE"].isna().sum() == 20


def test_hours_among_half_hours_are_refused(tmp_path):
    write_base(tmp_path / "BASE_1-5.zip", FC=1.0)
    write_base(tmp_path / "BASE_2-5.zip", minutes=60, start="2011-07-01", FC=1.0)
    with pytest.raises(InputError, match="expected steps of 30 minutes") as error:
        read_half_hours(tmp_path)
    assert "BASE_2-5.zip" in error.value.where


def test_two_files_of_the_same_time_are_refused(tmp_path):
    for name in ("a", "b"):
        table = stamps(days=3).assign(FC=1.0)
        (tmp_path / f"{name}.csv").write_text("# Site: US-Xyz\n" + table.to_csv(index=False))
    with pytest.raises(InputError, match="2011-06-01 00:00 in both"):
        read_half_hours(tmp_path)


def test_an_unsound_tower_costs_itself_alone(tmp_path):
    write_base(tmp_path / "AMF_US-Xyz_BASE-BADM_2-5.zip", FC=-2.5)
    (tmp_path / "AMF_US-Cut_BASE-BADM_1-5.zip").write_bytes(b"PK\x03\x04 cut off")
    twice = pd.concat([stamps(days=1)] * 2).assign(NEE_VUT_REF=-1.0, NEE_VUT_REF_QC=0)
    twice.to_csv(tmp_path / "FLX_US-Two_FLUXNET2015_FULLSET_HH_2011-2011_1-4.csv", index=False)
    losses = Losses()
    assert only(read_half_hours(tmp_path, losses=losses)).site_id == "US-Xyz"
    assert [row["site_id"] for row in losses.rows] == ["US-Cut", "US-Two"]
    with pytest.raises(InputError, match="US-Cut"):
        read_half_hours(tmp_path, on_bad_tower="stop")


def test_days_are_refused(tmp_path):
    table = pd.DataFrame({"TIMESTAMP": ["20110101"], "NEE_VUT_REF": [1.0]})
    table.to_csv(tmp_path / "FLX_US-Xyz_FLUXNET2015_FULLSET_DD_2011-2011_1-4.csv", index=False)
    with pytest.raises(InputError, match="expected a table of half-hours or hours; found DD"):
        read_half_hours(tmp_path)


EDDYPRO = """file info,,,corrected fluxes and quality flags,,,,,,air properties,,,
filename,date,time,H,qc_H,LE,qc_LE,co2_flux,qc_co2_flux,air_temperature,VPD,RH,u*
,[yyyy-mm-dd],[HH:MM],[W+1m-2],[#],[W+1m-2],[#],[µmol+1s-1m-2],[#],[K],[Pa],[%],[m+1s-1]
"""


def eddypro(unit="[K]", flag=2) -> str:
    ends = pd.date_range("2020-07-01 00:30", periods=48, freq="30min")
    rows = [
        f"a.ghg,{t:%Y-%m-%d},{t:%H:%M},30,0,90,1,-5.5,{flag if i == 4 else 0},293.15,1200,NaN,0.3"
        for i, t in enumerate(ends)
    ]
    return EDDYPRO.replace("[K]", unit) + "\n".join(rows) + "\n"


def test_the_full_output_of_eddypro(tmp_path):
    path = tmp_path / "eddypro_US-Xyz_full_output_2020.csv"
    path.write_text(eddypro())
    record = only(read_half_hours(path)).table
    assert record.index[0] == pd.Timestamp("2020-07-01")
    assert record["NEE"].isna().to_numpy().nonzero()[0].tolist() == [4]
    row = record.iloc[0]
    assert row[["NEE", "LE", "H", "TA", "VPD", "USTAR"]].tolist() == pytest.approx(
        [-5.5, 90, 30, 20, 12, 0.3]
    )
    (tmp_path / "sites.csv").write_text(SITES)
    towers, _ = read_towers(path, resolution="DD")
    assert towers["NEE"].tolist() == pytest.approx([-5.5 * 12.011e-6 * 86400])
    assert towers["NEE_QC"].tolist() == pytest.approx([47 / 48])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (eddypro(unit="[C]"), "air_temperature: expected K in the third line; found \\[C\\]"),
        (eddypro(flag=7), "qc_co2_flux: expected flags 0, 1 and 2"),
        (eddypro().replace("2020-07-01,01:00", "01/07/2020,01:00"), "expected rows with date"),
    ],
)
def test_a_full_output_of_other_units_or_flags_is_refused(tmp_path, text, message):
    path = tmp_path / "US-Xyz_full_output.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_half_hours(path)


def test_what_is_stored_below_the_sensor_is_part_of_the_flux(tmp_path):
    names, units, first, *rest = eddypro().splitlines()[1:]
    rows = [f"{first},-1.5,10", *(f"{row},NaN,NaN" for row in rest)]
    lines = ["file info", f"{names},co2_strg,LE_strg", f"{units},[µmol+1s-1m-2],[W+1m-2]", *rows]
    path = tmp_path / "US-Xyz_full_output.csv"
    path.write_text("\n".join(lines) + "\n")
    record = only(read_half_hours(path)).table
    assert record[["NEE", "LE", "H"]].iloc[:2].to_numpy().tolist() == pytest.approx(
        np.array([[-7, 100, 30], [-5.5, 90, 30]])
    )
    path.write_text("\n".join(lines).replace(",[W+1m-2]\n", ",[J]\n"))
    with pytest.raises(InputError, match="LE_strg: expected W m-2 in the third line"):
        read_half_hours(path)


def biomet(days="2020-07-01", rain="[m]") -> str:
    """Return the biomet output of a day, from the second half-hour on."""
    ends = pd.date_range(f"{days} 01:00", periods=47, freq="30min")
    lines = ["date,time,DOY,Ts_1_1_1,Rg_1_1_1,PPFD_1_1_1,P_rain_1_1_1,SWC_1_1_1,Rg_2_1_1",
             f"[yyyy-mm-dd],[HH:MM],[ddd.ddd],[K],[W+1m-2],[µmol+1m-2s-1],{rain},[m+3m-3],[W+1m-2]"]  # fmt: skip
    lines += [f"{t:%Y-%m-%d},{t:%H:%M},183.1,283.15,400,800,0.002,0.3,-9999" for t in ends]
    return "\n".join(lines) + "\n"


def test_the_biomet_output_of_eddypro_brings_the_weather(tmp_path):
    (tmp_path / "eddypro_US-Xyz_full_output_2020_adv.csv").write_text(eddypro())
    (tmp_path / "eddypro_US-Xyz_biomet_2020_adv.csv").write_text(biomet())
    (tmp_path / "eddypro_US-Xyz_biomet_2021_adv.csv").write_text(biomet("2021-01-01"))
    (tmp_path / "eddypro_US-Abc_biomet_2020_adv.csv").write_text(biomet(rain="[in]"))  # another's
    (tmp_path / "sites.csv").write_text(SITES)
    record = only(read_half_hours(tmp_path)).table
    weather = ["TS", "SW_IN", "PPFD_IN", "P", "SWC"]
    assert record[weather].iloc[1].tolist() == pytest.approx([10, 400, 800, 2, 30])
    assert record[weather].isna().sum().tolist() == [1] * 5
    towers, _ = read_towers(tmp_path, resolution="DD")
    assert towers[["SW_IN", "SWC"]].to_numpy().ravel().tolist() == pytest.approx([400, 0.3])


def test_a_biomet_output_of_other_units_is_refused(tmp_path):
    (tmp_path / "US-Xyz_full_output.csv").write_text(eddypro())
    (tmp_path / "US-Xyz_biomet.csv").write_text(biomet(rain="[in]"))
    with pytest.raises(
        InputError, match=r"P_rain_1_1_1: expected m or mm in the second line; found \[in\]"
    ):
        read_half_hours(tmp_path)


def test_a_full_output_needs_the_name_of_its_tower(tmp_path):
    (tmp_path / "eddypro_full_output.csv").write_text(eddypro())
    with pytest.raises(InputError, match="rename the file to <site>_full_output"):
        read_half_hours(tmp_path)


def test_reddyproc_text_keeps_codes_of_0_and_1(tmp_path):
    lines = ["Year\tDay\tHour\tNEE\tqcNEE\tLE\tRg\tTair\trH", "--\t--\t--\t--\t--\t--\t--\t--\t--"]
    lines += [f"2001\t1\t{(i + 1) / 2}\t{i}\t{i % 3}\t20\t100\t5\t80" for i in range(48)]
    (tmp_path / "US-Xyz_2001.txt").write_text("\n".join(lines) + "\n")
    record = only(read_half_hours(tmp_path)).table
    assert record["NEE"].dropna().tolist() == [i for i in range(48) if i % 3 < 2]
    assert list(record) == ["NEE", "LE", "TA", "SW_IN", "RH"]


def test_a_mapped_table(tmp_path):
    starts = pd.date_range("2011-06-01", periods=48, freq="30min")
    table = pd.DataFrame(
        {"when": starts, "Fc": 88.0, "T": 293.15, "rain": 2.0, "sun": 100.0, "d": 1.0}
    )
    table.to_csv(tmp_path / "hut.csv", index=False)
    columns = {
        "time": "when", "NEE": {"column": "Fc", "unit": "mgCO2 m-2 s-1"},
        "TA": {"column": "T", "unit": "K"}, "P": {"column": "rain", "unit": "mm h-1"}, "SW_IN": "sun",
        "VPD": {"column": "d", "unit": "kPa"},
    }  # fmt: skip
    record = only(read_half_hours(tmp_path, reader="tidy", columns=columns))
    assert record.site_id == "hut"
    row = record.table.iloc[0]
    assert row["NEE"] == pytest.approx(88 / 44.009 * 1000, rel=1e-4)
    assert row[["TA", "P", "SW_IN", "VPD"]].tolist() == pytest.approx([20, 1, 100, 10])


def test_a_mapping_needs_time_and_a_flux(tmp_path):
    (tmp_path / "hut.csv").write_text("when,T\n2011-06-01,1\n")
    with pytest.raises(ConfigurationError, match="none of NEE, LE and H"):
        read_half_hours(tmp_path, reader="tidy", columns={"time": "when", "TA": "T"})


def test_metadata_tell_the_clock(tmp_path):
    write_base(tmp_path / "AMF_US-Xyz_BASE-BADM_2-5.zip", FC=1.0)
    rows = {"LOCATION_LAT": 45, "LOCATION_LONG": -90, "IGBP": "ENF", "UTC_OFFSET": -6}
    text = "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\n"
    text += "".join(f"US-Xyz,1,GRP,{k},{v}\n" for k, v in rows.items())
    (tmp_path / "AMF_US-Xyz_BIF_20200101.csv").write_text(text)
    record = only(read_half_hours(tmp_path))
    assert (record.latitude, record.IGBP, record.utc_offset) == (45, "ENF", -6)


def test_measured_towers(shared_data, tmp_path):
    folder = shared_data / "half_hourly"
    crater, mead = read_half_hours(
        [
            folder / "AMF_US-CRT_BASE-BADM_2-5.zip",
            folder / "oneflux_nee" / "US-Ne1_qca_ustar_2003.csv.gz",
        ]
    )
    assert crater.table[["NEE", "LE", "H"]].notna().sum().tolist() == [9144, 9221, 11403]
    assert (mead.steps_a_day, mead.utc_offset, len(mead.table)) == (24, -6, 8760)
    (tmp_path / "DE-Tha_1998.txt").symlink_to(folder / "Example_DETha98.txt")
    tharandt = only(read_half_hours(tmp_path)).table
    assert tharandt["NEE"].notna().sum() == 11263
