"""Names of predictors: source, variable and ending for the record of a place."""

from __future__ import annotations

import pytest

from uflux_kedro.variables import parse_predictor, predictor_name


@pytest.mark.parametrize(
    ("column", "source", "variable"),
    [
        ("ERA5_TA", "ERA5", "TA"),
        ("TA", "", "TA"),
        ("ERA_TA_MIN", "ERA", "TA_MIN"),
        ("ERA5_TA_LAG1", "ERA5", "TA_LAG1"),
        ("TA_LAG1", "", "TA_LAG1"),
        ("MODIS_NIRv_ANOM", "MODIS", "NIRv_ANOM"),
    ],
)
def test_a_predictor_splits_into_source_and_variable(column, source, variable):
    assert parse_predictor(column) == (source, variable)
    assert predictor_name(source, variable) == column


@pytest.mark.parametrize("column", ["site_id", "GPP_QC", "ERA_TA_QC", "LAG1", "ERA_XX_LAG1", ""])
def test_other_columns_hold_no_variable(column):
    assert parse_predictor(column) == ("", "")
