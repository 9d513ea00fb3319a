"""Scores of the members by the rules of a public benchmark, beside published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.configuration import PROJECT_PATH
from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import pd
from uflux_kedro.members import bound
from uflux_kedro.validation.parameters import BenchmarkParameters


def benchmark_nodes(members: tuple[Member, ...], parameters: Mapping[str, Any]) -> list[Node]:
    """Return the node that scores all members by all splits; none if no benchmark is asked for.

    Args:
        members: The members.
        parameters: All parameters of the run.
    """
    if not parameters.get("benchmark"):
        return []
    benchmark = BenchmarkParameters.model_validate(parameters["benchmark"])
    pairs = [(split, member) for split in benchmark.splits for member in members]
    return [
        node(
            bound(score_benchmark, tuple(pairs)),
            inputs=[
                "params:benchmark",
                *(f"{member.namespace}.predictions_{split}" for split, member in pairs),
            ],
            outputs=["benchmark_sites", "benchmark_skill"],
            name="score_benchmark",
        )
    ]


def score_benchmark(
    pairs: tuple[tuple[str, Member], ...],
    parameters: BenchmarkParameters,
    *predictions: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every member, and the mean of the members of each flux, by every split."""
    from uflux_kedro.validation.benchmark import Entry, benchmark_skill, score_entries
    from uflux_kedro.validation.comparison import mean_of_members

    entries: dict[Entry, pd.DataFrame] = {}
    together: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (split, member), rows in zip(pairs, predictions, strict=True):
        entries[Entry(split, member.flux, member.model, member.predictor_set)] = rows
        named = rows.assign(predictor_set=member.predictor_set)
        together.setdefault((split, member.flux), []).append(named)
    for (split, flux), tables in together.items():
        if len(tables) > 1:
            mean = mean_of_members(pd.concat(tables, ignore_index=True))
            entries[Entry(split, flux, "ensemble", f"{len(tables)} sets")] = mean
    scores = score_entries(entries)
    # Paths are the project's, as towers_path is, whatever the working folder is.
    return scores, benchmark_skill(scores, parameters.read_published(PROJECT_PATH))
