"""What follows from columns, and what a table offers before it is read."""

from __future__ import annotations

import pandas as pd
import pytest

from uflux_kedro.biophysics.vapour_pressure import vpd_from_dewpoint
from uflux_kedro.features.derived import derive_predictors, offered_by_table
from uflux_kedro.variables import SITE_PREDICTORS

KEYS = {"site_id": "A", "time": "2001-01", "latitude": 50.0, "IGBP": "ENF"}


def offered(folder, **columns):
    names = [*KEYS, *columns]
    path = folder / "table.csv"
    pd.DataFrame([KEYS | columns]).to_csv(path, index=False)
    return offered_by_table(path, {n: n for n in names}) - {*names, *SITE_PREDICTORS}


@pytest.mark.parametrize(
    ("columns", "made"),
    [
        (("ERA_TA", "ERA_VPD", "ERA_PA", "CO2"), {"ERA_iWUE"}),
        (("ERA_TA", "ERA_VPD", "ERA_PA"), set()),
        (("ERA_TA", "ERA_VPD", "CO2"), set()),
        (("ERA_TA", "ERA_TD"), {"ERA_VPD"}),
        (("ERA_TA", "ERA_TD", "ERA_PA", "CO2"), {"ERA_VPD", "ERA_iWUE"}),
        (("ERA_TA", "ERA_QV", "ERA_PA"), {"ERA_VPD"}),
        (("M_NIR", "M_RED"), {"M_NDVI", "M_EVI2", "M_NIRv"}),
        (("M_NIR", "V_RED"), set()),
        (("NIR", "RED"), set()),  # of no source
        (("TA_QC", "ERA_TA"), set()),
    ],
)
def test_what_a_table_comes_to(tmp_path, columns, made):
    assert offered(tmp_path, **dict.fromkeys(columns, 1.0)) == made


def test_a_column_without_values_offers_nothing(tmp_path):
    assert offered(tmp_path, ERA_TA=1.0, ERA_TD=-9999) == set()


def test_what_is_there_is_not_made_anew():
    table = pd.DataFrame({"E_TA": [20.0], "E_TD": [10.0]})
    made = derive_predictors(table, "E")
    assert made["E_VPD"].tolist() == pytest.approx([vpd_from_dewpoint(20.0, 10.0)])
    kept = derive_predictors(table.assign(E_VPD=1.0), "E")
    assert kept["E_VPD"].tolist() == [1.0]
    assert set(derive_predictors(table, "F")) == {"E_TA", "E_TD"}
    assert "E_VPD" not in derive_predictors(table.rename(columns={"E_TA": "TA"}), "E")
    assert "VPD" in derive_predictors(pd.DataFrame({"TA": [20.0], "TD": [10.0]}))


def test_co2_of_all_sources_serves_each():
    table = pd.DataFrame({"E_TA": [20.0], "E_VPD": [10.0], "E_PA": [101.3], "CO2": [400.0]})
    assert derive_predictors(table, "E")["E_iWUE"].tolist() == pytest.approx([76.4], abs=0.1)
    assert "E_iWUE" not in derive_predictors(table.drop(columns="CO2"), "E")
    given = derive_predictors(table, "E", co2=pd.Series([800.0]))
    assert given["E_iWUE"].item() > 1.9 * 76.4
