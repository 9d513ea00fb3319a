"""Parameters of our forests within their ranges, refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from uflux_kedro.errors import ConfigurationError, InputError

Range = tuple[str, bool, float, float]
"""Parameter, whether it is a whole number, its lowest and highest value."""

GROWTH_RANGES: tuple[Range, ...] = (
    ("n_trees", True, 1, np.inf),
    ("max_depth", True, 1, np.inf),
    ("min_samples_split", True, 2, np.inf),
    ("min_samples_leaf", True, 1, np.inf),
)
"""Those of a forest; ``max_depth`` may be None, for no limit."""

_LARGEST_TARGET = 1e37
"""Leaves are single precision."""


def check_ranges(owner: str, values: Mapping[str, Any], ranges: Iterable[Range]) -> None:
    """Refuse a value out of its range.

    Args:
        owner: Whose parameters they are, for the message.
        values: Name -> value; what is not among ``ranges`` is not looked at.
        ranges: What is allowed.

    Raises:
        ConfigurationError: Naming the parameter.
    """
    for name, whole, low, high in ranges:
        if name not in values or (name == "max_depth" and values[name] is None):
            continue
        value = values[name]
        kinds = (int, np.integer) if whole else (int, float, np.number)
        if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigurationError(
                f"{owner}({name}={value!r}): expected "
                f"{'a whole number' if whole else 'a finite number'} of at least {low}"
                + (f" and at most {high}" if high < np.finfo(float).max else "")
            )


def check_targets(y: np.ndarray) -> None:
    """Refuse targets that single precision cannot hold.

    Raises:
        InputError: If there are some.
    """
    largest = np.abs(y).max()
    if largest > _LARGEST_TARGET:
        expected = f"targets within +-{_LARGEST_TARGET:g}"
        raise InputError("y", None, expected=expected, found=f"{largest:g}")
