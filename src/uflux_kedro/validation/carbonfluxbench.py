"""Splits and scores of the benchmark CarbonFluxBench (Rozanov et al. 2026, arXiv:2603.09868)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.validation.metrics import score

RANDOM_STATE = 56
"""Seed of the published splits."""

TEST_SHARE = 0.2
RARE_SITES = 10
"""Classes of so many sites or fewer are halved by the split of IGBP classes."""

Split = Literal["Koppen", "IGBP"]

SCORES = ("R2", "RMSE", "nMAE", "RAE")


def sites_to_test(rows: pd.DataFrame, split: Split) -> list[str]:
    """Return the sites that the benchmark tests; models train on all others.

    The Köppen split tests a fifth of the sites, by class of the climate. The IGBP split does so with
    IGBP classes of more than ten sites, and tests half of each of the others, rounded down. Sites are
    drawn in their sorted order by the functions of pandas and scikit-learn that the benchmark calls.

    Args:
        rows: ``site``, ``Koppen`` and ``IGBP``; the first class of a site counts.
        split: By which class.

    Returns:
        Names of the sites, sorted.

    Raises:
        InputError: If a class has a single site, or a fifth of the sites is less than one a class.
    """
    from sklearn.model_selection import train_test_split

    require_columns(rows, ("site", "Koppen", "IGBP"), "CarbonFluxBench")
    sites = rows.groupby("site")[["Koppen", "IGBP"]].first().reset_index()
    tested: list[str] = []
    if split == "IGBP":
        counts = sites["IGBP"].value_counts()
        rare = counts[counts <= RARE_SITES].index
        for name in rare:
            of_class = sites[sites["IGBP"] == name]
            half = of_class.sample(counts[name] // 2, random_state=RANDOM_STATE)
            tested += list(half["site"])
        sites = sites[~sites["IGBP"].isin(rare)]
    if len(sites):
        try:
            _, others = train_test_split(
                sites["site"],
                test_size=TEST_SHARE,
                stratify=sites[split],
                random_state=RANDOM_STATE,
            )
        except ValueError as error:
            raise InputError(
                "CarbonFluxBench",
                split,
                expected="classes with enough sites to train on some and test others",
                found=f"{sites[split].value_counts().to_dict()} ({error})",
            ) from error
        tested += list(others)
    return sorted(tested)


def scores_of_sites(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score every site as the benchmark does.

    Args:
        predictions: ``site_id``, ``truth``, ``prediction``, gC m-2 d-1.

    Returns:
        One row per site: ``site_id``, ``n`` and :data:`SCORES`. ``R2`` is the coefficient of
        determination, which is NSE; ``nMAE`` the mean absolute error over the size of the mean flux;
        ``RAE`` the mean absolute error over that of the mean flux. A site whose flux is constant has
        no R2 and RAE.
    """
    rows = []
    for site, table in predictions.groupby("site_id", sort=True):
        truth = table["truth"].to_numpy(float)
        found = score(truth, table["prediction"])
        mean = truth.mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            nmae, rae = found["MAE"] / np.array([abs(mean), abs(truth - mean).mean()])
        rows.append((site, len(table), found["NSE"], found["RMSE"], nmae, rae))
    scores = pd.DataFrame(rows, columns=["site_id", "n", *SCORES])
    return scores.replace([np.inf, -np.inf], np.nan)


def quartiles(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the 25th, 50th and 75th percentile over sites of each of :data:`SCORES`."""
    return scores[list(SCORES)].quantile([0.25, 0.5, 0.75])
