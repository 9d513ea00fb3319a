"""Weather from reanalysis that accompanies an archive becomes predictors at the tower."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.features.derived import offered_by_table
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.read import read_towers

SITE = "XX-Aaa"
VALUES = {"TA": 9.0, "SW_IN": 140.0, "LW_IN": 300.0, "VPD": 4.0, "PA": 98.0, "P": 2.0, "WS": 3.0}
PREDICTORS = [f"ERA5_{name}" for name in VALUES]


def weather(times: pd.DatetimeIndex, stamp: str = "%Y%m") -> pd.DataFrame:
    """Return a companion whose temperature counts its rows."""
    table = pd.DataFrame({"TIMESTAMP": times.strftime(stamp)})
    table = table.assign(**{f"{name}_ERA": value for name, value in VALUES.items()})
    return table.assign(TA_ERA=np.arange(len(times)) / 100)


def months(first: str = "1981-01-01", last: str = "2005-12-01") -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq="MS")


@pytest.fixture
def archive(tmp_path, fluxnet_table):
    """Write archives as the hubs deliver them, with a companion, and the site table."""

    def write(
        site: str = SITE,
        companion: pd.DataFrame | None = None,
        step: str = "MM",
        network: str = "AMF",
        fluxes: pd.DataFrame | None = None,
    ):
        years = "2004-2004_v1.3_r1"
        path = tmp_path / f"{network}_{site}_FLUXNET_{years}.zip"
        table = fluxnet_table() if fluxes is None else fluxes
        with zipfile.ZipFile(path, "w") as z:
            z.writestr(
                f"{network}_{site}_FLUXNET_FLUXMET_MM_{years}.csv", table.to_csv(index=False)
            )
            if companion is not None:
                name = f"{network}_{site}_FLUXNET_ERA5_{step}_1981-2005_v1.3_r1.csv"
                z.writestr(name, companion.to_csv(index=False))
        sites = tmp_path / "sites.csv"
        known = set(pd.read_csv(sites)["SITE_ID"]) if sites.exists() else set()
        place = {"SITE_ID": sorted(known | {site}), "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0}
        pd.DataFrame(place | {"IGBP": "ENF"}).to_csv(sites, index=False)
        return tmp_path

    return write


def read(folder, **settings):
    return read_towers(folder, companions=True, **settings)


def test_months_of_the_companion_reach_back_to_its_first(archive):
    folder = archive(companion=weather(months()))
    towers, sites = read(folder)
    assert towers["time"].tolist() == list(months(last="2004-12-01"))
    own = towers[towers["time"] >= "2004"]
    assert own["GPP"].notna().all()
    assert towers.loc[towers["time"] < "2004", "GPP"].isna().all()
    assert towers["ERA5_TA"].to_numpy() == pytest.approx(np.arange(288) / 100)
    for name, value in VALUES.items():
        if name != "TA":
            assert towers[f"ERA5_{name}"].to_numpy() == pytest.approx(value)
    assert sites["companion"].tolist() == ["ERA5"]
    assert towers.attrs["left_out"] == []


def test_a_companion_whose_name_says_no_product_is_read(archive):
    folder = archive()
    weather(months()).to_csv(folder / f"AMF_{SITE}_ERA5_MM.csv", index=False)
    towers, _ = read(folder)
    assert towers["ERA5_TA"].notna().all()


def test_companions_are_read_on_request_only(archive):
    towers, sites = read_towers(archive(companion=weather(months())))
    assert not [name for name in towers if name.startswith("ERA5")]
    assert len(towers) == 12
    assert "companion" not in sites


def test_days_are_averaged_where_the_companion_has_no_months(archive):
    days = pd.date_range("2003-12-01", "2004-12-31")
    folder = archive(companion=weather(days, "%Y%m%d"), step="DD")
    towers, _ = read(folder)
    january = towers[towers["time"] == "2004-01-01"]
    assert january["ERA5_TA"].item() == pytest.approx((31 + 61) / 2 / 100)
    assert january["ERA5_P"].item() == pytest.approx(2.0)  # a rate, as in all days and months


def test_days_of_a_tower_begin_a_year_before_it(archive, fluxnet_table):
    days = pd.date_range("2004-01-01", periods=5)
    fluxes = fluxnet_table(5).assign(TIMESTAMP=days.strftime("%Y%m%d"))
    every = weather(pd.date_range("1981-01-01", "2004-12-31"), "%Y%m%d").assign(TA_ERA=9.0)
    folder = archive(companion=every, step="DD", fluxes=fluxes)
    path = folder / f"AMF_{SITE}_FLUXNET_2004-2004_v1.3_r1.zip"
    with zipfile.ZipFile(path) as z:
        content = {n.replace("FLUXMET_MM", "FLUXMET_DD"): z.read(n) for n in z.namelist()}
    with zipfile.ZipFile(path, "w") as z:
        for name, data in content.items():
            z.writestr(name, data)
    towers, _ = read(folder, resolution="DD")
    assert towers["time"].iloc[[0, -1]].tolist() == [pd.Timestamp("2002-12-31"), days[-1]]
    assert towers["GPP"].notna().sum() == 5


@pytest.mark.parametrize("trouble", ["absent", "without columns", "damaged", "disordered"])
def test_a_tower_without_a_companion_loses_its_predictors_alone(archive, trouble):
    archive(companion=weather(months()))
    spoilt = {
        "absent": None,
        "without columns": weather(months())[["TIMESTAMP"]].assign(other=1.0),
        "damaged": weather(months()).assign(TA_ERA="cold"),
        "disordered": weather(months()[::-1]),
    }[trouble]
    folder = archive("XX-Bad", spoilt)
    towers, sites = read(folder)
    assert sites["site_id"].tolist() == [SITE, "XX-Bad"]
    bad = towers[towers["site_id"] == "XX-Bad"]
    assert bad["GPP"].notna().all()
    assert bad[PREDICTORS].isna().all(axis=None)
    assert [(r["site_id"], r["variable"]) for r in towers.attrs["left_out"]] == [("XX-Bad", "ERA5")]
    with pytest.raises(InputError):
        read(folder, on_bad_tower="stop")


def test_without_a_file_the_columns_of_the_table_serve(archive, fluxnet_table):
    own = weather(months("2004-01-01", "2004-12-01")).drop(columns="TIMESTAMP")
    towers, sites = read(archive(fluxes=fluxnet_table().join(own)))
    assert len(towers) == 12
    assert towers["ERA5_TA"].to_numpy() == pytest.approx(np.arange(12) / 100)
    assert sites["companion"].tolist() == ["ERA5"]


def test_a_second_delivery_does_not_lose_its_tower_to_the_weather_before_it(archive, fluxnet_table):
    """Consecutive periods are joined; months of weather alone are no second delivery of them."""
    archive(companion=weather(months()), network="FLX")
    later = fluxnet_table(24).iloc[12:]
    folder = archive(companion=weather(months()), fluxes=later)
    towers, _ = read(folder)
    assert towers.attrs["left_out"] == []
    assert towers["time"].tolist() == list(months())
    assert towers["GPP"].notna().sum() == 24
    again, _ = read(folder, on_bad_tower="stop")
    pd.testing.assert_frame_equal(towers, again)


def test_of_two_deliveries_of_a_period_the_newer_keeps_its_weather(archive, fluxnet_table):
    archive(companion=weather(months()), network="FLX", fluxes=fluxnet_table().iloc[3:])
    towers, _ = read(archive(companion=weather(months())))
    assert [row["site_id"] for row in towers.attrs["left_out"]] == [SITE]
    assert towers["time"].tolist() == list(months(last="2004-12-01"))


def test_predictors_that_look_back_are_known_from_the_first_month(archive):
    towers, sites = read(archive(companion=weather(months())))
    carry_over = CarryOverParameters(climate="ERA5", vegetation={})
    table = build_training_table(towers, sites, carry_over=carry_over)
    assert table["time"].tolist() == list(months("2004-01-01", "2004-12-01"))
    first = table.iloc[0]
    assert first["ERA5_TA_LAG1"] == pytest.approx(2.75)  # December 2003
    assert first["ERA5_TA_ANOM"] == pytest.approx(2.76 - (2.76 / 2), abs=1e-6)  # of 24 Januaries
    assert np.isfinite(table["ERA5_iWUE"]).all()  # with the tower's CO2


def test_what_companions_offer_is_known_before_a_run(archive):
    folder = archive(companion=weather(months()).drop(columns="WS_ERA"))
    parameters = TowerParameters(companions=True)
    offered = offered_columns(folder, parameters)
    assert offered.issuperset({"ERA5_TA", "ERA5_P"})
    assert "ERA5_WS" not in offered
    assert not [n for n in offered_columns(folder, TowerParameters()) if n.startswith("ERA5")]
    carry_over = CarryOverParameters(climate="ERA5", vegetation={})
    assert "ERA5_P_RUN3" in offered_by_table(folder, parameters, carry_over)
    by_day = TowerParameters(companions=True, resolution="DD")
    assert "ERA5_P_RUN3" not in offered_by_table(folder, by_day, carry_over)


def test_the_weather_before_a_tower_is_no_lack_of_its_fluxes(archive):
    towers, sites = read(archive(companion=weather(months())), outside="keep")
    checked = check_towers(towers, sites, QualityParameters(on_suspicion="report"), outside="mask")
    assert checked.coverage.loc[SITE, ["GPP", "ERA5_TA"]].tolist() == [1.0, 1.0]


def test_half_hours_of_a_real_companion(tmp_path, shared_data):
    for file in (shared_data / "fluxnet_archives").glob("FLX_US-Wi7*"):
        (tmp_path / file.name).symlink_to(file)
    place = {"SITE_ID": ["US-Wi7"], "LOCATION_LAT": 46.65, "LOCATION_LONG": -91.07, "IGBP": "OSH"}
    pd.DataFrame(place).to_csv(tmp_path / "sites.csv", index=False)
    towers, sites = read(tmp_path, resolution="DD")
    assert sites["companion"].tolist() == ["ERA-Interim"]
    own = towers[towers["time"] >= "2005-05-01"].dropna(subset=["TA", "ERA5_TA"])
    assert np.corrcoef(own["TA"], own["ERA5_TA"])[0, 1] > 0.95
    assert towers["ERA5_TA"].first_valid_index() < towers["GPP"].first_valid_index()
