"""Vegetation at towers: forms of tables, bits of quality, gaps, and what a table costs that is at fault."""

from __future__ import annotations

import contextlib
import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testing.archives import make_towers, write_folder
from tests.testing.reflectance import BEST, CLEAR, FORMS, season, write_form
from uflux_kedro.errors import InputError
from uflux_kedro.features.derived import offered_by_table
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.vegetation.join import read_records, with_vegetation
from uflux_kedro.readers.towers.vegetation.series import over_periods, usual_year

HEADER = (
    "YY,MM,DD,QC_500m,sites_id,state_1km,sur_refl_b01,sur_refl_b02,sur_refl_b03,x_geo,Var44,Var45"
)


def row(day: int, state: int = CLEAR, quality: int = BEST, red: float = 400, nir: float = 3000, blue: float = 200) -> str:  # fmt: skip
    place = '{"type":"Point","coordinates":[13.5652,50.9624]}'
    return f"2005,7,{day},{quality},DE-Tha,{state},{red},{nir},{blue},{place},,"


def write(folder, *rows: str, header: str = HEADER):
    path = folder / "DE-Tha.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    return path


def read_tower_reflectance(paths, keep_snow: bool = True) -> pd.DataFrame:
    """Return the days of the only record in some files."""
    (record,) = read_records(paths, Losses(stop=True), keep_snow)
    return record.table.assign(site_id=record.name)


def test_indices_follow_from_the_bands(tmp_path):
    table = read_tower_reflectance([write(tmp_path, row(1), row(2, red=500.5))])
    assert table["time"].tolist() == [pd.Timestamp("2005-07-01"), pd.Timestamp("2005-07-02")]
    first = table.iloc[0]
    assert (first["site_id"], first["RED"], first["NIR"], first["BLUE"]) == ("DE-Tha", pytest.approx(0.04), pytest.approx(0.3), pytest.approx(0.02))  # fmt: skip
    assert first["NDVI"] == pytest.approx(0.26 / 0.34)
    assert first["NIRv"] == pytest.approx(0.3 * 0.26 / 0.34)
    assert first["EVI"] == pytest.approx(2.5 * 0.26 / (0.3 + 0.24 - 0.15 + 1))
    assert first["EVI2"] == pytest.approx(2.5 * 0.26 / (0.3 + 0.096 + 1))


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (CLEAR, True),
        (CLEAR | 1, False),  # cloud
        (CLEAR | 2, False),  # mixed
        (CLEAR | 4, False),  # shadow
        (CLEAR & ~8, False),  # sea
        (CLEAR | 2 << 6, False),  # much aerosol
        (CLEAR | 1 << 8, True),  # a little cirrus
        (CLEAR | 2 << 8, False),
        (CLEAR | 1 << 10, False),
        (CLEAR | 1 << 12, True),  # snow
        (CLEAR | 1 << 13, False),
    ],
)
def test_a_day_counts_where_its_state_is_clear(tmp_path, state, kept):
    table = read_tower_reflectance([write(tmp_path, row(1, state))])
    assert table["NDVI"].notna().tolist() == [kept]


def test_snow_may_be_left_out(tmp_path):
    path = write(tmp_path, row(1, CLEAR | 1 << 12), row(2, CLEAR | 1 << 15), row(3))
    table = read_tower_reflectance([path], keep_snow=False)
    assert table["RED"].notna().tolist() == [False, False, True]


@pytest.mark.parametrize(("band", "bit"), [("RED", 2), ("NIR", 6), ("BLUE", 10)])
def test_a_band_of_low_quality_is_missing_by_itself(tmp_path, band, bit):
    table = read_tower_reflectance([write(tmp_path, row(1, quality=BEST | 7 << bit))])
    assert table[["RED", "NIR", "BLUE"]].isna().iloc[0].to_dict() == {b: b == band for b in ("RED", "NIR", "BLUE")}  # fmt: skip


@pytest.mark.parametrize("value", [-100, -28672, 16001, "NaN", ""])
def test_fill_values_are_missing(tmp_path, value):
    table = read_tower_reflectance([write(tmp_path, row(1, red=value), row(2))])
    assert table["RED"].isna().tolist() == [True, False]
    assert table["NDVI"].isna().tolist() == [True, False]
    assert table["BLUE"].notna().all()


@pytest.mark.parametrize("value", [-99, 0, 16000])
def test_the_ends_of_what_a_reflectance_may_be(tmp_path, value):
    table = read_tower_reflectance([write(tmp_path, row(1, red=value))])
    assert table["RED"].tolist() == pytest.approx([value * 1e-4])


@pytest.mark.parametrize(("word", "kept"), [(0, False), (CLEAR, True), ("", False), (-1, False)])
def test_a_state_that_is_no_word_is_not_clear(tmp_path, word, kept):
    table = read_tower_reflectance([write(tmp_path, row(1, word))])
    assert table["RED"].notna().tolist() == [kept]


def test_bands_without_a_word_of_quality_are_missing(tmp_path):
    table = read_tower_reflectance(
        [write(tmp_path, row(1, quality=""), row(2), row(3, quality=-1))]
    )
    assert table["RED"].notna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([row(1), row(1)], HEADER, "each day once; found 2005-07-01"),
        ([row(32)], HEADER, "expected a table of reflectance"),
        (["2005,7"], HEADER, "Expected 12 columns, got 2"),
        ([row(1)], HEADER.replace("state_1km", "state"), "no column state_1km"),
        ([], HEADER, "Empty CSV"),
        ([row(1, red="dark")], HEADER, "expected a table of reflectance"),
    ],
)
def test_bad_tables_are_named(tmp_path, rows, header, message):
    with pytest.raises(InputError, match=message):
        read_tower_reflectance([write(tmp_path, *rows, header=header)])


def test_no_files_and_a_truncated_file(tmp_path):
    with pytest.raises(InputError, match="expected files named"):
        read_tower_reflectance(tmp_path)
    with pytest.raises(InputError, match="expected a file; found no file"):
        read_tower_reflectance(tmp_path / "nowhere")
    path = write(tmp_path, *(row(d) for d in range(1, 29)))
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(InputError, match="DE-Tha"):
        read_tower_reflectance([path])


@given(content=st.one_of(st.binary(max_size=200), st.text("0123456789,{}:.-\nN", max_size=200).map(lambda t: f"{HEADER}\n{t}".encode())))  # fmt: skip
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("f") / "t.csv"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        table = read_tower_reflectance([path])
        assert table["RED"].dropna().between(-0.01, 1.6).all()


@pytest.mark.parametrize(
    ("site", "days", "ndvi_error", "nirv_error"), [("FR-Pue", 0.35, 0.002, 0.001), ("DE-Tha", 0.14, 0.02, 0.003)]
)  # fmt: skip
def test_measured_days_agree_with_indices_that_others_made(
    shared_data, site, days, ndvi_error, nirv_error
):
    """MODIS_NDVI and MODIS_NIRV of the tower table were extracted and screened by its authors."""
    path = shared_data / "modis_reflectance" / f"{site}_MODOCGA_MOD09GA1km.csv.gz"
    daily = read_tower_reflectance([path])
    assert len(daily) == 6826
    assert daily["NDVI"].notna().mean() == pytest.approx(days, abs=0.01)
    table = pd.read_csv(
        shared_data / "towers_monthly" / "fluxnet2015_monthly.csv.gz", na_values=-9999
    )
    table = table[table["SITE_ID"] == site].reset_index(drop=True)
    times = pd.to_datetime(table["TIMESTAMP"].astype(str), format="%Y%m")
    monthly = over_periods(daily.drop(columns="site_id"), 1, times, "MM")
    measured = table["MODIS_NDVI"].notna()
    seen, filled = measured & (monthly["QC"] > 0), measured & (monthly["QC"] == 0)
    assert seen.sum() > 100
    error = (monthly["NDVI"] - table["MODIS_NDVI"]).abs()
    assert error[seen].mean() < ndvi_error
    assert (monthly["NIRv"] - table["MODIS_NIRV"])[seen].abs().mean() < nirv_error
    assert np.corrcoef(monthly["NIRv"][seen], table["MODIS_NIRV"][seen])[0, 1] > 0.99
    assert error[filled].mean() < 0.06, "the mean year is near what was seen with another mask"


@pytest.mark.parametrize("name", ["11", "001", "1E3", "NA", "None", "null", "NaN"])
def test_a_name_of_a_site_stays_as_it_is_written(tmp_path, name):
    table = read_tower_reflectance([write(tmp_path, row(1).replace("DE-Tha", name))])
    assert table["site_id"].tolist() == [name]


PLACE = (50.9624, 13.5652)
FIRST, LAST = "2004-01-01", "2005-12-31"


@pytest.mark.parametrize("form", [form for form in FORMS if form != "composites"])
def test_each_form_gives_the_same_indices(tmp_path, form):
    write_form(tmp_path, form, "DE-Tha", PLACE, FIRST, LAST)
    (record,) = read_records(tmp_path, Losses(stop=True))
    assert (record.name, record.latitude, record.longitude) == ("DE-Tha", *PLACE)
    assert record.product == ("MOD09GA" if "Engine" in form else "MCD43A4")
    table, made = record.table, season(pd.date_range(FIRST, LAST))
    good = np.arange(len(made)) % 3 != 0
    assert table["NDVI"].notna().tolist() == good.tolist()
    for band in ("RED", "NIR", "BLUE", "SWIR"):
        np.testing.assert_allclose(table[band][good], made[band][good], atol=1e-6)
    ndvi = (made["NIR"] - made["RED"]) / (made["NIR"] + made["RED"])
    lswi = (made["NIR"] - made["SWIR"]) / (made["NIR"] + made["SWIR"])
    np.testing.assert_allclose(table["NIRv"][good], (ndvi * made["NIR"])[good], atol=1e-6)
    np.testing.assert_allclose(table["LSWI"][good], lswi[good], atol=1e-6)


def test_a_composite_stands_for_its_days_and_a_cloudy_one_for_none(tmp_path):
    write_form(tmp_path, "composites", "DE-Tha", PLACE, FIRST, LAST)
    (record,) = read_records(tmp_path, Losses(stop=True))
    assert {*record.table} == {"time", "NDVI"}
    days = pd.Series(pd.date_range("2004-01-01", "2004-02-05"))
    by_day = over_periods(record.table, 16, days, "DD")
    # Of the composites that begin on 1 January, 17 January and 2 February the first is cloudy.
    assert by_day["QC"].tolist() == [0.0] * 16 + [1.0] * 16 + [1.0] * 4
    assert by_day["NDVI"].notna().all()


def test_bands_may_stand_in_files_of_their_own(tmp_path):
    path = write_form(tmp_path, "MODISTools", "DE-Tha", PLACE, FIRST, "2004-02-01")
    (whole,) = read_records(path, Losses(stop=True))
    table = pd.read_csv(path)
    path.unlink()
    for number, (_, of) in enumerate(table.groupby("band")):
        of.to_csv(tmp_path / f"{number}.csv", index=False)
    (joined,) = read_records(tmp_path, Losses(stop=True))
    pd.testing.assert_frame_equal(joined.table, whole.table)


def test_consecutive_files_are_one_record(tmp_path):
    write_form(tmp_path, "AppEEARS", "DE-Tha", PLACE, FIRST, "2004-12-31")
    write_form(tmp_path, "AppEEARS", "DE-Tha", PLACE, "2004-12-01", LAST)
    (record,) = read_records(tmp_path, Losses(stop=True))
    assert len(record.table) == 731


def test_a_table_without_its_quality_is_refused(tmp_path):
    path = write_form(tmp_path, "AppEEARS", "DE-Tha", PLACE, FIRST, "2004-02-01")
    table = pd.read_csv(path)
    kept = [c for c in table if "Quality_Band2" not in c]
    table[kept].to_csv(path, index=False)
    with pytest.raises(InputError, match=r"no column BRDF_Albedo_Band_Mandatory_Quality_Band2"):
        read_records(path, Losses(stop=True))


def test_the_mean_year_is_that_of_the_place_alone():
    days = pd.date_range("2001-01-01", "2004-12-31")
    values = np.sin(2 * np.pi * days.day_of_year.to_numpy() / 366)
    values[days.month == 12] = np.nan  # as in polar night
    values[days.year == 2003] += 0.4
    year = usual_year(values, days.day_of_year.to_numpy())
    expected = np.sin(2 * np.pi * np.arange(1, 367) / 366) + 0.1
    inner = slice(20, 320)
    np.testing.assert_allclose(year[inner], expected[inner], atol=0.03)
    assert np.isfinite(year).all()
    assert np.isnan(usual_year(np.r_[values[:9], np.full(50, np.nan)], np.arange(1, 60))).all()


def test_a_month_of_few_clear_days_is_filled_and_flagged():
    days = pd.date_range(FIRST, LAST)
    table = pd.DataFrame({"time": days, "NDVI": season(days)["NIR"]})
    cloudy = (days.year == 2005) & (days.month == 7) & (days.day > 2)
    table.loc[cloudy, "NDVI"] = np.nan
    months = pd.Series(pd.date_range(FIRST, LAST, freq="MS"))
    made = over_periods(table, 1, months, "MM")
    july = (months == "2005-07-01").to_numpy()
    assert made["QC"].tolist() == [0.0 if m else 1.0 for m in july]
    of_2004 = made["NDVI"][(months == "2004-07-01").to_numpy()].item()
    assert made["NDVI"][july].item() == pytest.approx(of_2004, abs=0.01)
    weeks = over_periods(table, 1, months, "WW")
    assert weeks["QC"].iloc[0] == 1
    before = over_periods(
        table, 1, pd.Series(pd.date_range("2001-01-01", "2001-12-01", freq="MS")), "MM"
    )
    assert (before["QC"] == 0).all(), "years before the satellite"
    assert before["NDVI"].notna().all()


@pytest.fixture(scope="module")
def towers_folder(tmp_path_factory):
    """Three archives of towers, and where the towers stand."""
    folder = tmp_path_factory.mktemp("towers")
    made = make_towers(3)
    write_folder(folder, made)
    return folder, made


def joined(folder, vegetation, **settings):
    return read_towers(folder, companions=True, vegetation_path=str(vegetation), **settings)


def test_a_mixed_folder_is_read_whole_and_a_fault_costs_what_it_is_of(tmp_path, towers_folder):
    folder, (one, two, three) = towers_folder
    place = {t.site: (t.latitude, t.longitude) for t in (one, two, three)}
    veg = tmp_path / "veg"
    write_form(veg, "Earth Engine", one.site, place[one.site], FIRST, LAST, level=0.1)
    write_form(veg, "AppEEARS", one.site, place[one.site], FIRST, LAST)  # is preferred
    # Written otherwise, and without a name that is known but at the place.
    write_form(veg, "MODISTools", "field 7", place[two.site], FIRST, "2004-12-31")
    away = (place[three.site][0] + 1, place[three.site][1])
    write_form(veg, "AppEEARS", three.site, away, FIRST, LAST)
    write_form(veg, "AppEEARS", "ZZ-Zzz", (0.0, 0.0), FIRST, LAST)
    whole = write_form(veg, "AppEEARS", two.site, place[two.site], FIRST, LAST)
    whole.write_bytes(whole.read_bytes()[:2000])
    (veg / "README.csv").write_text("a,b\n1,2\n")
    towers, sites = joined(folder, veg)
    products = sites.set_index("site_id")["vegetation_product"]
    assert products.dropna().to_dict() == {one.site: "MCD43A4", two.site: "MCD43A4"}
    by_site = {site: of.set_index("time") for site, of in towers.groupby("site_id")}
    july = season(pd.date_range("2004-07-01", "2004-07-31"))
    expected = ((july["NIR"] - july["RED"]) / (july["NIR"] + july["RED"]) * july["NIR"]).mean()
    for site in (one.site, two.site):
        assert by_site[site]["MODIS_NIRv"]["2004-07-01"] == pytest.approx(expected, abs=0.002)
        assert by_site[site]["MODIS_QC"]["2004-07-01"] == pytest.approx(2 / 3, abs=0.02)
    assert by_site[two.site]["MODIS_QC"]["2005-07-01"] == 0, "filled by the mean year"
    assert by_site[two.site]["MODIS_NIRv"].notna().all()
    assert by_site[three.site][["MODIS_NIRv", "MODIS_QC"]].isna().all(axis=None)
    assert by_site[three.site]["GPP"].notna().any(), "the tower itself is read"
    lost = {(row["site_id"], row["reason"]) for row in towers.attrs["left_out"]}
    reasons = " | ".join(f"{site}: {reason}" for site, reason in sorted(lost))
    assert f"{one.site}: MOD09GA is set aside for MCD43A4" in reasons
    assert f"{three.site}: {three.site}: expected a place within 5 km" in reasons
    assert "ZZ-Zzz: vegetation of ZZ-Zzz at 0, 0, where no tower is read" in reasons
    assert "Expected 22 columns" in reasons
    assert "not a table of reflectance at towers" in reasons
    with pytest.raises(InputError, match="Expected 22 columns"):
        joined(folder, veg, on_bad_tower="stop")


@pytest.mark.parametrize(("resolution", "held"), [("DD", "float32"), ("MM", "float64")])
def test_vegetation_is_held_in_the_type_of_the_towers(tmp_path, resolution, held):
    write_form(tmp_path, "AppEEARS", "DE-Tha", PLACE, FIRST, "2004-05-31")
    parameters = TowerParameters(vegetation_path=str(tmp_path), resolution=resolution)
    towers = pd.DataFrame({"site_id": "DE-Tha", "time": pd.date_range(FIRST, periods=4, freq="MS")})
    sites = pd.DataFrame({"site_id": ["DE-Tha"], "latitude": PLACE[0], "longitude": PLACE[1]})
    made, _ = with_vegetation(towers, sites, parameters, Losses(stop=True))
    assert {str(made[name].dtype) for name in ("MODIS_NDVI", "MODIS_NIRv", "MODIS_QC")} == {held}
    assert made["MODIS_NIRv"].notna().all()


@pytest.mark.parametrize("form", ["20050701", "2005-07-01", "2005-07-01T12:00:00", "1120176000000"])
def test_a_date_of_an_export_may_be_written_in_several_ways(tmp_path, form):
    header = "system:index,date,site_id,state_1km,QC_500m,sur_refl_b01,sur_refl_b02"
    path = write(tmp_path, f"0,{form},DE-Tha,{CLEAR},{BEST},400,3000", header=header)
    table = read_tower_reflectance([path])
    assert table["time"].tolist() == [pd.Timestamp("2005-07-01")]


def test_vegetation_of_no_tower_is_an_error(tmp_path, towers_folder):
    write_form(tmp_path / "veg", "AppEEARS", "ZZ-Zzz", (0.0, 0.0), FIRST, LAST)
    with pytest.raises(InputError, match=r"expected vegetation of a tower.*where no tower is read"):
        joined(towers_folder[0], tmp_path / "veg")


def test_what_is_offered_before_the_run_is_what_is_read(tmp_path, towers_folder):
    folder, (one, *_) = towers_folder
    carry_over = CarryOverParameters(climate="ERA5", vegetation={"NIRv": "MODIS_NIRv"})
    for form, expected in {
        "MODISTools": {"NDVI", "EVI", "EVI2", "NIRv", "LSWI"},
        "Earth Engine": {"NDVI", "EVI", "EVI2", "NIRv", "LSWI"},
        "composites": {"NDVI"},
    }.items():
        veg = tmp_path / form
        write_form(veg, form, one.site, (one.latitude, one.longitude), FIRST, "2004-05-31")
        parameters = TowerParameters(companions=True, vegetation_path=str(veg))
        offered = offered_by_table(folder, parameters, carry_over)
        names = {name for name in offered if name.startswith("MODIS_")}
        assert names == {f"MODIS_{index}" for index in expected}
        assert ("FILLED_NIRv_LAG1" in offered) == ("NIRv" in expected)
        towers, _ = joined(folder, veg)
        assert names <= {*towers}
    with pytest.raises(InputError, match="expected a file; found no file"):
        offered_by_table(folder, TowerParameters(vegetation_path=str(tmp_path / "nowhere")))
