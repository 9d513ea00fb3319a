"""The nodes from reading to admitting towers, run as a pipeline."""

from __future__ import annotations

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.text import TextDataset
from omegaconf import OmegaConf

from tests.testing.project import PROJECT
from tests.testing.towers import simulate_towers
from uflux_kedro import configuration
from uflux_kedro.datasets import CSVDataset
from uflux_kedro.errors import InputError
from uflux_kedro.pipelines.ingestion import create_pipeline
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters


@pytest.fixture
def ingest(tmp_path, monkeypatch):
    """Run the towers' part of the pipeline on files, configured for real towers."""
    conf = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf/fluxnet2015/parameters.yml"))
    monkeypatch.setattr(configuration, "_from_hook", conf)

    def run(path, **quality):
        files = [path] if path.is_file() else sorted(path.glob("*.csv"))
        catalog = DataCatalog(
            {
                "raw_towers": MemoryDataset(files),
                "params:towers": MemoryDataset(TowerParameters.model_validate(conf["towers"])),
                "params:quality": MemoryDataset(QualityParameters(**quality)),
                # Through a file, as in the catalog.
                "sites_as_read": CSVDataset(filepath=str(tmp_path / "sites_as_read.csv")),
                "quality_page": MemoryDataset(tmp_path / "quality.html"),
                "quality_report": TextDataset(filepath=str(tmp_path / "quality.html")),
                "towers": MemoryDataset(),
                "sites": MemoryDataset(),
            }
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog["towers"].load(), catalog["sites"].load()

    return run


def test_the_run_stops_on_months_in_text_order(ingest, shared_data, tmp_path):
    folder = shared_data / "towers_monthly" / "as_distributed"
    with pytest.raises(InputError) as caught:
        ingest(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: EVI, LAI: ")
    for column in ("EVI", "LAI"):
        assert f"{column} at AU-Tum, BE-Vie, BR-Sa1, CA-Oas and 9 more: 3 months late" in message
    assert str(tmp_path / "quality.html") in message
    assert "EVI at AU-Tum" in (tmp_path / "quality.html").read_text()


def test_the_run_continues_without_dropped_columns(ingest, shared_data):
    towers, sites = ingest(shared_data / "towers_monthly" / "as_distributed", on_suspicion="drop")
    assert towers[["EVI", "LAI"]].isna().all(axis=None)
    assert towers["GPP"].notna().sum() > 1000
    assert len(sites) == 13


def test_the_run_passes_on_the_mended_table(ingest, shared_data, tmp_path):
    towers, sites = ingest(shared_data / "towers_monthly" / "fluxnet2015_monthly.csv.gz")
    assert (len(towers), len(sites)) == (11856, 138)
    assert "No finding requires a decision" in (tmp_path / "quality.html").read_text()


@pytest.mark.parametrize("names", [("11", "12"), ("001", "1E3"), ("NA", "null")])
def test_the_sun_checks_sites_of_any_name(ingest, tmp_path, names):
    """Read back from a file, a name that is a number would match no tower, and find nothing."""
    towers, sites = simulate_towers(n_sites=2)
    table = towers.merge(sites.assign(latitude=-sites["latitude"]))
    table["site_id"] = table["site_id"].map(dict(zip(sites["site_id"], names, strict=True)))
    columns = {"site_id": "SITE_ID", "time": "TIMESTAMP", "latitude": "LOCATION_LAT",
               "longitude": "LOCATION_LONG", "GPP": "GPP_NT_VUT_REF", "TA": "TA_ERA",
               "SW_IN": "SW_IN_ERA"}  # fmt: skip
    table.rename(columns=columns).to_csv(tmp_path / "towers.csv", index=False)
    with pytest.raises(InputError, match="the latitude has the wrong sign") as caught:
        ingest(tmp_path / "towers.csv")
    assert f"place or calendar at {names[0]}, {names[1]}" in str(caught.value)
