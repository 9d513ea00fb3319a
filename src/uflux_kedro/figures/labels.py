"""Words on axes: names and units out of the table of variables."""

from __future__ import annotations

import re

from uflux_kedro.variables import VARIABLES

RECORDS = {
    "HH": "site-half-hours",
    "DD": "site-days",
    "WW": "site-weeks",
    "MM": "site-months",
    "YY": "site-years",
}
"""Resolution, as FLUXNET writes it -> what one row of a table of towers is."""

SCHEMES = {
    "loso": "leave-one-site-out",
    "kfold": "grouped k-fold",
    "blocks": "spatial blocks",
}
"""Validation scheme -> its name in words."""

MINUS = "\N{MINUS SIGN}"

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_text(unit: str) -> str:
    """A unit for readers: ``gC m-2 d-1`` becomes ``gC m⁻² d⁻¹``; dimensionless gives ``""``."""
    if unit == "1":
        return ""
    words = unit.replace("degC", "°C").replace("umol", "µmol")
    return re.sub(r"(?<=[A-Za-z])-?\d+", lambda m: m.group().translate(_SUPERSCRIPT), words)


def number(value: float, decimals: int = 2) -> str:
    """A number with a true minus sign, as matplotlib writes its ticks."""
    return f"{value:.{decimals}f}".replace("-", MINUS)


def flux_unit(flux: str) -> str:
    """Canonical unit of a flux, for readers."""
    return unit_text(VARIABLES[flux].unit)


def axis_label(flux: str, what: str = "") -> str:
    """Label of an axis: ``GPP, tower (gC m⁻² d⁻¹)``."""
    name = f"{flux}, {what}" if what else flux
    return f"{name} ({flux_unit(flux)})"
