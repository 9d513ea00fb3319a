"""Which predictors of a member feed the process baseline of its flux.

Light enough to be asked before a run: it imports no library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.variables import parse_predictor, predictor_name

_CARBON = ("SW_IN", "TA", "VPD", "PA")
_ENERGY = ("SW_IN", "LW_IN", "TA", "VPD", "PA")
_NEEDED = {"GPP": _CARBON, "RECO": _CARBON, "NEE": _CARBON, "LE": _ENERGY, "H": _ENERGY}
"""Flux -> variables of one climate that its baseline needs, besides a vegetation index."""
_WELCOME = ("iWUE", "P")
"""Variables of the same climate that baselines use where they are there."""

VEGETATION = ("EVI", "EVI2", "NDVI", "NIRv", "LAI")
"""Vegetation indices that say how much light is absorbed, the first of those present is used."""
_FILLED = "FILLED"
"""Source of vegetation indices without gaps, which come before others."""


@dataclass(frozen=True)
class BaselineInputs:
    """Predictors of a baseline.

    Attributes:
        columns: Canonical variable -> name of the predictor.
        vegetation: The vegetation index among them; empty if there is none.
        missing: What the baseline needs and the predictors lack.
    """

    columns: dict[str, str] = field(default_factory=dict)
    vegetation: str = ""
    missing: tuple[str, ...] = ()

    def require(self, flux: str) -> BaselineInputs:
        """Return this, if nothing is missing.

        Raises:
            ConfigurationError: Naming what is missing.
        """
        if self.missing:
            raise ConfigurationError(
                f"The process baseline of {flux} needs {', '.join(self.missing)}, "
                "which the predictors lack"
            )
        return self


def find_inputs(predictors: Sequence[str], flux: str) -> BaselineInputs:
    """Find the inputs of the baseline of a flux among a member's predictors.

    All climate variables are of one source, the one that lacks fewest.

    Args:
        predictors: Names such as ``ERA5_TA``.
        flux: GPP, RECO, NEE, LE or H.

    Returns:
        The inputs; ``missing`` names what is not there.

    Raises:
        ConfigurationError: If there is no baseline of the flux.
    """
    if flux not in _NEEDED:
        raise ConfigurationError(
            f"There is no process baseline of {flux}: expected one of {', '.join(_NEEDED)}"
        )
    found = {parse_predictor(name): name for name in reversed(predictors)}
    climates = dict.fromkeys(s for s, v in map(parse_predictor, predictors) if v in _ENERGY)
    lacking = {
        source: tuple(predictor_name(source, v) for v in _NEEDED[flux] if (source, v) not in found)
        for source in climates or [""]
    }
    climate = min(lacking, key=lambda source: len(lacking[source]))
    columns = {
        variable: found[climate, variable]
        for variable in (*_NEEDED[flux], *_WELCOME)
        if (climate, variable) in found
    }
    columns |= {name: name for name in ("CO2", "IGBP") if name in predictors}
    vegetation = _vegetation_of(found)
    missing = lacking[climate]
    if vegetation:
        columns |= vegetation
    else:
        missing = (*missing, f"a vegetation index ({', '.join(VEGETATION)})")
    return BaselineInputs(columns, next(iter(vegetation), ""), missing)


def _vegetation_of(found: dict[tuple[str, str], str]) -> dict[str, str]:
    """Return the best vegetation index and its predictor; empty if there is none."""
    for index in VEGETATION:
        sources = [source for source, variable in found if variable == index]
        if sources:
            source = _FILLED if _FILLED in sources else sources[-1]
            return {index: found[source, index]}
    return {}
