"""Drivers of a record with the gaps that their companions from reanalysis can close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uflux_kedro.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NIGHT = 10.0
"""W m-2; it is night below this radiation, as in ONEFlux and REddyProc."""


def measured(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column that has no companion, such as NEE or USTAR, (steps,).

    Raises:
        InputError: It is missing.
    """
    if name not in table:
        raise InputError("record", name, expected=f"a column {name}", found="none of this name")
    return table[name].to_numpy(float)


def driver(table: pd.DataFrame, name: str, *, needed: bool = True) -> NDArray[np.float64]:
    """Return a driver; its gaps are filled by its companion ``<name>_ERA`` where there is one.

    Args:
        table: Record, (steps, columns).
        name: Driver, for example TA.
        needed: Whether its absence is an error.

    Returns:
        Values, (steps,); NaN where neither is known.

    Raises:
        InputError: The driver is needed and the table has neither.
    """
    found = [column for column in (name, f"{name}_ERA") if column in table]
    if not found and needed:
        raise InputError(
            "record", name, expected=f"a column {name} or {name}_ERA", found="neither of them"
        )
    values = np.full(len(table), np.nan)
    for column in found:
        values = np.where(np.isnan(values), table[column].to_numpy(float), values)
    return values


def nights(
    table: pd.DataFrame, threshold: float = NIGHT, potential: NDArray[np.float64] | None = None
) -> NDArray[np.bool_]:
    """Return which steps are night.

    Args:
        table: Record with SW_IN, SW_IN_ERA or both, W m-2.
        threshold: It is night below this radiation, W m-2.
        potential: Radiation above the atmosphere, W m-2, (steps,). If given, it must be 0 at
            night, and a step without SW_IN is night if it is.

    Returns:
        (steps,); False where radiation is unknown.
    """
    radiation = driver(table, "SW_IN", needed=potential is None)
    if potential is None:
        return radiation < threshold
    return (potential <= 0) & ~(radiation >= threshold)
