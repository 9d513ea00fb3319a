"""Methods are compared on the same hidden records, of which they see nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.gapfilling.parameters import Scenario
from uflux_kedro.gapfilling.scoreboard import fill_hidden, score_hidden

SCENARIOS = {"mix": Scenario(days={7: 0.5, 1: 0.5}, hidden=0.2, observed=0.5)}


class Constant:
    """A method that fills with the mean of what it was fitted on, and leaves nights open if asked to."""

    seen: tuple[pd.DataFrame, ...] = ()

    def __init__(self, method: str) -> None:
        self.method = method

    def fit(self, table):
        type(self).seen += (table,)
        self.mean = table["NEE"].mean()
        return self

    def fill(self, table):
        value = table["NEE"].fillna(self.mean)
        if self.method == "day only":
            value = value.mask(table["SW_IN"] < 10)
        return pd.DataFrame({"NEE_F": value, "NEE_F_LOWER": value - 1000, "NEE_F_UPPER": value})


@pytest.fixture(scope="module")
def table():
    return Tower().record("2011-03-01", "2011-08-01")[0]


@pytest.fixture(scope="module")
def hidden(table):
    Constant.seen = ()
    return fill_hidden(table, "NEE", Constant, ("mean", "day only"), SCENARIOS, seed=1)


def test_methods_fill_the_same_records_and_see_none_of_them(table, hidden):
    of_mean, of_day = (
        hidden[hidden["method"] == m].set_index("time") for m in ("mean", "day only")
    )
    assert of_mean["truth"].equals(of_day["truth"])
    assert len(of_mean) == pytest.approx(0.2 * len(table), rel=0.1)
    assert of_mean["truth"].equals(table.loc[of_mean.index, "NEE"].rename("truth"))
    for seen in Constant.seen:
        assert seen.loc[of_mean.index, "NEE"].isna().all()


def test_hidden_truth_changes_no_prediction(table, hidden):
    times = hidden["time"].unique()
    scrambled = table.copy()
    scrambled.loc[times, "NEE"] = np.arange(len(times), dtype=float)
    again = fill_hidden(scrambled, "NEE", Constant, ("mean", "day only"), SCENARIOS, seed=1)
    assert again["prediction"].equals(hidden["prediction"])


def test_scores_by_part_and_length(hidden):
    scores = score_hidden(hidden)
    whole = scores[scores["part"] == "all"].set_index("method")
    rows = hidden[hidden["method"] == "mean"]
    error = rows["prediction"] - rows["truth"]
    assert whole.loc["mean", "RMSE"] == pytest.approx(np.sqrt((error**2).mean()))
    assert whole.loc["mean", "MBE"] == pytest.approx(error.mean())
    assert whole.loc["mean", "coverage"] == pytest.approx((error >= 0).mean())
    assert whole.loc["mean", "width"] == pytest.approx(1000)
    assert set(scores["part"]) == {"all", "day", "night", "Mar-May", "Jun-Aug", "length"}
    assert set(scores["days"].dropna()) == {1.0, 7.0}
    parts = scores[(scores["method"] == "mean") & scores["part"].isin(["day", "night"])]
    assert parts["n"].sum() == whole.loc["mean", "n"]


def test_records_that_a_method_leaves_open_are_told(hidden):
    scores = score_hidden(hidden).set_index(["method", "part"])
    assert scores.loc[("day only", "night"), ["open", "n"]].tolist() == [1, 0]
    assert scores.loc[("mean", "all"), "open"] == 0


def test_gaps_of_the_record_have_classes_of_length(table):
    gappy = table.assign(NEE=table["NEE"].mask((table.index.day == 3) & (table.index.hour < 12)))
    own = fill_hidden(gappy, "NEE", Constant, ("mean",), {"own": Scenario(hidden=0.05)})
    assert set(own["days"]) == {0.5}


def test_a_flux_without_room_for_gaps_has_no_rows(table):
    few = table.assign(NEE=table["NEE"].where(np.arange(len(table)) < 3))
    assert fill_hidden(few, "NEE", Constant, ("mean",), SCENARIOS).empty
