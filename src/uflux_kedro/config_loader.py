"""Kedro's configuration, each part of it read once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from kedro.config import OmegaConfigLoader

__all__ = ["OnceLoader"]


class OnceLoader(OmegaConfigLoader):
    """Kedro's loader, which keeps what it has read.

    Kedro, its plugins and the hooks of this project each ask for parameters, globals or the catalog.
    The loader of Kedro reads and parses all files each time, which takes longer than all else that a
    session does before its first node.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return a part of the configuration; a copy, so that changes stay with who makes them."""
        read = self.__dict__.setdefault("_read", {})
        if key not in read:
            read[key] = super().__getitem__(key)
        return deepcopy(read[key])

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a part in place of that in the files."""
        self.__dict__.setdefault("_read", {}).pop(key, None)
        super().__setitem__(key, value)
