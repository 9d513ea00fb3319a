"""A fitted member as a model that takes tables from anywhere, such as a web service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from uflux_kedro.models.fitted import FittedMember


class MemberPredictor:
    """A member behind the interface of ``mlflow.pyfunc``, which this module does not import.

    Args:
        member: The fitted member.
        for_json: Says whether a missing prediction is now None, which JSON can hold, and not NaN.
    """

    def __init__(
        self, member: FittedMember, *, for_json: Callable[[], bool] = lambda: False
    ) -> None:
        self.member = member
        self._for_json = for_json

    @classmethod
    def load(
        cls, folder: str | Path, *, for_json: Callable[[], bool] = lambda: False
    ) -> MemberPredictor:
        """Read a member from its folder.

        Raises:
            InputError: If the folder holds no member.
        """
        return cls(FittedMember.load(Path(folder)), for_json=for_json)

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict the member's flux, one column, from a table of its predictors.

        Raises:
            InputError: If a predictor is absent, appears twice or is not numeric.
        """
        flux = self.member.card["flux"]
        table = pd.DataFrame({flux: self.member.predict(data)}, index=data.index)
        return table.astype(object).where(table.notna(), None) if self._for_json() else table
