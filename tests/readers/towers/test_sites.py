from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.sites import (
    check_metadata,
    check_sites,
    igbp_class,
    read_sites,
)
from uflux_kedro.readers.towers.tower_files import recognise


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "SITE_ID": ["NA-Xyz", "DE-Abc"],
            "LOCATION_LAT": [-20.5, 51.25],
            "LOCATION_LONG": [15.75, 13.5],
            "LOCATION_ELEV": [-9999, 385],
            "IGBP": ["OSH", "ENF"],
            "CLIMATE": ["Arid", ""],
        }
    )


def write(table: pd.DataFrame, path):
    table.to_csv(path / "sites.csv", index=False)
    return path / "sites.csv"


def test_a_site_table_becomes_canonical(table, tmp_path):
    sites = read_sites(write(table, tmp_path))
    assert list(sites) == ["site_id", "latitude", "longitude", "elevation", "IGBP", "climate"]
    assert sites["site_id"].tolist() == ["DE-Abc", "NA-Xyz"]
    assert sites["latitude"].tolist() == [51.25, -20.5]
    assert sites["elevation"].isna().tolist() == [False, True]
    assert sites["climate"].isna().tolist() == [True, False]


def test_elevation_and_climate_may_be_absent(table, tmp_path):
    sites = read_sites(write(table.drop(columns=["LOCATION_ELEV", "CLIMATE"]), tmp_path))
    assert sites[["elevation", "climate"]].isna().all(axis=None)


@pytest.mark.parametrize("column", ["SITE_ID", "LOCATION_LAT", "IGBP"])
def test_a_missing_column_is_named(table, tmp_path, column):
    with pytest.raises(InputError, match=rf"sites\.csv: {column}: expected these columns"):
        read_sites(write(table.drop(columns=column), tmp_path))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("LOCATION_LAT", 95.0, "latitude: expected -90 to 90 degrees; found 95 at NA-Xyz"),
        ("LOCATION_LONG", 200.0, "longitude: expected -180 to 180 degrees; found 200 at NA-Xyz"),
        ("LOCATION_LAT", -9999, "latitude: expected -90 to 90 degrees; found nan at NA-Xyz"),
        ("SITE_ID", "DE-Abc", "site_id: expected each site once; found DE-Abc twice"),
        ("SITE_ID", "", "site_id: expected a name for each site; found none"),
        ("IGBP", "GRS", r"IGBP: expected one of WAT, .*; found 'GRS' at NA-Xyz. Is it GRA\?"),
        ("IGBP", "", "IGBP: expected one of"),
    ],
)
def test_bad_rows_are_named(table, tmp_path, column, value, message):
    table[column] = table[column].astype(object)
    table.loc[0, column] = value
    with pytest.raises(InputError, match=message):
        read_sites(write(table, tmp_path))


def test_a_tower_without_metadata_is_named(table, tmp_path):
    sites = read_sites(write(table, tmp_path))
    towers = pd.DataFrame({"site_id": ["DE-Abc", "XX-New", "XX-New"]})
    with pytest.raises(InputError, match="found none for XX-New") as caught:
        check_metadata(towers, sites, "towers.csv")
    assert caught.value.where == "towers.csv"


def test_names_may_be_written_in_latin_1(table, tmp_path):
    path = write(table.assign(SITE_NAME="Puéchabon"), tmp_path)
    path.write_bytes(path.read_text("utf-8").encode("latin-1"))
    assert len(read_sites(path)) == len(table)


def test_a_name_may_go_over_lines(table, tmp_path):
    path = write(table.assign(SITE_NAME='Harvard\nForest\n"EMS"'), tmp_path)
    assert len(read_sites(path)) == len(table)


def places(latitude, longitude):
    return pd.DataFrame(
        {"site_id": ["A"], "latitude": [latitude], "longitude": [longitude], "IGBP": ["ENF"]}
    )


@pytest.mark.parametrize(
    ("latitude", "longitude", "wrong"),
    [
        (90.0, 180.0, None),
        (-90.0, -180.0, None),
        (90.01, 0.0, "latitude: expected -90 to 90 degrees; found 90.01 at A"),
        (-90.01, 0.0, "latitude: expected -90 to 90"),
        (0.0, 180.01, "longitude: expected -180 to 180"),
        (0.0, -180.01, "longitude: expected -180 to 180"),
        (np.nan, 0.0, "latitude: expected .* found nan at A"),
        (0.0, -9999, "longitude: expected .* found nan at A"),
    ],
)
def test_the_ends_of_the_earth(latitude, longitude, wrong):
    if wrong is None:
        assert len(check_sites(places(latitude, longitude), "t")) == 1
    else:
        with pytest.raises(InputError, match=wrong):
            check_sites(places(latitude, longitude), "t")


def test_elevations_and_names_are_tidied():
    table = places(1.0, 2.0).assign(site_id=" A ", IGBP=" ENF ", elevation="-9999", climate="Dfb")
    (site,) = check_sites(table, "t").itertuples()
    assert (site.site_id, site.IGBP, site.climate) == ("A", "ENF", "Dfb")
    assert np.isnan(site.elevation)


@pytest.mark.parametrize("name", ["11", "001", "1E3", "NA", "None", "null", "NaN"])
def test_a_name_of_a_site_stays_as_it_is_written(table, tmp_path, name):
    table["SITE_ID"] = [name, "DE-Abc"]
    assert name in read_sites(write(table, tmp_path))["site_id"].tolist()


def test_a_latitude_that_is_a_longitude_asks_whether_they_are_swapped(table, tmp_path):
    table.loc[0, "LOCATION_LAT"] = 148.2
    with pytest.raises(InputError, match=r"148.2 at NA-Xyz. Are latitude and longitude swapped\?"):
        read_sites(write(table, tmp_path))


@pytest.mark.parametrize(
    ("value", "valid"), [(-450, True), (8900, True), (1e9, False), (-500, False)]
)
def test_an_elevation_is_one_on_earth(table, tmp_path, value, valid):
    path = write(table.assign(LOCATION_ELEV=value), tmp_path)
    if valid:
        assert set(read_sites(path)["elevation"]) == {value}
    else:
        with pytest.raises(InputError, match="elevation: expected -450 to 8900 m above the sea"):
            read_sites(path)


@pytest.mark.parametrize(
    "header",
    [
        "SITE_ID,SITE_NAME,LOCATION_LAT,LOCATION_LONG,LOCATION_ELEV,IGBP,CLIMATE",
        "site_id,name,location_lat,location_long,elev,igbp,climate",
        "Site ID,Name,Latitude (degrees),Longitude (degrees),Elevation (m),"
        "Vegetation Abbreviation (IGBP),Climate Class Abbreviation (Koeppen)",
        "id,name,lat,lon,elevation,siteType,climateZone",
        "fluxnet_id,site,lat,lon,altitude,vegetation,koeppen",
        "Site Code,Site name,Latitude,Longitude,Elevation,IGBP code,Climate",
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_other_networks_names_of_the_columns(tmp_path, header, separator):
    row = "DE-Abc,Abc wood,51.25,13.5,385,ENF,Cfb"
    text = f"{header}\n{row}\n".replace(",", separator)
    (tmp_path / "sites.csv").write_text(text)
    (site,) = read_sites(tmp_path / "sites.csv").to_dict("records")
    assert site == {"site_id": "DE-Abc", "latitude": 51.25, "longitude": 13.5, "elevation": 385.0,
                    "IGBP": "ENF", "climate": "Temperate"}  # fmt: skip
    assert recognise(File(tmp_path / "sites.csv")).family == "sites"


def test_a_table_of_periods_is_no_site_table(tmp_path):
    (tmp_path / "own.csv").write_text("site,date,lat,lon,igbp,gpp\nA,2001-01,50,10,ENF,1\n")
    assert "a table of unknown columns" in recognise(File(tmp_path / "own.csv"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("enf", "ENF"), (" DBF ", "DBF"), ("WET - Permanent Wetlands", "WET"), ("10", "GRA"),
     ("CRO (Croplands: ...)", "CRO"), ("Evergreen Needleleaf Forests", "ENF"), ("17", "WAT"),
     ("Cropland/Natural Vegetation Mosaics", "CVM"), ("Woody Savannas", "WSA"), ("Savannas", "SAV"),
     ("Permanent Snow and Ice", "SNO"), ("GRS", "GRS"), ("tundra", "tundra"), ("", "")],
)  # fmt: skip
def test_classes_in_words_and_codes(text, expected):
    assert igbp_class(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("BSk", "Arid"), ("ET", "Arctic"), ("Dry", "Dry")])
def test_climates_of_koeppen_have_names(table, tmp_path, text, expected):
    assert set(read_sites(write(table.assign(CLIMATE=text), tmp_path))["climate"]) == {expected}


def test_what_is_wrong_at_other_sites_does_not_matter(table, tmp_path):
    path = write(table.assign(IGBP=["", "ENF"], LOCATION_LAT=[99, 51.25]), tmp_path)
    assert read_sites(path, ["DE-Abc"])["site_id"].tolist() == ["DE-Abc"]
    with pytest.raises(InputError, match="latitude"):
        read_sites(path, ["NA-Xyz"])


def test_a_comma_in_a_name_is_refused_unless_quoted(tmp_path):
    header = "SITE_ID,SITE_NAME,LOCATION_LAT,LOCATION_LONG,IGBP\n"
    (tmp_path / "sites.csv").write_text(header + "DE-Abc,Abc, Saxony,51.25,13.5,ENF\n")
    with pytest.raises(InputError, match="expected 5 fields in every row; found 6 in line 2"):
        read_sites(tmp_path / "sites.csv")
    (tmp_path / "sites.csv").write_text(header + 'DE-Abc,"Abc, Saxony",51.25,13.5,ENF\n')
    assert read_sites(tmp_path / "sites.csv")["latitude"].tolist() == [51.25]
