"""The harness of the benchmarks on simulated towers: its results, not its speed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import __main__ as command
from benchmarks.data import Rows, many_rows, tower_rows
from benchmarks.models.leave_one_out import Contest, _loop, compare
from benchmarks.models.parity import mean_and_interval
from benchmarks.peers import PeerError, Task, run_deep_forest, run_ours
from benchmarks.table import Row, header, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.errors import InputError
from uflux_kedro.models import CascadeForestRegressor
from uflux_kedro.models.deep_forest.environment import VARIABLE, default_folder
from uflux_kedro.validation.folds import leave_one_site_out


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(240, 3)), columns=["TA", "SW_IN", "VPD"])
    y = (X["TA"] + X["SW_IN"] ** 2).rename("GPP") + rng.normal(0, 0.1, 240)
    time = np.tile(pd.date_range("2001", periods=40, freq="MS").to_numpy(), 6)
    return Rows(X, y, np.repeat([f"AA-{i:03}" for i in range(6)], 40), time)


def task(rows, **parameters):
    X, y = rows.arrays()
    return Task(X, y, [np.arange(200)], [X[200:]], [3], {"n_trees": 5, "n_jobs": 1, **parameters})


def test_ratios_are_medians_of_pairs_taken_in_turns():
    order = []

    def costs(name, walls, cpus):
        def cost(number):
            order.append((name, number))
            return Cost(walls[number], cpus[number])

        return cost

    pairs = Pairs.in_turns(costs("o", [1, 2, 4], [2, 2, 2]), costs("p", [3, 8, 8], [2, 4, 8]), 3)
    assert order == [("o", 0), ("p", 0), ("o", 1), ("p", 1), ("o", 2), ("p", 2)]
    assert (pairs.wall_ratio, pairs.cpu_ratio, pairs.walls()) == (3, 2, (2, 8))
    row = speed_row("Fit", pairs, 4, ours="2 s", peer="8 s")
    assert row.markdown("cmd") == (
        "| Fit | 2 s | 8 s | 3.00 (CPU 2.00) | ≥ 4, **missed** | `cmd` |"
    )
    assert row.markdown("cmd").count("|") == header().splitlines()[0].count("|")


def test_cost_counts_the_work_of_this_process():
    cost, result = cost_of(lambda: sum(range(300_000)))
    assert result == 300_000 * 299_999 // 2
    assert cost.cpu > 0
    assert cost.wall > 0


def test_interval_of_a_mean_is_students():
    mean, low, high = mean_and_interval(np.array([1.0, 2.0, 3.0]))
    half = 4.302652729696142 / np.sqrt(3)  # t of 2 degrees of freedom at 0.975
    np.testing.assert_allclose([mean, low, high], [2, 2 - half, 2 + half])


def test_many_rows_are_as_the_towers(rows):
    X, _ = rows.arrays()
    many = many_rows(X, 5000)
    assert many.shape == (5000, 3)
    assert many.dtype == np.float32
    np.testing.assert_allclose(many.std(axis=0), X.std(axis=0), rtol=0.1)
    np.testing.assert_array_equal(many, many_rows(X, 5000))
    classes = np.arange(len(X)) % 3
    of_classes = many_rows(np.column_stack([X, classes]).astype("float32"), 5000)
    assert set(of_classes[:, 3]) == {0, 1, 2}


def test_the_probe_fits_and_predicts_as_the_model_does(rows):
    (done,) = run_ours(task(rows))
    X, y = rows.arrays()
    model = CascadeForestRegressor(n_trees=5, random_state=3).fit(X[:200], y[:200])
    np.testing.assert_array_equal(done.prediction, model.predict(X[200:]))
    assert min(done.fit.wall, done.fit.cpu, done.predict.wall) > 0
    assert done.memory >= 0


def test_a_probe_that_fails_says_why(rows):
    with pytest.raises(PeerError, match=r"n_trees=0\): expected a whole number"):
        run_ours(task(rows, n_trees=0))


def test_the_peer_is_kept_where_it_is_asked_for(rows, tmp_path, monkeypatch):
    python = os.environ.get(VARIABLE) or default_folder() / "bin/python"
    if not Path(python).exists():
        pytest.skip(f"no interpreter that has deep-forest 0.1.7: set {VARIABLE}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asked = task(rows, n_trees=30, max_layers=1)
    first = run_deep_forest(asked, keep=True)
    kept = list((tmp_path / "uflux_kedro-benchmarks").iterdir())
    assert len(kept) == 1
    second = run_deep_forest(asked, keep=True)
    assert first[0].fit == second[0].fit
    np.testing.assert_array_equal(first[0].prediction, second[0].prediction)


def test_leave_one_out_holds_out_every_site_by_both(rows):
    pytest.importorskip("sciml")
    contest = Contest("XGB", _loop("XGB"), 1.25, parts=2, parameters={"max_bin": 256})
    cost, score = compare(contest, rows, leave_one_site_out(rows.sites))
    assert cost.name == "Leave-one-site-out XGB, max_bin 256, GPP, 6 sites"
    assert "scaled" not in cost.peer
    # Same settings on both sides but for the seeds.
    assert "NSE of 6 sites" in score.name
    ours, peer = float(score.ours), float(score.peer.split()[-1])
    assert 0.5 < peer < 1
    assert ours == pytest.approx(peer, abs=0.05)


def test_a_few_sites_stand_for_all_and_the_table_says_so(rows):
    pytest.importorskip("sciml")
    contest = Contest("RF", _loop("RFR"), 3, parts=2, peer_sites=1)
    cost, score = compare(contest, rows, leave_one_site_out(rows.sites))
    assert cost.peer.endswith("scaled up from 2 sites")
    assert "NSE of 2 sites" in score.name


def test_rows_of_the_towers_come_by_the_projects_configuration(shared_data):
    file = shared_data / "towers_monthly/fluxnet2015_monthly.csv.gz"
    rows = tower_rows(file, "GPP")
    assert len(set(rows.sites)) == 138
    assert "EVI" in rows.X
    assert np.isfinite(rows.X.to_numpy(float)).all()
    assert rows.y.notna().all()


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv.*found no such file"):
        tower_rows(tmp_path / "absent.csv", "GPP")


def test_the_command_prints_rows_under_a_header(monkeypatch, capsys):
    def one(towers):
        yield Row(towers.name, "1 s")

    monkeypatch.setattr("benchmarks.models.BENCHMARKS", {"one": one, "two": one})
    assert command.main(["models", "--towers", "t.csv", "--only", "two"]) == 0
    *head, row = capsys.readouterr().out.splitlines()
    assert head == header().splitlines()
    assert row == "| t.csv | 1 s | - | - | - | `python -m benchmarks models --only two` |"
    with pytest.raises(SystemExit):
        command.main(["models", "--only", "three"])
    assert "unknown benchmark three: expected some of one, two" in capsys.readouterr().err


def test_the_command_says_what_is_missing(tmp_path, capsys):
    assert command.main(["models", "--towers", str(tmp_path / "absent.csv")]) == 1
    assert "found no such file" in capsys.readouterr().err
