"""Ranges of the parameters of this project's forests."""

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
"""Ranges of a forest's parameters."""

BOUNDS: tuple[Range, ...] = (
    ("max_samples", True, 100, np.inf),
    ("max_leaves", True, 2, np.inf),
)
"""Ranges of what keeps trees from growing with the number of rows."""

_OR_NONE = ("max_depth", "max_samples", "max_leaves")
"""Limits that may also be None, for none."""

_LARGEST_TARGET = 1e37
"""Largest absolute target, since leaves are single precision."""


def check_ranges(owner: str, values: Mapping[str, Any], ranges: Iterable[Range]) -> None:
    """Check that parameters are in range.

    Args:
        owner: Name of the class or setting that has the parameters, for the message.
        values: Name -> value; names without a range are ignored.
        ranges: Allowed ranges.

    Raises:
        ConfigurationError: Names the first parameter that is out of range.
    """
    for name, whole, low, high in ranges:
        if name not in values or (name in _OR_NONE and values[name] is None):
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
    """Check that single precision can hold all targets.

    Raises:
        InputError: If a target is too large.
    """
    largest = np.abs(y).max()
    if largest > _LARGEST_TARGET:
        expected = f"targets within +-{_LARGEST_TARGET:g}"
        raise InputError("y", None, expected=expected, found=f"{largest:g}")
