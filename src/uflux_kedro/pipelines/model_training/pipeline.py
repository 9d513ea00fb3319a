"""Training and validation of every member, each in a namespace ``<flux>.<predictor set>``."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, project_members
from uflux_kedro.pipelines.model_training.nodes import (
    collect_leaderboard,
    collect_members,
    collect_predictions,
    collect_runs,
    compare_with_reference,
    fit_final_model,
    predict_held_out,
    predict_split,
    score_member,
    track_member,
)
from uflux_kedro.validation.parameters import BenchmarkParameters, Scheme

_SHARED = {"training_table", "sites", "fold_cache"}


def create_pipeline(**_: object) -> Pipeline:
    """Make the nodes of every configured member, and those that collect the members of a flux.

    With a benchmark, each member also predicts the sites that its splits hold out.
    """
    benchmark = project_parameters().get("benchmark")
    splits = BenchmarkParameters.model_validate(benchmark).splits if benchmark else ()
    return Pipeline(
        [
            part
            for flux, members in by_flux(project_members()).items()
            for part in (*(_member(m, splits) for m in members), _flux(flux, members))
        ],
        tags="training",
    )


def _member(member: Member, splits: Sequence[Scheme]) -> Pipeline:
    of_splits = [
        node(
            bound(predict_split, (member, split)),
            inputs=["training_table", "fold_cache", "params:training", "params:dask"],
            outputs=f"predictions_{split}",
            name=f"predict_{split}",
        )
        for split in splits
    ]
    nodes = Pipeline(
        [
            *of_splits,
            node(
                bound(predict_held_out, member),
                inputs=["training_table", "fold_cache", "params:training", "params:dask"],
                outputs="predictions",
                name="predict_held_out",
            ),
            node(
                bound(score_member, member),
                inputs=[
                    *("predictions", "training_table", "sites"),
                    *("params:training", "params:uncertainty"),
                ],
                outputs=["scores", "site_scores", "skill"],
                name="score",
            ),
            node(
                bound(fit_final_model, member),
                inputs=["training_table", "scores", "params:training", "fold_cache", "params:dask"],
                outputs="model",
                name="fit",
            ),
            node(
                bound(track_member, member),
                inputs=[
                    *("predictions", "scores", "site_scores", "skill", "model"),
                    "params:training",
                ],
                outputs="mlflow_run",
                name="track",
            ),
        ]
    )
    return Pipeline(
        nodes,
        namespace=member.namespace,
        inputs=_SHARED,
        parameters={"params:training", "params:uncertainty", "params:dask"},
        tags=[member.flux, member.predictor_set, member.model],
    )


def _flux(flux: str, members: tuple[Member, ...]) -> Pipeline:
    predictions = [f"{m.namespace}.predictions" for m in members]
    return Pipeline(
        [
            node(
                collect_leaderboard,
                inputs=[f"{m.namespace}.scores" for m in members],
                outputs=f"leaderboard_{flux}",
                name=f"rank_members_{flux.lower()}",
                namespace=flux,
            ),
            node(
                collect_members,
                inputs=[f"{m.namespace}.model" for m in members],
                outputs=f"members_{flux}",
                name=f"describe_members_{flux.lower()}",
                namespace=flux,
            ),
            node(
                bound(compare_with_reference, members),
                inputs=["params:training", *predictions],
                outputs=f"comparison_{flux}",
                name=f"compare_members_{flux.lower()}",
                namespace=flux,
            ),
            node(
                bound(collect_predictions, members),
                inputs=predictions,
                outputs=f"predictions_{flux}",
                name=f"collect_predictions_{flux.lower()}",
                namespace=flux,
            ),
            node(
                collect_runs,
                inputs=[f"{m.namespace}.mlflow_run" for m in members],
                outputs=f"runs_{flux}",
                name=f"collect_runs_{flux.lower()}",
                namespace=flux,
            ),
        ],
        tags=flux,
    )
