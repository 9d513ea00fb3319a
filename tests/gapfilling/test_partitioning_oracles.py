"""Thresholds of USTAR and partitioning against programs with environments of their own.

diive holds ports of ONEFlux's ``ustar_mp`` and of REddyProc's partitioning that were checked against
the originals.
"""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import difference, efficiency, read_oneflux, read_tharandt
from uflux_kedro.gapfilling.partitioning import night_response, partition_day, partition_night
from uflux_kedro.gapfilling.ustar import ustar_thresholds

DIIVE, HESSEFLUX = "UFLUX_DIIVE_PYTHON", "UFLUX_HESSEFLUX_PYTHON"
REQUIREMENTS = {
    DIIVE: "a Python 3.12 with `pip install 'diive==0.92.*'`",
    HESSEFLUX: "a Python 3.11 with `pip install 'hesseflux==5.*' 'pandas<3'`",
}
TABLE = """
import sys
import pandas as pd
table = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
step = table.index[1] - table.index[0]
"""
USTAR = """
import diive as dv
table.index = table.index + step
names = {"nee_col": "NEE", "ta_col": "TA", "ustar_col": "USTAR", "swin_col": "SW_IN"}
found = dv.flux.UstarMovingPointDetection(table, **names).detect()["threshold"]
found.to_csv(sys.argv[2])
"""
NIGHT = """
import diive as dv
table.index = (table.index + step / 2).rename("TIMESTAMP_MIDDLE")
found = dv.flux.NighttimePartitioningReddyProc(
    nee=table.NEE, ta=table.TA, sw_in=table.SW_IN, nee_f=table.NEE, ta_f=table.TA,
    lat=50.96, lon=13.57, utc_offset=1, verbose=0,
).run().results
found.to_csv(sys.argv[2])
"""
DAY = """
import diive as dv
table.index = (table.index + step / 2).rename("TIMESTAMP_MIDDLE")
found = dv.flux.DaytimePartitioningReddyProc(
    nee=table.NEE, ta=table.TA, vpd=table.VPD, sw_in=table.SW_IN,
    lat=50.96, lon=13.57, utc_offset=1, vpd_in_kpa=False, verbose=0,
).run().results
found.to_csv(sys.argv[2])
"""
REICHSTEIN = """
import numpy as np
np.float, np.int, np.bool = float, int, bool  # names that hesseflux 5.0 still uses
import hesseflux
table = table[["NEE", "TA", "SW_IN"]].assign(TA=table.TA + 273.15)
table.index = table.index + step
found = hesseflux.nee2gpp(table.fillna(-9999.0), method="reichstein")
found.replace(-9999.0, np.nan).to_csv(sys.argv[2])
"""


def of_peer(variable, program, table, folder):
    """Return what another program makes of a record."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"set {variable} to {REQUIREMENTS[variable]}")
    table.to_csv(folder / "record.csv")
    command = [python, "-W", "ignore", "-c", TABLE + program, "record.csv", "found.csv"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return pd.read_csv(folder / "found.csv", index_col=0)


@pytest.mark.parametrize(
    "name", ["DE-Tha", "BR-Npw_qca_ustar_2015", "US-Ne1_qca_ustar_2004", "US-Var_qca_ustar_2009"]
)
def test_thresholds_of_seasons_equal_oneflux(shared_data, tmp_path, name):
    """USTAR of BR-Npw has two decimals: values fill whole classes."""
    table = read_tharandt(shared_data) if name == "DE-Tha" else read_oneflux(shared_data, name)
    theirs = of_peer(DIIVE, USTAR, table, tmp_path)["threshold"].to_numpy()
    ours = ustar_thresholds(table, n_bootstrap=0).seasons.loc[table.index[0].year]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_nights_give_what_reddyproc_gives(shared_data, tmp_path):
    """From the same nights; its days end with the record of midnight."""
    table = read_tharandt(shared_data)
    theirs = of_peer(DIIVE, NIGHT, table, tmp_path)
    nights = table.assign(SW_IN=np.where(theirs["NEE_NIGHT_RP"].notna(), 0.0, 50.0))
    nights.index += pd.Timedelta("30min")
    assert night_response(nights).E0[1998] == pytest.approx(theirs["E0_NT_RP"].iloc[0], abs=0.05)
    ours = partition_night(nights)["RECO_NT"].to_numpy()
    np.testing.assert_allclose(ours, theirs["RECO_NT_RP"], atol=0.01)


def test_days_give_what_reddyproc_gives(shared_data, tmp_path):
    """Its sensitivities to temperature are smoothed, and its fits stop earlier."""
    table = read_tharandt(shared_data)
    theirs = of_peer(DIIVE, DAY, table, tmp_path).set_index(table.index)
    ours = partition_day(table, latitude=50.96, longitude=13.57, utc_offset=1)
    for flux, least in (("GPP", 0.97), ("RECO", 0.9)):
        a, b = ours[f"{flux}_DT"], theirs[f"{flux}_DT_RP"]
        assert abs(difference(a, b)) < 0.04
        assert efficiency(a, b) > least


def test_nights_give_about_what_hesseflux_gives(shared_data, tmp_path):
    """It fits absolute deviations, in windows of 14 and 4 days."""
    table = read_tharandt(shared_data)
    theirs = of_peer(HESSEFLUX, REICHSTEIN, table, tmp_path).set_index(table.index)
    ours = partition_night(table)
    assert abs(difference(ours["GPP_NT"], theirs["GPP"])) < 0.04
    assert efficiency(ours["GPP_NT"], theirs["GPP"]) > 0.98
    assert efficiency(ours["RECO_NT"], theirs["RECO"]) > 0.9


def test_the_threshold_of_tharandt_is_near_the_published_one(shared_data):
    """0.416 in REddyProc's vignette "useCase", which takes other seasons and a plateau of 95 %."""
    found = ustar_thresholds(read_tharandt(shared_data), n_bootstrap=0, plateau=0.95)
    assert found.seasons.median(axis=1).item() == pytest.approx(0.416, abs=0.1)
