"""Usual lags between the seasons of vegetation, weather, fluxes and the sun."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from uflux_kedro.variables import FLUXES, VARIABLES, parse_predictor

SUN = "SUN"
"""Radiation above the atmosphere, which follows from latitude and date alone."""

_FAMILIES = {"TA_MIN": "TA", "TA_MAX": "TA", "EVI2": "EVI", "CSIF": "SIF"}

VEGETATION = ("EVI", "NIRv", "NDVI", "LAI", "SIF")


class Natural(NamedTuple):
    """Natural range of the lag between two seasons, months.

    Attributes:
        middle: Usual lag of the first behind the second.
        site: Largest deviation from it at a healthy site.
        pooled: Largest deviation of the median of healthy sites.
    """

    middle: float
    site: float
    pooled: float


NATURAL_LAGS: dict[tuple[str, str], Natural] = {
    # Temperature follows the sun by a month; clouds and rainy seasons shift radiation and warmth.
    ("SW_IN", SUN): Natural(-0.05, 0.65, 0.3),
    ("TA", SUN): Natural(1.0, 0.8, 0.35),
    ("LW_IN", SUN): Natural(1.15, 1.0, 0.4),
    ("SW_IN", "TA"): Natural(-1.05, 0.8, 0.35),
    ("LW_IN", "TA"): Natural(0.1, 1.1, 0.4),
    # Two sources of the same variable.
    ("SW_IN", "SW_IN"): Natural(0.0, 0.3, 0.15),
    ("TA", "TA"): Natural(0.0, 0.5, 0.25),
    ("VPD", "VPD"): Natural(0.0, 0.5, 0.25),
    ("LW_IN", "LW_IN"): Natural(0.0, 0.5, 0.25),
    **{(a, a): Natural(0.0, 0.5, 0.25) for a in VEGETATION},
    ("EVI", "NIRv"): Natural(0.0, 0.5, 0.25),
    ("EVI", "NDVI"): Natural(-0.1, 1.2, 0.35),
    ("NIRv", "NDVI"): Natural(-0.1, 1.2, 0.35),
    ("EVI", "LAI"): Natural(0.0, 0.9, 0.3),
    ("NIRv", "LAI"): Natural(0.0, 0.9, 0.3),
    ("LAI", "NDVI"): Natural(-0.2, 1.2, 0.35),
    # Leaves and their fluxes; snow, drought and harvest shift one against the other.
    ("EVI", "GPP"): Natural(0.25, 1.4, 0.45),
    ("NIRv", "GPP"): Natural(0.25, 1.4, 0.45),
    ("LAI", "GPP"): Natural(0.2, 1.4, 0.45),
    ("NDVI", "GPP"): Natural(0.4, 1.6, 0.5),
    ("SIF", "GPP"): Natural(0.0, 1.4, 0.45),
    ("EVI", "RECO"): Natural(0.05, 1.9, 0.5),
    ("NIRv", "RECO"): Natural(0.05, 1.9, 0.5),
    ("LAI", "RECO"): Natural(0.0, 1.5, 0.45),
    ("EVI", "LE"): Natural(0.4, 2.6, 0.6),
    ("NIRv", "LE"): Natural(0.4, 2.6, 0.6),
    ("LAI", "LE"): Natural(0.35, 2.6, 0.6),
    ("GPP", "RECO"): Natural(-0.2, 1.2, 0.4),
    ("GPP", "LE"): Natural(0.1, 1.3, 0.45),
    ("RECO", "LE"): Natural(0.35, 1.6, 0.5),
}
"""Pair of seasons -> lag of the first behind the second. Ranges are those of 138 towers of
FLUXNET2015 in both hemispheres from 37 S to 79 N, widened by a tenth for other towers. Unrelated
pairs are not in the table (grassland with summer drought respires half a year before the warmest
month)."""


def family(column: str) -> str:
    """Return the variable with the same season as a column: TA for ``ERA_TA_MIN``."""
    name = parse_predictor(column)[1] or column
    return _FAMILIES.get(name, name)


def kind(column: str) -> str:
    """Return the kind of a column: vegetation, flux, weather, or :data:`SUN`."""
    name = family(column)
    if name == SUN:
        return SUN
    if name in VEGETATION:
        return "vegetation"
    return "flux" if name in FLUXES else "weather"


def seasonal_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns with a season that can be judged."""
    known = {name for pair in NATURAL_LAGS for name in pair}
    return [c for c in columns if parse_predictor(c)[1] in VARIABLES and family(c) in known]
