"""What the log tells of a production while it runs."""

from __future__ import annotations

import logging

import pytest

from uflux_kedro.execution.engine import Execution
from uflux_kedro.products import region_progress
from uflux_kedro.products.region_progress import RegionProgress


def lines_of(monkeypatch, caplog, times, *, missing, threads=2):
    """Lines of the log about regions that are finished at these times."""
    caplog.set_level(logging.INFO)
    clock = iter([0.0, *times])
    monkeypatch.setattr(region_progress, "perf_counter", lambda: next(clock))
    progress = RegionProgress("GPP", missing, Execution(n_jobs=threads))
    for _ in times:
        progress.finished(("elsewhere:1", 2.0))
    return [record.getMessage() for record in caplog.records]


def test_an_estimate_leaves_out_how_long_the_start_took(monkeypatch, caplog):
    # Two threads start for 20 s; then a region is finished every second.
    [line] = lines_of(monkeypatch, caplog, [20, 20, *range(21, 32)], missing=100)
    assert "GPP: 100 regions at the rate of the first 12: 2.0 min on 2 threads" in line
    memory = float(line.split(", ")[-1].split(" GB")[0])
    assert memory > 2, "of both processes"


def test_few_seconds_are_not_enough_for_an_estimate(monkeypatch, caplog):
    quick = [1, 1, *(1 + i / 10 for i in range(1, 120))]
    [line] = lines_of(monkeypatch, caplog, quick, missing=1000)
    assert "at the rate of the first 102: 1.7 min" in line


def test_short_work_is_not_told_of(monkeypatch, caplog):
    assert not lines_of(monkeypatch, caplog, range(1, 21), missing=20, threads=1)


def test_progress_is_told_by_the_minute(monkeypatch, caplog):
    first, second, third = lines_of(monkeypatch, caplog, range(1, 140), missing=200, threads=1)
    assert "at the rate of the first 11: 3.3 min on 1 thread," in first
    assert second == "GPP: 71 of 200 regions, about 2.1 min left"
    assert third == "GPP: 131 of 200 regions, about 1.1 min left"


@pytest.mark.parametrize("missing", [0, 1])
def test_no_region_or_one_needs_no_estimate(monkeypatch, caplog, missing):
    assert not lines_of(monkeypatch, caplog, [100.0] * missing, missing=missing)
