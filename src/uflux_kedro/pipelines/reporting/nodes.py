"""Nodes of the pipeline ``reporting``.

Nodes of several fluxes take them as keyword arguments, since their number is configured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.installed import version_of
from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.pipelines.reporting.parts import named
from uflux_kedro.pipelines.reporting.peers import Peer
from uflux_kedro.products.parameters import InferenceParameters
from uflux_kedro.report.parameters import ReportingParameters
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.staging import Staging
from uflux_kedro.validation.parameters import TrainingParameters

SETTING = "setting_"
"""Prefix of the report's inputs that are settings."""


def join_tables(*tables: pd.DataFrame) -> pd.DataFrame:
    """Concatenate the tables of all fluxes."""
    return pd.concat(tables, ignore_index=True)


def join_leaderboards(*tables: pd.DataFrame) -> pd.DataFrame:
    """Concatenate the leaderboards of all fluxes, whose scores have to be comparable.

    Raises:
        ConfigurationError: If they are of different validation schemes.
    """
    from uflux_kedro.pipelines.reporting.made_of import require_one_scheme

    leaderboard = join_tables(*tables)
    require_one_scheme(leaderboard)
    return leaderboard


def score_ensemble(
    leaderboard: pd.DataFrame,
    training: TrainingParameters,
    closed: pd.DataFrame | None = None,
    **held_out: pd.DataFrame,
) -> pd.DataFrame:
    """Score the ensemble of each flux at unseen towers, as the maps show it."""
    from uflux_kedro.validation.ensemble import all_as_mapped, ensemble_skill

    reconciled = () if closed is None else tuple(sorted(closed["flux"].unique()))
    shown = all_as_mapped(held_out, closed)
    return ensemble_skill(shown, leaderboard, reconciled=reconciled, seed=training.seed)


def score_steps(closed: pd.DataFrame | None = None, **held_out: pd.DataFrame) -> pd.DataFrame:
    """Score the ensemble of each flux at every step of time, as the maps show it."""
    from uflux_kedro.validation.ensemble import all_as_mapped
    from uflux_kedro.validation.skill_by_step import skill_of_fluxes

    return skill_of_fluxes(all_as_mapped(held_out, closed))


def draw_scatter(**held_out: pd.DataFrame) -> mpl_figure.Figure:
    """Draw Figure 2: tower against model."""
    from uflux_kedro.figures.scatter import scatter_figure

    return scatter_figure(held_out)


def draw_leaderboard(leaderboard: pd.DataFrame) -> mpl_figure.Figure:
    """Draw Figure 3: skill of members by flux."""
    from uflux_kedro.figures.members import leaderboard_figure

    return leaderboard_figure(leaderboard)


def draw_mean_maps(**products: xr.Dataset) -> mpl_figure.Figure:
    """Draw Figure 4a: multi-year means."""
    from uflux_kedro.figures.maps import mean_maps_figure

    return mean_maps_figure(products)


def draw_spread_maps(**products: xr.Dataset) -> mpl_figure.Figure:
    """Draw Figure 4b: standard deviation among members."""
    from uflux_kedro.figures.maps import spread_maps_figure

    return spread_maps_figure(products)


def draw_profiles(training_table: pd.DataFrame, **products: xr.Dataset) -> mpl_figure.Figure:
    """Draw Figure 5: latitudinal profiles of members and towers."""
    from uflux_kedro.figures.profiles import profiles_figure, tower_means
    from uflux_kedro.statistics.means import multi_year_mean, zonal_mean

    profiles = {
        f: zonal_mean(multi_year_mean(p, f"{f}_member")).compute() for f, p in products.items()
    }
    return profiles_figure(profiles, tower_means(training_table))


def draw_site_skill(**held_out: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the NSE of every tower."""
    from uflux_kedro.figures.site_skill import site_skill_figure

    return site_skill_figure(held_out)


def draw_seasons(flux: str, held_out: pd.DataFrame, sites: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the seasonal cycle of one flux by IGBP class."""
    from uflux_kedro.figures.seasons import seasons_figure

    return seasons_figure(held_out, sites, flux)


def check_budgets(drivers: xr.Dataset, **products: xr.Dataset) -> pd.DataFrame:
    """Compare NEE with RECO minus GPP, and H plus LE with net radiation."""
    from uflux_kedro.statistics.budgets import budget_residuals

    return budget_residuals(products, drivers)


def compare_product(peer: Peer, product: xr.Dataset) -> xr.Dataset:
    """Compare one flux with that of another product, over the cells and months of both."""
    from uflux_kedro.readers.grids.peers import read_peer
    from uflux_kedro.statistics.peers import compare_with_peer

    peer.check_files()
    paths, variable = [Path(p) for p in peer.paths], peer.variable
    theirs = read_peer(paths, peer.flux, variable.variable, unit=variable.unit, sign=variable.sign)
    return compare_with_peer(product, peer.flux, theirs).assign_attrs(marked(mark_of(product)))


def tabulate_peers(peers: tuple[Peer, ...], *comparisons: xr.Dataset) -> pd.DataFrame:
    """Return the scores of all comparisons, one row per peer and flux."""
    from uflux_kedro.statistics.peers import SCORES
    from uflux_kedro.variables import VARIABLES

    rows = [
        {"peer": peer.name, "flux": peer.flux, "unit": VARIABLES[peer.flux].unit}
        | {score: float(found[score]) for score in SCORES}
        for peer, found in zip(peers, comparisons, strict=True)
    ]
    return pd.DataFrame(rows)


def draw_difference(peer: str, **comparisons: xr.Dataset) -> mpl_figure.Figure:
    """Draw Figure 8: product minus peer, with means by longitude and latitude."""
    from uflux_kedro.figures.peers import peer_maps_figure

    return peer_maps_figure({f: c.compute() for f, c in comparisons.items()}, peer)


def draw_peer_density(peer: str, **comparisons: xr.Dataset) -> mpl_figure.Figure:
    """Draw the density of a peer's cells and months against the product's."""
    from uflux_kedro.figures.peers import peer_density_figure

    return peer_density_figure({f: c.compute() for f, c in comparisons.items()}, peer)


def write_report(
    members: tuple[Member, ...],
    leaderboard: pd.DataFrame,
    training_table: pd.DataFrame,
    sites: pd.DataFrame,
    missing_columns: list[str],
    data_folder: Path,
    ensemble_skill: pd.DataFrame,
    drivers: xr.Dataset | None = None,
    **parts: Any,
) -> str:
    """Render the report as one page that opens offline.

    Its members are those that were trained; ``members`` are the configured ones. The drivers of the
    maps may be simulated where those of the towers are not.
    """
    from uflux_kedro.figures.labels import unit_text
    from uflux_kedro.pipelines.reporting.documents import as_yaml
    from uflux_kedro.pipelines.reporting.made_of import dates_of, trained_members, warnings_about
    from uflux_kedro.pipelines.reporting.maps import further_sections
    from uflux_kedro.pipelines.reporting.uncertainty import uncertainty_sections
    from uflux_kedro.readers.towers.left_out import in_words
    from uflux_kedro.report import (
        ReportContext,
        benchmark_section,
        explorer_section,
        glossary_section,
        map_sections,
        render_report,
    )
    from uflux_kedro.validation.skill import skill_by_group, skill_by_part

    parameters = named(SETTING, parts)
    held_out = named("held_out_", parts)
    figures = {name: picture for name, picture in named("figure_", parts).items() if picture}
    trained = trained_members(list(named("members_", parts).values()))
    dates = dates_of(trained, Staging(data_folder).earlier())
    comparisons = list(named("comparison_", parts).values())
    ensemble = EnsembleParameters.model_validate(parameters["ensemble"])
    has_map = drivers is not None and ReportingParameters.of(parameters).map.show
    inference = None
    if drivers is not None:
        inference = InferenceParameters.model_validate(parameters["inference"])
    place = sites.set_index("site_id")
    skill = {}
    for title, of in {
        "By part of the signal": skill_by_part,
        "By IGBP class": lambda table: skill_by_group(table, place["IGBP"]),
        "By climate": lambda table: skill_by_group(table, place["climate"].dropna()),
    }.items():
        tables = {flux: of(table) for flux, table in held_out.items()}
        skill[title] = pd.concat(tables, names=["flux"]).reset_index()
    by_step, by_site = parts["skill_by_step"], parts["skill_by_site"]
    skill["By step of time, as the maps show it"] = by_step.assign(
        unit=by_step["unit"].map(unit_text)
    )
    skill["By tower"] = by_site.assign(unit=by_site["unit"].map(unit_text))
    mark = mark_of(training_table, drivers)
    scored = parts.get("benchmark_skill")
    return render_report(
        ReportContext(
            title="UFLUX ensemble",
            members=trained,
            dates=dates,
            warnings=warnings_about(trained, ensemble.model, dates),
            scheme=str(leaderboard["scheme"].iloc[0]),
            training_table=training_table,
            leaderboard=leaderboard,
            ensemble=ensemble_skill,
            # A flux with one member has an empty table, in which columns have no type.
            comparison=pd.concat(comparisons, ignore_index=True).infer_objects(),
            mapped=None if inference is None else (inference.first_month, inference.last_month),
            figures=figures,
            skill=skill,
            sections=[
                *([benchmark_section(scored)] if scored is not None else []),
                *map_sections(
                    *(parts.get(k) for k in ("aggregates", "peers", "budgets")),
                    unvegetated="mask" if inference is None else inference.unvegetated,
                ),
                *further_sections(parts, figures, mark),
                *([explorer_section()] if has_map else []),
                *uncertainty_sections(members, parameters, parts, figures),
                glossary_section(
                    trained, leaderboard["scheme"].unique(), mapped="aggregates" in parts
                ),
            ],
            simulated=mark,
            left_out=[
                *_left_out(members, missing_columns, ensemble),
                *in_words(parts.get("left_out")),
            ],
            provenance={"Versions": _versions()},
            settings=as_yaml(parameters),
            run=parts.get("run_facts", {}),
            files=parts.get("input_files", pd.DataFrame()),
            attribution=parts.get("attribution", ""),
            site_list=parts.get("site_list", pd.DataFrame()),
            model_cards=parts.get("model_cards", pd.DataFrame()),
            data_sheets=parts.get("data_sheets", pd.DataFrame()),
        )
    )


def _left_out(
    members: tuple[Member, ...], missing_columns: list[str], ensemble: EnsembleParameters
) -> list[str]:
    """List the configured columns and members that are not in the report."""
    wanted = ensemble.members()
    return [f"Column {name}: missing in the tower table." for name in missing_columns] + [
        f"Member {member.name}: a column that it requires is missing in the tower table."
        for member in wanted
        if member not in members
    ]


def _versions() -> dict[str, str]:
    libraries = ("uflux_kedro", "kedro", "mlflow", "numpy", "pandas", "xarray", "scikit-learn")
    return {name: version_of(name) for name in (*libraries, "xgboost", "numba", "pyrealm")}
