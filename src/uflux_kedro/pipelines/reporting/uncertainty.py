"""Figures and sections of the report about how far to trust the predictions, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.members import bound, by_flux
from uflux_kedro.pipelines.reporting.parts import named
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.variables import parse_predictor

_OF_FLUX = (
    *("interval_scores", "calibration", "error_predictors", "annual_sums", "learning_curve"),
    "shap_importance",
)
"""Tables of one flux that the report reads; names in the catalog end with the flux."""


def uncertainty_figures(
    members: tuple[Member, ...], products: Mapping[str, str]
) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Return key of a figure -> the function that draws it, and its inputs.

    Args:
        members: All members.
        products: Flux -> dataset of its product; empty without maps.
    """
    fluxes = by_flux(members)
    found: dict[str, tuple[Callable[..., Any], Any]] = {
        "calibration": (
            draw_calibration,
            {"parameters": "params:uncertainty"} | {flux: f"calibration_{flux}" for flux in fluxes},
        ),
        "error_ranking": (
            draw_error_ranking,
            {f"ranking_{flux}": f"error_predictors_{flux}" for flux in fluxes}
            | {f"curve_{flux}": f"sparsification_{flux}" for flux in fluxes},
        ),
        "learning_curves": (draw_learning_curves, [f"learning_curve_{flux}" for flux in fluxes]),
    }
    if products:
        found["completeness_maps"] = (draw_completeness_maps, dict(products))
        found["completeness_series"] = (draw_completeness_series, dict(products))
    for flux, ours in fluxes.items():
        found[f"importance_{flux}"] = (bound(draw_importance, flux), [f"importance_{flux}"])
        found[f"shap_{flux}"] = (bound(draw_shap, flux), [f"shap_{flux}"])
        found[f"effects_{flux}"] = (bound(draw_effects, flux), [f"effects_{flux}"])
        driver = response_driver(flux, ours)
        if driver:
            found[f"response_{flux}"] = (
                bound(draw_response, (flux, driver)),
                [f"held_out_{flux}", "training_table"],
            )
    return found


def uncertainty_tables(members: tuple[Member, ...], closed: Collection[str]) -> list[str]:
    """Return the datasets that the sections read."""
    shared = ["target_shares", "closed_loop_maps", *(["carbon_skill"] if closed else [])]
    return [f"{table}_{flux}" for flux in by_flux(members) for table in _OF_FLUX] + shared


def optional_figures(fluxes: Iterable[str]) -> list[str]:
    """Return the figures that other pipelines may have drawn: the loop, and maps of fluxes."""
    return ["figure_closed_loop", *(f"figure_next_tower_{flux}" for flux in fluxes)]


def response_driver(flux: str, members: tuple[Member, ...]) -> str | None:
    """Return the column of the driver that a flux responds to; None if no member has it."""
    from uflux_kedro.explanation.responses import RESPONSES

    if flux not in RESPONSES:
        return None
    names = dict.fromkeys(name for member in members for name in member.predictors)
    variable = RESPONSES[flux].variable
    return next((name for name in names if parse_predictor(name)[1] == variable), None)


def draw_calibration(
    parameters: UncertaintyParameters, **curves: pd.DataFrame
) -> mpl_figure.Figure:
    """Draw the coverage of intervals against the nominal level, and by class."""
    from uflux_kedro.figures.calibration import calibration_figure

    return calibration_figure(curves, parameters.level)


def draw_error_ranking(**tables: pd.DataFrame) -> mpl_figure.Figure:
    """Draw which measure foretells the error."""
    from uflux_kedro.figures.ranking import ranking_figure

    return ranking_figure(
        {flux: table.set_index("measure") for flux, table in named("ranking_", tables).items()},
        {flux: table.set_index("removed") for flux, table in named("curve_", tables).items()},
    )


def draw_learning_curves(*curves: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the skill by the number of training towers."""
    from uflux_kedro.figures.learning_curve import learning_curve_figure
    from uflux_kedro.uncertainty.learning_curve import summarise_curve

    return learning_curve_figure(summarise_curve(_joined(curves)))


def _joined(curves: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate learning curves; those of too few towers are empty, and their columns untyped."""
    from uflux_kedro.uncertainty.learning_curve import no_curve

    known = [curve for curve in curves if not curve.empty]
    return pd.concat(known, ignore_index=True) if known else no_curve()


def draw_completeness_maps(**products: xr.Dataset) -> mpl_figure.Figure:
    """Draw the completeness of the sampling space on the map."""
    from uflux_kedro.figures.completeness import completeness_maps_figure

    return completeness_maps_figure(products)


def draw_completeness_series(**products: xr.Dataset) -> mpl_figure.Figure:
    """Draw the completeness of the sampling space over time."""
    from uflux_kedro.figures.completeness import completeness_series_figure

    return completeness_series_figure(products)


def draw_importance(flux: str, importance: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the importance of one flux's predictors at unseen towers."""
    from uflux_kedro.figures.explanation import importance_figure

    return importance_figure(importance.set_index("predictor"), flux, "increase of RMSE")


def draw_shap(flux: str, shap: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the share of each predictor in predictions of one member."""
    from uflux_kedro.figures.explanation import shap_figure

    return shap_figure(shap, flux)


def draw_effects(flux: str, effects: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the effects of one member's predictors."""
    from uflux_kedro.figures.explanation import effects_figure

    return effects_figure(effects, flux)


def draw_response(
    response: tuple[str, str], held_out: pd.DataFrame, training_table: pd.DataFrame
) -> mpl_figure.Figure:
    """Draw Figure 10 or 11: response of a flux to its driver by class, towers and model.

    Args:
        response: The flux, and the column of its driver.
        held_out: Held-out predictions of the ensemble.
        training_table: The training table.
    """
    from uflux_kedro.explanation import response_curves, response_rows
    from uflux_kedro.figures.response import response_figure

    flux, driver = response
    rows = response_rows(held_out, training_table, flux, driver)
    return response_figure(response_curves(rows), flux, rows)


def uncertainty_sections(
    members: tuple[Member, ...],
    parameters: Mapping[str, Any],
    parts: Mapping[str, Any],
    figures: Collection[str],
) -> list[Any]:
    """Return the sections about uncertainty and explanation.

    Args:
        members: All members.
        parameters: All parameters of the run.
        parts: Dataset of :func:`uncertainty_tables` -> its table, and ``aggregates`` if there is.
        figures: Keys of the report's figures.
    """
    from uflux_kedro.report import explanation_section, uncertainty_section
    from uflux_kedro.uncertainty.coverage import coverage_of_sums

    fluxes = by_flux(members)

    def of_fluxes(table: str) -> dict[str, pd.DataFrame]:
        return {flux: parts[f"{table}_{flux}"] for flux in fluxes}

    loop = parts["closed_loop_maps"]
    return [
        uncertainty_section(
            UncertaintyParameters.model_validate(parameters["uncertainty"]).level,
            scores=of_fluxes("interval_scores"),
            curves=of_fluxes("calibration"),
            ranking=of_fluxes("error_predictors"),
            annual={f: coverage_of_sums(t) for f, t in of_fluxes("annual_sums").items()},
            learning=_joined(of_fluxes("learning_curve").values()),
            targets=parts["target_shares"],
            carbon=parts.get("carbon_skill"),
            sums=parts.get("aggregates"),
            closed_loop=None if loop.empty else loop,
            figures=figures,
        ),
        explanation_section(
            members[0].model,
            members[0].predictor_set,
            {str(table["model"].iloc[0]) for table in of_fluxes("shap_importance").values()},
        ),
    ]
