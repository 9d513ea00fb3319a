from __future__ import annotations

import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.badm import read_badm

ROWS = [
    ["US-Xyz", 1, "GRP_HEADER", "SITE_NAME", 'Tower, "the old one"'],
    ["US-Xyz", 2, "GRP_LOCATION", "LOCATION_LAT", 41.6285],
    ["US-Xyz", 2, "GRP_LOCATION", "LOCATION_LONG", -83.3471],
    ["US-Xyz", 2, "GRP_LOCATION", "LOCATION_ELEV", 180],
    ["US-Xyz", 3, "GRP_IGBP", "IGBP", "GRA"],
    ["US-Xyz", 4, "GRP_IGBP", "IGBP", "CRO"],
    ["US-Xyz", 5, "GRP_CLIM_AVG", "CLIMATE_KOEPPEN", "Dfa"],
    ["NA-Abc", 6, "GRP_LOCATION", "LOCATION_LAT", -20.5],
    ["NA-Abc", 6, "GRP_LOCATION", "LOCATION_LONG", 15.5],
    ["NA-Abc", 7, "GRP_IGBP", "IGBP", "OSH"],
    ["XX-NoP", 8, "GRP_IGBP", "IGBP", "WET"],
]
HEADER = ["SITE_ID", "GROUP_ID", "VARIABLE_GROUP", "VARIABLE", "DATAVALUE"]


def workbook(path, rows):
    book = openpyxl.Workbook()
    for row in [HEADER, *rows]:
        book.active.append(row)
    book.save(path)
    return File(path)


def text(path, rows, header=HEADER):
    lines = [",".join(f'"{str(c).replace(chr(34), chr(34) * 2)}"' for c in r) for r in rows]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return File(path)


@pytest.mark.parametrize("write", [workbook, text])
def test_bif_of_many_sites_in_either_form(tmp_path, write):
    suffix = "xlsx" if write is workbook else "csv"
    sites = read_badm(write(tmp_path / f"AMF_AA-Net_BIF_CCBY4_20220810.{suffix}", ROWS))
    assert sites["site_id"].tolist() == ["NA-Abc", "US-Xyz"], "a site without place is left out"
    site = sites.iloc[1]
    assert site[["latitude", "longitude", "elevation"]].tolist() == [41.6285, -83.3471, 180]
    assert site["IGBP"] == "CRO", "the last of several counts"
    assert site["climate"] == "Continental"
    assert np.isnan(sites["elevation"][0])


def test_icos_siteinfo_in_a_zip(tmp_path):
    rows = [[r[0], r[1], *r[3:]] for r in ROWS if r[0] == "US-Xyz"]
    header = [c for c in HEADER if c != "VARIABLE_GROUP"]
    file = text(tmp_path / "x.csv", rows, header)
    path = tmp_path / "ICOSETC_US-Xyz_ARCHIVE_L2.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(file.path, "ICOSETC_US-Xyz_SITEINFO_L2.csv")
    sites = read_badm(File(path, "ICOSETC_US-Xyz_SITEINFO_L2.csv"))
    assert sites[["site_id", "IGBP"]].to_numpy().tolist() == [["US-Xyz", "CRO"]]


def test_rows_broken_by_free_text_are_passed_over(tmp_path):
    file = text(tmp_path / "a_BIF.csv", ROWS[:7])
    broken = file.path.read_text().replace(
        "\n", '\nUS-Xyz,9,GRP_COMMENT,COMMENT,half a line,\nand the rest\n"', 1
    )
    file.path.write_text(broken.replace('\n""', '\n"', 1))
    assert read_badm(file)["latitude"].tolist() == [41.6285]


def test_only_the_needed_sites_are_checked(tmp_path):
    rows = [*ROWS, ["XX-Odd", 9, "GRP_LOCATION", "LOCATION_LAT", 95],
            ["XX-Odd", 9, "GRP_LOCATION", "LOCATION_LONG", 9],
            ["XX-Odd", 9, "GRP_IGBP", "IGBP", "JUNGLE"]]  # fmt: skip
    file = text(tmp_path / "a_BIF.csv", rows)
    assert len(read_badm(file, {"US-Xyz"})) == 1
    with pytest.raises(InputError, match="latitude: expected -90 to 90 degrees; found 95"):
        read_badm(file, {"XX-Odd"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a_BIF.csv", b"SITE_ID,VALUE\n", "VARIABLE, DATAVALUE: expected these columns"),
        ("a_BIF.csv", b"", "expected these columns; found no header line"),
        ("a_BIF.xlsx", b"not a workbook", "complete zip archive"),
    ],
)
def test_files_that_are_no_metadata_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_badm(File(tmp_path / name))


def test_a_workbook_that_leads_outside_is_refused(tmp_path):
    path = tmp_path / "a_BIF.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil.xml", "x")
    with pytest.raises(InputError, match="The archive is unsafe and is not read"):
        read_badm(File(path))


@pytest.mark.parametrize("decimal", [".", ","])
def test_semicolons_between_the_columns(tmp_path, decimal):
    (tmp_path / "comma").mkdir()
    plain = read_badm(text(tmp_path / "comma" / "AMF_AA-Net_BIF_X.csv", ROWS))
    path = tmp_path / "AMF_AA-Net_BIF_X.csv"
    lines = [
        ";".join(map(str, row[:4])) + f";{str(row[4]).replace('.', decimal)}" for row in ROWS[1:]
    ]
    path.write_text("\n".join([";".join(HEADER), *lines]) + "\n")
    pd.testing.assert_frame_equal(read_badm(File(path)), plain)
