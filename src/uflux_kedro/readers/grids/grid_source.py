"""Description of the files of a gridded source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.variables import VARIABLES, aliases


@dataclass(frozen=True)
class GridSource:
    """Description of the files of one family of grids.

    Attributes:
        name: Name of the source, for messages.
        names: Variable names in the files -> canonical names.
        required: Canonical variables that must be present.
        step: Length of the periods.
        units: Unit declared in the files -> unit as pint reads it, where the declared one is
            incomplete: an accumulation without its time, or none (``""``) for a reflectance.
        accumulates: Period over which radiation and rain are accumulated up to their timestamp:
            the ``hour`` before it, or the ``day`` since 00 UTC. None if they are means.
        flags: Variable with quality flags, and the mask of the bits that make a cell missing.
        divides: Whether stored numbers are divided by a scale factor above 1.
        gaps: Whether periods may be missing.
        fill: Unpacked fill value, used even if the file does not declare it.
        future: Whether periods may begin after today, as in projections.
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
    future: bool = False

    @classmethod
    def of_family(
        cls,
        family: str,
        optional: tuple[str, ...] = (),
        step: Step = "month",
        units: Mapping[str, str] | None = None,
    ) -> GridSource:
        """Make a source with the aliases of ``family`` in the table of variables."""
        names = aliases(family)
        required = tuple(v for v in dict.fromkeys(names.values()) if v not in optional)
        return cls(family, names, required, step, units or {})

    def only(self, variables: Sequence[str]) -> GridSource:
        """Return the same source with only these variables, all of them required.

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
        """Return whether a canonical variable is accumulated up to its timestamp."""
        return self.accumulates is not None and VARIABLES[name].kind == "rate"
