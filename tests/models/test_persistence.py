"""Stored models: exact, reproducible to the byte, and safe against forged files."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import shutil
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from uflux_kedro.errors import InputError
from uflux_kedro.models.packing import PACKERS
from uflux_kedro.models.persistence import MODEL_TYPES, load_model, save_model
from uflux_kedro.models.registry import make_model

SETTINGS = {
    "DF21": {"n_trees": 8},
    "XGB": {"n_estimators": 20},
    "RF": {"n_estimators": 5},
    "RF-sklearn": {"n_estimators": 5},
}
HEADS = [{"use_predictor": True, "predictor": head} for head in ("forest", "xgboost", "lightgbm")]


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(n_samples=200, n_features=6, noise=0.5, random_state=0)


def fitted(name, friedman, n_jobs=1, **parameters):
    X, y = friedman
    model = make_model(name, SETTINGS[name] | parameters, random_state=3, n_jobs=n_jobs)
    return model.fit(X, y)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(folder, payload):
    """Replace the payload and its checksum, as a forger would."""
    description = json.loads((folder / "model.json").read_text())
    (folder / description["payload"]).write_bytes(payload)
    description["sha256"] = hashlib.sha256(payload).hexdigest()
    (folder / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("DF21", {}), ("XGB", {}), ("RF", {}), ("DF21", {"partial_mode": True})]
    + [("DF21", head) for head in HEADS],
)
def test_a_model_comes_back_as_it_was(name, parameters, friedman, tmp_path):
    if parameters.get("predictor") == "lightgbm":
        pytest.importorskip("lightgbm")
    model = fitted(name, friedman, **parameters)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.predict(friedman[0]), model.predict(friedman[0]))
    np.testing.assert_allclose(again.feature_importances_, model.feature_importances_)
    for key, value in (SETTINGS[name] | parameters).items():
        assert again.get_params()[key] == value
    # The loaded model is written with the same bytes.
    save_model(again, tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "model")


def test_every_type_that_is_stored_is_packed():
    """A fitted member needs both."""
    assert set(MODEL_TYPES) == set(PACKERS)


@pytest.mark.parametrize("name", ["DF21", "XGB", "RF", "RF-sklearn"])
def test_same_seed_same_bytes_on_one_or_two_threads(name, friedman, tmp_path):
    for threads in (1, 2):
        save_model(fitted(name, friedman, n_jobs=threads), tmp_path / str(threads))
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_several_targets_constant_targets_and_names_come_back(friedman, tmp_path):
    import pandas as pd

    X = pd.DataFrame(friedman[0], columns=list("abcdef"))
    for y in (np.column_stack([friedman[1], friedman[1] ** 2]), np.full(200, 0.3)):
        model = make_model("DF21", {"n_trees": 4}, random_state=0).fit(X, y)
        save_model(model, tmp_path / "model")
        again = load_model(tmp_path / "model")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert list(again.feature_names_in_) == list("abcdef")


def test_a_fresh_process_predicts_the_same(friedman, tmp_path):
    model = fitted("DF21", friedman)
    save_model(model, tmp_path / "model")
    np.save(tmp_path / "X.npy", friedman[0])
    code = (
        "import sys, numpy as np\n"
        "from uflux_kedro.models import load_model\n"
        "folder = sys.argv[1]\n"
        "X = np.load(folder + '/X.npy')\n"
        "np.save(folder + '/y.npy', load_model(folder + '/model').predict(X))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(friedman[0]))


@pytest.mark.parametrize("name", ["DF21", "XGB", "RF", "RF-sklearn"])
def test_a_changed_payload_is_refused(name, friedman, tmp_path):
    save_model(fitted(name, friedman), tmp_path / "model")
    (payload,) = [p for p in (tmp_path / "model").iterdir() if p.name != "model.json"]
    whole = payload.read_bytes()
    payload.write_bytes(whole[:-7] + b"changed")
    with pytest.raises(InputError, match="expected SHA-256"):
        load_model(tmp_path / "model")
    payload.unlink()
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["DF21", "XGB", "RF", "RF-sklearn"])
def test_bytes_that_are_no_model_are_refused_even_with_their_checksum(name, friedman, tmp_path):
    save_model(fitted(name, friedman), tmp_path / "model")
    rewrite(tmp_path / "model", b"not a model")
    with pytest.raises(InputError):
        load_model(tmp_path / "model")


def test_forged_trees_are_refused(friedman, tmp_path):
    """Children outside their tree would make kernels read foreign memory."""
    save_model(fitted("DF21", friedman), tmp_path / "model")
    with np.load(tmp_path / "model" / "model.npz") as archive:
        arrays = dict(archive)
    arrays["layer0.forest0.nodes"] = arrays["layer0.forest0.nodes"].copy()
    arrays["layer0.forest0.nodes"][0] |= np.uint32(0xFFFF0000)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    rewrite(tmp_path / "model", buffer.getvalue())
    with pytest.raises(InputError, match="numbers out of range"):
        load_model(tmp_path / "model")


def test_forged_random_forests_are_refused(friedman, tmp_path):
    model = fitted("RF-sklearn", friedman)
    tree = model.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    tree.__setstate__(state)
    save_model(model, tmp_path / "model")
    with pytest.raises(InputError, match="numbers out of range"):
        load_model(tmp_path / "model")


FORGERIES = {
    "a parent in foreign memory": ("parents", 1, 10**9),
    "a child in foreign memory": ("left_children", 0, 10**6),
    "a child below the leaf mark": ("left_children", 0, -7),
    "a way back to the root": ("left_children", 0, 0),
    "two ways to one node": ("left_children", 0, 2),
    "a foreign column": ("split_indices", 0, 6),
    "a column of categories": ("split_type", 0, 1),
    "a default of another length": ("default_left", None, 2),
    "another number of columns": ("num_feature", None, b"9"),
    "more trees than there are": ("num_trees", None, b"9"),
    "a tree of no output": ("tree_info", 0, 1),
    "rounds beyond the trees": ("iteration_indptr", 1, 10**6),
}


def forge(payload, key, place, value):
    """Change one number of a model of XGBoost: that of an array, a length, or a text."""
    forged = bytearray(payload)
    at = forged.index(key.encode()) + len(key)
    if isinstance(value, bytes):  # S L <8 bytes of length> text
        forged[at + 10 : at + 10 + len(value)] = value
        return bytes(forged)
    kind = {"l": ">i", "L": ">q", "U": ">B"}[
        chr(forged[at + 2])
    ]  # [ $ l # L <8 bytes of length> numbers
    if place is None:
        struct.pack_into(">q", forged, at + 5, value)
    else:
        struct.pack_into(kind, forged, at + 13 + place * struct.calcsize(kind), value)
    return bytes(forged)


@pytest.fixture(scope="module")
def boosted(friedman, tmp_path_factory):
    """Saved models that hold boosted trees of XGBoost, and the way to their payload."""
    folder = tmp_path_factory.mktemp("boosted")
    blend = make_model("BLEND", {"boosting_rounds": 3, "n_trees": 2}, random_state=0)
    models = {
        "XGB": fitted("XGB", friedman, n_estimators=2),
        "BLEND": blend.fit(*friedman),
        "DF21": fitted("DF21", friedman, n_trees=2, **HEADS[1]),
    }
    for name, model in models.items():
        save_model(model, folder / name)
    return folder


def forge_saved(folder, change):
    """Change the boosted trees in a saved model, and all checksums."""
    (path,) = [p for p in folder.iterdir() if p.name != "model.json"]
    if path.suffix == ".ubj":
        return rewrite(folder, change(path.read_bytes()))
    buffer = io.BytesIO()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
            for name in old.namelist():
                part = old.read(name)
                new.writestr(name, change(part) if name == "boosted.ubj" else part)
    else:
        with np.load(path) as old:
            arrays = dict(old)
        head = change(arrays["head.model.payload"].tobytes())
        np.savez(buffer, **arrays | {"head.model.payload": np.frombuffer(head, np.uint8)})
    return rewrite(folder, buffer.getvalue())


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_boosted_trees_are_refused_before_xgboost_reads_them(forgery, boosted, tmp_path):
    """XGBoost itself would read foreign memory or walk in a circle: the process would end."""
    shutil.copytree(boosted / "XGB", tmp_path / "model")
    forge_saved(tmp_path / "model", lambda payload: forge(payload, *FORGERIES[forgery]))
    with pytest.raises(InputError, match="expected a XGBRegressor"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["BLEND", "DF21"])
def test_forged_boosted_trees_are_refused_in_models_of_several_parts(name, boosted, tmp_path):
    shutil.copytree(boosted / name, tmp_path / "model")
    load_model(tmp_path / "model")
    forge_saved(tmp_path / "model", lambda p: forge(p, "left_children", 0, 0))
    with pytest.raises(InputError, match="tree with child numbers out of range"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("end", [0.1, 0.5, 0.9])
def test_truncated_boosted_trees_and_trees_as_json_are_refused(end, boosted, tmp_path):
    shutil.copytree(boosted / "XGB", tmp_path / "model")
    forge_saved(tmp_path / "model", lambda payload: payload[: int(end * len(payload))])
    with pytest.raises(InputError, match="UBJSON"):
        load_model(tmp_path / "model")
    # XGBoost would read this form too, which is not checked.
    booster = load_model(boosted / "XGB").get_booster()
    rewrite(tmp_path / "model", bytes(booster.save_raw("json")))
    with pytest.raises(InputError, match="expected a XGBRegressor"):
        load_model(tmp_path / "model")


def test_pruned_trees_come_back(tmp_path):
    """XGBoost leaves pruned nodes in its files."""
    rng = np.random.default_rng(0)
    X = rng.random((300, 3))
    model = make_model(
        "XGB", {"n_estimators": 5, "gamma": 0.05, "tree_method": "exact"}, random_state=0
    )
    model.fit(X, X[:, 0] + rng.normal(0, 0.3, 300))
    trees = json.loads(model.get_booster().save_raw("json"))["learner"]["gradient_booster"]
    assert any(int(t["tree_param"]["num_deleted"]) for t in trees["model"]["trees"])
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("left_child", "0"),
        ("left_child", "999"),
        ("right_child", "-999"),
        ("split_feature", "999"),
        ("decision_type", "3"),
        ("num_leaves", "99"),
        ("leaf_value", "1"),
    ],
)
def test_forged_trees_of_lightgbm_are_refused(name, value, tmp_path):
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    X = rng.random((120, 3))
    head = {"use_predictor": True, "predictor": "lightgbm", "n_trees": 2, "max_layers": 1}
    model = make_model("DF21", head, random_state=1).fit(X, X[:, 0])
    save_model(model, tmp_path / "model")

    def change(payload):
        # Of an array the first number; of the leaves all.
        pattern = rf"^{name}=" + (".+" if name == "leaf_value" else r"\S+")
        return re.sub(pattern, f"{name}={value}", payload.decode(), count=1, flags=re.M).encode()

    forge_saved(tmp_path / "model", change)
    with pytest.raises(InputError, match="expected a CascadeForestRegressor"):
        load_model(tmp_path / "model")


def test_a_random_forest_with_more_nodes_than_it_says_is_refused(friedman, tmp_path):
    """scikit-learn walks them all, and shows only some to be checked."""
    model = fitted("RF-sklearn", friedman, n_estimators=1)
    tree = model.estimators_[0].tree_
    save_model(model, tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / "model.skops") as old:
        parts = {name: old.read(name) for name in old.namelist()}
    count = f'"content": "{tree.node_count}"'.encode()
    assert count in parts["schema.json"]
    parts["schema.json"] = parts["schema.json"].replace(count, b'"content": "0"')
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for name, part in parts.items():
            new.writestr(name, part)
    rewrite(tmp_path / "model", buffer.getvalue())
    with pytest.raises(InputError, match="wrong number of nodes"):
        load_model(tmp_path / "model")


def test_a_pickle_in_disguise_does_not_run(friedman, tmp_path):
    save_model(fitted("DF21", friedman), tmp_path / "model")

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    buffer = io.BytesIO()
    np.savez(buffer, oob_prediction=np.array([Trap()], dtype=object))
    rewrite(tmp_path / "model", buffer.getvalue())
    with pytest.raises(InputError):
        load_model(tmp_path / "model")
    assert not (tmp_path / "sprung").exists()


def test_unknown_models_and_kinds_are_refused(friedman, tmp_path):
    with pytest.raises(
        InputError, match="CascadeForestRegressor, BinnedForestRegressor, XGBRegressor"
    ):
        save_model(LinearRegression().fit(*friedman), tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "model")
    save_model(fitted("XGB", friedman), tmp_path / "model")
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps(description | {"kind": "os.system"}))
    with pytest.raises(InputError, match=r"found 'os\.system'"):
        load_model(tmp_path / "model")


def test_another_random_forest_in_its_place_is_refused(friedman, tmp_path):
    import skops.io

    save_model(fitted("RF-sklearn", friedman), tmp_path / "model")
    rewrite(tmp_path / "model", skops.io.dumps(LinearRegression().fit(*friedman)))
    with pytest.raises(InputError, match="a LinearRegression"):
        load_model(tmp_path / "model")


def test_another_version_is_said(friedman, tmp_path, caplog):
    save_model(fitted("XGB", friedman), tmp_path / "model")
    with caplog.at_level(logging.WARNING):
        load_model(tmp_path / "model")
    assert not caplog.records
    path = tmp_path / "model" / "model.json"
    description = json.loads(path.read_text())
    description["versions"]["xgboost"] = "1.7.6"
    path.write_text(json.dumps(description))
    with caplog.at_level(logging.WARNING):
        load_model(tmp_path / "model")
    assert "written with xgboost 1.7.6 (now" in caplog.text


def test_a_failed_save_leaves_the_older_model(friedman, tmp_path, monkeypatch):
    model = fitted("XGB", friedman)
    save_model(model, tmp_path / "model")
    before = files(tmp_path / "model")
    from pathlib import Path

    def full(self, *_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            save_model(fitted("XGB", friedman, n_estimators=3), tmp_path / "model")
    assert files(tmp_path / "model") == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_archives_hold_no_dates_and_no_addresses(friedman, tmp_path):
    save_model(fitted("RF-sklearn", friedman), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / "model.skops") as archive:
        assert {part.date_time[0] for part in archive.infolist()} == {1980}
        parts = [name for name in archive.namelist() if name.endswith(".npy")]
        assert max(int(name.removesuffix(".npy")) for name in parts) < 10**5
    assert isinstance(load_model(tmp_path / "model"), RandomForestRegressor)


def test_lightgbms_bytes_do_not_depend_on_threads(tmp_path):
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    X = rng.random((120, 3))
    y = X[:, 0] + 0.1 * rng.random(120)
    sums = []
    for threads in (1, 2):
        head = {"use_predictor": True, "predictor": "lightgbm"}
        settings = {"n_trees": 5, "max_layers": 2, "predictor_kwargs": {"n_estimators": 5}}
        model = make_model("DF21", head | settings, random_state=1, n_jobs=threads)
        sums.append(save_model(model.fit(X, y), tmp_path / str(threads)))
    assert sums[0] == sums[1]
