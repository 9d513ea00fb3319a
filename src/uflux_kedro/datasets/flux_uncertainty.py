"""Dataset of fitted uncertainties: folders without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from uflux_kedro.uncertainty.fitted import FluxUncertainty


class FluxUncertaintyDataset(AbstractDataset[FluxUncertainty, FluxUncertainty]):
    """Save and load a :class:`~uflux_kedro.uncertainty.fitted.FluxUncertainty`.

    Args:
        filepath: Folder of the fitted uncertainty.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> FluxUncertainty:
        """Read the fitted uncertainty's card; its model is read when it is first used."""
        return FluxUncertainty.load(self._path)

    def save(self, data: FluxUncertainty) -> None:
        """Write it, replacing that of an earlier run."""
        data.save(self._path)

    def preview(self) -> JSONPreview:
        """Return the card for kedro-viz."""
        return JSONPreview(json.dumps(self.load().card))

    def _exists(self) -> bool:
        return (self._path / "card.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
