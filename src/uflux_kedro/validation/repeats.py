"""Repeated validation: the same sites in other folds, to see how far scores depend on the split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import METRICS, pooled

_FURTHER = "prediction_"
"""Beginning of the columns that hold the predictions of further repeats."""

_SEEDS_APART = 100_000
"""Between the seeds of two repeats: more than a validation has folds, each with its own seed."""


def seed_of_repeat(seed: int, repeat: int) -> int:
    """Return the seed of a repeat, numbered from 0; the first has the given seed."""
    return seed + repeat * _SEEDS_APART


def join_repeats(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join held-out predictions of the same rows by several splits.

    Args:
        tables: Of each repeat ``site_id``, ``time``, ``fold``, ``truth``, ``prediction``.

    Returns:
        The first table, with a column ``prediction_2``, ``prediction_3`` ... for each further
        one, NaN where it has no prediction of a row.
    """
    joined, *others = tables
    keys = ["site_id", "time"]
    for number, table in enumerate(others, 2):
        column = table[[*keys, "prediction"]].rename(columns={"prediction": f"{_FURTHER}{number}"})
        joined = joined.merge(column, on=keys, how="left", validate="one_to_one")
    return joined


def first_repeat(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions without those of further repeats."""
    return predictions[[c for c in predictions if not str(c).startswith(_FURTHER)]]


def scores_over_splits(predictions: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the lowest, median and highest score over the repeats, by metric.

    Args:
        predictions: Result of :func:`join_repeats`.

    Returns:
        Metric -> ``low``, ``median`` and ``high``; empty if there is one repeat.
    """
    further = [c for c in predictions if str(c).startswith(_FURTHER)]
    if not further:
        return {}
    repeats = [
        pooled(predictions[["site_id", "truth"]].assign(prediction=predictions[name]).dropna())
        for name in ("prediction", *further)
    ]
    found = {}
    for metric in METRICS:
        values = [scores[metric] for scores in repeats]
        found[metric] = dict(
            zip(("low", "median", "high"), np.quantile(values, (0, 0.5, 1)).tolist(), strict=True)
        )
    return found
