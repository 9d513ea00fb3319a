"""What a search of hyper-parameters may choose from: lists of values, and ranges."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.schemas import Parameters

SearchMethod = Literal["grid", "optuna"]


class ParameterRange(Parameters):
    """An interval of numbers, both ends included.

    Attributes:
        low: Lower end.
        high: Upper end.
        log: Whether to draw evenly on a logarithmic scale.
        type: ``float``, or ``int`` for whole numbers.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    low: float
    high: float
    log: bool = False
    type: Literal["int", "float"] = "float"

    @model_validator(mode="after")
    def _an_interval(self) -> ParameterRange:
        found = f"low {self.low:g}, high {self.high:g}"
        if self.low >= self.high:
            raise ValueError(f"expected low below high, found {found}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale needs numbers above 0, found {found}")
        if self.type == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"expected whole numbers for type int, found {found}")
        return self


Space = Mapping[str, Sequence[Any] | ParameterRange]
"""Parameter -> what it may be."""


def require_space(space: Space, known: Collection[str], owner: str, method: SearchMethod) -> None:
    """Refuse a space in which nothing, or not what was meant, would be searched.

    Args:
        space: The space.
        known: Parameters that can be searched.
        owner: Whose they are, for messages.
        method: ``grid`` takes lists alone.

    Raises:
        ConfigurationError: Names the parameter and what was expected of it.
    """
    if not space:
        raise ConfigurationError(f"{owner}: expected at least one parameter to search, found none")
    for name, choices in space.items():
        if name not in known:
            near = get_close_matches(name, known, n=3)
            raise ConfigurationError(
                f"{owner} has no parameter {name!r} that could be searched; "
                + (f"nearest: {', '.join(near)}" if near else f"expected some of {sorted(known)}")
            )
        if isinstance(choices, ParameterRange):
            if method == "grid":
                raise ConfigurationError(
                    f"{owner}.{name}: a grid takes a list of values, found a range; "
                    "list the values, or search by optuna"
                )
        elif isinstance(choices, str) or not isinstance(choices, Sequence) or not choices:
            raise ConfigurationError(
                f"{owner}.{name}: expected a list of values or a range, found {choices!r}"
            )


def grid(space: Space) -> list[dict[str, Any]]:
    """Every combination of the lists of a space that :func:`require_space` let pass.

    The last parameter runs fastest.
    """
    return [dict(zip(space, values, strict=True)) for values in product(*space.values())]
