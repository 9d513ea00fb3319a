"""What a run knows of itself, and documents that it may be unable to make."""

from __future__ import annotations

import json

import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from uflux_kedro.configuration import RUN_FACTS
from uflux_kedro.datasets import DocumentDataset, RunFactsDataset
from uflux_kedro.staging import Staging


def test_a_run_knows_what_its_hooks_say(monkeypatch):
    monkeypatch.delenv(RUN_FACTS, raising=False)
    facts = RunFactsDataset()
    assert facts.load() == {}
    monkeypatch.setenv(RUN_FACTS, json.dumps({"started": 1, "commit": "c0ffee"}))
    assert facts.load() == {"started": 1, "commit": "c0ffee"}
    with pytest.raises(DatasetError, match="its hooks provide them"):
        facts.save({})


def test_a_document_that_cannot_be_made_takes_the_last_one_with_it(tmp_path):
    """It was printed from a page that is no longer there."""
    path = tmp_path / "08" / "report.pdf"

    def run(content):
        pipeline = Pipeline([node(lambda given: given, "params:content", "pdf")])
        catalog = DataCatalog(
            {"pdf": DocumentDataset(filepath=str(path)), "params:content": MemoryDataset(content)}
        )
        places = Staging(tmp_path)
        places.begin(pipeline, catalog, resume=False)
        SequentialRunner().run(pipeline, catalog)
        places.finish(whole=True)
        return catalog["pdf"]

    assert run(b"%PDF").load() == b"%PDF"
    assert not run(b"").exists()
    assert not path.exists()
