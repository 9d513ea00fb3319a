"""Months that several sources have in common."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.lazy import pd, xr

logger = logging.getLogger(__name__)

Period = Literal["common", "strict"]


def common_months(cubes: Mapping[str, xr.Dataset], period: Period) -> pd.DatetimeIndex:
    """Return the months that every source has.

    Args:
        cubes: Source -> its monthly cube.
        period: ``common`` or ``strict``; see :func:`uflux_kedro.features.drivers.build_drivers`.

    Returns:
        Starts of the months.

    Raises:
        InputError: If no month is common, or if ``strict`` finds a source without a month that
            another one has; names the source and the missing months.
    """
    indexes = {source: cube.indexes["time"] for source, cube in cubes.items()}
    common = next(iter(indexes.values()))
    union = common
    for months in indexes.values():
        common, union = common.intersection(months), union.union(months)
    for source, months in indexes.items():
        missing = union.difference(months)
        if len(missing) and (period == "strict" or not len(common)):
            raise InputError(
                source,
                "time",
                expected="months that the other sources have"
                if len(common)
                else "a month in common with the other sources",
                found=f"{_spans(missing)} missing",
            )
        if len(missing):
            logger.info(
                "%s: %s missing; the drivers leave these months out", source, _spans(missing)
            )
    return common


def _spans(months: pd.DatetimeIndex) -> str:
    """Return months as text: 2001-01 to 2001-03, 2002-07."""
    numbers = months.year * 12 + months.month
    runs = np.split(np.arange(len(months)), np.flatnonzero(np.diff(numbers) > 1) + 1)
    spans = [(f"{months[run[0]]:%Y-%m}", f"{months[run[-1]]:%Y-%m}") for run in runs]
    return ", ".join(a if a == b else f"{a} to {b}" for a, b in spans)


def select_months(cube: xr.Dataset, months: pd.DatetimeIndex) -> xr.Dataset:
    """Return the cube at these months; the cube itself if it has no others."""
    if cube.indexes["time"].equals(months):
        return cube
    return cube.sel(time=months)
