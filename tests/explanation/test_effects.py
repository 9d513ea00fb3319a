"""Effects of predictors, against functions whose effects are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.explanation.effects import accumulated_effects

SITES = np.repeat([f"S{i}" for i in range(20)], 200)


@pytest.fixture(name="X")
def table() -> np.ndarray:
    """4,000 rows of three predictors; the second is the first with noise."""
    random = np.random.default_rng(1)
    first = random.uniform(0, 1, len(SITES))
    second = first + random.normal(0, 0.05, len(SITES))
    return np.column_stack([first, second, random.integers(0, 4, len(SITES))]).astype("float32")


def effects(function, X, **settings) -> pd.DataFrame:
    return accumulated_effects(function, X, ["a", "b", "c"], SITES, **settings)


def of(table, predictor) -> pd.DataFrame:
    return table[table["predictor"] == predictor].set_index("value")


def test_predictors_that_vary_together_are_told_apart(X):
    table = effects(lambda X: X[:, 0] - 4 * X[:, 1], X)
    for name, slope in {"a": 1.0, "b": -4.0, "c": 0.0}.items():
        curve = of(table, name)["effect"]
        expected = slope * (curve.index - X[:, "abc".index(name)].mean())
        np.testing.assert_allclose(curve, expected, atol=0.02)


def test_the_effect_of_a_product_is_the_integral_of_the_expected_slope(X):
    # d(ab)/da = b, whose mean given a is a: the effect is a^2 / 2 and a constant.
    curve = of(effects(lambda X: X[:, 0] * X[:, 1], X), "a")["effect"]
    expected = curve.index.to_numpy() ** 2 / 2
    np.testing.assert_allclose(curve - curve.iloc[0], expected - expected[0], atol=0.01)


def test_effects_are_centred_on_the_rows(X):
    curve = of(effects(lambda X: np.exp(3 * X[:, 0]), X, n_bins=100), "a")["effect"]
    assert np.interp(X[:, 0], curve.index, curve).mean() == pytest.approx(0, abs=1e-3)


def test_classes_have_the_differences_of_their_predictions(X):
    level = np.array([5.0, 1.0, 2.0, 9.0])
    table = effects(lambda X: level[X[:, 2].astype(int)] + X[:, 0], X, categories={"c"})
    found = of(table, "c")
    assert found.index.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found["effect"] - found["effect"][1], level - 1, atol=1e-5)
    assert (found["effect"] * found["n"]).sum() == pytest.approx(0, abs=0.1)
    assert found["n"].sum() == len(X)


def test_classes_are_compared_with_those_most_like_them():
    # Class 7 lies between 3 and 5; the model is only sane where a class has data.
    random = np.random.default_rng(0)
    classes = np.repeat([3, 5, 7], 400)
    place = np.array([0.0, 2.0, 1.0])[np.searchsorted([3, 5, 7], classes)]
    x = place + random.uniform(-0.6, 0.6, classes.size)

    def model(X):
        home = np.array([0.0, 2.0, 1.0])[np.searchsorted([3, 5, 7], X[:, 1])]
        return np.where(abs(X[:, 0] - home) < 1.7, home, 100.0)

    X = np.column_stack([x, classes]).astype("float32")
    sites = np.tile(["A", "B"], 600)
    table = accumulated_effects(model, X, ["x", "c"], sites, categories={"c"})
    effect = of(table, "c")["effect"]
    assert (effect[5] - effect[3], effect[7] - effect[3]) == pytest.approx((2.0, 1.0))


def test_bands_hold_what_differs_among_towers_alone(X):
    slope = np.random.default_rng(3).normal(1, 0.5, 20)
    site = np.repeat(np.arange(20), 200)
    same = of(effects(lambda X: 2 * X[:, 0], X), "a")
    assert (same["high"] - same["low"]).max() < 0.1

    rows = np.column_stack([X[:, 0], site, X[:, 2]]).astype("float32")
    curve = of(effects(lambda X: slope[X[:, 1].astype(int)] * X[:, 0], rows), "a")
    rise = curve["effect"].iloc[-1] - curve["effect"].iloc[0]
    assert rise == pytest.approx(slope.mean(), abs=0.05)
    half = (curve["high"] - curve["low"]).iloc[-1] / 2
    # A half of the curve's rise lies above the mean of the rows.
    assert half == pytest.approx(1.645 * slope.std() / np.sqrt(20) / 2, rel=0.4)


def test_a_constant_predictor_has_no_effect_and_one_tower_no_band(X):
    X[:, 1] = 3.0
    table = accumulated_effects(lambda X: X.sum(1), X, ["a", "b", "c"], ["A"] * len(X))
    assert of(table, "b")["effect"].to_dict() == {3.0: 0.0}
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["effect"].notna().all()


def test_one_class_has_no_effect(X):
    X[:, 2] = 2
    found = of(effects(lambda X: X[:, 2], X, categories={"c"}), "c")
    assert found["effect"].to_dict() == {2.0: 0.0}


def test_missing_values_and_wrong_shapes_are_refused(X):
    X[3, 1] = np.nan
    with pytest.raises(InputError, match="b: expected no missing value; found 1 missing"):
        effects(lambda X: X[:, 0], X)
    with pytest.raises(InputError, match="a site for each row"):
        accumulated_effects(lambda X: X[:, 0], X[:5], ["a", "b", "c"], SITES)
    with pytest.raises(InputError, match="a site for each row"):
        accumulated_effects(lambda X: X[:, 0], X[:0], ["a", "b", "c"], [])
