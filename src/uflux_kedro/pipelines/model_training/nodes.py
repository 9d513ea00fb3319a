"""Nodes of the pipeline ``model_training``.

The first argument ``member`` or ``members`` is bound by :func:`uflux_kedro.members.bound`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError, require_columns
from uflux_kedro.execution.parameters import DaskParameters
from uflux_kedro.lazy import pd
from uflux_kedro.pipelines.model_training.choosing import (
    choose_by_fold,
    choose_on_all,
    complete_rows,
    limit_to_complete,
)
from uflux_kedro.pipelines.model_training.final_fit import fit_on_worker
from uflux_kedro.simulated import mark_of, marked, notice
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.parameters import Scheme, SearchParameters, TrainingParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from uflux_kedro.datasets.member_run import MemberRun
    from uflux_kedro.models.fitted import FittedMember
    from uflux_kedro.validation.search import SiteSearchRegressor


def predict_held_out(
    member: Member,
    training_table: pd.DataFrame,
    fold_cache: Path,
    parameters: TrainingParameters,
    dask: DaskParameters,
) -> pd.DataFrame:
    """Predict every site by models that never saw it.

    The choice of their predictors and the search of their settings never saw it either. Folds are
    fitted on threads, or on workers. Of several repeats, the first is the one whose predictions
    are used; those of the others show how far scores depend on the split.
    """
    from uflux_kedro.validation.repeats import join_repeats, seed_of_repeat

    rows = _usable(member, training_table, parameters)
    tables = []
    for repeat in range(parameters.repeats):
        seed = seed_of_repeat(parameters.seed, repeat)
        of_repeat = parameters.model_copy(update={"seed": seed})
        cache_folder = fold_cache / member.name
        tables.append(_predict_once(member, rows, training_table, cache_folder, of_repeat, dask))
    return join_repeats(tables)


def predict_split(
    member_and_split: tuple[Member, Scheme],
    training_table: pd.DataFrame,
    fold_cache: Path,
    parameters: TrainingParameters,
    dask: DaskParameters,
) -> pd.DataFrame:
    """Predict held-out sites by another scheme; a split that is cached already is not fitted again."""
    member, split = member_and_split
    of_split = parameters.model_copy(update={"scheme": split, "repeats": 1})
    return predict_held_out(member, training_table, fold_cache, of_split, dask)


def _predict_once(
    member: Member,
    rows: pd.DataFrame,
    training_table: pd.DataFrame,
    cache_folder: Path,
    parameters: TrainingParameters,
    dask: DaskParameters,
) -> pd.DataFrame:
    """Predict the rows of the member by one split; the table has climate and class of all sites."""
    from uflux_kedro.validation.choice import ColumnsRegressor
    from uflux_kedro.validation.cross_validation import held_out_predictions
    from uflux_kedro.validation.folds import make_folds, scored_alone

    search = _search_of(member, parameters)
    X, y, sites = _arrays(member, rows)
    with_sites = _with_sites(member, parameters, rows)
    folds = make_folds(parameters.scheme, rows, parameters, training_table)
    chosen = None
    if member.optional or member.alternatives:
        chosen = choose_by_fold(member, X, y, sites, folds, parameters)
        X, folds = limit_to_complete(member, X, folds, chosen)
    if parameters.min_qc_scored is not None:
        folds = scored_alone(folds, _quality(member, rows), parameters.min_qc_scored)

    def model_of(fold: int) -> Any:
        seed = parameters.seed + fold
        used = replace(member, predictors=chosen[fold].columns) if chosen else member
        model = _make_model(used, parameters, seed=seed, n_jobs=1)
        if search:
            model = _searched(model, member, search, parameters, seed=seed, with_sites=with_sites)
        if chosen:
            columns = [member.predictors.index(name) for name in used.predictors]
            model = ColumnsRegressor(model, columns)
        return model

    return held_out_predictions(
        model_of,
        X,
        y,
        sites,
        rows["time"].to_numpy(),
        folds,
        fit_with_sites=search is not None or with_sites,
        execution=dask.execution(parameters.n_jobs),
        cache_folder=cache_folder,
        progress=member.name,
    )


def score_member(
    member: Member,
    predictions: pd.DataFrame,
    training_table: pd.DataFrame,
    sites: pd.DataFrame,
    parameters: TrainingParameters,
    uncertainty: UncertaintyParameters,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Score the held-out predictions: pooled, by site, by step of time and by part of the signal.

    Intervals about them are calibrated on some towers and judged on others.
    """
    from uflux_kedro.uncertainty.calibration import judge
    from uflux_kedro.validation.bootstrap import confidence_intervals
    from uflux_kedro.validation.metrics import pooled, score_by_site
    from uflux_kedro.validation.repeats import scores_over_splits
    from uflux_kedro.validation.skill import skill_by_group, skill_by_part
    from uflux_kedro.validation.skill_by_step import site_summaries, skill_by_step

    intervals = confidence_intervals(predictions, seed=parameters.seed)
    scores = {
        "predictor_set": member.predictor_set,
        "flux": member.flux,
        "model": member.model,
        "scheme": parameters.scheme,
        **pooled(predictions),
        **site_summaries(predictions),
        "intervals": intervals[["low", "high"]].to_dict("index"),
        "steps": skill_by_step(predictions).reset_index().to_dict("records"),
    }
    splits = scores_over_splits(predictions)
    scores |= {"splits": splits} if splits else {}
    known = training_table[list(dict.fromkeys(["site_id", "time", "IGBP", *member.predictors]))]
    scores |= judge(
        predictions.merge(known, on=["site_id", "time"]), member.predictors, uncertainty
    )
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
    fold_cache: Path,
    dask: DaskParameters,
) -> FittedMember:
    """Fit the member for the grid on all sites, on which predictors and settings are chosen too.

    With workers, one of them does so, and only the name of the folder of the model comes back.
    """
    rows = _usable(member, training_table, parameters)
    execution = dask.execution(parameters.n_jobs)
    fit = partial(_fit_on_all, member, rows, scores, parameters)
    if execution.on_workers:
        return fit_on_worker(fit, execution, fold_cache / member.name)
    return fit(parameters.n_jobs)


def _fit_on_all(
    member: Member,
    rows: pd.DataFrame,
    scores: dict[str, Any],
    parameters: TrainingParameters,
    n_jobs: int,
) -> FittedMember:
    from uflux_kedro.models.fitted import fit_member

    parameters = parameters.model_copy(update={"n_jobs": n_jobs})
    search = _search_of(member, parameters)
    found: dict[str, Any] = {}
    if member.optional or member.alternatives:
        choice = choose_on_all(member, *_arrays(member, rows), parameters)
        rows = complete_rows(rows, choice.columns)
        member = replace(member, predictors=choice.columns, optional=(), alternatives=())
        found["choice"] = {
            "chosen": list(choice.chosen),
            "results": choice.results.to_dict("records"),
        }
    with_sites = _with_sites(member, parameters, rows)
    model = _make_model(member, parameters, seed=parameters.seed, n_jobs=parameters.n_jobs)
    if search:
        searcher = _searched(
            model, member, search, parameters, seed=parameters.seed, with_sites=with_sites
        )
        model = searcher.search(*_arrays(member, rows))
        found["search"] = {
            "method": search.method,
            "n_splits": search.n_splits,
            "chosen": searcher.best_params_,
            "results": searcher.search_results_.to_dict("records"),
        }
    fitted = fit_member(
        member,
        rows,
        model,
        parameters=model.get_params(),
        seed=parameters.seed,
        scores=scores,
        with_sites=with_sites,
    )
    fitted.card |= found
    return fitted


def track_member(
    member: Member,
    predictions: pd.DataFrame,
    scores: dict[str, Any],
    site_scores: pd.DataFrame,
    skill: pd.DataFrame,
    model: FittedMember,
    parameters: TrainingParameters,
) -> MemberRun:
    """Collect the parameters, metrics, tables, figures and the model to log to MLflow."""
    from uflux_kedro.datasets.member_run import MemberRun
    from uflux_kedro.figures.member import member_figure
    from uflux_kedro.tracking.results import metrics_of_steps
    from uflux_kedro.variables import variable_of

    numbers = {k: v for k, v in scores.items() if isinstance(v, int | float)}
    for metric in ("NSE", "RMSE"):
        low_high = scores["intervals"][metric]
        numbers |= {f"{metric}_{end}": value for end, value in low_high.items()}
        over_splits = scores.get("splits", {}).get(metric, {})
        numbers |= {f"{metric}_splits_{end}": value for end, value in over_splits.items()}
    steps = pd.DataFrame(scores["steps"])
    numbers |= metrics_of_steps(steps)
    params = {
        "scheme": parameters.scheme,
        "min_qc": parameters.min_qc,
        **({} if parameters.min_qc_scored is None else {"min_qc_scored": parameters.min_qc_scored}),
        "seed": parameters.seed,
        "step": model.card["step"],
        "predictors": ", ".join(model.predictors),
        **model.card["parameters"],
    }
    tables = {"site_scores.csv": site_scores, "skill.csv": skill, "steps.csv": steps}
    choice = model.card.get("choice")
    if choice:
        params["choice.chosen"] = ", ".join(choice["chosen"])
        tables["choice.csv"] = pd.DataFrame(choice["results"])
    search = model.card.get("search")
    if search:
        params |= {f"search.{name}": search[name] for name in ("method", "n_splits", "chosen")}
        tables["search.csv"] = pd.DataFrame(search["results"])
    return MemberRun(
        name=member.name,
        tags={
            "flux": member.flux,
            "predictor_set": member.predictor_set,
            "model": member.model,
            **marked(mark_of(model.card)),
        },
        params=params,
        metrics=numbers,
        description=_describe(member, scores, model, parameters),
        tables=tables,
        figures={
            "held_out.png": member_figure(predictions, member.name, variable_of(member.flux).unit)
        },
        model=model,
    )


def _describe(
    member: Member, scores: dict[str, Any], model: FittedMember, parameters: TrainingParameters
) -> str:
    unit = model.card["unit"]
    return (
        f"{member.model} predicts {member.flux} ({unit}) of a {model.card['step']} from "
        f"{', '.join(model.predictors)}.\n\n"
        f"Held out ({parameters.scheme}, {scores['sites']} towers, {scores['n']} rows): "
        f"NSE {scores['NSE']:.3f}, RMSE {scores['RMSE']:.3g} {unit}. "
        f"The model was then fitted on all {len(model.card['sites'])} towers. "
        f"{notice(mark_of(model.card))}"
    ).strip()


def collect_leaderboard(*scores: dict[str, Any]) -> pd.DataFrame:
    """Make a table of the members of a flux, best NSE first."""
    from uflux_kedro.validation.metrics import LEADERBOARD_COLUMNS

    table = pd.DataFrame(list(scores))[list(LEADERBOARD_COLUMNS)]
    return table.sort_values("NSE", ascending=False, ignore_index=True)


def collect_members(*models: Any) -> pd.DataFrame:
    """Make a table of what the fitted members of a flux are, from their cards."""
    from uflux_kedro.report import card_row

    rows = [
        {
            "flux": model.card["flux"],
            "predictor_set": model.card["scores"]["predictor_set"],
            "model": model.card["scores"]["model"],
            "predictors": " ".join(model.predictors),
            **card_row(model.card),
        }
        for model in models
    ]
    return pd.DataFrame(rows)


def compare_with_reference(
    members: tuple[Member, ...], parameters: TrainingParameters, *predictions: pd.DataFrame
) -> pd.DataFrame:
    """Compare every member with the first of the configuration, in pairs by site."""
    from uflux_kedro.validation.comparison import compare_with_first

    by_name = {m.predictor_set: p for m, p in zip(members, predictions, strict=True)}
    table = compare_with_first(by_name, seed=parameters.seed)
    table = table.rename_axis("predictor_set").reset_index()
    table.insert(0, "flux", members[0].flux)
    return table


def collect_predictions(members: tuple[Member, ...], *predictions: pd.DataFrame) -> pd.DataFrame:
    """Concatenate the held-out predictions of all members of a flux."""
    from uflux_kedro.validation.repeats import first_repeat

    return pd.concat(
        [
            first_repeat(table).assign(predictor_set=member.predictor_set)
            for member, table in zip(members, predictions, strict=True)
        ],
        ignore_index=True,
    )


def collect_runs(*receipts: dict[str, Any]) -> pd.DataFrame:
    """Make a table of members and their MLflow runs; ids are empty if tracking is off."""
    columns = ["member", "run_id", "parent_run_id"]
    return pd.DataFrame([{c: receipt[c] for c in columns} for receipt in receipts])


def _usable(member: Member, table: pd.DataFrame, parameters: TrainingParameters) -> pd.DataFrame:
    """Return the rows that serve the member, or one of the predictor sets that it chooses from."""
    from uflux_kedro.validation.cross_validation import usable_rows

    usable, dropped = usable_rows(table, member.predictors, member.flux, parameters.min_qc)
    for _, predictors in member.alternatives:
        usable |= usable_rows(table, predictors, member.flux, parameters.min_qc)[0]
    if not usable.any():
        raise InputError(
            "training table",
            member.name,
            expected="rows with the flux, sufficient quality and all predictors",
            found=f"none of {len(table)}: " + ", ".join(f"{k}: {v}" for k, v in dropped.items()),
        )
    return table[usable].reset_index(drop=True)


def _quality(member: Member, rows: pd.DataFrame) -> NDArray:
    """Return the quality of the flux in each row."""
    name = f"{member.flux}_QC"
    require_columns(
        rows, [name], "training table", hint="Set training.min_qc_scored to null to score all rows."
    )
    return rows[name].to_numpy()


def _arrays(member: Member, rows: pd.DataFrame) -> tuple[NDArray, NDArray, NDArray]:
    """Return predictors, flux and sites of usable rows."""
    return (
        rows[list(member.predictors)].to_numpy("float32"),
        rows[member.flux].to_numpy("float64"),
        rows["site_id"].to_numpy(),
    )


def _search_of(member: Member, parameters: TrainingParameters) -> SearchParameters | None:
    """Return the search of the member's settings; None if there is none."""
    search = parameters.search
    if search is None:
        return None
    if member.model not in search.space:
        raise ConfigurationError(
            f"{member.name}: training.search.space has no entry for {member.model}, only for "
            f"{', '.join(search.space)}; write {member.model}: {{}} to keep its settings"
        )
    return search if search.space[member.model] else None


def _with_sites(member: Member, parameters: TrainingParameters, rows: pd.DataFrame) -> bool:
    from uflux_kedro.models.registry import MODELS
    from uflux_kedro.validation.steps import are_near

    spec = MODELS[member.model]
    wanted = parameters.fit_with_sites
    if wanted == "auto":
        wanted = are_near(rows)
    return spec.takes_predictors or (wanted and spec.takes_sites)


def _searched(
    model: Any,
    member: Member,
    search: SearchParameters,
    parameters: TrainingParameters,
    *,
    seed: int,
    with_sites: bool,
) -> SiteSearchRegressor:
    from uflux_kedro.validation.search import SiteSearchRegressor

    return SiteSearchRegressor(
        model,
        search.space[member.model],
        n_splits=search.n_splits,
        method=search.method,
        n_trials=search.n_trials,
        seed=seed,
        fit_with_sites=with_sites,
    )


def _make_model(member: Member, parameters: TrainingParameters, *, seed: int, n_jobs: int) -> Any:
    from uflux_kedro.models.registry import make_model

    return make_model(
        member.model,
        parameters.model_parameters.get(member.model),
        random_state=seed,
        n_jobs=n_jobs,
        device=parameters.device,
        predictors=member.predictors,
        flux=member.flux,
    )
