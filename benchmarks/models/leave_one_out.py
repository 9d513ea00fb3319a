"""Exact leave-one-site-out against the loop of the published UFLUX scripts.

The scripts hold out one site after another and call ``sciml.pipelines.train_ml``, each model with
all threads. Here the sites are split at random into a few parts, and each part is run by ours and
then by the peer, so that every site is held out once and the two alternate.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import Rows, tower_rows
from benchmarks.peers import Task, run_reference_loop
from benchmarks.table import Row, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.models.registry import make_model
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import Fold, leave_one_site_out

Peer = Callable[[Rows, Sequence[Fold]], tuple[Cost, list[np.ndarray]]]


@dataclass(frozen=True)
class Contest:
    """One model of ours against one of the published scripts.

    Attributes:
        model: Our model's name.
        peer: The published loop over folds.
        least: Lowest ratio that meets the target.
        parts: Number of parts that the sites are split into, each a pair of costs.
        peer_sites: Sites of each part that the peer holds out; None for all.
        parameters: Settings of our model that differ from the project's.
    """

    model: str
    peer: Peer
    least: float
    parts: int = 6
    peer_sites: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def leave_one_out(towers: Path) -> Iterator[Row]:
    """Compare cost and score of GPP, with every site held out once."""
    rows = tower_rows(towers, "GPP")
    folds = leave_one_site_out(rows.sites)
    for contest in (
        Contest("XGB", _loop("XGB"), 1.25),
        Contest("XGB", _loop("XGB"), 1.25, parameters={"max_bin": 256}),
        # 138 forests take the published loop six minutes, and deep-forest twenty: a random sample of
        # the sites represents all.
        Contest("RF", _loop("RFR"), 3, peer_sites=4),
        Contest("DF21", _deep_forest_loop, 4, parts=3, peer_sites=4),
    ):
        yield from compare(contest, rows, folds)


def compare(contest: Contest, rows: Rows, folds: Sequence[Fold]) -> Iterator[Row]:
    """Run one comparison; yield a row for its cost and one for its score."""
    X, y = rows.arrays()
    order = np.random.default_rng(0).permutation(len(folds))
    parts = [[folds[i] for i in part] for part in np.array_split(order, contest.parts)]
    ours: list[pd.DataFrame] = []
    theirs: list[pd.DataFrame] = []

    def our_part(number: int) -> Cost:
        cost, predicted = cost_of(
            lambda: held_out_predictions(
                lambda seed: make_model(contest.model, contest.parameters, random_state=seed),
                X,
                y,
                rows.sites,
                rows.time,
                parts[number],
                n_jobs=-1,
            )
        )
        ours.append(predicted)
        return _each(cost, len(parts[number]))

    def peer_part(number: int) -> Cost:
        held_out = parts[number][: contest.peer_sites]
        cost, predictions = contest.peer(rows, held_out)
        theirs.extend(map(_table, [rows] * len(held_out), held_out, predictions))
        return _each(cost, len(held_out))

    pairs = Pairs.in_turns(our_part, peer_part, contest.parts)
    settings = "".join(f", {name} {value}" for name, value in contest.parameters.items())
    name = f"Leave-one-site-out {contest.model}{settings}, GPP"
    sites = sum(len(part[: contest.peer_sites]) for part in parts)
    whole = [w * len(folds) for w in pairs.walls()]
    measured = "" if sites == len(folds) else f", scaled up from {sites} sites"
    yield speed_row(
        f"{name}, {len(folds)} sites",
        pairs,
        contest.least,
        ours=f"{whole[0]:.0f} s",
        peer=f"train_ml {whole[1]:.0f} s{measured}",
    )
    score = compare_members(pd.concat(theirs), pd.concat(ours)).loc["NSE"]
    yield Row(
        f"{name}: NSE of {sites} sites",
        f"{score['second']:.4f}",
        f"train_ml {score['first']:.4f}",
        f"difference {score['difference']:+.4f} ({score['low']:+.4f} to {score['high']:+.4f})",
        "interval includes 0, or higher",
        score["high"] >= 0,
    )


def _each(cost: Cost, n: int) -> Cost:
    return Cost(cost.wall / n, cost.cpu / n)


def _table(rows: Rows, fold: Fold, prediction: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": rows.sites[fold.test],
            "time": rows.time[fold.test],
            "truth": rows.y.to_numpy()[fold.test],
            "prediction": prediction.ravel(),
        }
    )


def _loop(model_name: str) -> Peer:
    """Return the published loop, run in this process with its own settings and threads."""

    def loop(rows: Rows, folds: Sequence[Fold]) -> tuple[Cost, list[np.ndarray]]:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints that tensorflow is missing
            from sciml.pipelines import train_ml

        def predict(fold: Fold) -> np.ndarray:
            model = train_ml(rows.X.iloc[fold.train], rows.y.iloc[fold.train], model_name)
            return model.predict(rows.X.iloc[fold.test])

        return cost_of(lambda: [predict(fold) for fold in folds])

    return loop


def _deep_forest_loop(rows: Rows, folds: Sequence[Fold]) -> tuple[Cost, list[np.ndarray]]:
    """Run the published loop in deep-forest's interpreter; its start is not counted."""
    X = rows.X.to_numpy("float64")
    done = run_reference_loop(
        Task(
            X=X,
            y=rows.y.to_numpy("float64"),
            train=[fold.train for fold in folds],
            new=[X[fold.test] for fold in folds],
            seeds=[0] * len(folds),
            parameters={"model_name": "DF21"},
        )
    )
    cost = Cost(
        sum(d.fit.wall + d.predict.wall for d in done),
        sum(d.fit.cpu + d.predict.cpu for d in done),
    )
    return cost, [d.prediction for d in done]
