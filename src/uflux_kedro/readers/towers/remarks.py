"""What a reader noticed in a file, for the check of towers that follows."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Remark(TypedDict):
    """A doubt about the values of a file, or a choice that was made while reading it."""

    check: str
    variable: str
    sites: list[str]
    expected: str
    found: str


def remark(check: str, variable: str, site: str, expected: str, found: str) -> Remark:
    """Return a remark on one tower."""
    return Remark(check=check, variable=variable, sites=[site], expected=expected, found=found)


def stands_still(
    flux: str, site: str, values: NDArray[np.float64], times: pd.Series, least: int
) -> list[Remark]:
    """Return a remark on a flux that has one value, other than 0, in many hours in a row.

    Args:
        flux: Name of the flux.
        site: Name of the tower.
        values: Hours or half-hours.
        times: Their starts.
        least: Number of equal values in a row, gaps left out, that is told.
    """
    known = np.flatnonzero(np.isfinite(values) & (values != 0))
    starts = np.flatnonzero(np.r_[True, np.diff(values[known]) != 0][: len(known)])
    lengths = np.diff(np.r_[starts, len(known)])
    if not lengths.size or lengths.max() < least:
        return []
    longest = int(lengths.argmax())
    first = known[starts[longest]]
    return [
        Remark(
            check="constant",
            variable=flux,
            sites=[site],
            expected=f"{flux} that changes from hour to hour",
            found=f"{values[first]:g} in {lengths[longest]} hours or half-hours in a row at {site}, "
            f"from {times.iloc[first]:%Y-%m-%d}: it stands still",
        )
    ]


def cut_off(variable: str, site: str, where: str) -> Remark:
    """Return the remark on a file that ends within its last row, so that a number may be cut off."""
    return Remark(
        check="bounds",
        variable=variable,
        sites=[site],
        expected="a complete file, of which each row ends with a line break",
        found=f"{where} ends without a line break: the last {variable} of {site} may be cut off",
    )
