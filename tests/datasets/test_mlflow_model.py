"""Members as MLflow models: complete in themselves, and right about what they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from uflux_kedro.datasets.mlflow_model import write_mlflow_model
from uflux_kedro.ensemble import Member
from uflux_kedro.models.fitted import fit_member
from uflux_kedro.models.registry import make_model

PREDICTORS = ("ERA5_TA", "ERA5_SW_IN", "IGBP")
SETTINGS = {
    "XGB": {"n_estimators": 5},
    "RF-sklearn": {"n_estimators": 2},
    "DF21": {"n_trees": 2, "use_predictor": True, "predictor": "xgboost"},
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "site_id": np.repeat(["A", "B", "C"], 40),
            "ERA5_TA": rng.integers(-5, 25, 120),
            "ERA5_SW_IN": rng.integers(20, 300, 120),
            "IGBP": rng.choice([1, 4, 10], 120),
        }
    )
    return table.assign(GPP=0.02 * table["ERA5_SW_IN"] + 0.1 * table["ERA5_TA"])


def fitted(rows, model):
    who = Member("MODIS-NIRv-ERA5", "GPP", model, PREDICTORS)
    return fit_member(who, rows, make_model(model, SETTINGS[model], random_state=1), seed=1)


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow_model") / "model"
    write_mlflow_model(fitted(rows, "XGB"), folder, run_id="abc")
    return folder


def test_a_table_that_was_read_from_csv_is_predicted(folder, rows, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    model = mlflow.pyfunc.load_model(str(folder))
    table = pd.read_csv(tmp_path / "rows.csv")
    assert (table[list(PREDICTORS)].dtypes == "int64").all()
    predicted = model.predict(table)
    assert list(predicted.columns) == ["GPP"]
    np.testing.assert_array_equal(predicted["GPP"], fitted(rows, "XGB").predict(rows))
    table.loc[3, "ERA5_TA"] = -9999
    assert np.flatnonzero(model.predict(table)["GPP"].isna()) == [3]


def test_the_model_says_names_units_and_ranges(folder, rows):
    model = mlflow.pyfunc.load_model(str(folder))
    assert model.metadata.get_input_schema().input_names() == list(PREDICTORS)
    assert model.metadata.run_id == "abc"
    about = model.metadata.metadata
    assert about["unit"] == "gC m-2 d-1"
    assert about["predictors"]["ERA5_TA"] == {
        "long_name": "air temperature",
        "unit": "degC",
        "possible": [-80, 60],
        "in_training": [rows["ERA5_TA"].min(), rows["ERA5_TA"].max()],
    }
    example = model.input_example
    assert list(example.columns) == list(PREDICTORS)
    assert model.predict(example)["GPP"].notna().all()


def test_a_service_answers_in_json_without_nan(folder, monkeypatch):
    """JSON has no NaN, and null is missing."""
    from mlflow.pyfunc.scoring_server import predictions_to_json

    model = mlflow.pyfunc.load_model(str(folder))
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # after loading, as MLflow does
    table = pd.DataFrame({"ERA5_TA": [10, None], "ERA5_SW_IN": [100, 100], "IGBP": [4, 4]})
    with (folder.parent / "answer.json").open("w") as stream:
        predictions_to_json(model.predict(table.astype(object)), stream)

    def refused(constant):
        raise ValueError(constant)

    answer = json.loads((folder.parent / "answer.json").read_text(), parse_constant=refused)
    assert answer["predictions"][0]["GPP"] > 0
    assert answer["predictions"][1]["GPP"] is None


@pytest.mark.parametrize(
    ("model", "libraries"),
    [("XGB", {"xgboost"}), ("RF-sklearn", {"skops"}), ("DF21", {"xgboost"})],
)
def test_every_environment_manager_finds_what_to_install(model, libraries, rows, tmp_path):
    write_mlflow_model(fitted(rows, model), tmp_path / "model")
    lines = (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    assert all("==" in line and "://" not in line for line in lines)
    # Whichever build of XGBoost is installed.
    names = {line.partition("==")[0].removesuffix("-cpu") for line in lines}
    assert libraries | {"mlflow", "numpy", "numba", "scikit-learn"} <= names
    assert not names & {"uflux_kedro", "uflux-kedro", "kedro"}, "installed from nowhere"
    assert len(names & {"xgboost", "skops", "lightgbm"}) == 1
    read = {n: yaml.safe_load((tmp_path / "model" / n).read_text()) for n in
            ("conda.yaml", "python_env.yaml", "MLmodel")}  # fmt: skip
    assert read["conda.yaml"]["dependencies"][-1]["pip"] == lines
    assert read["python_env.yaml"]["dependencies"] == ["-r requirements.txt"]
    environments = read["MLmodel"]["flavors"]["python_function"]["env"]
    assert environments == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}


def test_the_model_predicts_where_the_project_is_not_installed(rows, tmp_path):
    """A hybrid, since it needs most: trees, and the formulas of its baseline.

    By the model's library itself: to compile a copy of the code for packed trees takes half a minute.
    """
    more = {"ERA5_VPD": 8.0, "ERA5_PA": 99.0, "MODIS_EVI": rows["ERA5_SW_IN"] / 600}
    table, names = rows.assign(**more), (*PREDICTORS, *more)
    settings = {"base_parameters": {"n_estimators": 5}}
    hybrid = make_model("HYBRID", settings, random_state=1, predictors=names, flux="GPP")
    who = Member("MODIS-EVI-ERA5", "GPP", "HYBRID", names)
    member = fit_member(who, table, hybrid, seed=1, with_sites=True)
    folder = tmp_path / "model"
    write_mlflow_model(member, folder)
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert {"pyrealm", "xarray", "scipy"} <= {line.partition("==")[0] for line in lines}
    table.to_csv(tmp_path / "rows.csv", index=False)
    code = (
        "import sys\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' in p or 'python3' in p]\n"
        "import importlib.util, mlflow, pandas as pd\n"
        "assert importlib.util.find_spec('uflux_kedro') is None\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "import uflux_kedro\n"
        "assert uflux_kedro.__file__.startswith(sys.argv[1]), uflux_kedro.__file__\n"
        "member = model._model_impl.member\n"
        "table = pd.read_csv('rows.csv')[list(member.predictors)]\n"
        "print(*member.model.predict(table.to_numpy('float32')))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(folder)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.array(done.stdout.split(), dtype=np.float32)
    np.testing.assert_allclose(found, member.predict(table), rtol=1e-5)
