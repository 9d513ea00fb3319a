"""Datasets of what was fitted: folders with a card, without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.uncertainty.fitted import FluxUncertainty


class _FittedDataset(AbstractDataset[Any, Any]):
    """Save and load an object with a card and with ``save`` and ``load`` of a folder.

    Args:
        filepath: The folder.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    kind: ClassVar[type[FittedMember] | type[FluxUncertainty]]

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Read the card; models are read when they are first used."""
        return self.kind.load(self._path)

    def save(self, data: Any) -> None:
        """Write the folder, replacing that of an earlier run."""
        data.save(self._path)

    def preview(self) -> JSONPreview:
        """Return the card for kedro-viz."""
        return JSONPreview(json.dumps(self.load().card))

    def _exists(self) -> bool:
        return (self._path / "card.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class FittedMemberDataset(_FittedDataset):
    """Save and load a :class:`~uflux_kedro.models.fitted.FittedMember`.

    Args:
        filepath: Folder of the member.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    kind = FittedMember


class FluxUncertaintyDataset(_FittedDataset):
    """Save and load a :class:`~uflux_kedro.uncertainty.fitted.FluxUncertainty`.

    Args:
        filepath: Folder of the fitted uncertainty.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    kind = FluxUncertainty
