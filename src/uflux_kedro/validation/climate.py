"""The warmest and the driest sites, at which models that learnt elsewhere have to extrapolate."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.variables import parse_predictor

CLIMATES: Mapping[str, tuple[str, bool]] = {"warmest": ("TA", True), "driest": ("P", False)}
"""Scheme -> variable that ranks sites, and whether those with the highest are tested."""


def extreme_sites(scheme: str, rows: pd.DataFrame, share: float) -> list[str]:
    """Return the sites with the highest mean temperature, or with the least precipitation.

    FLUXtrapolation (Fries et al. 2026, arXiv:2605.19812) tests a fixed list of 40 warm sites of 207,
    after training on colder ones; here the warmest share of any set of sites is tested. The driest
    sites are ours. A site's value is the mean over its calendar months, so that a record of
    summers alone does not make it warm by more than the missing months.

    Args:
        scheme: ``warmest`` or ``driest``.
        rows: ``site_id``, ``time`` and a column of air temperature or precipitation, such as
            ``ERA5_TA``, ``TA`` or ``ERA5_P``; of several ERA5's, else another source's, else the
            tower's own.
        share: Share of the sites, 0-1; at least one site is returned, and one left.

    Returns:
        Names of the sites, the most extreme first; of equal ones the first by name.

    Raises:
        InputError: If there is no such column, or fewer than two sites have a value of it.
    """
    variable, highest = CLIMATES[scheme]
    column = _column(rows, variable, scheme)
    month = pd.DatetimeIndex(rows["time"]).month.rename("month")
    months = rows.groupby(["site_id", month])[column].mean()
    values = months.groupby(level="site_id").mean().dropna().sort_index()
    if len(values) < 2:
        raise InputError(
            "training table",
            column,
            expected=f"values at two sites or more, to tell the {scheme}",
            found=f"{len(values)} sites with values",
        )
    order = values.sort_values(ascending=not highest, kind="stable")
    number = min(max(round(share * len(order)), 1), len(order) - 1)
    return [str(site) for site in order.index[:number]]


def _column(rows: pd.DataFrame, variable: str, scheme: str) -> str:
    found = [name for name in map(str, rows.columns) if parse_predictor(name)[1] == variable]
    if not found:
        raise InputError(
            "training table",
            variable,
            expected=f"a column such as ERA5_{variable} or {variable}, to tell the {scheme} sites",
            found="none",
            hint="Choose another training.scheme.",
        )
    # A reanalysis has every month of every site, a tower's own sensor may not.
    return min(found, key=lambda name: (name != f"ERA5_{variable}", name == variable, name))
