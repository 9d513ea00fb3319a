"""Folders of tables and figures, replaced as a whole."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from uflux_kedro.datasets import FigureFolderDataset, TableFolderDataset


def test_tables_replace_those_of_an_earlier_run(tmp_path):
    dataset = TableFolderDataset(filepath=str(tmp_path / "filled"))
    assert not dataset.exists()
    table = pd.DataFrame({"NEE": [1.5, -9999]})
    dataset.save({"US-Xyz/old.csv": table, "sites.csv": table})
    dataset.save({"US-Xyz/new.csv": table, "sites.csv": table})
    files = sorted(f.relative_to(dataset.load()).as_posix() for f in dataset.load().rglob("*.csv"))
    assert files == ["US-Xyz/new.csv", "sites.csv"]
    assert (dataset.load() / "sites.csv").read_text() == "NEE\n1.5\n-9999.0\n"
    assert len(dataset.preview()["data"]) == 2


def test_a_failed_save_leaves_the_tables_that_are_there(tmp_path):
    dataset = TableFolderDataset(filepath=str(tmp_path / "filled"))
    dataset.save({"a.csv": pd.DataFrame({"NEE": [1.0]})})
    with pytest.raises(DatasetError):
        dataset.save({"b.csv": None})
    assert [f.name for f in dataset.load().iterdir()] == ["a.csv"]


def test_figures_come_back_by_name(tmp_path):
    dataset = FigureFolderDataset(filepath=str(tmp_path / "figures"))
    dataset.save({"b": Figure(figsize=(1, 1)), "a": Figure(figsize=(1, 1))})
    found = dataset.load()
    assert list(found) == ["a", "b"]
    assert found["a"].png.startswith(b"\x89PNG")
    assert found["a"] == found["b"]
    assert dataset.exists()
