"""Hybrids: calibration of the baseline, both forms, storage, packing and validation."""

from __future__ import annotations

import json
from functools import reduce

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.baseline_inputs import find_inputs
from uflux_kedro.models.baselines import BASELINES
from uflux_kedro.models.calibration import CalibratedBaseline
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.packing import pack
from uflux_kedro.models.persistence import load_model, save_model
from uflux_kedro.models.registry import make_model
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.validation.choice import ColumnsRegressor
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.search import SiteSearchRegressor
from uflux_kedro.variables import FLUXES

NAMES = (
    *("ERA5_TA", "ERA5_VPD", "ERA5_PA", "ERA5_SW_IN", "ERA5_LW_IN", "ERA5_P"),
    *("MODIS_NDVI", "CO2", "IGBP"),
)
SMALL = {"XGB": {"n_estimators": 10}, "RF": {"n_estimators": 3}, "DF21": {"n_trees": 2}}
OTHER = {
    "scale": 1.4, "bare": 0.1, "cold": 3.0, "drought": 0.03, "reference": 1.5, "share": 0.35,
    "activation": 280.0, "half": 1.0, "alpha": 1.1, "beta": 1.5, "optimum": 24.0, "albedo": 0.14,
}  # fmt: skip
"""Parameters of a world that is not the one before the calibration."""


def weather(n: int, seed: int = 0) -> np.ndarray:
    """Rows of NAMES, six towers of a class after each other, ten rows a tower."""
    rng = np.random.default_rng(seed)
    columns = [
        *(rng.uniform(-10, 32, n), rng.uniform(1, 25, n), rng.uniform(85, 102, n)),
        *(rng.uniform(30, 320, n), rng.uniform(220, 400, n), rng.exponential(2, n)),
        *(rng.uniform(0.1, 0.9, n), np.full(n, 400.0)),
        np.array([1, 4, 10])[np.arange(n) // 60 % 3],
    ]
    return np.stack(columns, axis=1).astype("float32")


def sites_of(X: np.ndarray) -> np.ndarray:
    return np.array([f"T{i:03d}" for i in np.arange(len(X)) // 10])


def world(flux: str, X: np.ndarray, multipliers: dict[int, float] | None = None) -> np.ndarray:
    """The baseline with other parameters, as the truth."""
    values = {p.name: OTHER[p.name] for p in BASELINES[flux].parameters}
    return CalibratedBaseline(flux, NAMES, values, multipliers or {}).predict(X)


def hybrid(form="residual", base="XGB", flux="GPP", names=NAMES, seed=1, **settings):
    parameters = {"form": form, "base": base, "base_parameters": SMALL[base], **settings}
    return make_model("HYBRID", parameters, random_state=seed, predictors=names, flux=flux)


@pytest.fixture(scope="module")
def rows():
    X = weather(360)
    noise = np.random.default_rng(1).normal(0, 0.3, len(X))
    return X, world("GPP", X) + 0.05 * X[:, 5] + noise, sites_of(X)


@pytest.mark.parametrize("flux", FLUXES)
def test_calibration_recovers_the_parameters_of_a_simulated_world(flux):
    X = weather(1800)
    y = world(flux, X, {1: 1.2, 10: 0.8}) + np.random.default_rng(2).normal(0, 0.05, len(X))
    found = CalibratedBaseline.fit(flux, NAMES, X, y)
    for parameter in BASELINES[flux].parameters:
        # A common factor can be the scale's or that of all classes.
        if parameter.name not in ("scale", "alpha", "reference", "share"):
            assert found.values[parameter.name] == pytest.approx(OTHER[parameter.name], rel=0.1)
    if flux not in ("H", "NEE"):
        ratio = found.multipliers[1] / found.multipliers[10]
        assert ratio == pytest.approx(1.2 / 0.8, rel=0.03)
    np.testing.assert_allclose(found.predict(X), world(flux, X, {1: 1.2, 10: 0.8}), atol=0.6)


def test_a_few_absurd_towers_hardly_move_the_calibration():
    X = weather(900)
    y = world("GPP", X)
    bad = y.copy()
    bad[:50] = 60.0
    clean, robust = (CalibratedBaseline.fit("GPP", NAMES, X, v, sites_of(X)) for v in (y, bad))
    assert robust.values["bare"] == pytest.approx(clean.values["bare"], abs=0.03)
    level = [c.predict(X[100:]).mean() for c in (clean, robust)]
    assert level[1] == pytest.approx(level[0], rel=0.03)


def test_few_towers_are_drawn_to_what_is_known_and_many_are_not():
    X = weather(900)
    y = world("GPP", X)
    one, all_towers = (
        CalibratedBaseline.fit("GPP", NAMES, X[:n], y[:n] + 0.5, sites_of(X)[:n]) for n in (10, 900)
    )
    assert abs(one.values["cold"]) < abs(all_towers.values["cold"])
    assert list(one.multipliers) == [1]


@pytest.mark.parametrize("flux", FLUXES)
def test_a_baseline_is_finite_in_any_weather_and_after_any_calibration(flux):
    rng = np.random.default_rng(3)
    lowest = [-60, -1, 45, 0, 60, -0.5, -0.3, 280, 0]
    highest = [50, 80, 106, 450, 500, 40, 1, 600, 17]
    extreme = rng.uniform(lowest, highest, (500, len(NAMES))).astype("float32")
    assert np.isfinite(world(flux, extreme, {1: 1.2})).all()
    X = weather(20)
    for y in (np.zeros(20), np.full(20, 7.0), world(flux, X)):
        for n in (1, 2, 20):
            found = CalibratedBaseline.fit(flux, NAMES, X[:n], y[:n], sites_of(X)[:n])
            assert np.isfinite(found.predict(X)).all()


def test_each_tower_counts_once_however_long_its_record():
    X = weather(300)
    y, sites = world("GPP", X), sites_of(X)
    repeated = np.r_[np.arange(300), np.repeat(np.arange(10), 40)]
    once = CalibratedBaseline.fit("GPP", NAMES, X, y * (1 + (sites == "T000")), sites)
    often = CalibratedBaseline.fit(
        "GPP", NAMES, X[repeated], (y * (1 + (sites == "T000")))[repeated], sites[repeated]
    )
    np.testing.assert_allclose(once.predict(X), often.predict(X), rtol=1e-3, atol=1e-3)


def test_inputs_are_found_by_variable_of_one_climate():
    found = find_inputs(("CFSV2_TA", *NAMES, "MODIS_EVI", "FILLED_EVI"), "LE")
    assert found.columns["TA"] == "ERA5_TA"
    assert (found.vegetation, found.columns["EVI"]) == ("EVI", "FILLED_EVI")
    assert find_inputs(("ERA5_TA", "ERA5_SW_IN"), "GPP").missing == (
        "ERA5_VPD",
        "ERA5_PA",
        "a vegetation index (EVI, EVI2, NDVI, NIRv, LAI)",
    )
    with pytest.raises(ConfigurationError, match="no process baseline of CH4"):
        find_inputs(NAMES, "CH4")


def test_co2_comes_from_iwue_or_is_that_of_2015(rows):
    from uflux_kedro.biophysics.pmodel import iwue

    X = rows[0].astype("float64")
    rest = [i for i, name in enumerate(NAMES) if name != "CO2"]
    names = tuple(NAMES[i] for i in rest)
    values = {p.name: p.centre for p in BASELINES["GPP"].parameters}
    with_co2 = CalibratedBaseline("GPP", NAMES, values, {}).predict(X)
    constant = CalibratedBaseline("GPP", names, values, {}).predict(X[:, rest])
    np.testing.assert_allclose(constant, with_co2)
    now = iwue(X[:, 0], X[:, 1], X[:, 2], 440.0)
    deduced = CalibratedBaseline("GPP", (*names, "ERA5_iWUE"), values, {})
    X[:, NAMES.index("CO2")] = 440.0
    expected = CalibratedBaseline("GPP", NAMES, values, {}).predict(X)
    assert (expected >= with_co2).all()
    np.testing.assert_allclose(deduced.predict(np.c_[X[:, rest], now]), expected, rtol=1e-6)


def test_residual_form_adds_and_predictor_form_tells_the_baseline(rows):
    X, y, sites = rows
    model = hybrid().fit(X, y, groups=sites)
    baseline = model.baseline_.predict(X)
    trees = make_model("XGB", SMALL["XGB"], random_state=1)
    np.testing.assert_allclose(
        model.predict(X), baseline + trees.fit(X, y - baseline).predict(X), rtol=1e-6
    )
    other = hybrid("predictor").fit(X, y, groups=sites)
    told = np.c_[X, baseline.astype("float32")]
    np.testing.assert_allclose(other.predict(X), trees.fit(told, y).predict(told), rtol=1e-6)


def test_residual_form_continues_where_trees_stop(rows):
    X, y, sites = rows
    bright = X[200:260].copy()
    bright[:, 0], bright[:, 3] = 20, 350
    brighter = bright.copy()
    brighter[:, 3] = 450
    for form, grows in (("residual", True), ("predictor", False)):
        model = hybrid(form).fit(X, y, groups=sites)
        more = model.predict(brighter).sum() / model.predict(bright).sum()
        assert (more > 1.15) == grows


@pytest.mark.parametrize(
    ("form", "base"), [("residual", "XGB"), ("residual", "RF"), ("predictor", "DF21")]
)
def test_stored_and_packed_models_predict_as_the_model(form, base, rows, tmp_path):
    X, y, sites = rows
    model = hybrid(form, base).fit(X, y, groups=sites)
    expected = model.predict(X)
    checksum = save_model(model, tmp_path / "model")
    stored = load_model(tmp_path / "model")
    np.testing.assert_array_equal(stored.predict(X), expected)
    np.testing.assert_allclose(pack(stored).predict(X, n_jobs=2), expected, rtol=1e-6)
    np.testing.assert_array_equal(pack(stored).predict(X, 1), pack(stored).predict(X, 2))
    assert save_model(stored, tmp_path / "again") == checksum
    ours, theirs = (
        json.loads((tmp_path / d / "model.json").read_text()) for d in ("model", "again")
    )
    assert ours == theirs


def test_a_stored_model_keeps_the_names_of_a_table(rows, tmp_path):
    table = pd.DataFrame(rows[0], columns=NAMES)
    save_model(hybrid().fit(table, rows[1]), tmp_path / "model")
    stored = load_model(tmp_path / "model")
    with pytest.raises(ValueError, match="feature names should match"):
        stored.predict(table.rename(columns={"CO2": "CO"}))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("attributes.baseline.flux", "CH4"),
        ("attributes.baseline.flux", "RECO"),
        ("attributes.baseline.values", {"scale": 1}),
        ("attributes.baseline.predictors", list(reversed(NAMES))),
        ("attributes.trees.kind", "os"),
        ("attributes.n_features_in", 8),
        ("parameters.form", "predictor"),
        ("parameters.form", "both"),
    ],
)
def test_a_forged_description_is_refused(path, value, rows, tmp_path):
    save_model(hybrid().fit(*rows[:2]), tmp_path / "model")
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    *parents, key = path.split(".")
    reduce(dict.__getitem__, parents, description)[key] = value
    (tmp_path / "model" / "model.json").write_text(json.dumps(description))
    with pytest.raises((InputError, ConfigurationError)):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("form", ["residual", "predictor"])
def test_no_fold_sees_the_flux_of_its_test_towers(form, rows, tmp_path):
    X, y, sites = rows
    folds = site_k_fold(sites, 3, seed=0)

    def predict(flux):
        found = held_out_predictions(
            lambda fold: hybrid(form, seed=fold),
            *(X, flux, sites, np.arange(len(y)), folds[:1]),
            fit_with_sites=True,
        )
        return found["prediction"].to_numpy()

    changed = y.copy()
    changed[folds[0].test] += 100
    np.testing.assert_array_equal(predict(changed), predict(y))
    changed = y.copy()
    changed[folds[0].train] *= 2
    assert predict(changed).mean() > 1.5 * predict(y).mean()


def test_it_chooses_columns_and_is_searched_like_other_models(rows):
    X, y, sites = rows
    used = [i for i, name in enumerate(NAMES) if name != "ERA5_LW_IN"]
    inner = hybrid(names=tuple(NAMES[i] for i in used))
    chosen = ColumnsRegressor(inner, used).fit(X, y, groups=sites)
    assert np.isfinite(chosen.predict(X)).all()
    search = SiteSearchRegressor(
        hybrid(), {"form": ["residual", "predictor"]}, fit_with_sites=True
    ).fit(X, y, groups=sites)
    assert search.search_results_["form"].tolist() == ["residual", "predictor"]
    assert search.predict(X).shape == y.shape


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: hybrid(form="both"), "unknown form 'both'"),
        (lambda: hybrid(base="RF", base_parameters={"depth": 1}), "RF has no parameter 'depth'"),
        (lambda: hybrid().set_params(base="BLEND"), "unknown base 'BLEND'"),
        (lambda: hybrid(names=None), "expected predictor_names and flux"),
        (lambda: hybrid(names=NAMES[1:]), "a name for each of 9 columns, found 8"),
        (lambda: hybrid(names=("ERA5_TS", *NAMES[1:])), "needs ERA5_TA, which the predictors lack"),
    ],
)
def test_wrong_settings_are_refused(model, message, rows):
    with pytest.raises(ConfigurationError, match=message):
        model().fit(*rows[:2])


@pytest.mark.parametrize("flux", ["NEE", "H"])
def test_a_member_predicts_a_cube(flux, tmp_path):
    X = weather(120)
    table = pd.DataFrame(X, columns=NAMES).assign(site_id=sites_of(X), **{flux: world(flux, X)})
    member = Member("MODIS-NDVI-ERA5", flux, "HYBRID", NAMES)
    fitted = fit_member(member, table, hybrid(flux=flux), seed=1, with_sites=True)
    assert set(fitted.card["parameters"]) == {"base", "form", "base_parameters", "random_state"}
    fitted.save(tmp_path / "member")
    stored = FittedMember.load(tmp_path / "member")
    cube = (
        table.iloc[:24][list(NAMES)]
        .set_index(
            pd.MultiIndex.from_product(
                [pd.date_range("2001-01-01", periods=2, freq="MS"), [10.0, 20.0, 30.0], range(4)],
                names=["time", "latitude", "longitude"],
            )
        )
        .to_xarray()
    )
    cube["IGBP"] = cube["IGBP"].isel(time=0)
    start = cube["time"].to_numpy()
    cube["time_bnds"] = (("time", "bnds"), np.stack([start, start + np.timedelta64(28, "D")], 1))
    product = predict_cube({"a": stored}, cube, variable=flux)
    expected = fitted.predict(table.iloc[:24])
    np.testing.assert_allclose(product[flux].to_numpy().ravel(), expected, rtol=1e-5)
