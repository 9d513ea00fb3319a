"""What nature leaves between the seasons of vegetation, weather, fluxes and the sun."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from uflux_kedro.variables import FLUXES, VARIABLES, parse_predictor

SUN = "SUN"
"""The radiation above the atmosphere, which follows from latitude and date alone."""

_FAMILIES = {"TA_MIN": "TA", "TA_MAX": "TA", "EVI2": "EVI", "CSIF": "SIF"}

VEGETATION = ("EVI", "NIRv", "NDVI", "LAI", "SIF")


class Natural(NamedTuple):
    """Lag that nature leaves between two seasons, months.

    Attributes:
        middle: Usual lag of the first behind the second.
        site: How far a healthy site may be from it.
        pooled: How far the median of healthy sites may be from it.
    """

    middle: float
    site: float
    pooled: float


NATURAL_LAGS: dict[tuple[str, str], Natural] = {
    # The sun drives, temperature follows a month behind; clouds and rainy seasons move both.
    ("SW_IN", SUN): Natural(-0.05, 0.65, 0.3),
    ("TA", SUN): Natural(1.0, 0.8, 0.35),
    ("LW_IN", SUN): Natural(1.15, 1.0, 0.4),
    ("SW_IN", "TA"): Natural(-1.05, 0.8, 0.35),
    ("LW_IN", "TA"): Natural(0.1, 1.1, 0.4),
    # Two sources of the same.
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
    # Leaves and what they take up; snow, drought and harvest move one against the other.
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
"""Lag of the first behind the second. Ranges are those of 138 towers of FLUXNET2015 in both
hemispheres from 37 S to 79 N, and a tenth more for towers yet unseen. Pairs that nature does not tie
(grassland under summer drought breathes half a year before the warmest month) are left out."""


def family(column: str) -> str:
    """Which season a column has: ``ERA_TA_MIN`` that of TA."""
    name = parse_predictor(column)[1] or column
    return _FAMILIES.get(name, name)


def kind(column: str) -> str:
    """Vegetation, flux, weather, or the sun."""
    name = family(column)
    if name in (*VEGETATION, SUN):
        return "vegetation" if name != SUN else SUN
    return "flux" if name in FLUXES else "weather"


def seasonal_columns(columns: Iterable[str]) -> list[str]:
    """Those of the columns of a table of towers whose seasons can be judged."""
    known = {name for pair in NATURAL_LAGS for name in pair}
    return [c for c in columns if parse_predictor(c)[1] in VARIABLES and family(c) in known]
