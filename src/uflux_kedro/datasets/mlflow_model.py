"""Fitted members as MLflow models, without pickle.

``mlflow.pyfunc.load_model`` reads the folder through :func:`_load_pyfunc` of this module, so only
this package's own reader opens the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro import __version__

if TYPE_CHECKING:
    import pandas as pd

    from uflux_kedro.models.fitted import FittedMember

_DATA = "member"


def write_mlflow_model(member: FittedMember, folder: Path, run_id: str | None = None) -> None:
    """Write ``MLmodel``, the member and its requirements into ``folder``.

    Args:
        member: The fitted member.
        folder: The folder, which is created.
        run_id: MLflow run to which the model belongs.
    """
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    member.save(folder / _DATA)
    requirements = [f"uflux_kedro=={__version__}"]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
    flux = member.card["flux"]
    model = Model(
        run_id=run_id,
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.double, p) for p in member.predictors]),
            outputs=Schema([ColSpec(DataType.double, flux)]),
        ),
        metadata={"member": member.name, "flux": flux, "unit": member.card["unit"]},
    )
    model.add_flavor(
        "python_function",
        loader_module=__name__,
        data=_DATA,
        env={"virtualenv": "requirements.txt"},
    )
    model.save(folder / "MLmodel")


class MemberPredictor:
    """The model that ``mlflow.pyfunc.load_model`` returns, wrapped by MLflow.

    Args:
        member: The fitted member.
    """

    def __init__(self, member: FittedMember) -> None:
        self.member = member

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict the member's flux, one column, from a table of its predictors."""
        import pandas as pd

        flux = self.member.card["flux"]
        return pd.DataFrame({flux: self.member.predict(data)}, index=data.index)


def _load_pyfunc(path: str) -> MemberPredictor:
    from uflux_kedro.models.fitted import FittedMember

    return MemberPredictor(FittedMember.load(Path(path)))
