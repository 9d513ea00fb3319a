"""Skill by part of the signal and by group of sites, with intervals over resampled sites."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from uflux_kedro.errors import require_columns
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws
from uflux_kedro.validation.metrics import PairSums, evaluate, nse
from uflux_kedro.validation.skill import split_signal

KINDS = ("part", "IGBP", "climate")
"""How rows are grouped, in the order of the table."""

INTERVAL_COLUMNS = ("flux", "kind", "group", "sites", "n", "NSE", "low", "high")


def skill_intervals(
    held_out: Mapping[str, pd.DataFrame],
    sites: pd.DataFrame,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the NSE of parts of the signal, IGBP classes and climates.

    Args:
        held_out: Flux -> held-out rows: ``site_id``, ``time``, ``truth``, ``prediction``.
        sites: ``site_id``, ``IGBP``, optionally ``climate``.
        n_resamples: Number of resamples of the sites of each group.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        :data:`INTERVAL_COLUMNS`: by flux in the given order, parts in the order of
        :func:`~uflux_kedro.validation.skill.split_signal`, classes and climates by name. Groups
        without a value are left out; NSE and its interval are NaN where not defined.
    """
    require_columns(sites, ("site_id", "IGBP"), "sites")
    place = sites.set_index("site_id")
    rows = []
    for flux, table in held_out.items():
        known = table.dropna(subset=["truth", "prediction"])
        kinds = {"part": split_signal(known)}
        for kind in KINDS[1:]:
            if kind in place:
                kinds[kind] = dict(list(known.groupby(known["site_id"].map(place[kind]))))
        rows += [
            (flux, kind, str(group), *_nse(part, n_resamples, level, seed))
            for kind, groups in kinds.items()
            for group, part in groups.items()
            if len(part)
        ]
    return pd.DataFrame(rows, columns=list(INTERVAL_COLUMNS))


def _nse(
    part: pd.DataFrame, n_resamples: int, level: float, seed: int
) -> tuple[int, int, float, float, float]:
    """Return the numbers of sites and rows, NSE and its interval; of one site there is none."""
    site, names = pd.factorize(part["site_id"], sort=True)
    sums = PairSums.of(part["truth"], part["prediction"], site)
    draws = np.vstack([np.ones(len(names)), site_draws(len(names), n_resamples, seed)])
    values = evaluate(sums.weighted(draws), {"NSE": nse})["NSE"]
    return len(names), len(part), float(values[0]), *percentile_interval(values[1:], level)
