"""Units that are mistaken for one another, each as a factor and an offset.

A mistake turns a true value, in the canonical unit of ``variables.py``, into the value in the
table. Nothing is converted here: the mistakes only serve to name the likely unit.
"""

from __future__ import annotations

from typing import NamedTuple

from uflux_kedro.biophysics.constants import CARBON_MOLAR_MASS, CO2_MOLAR_MASS, DAYS_PER_MONTH

CARBON_PER_MICROMOLE = 86400 * CARBON_MOLAR_MASS * 1e-6
"""gC m-2 d-1 in 1 umol CO2 m-2 s-1: 1.0377."""
_DAY = 86400.0
_MEGAJOULE = 0.0864
_LATENT = 28.4
"""W m-2 that evaporate 1 mm of water a day, at 2.45 MJ kg-1."""


class Mistake(NamedTuple):
    """A wrong unit: the value in the table is ``factor * true + offset``.

    Attributes:
        name: Unit that the numbers have, as text.
        factor: Factor.
        offset: Offset.
    """

    name: str
    factor: float
    offset: float = 0.0


_POWER = (
    Mistake("MJ m-2 d-1", _MEGAJOULE),
    Mistake("J m-2 d-1 (not divided by the seconds of a day)", _DAY),
    Mistake("J m-2 h-1 (not divided by the seconds of an hour)", 3600),
    Mistake("kJ m-2 d-1", 86.4),
    Mistake("J m-2 month-1", _DAY * DAYS_PER_MONTH),
    Mistake("J m-2 a half-hour", 1800),
    Mistake("W m-2 divided by the seconds of a day", 1 / _DAY),
    Mistake("kW m-2", 1e-3),
)
_CARBON = (
    Mistake("gC m-2 month-1", DAYS_PER_MONTH),
    Mistake("gC m-2 yr-1", 365.25),
    Mistake("g CO2 m-2 d-1", CO2_MOLAR_MASS / CARBON_MOLAR_MASS),
    Mistake("kgC m-2 d-1", 1e-3),
    Mistake("mg CO2 m-2 s-1", CO2_MOLAR_MASS / CARBON_MOLAR_MASS / 86.4),
    Mistake("mol CO2 m-2 s-1", 1e-6 / CARBON_PER_MICROMOLE),
    Mistake("kgC m-2 s-1", 1e-3 / _DAY),
    Mistake("mgC m-2 d-1", 1e3),
)
_SCALED = (
    Mistake("integers with a scale of 0.0001", 1e4),
    Mistake("integers with a scale of 0.001", 1e3),
    Mistake("percent", 100),
    Mistake("values scaled twice", 1e-4),
)

MISTAKES: dict[str, tuple[Mistake, ...]] = {
    **dict.fromkeys(
        ("TA", "TA_MIN", "TA_MAX", "TD", "TS"),
        (
            Mistake("K", 1, 273.15),
            Mistake("degF", 1.8, 32),
            Mistake("degC less 273.15 (taken for K)", 1, -273.15),
            Mistake("0.1 degC", 10),
        ),
    ),
    "PA": (
        Mistake("hPa where kPa was meant", 10),
        Mistake("Pa where kPa was meant", 1000),
        Mistake("hPa where Pa was meant", 0.01),
        Mistake("Pa where hPa was meant", 100),
        Mistake("kPa where hPa was meant", 0.1),
        Mistake("kPa where Pa was meant", 0.001),
        Mistake("mmHg", 7.50062),
        Mistake("atm", 1 / 101.325),
    ),
    "VPD": (
        Mistake("kPa where hPa was meant", 0.1),
        Mistake("Pa where hPa was meant", 100),
        Mistake("hPa where kPa was meant", 10),
        Mistake("hPa where Pa was meant", 0.01),
    ),
    **dict.fromkeys(
        ("SW_IN", "LW_IN"),
        (
            *_POWER,
            Mistake("umol photons m-2 s-1 (PPFD)", 2.04),
            Mistake("cal cm-2 d-1 (langley)", 2.065),
        ),
    ),
    **dict.fromkeys(("H", "LE"), (*_POWER, Mistake("mm d-1", 1 / _LATENT))),
    **dict.fromkeys(("GPP", "RECO", "NEE"), _CARBON),
    "P": (
        Mistake("mm month-1", DAYS_PER_MONTH),
        Mistake("mm yr-1", 365.25),
        Mistake("m d-1", 1e-3),
        Mistake("kg m-2 s-1", 1 / _DAY),
        Mistake("inches d-1 (times 25.4)", 25.4),
        Mistake("m month-1", DAYS_PER_MONTH / 1000),
    ),
    "RH": (Mistake("a fraction", 0.01),),
    "SWC": (Mistake("percent", 100),),
    "CO2": (Mistake("mol mol-1", 1e-6), Mistake("mmol mol-1", 1e-3), Mistake("mg m-3", 1.8)),
    "WS": (Mistake("cm s-1", 100), Mistake("km h-1", 3.6), Mistake("knots", 1.944)),
    **dict.fromkeys(("EVI", "EVI2", "NDVI", "NIRv", "LSWI"), _SCALED),
    "LAI": (Mistake("integers with a scale of 0.1", 10), Mistake("values scaled twice", 0.1)),
}
"""Variable -> units that are mistaken for its canonical unit."""


def explanations(variable: str, found: float, low: float, high: float) -> list[Mistake]:
    """Return the mistakes that explain a value, the likeliest first.

    Args:
        variable: Canonical name.
        found: Typical value in the table, or its ratio to a physical yardstick.
        low: Lowest usual true value, on the same scale.
        high: Highest usual true value.
    """
    middle = (low + high) / 2
    fitting = [
        m for m in MISTAKES.get(variable, ()) if low <= (found - m.offset) / m.factor <= high
    ]
    return sorted(fitting, key=lambda m: abs((found - m.offset) / m.factor - middle))
