from __future__ import annotations

import io
import signal
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from threadpoolctl import threadpool_info, threadpool_limits
from xgboost import XGBRegressor

from uflux_kedro.errors import InputError
from uflux_kedro.validation import fold_cache
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import leave_one_site_out, site_k_fold
from uflux_kedro.validation.metrics import pooled


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    sites = np.repeat([f"S{i}" for i in range(8)], 25)
    X = rng.standard_normal((200, 4)).astype("float32")
    y = X[:, 0] * 3 + X[:, 1] ** 2 + 0.1 * rng.standard_normal(200)
    time = np.tile(pd.date_range("2001-01-01", periods=25, freq="MS"), 8)
    return X, y, sites, time


def forest(seed):
    return RandomForestRegressor(10, random_state=seed, n_jobs=1)


def booster(seed):
    return XGBRegressor(n_estimators=10, subsample=0.5, random_state=seed, n_jobs=1)


def test_is_the_plain_loop(rows):
    X, y, sites, time = rows
    folds = leave_one_site_out(sites)
    table = held_out_predictions(booster, *rows, folds)
    expected = np.empty(len(y))
    for fold in folds:
        model = booster(fold.number).fit(X[fold.train], y[fold.train])
        expected[fold.test] = model.predict(X[fold.test])
    assert list(table.columns) == ["site_id", "time", "fold", "truth", "prediction"]
    np.testing.assert_array_equal(table["prediction"], expected)
    np.testing.assert_array_equal(table["truth"], y)
    np.testing.assert_array_equal(table["site_id"], sites)
    np.testing.assert_array_equal(table["time"], time)
    assert table.groupby("site_id")["fold"].nunique().eq(1).all()
    assert pooled(table)["NSE"] > 0.5


@pytest.mark.parametrize("make_model", [forest, booster])
def test_number_of_jobs_changes_nothing(rows, make_model):
    folds = site_k_fold(rows[2], 4, seed=0)
    one, two = (held_out_predictions(make_model, *rows, folds, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


class Spy(RegressorMixin, BaseEstimator):
    """Records the rows of each fit and the number of threads that libraries would use."""

    fits: ClassVar[list[tuple[np.ndarray, dict[str, int]]]] = []

    def __init__(self, seed=0, dies_in=None):
        self.seed = seed
        self.dies_in = dies_in

    def fit(self, X, y):
        if self.seed == self.dies_in:
            raise RuntimeError("killed")
        pools = {p["user_api"]: p["num_threads"] for p in threadpool_info()}
        Spy.fits.append((X.copy(), pools))
        self.mean_ = y.mean() + self.seed
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.fixture
def fits():
    Spy.fits = []
    return Spy.fits


def test_no_model_sees_its_test_site(rows, fits):
    X, _, sites, _ = rows
    held_out_predictions(Spy, *rows, leave_one_site_out(sites), n_jobs=1)
    assert len(fits) == 8
    for fold, (seen, _) in zip(leave_one_site_out(sites), fits, strict=True):
        np.testing.assert_array_equal(seen, X[fold.train])


class SiteSpy(Spy):
    """Records the sites that are passed to ``fit``."""

    def fit(self, X, y, groups=None):
        super().fit(X, y)
        Spy.fits[-1] = groups
        return self


def test_sites_are_passed_to_fit_only_on_request(rows, fits):
    sites, folds = rows[2], site_k_fold(rows[2], 4, seed=0)
    held_out_predictions(SiteSpy, *rows, folds)
    assert fits == [None] * 4
    fits.clear()
    held_out_predictions(SiteSpy, *rows, folds, fit_with_sites=True)
    for fold, groups in zip(folds, fits, strict=True):
        np.testing.assert_array_equal(groups, sites[fold.train])
        assert not set(groups) & set(sites[fold.test])


def test_with_and_without_sites_are_two_models_in_the_cache(rows, fits, tmp_path):
    folds = site_k_fold(rows[2], 4, seed=0)
    for fit_with_sites in (False, True, False, True):
        held_out_predictions(
            SiteSpy, *rows, folds, fit_with_sites=fit_with_sites, cache_folder=tmp_path
        )
    assert len(fits) == len(list(tmp_path.iterdir())) == 8


def test_cache_goes_by_the_code_of_a_model_within_another(rows, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(fold_cache, "_versions", lambda module: asked.append(module) or {})
    held_out_predictions(
        lambda fold: BaggingRegressor(Ridge(), 2, random_state=fold),
        *rows,
        site_k_fold(rows[2], 2, seed=0),
        cache_folder=tmp_path,
    )
    assert set(asked) == {BaggingRegressor.__module__, Ridge.__module__}


def test_cache_goes_by_what_a_model_says_that_it_uses(rows, tmp_path, monkeypatch):
    class UsesFormulas(Spy):
        uses = ("uflux_kedro.biophysics", "scipy")

    folds = site_k_fold(rows[2], 2, seed=0)
    sources, version = fold_cache._sources, fold_cache.version_of
    assert "respiration.py" in sources("uflux_kedro.biophysics")

    def fit_all(**changed):
        for name, function in changed.items():
            monkeypatch.setattr(fold_cache, name, function)
        held_out_predictions(UsesFormulas, *rows, folds, cache_folder=tmp_path)
        return len(list(tmp_path.iterdir())) // len(folds)

    assert fit_all() == fit_all() == 1
    assert fit_all(_sources=lambda module: sources(module) and {"respiration.py": "edited"}) == 2
    assert fit_all(version_of=lambda name: "0.1" if name == "scipy" else version(name)) == 3


def test_one_thread_a_model(rows, fits):
    with threadpool_limits(2):
        held_out_predictions(Spy, *rows, leave_one_site_out(rows[2]), n_jobs=2)
    assert {api for _, pools in fits for api in pools} >= {"blas", "openmp"}
    assert all(n == 1 for _, pools in fits for n in pools.values())


def test_resumes_after_a_kill(rows, fits, tmp_path):
    folds = leave_one_site_out(rows[2])
    with pytest.raises(RuntimeError, match="killed") as caught:
        held_out_predictions(lambda seed: Spy(seed, dies_in=5), *rows, folds, cache_folder=tmp_path)
    assert caught.value.__notes__ == ["In fold 5 (S5)"]
    assert len(fits) == len(list(tmp_path.iterdir())) == 5

    # ``dies_in`` is a parameter, so these are other models and no cached fold is used.
    whole = held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
    assert len(fits) == 5 + 8

    for file in sorted(tmp_path.iterdir())[:3]:
        file.write_bytes(file.read_bytes()[:100])
    again = held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
    pd.testing.assert_frame_equal(whole, again)
    assert 5 + 8 <= len(fits) <= 5 + 8 + 3


KILLED_IN_FOLD_5 = """
import os, signal, sys
import numpy as np
from pathlib import Path
from sklearn.linear_model import Ridge
from uflux_kedro.validation import cross_validation
from uflux_kedro.validation.cross_validation import held_out_predictions, write_fold
from uflux_kedro.validation.folds import leave_one_site_out

def write_until_5(path, prediction):
    if len(list(path.parent.glob("*"))) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    write_fold(path, prediction)

cross_validation.write_fold = write_until_5
folder = Path(sys.argv[1])
rows = np.load(folder / "rows.npz")
X, y, sites, time = (rows[name] for name in ("X", "y", "sites", "time"))
folds = leave_one_site_out(sites)
held_out_predictions(Ridge, X, y, sites, time, folds, cache_folder=folder / "cache")
"""


def test_the_next_process_continues_a_killed_one(rows, tmp_path):
    X, y, sites, time = rows
    np.savez(tmp_path / "rows.npz", X=X, y=y, sites=sites, time=time)
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_FOLD_5, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert len(finished) == 5

    folds = leave_one_site_out(sites)
    table = held_out_predictions(Ridge, *rows, folds, cache_folder=tmp_path / "cache")
    pd.testing.assert_frame_equal(table, held_out_predictions(Ridge, *rows, folds))
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert len(files) == 8
    assert finished.items() <= files.items()


def test_no_damaged_fold_is_scored(rows, fits, tmp_path, caplog):
    """Random bits of the cached folds, files cut, swapped and of an earlier version."""
    folds = leave_one_site_out(rows[2])
    whole = held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
    files = sorted(tmp_path.iterdir())
    contents = [file.read_bytes() for file in files]
    rng = np.random.default_rng(0)
    fits.clear()
    for turn in range(12):
        for i, (file, content) in enumerate(zip(files, contents, strict=True)):
            changed = bytearray(content)
            changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            forms = [changed, content[: rng.integers(len(content))], contents[i - 1], content[:-32]]
            file.write_bytes(forms[max(0, turn - 8)])
        again = held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
        pd.testing.assert_frame_equal(whole, again)
    assert len(fits) == 12 * 8, "each was fitted again"
    assert all(f"{file}: expected the predictions of a fold" in caplog.text for file in files)
    assert [file.read_bytes() for file in files] == contents


def test_only_unfinished_folds_are_fitted(rows, fits, tmp_path):
    folds = leave_one_site_out(rows[2])
    held_out_predictions(Spy, *rows, folds[:5], cache_folder=tmp_path)
    assert len(fits) == 5
    table = held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
    assert len(fits) == 8
    pd.testing.assert_frame_equal(table, held_out_predictions(Spy, *rows, folds))
    assert not list(tmp_path.glob("*partial*"))


def changed_predictor(X, y):
    X[3, 1] += 1
    return X, y


def changed_truth(X, y):
    y[-1] += 1
    return X, y


@pytest.mark.parametrize("change", [changed_predictor, changed_truth])
def test_a_changed_input_starts_over(rows, fits, tmp_path, change):
    X, y, sites, time = rows
    folds = leave_one_site_out(sites)
    held_out_predictions(Spy, X, y, sites, time, folds, cache_folder=tmp_path)
    X, y = change(X.copy(), y.copy())
    fresh = held_out_predictions(Spy, X, y, sites, time, folds)
    cached = held_out_predictions(Spy, X, y, sites, time, folds, cache_folder=tmp_path)
    pd.testing.assert_frame_equal(fresh, cached)
    assert len(fits) == 3 * 8


def test_other_parameters_and_folds_start_over(rows, fits, tmp_path):
    sites, folds = rows[2], site_k_fold(rows[2], 4, seed=0)
    held_out_predictions(Spy, *rows, folds, cache_folder=tmp_path)
    held_out_predictions(Spy, *rows, leave_one_site_out(sites), cache_folder=tmp_path)
    held_out_predictions(lambda seed: Spy(seed + 100), *rows, folds, cache_folder=tmp_path)
    assert len(fits) == 4 + 8 + 4


def test_progress_is_silent_without_a_terminal(rows, capfd):
    held_out_predictions(Spy, *rows, leave_one_site_out(rows[2]), progress="GPP")
    assert capfd.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_drawn_on_a_terminal_if_asked_for(rows, monkeypatch):
    folds = site_k_fold(rows[2], 2, seed=0)
    for label, drawn in (("GPP", True), (None, False)):
        monkeypatch.setattr(sys, "stderr", Terminal())
        held_out_predictions(Spy, *rows, folds, progress=label)
        assert ("GPP" in sys.stderr.getvalue()) == drawn


def test_rows_that_no_fold_tests_are_left_out(rows):
    sites = rows[2]
    table = held_out_predictions(Spy, *rows, leave_one_site_out(sites)[2:5])
    assert table["site_id"].unique().tolist() == ["S2", "S3", "S4"]
    assert table.index.tolist() == list(range(75))


def test_versions_hold_the_code_of_our_own_models():
    versions = fold_cache._versions.__wrapped__
    own = versions("uflux_kedro.validation.folds")
    assert {"python", "numpy", "folds.py", "metrics.py"} <= own.keys()
    theirs = versions(Ridge.__module__)
    assert {"python", "numpy", "scikit-learn"} <= theirs.keys()
    assert not [name for name in theirs if name.endswith(".py")]


def test_missing_values_are_refused(rows):
    X, y, sites, time = rows
    bad = X.copy()
    bad[0, 0] = np.nan
    folds = leave_one_site_out(sites)
    with pytest.raises(InputError, match=r"predictors.*1 missing or infinite"):
        held_out_predictions(Spy, bad, y, sites, time, folds)
    with pytest.raises(InputError, match="flux"):
        held_out_predictions(Spy, X, np.where(y > 0, y, np.inf), sites, time, folds)


def test_usable_rows_and_why_the_others_are_not():
    nan = np.nan
    table = pd.DataFrame(
        {
            "GPP": [1.0, nan, 2.0, 3.0, 4.0, 5.0, -9.0],
            "GPP_QC": [1.0, 1.0, 0.4, nan, 0.5, 0.9, 0.8],
            "ERA5_TA": [1.0, nan, 1.0, 1.0, nan, 1.0, 1.0],
            "IGBP": [1, 1, 1, 1, 1, 4, 1],
            "EVI": [0.1, 0.1, 0.1, 0.1, 0.1, np.inf, 0.1],
        }
    )
    mask, dropped = usable_rows(table, ["ERA5_TA", "IGBP", "EVI"], "GPP", 0.5)
    assert mask.tolist() == [True, False, False, False, False, False, True]
    assert dropped == {
        "GPP missing": 1,
        "GPP_QC below 0.5 or missing": 2,
        "ERA5_TA missing": 1,
        "EVI missing": 1,
    }
    assert sum(dropped.values()) == (~mask).sum()

    mask, dropped = usable_rows(table, ["IGBP"], "GPP", 0)
    assert mask.sum() == 6
    mask, _ = usable_rows(table.drop(columns="GPP_QC"), ["IGBP"], "GPP", 0.9)
    assert mask.sum() == 6


def test_an_absent_predictor_is_named():
    with pytest.raises(InputError, match=r"ERA5_TA: expected a column of that name; found.*GPP"):
        usable_rows(pd.DataFrame({"GPP": [1.0]}), ["ERA5_TA"], "GPP", 0.5)


def test_linear_model_on_real_towers(shared_data):
    raw = pd.read_csv(
        shared_data / "towers_monthly" / "fluxnet2015_monthly.csv.gz", na_values=["-9999"]
    )
    table = raw.rename(
        columns={
            "SITE_ID": "site_id", "GPP_NT_VUT_REF": "GPP", "NEE_VUT_REF_QC": "GPP_QC",
            "SW_IN_ERA": "ERA5_SW_IN", "TA_ERA": "ERA5_TA",
        }
    )  # fmt: skip
    predictors = ["ERA5_SW_IN", "ERA5_TA", "EVI"]
    mask, dropped = usable_rows(table, predictors, "GPP", 0.5)
    assert mask.sum() + sum(dropped.values()) == len(table) == 11856
    used = table[mask]
    predictions = held_out_predictions(
        lambda _: LinearRegression(),
        used[predictors].to_numpy("float32"),
        used["GPP"].to_numpy(),
        used["site_id"].to_numpy(),
        pd.to_datetime(used["TIMESTAMP"].astype(str), format="%Y%m").to_numpy(),
        leave_one_site_out(used["site_id"]),
        n_jobs=2,
    )
    found = pooled(predictions)
    assert found["sites"] == 138
    assert found["n"] == mask.sum()
    assert 0.5 < found["NSE"] < 0.75
