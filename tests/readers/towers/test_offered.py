"""The columns found before a run are those that reading returns."""

from __future__ import annotations

import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.read import read_towers

SITE_KEYS = {"latitude", "IGBP"}


@pytest.fixture
def sites(tmp_path):
    header = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\n"
    (tmp_path / "sites.csv").write_text(header + "XX-Aaa,50,10,ENF\nXX-Bbb,50,10,ENF\n")


def columns_as_read(folder, **settings) -> set[str]:
    towers, _ = read_towers(folder, **settings)
    return set(towers.columns[towers.notna().any()]) | SITE_KEYS


def test_an_archive_offers_what_its_header_has(tmp_path, fluxnet_table, fluxnet_zip, sites):
    fluxnet_zip(fluxnet_table().drop(columns=["CO2_F_MDS", "H_CORR"]))
    settings = {"allow_missing": ("H",), "fall_back_on": ()}
    offered = offered_columns(tmp_path, TowerParameters(**settings))
    assert offered == columns_as_read(tmp_path, **settings)
    assert "TA" in offered
    assert not {"CO2", "H"} & offered


def test_base_offers_the_deficit_that_follows_from_humidity(tmp_path, sites):
    stamps = pd.date_range("2004-01-01", periods=48 * 31, freq="30min")
    columns = {"TIMESTAMP_START": stamps.strftime("%Y%m%d%H%M"), "FC": -1.0, "LE": 20.0}
    table = pd.DataFrame(columns | {"TA": 10.0, "RH": 80.0, "GPP_PI": 1.0})
    path = tmp_path / "AMF_XX-Aaa_BASE_HH_1-5.csv"
    for dropped, expected in ((["GPP_PI"], {"VPD"}), (["TA"], {"GPP"})):
        table.drop(columns=dropped).to_csv(path, index=False)
        offered = offered_columns(tmp_path, TowerParameters())
        assert offered == columns_as_read(tmp_path)
        assert offered & {"VPD", "GPP"} == expected


def test_towers_offer_together_what_any_of_them_has(tmp_path, fluxnet_table, fluxnet_zip, sites):
    fluxnet_zip(fluxnet_table().drop(columns="NETRAD"))
    fluxnet_zip(fluxnet_table().drop(columns="CO2_F_MDS"), site="XX-Bbb")
    assert {"NETRAD", "CO2"} < offered_columns(tmp_path, TowerParameters())


def test_a_column_without_values_at_any_tower_is_not_offered(
    tmp_path, fluxnet_table, fluxnet_zip, sites
):
    nothing = {"CO2_F_MDS": -9999.0, "NETRAD": -9999.0, "P_F": -9999.0}
    fluxnet_zip(fluxnet_table().assign(**nothing, NEE_VUT_REF=-9999.0))
    fluxnet_zip(fluxnet_table().assign(**(nothing | {"NETRAD": 1.0})), site="XX-Bbb")
    offered = offered_columns(tmp_path, TowerParameters())
    assert offered == columns_as_read(tmp_path)
    assert {"NETRAD", "NEE"} < offered
    assert not {"CO2", "P"} & offered


def test_a_tower_that_cannot_be_read_offers_nothing(tmp_path, fluxnet_table, fluxnet_zip, sites):
    table = fluxnet_table()
    fluxnet_zip(table.drop(columns="NETRAD"))
    fluxnet_zip(pd.concat([table, table]), site="XX-Bbb")  # each month twice
    offered = offered_columns(tmp_path, TowerParameters())
    assert offered == columns_as_read(tmp_path)
    assert "NETRAD" not in offered


def test_missing_values_written_as_text_are_no_values(tmp_path):
    table = pd.DataFrame(
        {"site": "XX-Aaa", "month": [200401, 200402], "lat": 50.0, "cover": "ENF",
         "gpp": [1.0, -9999], "evi": "NA", "lai": -9999, "ta": ["NA", "3.5"]}
    )  # fmt: skip
    table.to_csv(tmp_path / "table.csv", index=False)
    keys = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover"}
    columns = keys | {"GPP": "gpp", "EVI": "evi", "LAI": "lai", "ERA_TA": "ta", "ERA_P": "rain"}
    offered = offered_columns(tmp_path, TowerParameters.model_validate({"columns": columns}))
    assert offered == {*keys, "GPP", "ERA_TA"}
    assert offered == columns_as_read(tmp_path, columns=columns)


def test_files_that_are_no_towers_are_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(
        InputError, match=r"at least one file of towers; found none.*notes\.txt is not"
    ):
        offered_columns(tmp_path, TowerParameters())
