"""The harness that compares partitioning with other programs: its results, not its speed."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.gapfilling import partitioning
from benchmarks.peers import PeerError
from tests.testing.half_hours import Tower


@pytest.fixture
def record():
    table, _ = Tower().record("2011-05-01", "2011-06-01")
    return partitioning.Record("AA-Aaa 2011", table, (45.0, 15.0, 1.0))


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """Let a program of one's own stand in for the peers."""

    def write(lines):
        path = tmp_path / "probe.py"
        path.write_text(lines)
        monkeypatch.setattr(partitioning, "PROBE", path)
        monkeypatch.setattr(partitioning, "ANSWERS", {})
        for variable, _ in (partitioning.DIIVE, partitioning.HESSEFLUX):
            monkeypatch.setenv(variable, sys.executable)

    return write


PROGRAM = """
import csv, sys
folder = sys.argv[2]
rows = list(csv.DictReader(open(f"{folder}/record.csv")))
with open(f"{folder}/found.csv", "w") as file:
    file.write("time,GPP,RECO\\n")
    file.writelines(f"{row['time']},{row['SW_IN']},{row['TA']}\\n" for row in rows)
open(f"{folder}/seconds.json", "w").write("2.0")
"""
"""GPP is radiation, RECO temperature; without pandas, which takes a second to start."""


def test_each_program_and_flux_has_a_row(record, probe):
    probe(PROGRAM)
    rows = list(partitioning.sum_rows(record))
    assert len(rows) == 3 * 3 * 2  # nights, days, days with errors from residuals
    assert {row[1] for row in rows} == {"nights", "days", "days, error by residuals"}
    grams = record.table["SW_IN"].mean() * 378.78  # of 1 umol m-2 s-1 in a year
    assert {round(float(row[5]) / grams, 3) for row in rows if row[3] == "GPP"} == {1.0}
    assert all(row[-1].endswith("; 2 s") for row in rows)


def test_agreement_is_over_the_steps_of_both():
    time = pd.date_range("2001", periods=96 * 4, freq="30min")
    ours = pd.Series(np.arange(384.0), time)
    theirs = ours / 2
    theirs.iloc[:48] = np.nan
    mean, other, differs, r2, efficiency = partitioning.agreement(ours, theirs)
    assert (differs, r2) == ("+100.0 %", "1.000")
    assert float(mean) == pytest.approx(ours[48:].mean() * 378.77, rel=1e-3)
    assert float(other) == pytest.approx(float(mean) / 2, abs=1)
    assert float(efficiency) < 0


def test_programs_that_are_not_there_are_skipped_with_a_word(record, monkeypatch, capsys):
    for variable, _ in (partitioning.DIIVE, partitioning.HESSEFLUX):
        monkeypatch.delenv(variable, raising=False)
    assert list(partitioning.sum_rows(record)) == []
    (row,) = partitioning.threshold_rows(record)
    assert row[2] == "-"
    assert "set UFLUX_HESSEFLUX_PYTHON to a Python" in capsys.readouterr().err


def test_a_program_that_fails_is_named(record, probe):
    probe("raise SystemExit('no such luck')")
    with pytest.raises(PeerError, match=r"REddyProc, nights in .* failed:\nno such luck"):
        list(partitioning.sum_rows(record))
