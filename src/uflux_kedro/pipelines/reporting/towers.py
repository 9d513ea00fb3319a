"""Tables and figures of the ensemble at towers: skill by site, maps, series, ratios of fluxes.

Held-out predictions are keyword arguments named after their flux, since the fluxes are configured.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.lazy import mpl_figure, pd
from uflux_kedro.members import bound
from uflux_kedro.report.parameters import ReportingParameters
from uflux_kedro.uncertainty.parameters import UncertaintyParameters


def tower_tables(fluxes: Collection[str]) -> list[Node]:
    """Return the nodes that score the held-out predictions by site, by group and by member."""
    held_out = {flux: f"held_out_{flux}" for flux in fluxes}
    members = {f"members_{flux}": f"predictions_{flux}" for flux in fluxes}
    places = {"sites": "sites"}
    return [
        node(score_sites, places | held_out, "skill_by_site", name="score_sites"),
        node(score_groups, places | held_out, "skill_by_group", name="score_groups"),
        node(place_members, held_out | members, "taylor", name="place_members"),
    ]


def tower_figures(
    fluxes: Collection[str],
) -> dict[str, tuple[Callable[..., Any], list[str] | dict[str, str]]]:
    """Return key of a figure -> the function that draws it, and its inputs."""
    found: dict[str, tuple[Callable[..., Any], list[str] | dict[str, str]]] = {
        "tower_map": (draw_tower_map, ["skill_by_site"]),
        "taylor": (draw_taylor, ["taylor"]),
        "skill_by_group": (draw_skill_by_group, ["skill_by_group"]),
    }
    for flux in fluxes:
        found[f"series_{flux}"] = (
            bound(draw_series, flux),
            [f"calibrated_{flux}", "skill_by_site", "params:reporting", "params:uncertainty"],
        )
    if "LE" in fluxes and not {"GPP", "H"}.isdisjoint(fluxes):
        of_ratios = {flux: f"held_out_{flux}" for flux in ("GPP", "H", "LE") if flux in fluxes}
        at_towers = {"towers": "towers", "training_table": "training_table"}
        found["ratios"] = (draw_ratios, at_towers | of_ratios)
    return found


def score_sites(sites: pd.DataFrame, **held_out: pd.DataFrame) -> pd.DataFrame:
    """Score the ensemble at every tower."""
    from uflux_kedro.validation.by_site import skill_by_site

    return skill_by_site(held_out, sites)


def score_groups(sites: pd.DataFrame, **held_out: pd.DataFrame) -> pd.DataFrame:
    """Score the ensemble by part of the signal, IGBP class and climate, with intervals."""
    from uflux_kedro.validation.skill_groups import skill_intervals

    return skill_intervals(held_out, sites)


def place_members(**tables: pd.DataFrame) -> pd.DataFrame:
    """Compute correlation, deviation and centred error of all members and of the ensemble."""
    from uflux_kedro.validation.taylor import taylor_statistics

    found = [
        taylor_statistics(tables[f"members_{flux}"], held_out).assign(flux=flux)
        for flux, held_out in tables.items()
        if not flux.startswith("members_")
    ]
    return pd.concat(found, ignore_index=True)


def draw_tower_map(skill: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the NSE of every tower at its place."""
    from uflux_kedro.figures.tower_map import tower_map_figure

    return tower_map_figure(skill)


def draw_taylor(table: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the Taylor diagrams of all fluxes."""
    from uflux_kedro.figures.taylor import taylor_figure

    return taylor_figure(dict(list(table.groupby("flux"))))


def draw_skill_by_group(table: pd.DataFrame) -> mpl_figure.Figure:
    """Draw skill by part of the signal, IGBP class and climate."""
    from uflux_kedro.figures.skill_groups import skill_groups_figure

    return skill_groups_figure(table)


def draw_series(
    flux: str,
    calibrated: pd.DataFrame,
    skill: pd.DataFrame,
    parameters: ReportingParameters,
    uncertainty: UncertaintyParameters,
) -> mpl_figure.Figure:
    """Draw measured and predicted series of one flux at chosen towers."""
    from uflux_kedro.figures.series import series_figure
    from uflux_kedro.validation.by_site import choose_sites

    chosen = choose_sites(skill, flux, parameters.towers)
    classes = skill.drop_duplicates("site_id").set_index("site_id")["IGBP"].dropna()
    return series_figure(calibrated, flux, chosen, uncertainty.level, classes.to_dict())


def draw_ratios(
    towers: pd.DataFrame, training_table: pd.DataFrame, **held_out: pd.DataFrame
) -> mpl_figure.Figure:
    """Draw Figure 9: water-use efficiency and energy-balance ratio, tower against model."""
    from uflux_kedro.figures.ratios import energy_balance, ratios_figure, water_use

    return ratios_figure(
        water_use(_water(towers, training_table, held_out)),
        energy_balance(*_energy(towers, training_table, held_out)),
        training_table.attrs.get("resolution", "MM"),
    )


def _water(
    towers: pd.DataFrame, table: pd.DataFrame, held_out: Mapping[str, pd.DataFrame]
) -> pd.DataFrame | None:
    from uflux_kedro.explanation.ratios import air_temperature, water_use_rows

    if "GPP" not in held_out:
        return None
    temperature = air_temperature(towers, table)
    return (
        None
        if temperature is None
        else water_use_rows(held_out["GPP"], held_out["LE"], temperature)
    )


def _energy(
    towers: pd.DataFrame, table: pd.DataFrame, held_out: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame | None, str]:
    from uflux_kedro.explanation.ratios import available_energy, energy_rows

    available = available_energy(towers, table) if "H" in held_out else None
    if available is None:
        return None, ""
    return energy_rows(held_out["H"], held_out["LE"], available.rows), available.source
