"""The screen of a run: one line a step, and at the end what matters."""

from __future__ import annotations

import logging
import warnings

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from uflux_kedro import ending as module
from uflux_kedro.datasets import JSONDataset, TextDataset
from uflux_kedro.ending import ending, left_out, outside_share, weights
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.screen import StepLines, quieten


def test_a_step_is_one_line_without_advice(caplog):
    def fail(value):
        raise RuntimeError("no")

    quieten()
    caplog.set_level(logging.INFO, "kedro.runner")
    pipeline = Pipeline(
        [
            node(lambda value: value, "raw", "first", name="one"),
            node(lambda value: value, "first", "second", name="two"),
            node(fail, "second", "third", name="three"),
        ]
    )
    with pytest.raises(RuntimeError):
        SequentialRunner().run(pipeline, DataCatalog({"raw": MemoryDataset(1)}))
    said = [r.getMessage() for r in caplog.records if r.name.startswith("kedro.runner")]
    assert said == ["1 of 3: one", "2 of 3: two"]


def test_other_lines_of_the_runner_are_shown():
    record = logging.LogRecord("kedro.runner", 30, "", 0, "A worker was lost", (), None)
    assert StepLines().filter(record)


def test_only_the_warning_that_nobody_can_act_on_is_dropped(monkeypatch):
    shown = []
    monkeypatch.setattr(
        warnings, "showwarning", lambda message, *_, **__: shown.append(str(message))
    )
    quieten()
    quieten()
    for text in ("Add type hints to the `predict` method to enable", "Mean of empty slice"):
        warnings.showwarning(UserWarning(text), UserWarning, "file.py", 1)
    assert shown == ["Mean of empty slice"]


FINDINGS = [
    {"weight": "defect", "mended": None},
    {"weight": "defect", "mended": "halved"},
    {"weight": "note", "mended": None},
    {"weight": "note", "mended": None},
]


def test_the_end_names_what_the_run_made_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = DataCatalog(
        {
            "quality_findings": JSONDataset(filepath=str(tmp_path / "findings.json")),
            "quality_report": TextDataset(filepath=str(tmp_path / "quality.html")),
            "report": TextDataset(filepath=str(tmp_path / "report.html")),
        }
    )
    catalog.save("quality_findings", FINDINGS)
    quality = "Towers: 1 findings to decide, 1 corrected, 2 to review: quality.html"
    assert ending(["quality_findings", "quality_report"], catalog) == [quality]
    assert ending(["report"], catalog) == ["Report: report.html"]


def test_the_end_names_members_left_out(monkeypatch):
    parameters = {"predictor_sets": [{"name": "A"}, {"name": "B"}], "fluxes": ["GPP"]}
    wanted = EnsembleParameters.model_validate(parameters).members()
    monkeypatch.setattr(module, "project_parameters", lambda: {"ensemble": parameters})
    monkeypatch.setattr(module, "project_members", lambda: wanted[:1])
    catalog = DataCatalog({"leaderboard_GPP": MemoryDataset(1)})
    assert ending(["leaderboard_GPP"], catalog) == ["Left out for missing columns: B.GPP.DF21"]
    assert left_out(wanted, wanted) == []
    many = [Member(str(i), "GPP", "RF", ()) for i in range(5)]
    assert left_out(many, []) == [
        "Left out for missing columns: 0.GPP.RF, 1.GPP.RF, 2.GPP.RF and 2 more"
    ]


def test_the_share_of_extrapolated_cells_is_that_of_all_regions():
    marks = [{"layout": "x"}, {"cells": 10, "outside": 1}, {"cells": 30, "outside": 9}]
    assert outside_share(marks) == 0.25
    assert outside_share([*marks, {"cells": 5}]) is None, "a mark of an earlier version"
    assert outside_share([{"layout": "x"}, {"cells": 0, "outside": 0}]) is None


def test_no_findings_are_said_so():
    assert weights([]) == "no findings"
