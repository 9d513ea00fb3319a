"""Models by name."""

from __future__ import annotations

import pytest

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models import specs
from uflux_kedro.models.registry import MODELS, make_model

FOREST = {"n_estimators": 100, "max_depth": 20, "min_samples_leaf": 3, "min_samples_split": 12}
PUBLISHED = {
    "DF21": {"n_estimators": 2, "n_trees": 100, "max_layers": 20, "use_predictor": False},
    "deep-forest": {"n_estimators": 2, "n_trees": 100, "max_layers": 20, "use_predictor": False},
    "XGB": {"n_estimators": 100, "max_depth": 6, "min_child_weight": 4, "subsample": 0.8}
    | {"colsample_bytree": 0.8, "learning_rate": 0.05, "gamma": 0, "reg_alpha": 0, "reg_lambda": 1}
    | {"tree_method": "hist"},
    "RF": FOREST,
    "RF-sklearn": FOREST,
    "HYBRID": {"base": "XGB", "form": "residual", "base_parameters": None},
    "MEAN": {"models": ("XGB", "RF", "DF21"), "settings": None},
    "BLEND": {"weights": "equal", "boosting_rounds": 200, "n_trees": 100, "n_landmarks": 400},
}


@pytest.mark.parametrize("name", MODELS)
def test_defaults_are_the_published_settings(name):
    found = make_model(name, random_state=7, n_jobs=2).get_params()
    assert {key: found[key] for key in PUBLISHED[name]} == PUBLISHED[name]
    assert found["random_state"] == 7
    assert found["n_jobs"] == 2


def test_parameters_override_defaults():
    model = make_model("XGB", {"max_depth": 3, "max_bin": 256})
    assert (model.max_depth, model.max_bin, model.learning_rate) == (3, 256, 0.05)


def test_unknown_names_and_parameters_are_refused_with_the_choices():
    with pytest.raises(
        ConfigurationError, match=r"'LGBM': expected one of DF21, XGB, RF.*deep-forest"
    ):
        make_model("LGBM")
    with pytest.raises(ConfigurationError, match=r"'n_tree'; nearest: n_trees.*Expected some of"):
        make_model("DF21", {"n_tree": 3})
    with pytest.raises(ConfigurationError, match="'max_dept'; nearest: max_depth"):
        make_model("XGB", {"max_dept": 3})
    with pytest.raises(ConfigurationError, match="n_jobs is set for all models"):
        make_model("RF", {"n_jobs": 3})


def test_devices(monkeypatch):
    monkeypatch.setattr(specs, "has_cuda", lambda: False)
    assert make_model("XGB", device="auto").device == "cpu"
    with pytest.raises(ConfigurationError, match="no NVIDIA GPU was found"):
        make_model("XGB", device="cuda")
    monkeypatch.setattr(specs, "has_cuda", lambda: True)
    monkeypatch.setattr(specs, "is_built_for_cuda", lambda: False)
    assert make_model("XGB", device="auto").device == "cpu"
    with pytest.raises(ConfigurationError, match=r"pip install 'uflux_kedro\[cuda\]'"):
        make_model("XGB", device="cuda")
    monkeypatch.setattr(specs, "is_built_for_cuda", lambda: True)
    assert make_model("XGB", device="auto").device == "cuda"
    assert make_model("XGB", device="cuda").device == "cuda"
    assert make_model("XGB").device == "cpu"
    make_model("DF21", device="auto")
    with pytest.raises(ConfigurationError, match="RF runs only on the CPU"):
        make_model("RF", device="cuda")
    with pytest.raises(ConfigurationError, match="expected one of cpu, cuda, auto"):
        make_model("XGB", device="gpu")
