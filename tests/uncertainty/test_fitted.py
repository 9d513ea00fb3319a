"""Calibrated intervals: bounds of rows, and storage."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty import FluxUncertainty, UncertaintyParameters, calibrate

PREDICTORS = ("ERA_TA", "IGBP")


def held_out_rows(towers: int = 24, months: int = 18, seed: int = 0) -> pd.DataFrame:
    """Return rows whose errors grow with temperature, in two classes."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(towers), months)
    n = towers * months
    temperature = rng.uniform(0, 20, n)
    prediction = rng.normal(5, 2, n)
    error = rng.normal(0, 0.2 + 0.1 * temperature)
    return pd.DataFrame(
        {
            "site_id": [f"S{s:03d}" for s in site],
            "time": np.tile(pd.date_range("2001-01", periods=months, freq="MS"), towers),
            "truth": prediction + error,
            "prediction": prediction,
            "spread": rng.uniform(0.1, 0.5, n),
            "ERA_TA": temperature,
            "IGBP": np.where(site % 2, 1, 10),
        }
    )


@pytest.fixture(scope="module")
def calibrated() -> tuple[FluxUncertainty, pd.DataFrame]:
    return calibrate(held_out_rows(), PREDICTORS, UncertaintyParameters(), flux="GPP")


@pytest.fixture(scope="module")
def fitted(calibrated) -> FluxUncertainty:
    return calibrated[0]


def bounds_of(fitted: FluxUncertainty, temperature: float, **other):
    X = np.array([[temperature, other.get("igbp", 1)]], dtype="float32")
    return fitted.bounds(X, np.array([5.0]), np.array([other.get("std", 0.3)]))


def test_intervals_are_wider_where_errors_are_larger(fitted):
    cold, warm = bounds_of(fitted, 1.0), bounds_of(fitted, 19.0)
    assert warm.upper - warm.lower > 2 * (cold.upper - cold.lower)
    assert warm.sigma[0] == pytest.approx(2.1, rel=0.3)
    assert cold.lower.dtype == cold.upper.dtype == cold.sigma.dtype == np.float32


@pytest.mark.parametrize("method", ["mean", "spread", "crps", "quantile_forest", "constant"])
def test_all_methods_follow_errors_and_are_stored_to_the_last_bit(method, tmp_path):
    intervals = {"method": method, "guarantee": "at_least"}
    parameters = UncertaintyParameters.model_validate({"intervals": intervals})
    fitted, judged = calibrate(held_out_rows(), PREDICTORS, parameters, flux="GPP")
    cold, warm = bounds_of(fitted, 1.0), bounds_of(fitted, 19.0)
    ratio = (warm.upper - warm.lower) / (cold.upper - cold.lower)
    assert ratio == 1 if method == "constant" else ratio > 2
    inside = (judged["truth"] >= judged["lower"]) & (judged["truth"] <= judged["upper"])
    # Of 19 towers and a new one, 0.9 of the weight is 0.947 of the 19.
    assert inside.mean() == pytest.approx(0.947, abs=0.03)
    assert warm.sigma.dtype == warm.upper.dtype == np.float32
    fitted.save(tmp_path / "stored")
    again = FluxUncertainty.load(tmp_path / "stored")
    for before, after in zip(bounds_of(fitted, 7.0), bounds_of(again, 7.0), strict=True):
        np.testing.assert_array_equal(before, after)


def test_on_average_the_level_is_neither_exceeded_nor_missed(calibrated):
    """What at least the level covers 0.947 of, with 19 towers and a new one."""
    judged = calibrated[1]
    inside = (judged["truth"] >= judged["lower"]) & (judged["truth"] <= judged["upper"])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_missing_values_count_as_medians(fitted):
    missing = bounds_of(fitted, np.nan, std=np.nan)
    temperature, spread = (fitted.card["medians"][i] for i in (0, 3))
    filled = bounds_of(fitted, temperature, std=spread)
    assert missing.lower == filled.lower
    assert missing.upper == filled.upper


def test_without_a_prediction_there_is_no_interval(fitted):
    found = fitted.bounds(np.ones((1, 2), "float32"), np.array([np.nan]))
    assert np.isnan(found.lower[0])
    assert np.isnan(found.upper[0])


def test_another_number_of_columns_is_refused(fitted):
    with pytest.raises(InputError, match="ERA_TA, IGBP"):
        fitted.bounds(np.ones((1, 3), "float32"), np.array([1.0]))


def test_stored_intervals_are_the_same_to_the_last_bit(fitted, tmp_path):
    fitted.save(tmp_path / "stored")
    again = FluxUncertainty.load(tmp_path / "stored")
    assert again.card == fitted.card
    for before, after in zip(bounds_of(fitted, 7.0), bounds_of(again, 7.0), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("damage", ["card", "model"])
def test_damaged_files_are_refused(fitted, tmp_path, damage):
    fitted.save(tmp_path / "stored")
    if damage == "card":
        path = tmp_path / "stored" / "card.json"
        card = json.loads(path.read_text())
        card["thresholds"]["pooled"] *= 0.5
        path.write_text(json.dumps(card))
    else:
        path = tmp_path / "stored" / "model" / "model.ubj"
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="calibrate them again"):
        FluxUncertainty.load(tmp_path / "stored")


def test_a_folder_without_intervals_is_refused(tmp_path):
    with pytest.raises(InputError, match="card of calibrated intervals"):
        FluxUncertainty.load(tmp_path)
