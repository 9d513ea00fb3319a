from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.datasets.validators import TOWERS
from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.towers.aggregation import aggregate
from uflux_kedro.readers.towers.fluxnet import read_fluxnet
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.tables import bounds
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.variables import bounds_of_step, flux_beside

STATED = {
    "NEE_VUT_REF_RANDUNC": 0.03, "NEE_VUT_16": -1.7, "NEE_VUT_84": -1.3, "NEE_VUT_25": -9.0,
    "NEE_VUT_75": 9.0, "GPP_NT_VUT_16": 4.8, "GPP_NT_VUT_84": 5.4, "RECO_NT_VUT_25": 3.0,
    "RECO_NT_VUT_75": 4.349, "H_RANDUNC": 3.0, "H_CORR_JOINTUNC": 5.0, "LE_RANDUNC": 2.0,
    "LE_CORR_25": 40.0, "LE_CORR_75": 53.49,
}  # fmt: skip

PUECHABON = "fluxnet_archives/FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2007-2014_2-3.csv"


def test_the_stated_uncertainty_stands_beside_the_fluxes(fluxnet_table, fluxnet_zip):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table(**STATED)))
    beside = towers.loc[0, [c for c in towers if flux_beside(c)]]
    assert beside.to_dict() == pytest.approx(
        {
            "GPP_DT": 5.5, "RECO_DT": 4.0, "NEE_RANDUNC": 0.03, "NEE_PROCUNC": 0.2,
            "GPP_PROCUNC": 0.3, "RECO_PROCUNC": 1.0, "H_RANDUNC": 3.0, "H_PROCUNC": 4.0,
            "LE_RANDUNC": 2.0, "LE_PROCUNC": 10.0,
        }
    )  # fmt: skip
    TOWERS.validate(towers)


def test_the_other_partitioning_is_that_which_is_not_the_target(fluxnet_table, fluxnet_zip):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table()), TowerParameters(partition="DT"))
    assert towers.loc[0, ["GPP", "GPP_NT", "RECO", "RECO_NT"]].tolist() == [5.5, 5.0, 4.0, 3.5]
    assert "GPP_DT" not in towers


def test_measured_heat_fluxes_have_no_uncertainty_of_a_correction(fluxnet_table, fluxnet_zip):
    path = fluxnet_zip(fluxnet_table(**STATED))
    towers = read_fluxnet(path, TowerParameters(energy_balance="RAW"))
    assert towers["LE_RANDUNC"].eq(2.0).all()
    assert not {"LE_PROCUNC", "H_PROCUNC", "H_UNC"} & set(towers)


def test_a_joint_uncertainty_alone_is_kept_whole(fluxnet_table, fluxnet_zip):
    towers = read_fluxnet(fluxnet_zip(fluxnet_table(H_CORR_JOINTUNC=5.0)))
    assert towers["H_UNC"].eq(5.0).all()
    assert not {"H_RANDUNC", "H_PROCUNC"} & set(towers)


def test_a_table_that_states_none_has_no_further_columns(fluxnet_table, fluxnet_zip):
    plain = fluxnet_table().drop(columns=["GPP_DT_VUT_REF", "RECO_DT_VUT_REF"])
    towers = read_fluxnet(fluxnet_zip(plain))
    assert not [c for c in towers if flux_beside(c)]


def test_minus_9999_is_no_uncertainty(fluxnet_table, fluxnet_zip):
    table = fluxnet_table(**STATED | {"NEE_VUT_84": -9999.0})
    towers = read_fluxnet(fluxnet_zip(table))
    assert towers["NEE_PROCUNC"].isna().all()


def test_half_hours_are_converted_and_random_errors_average_out(tmp_path):
    starts = pd.date_range("2004-06-01", periods=48, freq="30min")
    table = pd.DataFrame({"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M")})
    table = table.assign(
        NEE_VUT_REF=-1.0, NEE_VUT_REF_QC=0, NEE_VUT_REF_RANDUNC=2.0, NEE_VUT_16=-1.5,
        NEE_VUT_84=-0.5, GPP_NT_VUT_REF=3.0, GPP_DT_VUT_REF=4.0,
    )  # fmt: skip
    path = tmp_path / "FLX_XX-Aaa_FLUXNET2015_FULLSET_HH_2004-2004_1-4.csv"
    table.to_csv(path, index=False)
    lenient = TowerParameters(
        resolution="DD",
        allow_missing=("RECO", "H", "LE", "TA", "SW_IN", "LW_IN", "VPD", "PA", "P", "WS"),
    )
    day = read_fluxnet(path, lenient).iloc[0]
    grams = day["NEE"] / -1.0
    assert grams == pytest.approx(1.0377, abs=1e-3)
    assert day["NEE_RANDUNC"] == pytest.approx(2.0 * grams / np.sqrt(48))
    assert day["NEE_PROCUNC"] == pytest.approx(0.5 * grams)
    assert day["GPP_DT"] == pytest.approx(4.0 * grams)


def test_a_period_without_steps_has_no_random_error():
    time = pd.Series(pd.date_range("2004-06-01", periods=2, freq="D"))
    record = pd.DataFrame({"time": time, "NEE_RANDUNC": [np.nan, np.nan]})
    months = aggregate(record, "MM", pd.Timedelta("1D"), 0.0)
    assert months["NEE_RANDUNC"].isna().all()


@pytest.mark.parametrize(
    ("column", "flux"),
    [("GPP_DT", "GPP"), ("NEE_UNC", "NEE"), ("LE_RANDUNC", "LE"), ("GPP_QC", ""), ("GPP", ""),
     ("ERA5_TA", ""), ("TA_UNC", ""), ("GPP_POT", "")],
)  # fmt: skip
def test_columns_beside_a_flux_are_known_by_their_ending(column, flux):
    assert flux_beside(column) == flux


def test_bounds_beside_a_flux_follow_from_its_own():
    assert bounds("GPP_DT") == bounds("GPP")
    assert bounds("GPP_UNC") == (0.0, 50.0, "gC m-2 d-1")
    assert bounds_of_step("NEE_RANDUNC", "hour") == (0.0, 400.0)


TIDY = {
    "site_id": "site", "time": "month", "latitude": "lat", "IGBP": "class", "GPP": "gpp",
    "GPP_UNC": "gpp_se", "GPP_DT": "gpp_dt",
}  # fmt: skip


def tidy(tmp_path, **columns) -> list:
    table = pd.DataFrame(
        {"site": "A", "month": ["200401", "200402"], "lat": 50.0, "class": "GRA", "gpp": [1.0, 2.0]}
    )
    table.assign(**columns).to_csv(tmp_path / "table.csv", index=False)
    return [tmp_path / "table.csv"]


def test_a_tidy_table_may_state_uncertainty_in_the_unit_of_its_flux(tmp_path):
    columns = {n: ColumnSpec(column=c) for n, c in TIDY.items()}
    columns["GPP_UNC"] = ColumnSpec(column="gpp_se", unit="umolCO2 m-2 s-1")
    towers, _, missing = read_tidy(tidy(tmp_path, gpp_se=0.1), columns)
    assert towers["GPP_UNC"].tolist() == pytest.approx([0.10377] * 2, abs=1e-4)
    assert missing == [], "nothing requires what stands beside a flux"
    with pytest.raises(InputError, match="GPP_UNC: expected 0 to 50"):
        read_tidy(tidy(tmp_path, gpp_se=-0.1), columns)


def test_parts_of_a_real_archive_join_to_its_joint_uncertainty(shared_data):
    path = shared_data / PUECHABON
    towers = read_fluxnet(path, TowerParameters(outside="mask"))
    stated = pd.read_csv(path, usecols=["NEE_VUT_REF_JOINTUNC"], na_values=-9999).iloc[:, 0]
    joined = np.hypot(towers["NEE_RANDUNC"], towers["NEE_PROCUNC"])
    assert stated.notna().sum() == 95
    # ONEFlux joins half-hours before it averages them, so that months agree only nearly.
    assert np.corrcoef(joined[stated.notna()], stated.dropna())[0, 1] > 0.99
    assert joined.median() == pytest.approx(stated.median(), rel=0.1)
    assert {"GPP_DT", "GPP_PROCUNC", "LE_RANDUNC"} <= offered_columns(path, TowerParameters())
