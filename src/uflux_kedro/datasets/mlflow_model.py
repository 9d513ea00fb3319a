"""Fitted members as MLflow models, without pickle and complete in themselves.

A model holds the member, the code that reads it, and the exact versions of the libraries that the
code imports, so that ``mlflow models predict`` and ``serve`` need nothing but the model.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uflux_kedro
from uflux_kedro.installed import build_of
from uflux_kedro.variables import variable_of

if TYPE_CHECKING:
    import pandas as pd

    from uflux_kedro.models.fitted import FittedMember

_ENTRY = "uflux_member"
_PACKAGES = ("models", "biophysics")
_CODE = (
    "__init__",
    "ensemble",
    "errors",
    "files",
    "installed",
    "lazy",
    "origins",
    "schemas",
    "simulated",
    "variables",
)
"""Packages with the models and the formulas of hybrids, and modules that these import."""
_ALWAYS = (
    *("joblib", "lazy-loader", "mlflow", "numba", "numpy", "pandas", "pydantic"),
    *("scikit-learn", "scipy", "threadpoolctl", "tqdm"),
)


def write_mlflow_model(member: FittedMember, folder: Path, run_id: str | None = None) -> None:
    """Write a member as an MLflow model.

    Args:
        member: The fitted member.
        folder: The folder, which is created.
        run_id: MLflow run to which the model belongs.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    # It says of every model that it checks its example.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "member"
        member.save(data)
        _copy_code(Path(temporary) / _ENTRY)
        mlflow.pyfunc.save_model(
            folder,
            loader_module=_ENTRY,
            data_path=data,
            code_paths=[str(Path(temporary) / _ENTRY)],
            pip_requirements=requirements(data),
            signature=_signature(member),
            input_example=example(member),
            metadata=_description(member),
            mlflow_model=Model(run_id=run_id),
        )


def _copy_code(folder: Path) -> None:
    source = Path(uflux_kedro.__file__).parent
    target = folder / "code" / source.name
    for package in _PACKAGES:
        shutil.copytree(
            source / package,
            target / package,
            # The package deep-forest is stored as a cascade of this project.
            ignore=shutil.ignore_patterns("__pycache__", "deep_forest"),
        )
    for name in _CODE:
        shutil.copy(source / f"{name}.py", target)
    shutil.copy(Path(__file__).with_name(f"{_ENTRY}.py"), folder / "__init__.py")


def requirements(member: Path) -> list[str]:
    """Return the libraries that a member in a folder needs, with the versions that wrote it."""
    from uflux_kedro.models.persistence import MODEL_TYPES

    description = json.loads((member / "model" / "model.json").read_text())
    libraries = {*_ALWAYS, *MODEL_TYPES[description["kind"]].libraries}
    trees = description["attributes"].get("trees", {})
    for parameters in (description["parameters"], trees.get("parameters", {})):
        if parameters.get("use_predictor") and parameters["predictor"] != "forest":
            libraries.add(parameters["predictor"])
    return ["{}=={}".format(*build_of(library)) for library in sorted(libraries)]


def example(member: FittedMember) -> pd.DataFrame:
    """Return two rows: each predictor's lowest and highest value in training."""
    import pandas as pd

    predictors = member.card["predictors"]
    return pd.DataFrame({k: [float(p["min"]), float(p["max"])] for k, p in predictors.items()})


def _signature(member: FittedMember) -> Any:
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    # MLflow refuses whole numbers in a column of doubles, such as those of a table that was read
    # from CSV. The model itself checks that columns hold numbers.
    return ModelSignature(
        inputs=Schema([ColSpec(AnyType(), name) for name in member.predictors]),
        outputs=Schema([ColSpec(DataType.double, member.card["flux"])]),
    )


def _description(member: FittedMember) -> dict[str, Any]:
    """What MLflow's signature has no place for: units and ranges."""
    flux = variable_of(member.card["flux"])
    predictors = {}
    for name, seen in member.card["predictors"].items():
        variable = variable_of(name)
        predictors[name] = {
            "long_name": variable.long_name,
            "unit": variable.unit,
            "possible": [variable.lower, variable.upper],
            "in_training": [seen["min"], seen["max"]],
        }
    return {
        "member": member.name,
        "flux": flux.name,
        "long_name": flux.long_name,
        "unit": flux.unit,
        "predictors": predictors,
    }
