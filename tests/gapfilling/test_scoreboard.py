"""Methods are scored on records that were hidden from all of them alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.records import make_table
from uflux_kedro.gapfilling import GapFiller
from uflux_kedro.gapfilling.parameters import Scenario
from uflux_kedro.gapfilling.scoreboard import score_record
from uflux_kedro.gapfilling.sums import Correlation

SCENARIO = Scenario(days={2.0: 1.0}, hidden=0.2)


class Oracle:
    """A filler that knows the truth."""

    def __init__(self, truth):
        self.truth = truth

    def fit(self, table):
        self.seen = table
        independent = Correlation(np.zeros(0, dtype=complex), np.zeros(0))
        self.fillers = {
            flux: type("Fitted", (), {"correlation": independent}) for flux in ("NEE", "LE")
        }
        return self

    def fill(self, table):
        columns = {}
        for flux in self.fillers:
            columns |= {f"{flux}_F{c}": self.truth[flux] for c in ("", "_LOWER", "_UPPER")}
            columns[f"{flux}_F_SD"] = 2.0
        return pd.DataFrame(columns, index=table.index)


@pytest.fixture(scope="module")
def table():
    """A winter and a spring of hours, NEE and LE."""
    return make_table(60, 24, start="2019-02-01")[0].drop(columns="H")


def test_a_perfect_filler_has_no_error(table):
    """In every part, and all its intervals hold."""
    made = []

    def make(method):
        made.append(Oracle(table))
        return made[-1]

    scores = score_record(table, make, ["a", "b"], ["mine"], {"mine": SCENARIO}, 0, 24, draws=2)
    assert (scores["RMSE"] == 0).all()
    assert (scores["NSE"] == 1).all()
    assert (scores["coverage"] == 1).all()
    assert (scores["width"] == 0).all()
    alls = scores[scores["part"] == "all"]
    assert (alls["sum_error"] == 0).all()
    grams = (
        np.sqrt(alls["n"]) * 2 * np.where(alls["flux"] == "NEE", 12.011e-6 * 3600, 1 / len(table))
    )
    np.testing.assert_allclose(alls["sum_sd"], grams, rtol=1e-5)
    assert scores.loc[scores["part"] != "all", "sum_error"].isna().all()
    for one, n in zip(made[::2], alls[alls["flux"] == "NEE"]["n"][::2], strict=True):
        assert one.seen["NEE"].isna().sum() == table["NEE"].isna().sum() + n
    first, second, third, _ = (one.seen["NEE"] for one in made)
    pd.testing.assert_series_equal(first, second)
    assert not first.equals(third)


def test_every_method_and_part_has_its_row(table):
    """Day and night, and the seasons that were hidden, add up to all."""
    scores = score_record(
        table,
        lambda method: GapFiller(method=method, n_jobs=1),
        ["mds", "mds_symmetric"],
        ["mine"],
        {"mine": SCENARIO},
        seed=0,
        steps_a_day=24,
    )
    assert set(scores["part"]) == {"all", "day", "night", "winter", "spring"}
    sizes = scores.pivot_table(index=["method", "flux", "scenario"], columns="part", values="n")
    assert len(sizes) == 2 * 2
    assert (sizes["day"] + sizes["night"] == sizes["all"]).all()
    assert (sizes["winter"] + sizes["spring"] == sizes["all"]).all()
    assert sizes["all"].groupby(["flux", "scenario"]).nunique().eq(1).all()
    assert (scores["left"] == 0).all()
    assert scores["coverage"].between(0, 1).all()
    assert (scores["RMSE"] > 0).all()
    assert (scores["width"] > 0).all()
