"""towers_path may be a file or a folder."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader

from tests.testing.project import PROJECT
from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.datasets import RawFilesDataset
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.pipelines.ingestion.nodes import read_tower_files
from uflux_kedro.readers.parameters import TowerParameters


def raw_towers(env: str, **runtime: str) -> RawFilesDataset:
    loader = OmegaConfigLoader(
        str(PROJECT / "conf"), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS
    )
    entry = loader["catalog"]["raw_towers"]
    return RawFilesDataset(**{k: entry[k] for k in ("filepath", "patterns", "hint")})


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a tidy table in a subfolder."""
    (tmp_path / "inner").mkdir()
    table = pd.DataFrame(
        {"SITE_ID": "DE-Abc", "TIMESTAMP": [200401, 200402], "LOCATION_LAT": 51.0,
         "LOCATION_LONG": 13.0, "IGBP": "ENF", "GPP_NT_VUT_REF": [1.0, 2.0]}
    )  # fmt: skip
    table.to_csv(tmp_path / "inner" / "towers.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("inner", ["", "inner", "inner/towers.csv"])
def test_a_file_or_a_folder_may_be_named(folder, inner):
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="fluxnet2015", **CONFIG_LOADER_ARGS)
    parameters = TowerParameters.model_validate(loader["parameters"]["towers"])
    files = raw_towers("fluxnet2015", towers_path=str(folder / inner)).load()
    towers, sites, missing, left_out, products = read_tower_files(files, parameters)
    assert left_out == []
    assert products.empty
    assert sites["collection"].tolist() == ["FLUXNET2015"]
    assert towers["GPP"].tolist() == [1.0, 2.0]
    assert sites["site_id"].tolist() == ["DE-Abc"]
    assert "EVI" in missing


def test_the_default_is_the_raw_data_of_the_environment():
    assert raw_towers("base")._describe()["filepath"] == "data/01_raw/towers"
    assert raw_towers("ozflux")._describe()["filepath"] == "data/ozflux/01_raw/towers"


@pytest.mark.parametrize("env", ["base", "fluxnet2015", "ozflux", "uflux", "test"])
def test_every_environment_has_a_block_that_is_valid(env):
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    TowerParameters.model_validate(loader["parameters"]["towers"])


def test_file_extensions_may_be_upper_case(tmp_path):
    for name in ("a.ZIP", "b.csv", "inner/c.Csv.GZ", "d.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = raw_towers("base", towers_path=str(tmp_path)).load()
    assert [f.name for f in found] == ["a.ZIP", "b.csv", "c.Csv.GZ"]


def test_an_empty_path_is_refused(tmp_path):
    """``make towers`` without TOWERS sets an empty path."""
    with pytest.raises(ConfigurationError, match=r"found an empty one.*towers_path=FILE_OR_FOLDER"):
        RawFilesDataset(filepath="", hint="--params towers_path=FILE_OR_FOLDER")
