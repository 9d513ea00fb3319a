"""NEE, GPP and RECO for several thresholds of USTAR: how far they depend on the threshold.

The record is filtered, filled and partitioned for each percentile of the threshold, as ONEFlux does
(Pastorello et al. 2020, doi 10.1038/s41597-020-0534-3). A column such as ``NEE_VUT_05`` is the NEE that
the 5th percentile of the threshold leaves. FLUXNET's column of that name is the 5th percentile, at each
step, of the NEE of 40 such records: take :data:`.ustar.ONEFLUX_PERCENTILES` and the percentile over the
columns where that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.partitioning.day import partition_day
from uflux_kedro.gapfilling.partitioning.night import partition_night
from uflux_kedro.gapfilling.ustar import PERCENTILES, UstarThresholds, filter_by_ustar

PARTITIONING: dict[str, Callable[..., pd.DataFrame]] = {"NT": partition_night, "DT": partition_day}
"""Suffix of GPP and RECO -> method."""


class Scenarios(NamedTuple):
    """A record under several thresholds of USTAR.

    Attributes:
        table: ``NEE_VUT_05`` and so on, ``NEE_VUT_REF`` and ``NEE_VUT_USTAR50``, and the same of
            ``GPP_NT``, ``RECO_NT``, ``GPP_DT`` and ``RECO_DT``, umol m-2 s-1, (steps, columns); ``CUT``
            for constant thresholds.
        thresholds: Threshold of each year and percentile, m s-1, years x percentiles.
        reference: Percentile of ``REF``: the one whose NEE is most similar to the others'.
    """

    table: pd.DataFrame
    thresholds: pd.DataFrame
    reference: float


def ustar_scenarios(
    table: pd.DataFrame,
    thresholds: UstarThresholds,
    fill: Callable[[pd.DataFrame], pd.Series],
    *,
    constant: bool = False,
    percentiles: Sequence[float] = PERCENTILES,
    methods: Sequence[str] = ("NT", "DT"),
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    night_only: bool = True,
    first_after: bool = True,
) -> Scenarios:
    """Filter, fill and partition a record for each percentile of its threshold.

    A year without a threshold is not filtered; ``thresholds.reasons`` says why there is none.

    Args:
        table: Record with NEE, USTAR and the drivers of filling and partitioning.
        thresholds: Thresholds of the record.
        fill: Takes the record with filtered NEE and returns filled NEE, (steps,).
        constant: Whether to use the same thresholds for all years (CUT), not those by year (VUT).
        percentiles: Percentiles of the threshold; 50 is added if it is missing.
        methods: ``NT``, ``DT`` or both; neither for NEE alone.
        latitude: Degrees north, for the partitioning's nights.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.
        night_only: Whether only nights are filtered.
        first_after: Whether the first step after calm is filtered as well.

    Returns:
        The records.

    Raises:
        InputError: A column or a method is unknown.
    """
    unknown = sorted(set(methods) - set(PARTITIONING))
    if unknown:
        raise InputError("settings", "methods", expected="NT, DT", found=", ".join(unknown))
    chosen = sorted({*map(float, percentiles), 50.0})
    years = thresholds.samples.index
    limits = (
        pd.DataFrame([thresholds.constant(chosen)] * len(years), index=years)
        if constant
        else thresholds.by_year(chosen)
    )
    place = {"latitude": latitude, "longitude": longitude, "utc_offset": utc_offset}
    records = []
    for percentile in chosen:
        NEE = filter_by_ustar(
            table, limits[percentile], night_only=night_only, first_after=first_after
        )
        filtered = table.drop(columns="NEE_F", errors="ignore").assign(NEE=NEE)
        filled = filtered.assign(NEE_F=fill(filtered))
        parts = [PARTITIONING[method](filled, **place) for method in methods]
        records.append(pd.concat([filled["NEE_F"].rename("NEE"), *parts], axis=1))
    reference = most_similar(np.stack([record["NEE"] for record in records]))
    kind = "CUT" if constant else "VUT"
    named = dict(zip(map(_label, chosen), records, strict=True))
    named |= {"REF": records[reference], "USTAR50": records[chosen.index(50.0)]}
    columns = [record.add_suffix(f"_{kind}_{label}") for label, record in named.items()]
    return Scenarios(pd.concat(columns, axis=1), limits, chosen[reference])


def most_similar(records: NDArray[np.float64]) -> int:
    """Return which record is most similar to the others, by the sum of model efficiencies.

    Args:
        records: Flux of each, (records, steps). Steps that one lacks do not count.

    Returns:
        Its number; the middle one of equals, and where no step is known.
    """
    complete = records[:, np.isfinite(records).all(axis=0)]
    middle = (len(records) - 1) // 2
    if not complete.size:
        return middle
    variance = complete.var(axis=1)
    squares = (complete**2).mean(axis=1)
    products = complete @ complete.sum(axis=0) / complete.shape[1]
    apart = len(records) * squares - 2 * products + squares.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        unlike = np.nan_to_num(apart / variance, nan=0.0)
    best = np.flatnonzero(np.isclose(unlike, unlike.min(), rtol=1e-9, atol=1e-9))
    return int(min(best, key=lambda k: abs(k - middle)))


def _label(percentile: float) -> str:
    """Return a percentile as it stands in a column's name: 05, 95, 1.25."""
    return f"{percentile:02g}"
