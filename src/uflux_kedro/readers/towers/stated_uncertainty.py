"""What ONEFlux's tables say of the uncertainty of a flux, as columns beside it.

All are one standard deviation, in the flux's unit:

- ``<flux>_RANDUNC``: random error of the turbulent flux, of NEE, H and LE.
- ``<flux>_PROCUNC``: processing. For NEE, GPP and RECO the spread over the ustar thresholds
  (``VUT`` percentiles); for H and LE the spread over the factors that close the energy balance.
- ``<flux>_UNC``: both together, where a table states only the joint uncertainty.
- ``GPP_DT``, ``RECO_DT`` (or ``_NT``): the flux by the other partitioning.

ONEFlux joins them as ``JOINTUNC``, the root of RANDUNC squared plus ((p84 - p16) / 2) squared for NEE,
and ((p75 - p25) / 1.349) squared for H and LE (Pastorello et al. 2020, doi 10.1038/s41597-020-0534-3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.single_tower import Columns
from uflux_kedro.variables import FLUXES

_SPREADS: tuple[tuple[str, str, float], ...] = (
    ("16", "84", 2.0),
    ("25", "75", 1.349),
    ("05", "95", 3.290),
)
"""Percentiles, and the number of standard deviations between them in a normal distribution."""


@dataclass(frozen=True)
class _Derived:
    """A standard deviation that is computed from two columns.

    Attributes:
        columns: The two columns.
        compute: Function of both.
    """

    columns: tuple[str, str]
    compute: Callable[[pd.Series, pd.Series], pd.Series]


def with_stated_uncertainty(
    columns: Columns, header: Collection[str], parameters: TowerParameters
) -> Columns:
    """Add the columns beside the fluxes for which a table of ONEFlux has values.

    Args:
        columns: Columns of the fluxes and the weather, with the units of the fluxes.
        header: Names of the table's columns.
        parameters: Partitioning and energy balance.

    Returns:
        The columns with those of the uncertainty; unchanged if the table states none.
    """
    wanted: dict[str, str | None] = {}
    derived: dict[str, _Derived] = {}
    other = "DT" if parameters.partition == "NT" else "NT"
    for flux in [f for f in FLUXES if columns.variables.get(f) in header]:
        column = columns.variables[flux]
        if f"_{parameters.partition}_" in column:
            wanted[f"{flux}_{other}"] = column.replace(f"_{parameters.partition}_", f"_{other}_")
        found = _processing(column, header)
        random, joint = _random_and_joint(flux, column)
        wanted[f"{flux}_RANDUNC"] = random
        if found is not None:
            derived[f"{flux}_PROCUNC"] = found
        elif random and joint and {random, joint} <= set(header):
            derived[f"{flux}_PROCUNC"] = _Derived((joint, random), _without)
        else:
            wanted[f"{flux}_UNC"] = joint
    direct = {ours: theirs for ours, theirs in wanted.items() if theirs and theirs in header}
    if not direct and not derived:
        return columns
    units = {n: columns.units[f] for n in (*direct, *derived)
             if (f := n.rpartition("_")[0]) in columns.units}  # fmt: skip
    return replace(
        columns,
        variables={**columns.variables, **direct, **{name: name for name in derived}},
        units={**columns.units, **units},
        complete=_completion(derived, columns.complete),
        also=(*columns.also, *(c for one in derived.values() for c in one.columns)),
        added=(*columns.added, *derived),
    )


def _processing(column: str, header: Collection[str]) -> _Derived | None:
    """Return the spread of a flux over the versions of its processing, from the best percentiles."""
    stem, _, version = column.rpartition("_")
    if version == "MDS":  # H and LE as measured have one version
        return None
    if version == "CORR":
        stem, spreads = column, _SPREADS[1:2]
    else:
        spreads = _SPREADS
    for low, high, deviations in spreads:
        pair = (f"{stem}_{high}", f"{stem}_{low}")
        if set(pair) <= set(header):
            return _Derived(pair, partial(_spread, deviations))
    return None


def _random_and_joint(flux: str, column: str) -> tuple[str | None, str | None]:
    """Return the columns of the random and of the joint uncertainty; None where there is none."""
    if flux == "NEE":
        return f"{column}_RANDUNC", f"{column}_JOINTUNC"
    if flux in ("H", "LE"):
        return f"{flux}_RANDUNC", f"{column}_JOINTUNC" if column.endswith("_CORR") else None
    return None, None


def _spread(deviations: float, high: pd.Series, low: pd.Series) -> pd.Series:
    """Return the standard deviation between two percentiles that many deviations apart."""
    return (high - low).abs() / deviations


def _without(joint: pd.Series, random: pd.Series) -> pd.Series:
    """Return the part of a joint standard deviation that is not random."""
    return np.sqrt((joint**2 - random**2).clip(lower=0))


def _completion(
    derived: Mapping[str, _Derived], first: Callable[[pd.DataFrame], pd.DataFrame] | None
) -> Callable[[pd.DataFrame], pd.DataFrame] | None:
    if not derived:
        return first

    def complete(raw: pd.DataFrame) -> pd.DataFrame:
        raw = raw if first is None else first(raw)
        return raw.assign(
            **{name: one.compute(*(raw[c] for c in one.columns)) for name, one in derived.items()}
        )

    return complete
