"""Nodes of the pipeline ``uncertainty``.

The first argument ``members`` is bound by :func:`uflux_kedro.members.bound`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import pd
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.parameters import TrainingParameters

if TYPE_CHECKING:
    from uflux_kedro.uncertainty.fitted import FluxUncertainty

logger = logging.getLogger(__name__)

_KEPT = ("site_id", "time", "latitude", "longitude", "IGBP")
"""Columns that intervals and sums need; longitude only if there is one."""


def average_members(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ensemble's held-out prediction: mean and spread of the members by row."""
    from uflux_kedro.validation.comparison import mean_of_members

    return mean_of_members(predictions)


def calibrate_intervals(
    members: tuple[Member, ...],
    held_out: pd.DataFrame,
    training_table: pd.DataFrame,
    parameters: UncertaintyParameters,
    training: TrainingParameters,
) -> tuple[FluxUncertainty, pd.DataFrame, pd.DataFrame]:
    """Fit sampling space and intervals of a flux on its towers.

    The sampling space has the predictors of the first configured member. Returned are what gives
    products their intervals, the held-out rows with intervals, and the predictors' importance.
    """
    from uflux_kedro.uncertainty.calibration import calibrate
    from uflux_kedro.uncertainty.space_of_towers import space_of_towers

    flux, predictors = members[0].flux, list(members[0].predictors)
    usable = _usable(members[0], training_table, training)
    space, importance = space_of_towers(
        usable, predictors, flux, parameters, n_jobs=training.n_jobs
    )
    wanted = dict.fromkeys([*_KEPT, *predictors])
    known = training_table[[name for name in wanted if name in training_table]]
    rows = held_out.merge(known, on=["site_id", "time"], validate="one_to_one")
    fitted, judged = calibrate(rows, predictors, parameters, flux=flux, space=space)
    return fitted, judged, importance.reset_index()


def _usable(member: Member, table: pd.DataFrame, training: TrainingParameters) -> pd.DataFrame:
    from uflux_kedro.validation.cross_validation import usable_rows

    return table[usable_rows(table, member.predictors, member.flux, training.min_qc)[0]]


def judge_intervals(
    calibrated: pd.DataFrame, parameters: UncertaintyParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return coverage at several levels by class, and the score against intervals of one width."""
    from uflux_kedro.uncertainty.coverage import coverage_curves, score_against_constant

    settings: dict[str, Any] = {
        "seed": parameters.seed,
        "guarantee": parameters.intervals.guarantee,
    }
    curves = coverage_curves(calibrated, parameters.level, **settings)
    scores = score_against_constant(calibrated, parameters.level, **settings)
    return curves, pd.DataFrame([{"level": parameters.level, **scores}])


def rank_error_predictors(
    calibrated: pd.DataFrame, parameters: UncertaintyParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the measures of doubt: rank correlations with the error, and sparsification curves."""
    from uflux_kedro.uncertainty.ranking import rank_measures, sparsification

    ranking = rank_measures(calibrated, n_resamples=200, seed=parameters.seed)
    return ranking.reset_index(), sparsification(calibrated).reset_index()


def correlate_errors(
    calibrated: pd.DataFrame, parameters: UncertaintyParameters
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Estimate how a flux's errors go together; return it, and annual sums of unseen towers."""
    from uflux_kedro.uncertainty.sums import fit_sum_errors, held_out_sums

    settings: dict[str, Any] = {
        "level": parameters.level,
        "n_splits": parameters.n_splits,
        "seed": parameters.seed,
    }
    errors = fit_sum_errors(calibrated, **settings)
    return errors.to_dict(), held_out_sums(calibrated, **settings)


def train_on_shares_of_towers(
    members: tuple[Member, ...],
    training_table: pd.DataFrame,
    parameters: UncertaintyParameters,
    training: TrainingParameters,
) -> pd.DataFrame:
    """Train XGBoost on growing shares of the towers, with the first member's predictors.

    A curve of the default model would take longer than its whole validation; boosted trees tell as
    well what more towers bring.
    """
    from uflux_kedro.models.registry import make_model
    from uflux_kedro.uncertainty.learning_curve import (
        LEAST_TOWERS,
        no_curve,
        train_on_shares,
    )

    flux, settings = members[0].flux, training.model_parameters.get("XGB")
    rows = _usable(members[0], training_table, training)
    if rows["site_id"].nunique() < LEAST_TOWERS:
        logger.warning("%s has too few towers for a learning curve", flux)
        return no_curve()
    return train_on_shares(
        rows,
        flux,
        members[0].predictors,
        lambda seed: make_model("XGB", settings, random_state=seed, n_jobs=1),
        parameters.learning_curve,
        seed=parameters.seed,
        n_jobs=training.n_jobs,
    )


def explain_member(
    model: Any, training_table: pd.DataFrame, training: TrainingParameters
) -> pd.DataFrame:
    """Return the accumulated local effects of one member's predictors."""
    from uflux_kedro.explanation import member_effects

    return member_effects(model, training_table, seed=training.seed, n_jobs=training.n_jobs)


def split_member(
    members: tuple[Member, ...],
    model: Any,
    training_table: pd.DataFrame,
    training: TrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return SHAP values of the first member at some rows, and their mean size by predictor.

    Where those of its model would not be exact they are those of XGBoost, fitted to the same rows;
    the column ``model`` of the second table says which.
    """
    from uflux_kedro.explanation import split_predictions
    from uflux_kedro.models.registry import make_model

    settings = training.model_parameters.get("XGB")
    found = split_predictions(
        model,
        _usable(members[0], training_table, training),
        lambda: make_model("XGB", settings, random_state=training.seed, n_jobs=training.n_jobs),
        seed=training.seed,
        n_jobs=training.n_jobs,
    )
    if found.remark:
        reason = found.remark.partition(":")[0]
        logger.info("%s: SHAP values are of XGB in its place. %s", members[0].name, reason)
    kind = "XGB" if found.remark else members[0].model
    return found.shap, found.importance.reset_index().assign(model=kind)


def close_carbon_at_towers(
    parameters: UncertaintyParameters, **calibrated: pd.DataFrame
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Fit how GPP, RECO and NEE are reconciled; return it, the reconciled rows and their skill."""
    from uflux_kedro.uncertainty.closing import compare_closed, fit_closure

    closure, closed = fit_closure(
        calibrated,
        level=parameters.level,
        n_splits=parameters.n_splits,
        seed=parameters.seed,
        guarantee=parameters.intervals.guarantee,
    )
    rows = pd.concat([table.assign(flux=flux) for flux, table in closed.items()], ignore_index=True)
    return closure.to_dict(), rows, compare_closed(closed, seed=parameters.seed)


def share_of_targets(training_table: pd.DataFrame, **held_out: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the held-out errors the towers' own uncertainty explains, by class."""
    from uflux_kedro.uncertainty.targets import target_shares

    return target_shares(held_out, training_table)
