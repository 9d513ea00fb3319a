"""Keyword arguments of nodes, whose names begin with what they are and end with a flux or figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def named(prefix: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts whose names begin with a prefix, by what follows it."""
    return {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
