"""The response whose coefficients drift: what it finds, and that its normal equations are solved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling import drifting
from uflux_kedro.gapfilling.drifting import fill_drifting, fit_seasons


def _predictors(days=120, steps_a_day=48, **further) -> pd.DataFrame:
    step = np.arange(days * steps_a_day)
    hour = 24 * (step % steps_a_day) / steps_a_day
    sun = np.maximum(600 * np.sin(np.pi * (hour - 6) / 12), 0) * (0.6 + 0.4 * np.sin(step / 70))
    columns = {
        "SW_IN": sun,
        "TA": 12 + sun / 100 + 4 * np.sin(step / 300),
        "hour_sin": np.sin(np.pi * hour / 12),
        "hour_cos": np.cos(np.pi * hour / 12),
        "day": step / steps_a_day,
    }
    return pd.DataFrame(columns | further)


@pytest.mark.parametrize("steps_a_day", [48, 24])
def test_a_coefficient_that_drifts_is_interpolated_across_a_gap(steps_a_day):
    predictors = _predictors(steps_a_day=steps_a_day)
    day = predictors["SW_IN"].to_numpy() > 20
    truth = 3 - predictors["SW_IN"].to_numpy() * np.linspace(0.0, 0.03, len(day))
    flux = truth + np.random.default_rng(0).normal(0, 1, len(day))
    gap = slice(50 * steps_a_day, 62 * steps_a_day)
    flux[gap] = np.nan
    found = fill_drifting(flux, predictors, day, steps_a_day)[gap]
    lost = truth[gap]
    assert np.sqrt(np.mean((found - lost) ** 2)) < 0.1 * lost.std()
    assert found.mean() == pytest.approx(lost.mean(), abs=0.15)


def test_the_drift_is_the_least_penalised_error():
    random = np.random.default_rng(1)
    terms, rest = random.normal(size=(37, 3)), random.normal(size=37)
    rest[[3, 4, 20]] = np.nan
    found = drifting._drift(terms, rest, 5, 0.5)
    hats = np.maximum(1 - np.abs(np.arange(37)[:, None] / 5 - np.arange(9)), 0)
    table = (hats[:, :, None] * terms[:, None, :]).reshape(37, -1)
    known = np.isfinite(rest)
    change = np.kron(np.diff(np.eye(9), axis=0), np.eye(3))
    penalty = 0.5 * (drifting._STEP * change.T @ change + drifting._AWAY * np.eye(27))
    normal = table[known].T @ table[known] + penalty
    assert found == pytest.approx(table @ np.linalg.solve(normal, table[known].T @ rest[known]))


def test_a_long_record_is_taken_in_parts(monkeypatch):
    predictors = _predictors(40)
    flux = np.random.default_rng(2).normal(size=len(predictors)) + predictors["TA"].to_numpy()
    day = predictors["SW_IN"].to_numpy() > 20
    whole = fill_drifting(flux, predictors, day, 48)
    monkeypatch.setattr(drifting, "_CHUNK", 700)
    assert fill_drifting(flux, predictors, day, 48) == pytest.approx(whole)


def test_records_without_weather_variation_or_values():
    bare = _predictors(30).drop(columns=["SW_IN", "TA"])
    day = np.ones(len(bare), dtype=bool)
    flux = 5 * bare["hour_cos"].to_numpy()
    flux[300:400] = np.nan
    found = fill_drifting(flux, bare, day, 48)
    assert found == pytest.approx(5 * bare["hour_cos"].to_numpy(), abs=0.2)
    assert np.isnan(fill_drifting(np.full(len(bare), np.nan), bare, day, 48)).all()
    assert (fill_drifting(np.where(np.isnan(flux), flux, 4.0), bare, day, 48) == 4.0).all()


def test_light_is_that_of_photons_where_there_is_no_other():
    predictors = _predictors(30)
    photons = predictors.assign(PPFD_IN=2.04 * predictors["SW_IN"]).drop(columns="SW_IN")
    day = predictors["SW_IN"].to_numpy() > 20
    flux = np.random.default_rng(3).normal(size=len(day)) - 0.01 * predictors["SW_IN"].to_numpy()
    one, other = (fill_drifting(flux, p, day, 48) for p in (predictors, photons))
    assert one == pytest.approx(other)


def test_a_year_without_values_has_the_seasons_of_another():
    predictors = _predictors(200)
    day = predictors["SW_IN"].to_numpy() > 20
    truth = 2 - 0.01 * predictors["SW_IN"].to_numpy()
    seasons = fit_seasons(truth, predictors, day, 48)
    nothing = np.full(len(truth), np.nan)
    found = fill_drifting(nothing, predictors, day, 48, seasons)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.1 * truth.std()
    alone = fill_drifting(truth, predictors, day, 48)
    assert fill_drifting(truth, predictors, day, 48, seasons) == pytest.approx(alone)
