"""Uncertainty of the towers themselves, and its share of the held-out errors.

A held-out error has two parts: what the model misses, and what the tower misses. The second cannot be
predicted away. Intervals are for what a tower would report, so they contain it; nothing here narrows
them.

Parts of the uncertainty of a flux, each one standard deviation:

- **random**: sampling by the turbulence and noise of the sensors. FLUXNET states it for NEE, H and LE;
  for GPP and RECO, which are parted from NEE, that of NEE stands in.
- **processing**: the ustar threshold for NEE, GPP and RECO; the closure of the energy balance for H
  and LE.
- **method**: half the distance between the night-time and the day-time partitioning, for GPP and RECO.

They are joined in quadrature. A part that a tower does not state adds nothing, so that the whole is a
lower limit where parts are missing; the table says which are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws
from uflux_kedro.variables import FLUXES, IGBP_NAMES

PARTS = ("random", "processing", "method")
"""Parts of the uncertainty of a target."""

_OF_NEE = ("GPP", "RECO")


def target_uncertainty(rows: pd.DataFrame, flux: str) -> pd.DataFrame:
    """Join the parts of a flux's uncertainty that the columns beside it state.

    Args:
        rows: Training table or towers, with the flux and any of ``<flux>_UNC`` (the whole, which is
            then taken as it is), ``<flux>_RANDUNC``, ``<flux>_PROCUNC``, ``<flux>_DT`` or ``_NT``;
            for GPP and RECO also ``NEE_RANDUNC``.
        flux: Name of the flux.

    Returns:
        One row per row, in the flux's unit: ``random``, ``processing``, ``method`` (NaN where
        unknown) and ``total``, which is NaN where neither a part nor the whole is known.

    Raises:
        InputError: If the flux is unknown or not a column.
    """
    if flux not in FLUXES or flux not in rows:
        raise InputError(
            "training table",
            flux,
            expected=f"a flux among {', '.join(FLUXES)}, with a column of that name",
            found=f"the columns {', '.join(map(str, rows.columns))}",
        )
    unknown = pd.Series(np.nan, index=rows.index)
    noise = f"{flux}_RANDUNC"
    if noise not in rows and flux in _OF_NEE:
        noise = "NEE_RANDUNC"
    other = next((c for c in (f"{flux}_DT", f"{flux}_NT") if c in rows), None)
    parts = pd.DataFrame(
        {
            "random": rows.get(noise, unknown),
            "processing": rows.get(f"{flux}_PROCUNC", unknown),
            "method": unknown if other is None else (rows[flux] - rows[other]).abs() / 2,
        }
    ).astype(float)
    joined = np.sqrt((parts**2).sum(axis=1, min_count=1))
    return parts.assign(total=rows.get(f"{flux}_UNC", unknown).astype(float).fillna(joined))


def target_share(
    rows: pd.DataFrame,
    uncertainty: pd.DataFrame,
    groups: pd.Series | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Split the mean squared held-out error into the target's uncertainty and the rest.

    The error of a tower is taken as independent of the error of a model that has not seen it, so
    that their variances add. What is common to all towers, such as a bias of a partitioning, is
    learnt by the model: it is in no held-out error, and the share of the method is an upper limit.

    Args:
        rows: Held-out rows: ``site_id``, ``truth``, ``prediction``.
        uncertainty: ``total`` and the parts of :func:`target_uncertainty`, in the order of
            ``rows``; rows without ``total``, truth or prediction are left out.
        groups: Group of each row, such as its IGBP class, in the order of ``rows``; None for the
            whole alone.
        level: Probability inside the intervals, over resampled towers.
        n_resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        One row per group, after that of ``all``: ``group``, ``sites``, ``n``, ``error`` (mean
        squared error), ``target`` (mean variance of the target), ``rest`` (their difference), the
        share of each known part and of the ``total`` in ``error``, and ``low`` and ``high`` of the
        total's share, NaN with fewer than two towers. A share above 1 says that a tower's stated
        uncertainty exceeds the error; it is not cut. Empty if no row has a known uncertainty.

    Raises:
        InputError: If a column is missing or the tables differ in length.
    """
    _check(rows, uncertainty)
    parts = [p for p in PARTS if p in uncertainty]
    squares = pd.DataFrame(
        {"error": (rows["truth"].to_numpy(float) - rows["prediction"].to_numpy(float)) ** 2}
        | {p: uncertainty[p].to_numpy(float) ** 2 for p in (*parts, "total")}
    )
    squares["site_id"] = rows["site_id"].to_numpy()
    squares["group"] = None if groups is None else np.asarray(groups)
    squares = squares.dropna(subset=["error", "total"])
    named: Iterable = () if groups is None else squares.groupby("group", sort=True)
    tables = [("all", squares), *named] if len(squares) else []
    found = [
        {"group": name, **_split(table, parts, level, n_resamples, seed)} for name, table in tables
    ]
    columns = ["group", "sites", "n", "error", "target", "rest", *parts, "total", "low", "high"]
    return pd.DataFrame(found, columns=columns)


def target_shares(
    held_out: Mapping[str, pd.DataFrame], table: pd.DataFrame, **settings: Any
) -> pd.DataFrame:
    """Split the held-out errors of several fluxes by IGBP class; see :func:`target_share`.

    Args:
        held_out: Flux -> held-out rows: ``site_id``, ``time``, ``truth``, ``prediction``.
        table: Training table with ``site_id``, ``time``, ``IGBP`` (code), the fluxes and the columns
            beside them.
        settings: Level, number of resamples and seed.

    Returns:
        The rows of :func:`target_share` under ``flux``, the groups named by class; none for a flux
        of which no tower states an uncertainty.
    """
    keys = ["site_id", "time"]
    found = {}
    for flux, predictions in held_out.items():
        known = target_uncertainty(table, flux).assign(
            site_id=table["site_id"], time=table["time"], IGBP=table["IGBP"].map(IGBP_NAMES)
        )
        rows = predictions[[*keys, "truth", "prediction"]].merge(known, on=keys)
        found[flux] = target_share(rows, rows, rows["IGBP"], **settings)
    return pd.concat(found, names=["flux"]).reset_index("flux").reset_index(drop=True)


def _split(
    table: pd.DataFrame, parts: list[str], level: float, n_resamples: int, seed: int
) -> dict[str, float]:
    sums = table.groupby("site_id")[["error", *parts, "total"]].sum()
    whole = sums.sum()
    error = whole["error"] / len(table)
    target = whole["total"] / len(table)
    draws = site_draws(len(sums), n_resamples, seed)
    shares = _shares(draws @ sums["total"].to_numpy(), draws @ sums["error"].to_numpy())
    low, high = percentile_interval(shares, level)
    known = {p: whole[p] / whole["error"] if table[p].notna().any() else np.nan for p in parts}
    return {
        "sites": len(sums),
        "n": len(table),
        "error": error,
        "target": target,
        "rest": error - target,
        **known,
        "total": target / error if error > 0 else np.nan,
        "low": low,
        "high": high,
    }


def _shares(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _check(rows: pd.DataFrame, uncertainty: pd.DataFrame) -> None:
    absent = [c for c in ("site_id", "truth", "prediction") if c not in rows]
    absent += [c for c in ("total",) if c not in uncertainty]
    if absent or len(rows) != len(uncertainty):
        raise InputError(
            "held-out rows",
            ", ".join(absent) or None,
            expected="site_id, truth, prediction, and total of the target for each row",
            found=f"{len(rows)} rows with {', '.join(map(str, rows.columns))}; "
            f"{len(uncertainty)} rows of uncertainty",
        )
