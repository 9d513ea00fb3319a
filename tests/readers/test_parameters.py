from __future__ import annotations

from uflux_kedro.readers import ColumnSpec, TowerParameters


def test_the_name_of_a_column_is_enough():
    parameters = TowerParameters.model_validate(
        {"columns": {"GPP": "gpp", "ERA_TA": {"column": "ta", "unit": "K"}}}
    )
    assert parameters.columns == {
        "GPP": ColumnSpec(column="gpp"),
        "ERA_TA": ColumnSpec(column="ta", unit="K"),
    }
    assert TowerParameters.model_validate(parameters.model_dump()) == parameters


def test_the_schema_allows_a_name_or_a_specification():
    columns = TowerParameters.model_json_schema()["properties"]["columns"]
    kinds = columns["additionalProperties"]["anyOf"]
    assert {"type": "string"} in kinds
    assert len(kinds) == 2
