"""Files of the form of CarbonFluxBench: read, with the days that its code counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.carbonfluxbench import TARGETS, site_names, write_folder
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers import TowerParameters, read_towers
from uflux_kedro.readers.towers.carbonfluxbench import QUALITY
from uflux_kedro.readers.towers.offered import offered_columns

DAILY = TowerParameters(reader="carbonfluxbench", resolution="DD")
SITES = site_names(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("carbonfluxbench"))


@pytest.fixture(scope="module")
def read(folder):
    return read_towers(folder, DAILY)


def test_days_of_fluxes_are_those_with_all_fluxes_and_classes(read):
    towers, sites = read
    days = towers.dropna(subset=["GPP"])
    assert days["time"].min() == pd.Timestamp("2000-02-24"), "the first day of MODIS"
    assert pd.Timestamp("2000-03-01") not in set(days["time"]), "one flux is missing"
    assert list(sites["site_id"]) == SITES[:39], "the climate of the last is not known"
    assert len(days) == 39 * 25
    assert days[["RECO", "NEE", "GPP_QC"]].notna().all(axis=None)
    assert sites["climate"].unique().tolist() == ["Arid", "Temperate", "Continental"]
    assert sites["latitude"].iloc[0] == pytest.approx(40.0, abs=1e-3)


def test_predictors_are_of_every_day_from_before_the_first_flux(read, folder):
    towers, _ = read
    one = towers[towers["site_id"] == "US-001"].set_index("time")
    assert len(one) == 89 + 26, "also on the day without a flux"
    weather = pd.read_parquet(folder / "ERA5.parquet").query("site == 'US-001'").set_index("date")
    there = weather.loc[one.index.date]
    np.testing.assert_allclose(one["ERA5LAND_TA"], there["temperature_2m"] - 273.15)
    light = there["surface_solar_radiation_downwards_sum"] / 86400
    np.testing.assert_allclose(one["ERA5LAND_SW_IN"], light)
    rain = there["total_precipitation_sum"].clip(lower=0) * 1000
    np.testing.assert_allclose(one["ERA5LAND_P"], rain, atol=1e-12)
    assert one["ERA5LAND_PA"].eq(95).all()
    day = pd.Timestamp("2000-03-05")
    around = one["MODIS_RED"][[day - pd.Timedelta("1D"), day + pd.Timedelta("1D")]]
    assert one["MODIS_RED"][day] == pytest.approx(around.mean()), "no clear sky on the fifth"
    assert not towers.duplicated(["site_id", "time"]).any(), "three days are there twice"


def test_reflectances_as_integers_are_scaled(folder, read, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    modis = pd.read_parquet(folder / "MOD09GA.parquet")
    (tmp_path / "MOD09GA.parquet").unlink()
    bands = [name for name in modis if name.startswith("sur_refl")]
    modis.assign(**(modis[bands] * 10_000)).to_parquet(tmp_path / "MOD09GA.parquet")
    towers, _ = read_towers(tmp_path, DAILY)
    np.testing.assert_allclose(towers["MODIS_NIR"], read[0]["MODIS_NIR"])


def test_what_is_offered_is_what_is_read(folder, read):
    offered = offered_columns(folder, DAILY)
    assert {c for c in read[0] if c not in ("site_id", "time")} <= offered
    assert "ERA5LAND_TS" not in offered, "a column that these files lack"


def test_months_missing_files_and_columns_are_refused_by_name(folder, tmp_path):
    with pytest.raises(ConfigurationError, match=r"resolution: expected DD.*found MM"):
        read_towers(folder, DAILY, resolution="MM")
    with pytest.raises(InputError, match=r"reader carbonfluxbench"):
        read_towers(tmp_path, DAILY)
    targets = pd.read_parquet(folder / TARGETS)
    targets.to_parquet(tmp_path / TARGETS)
    with pytest.raises(InputError, match=r"koppen_sites\.json"):
        read_towers(tmp_path, DAILY)
    targets.drop(columns=QUALITY).to_parquet(tmp_path / TARGETS)
    with pytest.raises(InputError, match=QUALITY):
        read_towers(tmp_path, DAILY)
    (tmp_path / "koppen_sites.json").write_text("{}")
    (tmp_path / "koppen_sites_short.json").write_text("{}")
    targets.to_parquet(tmp_path / TARGETS)
    with pytest.raises(InputError, match="none of 1200 days"):
        read_towers(tmp_path, DAILY)
