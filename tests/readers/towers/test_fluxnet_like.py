"""FLUXNET-CH4 and JapanFlux2024: half-hours with names like those of ONEFlux."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.tower_files import recognise

GRAMS_A_DAY = 12.011e-6 * 86400
"""gC m-2 d-1 in one umol CO2 m-2 s-1."""
CH4 = "FLX_XX-Aaa_FLUXNET-CH4_HH_2014-2018_1-1.csv"
JAPAN = "FLX_XX-Aaa_JapanFLUX2024_ALLVARS_HH_2015-2017_1-3.csv"
DAYS = TowerParameters(resolution="DD")
WEATHER = {"TA_F": 11.0, "SW_IN_F": 200.0, "VPD_F": 8.0, "PA_F": 92.5, "P_F": 0.125, "WS_F": 2.0}


@pytest.fixture
def write(tmp_path):
    sites = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nXX-Aaa,43,141,WET\n"
    (tmp_path / "sites.csv").write_text(sites)

    def make(name, **columns):
        starts = pd.date_range("2015-06-01", periods=144, freq="30min")
        stamps = {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M")}
        (pd.DataFrame(stamps).assign(**WEATHER, **columns).fillna(-9999)
         .to_csv(tmp_path / name, index=False))  # fmt: skip
        return tmp_path / name

    return make


@pytest.fixture
def methane(write):
    """NEE is measured in 48 of the first 48, 36 of the next and 12 of the last half-hours."""
    measured = np.where(np.r_[np.ones(84), np.zeros(48), np.ones(12)] == 1, -2.0, np.nan)
    return write(
        CH4, NEE=measured, NEE_F=-2.0, NEE_F_ANNOPTLM=-2.5, GPP_NT=5.0, GPP_DT=6.0, RECO_NT=3.0,
        RECO_DT=4.0, H=30.0, H_F=30.0, LE=90.0, LE_F=90.0, FCH4_F=100.0, SWC_F=25.0,
    )  # fmt: skip


@pytest.fixture
def japan(write):
    codes = np.r_[np.zeros(24), np.ones(24), np.zeros(24), np.full(24, 2), np.full(48, 3)]
    return write(
        JAPAN, NEE_vUT=-2.0, NEE_vUT_QC=codes, NEE_vUT_USTAR50=-9.0, GPP_NT_vUT=5.0,
        GPP_DT_vUT=6.0, RECO_NT_vUT=3.0, RECO_DT_vUT=4.0, H_F_MDS=30.0, H_F_MDS_QC=0,
        LE_F_MDS=90.0, LE_F_MDS_QC=0, TS_F_MDS=9.0, SWC_F_MDS=25.0,
    )  # fmt: skip


@pytest.mark.parametrize("source", ["methane", "japan"])
def test_half_hours_come_in_canonical_units(source, request):
    path = request.getfixturevalue(source)
    first = read_towers(path, DAYS)[0].iloc[0]
    carbon = [5 * GRAMS_A_DAY, 3 * GRAMS_A_DAY, -2 * GRAMS_A_DAY]
    assert first[["GPP", "RECO", "NEE"]].tolist() == pytest.approx(carbon)
    assert first[["H", "LE", "SW_IN"]].tolist() == [30, 90, 200]
    # 0.125 mm at each of 48 steps; 25 % of water.
    assert first[["TA", "VPD", "PA", "P", "SWC"]].tolist() == pytest.approx([11, 8, 92.5, 6, 0.25])
    by_day = read_towers(path, DAYS, partition="DT")[0].iloc[0]
    assert by_day[["GPP", "RECO"]].tolist() == pytest.approx([6 * GRAMS_A_DAY, 4 * GRAMS_A_DAY])


def test_the_quality_of_methane_towers_is_the_measured_share(methane):
    towers, _ = read_towers(methane, DAYS)
    assert towers["NEE_QC"].tolist() == towers["GPP_QC"].tolist() == [1.0, 0.75, 0.25]
    assert towers["NEE"].isna().tolist() == [False, False, True]
    assert towers["LE_QC"].tolist() == [1.0] * 3


def test_a_flux_whose_gaps_are_not_filled_counts_as_measured(write):
    heat = np.where(np.arange(144) < 36, 30.0, np.nan)
    towers, _ = read_towers(write(CH4, NEE_F=-2.0, H=heat), DAYS)
    assert towers["H"].tolist() == pytest.approx([30, np.nan, np.nan], nan_ok=True)
    assert towers["H_QC"].tolist() == [0.75, 0.0, 0.0]


def test_the_quality_of_japanflux_is_that_of_fluxnet(japan):
    towers, _ = read_towers(japan, DAYS)
    assert towers["NEE_QC"].tolist() == towers["RECO_QC"].tolist() == [1.0, 0.5, 0.0]
    assert towers["GPP"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("source", ["methane", "japan"])
def test_columns_are_found_by_the_header(source, request):
    path = request.getfixturevalue(source)
    towers, _ = read_towers(path, DAYS)
    read = set(towers.columns[towers.notna().any()])
    assert offered_columns(path, DAYS) == read | {"latitude", "IGBP"}


@pytest.mark.parametrize("name", [CH4, JAPAN])
def test_their_days_are_refused_with_what_to_do(write, name):
    path = write(name.replace("_HH_", "_DD_"))
    assert "take the half-hours of the same archive" in recognise(File(path))
