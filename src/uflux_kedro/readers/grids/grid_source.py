"""How a family of grids is written: all that a reader declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.variables import VARIABLES, aliases


@dataclass(frozen=True)
class GridSource:
    """How one family of grids is written.

    Attributes:
        name: Name of the source, for messages.
        names: Its own variable names -> canonical names.
        required: Canonical variables without which the source is not complete.
        step: How long its periods are.
        units: What a declared unit means where it says too little: an accumulation without
            its time, or none (``""``) for a reflectance.
        accumulates: Over what radiation and rain pile up to their timestamp: the ``hour`` before
            it, or the ``day`` since 00 UTC. None where they are means of the period.
        flags: Variable of quality flags and the mask of those bits that make a cell missing.
        divides: Whether a scale factor above 1 is what stored numbers are divided by.
        gaps: Whether periods may be missing.
        fill: What stands for a missing value, unpacked, also where the file does not declare it.
    """

    name: str
    names: Mapping[str, str]
    required: tuple[str, ...]
    step: Step = "month"
    units: Mapping[str, str] = field(default_factory=dict)
    accumulates: Literal["hour", "day"] | None = None
    flags: tuple[str, int] | None = None
    divides: bool = False
    gaps: bool = False
    fill: float | None = None

    @classmethod
    def of_family(
        cls,
        family: str,
        optional: tuple[str, ...] = (),
        step: Step = "month",
        units: Mapping[str, str] | None = None,
    ) -> GridSource:
        """Source whose names are the aliases of ``family`` in the table of variables."""
        names = aliases(family)
        required = tuple(v for v in dict.fromkeys(names.values()) if v not in optional)
        return cls(family, names, required, step, units or {})

    def only(self, variables: Sequence[str]) -> GridSource:
        """The same source, of which only these variables are read and all of them required.

        Raises:
            ConfigurationError: If it has no such variable.
        """
        unknown = set(variables) - set(self.names.values())
        if unknown:
            raise ConfigurationError(
                f"{self.name} has no variable {', '.join(sorted(unknown))}: "
                f"expected some of {', '.join(dict.fromkeys(self.names.values()))}"
            )
        names = {alias: v for alias, v in self.names.items() if v in variables}
        return replace(self, names=names, required=tuple(variables))

    def is_accumulated(self, name: str) -> bool:
        """Whether a canonical variable piles up to its timestamp."""
        return self.accumulates is not None and VARIABLES[name].kind == "rate"
