"""Dataset of fitted members: folders without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from uflux_kedro.models.fitted import FittedMember


class FittedMemberDataset(AbstractDataset[FittedMember, FittedMember]):
    """Save and load a :class:`~uflux_kedro.models.fitted.FittedMember`.

    Args:
        filepath: Folder of the member.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> FittedMember:
        """Read the member's card; its estimator is read at the first prediction."""
        return FittedMember.load(self._path)

    def save(self, data: FittedMember) -> None:
        """Write the member, replacing that of an earlier run."""
        data.save(self._path)

    def preview(self) -> JSONPreview:
        """Return the member's card for kedro-viz."""
        return JSONPreview(json.dumps(self.load().card))

    def _exists(self) -> bool:
        return (self._path / "card.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
