"""Labels of axes and other text: names and units from the table of variables."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from uflux_kedro.variables import VARIABLES

RECORDS = {
    "HH": "site-half-hours",
    "DD": "site-days",
    "WW": "site-weeks",
    "MM": "site-months",
    "YY": "site-years",
}
"""Resolution, as FLUXNET writes it -> name of the rows of a table of towers."""

SCHEMES = {
    "loso": "leave-one-site-out",
    "kfold": "grouped k-fold",
    "blocks": "spatial blocks",
    "warmest": "warmest sites held out",
    "driest": "driest sites held out",
    "koppen": "a share of the sites of each Köppen class held out",
    "igbp": "a share of the sites of each IGBP class held out",
}
"""Validation scheme -> its name as text."""

MINUS = "\N{MINUS SIGN}"

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_text(unit: str) -> str:
    """Return a unit for readers: ``gC m⁻² d⁻¹`` for ``gC m-2 d-1``, ``""`` for ``1``."""
    if unit == "1":
        return ""
    words = unit.replace("degC", "°C").replace("degrees_north", "°N").replace("umol", "µmol")
    return re.sub(r"(?<=[A-Za-z])-?\d+", lambda m: m.group().translate(_SUPERSCRIPT), words)


def number(value: float, decimals: int = 2) -> str:
    """Return a number as text with a true minus sign, as in matplotlib's ticks."""
    return f"{value:.{decimals}f}".replace("-", MINUS)


def range_text(low: float, high: float, text: Callable[[float], str] = number) -> str:
    """Return two bounds as text, ``0.10 to 0.25``; empty if one is unknown."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return f"{text(low)} to {text(high)}"


def latitude_text(latitude: float) -> str:
    """Return a latitude in whole degrees as words: ``12° south``."""
    return f"{number(abs(latitude), 0)}° {'north' if latitude >= 0 else 'south'}"


def flux_unit(flux: str) -> str:
    """Return the canonical unit of a flux, for readers."""
    return unit_text(VARIABLES[flux].unit)


def axis_label(flux: str, what: str = "") -> str:
    """Return the label of an axis: ``GPP, tower (gC m⁻² d⁻¹)``."""
    name = f"{flux}, {what}" if what else flux
    return f"{name} ({flux_unit(flux)})"


def range_in_words(values: np.ndarray, unit: str = "") -> str:
    """Return where 98 % of the values lie, for the text that says what is seen: ``0.1 to 9.2 W m⁻²``."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return "no values"
    low, high = np.percentile(known, (1, 99))
    decimals = 2 if max(abs(low), abs(high)) < 10 else 1
    words = f"{number(float(low), decimals)} to {number(float(high), decimals)}"
    return f"{words} {unit}".rstrip()
