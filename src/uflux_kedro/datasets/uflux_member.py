"""Entry of a member's MLflow model, copied into it as the package ``uflux_member``.

It must run where this project is not installed: beside it in the model, in ``code``, lies a copy of
what reads a member and predicts. An installed project comes first, so that loading a model does not
replace its modules.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def _load_pyfunc(path):
    """Return the predictor in a folder; called by ``mlflow.pyfunc.load_model``."""
    if find_spec("uflux_kedro") is None:
        sys.path.append(str(Path(__file__).with_name("code")))
    from uflux_kedro.models.scoring import MemberPredictor

    return MemberPredictor.load(path, for_json=_serving)


def _serving():
    # Set where MLflow answers in JSON, which has no NaN; its server sets it after loading a model.
    return os.environ.get("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "").lower() == "true"
