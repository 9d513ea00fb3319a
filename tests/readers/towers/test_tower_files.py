"""Families of files, recognised by name and by header."""

from __future__ import annotations

from pathlib import Path

import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.tower_files import by_name, recognise


def named(name):
    return by_name(File(Path(name)))


@pytest.mark.parametrize(
    ("name", "family", "site", "step", "rank"),
    [
        ("FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2005_1-4.csv", "fluxnet", "XX-Aaa", "MM", 0),
        ("FLX_XX-Aaa_FLUXNET2015_SUBSET_HH_2004-2005_1-4.csv.gz", "fluxnet", "XX-Aaa", "HH", 2),
        ("ICOSETC_XX-Aaa_FLUXNET_FLUXMET_DD_2004_L2.csv", "fluxnet", "XX-Aaa", "DD", 1),
        ("ICOSETC_XX-Aaa_FLUXNET_HR_L2.CSV", "fluxnet", "XX-Aaa", "HR", 0),
        ("AMF_US-CRT_BASE_HH_2-5.csv", "ameriflux", "US-CRT", "HH", 0),
        ("FLX_CH-Lae_FLUXDATAKIT_FULLSET_DD_2004_2014_2-3.csv.gz", "fluxdatakit", "CH-Lae", "DD", 0),
    ],
)  # fmt: skip
def test_names_of_networks(name, family, site, step, rank):
    found = named(name)
    assert (found.family, found.site, found.step, found.rank) == (family, site, step, rank)


@pytest.mark.parametrize(
    "name",
    [
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2005_1-4",  # no ending
        "FLX_XX-Aaa.csv",  # two parts
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_2004-2005_1-4.csv",  # no step
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_2004_MM.csv",  # the step too late
        "FLX_XX-Aaa_OTHER_FULLSET_MM_2004-2005_1-4.csv",
        "FLX_XXAaa_FLUXNET2015_FULLSET_MM_2004-2005_1-4.csv",
        "FLX_XX-A+a_FLUXNET2015_FULLSET_MM_2004-2005_1-4.csv",
        "FLX_XX-Aaa_FLUXNET2015_OTHER_MM_2004-2005_1-4.csv",
        "FLX_XX-Aaa_FLUXNET2015_ERAI_MM_1989-2014_1-4.csv",
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_YY_2004-2005_1-4.csv",
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_ERAI_1-4.csv",
    ],
)
def test_names_of_nothing_known(name):
    assert named(name) is None


def test_tables_of_one_delivery_have_one_key():
    full = named("FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2005_1-4.csv")
    part = named("FLX_XX-Aaa_FLUXNET2015_SUBSET_HH_2004-2005_1-4.csv")
    later = named("FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2006_1-4.csv")
    assert full.delivery == part.delivery != later.delivery


@pytest.mark.parametrize("part", ["BIF", "SITEINFO", "BADM"])
def test_names_of_metadata(part):
    assert named(f"FLX_XX-Aaa_{part}_MM_20200501.csv").family == "badm"
    assert named(f"AA-Flx_{part}_20200501.xlsx").family == "badm"


def write(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return File(path)


@pytest.mark.parametrize(
    ("lines", "family", "site"),
    [
        (["SITE_ID,VARIABLE,DATAVALUE", "A,B,C"], "badm", ""),
        (["# Site: XX-Aaa", "TIMESTAMP_START,H", "200401010000,1"], "ameriflux", "XX-Aaa"),
        (["site,XX-Aaa", "TIMESTAMP_START,H", "200401010000,1"], "ameriflux", "XX-Aaa"),
        (["SITE_ID,LOCATION_LAT", "A,1"], "sites", ""),
    ],
)
def test_headers_of_known_tables(tmp_path, lines, family, site):
    found = recognise(write(tmp_path, "table.csv", *lines))
    assert (found.family, found.site) == (family, site)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["TIMESTAMP,H", "200401,1"], "a table of one tower without its name"),
        (["# Site: nowhere", "TIMESTAMP_START,H", "200401010000,1"], "without its name"),
        (["SITE_ID,LOCATION_LAT,TIMESTAMP", "A,1,200401"], "a table of unknown columns"),
        (["SITE_ID,VARIABLE", "A,B"], "a table of unknown columns"),
        (["Year\tDoY\tH", "2004\t1\t1"], "rename the file to <site>_<years>.txt"),
        (["Day\tDoY\tH", "2004\t1\t1"], "a table of unknown columns"),
    ],
)
def test_headers_that_say_too_little(tmp_path, lines, reason):
    assert reason in recognise(write(tmp_path, "table.csv", *lines))


def test_a_mapped_table_is_tidy_where_it_has_the_mapped_columns(tmp_path):
    file = write(tmp_path, "table.csv", "place,when,H", "A,2004-01,1")
    assert recognise(file, {"site_id": "place", "time": "when"}).family == "tidy"
    assert "unknown columns" in recognise(file, {"site_id": "place", "time": "date"})
    assert recognise(File(tmp_path / "t.parquet"), {"site_id": "x"}).family == "tidy"
    assert recognise(File(tmp_path / "t.parquet")).family == "parquet"


def test_tabs_and_a_name_make_a_table_of_reddyproc(tmp_path):
    found = recognise(write(tmp_path, "DE-Tha_1996.txt", "Year\tDoY\tHour\tNEE", "1996\t1\t.5\t1"))
    assert (found.family, found.site, found.step) == ("reddyproc", "DE-Tha", "HH")
    assert found.delivery == ("DE-Tha_1996.txt",)


@pytest.mark.parametrize("name", ["README.md", "licence.PDF", "FLX_XX-Aaa_FLUXNET2015_AUXNEE.csv"])
def test_what_comes_along_is_of_no_use(tmp_path, name):
    assert recognise(write(tmp_path, name, "x")) is None


def test_other_endings_are_told(tmp_path):
    assert "neither a zip nor CSV" in recognise(write(tmp_path, "table.doc", "x"))
    assert (
        recognise(File(tmp_path / "a.zip", "b.zip")) == "a zip inside a zip: unpack the outer one"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("AU-Tum_L6.nc", "expected a complete netCDF file, found "),
     ("towers.xlsx", "a workbook without metadata of sites: map the columns of its first"),
     ("towers.xls", "a workbook: save it as CSV")],
)  # fmt: skip
def test_other_formats_are_named_with_what_to_do(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"CDF\x01")
    assert recognise(File(tmp_path / name)).startswith(message)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_named_with_what_to_do(tmp_path, encoding):
    text = "TIMESTAMP,GPP_NT_VUT_REF\n200401,1\n"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    path = tmp_path / "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_1-4.csv"
    path.write_bytes(mark + text.encode(encoding))
    with pytest.raises(InputError, match=r"text in UTF-8; found UTF-16\. Save it as CSV UTF-8"):
        read_towers(path)
