"""The harness that compares MDS with other programs: its results, not its speed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.gapfilling import speed
from benchmarks.peers import PeerError
from tests.testing.records import make_record
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling import fill_mds


@pytest.fixture(scope="module")
def record():
    return dict(zip(("flux", "SW_IN", "TA", "VPD"), make_record(20, 48), strict=True))


def test_a_peer_fills_in_its_own_process(record, monkeypatch):
    """Ours stands in for the peer: other work, by which measured records differ, and equal gaps."""
    peer = speed.Peer("uflux_kedro, every record", "uflux_kedro, gaps", "PEER_PYTHON", "")
    monkeypatch.setattr(speed, "PEERS", (peer,))
    monkeypatch.setenv("PEER_PYTHON", sys.executable)
    ratio, agreement = speed.rows("record", record, 1)
    assert ratio.met is not None
    n_gaps = np.isnan(record["flux"]).sum()
    assert agreement.ours == f"{n_gaps} of {n_gaps}"


def test_a_peer_that_is_not_there_is_skipped_with_a_word(record, monkeypatch, capsys):
    for peer in speed.PEERS:
        monkeypatch.delenv(peer.variable, raising=False)
    assert list(speed.rows("record", record, 1)) == []
    assert "set UFLUX_DIIVE_PYTHON to a Python 3.12" in capsys.readouterr().err


def test_a_peer_that_fails_is_named(record):
    with pytest.raises(PeerError, match="KeyError: 'no such library'"):
        speed.fill_apart("no such library", sys.executable, record)


def test_the_example_is_read(tmp_path):
    with pytest.raises(InputError, match="no file"):
        speed.read_tharandt(tmp_path, "NEE")
    lines = ["Year\tNEE\tRg\tTair\tVPD", "--\t--\t--\t--\t--", "1998\t-9999\t0\t7.4\t4.6"]
    (tmp_path / "Example_DETha98.txt").write_text("\n".join(lines))
    record = speed.read_tharandt(tmp_path, "NEE")
    assert {name: column.tolist() for name, column in record.items() if name != "flux"} == {
        "SW_IN": [0.0],
        "TA": [7.4],
        "VPD": [4.6],
    }
    assert np.isnan(fill_mds(*record.values(), steps_a_day=48).value).all()
