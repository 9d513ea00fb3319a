"""read_towers: any mixture of files to towers and sites."""

from __future__ import annotations

import csv
import gzip
import logging
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.testing.project import PROJECT
from uflux_kedro.datasets.validators import TOWERS
from uflux_kedro.errors import InputError
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers import archives
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.tower_files import TowerFile, recognise


@pytest.fixture
def sites(tmp_path):
    def write(*names: str):
        place = {"SITE_ID": names, "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0, "IGBP": "ENF"}
        pd.DataFrame(place).to_csv(tmp_path / "sites.csv", index=False)
        return tmp_path / "sites.csv"

    return write


BIF = "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\n" + "".join(
    f"XX-Aaa,1,G,{v},{d}\n"
    for v, d in (("LOCATION_LAT", 47.5), ("LOCATION_LONG", 8.4), ("IGBP", "MF"))
)


@pytest.mark.parametrize(
    ("name", "family", "site", "step"),
    [
        ("FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2007-2014_2-3.csv", "fluxnet", "FR-Pue", "MM"),
        ("FLX_BE-Bra_FLUXNET2015_SUBSET_HH_1996-2020_beta-3.csv.gz", "fluxnet", "BE-Bra", "HH"),
        ("AMF_US-Ha1_FLUXNET_SUBSET_HR_1991-2020_3-5.csv", "fluxnet", "US-Ha1", "HR"),
        ("ICOSETC_BE-Bra_FLUXNET_HH_L2.csv", "fluxnet", "BE-Bra", "HH"),
        ("ICOSETC_BE-Bra_FLUXNET_DD_INTERIM_L2.csv", "fluxnet", "BE-Bra", "DD"),
        ("EUF_CH-Oe2_FLUXNET_FLUXMET_WW_2004-2024_v1.3_r1.csv", "fluxnet", "CH-Oe2", "WW"),
        ("AMF_US-CRT_BASE_HH_2-5.csv", "ameriflux", "US-CRT", "HH"),
        ("FLX_CH-Lae_FLUXDATAKIT_FULLSET_DD_2004_2014_2-3.csv.gz", "fluxdatakit", "CH-Lae", "DD"),
        ("FLX_US-Wi7_FLUXNET2015_ERAI_HH_1989-2014_1-4.csv.gz", "reanalysis", "US-Wi7", "HH"),
        ("EUF_CH-Oe2_FLUXNET_ERA5_DD_1981-2025_v1.3_r1.csv", "reanalysis", "CH-Oe2", "DD"),
        ("AMF_US-CRT_BIF_20201218.xlsx", "badm", "", None),
        ("FLX_AA-Flx_BIF_MM_20200501.csv", "badm", "", None),
        ("ICOSETC_BE-Bra_SITEINFO_L2.csv", "badm", "", None),
    ],
)
def test_names_of_the_networks_are_known(tmp_path, name, family, site, step):
    found = recognise(File(tmp_path / name))
    assert isinstance(found, TowerFile)
    assert (found.family, found.site, found.step) == (family, site, step)


@pytest.mark.parametrize(
    "name",
    [
        "FLX_US-Wi7_FLUXNET2015_AUXNEE_2005-2005_1-4.csv",
        "FLX_US-Wi7_FLUXNET2015_FULLSET_YY_2005-2005_1-4.csv",
        "EUF_CH-Oe2_FLUXNET_BIFVARINFO_HH_2004-2024_v1.3_r1.csv",
        "EUF_CH-Oe2_FLUXNET_ERA5_YY_1981-2025_v1.3_r1.csv",
        "ICOSETC_BE-Bra_VARINFO_FLUXNET_HH_L2.csv",
        "ICOSETC_BE-Bra_METEO_L2.csv",
    ],
)
def test_what_comes_along_is_passed_over(tmp_path, name):
    assert recognise(File(tmp_path / name)) is None


def test_the_fullest_table_of_a_delivery_is_read_once(
    fluxnet_table, fluxnet_zip, sites, tmp_path, caplog
):
    paths = [fluxnet_zip(fluxnet_table()), sites("XX-Aaa", "XX-Bbb", "XX-Not")]
    for site, kind in (("XX-Aaa", "SUBSET"), ("XX-Aaa", "FULLSET"), ("XX-Bbb", "SUBSET")):
        paths.append(tmp_path / f"FLX_{site}_FLUXNET2015_{kind}_MM_2004-2004_1-4.csv")
        fluxnet_table().to_csv(paths[-1], index=False)
    with caplog.at_level(logging.WARNING):
        towers, metadata = read_towers(paths)
    assert towers["site_id"].tolist() == ["XX-Aaa"] * 12 + ["XX-Bbb"] * 12
    assert metadata["site_id"].tolist() == ["XX-Aaa", "XX-Bbb"]
    assert (towers.attrs["missing_columns"], caplog.text) == ([], "")
    assert towers.attrs["resolution"] == "MM"
    TOWERS.validate(towers)


def test_two_deliveries_of_a_tower_follow_each_other_or_are_refused(fluxnet_table, sites, tmp_path):
    paths = [sites("XX-Aaa")]
    table = fluxnet_table(24)
    for years, rows in (("2004-2004", table.iloc[:12]), ("2005-2005", table.iloc[12:])):
        paths.append(tmp_path / f"FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_{years}_1-4.csv")
        rows.to_csv(paths[-1], index=False)
    assert read_towers(paths)[0]["time"].is_monotonic_increasing
    assert len(read_towers(paths)[0]) == 24
    table.to_csv(tmp_path / "ICOSETC_XX-Aaa_FLUXNET_MM_L2.csv", index=False)
    with pytest.raises(InputError, match="each period once; found XX-Aaa 2004-01-01"):
        read_towers([*paths, tmp_path / "ICOSETC_XX-Aaa_FLUXNET_MM_L2.csv"], on_bad_tower="stop")


def test_sites_come_from_the_archive_where_there_is_no_table(fluxnet_table, tmp_path):
    path = tmp_path / "EUF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(
            "EUF_XX-Aaa_FLUXNET_FLUXMET_MM_2004-2004_v1.3_r1.csv",
            fluxnet_table().to_csv(index=False),
        )
        z.writestr("EUF_XX-Aaa_FLUXNET_BIF_2004-2004_v1.3_r1.csv", BIF)
        z.writestr("README.txt", "no data")
    towers, metadata = read_towers([path])
    assert len(towers) == 12
    assert metadata[["site_id", "latitude", "IGBP"]].to_numpy().tolist() == [["XX-Aaa", 47.5, "MF"]]


def test_the_users_site_table_comes_before_the_networks(
    fluxnet_table, fluxnet_zip, sites, tmp_path
):
    (tmp_path / "FLX_AA-Flx_BIF_MM_20200501.csv").write_text(BIF)
    path = fluxnet_zip(fluxnet_table())
    assert read_towers([path])[1]["IGBP"].tolist() == ["MF"], "metadata stand beside the file"
    sites("XX-Aaa")
    assert read_towers([path])[1]["IGBP"].tolist() == ["ENF"]


def test_a_tower_without_place_is_named(fluxnet_table, fluxnet_zip):
    with pytest.raises(InputError, match="site table for each tower; found none for XX-Aaa"):
        read_towers([fluxnet_zip(fluxnet_table())])


def test_what_cannot_be_read_is_said_with_its_reason(
    fluxnet_table, fluxnet_zip, sites, tmp_path, caplog
):
    (tmp_path / "notes.csv").write_text("who,what\nI,this\n")
    (tmp_path / "hourly.csv").write_text("TIMESTAMP_START,NEE_VUT_REF\n200401010000,1\n")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as z:
        z.writestr("ICOSETC_BE-Bra_ARCHIVE_L2.zip", "PK")
    with zipfile.ZipFile(tmp_path / "lists.zip", "w") as z:
        z.writestr("sites.csv", "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\n")
    fluxnet_zip(fluxnet_table())
    sites("XX-Aaa")
    with caplog.at_level(logging.WARNING):
        towers, _ = read_towers(list(tmp_path.iterdir()))
    assert len(towers) == 12
    for name, reason in (
        ("notes.csv", "unknown columns: map them"),
        ("hourly.csv", "without its name: rename the file"),
        ("photo.jpg", "neither a zip nor CSV"),
        ("release.zip", "unpack the outer one"),
        ("lists.zip", "unpack it first"),
    ):
        assert any(name in r.message and reason in r.message for r in caplog.records), name


def test_no_tower_at_all_is_an_error(sites, tmp_path):
    with pytest.raises(InputError, match="at least one file of towers"):
        read_towers([])
    with pytest.raises(InputError, match=r"at least one file of towers; found sites\.csv"):
        read_towers([sites("XX-Aaa")])
    base = tmp_path / "AMF_US-Xyz_BASE_HH_2-5.csv"
    base.write_text("TIMESTAMP_START,TIMESTAMP_END,H\n")
    with pytest.raises(InputError, match="for the reader fluxnet"):
        read_towers([base], TowerParameters(reader="fluxnet"))


def test_mapped_tables_and_archives_stand_together(fluxnet_table, fluxnet_zip, sites, tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("site,month,lat,lon,cover,gpp\nZZ-Own,200401,45,5,GRA,3.5\n")
    columns = {"site_id": "site", "time": "month", "latitude": "lat", "longitude": "lon",
               "IGBP": "cover", "GPP": "gpp"}  # fmt: skip
    paths = [table, fluxnet_zip(fluxnet_table()), sites("XX-Aaa")]
    towers, metadata = read_towers(paths, TowerParameters(columns=columns))
    assert towers["site_id"].value_counts().to_dict() == {"XX-Aaa": 12, "ZZ-Own": 1}
    assert metadata["IGBP"].tolist() == ["ENF", "GRA"]
    alone, _ = read_towers(paths, TowerParameters(columns=columns, reader="fluxnet"))
    assert alone["site_id"].unique().tolist() == ["XX-Aaa"]


def test_a_parquet_of_many_towers(tmp_path):
    table = pd.DataFrame(
        {"ID": ["DE-Abc"] * 2, "time": pd.to_datetime(["2010-01-01", "2010-02-01"]), "GPP": [1.0, 2.0],
         "Latitude": 51.0, "IGBP": 1, "ERA5_TA": 5.0}
    ).set_index(["ID", "time"])  # fmt: skip
    table.to_parquet(tmp_path / "training.parquet")
    towers, metadata = read_towers([tmp_path / "training.parquet"])
    assert towers["GPP"].tolist() == [1.0, 2.0]
    assert metadata["IGBP"].tolist() == ["ENF"]


# ---------------------------------------------------------------- measured towers


def test_every_shared_archive_in_one_folder(shared_data, sites):
    folder = shared_data / "fluxnet_archives"
    crt = shared_data / "half_hourly/AMF_US-CRT_BASE-BADM_2-5.zip"
    paths = [*folder.iterdir(), crt, sites("CH-Lae", "FR-Pue", "US-Wi7", "US-CRT")]
    parameters = TowerParameters(energy_balance="RAW")
    towers, metadata = read_towers(paths, parameters)
    assert metadata["site_id"].tolist() == ["CH-Lae", "FR-Pue", "US-CRT", "US-Wi7"]
    counts = towers["site_id"].value_counts().to_dict()
    assert counts == {"CH-Lae": 132, "FR-Pue": 96, "US-CRT": 12, "US-Wi7": 12}
    TOWERS.validate(towers)


def test_puechabon_agrees_with_the_monthly_table_of_all_towers(shared_data, sites):
    """Months of the archive against an independent extract of FLUXNET2015."""
    path = shared_data / "fluxnet_archives/FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2007-2014_2-3.csv"
    towers, _ = read_towers([path, sites("FR-Pue")])
    other = pd.read_csv(shared_data / "towers_monthly/fluxnet2015_monthly.csv.gz", na_values=-9999)
    other = other[other["SITE_ID"] == "FR-Pue"]
    other.index = pd.to_datetime(other["TIMESTAMP"].astype(str), format="%Y%m")
    ours = towers.set_index("time")
    pairs = {
        "GPP": "GPP_NT_VUT_REF", "NEE": "NEE_VUT_REF", "NEE_QC": "NEE_VUT_REF_QC", "H": "H_CORR",
        "LE": "LE_CORR", "TA": "TA_F", "TA_QC": "TA_F_QC", "VPD": "VPD_F", "P": "P_F", "PA": "PA_F",
    }  # fmt: skip
    for name, column in pairs.items():
        pair = pd.concat([ours[name], other[column]], axis=1, join="inner").dropna()
        assert len(pair) >= 88
        np.testing.assert_allclose(pair[name], pair[column], rtol=1e-12, err_msg=name)


def test_days_of_willow_creek_7_make_its_months(shared_data, sites):
    path = shared_data / "fluxnet_archives/FLX_US-Wi7_FLUXNET2015_FULLSET_DD_2005-2005_1-4.csv"
    parameters = TowerParameters(energy_balance="RAW", completeness=0.3)
    towers, _ = read_towers([path, sites("US-Wi7")], parameters)
    with path.open(newline="") as stream:
        july = [r for r in csv.DictReader(stream) if r["TIMESTAMP"].startswith("200507")]
    ours = towers.set_index("time").loc["2005-07-01"]
    assert ours["GPP_QC"] == pytest.approx(np.mean([float(r["NEE_VUT_REF_QC"]) for r in july]))
    assert ours["GPP"] == pytest.approx(np.mean([float(r["GPP_NT_VUT_REF"]) for r in july]))
    assert ours["TA"] == pytest.approx(np.mean([float(r["TA_F"]) for r in july]))


def test_ozflux_reads_by_the_mapping_that_is_shipped(shared_data):
    block = yaml.safe_load((PROJECT / "conf/ozflux/parameters.yml").read_text())["towers"]
    path = shared_data / "ozflux_monthly/ozflux_monthly_joined_dev.csv.gz"
    towers, metadata = read_towers(path, **block)
    assert (len(metadata), towers.attrs["missing_columns"]) == (15, [])
    raw = pd.read_csv(path, parse_dates=["date"])
    row = raw[(raw["fluxnet_id"] == "AU-Tum") & raw["GPP_SOLO_EC"].notna()].iloc[10]
    ours = towers[(towers["site_id"] == "AU-Tum") & (towers["time"] == row["date"])].iloc[0]
    days = row["date"].days_in_month
    assert ours["GPP"] == pytest.approx(row["GPP_SOLO_EC"] / days)
    assert ours["P"] == pytest.approx(row["Precip_EC"] / days)
    assert ours["GRID_SW_IN"] == pytest.approx(row["srad_RS"] / 0.0864)
    assert (ours["LE"], ours["TA"]) == (row["Fe_EC"], row["Ta_EC"])
    balance = towers["RECO"] - towers["GPP"] - towers["NEE"]
    assert balance.abs().median() < 0.01, "NEE is positive to the atmosphere"
    with pytest.raises(InputError, match="outside, such as"):
        read_towers(path, **block | {"outside": "raise"})


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><p>Please log in"])
def test_a_download_that_is_no_zip_stops(tmp_path, content):
    path = tmp_path / "FLX_XX-Aaa_FLUXNET2015_FULLSET_2004-2004_1-4.zip"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"1-4\.zip: expected a zip archive; found .*download it again"
    ):
        read_towers([path])


MONTHS = "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_1-4.csv"


def months(fluxnet_table, last: str) -> str:
    """Return a table whose last column is one that is read."""
    table = fluxnet_table()
    return table[[*table.columns.drop(last), last]].to_csv(index=False)


def test_a_last_number_that_may_be_cut_off_is_told(tmp_path, sites, fluxnet_table):
    sites("XX-Aaa")
    text = months(fluxnet_table, "GPP_NT_VUT_REF")
    for content, told in ((text, 0), (text[:-2], 1)):
        (tmp_path / MONTHS).write_text(content)
        towers, places = read_towers(tmp_path)
        assert len(towers.attrs["remarks"]) == told
    findings = check_towers(towers, places, QualityParameters()).findings
    (finding,) = (f for f in findings if "line break" in f.found)
    assert (finding.variable, finding.weight) == ("GPP", "note")


def test_a_last_number_of_a_tidy_table_that_may_be_cut_off_is_told(tmp_path):
    text = "site,month,lat,cover,gpp\nA,200401,45,GRA,3.5\nB,200401,50,ENF,4.25"
    (tmp_path / "own.csv").write_text(text)
    columns = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover", "GPP": "gpp"}
    towers, _ = read_towers(tmp_path, reader="tidy", columns=columns)
    assert [(r["variable"], r["sites"]) for r in towers.attrs["remarks"]] == [("GPP", ["B"])]


def test_a_copy_with_other_contents_is_refused(tmp_path, sites, fluxnet_table, fluxnet_zip):
    sites("XX-Aaa")
    fluxnet_zip(fluxnet_table())
    (tmp_path / "unpacked").mkdir()
    fluxnet_table().to_csv(tmp_path / "unpacked" / MONTHS, index=False)
    assert len(read_towers(tmp_path)[0]) == 12
    fluxnet_table(GPP_NT_VUT_REF=5.0).to_csv(tmp_path / "unpacked" / MONTHS, index=False)
    with pytest.raises(
        InputError, match=r"one version of the table; found another .*2004_1-4\.csv"
    ):
        read_towers(tmp_path)


def test_a_site_without_a_file_may_have_no_class(tmp_path, sites, fluxnet_table, fluxnet_zip):
    sites("XX-Aaa")
    with (tmp_path / "sites.csv").open("a") as stream:
        stream.write("XX-Bbb,51.0,11.0,\n")
    fluxnet_zip(fluxnet_table())
    assert read_towers(tmp_path)[1]["site_id"].tolist() == ["XX-Aaa"]


@pytest.mark.parametrize("kind", ["zip", "gzip", "text", "parquet"])
def test_a_table_is_measured_by_what_it_takes_in_memory(tmp_path, sites, monkeypatch, kind):
    """A thousandfold packed, rows of ones would fill the memory."""
    sites("XX-Aaa")
    rows = 5000
    monkeypatch.setattr(archives, "MAX_MEMORY_BYTES", 8 * rows)
    columns = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover", "GPP": "gpp"}
    settings = {}
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / MONTHS.replace("_MM", "").replace("csv", "zip"), "w") as a:
            a.writestr(MONTHS, "TIMESTAMP,NEE_VUT_REF,GPP_NT_VUT_REF\n" + "200401,1,1\n" * rows)
    elif kind == "gzip":
        text = b"site,month,lat,cover,gpp\n" + b"A,200401,1,GRA,1\n" * rows
        (tmp_path / "own.csv.gz").write_bytes(gzip.compress(text))
        settings = {"reader": "tidy", "columns": columns}
    elif kind == "text":
        text = "Year\tDoY\tHour\tNEE\n-\t-\t-\t-\n" + "2004\t1\t0.5\t1\n" * rows
        (tmp_path / "XX-Aaa_2004.txt").write_text(text)
    else:
        table = pd.DataFrame({"site": ["A"] * rows, "month": "200401", "lat": 1.0, "gpp": 1.0})
        table.assign(cover="GRA").to_parquet(tmp_path / "own.parquet")
        settings = {"reader": "tidy", "columns": columns}
    with pytest.raises(InputError, match="at most 0 GiB in memory"):
        read_towers(tmp_path, **settings)
