"""Splits and scores of CarbonFluxBench: those of its code, and nothing fitted sees a tested site."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import StratifiedShuffleSplit

from uflux_kedro.errors import InputError
from uflux_kedro.validation.benchmark import (
    Entry,
    benchmark_skill,
    read_published,
    score_entries,
    scores_of_sites,
)
from uflux_kedro.validation.classes import sites_of_classes
from uflux_kedro.validation.folds import make_folds, require_sites_apart, scored_alone
from uflux_kedro.validation.parameters import TrainingParameters

SITES = [f"US-{n:03d}" for n in range(39)]
ROWS = pd.DataFrame(
    {
        "site_id": np.repeat(SITES, 3),
        "climate": np.repeat([("BSk", "Temperate", "Dfc")[n % 3] for n in range(39)], 3),
        "IGBP": np.repeat(np.where(np.arange(39) < 9, 8, 1), 3),  # woody savannas, needle-leaved
        "latitude": 0.0,
        "longitude": 0.0,
    }
)
TRAINING = TrainingParameters(seed=56, test_share=0.2, min_qc=0)


def test_a_fifth_of_the_sites_is_tested_by_climate():
    tested = sites_of_classes("koppen", ROWS, 0.2, 56)
    # scikit-learn's train_test_split with classes is a StratifiedShuffleSplit of the sorted sites.
    splitter = StratifiedShuffleSplit(1, test_size=8, train_size=31, random_state=56)
    _, expected = next(splitter.split(SITES, ["BCD"[n % 3] for n in range(39)]))
    assert tested == sorted(np.array(SITES)[expected])
    assert tested == sites_of_classes("koppen", ROWS.sample(frac=1, random_state=1), 0.2, 56)


def test_half_of_a_rare_class_and_a_fifth_of_the_others_is_tested():
    tested = sites_of_classes("igbp", ROWS, 0.2, 56)
    assert set(pd.Series(SITES[:9]).sample(4, random_state=56)) == set(tested) & set(SITES[:9])
    assert sum(site in SITES[9:] for site in tested) == 6, "a fifth of thirty"
    names = ROWS.assign(IGBP=np.where(ROWS["IGBP"] == 8, "WSA", "ENF"))
    assert tested == sites_of_classes("igbp", names, 0.2, 56)


def test_sites_without_a_class_and_too_small_classes_are_refused():
    one = ROWS.assign(climate=np.where(ROWS["site_id"] == "US-001", "A", "C"))
    with pytest.raises(InputError, match=r"climate.*'A': 1"):
        sites_of_classes("koppen", one, 0.2, 56)
    none = ROWS.assign(climate=ROWS["climate"].where(ROWS["site_id"] != "US-007"))
    with pytest.raises(InputError, match="none of US-007"):
        sites_of_classes("koppen", none, 0.2, 56)
    words = ROWS.assign(climate=ROWS["climate"].where(ROWS["site_id"] != "US-007", "Boreal"))
    with pytest.raises(InputError, match="none of US-007"):
        sites_of_classes("koppen", words, 0.2, 56)  # which is no B


@pytest.mark.parametrize("scheme", ["koppen", "igbp"])
def test_members_with_fewer_rows_are_tested_at_the_same_sites(scheme):
    some = ROWS[ROWS["site_id"] != "US-020"].reset_index(drop=True)
    (whole,) = make_folds(scheme, ROWS, TRAINING)
    (fold,) = make_folds(scheme, some, TRAINING, ROWS)
    require_sites_apart([fold], some["site_id"])
    tested = set(ROWS["site_id"].iloc[whole.test])
    assert set(some["site_id"].iloc[fold.test]) == tested - {"US-020"}


def test_rows_of_low_quality_train_and_are_not_scored():
    quality = np.tile([1.0, 0.6, np.nan], 39)
    folds = make_folds("koppen", ROWS, TRAINING)
    (scored,) = scored_alone(folds, quality, 1.0)
    assert np.array_equal(scored.train, folds[0].train)
    assert np.array_equal(scored.test, folds[0].test[quality[folds[0].test] == 1])
    with pytest.raises(InputError, match="min_qc_scored"):
        scored_alone(folds, np.full(len(ROWS), 0.5), 0.9)
    (held,) = scored_alone(folds, np.full(len(ROWS), 0.7, "float32"), 0.7)
    assert np.array_equal(held.test, folds[0].test), "0.7, as single precision has it"
    with pytest.raises(ValidationError, match=r"min_qc_scored: expected at least min_qc, 0.5"):
        TrainingParameters(min_qc_scored=0.2)


def test_scores_are_those_of_the_benchmark():
    rng = np.random.default_rng(3)
    truth, prediction = rng.normal(1, 2, 50), rng.normal(1, 2, 50)
    table = pd.DataFrame({"site_id": "A", "truth": truth, "prediction": prediction})
    constant = pd.DataFrame({"site_id": "B", "truth": 2.0, "prediction": [1.0, 3.0]})
    found = scores_of_sites(pd.concat([constant, table])).set_index("site_id")
    mae = mean_absolute_error(truth, prediction)
    assert found.loc["A", "R2"] == pytest.approx(r2_score(truth, prediction))
    assert found.loc["A", "RMSE"] == pytest.approx(np.sqrt(np.mean((truth - prediction) ** 2)))
    assert found.loc["A", "nMAE"] == pytest.approx(mae / abs(truth.mean()))
    assert found.loc["A", "RAE"] == pytest.approx(mae / abs(truth - truth.mean()).mean())
    assert np.isnan(found.loc["B", ["R2", "RAE"]].astype(float)).all()


def test_quartiles_stand_beside_the_published_of_the_same_split(tmp_path):
    rng = np.random.default_rng(4)
    sites = np.repeat(list("ABCDE"), 20)
    rows = pd.DataFrame({"site_id": sites, "truth": rng.normal(size=100)})
    good, bad = (rows.assign(prediction=rows["truth"] * f + 0.1) for f in (0.9, 0.2))
    scores = score_entries(
        {Entry("koppen", "GPP", "XGB", "DAY"): bad, Entry("koppen", "GPP", "ensemble", "2"): good}
    )
    path = tmp_path / "published.csv"
    lines = [
        "split,flux,model,features,sites,R2_q25,R2_median",
        "Koppen,GPP,theirs,small,92,0.1,0.7",
    ]
    path.write_text("\n".join([*lines, "IGBP,GPP,theirs,small,96,0.1,0.9"]))
    table = benchmark_skill(scores, read_published(path))
    assert table["model"].tolist() == ["ensemble", "theirs", "XGB"], "by R2, of this split alone"
    assert table["sites"].tolist() == [5, 92, 5]
    r2 = scores[scores["model"] == "XGB"]["R2"]
    assert table.loc[2, "R2_q25"] == pytest.approx(np.quantile(r2, 0.25))
    assert np.isnan(table.loc[1, "RAE_median"]), "not published"
    path.write_text("split,flux,model,sites,R2_median\nContinent,GPP,theirs,9,0.1\n")
    with pytest.raises(InputError, match=r"split.*koppen, igbp.*continent"):
        read_published(path)
    with pytest.raises(InputError, match=r"benchmark\.published"):
        read_published(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "a readable CSV table"),
        (b"split,flux,model,sites,R2_median\nigbp,GPP,theirs,92,0.65*\n", r"R2_median.*0\.65\*"),
        (
            b"split,flux,model,sites,R2_median\nigbp,GPP,theirs,,0.65\n",
            "sites.*numbers; found an empty cell",
        ),
        (b"split,flux,model,sites\nigbp,GPP,theirs,92\n", "a score such as R2_median"),
    ],
)
def test_published_scores_that_are_none_are_refused_before_the_run(tmp_path, content, says):
    path = tmp_path / "published.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_published(path)
