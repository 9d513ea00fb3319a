"""A fitted member of the ensemble: a folder without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from uflux_kedro.models.fitted import FittedMember


class FittedMemberDataset(AbstractDataset[FittedMember, FittedMember]):
    """Save and load a :class:`~uflux_kedro.models.fitted.FittedMember`.

    Args:
        filepath: Folder of the member.
        metadata: Kedro's free field.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> FittedMember:
        """Read the member's card; its estimator is read at the first prediction."""
        return FittedMember.load(self._path)

    def save(self, data: FittedMember) -> None:
        """Write the member, replacing what an earlier run left."""
        data.save(self._path)

    def _exists(self) -> bool:
        return (self._path / "card.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
