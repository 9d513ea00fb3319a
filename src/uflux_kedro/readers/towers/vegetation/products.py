"""Products of MODIS at towers: their columns, and which bits of their quality mean a good value.

Sources: the user guides of MCD43 (V006/V061), MOD09 (version 6, tables 10, 13, 15) and MOD13 (V061, table 5).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

BANDS = ("RED", "NIR", "BLUE", "SWIR")
"""Reflectances, 0-1: 620-670, 841-876, 459-479 and 1628-1652 nm."""
_NUMBERS = {"RED": 1, "NIR": 2, "BLUE": 3, "SWIR": 6}
"""Band -> its number in MODIS."""
READY = ("NDVI", "EVI")
"""Indices that a product may hold ready-made."""

_STATE_BITS = {
    # first bit, number of bits, clear values
    "cloud": (0, 2, (0,)),
    "shadow": (2, 1, (0,)),
    "land": (3, 3, (1,)),
    "aerosol": (6, 2, (0, 1, 2)),
    "cirrus": (8, 2, (0, 1)),
    "cloud by the reflectances": (10, 1, (0,)),
    "next to cloud": (13, 1, (0,)),
}
_SNOW_BITS = (12, 15)
_GOOD_INVERSIONS = (0, 1)
"""Full inversion of the reflectance's angular model, and one of its magnitude alone."""
_USEFUL, _SNOW = (0, 1), 2
"""Reliability of a composite of MOD13: good and marginal; snow. 3 is cloud."""
_QUALITY_BITS = {band: 2 + 4 * (number - 1) for band, number in _NUMBERS.items()}
"""First of the four bits with the quality of a band of MOD09; 0 is the highest quality."""

Mask = Callable[[pd.DataFrame, bool], Mapping[str, np.ndarray]]
"""Takes a table with quality and whether snow is kept; returns variable -> where it is good."""


@dataclass(frozen=True)
class Product:
    """A product of MODIS.

    Attributes:
        name: Such as MCD43A4.
        values: Variable -> its names in tables, without the product's own prefix.
        quality: Word of quality -> its names.
        good: Which values are good.
        days: Days that a value stands for, from its date on.
        normalised: Whether reflectances are those of one view from above (BRDF).
        lowest: Lowest stored value that is none of the fill values.
        other: Product of the other satellite with the same columns.
    """

    name: str
    values: Mapping[str, tuple[str, ...]]
    quality: Mapping[str, tuple[str, ...]]
    good: Mask
    days: int = 1
    normalised: bool = False
    lowest: float = -99.0
    other: str = field(default="")

    def columns(self, header: Collection[str]) -> dict[str, str]:
        """Return variable or word of quality -> its column, of those that a header has."""
        names = {**self.values, **self.quality}
        found = {
            ours: next((n for n in theirs if n in header), "") for ours, theirs in names.items()
        }
        return {ours: column for ours, column in found.items() if column}

    def lacks(self, columns: Collection[str]) -> list[str]:
        """Return the names of what a table must have beside these variables and words."""
        if not {"RED", "NIR"} <= {*columns} and "NDVI" not in columns:
            wanted = [v for v in ("RED", "NIR") if v in self.values and v not in columns]
            return [self.values[v][0] for v in wanted]
        if self.normalised:
            words = [f"QUALITY_{band}" for band in BANDS if band in columns]
        elif "RELIABILITY" in self.quality:
            words = ["RELIABILITY"]
        else:
            words = [*self.quality]
        return [self.quality[w][0] for w in words if w not in columns]


def _by_inversion(table: pd.DataFrame, _: bool) -> dict[str, np.ndarray]:
    return {
        band: table[f"QUALITY_{band}"].isin(_GOOD_INVERSIONS).to_numpy()
        for band in BANDS
        if f"QUALITY_{band}" in table
    }


def _by_state(table: pd.DataFrame, keep_snow: bool) -> dict[str, np.ndarray]:
    bits = _integers(table["STATE"])
    clear = table["STATE"].notna().to_numpy()
    for first, number, values in _STATE_BITS.values():
        clear = clear & np.isin((bits >> first) & ((1 << number) - 1), values)
    if not keep_snow:
        for bit in _SNOW_BITS:
            clear = clear & ((bits >> bit) & 1 == 0)
    quality = _integers(table["QUALITY"])
    return {band: clear & ((quality >> bit) & 0b1111 == 0) for band, bit in _QUALITY_BITS.items()}


def _by_reliability(table: pd.DataFrame, keep_snow: bool) -> dict[str, np.ndarray]:
    good = (*_USEFUL, _SNOW) if keep_snow else _USEFUL
    # SummaryQA of Earth Engine holds the reliability in its first two bits.
    reliable = table["RELIABILITY"].isin(good).to_numpy()
    return dict.fromkeys((*BANDS, *READY), reliable)


def _integers(words: pd.Series) -> np.ndarray:
    """Convert bit fields to integers; all bits are set where the value is missing."""
    return words.where(words.between(0, 2**32 - 1), 2**32 - 1).to_numpy(np.int64)


def _surface(number: int, ending: str = "") -> tuple[str, ...]:
    return tuple(dict.fromkeys((f"sur_refl_b{number:02d}{ending}", f"sur_refl_b{number:02d}")))


_VI = {"RED": "red", "NIR": "NIR", "BLUE": "blue"}

PRODUCTS = (
    Product(
        "MCD43A4",
        {band: (f"Nadir_Reflectance_Band{n}",) for band, n in _NUMBERS.items()},
        {
            f"QUALITY_{band}": (f"BRDF_Albedo_Band_Mandatory_Quality_Band{n}",)
            for band, n in _NUMBERS.items()
        },
        _by_inversion,
        normalised=True,
    ),
    Product(
        "MOD09GA",
        {band: _surface(n, "_1") for band, n in _NUMBERS.items()},
        {"STATE": ("state_1km_1", "state_1km"), "QUALITY": ("QC_500m_1", "QC_500m")},
        _by_state,
        other="MYD09GA",
    ),
    Product(
        "MOD09A1",
        {band: _surface(n) for band, n in _NUMBERS.items()},
        {
            "STATE": ("sur_refl_state_500m", "StateQA"),
            "QUALITY": ("sur_refl_qc_500m", "QA"),
        },
        _by_state,
        days=8,
        other="MYD09A1",
    ),
    *(
        Product(
            name,
            {
                **{
                    band: (
                        f"{side}_16_days_{colour}_reflectance",
                        f"sur_refl_b{_NUMBERS[band]:02d}",
                    )
                    for band, colour in _VI.items()
                },
                **{index: (f"{side}_16_days_{index}", index) for index in READY},
            },
            {"RELIABILITY": (f"{side}_16_days_pixel_reliability", "SummaryQA")},
            _by_reliability,
            days=16,
            lowest=-2000.0,
            other=name.replace("MOD", "MYD"),
        )
        for name, side in (("MOD13Q1", "250m"), ("MOD13A1", "500m"))
    ),
)
"""The best first: reflectance normalised for the angles of sun and view, then single days, then composites."""

BY_NAME: Mapping[str, Product] = {n: p for p in PRODUCTS for n in (p.name, p.other) if n}
RANK: Mapping[str, int] = {name: rank for rank, name in enumerate(BY_NAME)}


def product_of(header: Collection[str]) -> Product | None:
    """Return the product whose words of quality a header has, else the one whose values; None if none."""
    for wanted in ("quality", "values"):
        for product in PRODUCTS:
            names = (n for theirs in getattr(product, wanted).values() for n in theirs)
            if any(name in header for name in names):
                return product
    return None
