"""Nodes of the pipeline ``model_training``.

Each takes the member first; :func:`uflux_kedro.members.bound` binds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import InputError
from uflux_kedro.lazy import pd
from uflux_kedro.schemas import TrainingParameters

if TYPE_CHECKING:
    from uflux_kedro.datasets.member_run import MemberRun
    from uflux_kedro.models.fitted import FittedMember


def predict_held_out(
    member: Member,
    training_table: pd.DataFrame,
    fold_cache: Path,
    parameters: TrainingParameters,
) -> pd.DataFrame:
    """Predict every site by models that never saw it."""
    from uflux_kedro.validation.cross_validation import held_out_predictions
    from uflux_kedro.validation.folds import make_folds

    rows = _usable(member, training_table, parameters)
    return held_out_predictions(
        lambda fold: _make_model(member, parameters, seed=parameters.seed + fold, n_jobs=1),
        rows[list(member.predictors)].to_numpy("float32"),
        rows[member.flux].to_numpy("float64"),
        rows["site_id"].to_numpy(),
        rows["time"].to_numpy(),
        make_folds(parameters.scheme, rows, parameters),
        n_jobs=parameters.n_jobs,
        cache_folder=fold_cache / member.name,
        progress=member.name,
    )


def score_member(
    member: Member,
    predictions: pd.DataFrame,
    sites: pd.DataFrame,
    parameters: TrainingParameters,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Score the held-out predictions: pooled, by site, and where the skill is."""
    from uflux_kedro.validation.bootstrap import confidence_intervals
    from uflux_kedro.validation.metrics import pooled, score_by_site
    from uflux_kedro.validation.skill import skill_by_group, skill_by_part

    intervals = confidence_intervals(predictions, seed=parameters.seed)
    scores = {
        "predictor_set": member.predictor_set,
        "flux": member.flux,
        "model": member.model,
        "scheme": parameters.scheme,
        **pooled(predictions),
        "intervals": intervals[["low", "high"]].to_dict("index"),
    }
    place = sites.set_index("site_id")
    parts = {"part": skill_by_part(predictions)} | {
        by: skill_by_group(predictions, place[by].dropna()) for by in ("IGBP", "climate")
    }
    skill = pd.concat(
        [t.rename_axis("group").reset_index().assign(by=by) for by, t in parts.items()]
    )
    return scores, score_by_site(predictions), skill[["by", *skill.columns.drop("by")]]


def fit_final_model(
    member: Member,
    training_table: pd.DataFrame,
    scores: dict[str, Any],
    parameters: TrainingParameters,
) -> FittedMember:
    """Fit the member on all sites, for the grid."""
    from uflux_kedro.models.fitted import fit_member

    model = _make_model(member, parameters, seed=parameters.seed, n_jobs=parameters.n_jobs)
    return fit_member(
        member,
        _usable(member, training_table, parameters),
        model,
        parameters=model.get_params(),
        seed=parameters.seed,
        scores=scores,
    )


def track_member(
    member: Member,
    predictions: pd.DataFrame,
    scores: dict[str, Any],
    site_scores: pd.DataFrame,
    skill: pd.DataFrame,
    model: FittedMember,
    parameters: TrainingParameters,
) -> MemberRun:
    """Gather what MLflow shall show of the member."""
    from uflux_kedro.datasets.member_run import MemberRun
    from uflux_kedro.figures.member import member_figure
    from uflux_kedro.variables import variable_of

    numbers = {k: v for k, v in scores.items() if isinstance(v, int | float)}
    for metric in ("NSE", "RMSE"):
        low_high = scores["intervals"][metric]
        numbers |= {f"{metric}_{end}": value for end, value in low_high.items()}
    return MemberRun(
        name=member.name,
        tags={"flux": member.flux, "predictor_set": member.predictor_set, "model": member.model},
        params={
            "scheme": parameters.scheme,
            "min_qc": parameters.min_qc,
            "seed": parameters.seed,
            "predictors": ", ".join(member.predictors),
            **model.card["parameters"],
        },
        metrics=numbers,
        tables={"site_scores.csv": site_scores, "skill.csv": skill},
        figures={
            "held_out.png": member_figure(predictions, member.name, variable_of(member.flux).unit)
        },
        model=model,
    )


def collect_leaderboard(members: tuple[Member, ...], *scores: dict[str, Any]) -> pd.DataFrame:
    """One row a member and scheme, best NSE first."""
    from uflux_kedro.validation.metrics import LEADERBOARD_COLUMNS

    table = pd.DataFrame(list(scores))[list(LEADERBOARD_COLUMNS)]
    return table.sort_values("NSE", ascending=False, ignore_index=True)


def collect_predictions(members: tuple[Member, ...], *predictions: pd.DataFrame) -> pd.DataFrame:
    """Held-out predictions of all members of a flux, one under the other."""
    return pd.concat(
        [
            table.assign(predictor_set=member.predictor_set)
            for member, table in zip(members, predictions, strict=True)
        ],
        ignore_index=True,
    )


def _usable(member: Member, table: pd.DataFrame, parameters: TrainingParameters) -> pd.DataFrame:
    from uflux_kedro.validation.cross_validation import usable_rows

    usable, dropped = usable_rows(table, member.predictors, member.flux, parameters.min_qc)
    if not usable.any():
        raise InputError(
            "training table",
            member.name,
            expected="rows with the flux, its quality and all predictors",
            found=f"none of {len(table)}: " + ", ".join(f"{k}: {v}" for k, v in dropped.items()),
        )
    return table[usable].reset_index(drop=True)


def _make_model(member: Member, parameters: TrainingParameters, *, seed: int, n_jobs: int) -> Any:
    from uflux_kedro.models.registry import make_model

    return make_model(
        member.model,
        parameters.model_parameters.get(member.model),
        random_state=seed,
        n_jobs=n_jobs,
        device=parameters.device,
    )
