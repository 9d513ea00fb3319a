from __future__ import annotations

import pandas as pd
import pytest

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.tidy import columns_with_values, read_tidy


def mapping(**columns: object) -> dict[str, ColumnSpec]:
    """A mapping as the configuration gives it."""
    return TowerParameters.model_validate({"columns": columns}).columns


COLUMNS = mapping(site_id="site", time="month", latitude="lat", longitude="lon", IGBP="cover", GPP="gpp", GPP_QC="nee_qc", NEE="nee", NEE_QC="nee_qc", EVI="evi", ERA_TA={"column": "t_era", "unit": "K"})  # fmt: skip


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": ["NA-Xyz", "NA-Xyz", "DE-Abc"],
            "month": ["200101", "200102", "200101"],
            "lat": [-20.0, -20.0, 51.0],
            "lon": [15.0, 15.0, 13.0],
            "cover": ["OSH", "OSH", "ENF"],
            "gpp": [1.0, -9999, 3.0],
            "nee": [-0.5, -0.25, -1.0],
            "nee_qc": [1.0, 0.5, 0.75],
            "evi": [0.2, 0.25, None],
            "t_era": [273.15, 283.15, 293.15],
        }
    )


def write(table: pd.DataFrame, path):
    table.to_csv(path / "towers.csv", index=False)
    return [path / "towers.csv"]


def test_a_table_becomes_towers_and_sites(table, tmp_path):
    towers, sites, missing = read_tidy(write(table, tmp_path), COLUMNS)
    assert missing == []
    assert towers["site_id"].tolist() == ["DE-Abc", "NA-Xyz", "NA-Xyz"]
    assert towers["time"].tolist() == list(
        pd.to_datetime(["2001-01-01", "2001-01-01", "2001-02-01"])
    )
    assert towers["GPP"].isna().tolist() == [False, False, True]
    assert towers["GPP_QC"].tolist() == towers["NEE_QC"].tolist() == [0.75, 1.0, 0.5]
    assert towers["ERA_TA"].tolist() == pytest.approx([20, 0, 10])
    assert sites[["site_id", "latitude", "longitude", "IGBP"]].to_numpy().tolist() == [
        ["DE-Abc", 51.0, 13.0, "ENF"],
        ["NA-Xyz", -20.0, 15.0, "OSH"],
    ]
    assert towers.attrs["resolution"] == "MM"


def test_a_workbook_is_read_like_its_csv(table, tmp_path):
    """Dates and numbers as cells; ``NA`` and ``007`` are names, ``11`` too."""
    table["site"] = ["NA", "NA", "007"]
    expected, sites, _ = read_tidy(write(table, tmp_path), COLUMNS)
    path = tmp_path / "towers.xlsx"
    table["month"] = pd.to_datetime(table["month"], format="%Y%m")
    with pd.ExcelWriter(path) as book:
        table.to_excel(book, sheet_name="towers", index=False)
        pd.DataFrame({"notes": ["x"]}).to_excel(book, sheet_name="notes")
    towers, from_cells, _ = read_tidy([path], COLUMNS)
    pd.testing.assert_frame_equal(towers, expected)
    pd.testing.assert_frame_equal(from_cells, sites)
    settings = TowerParameters(reader="tidy", columns=COLUMNS)
    assert read_towers(path, settings)[0]["site_id"].tolist() == ["007", "NA", "NA"]
    assert columns_with_values([path], COLUMNS) == set(COLUMNS)
    numbered = table.assign(site=11, lat=1.0, lon=1.0, cover=1).drop_duplicates("month")
    numbered.to_excel(path, index=False)
    towers, sites, _ = read_tidy([path], COLUMNS)
    assert (towers["site_id"].unique().tolist(), sites["IGBP"].tolist()) == (["11"], ["ENF"])


@pytest.mark.parametrize("content", [b"not a workbook", b""])
def test_a_file_that_is_no_workbook_is_an_error(tmp_path, content):
    (tmp_path / "towers.xlsx").write_bytes(content)
    with pytest.raises(InputError, match="expected a complete zip archive"):
        read_tidy([tmp_path / "towers.xlsx"], COLUMNS)


def test_a_workbook_with_a_column_twice_is_refused(table, tmp_path):
    path = tmp_path / "towers.xlsx"
    pd.concat([table, table[["gpp"]]], axis=1).to_excel(path, index=False)
    with pytest.raises(InputError, match="gpp: expected each column once"):
        read_tidy([path], COLUMNS)


def test_a_unit_by_month_counts_the_days_of_each_month(table, tmp_path):
    columns = COLUMNS | mapping(
        GPP={"column": "gpp", "unit": "gC m-2 month-1"},
        P={"column": "rain", "unit": "mm month-1"},
    )
    table = table.assign(gpp=[31.0, 56.0, 62.0], rain=[93.0, 28.0, 0.0])
    towers, _, _ = read_tidy(write(table, tmp_path), columns)
    assert towers["GPP"].tolist() == pytest.approx([2.0, 1.0, 2.0])
    assert towers["P"].tolist() == pytest.approx([0.0, 3.0, 1.0])


def test_productivity_becomes_exchange_by_its_sign(table, tmp_path):
    columns = COLUMNS | mapping(NEE={"column": "nep", "unit": "umolCO2 m-2 s-1", "sign": -1})
    towers, _, _ = read_tidy(write(table.assign(nep=[1.0, 2.0, -9999]), tmp_path), columns)
    factor = 12.011e-6 * 86400
    assert towers["NEE"].tolist()[1:] == pytest.approx([-factor, -2 * factor])
    assert towers["NEE"].isna().tolist() == [True, False, False]


def test_parquet_and_codes_of_land_cover_read_alike(table, tmp_path):
    expected, sites, _ = read_tidy(write(table, tmp_path), COLUMNS)
    coded = table.assign(cover=table["cover"].map({"OSH": 7, "ENF": 1}))
    coded.set_index(["site", "month"]).to_parquet(tmp_path / "towers.parquet")
    towers, other_sites, _ = read_tidy([tmp_path / "towers.parquet"], COLUMNS)
    pd.testing.assert_frame_equal(towers, expected)
    pd.testing.assert_frame_equal(other_sites, sites)
    assert columns_with_values(
        [tmp_path / "towers.csv", tmp_path / "towers.parquet"], COLUMNS
    ) == set(COLUMNS)


def test_a_table_may_have_no_longitudes(table, tmp_path, caplog):
    columns = {n: c for n, c in COLUMNS.items() if n != "longitude"}
    _, sites, _ = read_tidy(write(table, tmp_path), columns)
    assert sites["longitude"].isna().all()
    assert "no longitudes" in caplog.text


def test_several_files_are_one_table(table, tmp_path):
    paths = []
    for site, rows in table.groupby("site"):
        paths.append(tmp_path / f"{site}.csv.gz")
        rows.to_csv(paths[-1], index=False)
    whole, sites, _ = read_tidy(write(table, tmp_path), COLUMNS)
    parts, part_sites, _ = read_tidy(paths, COLUMNS)
    pd.testing.assert_frame_equal(parts, whole)
    pd.testing.assert_frame_equal(part_sites, sites)


def test_columns_without_values_are_reported_and_left_out(table, tmp_path, caplog):
    table = table.drop(columns="evi").assign(t_era=-9999)
    towers, _, missing = read_tidy(write(table, tmp_path), COLUMNS)
    assert missing == ["EVI", "ERA_TA"]
    assert not {"EVI", "ERA_TA"} & set(towers)
    assert "no values of EVI (column evi)" in caplog.text


@pytest.mark.parametrize("column", ["site", "month", "lat", "lon", "cover"])
def test_a_missing_key_is_an_error(table, tmp_path, column):
    with pytest.raises(InputError, match=f"{column}: expected this column"):
        read_tidy(write(table.drop(columns=column), tmp_path), COLUMNS)


def test_no_flux_at_all_is_an_error(table, tmp_path):
    with pytest.raises(InputError, match=r"expected values of a flux \(gpp, nee\)"):
        read_tidy(write(table.drop(columns=["gpp", "nee"]), tmp_path), COLUMNS)


def test_the_mapping_is_checked_first(table, tmp_path):
    paths = write(table, tmp_path)
    with pytest.raises(ConfigurationError, match="mapping has no IGBP"):
        read_tidy(paths, {n: c for n, c in COLUMNS.items() if n != "IGBP"})
    with pytest.raises(ConfigurationError, match="Unknown variable 'ERA_TAA'"):
        read_tidy(paths, COLUMNS | mapping(ERA_TAA="t_era"))
    with pytest.raises(InputError, match="at least one file"):
        read_tidy([], COLUMNS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"month": ["200102", "200102", "200101"]}, "found NA-Xyz 2001-02-01 twice"),
        ({"month": ["200103", "200102", "200101"]}, "found NA-Xyz 2001-02-01 after a later"),
        ({"month": ["200101", "2001xx", "200101"]}, "month: expected timestamps"),
        ({"lat": [-20.0, -21.0, 51.0]}, "latitude: expected one value a site; found several"),
        ({"cover": ["OSH", "OSH", "FOREST"]}, "IGBP: expected one of .* 'FOREST' at DE-Abc"),
        ({"t_era": [0.0, 10.0, 20.0]}, "ERA_TA: expected -80 to 60 degC; found 3 values outside"),
        ({"gpp": [1.0, 2.0, 300.0]}, "GPP: expected -10 to 40 .* 300 at DE-Abc in 2001-01-01"),
        ({"nee_qc": [1.0, 2.0, 0.0]}, "GPP_QC: expected 0 to 1"),
        ({"evi": ["dense", "0.1", "0.2"]}, "evi: expected numbers; found 'dense'"),
    ],
)
def test_bad_rows_are_named(table, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_tidy(write(table.assign(**changes), tmp_path), COLUMNS)


def test_a_unit_that_does_not_convert_is_refused(table, tmp_path):
    columns = COLUMNS | mapping(ERA_TA={"column": "t_era", "unit": "W m-2"})
    with pytest.raises(InputError, match="TA: expected a unit that converts to degC"):
        read_tidy(write(table, tmp_path), columns)


MEASURED = mapping(site_id="SITE_ID", time="TIMESTAMP", latitude="LOCATION_LAT", longitude="LOCATION_LONG", IGBP="IGBP", climate="CLIMATE", GPP="GPP_NT_VUT_REF", GPP_QC="NEE_VUT_REF_QC", NEE="NEE_VUT_REF", LE="LE_CORR", LE_QC="LE_F_MDS_QC", ERA_VPD="VPD_ERA", GRID_SW_IN={"column": "SSRD_GRID", "unit": "MJ m-2 d-1"}, MODIS_NIRv="MODIS_NIRV")  # fmt: skip


def test_measured_towers(shared_data):
    path = shared_data / "towers_monthly/fluxnet2015_monthly.csv.gz"
    towers, sites, missing = read_tidy([path], MEASURED)
    assert missing == []
    assert (len(towers), len(sites)) == (11856, 138)
    raw = pd.read_csv(path)
    one = raw[(raw.SITE_ID == "DE-Tha") & (raw.TIMESTAMP == 200507)].iloc[0]
    ours = towers[(towers.site_id == "DE-Tha") & (towers.time == "2005-07-01")].iloc[0]
    assert ours["GPP"] == one["GPP_NT_VUT_REF"]
    assert ours["MODIS_NIRv"] == one["MODIS_NIRV"]
    assert ours["GRID_SW_IN"] == pytest.approx(one["SSRD_GRID"] / 0.0864)
    assert towers["LE"].isna().sum() == (raw["LE_CORR"] == -9999).sum() > 0


def test_measured_towers_under_other_names_and_units(shared_data):
    path = shared_data / "ozflux_monthly/ozflux_monthly_joined_dev.csv.gz"
    columns = mapping(
        site_id="site", time="date", latitude="lat", longitude="lon", IGBP="igbp",
        GPP={"column": "GPP_SOLO_EC", "unit": "gC m-2 month-1"}, LE="Fe_EC",
    )  # fmt: skip
    towers, sites, _ = read_tidy([path], columns)
    raw = pd.read_csv(path, parse_dates=["date"])
    expected = (raw["GPP_SOLO_EC"] / raw["date"].dt.days_in_month).groupby(raw["site"]).sum()
    pd.testing.assert_series_equal(
        towers.groupby("site_id")["GPP"].sum(), expected, check_names=False, check_index_type=False
    )
    assert len(sites) == 15
    rain = mapping(P={"column": "Precip_EC", "unit": "mm month-1"}, VPD="VPD_EC")
    with pytest.raises(InputError, match="P: expected 0 to 500 mm d-1; found 3 values outside"):
        read_tidy([path], columns | rain)
    towers, _, _ = read_tidy([path], columns | rain, outside="mask")
    assert towers["P"].isna().sum() == 3
    assert towers["VPD"].isna().sum() == (raw["VPD_EC"] < 0).sum() == 1


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (["2001-01-01T00:00:00Z", "2001-02-01T00:00:00Z", "2001-01-01T00:00:00Z"], None),
        (["2001-01-01T00:00:00+01:00", "2001-02-01T00:00:00+01:00"] * 2, None),
        (["2001-01-01T00:00+01:00", "2001-07-01T00:00+02:00"] * 2, "month: expected timestamps"),
        (["2001", "2002", "2001"], "found years only, such as 2001"),
    ],
)
def test_time_zones_and_years(table, tmp_path, stamps, message):
    paths = write(table.assign(month=stamps[:3]), tmp_path)
    if message:
        with pytest.raises(InputError, match=message):
            read_tidy(paths, COLUMNS)
    else:
        towers, _, _ = read_tidy(paths, COLUMNS)
        assert {str(t)[:10] for t in towers["time"]} == {"2001-01-01", "2001-02-01"}


def test_a_row_that_lost_a_field_is_named(table, tmp_path):
    """Otherwise the following values would move into other columns."""
    (path,) = write(table, tmp_path)
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace(",-0.25", "", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="expected 10 fields in every row; found 9 in line 3"):
        read_tidy([path], COLUMNS)


NAMES = ["11", "001", "1E3", "NA", "None", "null", "NaN"]
"""Names of sites that look like a number or like no value."""


@pytest.mark.parametrize("name", NAMES)
def test_names_of_sites_stay_as_they_are_written(table, tmp_path, name):
    table["site"] = [name, name, "DE-Abc"]
    towers, sites, _ = read_tidy(write(table, tmp_path), COLUMNS)
    assert set(towers["site_id"]) == set(sites["site_id"]) == {name, "DE-Abc"}


def test_names_that_are_all_numbers_are_text(table, tmp_path):
    table["site"] = ["000", "000", "001"]
    towers, sites, _ = read_tidy(write(table, tmp_path), COLUMNS)
    assert towers["site_id"].tolist() == ["000", "000", "001"]
    assert sites["site_id"].tolist() == ["000", "001"]


@pytest.mark.parametrize("names", [[11, 11, 12], [11.0, 11.0, 12.0]])
def test_numbers_of_a_parquet_table_are_names_without_a_decimal_point(table, tmp_path, names):
    table.assign(site=names).to_parquet(tmp_path / "towers.parquet")
    _, sites, _ = read_tidy([tmp_path / "towers.parquet"], COLUMNS)
    assert sites["site_id"].tolist() == ["11", "12"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_without_a_site_is_refused(table, tmp_path, suffix):
    table.loc[1, "site"] = None
    path = tmp_path / f"towers.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    with pytest.raises(InputError, match="site: expected a name for each site; found none in 1"):
        read_tidy([path], COLUMNS)


@pytest.mark.parametrize("last", ["9,6.8", '"9",6.8', "9.5,1,"])
def test_a_row_with_too_many_fields_is_refused(tmp_path, last):
    """A separator within a number would cut it off; within a name, shift all that follows."""
    text = f"site,month,lat,cover,gpp\nA,200401,45,GRA,3.5\nA,200402,45,GRA,{last}\n"
    (tmp_path / "own.csv").write_text(text)
    columns = mapping(site_id="site", time="month", latitude="lat", IGBP="cover", GPP="gpp")
    with pytest.raises(InputError, match="expected 5 fields in every row; found 6 in line 3"):
        read_tidy([tmp_path / "own.csv"], columns)


def test_separators_at_the_end_of_a_row_are_no_fields(tmp_path):
    text = 'site,month,lat,cover,gpp\nA,200401,45,GRA,3.5,,,\n"A",200402,45,"GRA",4,,\n'
    (tmp_path / "own.csv").write_text(text)
    columns = mapping(site_id="site", time="month", latitude="lat", IGBP="cover", GPP="gpp")
    assert read_tidy([tmp_path / "own.csv"], columns)[0]["GPP"].tolist() == [3.5, 4.0]
