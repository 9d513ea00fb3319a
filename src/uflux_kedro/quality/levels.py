"""Units from levels: each site's typical value against the range that physics allows there.

The range is relative to a yardstick where there is one: the barometric formula for pressure,
radiation above the atmosphere for radiation at the ground, saturation for the vapour pressure
deficit, radiation for the fluxes that it drives. Ranges are wide enough for every tower of the
FLUXNET family; a wrong unit is mostly a factor of ten or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from uflux_kedro.biophysics.radiation import (
    STEFAN_BOLTZMANN,
    ZERO_CELSIUS,
    top_of_atmosphere_radiation,
)
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure
from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.mistakes import explanations
from uflux_kedro.quality.natural import SUN
from uflux_kedro.variables import VARIABLES, parse_predictor, predictor_name


class Yardstick(NamedTuple):
    """Plausible range of a site's typical value.

    Attributes:
        low: Lowest plausible typical value, or lowest ratio to the yardstick.
        high: Highest plausible typical value, or highest ratio.
        against: Yardstick by which the typical value is divided; None for the value itself.
        words: Name of the value or ratio, for messages.
        usual: Range of nearly all towers; a unit explains a value if it brings it into this range.
        quantile: Quantile of a site's values that is its typical value; -1 for the mean.
    """

    low: float
    high: float
    against: str | None
    words: str
    usual: tuple[float, float]
    quantile: float = 0.5


_FLUX = 0.9  # the growing season shows the unit; values of winter are near 0 in any unit
_DEGREES = Yardstick(-32, 36, None, "typical temperature, degC", (-20, 32))
_BY_SUN = Yardstick(
    0.0003, 0.12, "SW_IN", "gC m-2 d-1 per W m-2 of radiation", (0.004, 0.08), _FLUX
)
_SEASON = "growing-season value"
_INDEX = Yardstick(-0.1, 0.9, None, _SEASON, (0.08, 0.75), _FLUX)
_OF_SUN = "ratio to shortwave radiation"

YARDSTICKS: dict[str, tuple[Yardstick, ...]] = {
    "PA": (
        Yardstick(
            0.93, 1.07, "PRESSURE", "ratio to the standard pressure at its elevation", (0.95, 1.05)
        ),
        Yardstick(48, 107, None, "typical pressure, kPa", (55, 104)),
    ),
    "TA": (_DEGREES,),
    "TS": (_DEGREES,),
    "TD": (_DEGREES,),
    "TA_MIN": (_DEGREES,),
    "TA_MAX": (_DEGREES._replace(high=43),),
    "SW_IN": (
        Yardstick(0.2, 0.88, SUN, "ratio to the radiation above the atmosphere", (0.36, 0.78)),
    ),
    "LW_IN": (
        Yardstick(0.5, 1.1, "BLACK_BODY", "ratio to a black body at air temperature", (0.6, 1.0)),
        Yardstick(120, 470, None, "typical radiation, W m-2", (180, 430)),
    ),
    "VPD": (
        Yardstick(0.035, 2.0, "SATURATION", "ratio to saturation at air temperature", (0.08, 0.8)),
        Yardstick(0.3, 45, None, "typical deficit, hPa", (1.0, 30)),
    ),
    "P": (Yardstick(0.02, 20, None, "mean precipitation, mm d-1", (0.2, 10), -1),),
    "WS": (Yardstick(0.1, 14, None, "typical wind, m s-1", (0.5, 8)),),
    "CO2": (Yardstick(320, 520, None, "typical mole fraction, umol mol-1", (340, 480)),),
    "RH": (Yardstick(5, 105, None, "typical humidity, %", (10, 100)),),
    "SWC": (Yardstick(0.005, 0.95, None, "typical content, m3 m-3", (0.01, 0.8)),),
    "LE": (Yardstick(0.03, 1.2, "SW_IN", _OF_SUN, (0.06, 0.8), _FLUX),),
    "H": (Yardstick(0.02, 1.2, "SW_IN", _OF_SUN, (0.06, 0.8), _FLUX),),
    "GPP": (_BY_SUN, Yardstick(0.05, 30, None, f"{_SEASON}, gC m-2 d-1", (0.5, 20), _FLUX)),
    "RECO": (_BY_SUN, Yardstick(0.05, 30, None, f"{_SEASON}, gC m-2 d-1", (0.5, 20), _FLUX)),
    "EVI": (_INDEX,),
    "EVI2": (_INDEX,),
    "NDVI": (_INDEX._replace(high=1.0, usual=(0.15, 0.95)),),
    "NIRv": (_INDEX._replace(low=-0.05, high=0.7, usual=(0.03, 0.5)),),
    "LAI": (Yardstick(0.01, 9, None, _SEASON, (0.3, 7), _FLUX),),
}
"""Variable -> yardsticks; each site is judged by the first that can be computed there."""

_LEAST_ROWS = 6
_ROWS = 2**18
_COLDEST, _HOTTEST = VARIABLES["TA"].lower, VARIABLES["TA"].upper


def check_levels(towers: pd.DataFrame, sites: pd.DataFrame) -> list[Finding]:
    """Find columns with levels that point to another unit.

    Args:
        towers: Canonical towers; values may be out of bounds.
        sites: ``site_id``, ``latitude``, ``elevation`` (m, NaN where unknown).

    Returns:
        One finding per column and explanation, with its sites; a note where no common unit
        explains the level.
    """
    codes, names = pd.factorize(towers["site_id"], sort=True)
    place = sites.set_index("site_id").reindex(names)
    references = _references(towers, codes, place)
    findings = []
    for column in towers:
        _, name = parse_predictor(str(column))
        if name not in YARDSTICKS:
            continue
        values = towers[column].to_numpy(float)
        judged = np.zeros(len(names), bool)
        unlikely: dict[tuple[str, str], list[tuple[str, float]]] = {}
        for yardstick in YARDSTICKS[name]:
            typical = _typical(values, codes, len(names), yardstick.quantile)
            if yardstick.against is not None:
                typical = typical / references(yardstick.against, str(column), yardstick.quantile)
            now = np.isfinite(typical) & ~judged
            judged |= now
            for i in np.flatnonzero(
                now & ~((typical >= yardstick.low) & (typical <= yardstick.high))
            ):
                found = explanations(name, typical[i], *yardstick.usual)
                unit = " or ".join(m.name for m in found[:2])
                key = (unit, yardstick.words)
                unlikely.setdefault(key, []).append((str(names[i]), float(typical[i])))
        findings += [
            _finding(str(column), name, unit, words, cases)
            for (unit, words), cases in unlikely.items()
        ]
    return findings


def _finding(
    column: str, name: str, unit: str, words: str, cases: list[tuple[str, float]]
) -> Finding:
    values = [v for _, v in cases]
    spread = f"{min(values):.4g}" + (f" to {max(values):.4g}" if len(values) > 1 else "")
    bounds = next(y for y in YARDSTICKS[name] if y.words == words)
    return Finding(
        "units",
        column,
        tuple(sorted(s for s, _ in cases)),
        expected=f"{column} in {VARIABLES[name].unit}: {words} {bounds.low:g} to {bounds.high:g}",
        found=f"{words} {spread}"
        + (f"; likely unit: {unit}" if unit else "; no common unit explains it"),
        weight="defect" if unit else "note",
    )


def _references(
    towers: pd.DataFrame, codes: np.ndarray, place: pd.DataFrame
) -> Callable[[str, str, float], np.ndarray]:
    """Return a function of yardstick, column and quantile: its value at each site, or NaN."""
    size = len(place)

    def same_source(name: str, column: str) -> np.ndarray | None:
        source, _ = parse_predictor(column)
        others = (c for c in towers if parse_predictor(str(c))[1] == name)
        for candidate in (predictor_name(source, name), name, *others):
            if candidate in towers:
                return towers[candidate].to_numpy(float)
        return None

    def reference(against: str, column: str, quantile: float) -> np.ndarray:
        nothing = np.full(size, np.nan)
        if against == "PRESSURE":
            # Barometric formula of the standard atmosphere; Allen et al. (1998), equation 7.
            return 101.3 * ((293 - 0.0065 * place["elevation"].to_numpy(float)) / 293) ** 5.26
        if against == SUN:
            latitude = place["latitude"].to_numpy(float)[codes]
            day = towers["time"].dt.day_of_year.to_numpy() + 14 * (
                towers.attrs.get("resolution", "MM") == "MM"
            )
            sun = _in_parts(top_of_atmosphere_radiation, latitude, day)
            present = np.isfinite(towers[column].to_numpy(float))
            return _typical(np.where(present, sun, np.nan), codes, size, quantile)
        if against == "SW_IN":
            # Measured radiation may be wrong itself; about half of the sun's reaches the ground.
            return 0.5 * reference(SUN, column, quantile)
        TA = same_source("TA", column)
        if TA is None:
            return nothing
        # A temperature in kelvin cannot be a yardstick.
        TA = np.where((TA > _COLDEST) & (TA < _HOTTEST), TA, np.nan)
        if against == "SATURATION":
            return _typical(_in_parts(saturation_vapour_pressure, TA), codes, size, quantile)
        return _typical(STEFAN_BOLTZMANN * (TA + ZERO_CELSIUS) ** 4, codes, size, quantile)

    return reference


def _in_parts(function: Callable[..., ArrayLike], *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of single rows to some rows at a time: its intermediate arrays are many."""
    result = np.empty(len(arrays[0]))
    for start in range(0, len(result), _ROWS):
        part = slice(start, start + _ROWS)
        result[part] = function(*(array[part] for array in arrays))
    return result


def _typical(values: np.ndarray, codes: np.ndarray, size: int, quantile: float) -> np.ndarray:
    """Return a quantile of each site's values, or their mean if ``quantile`` is -1."""
    groups = pd.Series(values).groupby(codes)
    typical = groups.mean() if quantile == -1 else groups.quantile(quantile)
    return typical.where(groups.count() >= _LEAST_ROWS).reindex(range(size)).to_numpy(float)
