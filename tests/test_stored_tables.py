"""A run that reads a table of an earlier version says so before it computes anything."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro_datasets.pandas import CSVDataset, ParquetDataset

from uflux_kedro.errors import InputError
from uflux_kedro.stored_tables import check_stored_tables, columns_of


def stored(folder, name, columns, rows=1, kind=CSVDataset):
    """A stored table of some columns, by the name of its dataset."""
    dataset = kind(filepath=str(folder / f"{name}{'.csv' if kind is CSVDataset else '.parquet'}"))
    dataset.save(pd.DataFrame(1.0, index=range(rows), columns=list(columns)))
    return {name: dataset}


def maker(name):
    return "grid_inference" if name.startswith("aggregates") else None


@pytest.mark.parametrize("kind", [CSVDataset, ParquetDataset])
@pytest.mark.parametrize("name", ["aggregates_GPP", "held_out_NEE", "sites"])
def test_a_table_of_this_version_passes(tmp_path, name, kind):
    check_stored_tables(stored(tmp_path, name, columns_of(name), kind=kind), maker)


def test_an_old_table_is_refused_with_file_columns_and_cure(tmp_path):
    old = [
        name for name in columns_of("aggregates_GPP") if name not in ("extrapolated", "coverage")
    ]
    with pytest.raises(InputError) as caught:
        check_stored_tables(stored(tmp_path, "aggregates_GPP", old), maker)
    assert caught.value.where == f"aggregates_GPP ({tmp_path / 'aggregates_GPP.csv'})"
    assert caught.value.variable == "extrapolated, coverage"
    assert "of an earlier version" in caught.value.hint
    assert "kedro run --pipelines grid_inference" in caught.value.hint


def test_an_old_parquet_table_is_refused(tmp_path):
    old = stored(tmp_path, "calibrated_LE", ["site_id", "time"], kind=ParquetDataset)
    with pytest.raises(InputError, match=r"calibrated_LE .*truth, prediction, centre"):
        check_stored_tables(old, maker)


def test_tables_without_columns_or_files_and_unknown_ones_pass(tmp_path):
    (tmp_path / "comparison_GPP.csv").write_text("\n")
    empty = CSVDataset(filepath=str(tmp_path / "comparison_GPP.csv"))
    absent = CSVDataset(filepath=str(tmp_path / "absent.csv"))
    check_stored_tables(
        {"comparison_GPP": empty, "effects_GPP": absent, "drivers": object()}, maker
    )
    check_stored_tables(stored(tmp_path, "table_of_mine", ["a"]), maker)


def test_the_monthly_totals_are_told_from_the_yearly_ones():
    assert "time" in columns_of("aggregates_monthly_GPP")
    assert "year" in columns_of("aggregates_GPP")
