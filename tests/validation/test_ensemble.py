"""The ensemble as the maps show it: which predictions, and how good."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.small_maps import small_towers
from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import confidence_intervals
from uflux_kedro.validation.ensemble import SKILL_COLUMNS, as_mapped, ensemble_skill
from uflux_kedro.validation.metrics import pooled


@pytest.fixture
def held_out():
    rng = np.random.default_rng(1)
    times = pd.date_range("2001-01-01", periods=12, freq="MS")
    rows = [(f"T{site}", time) for site in range(6) for time in times]
    table = pd.DataFrame(rows, columns=["site_id", "time"])
    truth = 5 + rng.normal(size=len(table))
    return table.assign(truth=truth, prediction=truth + rng.normal(0, 0.5, len(table)))


@pytest.fixture
def board():
    return pd.DataFrame(
        {"predictor_set": ["B", "A", "C"], "flux": "GPP", "model": "DF21", "scheme": "loso",
         "NSE": [0.7, 0.9, np.nan], "RMSE": [2.0, 1.0, 3.0]}
    )  # fmt: skip


def test_reconciled_rows_replace_those_as_predicted(held_out):
    closed = held_out.iloc[::-2].assign(centre=1.5)[["site_id", "time", "centre"]]
    closed.iloc[0, 2] = np.nan
    found = as_mapped(held_out, closed)
    moved = found["prediction"] == 1.5
    assert moved.sum() == len(closed) - 1
    assert set(found.index[moved]) == set(closed.index[1:])
    kept = found.loc[~moved, "prediction"]
    pd.testing.assert_series_equal(kept, held_out.loc[~moved, "prediction"])
    assert as_mapped(held_out) is held_out
    with pytest.raises(InputError, match="centre"):
        as_mapped(held_out, held_out)


def test_bounds_are_reconciled_with_the_prediction():
    _, rows = small_towers()
    closed = rows.iloc[2:4].assign(centre=[7.0, 8.0], lower=[6.0, 6.5], upper=[9.0, 9.5])
    found = as_mapped(rows, closed.drop(columns="prediction"))
    assert found.loc[2:3, ["prediction", "lower", "upper"]].to_numpy().tolist() == [
        [7, 6, 9],
        [8, 6.5, 9.5],
    ]
    others = rows.index.difference([2, 3])
    pd.testing.assert_frame_equal(found.loc[others], rows.loc[others])


def test_the_ensemble_has_an_interval_and_the_best_member_stands_beside_it(held_out, board):
    found = ensemble_skill({"GPP": held_out}, board, reconciled=("GPP",), seed=3)
    assert tuple(found) == SKILL_COLUMNS
    row = found.iloc[0]
    expected, between = pooled(held_out), confidence_intervals(held_out, seed=3)
    for metric in ("NSE", "r2", "RMSE", "MBE"):
        assert row[metric] == pytest.approx(expected[metric])
        ends = row[[f"{metric}_low", f"{metric}_high"]].tolist()
        assert ends == between.loc[metric, ["low", "high"]].tolist()
        assert ends[0] <= row[metric] <= ends[1]
    assert (row["sites"], row["n"], row["members"], row["reconciled"]) == (6, 72, 3, True)
    assert (row["best_member"], row["best_NSE"], row["best_RMSE"]) == ("A · DF21", 0.9, 1.0)
    assert (row["median_NSE"], row["lowest_NSE"], row["unit"]) == (0.8, 0.7, "gC m-2 d-1")


def test_one_tower_has_no_interval_and_members_without_score_no_best(held_out, board):
    one = held_out[held_out["site_id"] == "T0"]
    row = ensemble_skill({"GPP": one}, board.assign(NSE=np.nan)).iloc[0]
    assert np.isfinite(row["NSE"])
    assert np.isnan([row["NSE_low"], row["NSE_high"]]).all()
    assert row["best_member"] == ""
    assert not row["reconciled"]
