"""Space of a search of hyper-parameters: lists of values and ranges."""

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
    """An interval of numbers, both ends included."""

    model_config = ConfigDict(allow_inf_nan=False)

    low: float
    """Lower end."""

    high: float
    """Upper end."""

    log: bool = False
    """Whether to draw evenly on a logarithmic scale."""

    type: Literal["int", "float"] = "float"
    """``float``, or ``int`` for whole numbers."""

    @model_validator(mode="after")
    def _an_interval(self) -> ParameterRange:
        found = f"low {self.low:g}, high {self.high:g}"
        if self.low >= self.high:
            raise ValueError(f"range: expected low below high, found {found}")
        if self.log and self.low <= 0:
            raise ValueError(f"range with log: expected numbers above 0, found {found}")
        if self.type == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"range of type int: expected whole numbers, found {found}")
        return self


Space = Mapping[str, Sequence[Any] | ParameterRange]
"""Parameter -> its possible values."""


def require_space(space: Space, known: Collection[str], owner: str, method: SearchMethod) -> None:
    """Check the parameters of a search space and their values.

    Args:
        space: The space.
        known: Parameters that can be searched.
        owner: Name of the model that has them, for messages.
        method: ``grid`` accepts only lists.

    Raises:
        ConfigurationError: If the space is empty, or a parameter is unknown or has neither a list
            nor a range; names the parameter.
    """
    if not space:
        raise ConfigurationError(f"{owner}: expected at least one parameter to search, found none")
    for name, choices in space.items():
        if name not in known:
            near = get_close_matches(name, known, n=3)
            raise ConfigurationError(
                f"{owner} has no parameter {name!r} that can be searched; "
                + (f"nearest: {', '.join(near)}" if near else f"expected some of {sorted(known)}")
            )
        if isinstance(choices, ParameterRange):
            if method == "grid":
                raise ConfigurationError(
                    f"{owner}.{name}: method grid takes a list of values, found a range; "
                    "list the values, or use method optuna"
                )
        elif isinstance(choices, str) or not isinstance(choices, Sequence) or not choices:
            raise ConfigurationError(
                f"{owner}.{name}: expected a list of values or a range, found {choices!r}"
            )


def grid(space: Space) -> list[dict[str, Any]]:
    """Return every combination of the lists of a space; the last parameter varies fastest."""
    return [dict(zip(space, values, strict=True)) for values in product(*space.values())]
