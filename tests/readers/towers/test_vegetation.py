from __future__ import annotations

import contextlib
import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.readers.modis_towers import monthly_reflectance, read_tower_reflectance

HEADER = (
    "YY,MM,DD,QC_500m,sites_id,state_1km,sur_refl_b01,sur_refl_b02,sur_refl_b03,x_geo,Var44,Var45"
)
CLEAR = 0b01_001_0_00 | 1 << 6  # land, little aerosol
BEST = 1 << 30


def row(day: int, state: int = CLEAR, quality: int = BEST, red: float = 400, nir: float = 3000, blue: float = 200) -> str:  # fmt: skip
    place = '{"type":"Point","coordinates":[13.5652,50.9624]}'
    return f"2005,7,{day},{quality},DE-Tha,{state},{red},{nir},{blue},{place},,"


def write(folder, *rows: str, header: str = HEADER):
    path = folder / "DE-Tha.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    return path


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


def test_a_month_needs_three_clear_days_or_as_many_as_are_asked_for(tmp_path):
    days = [row(d, CLEAR if d < 4 else CLEAR | 1, red=300 + 100 * d) for d in range(1, 9)]
    daily = read_tower_reflectance([write(tmp_path, *days)])
    (month,) = monthly_reflectance(daily).itertuples()
    assert (month.site_id, month.time) == ("DE-Tha", pd.Timestamp("2005-07-01"))
    assert month.N_CLEAR_DAYS == 3
    assert float(month.RED) == pytest.approx(0.05)
    assert monthly_reflectance(daily, min_days=4)["RED"].isna().all()


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([row(1), row(1)], HEADER, "each day once; found 2005-07-01"),
        ([row(32)], HEADER, "expected a table with the columns YY"),
        (["2005,7"], HEADER, "found 2 fields in line 2"),
        ([row(1)], HEADER.replace("state_1km", "state"), "no column state_1km"),
        ([], HEADER, "each day once; found no day"),
        ([row(1, red="dark")], HEADER, "expected a table with the columns YY"),
    ],
)
def test_bad_tables_are_named(tmp_path, rows, header, message):
    with pytest.raises(InputError, match=message):
        read_tower_reflectance([write(tmp_path, *rows, header=header)])


def test_no_files_and_a_truncated_file(tmp_path):
    with pytest.raises(InputError, match="at least one file"):
        read_tower_reflectance([])
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
    table = table[table["SITE_ID"] == site]
    table["time"] = pd.to_datetime(table["TIMESTAMP"].astype(str), format="%Y%m")
    both = monthly_reflectance(daily).merge(table, on="time").dropna(subset=["NDVI", "MODIS_NDVI"])
    assert len(both) > 100
    assert (both["NDVI"] - both["MODIS_NDVI"]).abs().mean() < ndvi_error
    assert (both["NIRv"] - both["MODIS_NIRV"]).abs().mean() < nirv_error
    assert np.corrcoef(both["NIRv"], both["MODIS_NIRV"])[0, 1] > 0.99


@pytest.mark.parametrize("name", ["11", "001", "1E3", "NA", "None", "null", "NaN"])
def test_a_name_of_a_site_stays_as_it_is_written(tmp_path, name):
    table = read_tower_reflectance([write(tmp_path, row(1).replace("DE-Tha", name))])
    assert table["site_id"].tolist() == [name]
