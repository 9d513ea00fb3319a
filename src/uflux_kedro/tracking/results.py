"""How well a run did: metrics of its parent run by flux, and a table of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from uflux_kedro.datasets.member_run import finite

if TYPE_CHECKING:
    import pandas as pd

_INTERVALS = ("coverage", "interval_score", "interval_score_constant")
_METRICS = ("NSE", "RMSE", "r2", "KGE", "MBE")


def metrics_of(
    leaderboard: pd.DataFrame, predictions: pd.DataFrame, intervals: pd.DataFrame | None = None
) -> dict[str, float]:
    """Return metrics of the best member of a flux and of the mean of all its members.

    Args:
        leaderboard: Members of one flux, best NSE first.
        predictions: Held-out predictions of all of them.
        intervals: Coverage and interval score of the ensemble's intervals, a table of one row.

    Returns:
        Finite metrics, such as ``best.NSE`` and ``ensemble.NSE``, and the number of members.
    """
    from uflux_kedro.validation.comparison import mean_of_members
    from uflux_kedro.validation.metrics import pooled

    ensemble = pooled(mean_of_members(predictions))
    found = {f"best.{name}": leaderboard[name].iloc[0] for name in _METRICS}
    found |= {f"ensemble.{name}": ensemble[name] for name in _METRICS}
    found["members"] = len(leaderboard)
    if intervals is not None:
        found |= {f"ensemble.{name}": intervals[name].iloc[0] for name in _INTERVALS}
    return finite(found)


def metrics_of_ensembles(skill: pd.DataFrame) -> dict[str, float]:
    """Return metrics of the ensembles as the maps show them, with the bounds of their intervals.

    Args:
        skill: Result of :func:`uflux_kedro.validation.ensemble.ensemble_skill`.

    Returns:
        Finite metrics, such as ``GPP.ensemble.NSE`` and ``GPP.ensemble.NSE_low``.
    """
    from uflux_kedro.validation.ensemble import METRICS_SHOWN

    found = {
        f"{row['flux']}.ensemble.{metric}{end}": row[f"{metric}{end}"]
        for _, row in skill.iterrows()
        for metric in METRICS_SHOWN
        for end in ("", "_low", "_high")
    }
    return finite(found)


def metrics_of_steps(steps: pd.DataFrame) -> dict[str, float]:
    """Return the scores over sites at every step of time.

    Args:
        steps: ``step`` and the columns of
            :func:`uflux_kedro.validation.skill_by_step.skill_by_step`; optionally ``flux``, of
            which the table then holds ensembles.

    Returns:
        Finite metrics, such as ``month.NSE_median``, or ``GPP.ensemble.month.NSE_median``.
    """
    from uflux_kedro.validation.metrics import SITE_SUMMARIES

    found: dict[str, float] = {}
    for row in steps.to_dict("records"):
        whose = f"{row['flux']}.ensemble." if "flux" in row else ""
        found |= {
            f"{whose}{row['step']}.{name}": row[name] for name in ("NSE", "RMSE", *SITE_SUMMARIES)
        }
    return finite(found)


def metrics_of_benchmark(skill: pd.DataFrame) -> dict[str, float]:
    """Return the medians over sites of this run's models by the rules of a benchmark.

    Args:
        skill: Result of :func:`uflux_kedro.validation.benchmark.benchmark_skill`.

    Returns:
        Finite metrics, such as ``GPP.benchmark.koppen.MODIS-ERA5LAND.R2_median``.
    """
    from uflux_kedro.validation.benchmark import OURS, SCORES

    found: dict[str, float] = {}
    for row in skill[skill["source"] == OURS].to_dict("records"):
        whose = "ensemble" if row["model"] == "ensemble" else row["features"]
        name = f"{row['flux']}.benchmark.{row['split']}.{whose}"
        found |= {f"{name}.{score}_median": row[f"{score}_median"] for score in SCORES}
    return finite(found)


def table_of(leaderboards: Mapping[str, pd.DataFrame], metrics: Mapping[str, float]) -> str:
    """Return best member and ensemble by flux as a table in Markdown.

    Args:
        leaderboards: Flux -> its members, best NSE first.
        metrics: ``<flux>.<metric>`` -> value, with the metrics of :func:`metrics_of`.
    """
    lines = [
        "| flux | best member | NSE | RMSE | ensemble NSE | ensemble RMSE | members | towers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for flux, board in leaderboards.items():
        numbers = [
            f"{metrics.get(f'{flux}.{name}', math.nan):.3f}"
            for name in ("best.NSE", "best.RMSE", "ensemble.NSE", "ensemble.RMSE")
        ]
        best = board.iloc[0]
        cells = [flux, best["predictor_set"], *numbers, len(board), best["sites"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
