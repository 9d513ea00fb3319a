"""Measures that foretell the error rank before those that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty import rank_measures, sparsification


@pytest.fixture(scope="module")
def rows():
    """Thirty towers; sigma is the scale of the errors, completeness falls with it, spread is noise."""
    rng = np.random.default_rng(0)
    tower = np.repeat(np.arange(30), 20)
    sigma = np.exp(rng.normal(0, 0.8, 30)[tower] + rng.normal(0, 0.3, 600))
    error = rng.normal(0, sigma)
    return pd.DataFrame({
        "site_id": [f"S{i:02d}" for i in tower],
        "truth": 1.0,
        "prediction": 9.9,
        "centre": 1.0 + error,
        "completeness": np.round(1 / (1 + sigma), 1),
        "spread": rng.uniform(0, 1, 600),
        "sigma": sigma,
    })  # fmt: skip


def test_what_foretells_the_error_ranks_first(rows):
    table = rank_measures(rows, n_resamples=200)
    assert list(table.index) == ["completeness", "spread", "sigma"]
    assert (table["towers"] == 30).all()
    for name in ("by_tower", "by_row"):
        assert table.loc["sigma", f"{name}_low"] > 0.2
        assert table.loc["completeness", f"{name}_low"] > 0.2
        assert table.loc["spread", f"{name}_low"] < 0 < table.loc["spread", f"{name}_high"]
    assert table["ause"].idxmin() == "sigma"
    assert table.loc["sigma", "ause_high"] < table.loc["spread", "ause_low"]
    for name in ("by_tower", "by_row", "ause"):
        assert table[name].between(table[f"{name}_low"], table[f"{name}_high"]).all()


def test_correlations_are_those_of_spearman(rows):
    table = rank_measures(rows, n_resamples=2)
    error = (rows["truth"] - rows["centre"]).abs()
    assert table.loc["sigma", "by_row"] == pytest.approx(spearmanr(error, rows["sigma"])[0])
    means = rows.assign(error=error).groupby("site_id")[["error", "sigma"]].mean()
    expected = spearmanr(means["error"], means["sigma"])[0]
    assert table.loc["sigma", "by_tower"] == pytest.approx(expected)


def test_intervals_of_towers_are_wider_than_those_of_rows(rows):
    own = rows.assign(site_id=[f"R{i}" for i in range(len(rows))])
    by_tower, by_row = (rank_measures(table, n_resamples=200) for table in (rows, own))
    width = [
        t.loc["sigma", "by_row_high"] - t.loc["sigma", "by_row_low"] for t in (by_tower, by_row)
    ]
    assert width[0] > width[1]


def test_sparsification_by_hand():
    rows = pd.DataFrame({
        "site_id": list("ABCD"),
        "truth": 0.0,
        "prediction": [1.0, 2.0, 3.0, 6.0],
        "sigma": [1.0, 1.0, 1.0, 2.0],
        "dissimilarity": [4.0, 3.0, 2.0, 1.0],
    })  # fmt: skip
    curves = sparsification(rows)
    assert (curves.loc[0.0] == 1).all()
    half = curves.loc[0.5]
    assert half["error"] == pytest.approx(1.5 / 3)
    assert half["sigma"] == pytest.approx(2 / 3)  # any two of the three that are equal
    assert half["dissimilarity"] == pytest.approx(4.5 / 3)


def test_rows_without_a_measure_are_left_out_of_all(rows):
    gaps = rows.copy()
    gaps.loc[:99, "sigma"] = np.nan
    assert (rank_measures(gaps, n_resamples=2)["rows"] == 500).all()
    assert "density" not in rank_measures(gaps.assign(density=np.nan), n_resamples=2).index


def test_too_few_towers_have_no_ranking(rows):
    table = rank_measures(rows[rows["site_id"] < "S02"], n_resamples=5)
    assert table.drop(columns=["towers", "rows"]).isna().all(axis=None)
    with pytest.raises(InputError, match="0 rows with none"):
        rank_measures(rows[["site_id", "truth", "prediction"]].head(0))


def test_of_many_rows_some_are_ranked(rows):
    few = rank_measures(rows, n_resamples=20, max_rows=200)
    assert (few["rows"] == 200).all()
    pd.testing.assert_frame_equal(few, rank_measures(rows, n_resamples=20, max_rows=200))
    assert few["ause"].idxmin() == "sigma"
