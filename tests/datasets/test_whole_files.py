"""Files of the catalog are complete or absent, however the process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DatasetError

from tests.testing.project import PROJECT
from uflux_kedro.datasets import CSVDataset, JSONDataset, ParquetDataset, TextDataset

TABLE = pd.DataFrame({"site": ["FR-Pue", "DE-Tha"], "GPP": [3.25, 5.5]})

KILLED = """
import os, signal, sys
import pandas as pd
from uflux_kedro.datasets import CSVDataset

class Killed(pd.DataFrame):
    def to_csv(self, path_or_buf, **options):
        path_or_buf.write("site,GPP")
        path_or_buf.flush()
        os.kill(os.getpid(), signal.SIGKILL)

CSVDataset(filepath=sys.argv[1]).save(Killed({"GPP": [1.0]}))
"""


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        (CSVDataset, "table.csv", TABLE),
        (ParquetDataset, "table.parquet", TABLE),
        (JSONDataset, "scores.json", {"NSE": 0.7}),
        (TextDataset, "page.html", "<p>GPP</p>"),
    ],
)
def test_what_is_saved_comes_back_and_nothing_else_is_left(tmp_path, kind, name, data):
    dataset = kind(filepath=str(tmp_path / "new" / name))
    assert not dataset.exists()
    for _ in range(2):  # the second time over an existing file
        dataset.save(data)
        assert dataset.exists()
        back = dataset.load()
        assert back.equals(data) if isinstance(data, pd.DataFrame) else back == data
    assert [p.name for p in (tmp_path / "new").iterdir()] == [name]


def test_process_killed_while_it_writes_leaves_no_file(tmp_path):
    path = tmp_path / "skill.csv"
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not CSVDataset(filepath=str(path)).exists()


def test_a_failed_save_keeps_the_old_file(tmp_path):
    dataset = JSONDataset(filepath=str(tmp_path / "scores.json"))
    dataset.save({"NSE": 0.7})
    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save({"NSE": object()})
    assert dataset.load() == {"NSE": 0.7}


def test_a_changed_bit_in_a_table_is_noticed(tmp_path):
    dataset = ParquetDataset(filepath=str(tmp_path / "table.parquet"))
    table = pd.concat([TABLE] * 500, ignore_index=True)
    table["NEE"] = np.random.default_rng(0).normal(size=len(table))
    dataset.save(table)
    whole = (tmp_path / "table.parquet").read_bytes()
    metadata = int.from_bytes(whole[-8:-4], "little")
    rng = np.random.default_rng(1)
    for place in rng.integers(4, len(whole) - 8 - metadata, 60):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "table.parquet").write_bytes(changed)
        # A bit of an unused part of a page's header changes nothing.
        with suppress(DatasetError):
            pd.testing.assert_frame_equal(dataset.load(), table)


def test_versions_are_left_to_kedro(tmp_path):
    from kedro.io import Version

    dataset = CSVDataset(filepath=str(tmp_path / "table.csv"), version=Version(None, None))
    dataset.save(TABLE)
    assert dataset.load().equals(TABLE)
    assert (tmp_path / "table.csv").is_dir()


def test_every_file_of_the_catalog_is_written_atomically():
    """The classes of kedro-datasets write to the final name; ours must not."""
    for catalog in PROJECT.glob("conf/*/catalog.yml"):
        for name, entry in yaml.safe_load(catalog.read_text()).items():
            assert entry["type"] == "MemoryDataset" or entry["type"].startswith(
                "uflux_kedro.datasets."
            ), (catalog, name)


@pytest.mark.parametrize("names", [["11", "12"], ["001", "1E3"], ["NA", "None"], ["null", "NaN"]])
def test_names_come_back_from_csv_as_they_were_saved(tmp_path, names):
    table = pd.DataFrame({"site_id": names, "zone": ["NA", "null"], "GPP": [1.5, float("nan")]})
    dataset = CSVDataset(filepath=str(tmp_path / "sites.csv"), save_args={"index": False})
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)
