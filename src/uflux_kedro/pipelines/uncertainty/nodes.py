"""Nodes of the pipeline ``uncertainty``.

The first argument ``members`` is bound by :func:`uflux_kedro.members.bound`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import pd
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.parameters import TrainingParameters

if TYPE_CHECKING:
    from uflux_kedro.uncertainty.fitted import FluxUncertainty


_PLACE = ("site_id", "time", "latitude", "longitude")


def average_members(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ensemble's held-out prediction: the mean of all members that predict a row.

    ``spread`` is their standard deviation, as in the products; missing for a single member.
    """
    rows = predictions.groupby(["site_id", "time"], as_index=False, sort=True)
    table = rows.agg(
        truth=("truth", "first"), prediction=("prediction", "mean"), members=("prediction", "count")
    )
    spread = rows["prediction"].std(ddof=0)["prediction"]
    return table.assign(spread=spread.where(table["members"] > 1))


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
    from uflux_kedro.validation.cross_validation import usable_rows

    flux, predictors = members[0].flux, list(members[0].predictors)
    usable, _ = usable_rows(training_table, predictors, flux, training.min_qc)
    space, importance = space_of_towers(
        training_table[usable], predictors, flux, parameters, n_jobs=training.n_jobs
    )
    known = training_table[list(dict.fromkeys([*_PLACE, "IGBP", *predictors]))]
    rows = held_out.merge(known, on=["site_id", "time"], validate="one_to_one")
    fitted, judged = calibrate(rows, predictors, parameters, flux=flux, space=space)
    return fitted, judged, importance.reset_index()


def correlate_errors(
    calibrated: pd.DataFrame, parameters: UncertaintyParameters
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Estimate how a flux's errors go together; return it, and annual sums of the towers."""
    from uflux_kedro.uncertainty.sums import annual_sums, fit_sum_errors

    errors = fit_sum_errors(
        calibrated, level=parameters.level, n_splits=parameters.n_splits, seed=parameters.seed
    )
    return errors.to_dict(), annual_sums(calibrated, errors)


def close_carbon_at_towers(
    parameters: UncertaintyParameters, **calibrated: pd.DataFrame
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Fit how GPP, RECO and NEE are reconciled; return it, the reconciled rows and their skill."""
    from uflux_kedro.uncertainty.closing import compare_closed, fit_closure

    closure, closed = fit_closure(
        calibrated, level=parameters.level, n_splits=parameters.n_splits, seed=parameters.seed
    )
    rows = pd.concat([table.assign(flux=flux) for flux, table in closed.items()], ignore_index=True)
    return closure.to_dict(), rows, compare_closed(closed, seed=parameters.seed)
