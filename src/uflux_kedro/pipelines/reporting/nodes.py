"""Nodes of the pipeline ``reporting``.

Figures of several fluxes take them by keyword, since how many there are is configuration.
"""

from __future__ import annotations

from typing import Any

from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.lazy import mpl_figure, pd, xr


def join_leaderboards(*leaderboards: pd.DataFrame) -> pd.DataFrame:
    """All fluxes' leaderboards, one under the other."""
    return pd.concat(leaderboards, ignore_index=True)


def mean_of_members(predictions: pd.DataFrame) -> pd.DataFrame:
    """Held-out prediction of the ensemble: the mean of the members that predicted a row."""
    rows = predictions.groupby(["site_id", "time"], as_index=False, sort=True)
    return rows.agg(truth=("truth", "first"), prediction=("prediction", "mean"))


def draw_scatter(**held_out: pd.DataFrame) -> mpl_figure.Figure:
    """Figure 2: tower against model."""
    from uflux_kedro.figures.scatter import scatter_figure

    return scatter_figure(held_out)


def draw_leaderboard(leaderboard: pd.DataFrame) -> mpl_figure.Figure:
    """Figure 3: members by fluxes."""
    from uflux_kedro.figures.members import leaderboard_figure

    return leaderboard_figure(leaderboard)


def draw_mean_maps(**products: xr.Dataset) -> mpl_figure.Figure:
    """Figure 4: multi-year means."""
    from uflux_kedro.figures.maps import mean_maps_figure

    return mean_maps_figure(products)


def draw_spread_maps(**products: xr.Dataset) -> mpl_figure.Figure:
    """Figure 4, companion: standard deviation among the members."""
    from uflux_kedro.figures.maps import spread_maps_figure

    return spread_maps_figure(products)


def draw_profiles(training_table: pd.DataFrame, **products: xr.Dataset) -> mpl_figure.Figure:
    """Figure 5: latitudinal profiles of members and towers."""
    from uflux_kedro.figures.fields import zonal_profile
    from uflux_kedro.figures.profiles import profiles_figure, tower_means

    profiles = {f: zonal_profile(p, f"{f}_member").compute() for f, p in products.items()}
    return profiles_figure(profiles, tower_means(training_table))


def draw_site_skill(**held_out: pd.DataFrame) -> mpl_figure.Figure:
    """NSE of every tower."""
    from uflux_kedro.figures.site_skill import site_skill_figure

    return site_skill_figure(held_out)


def draw_seasons(flux: str, held_out: pd.DataFrame, sites: pd.DataFrame) -> mpl_figure.Figure:
    """Seasonal cycle of one flux by IGBP class."""
    from uflux_kedro.figures.seasons import seasons_figure

    return seasons_figure(held_out, sites, flux)


def write_report(
    members: tuple[Member, ...],
    leaderboard: pd.DataFrame,
    training_table: pd.DataFrame,
    sites: pd.DataFrame,
    missing_columns: list[str],
    parameters: dict[str, Any],
    **parts: Any,
) -> str:
    """Put everything on one page that opens offline."""
    from uflux_kedro.report import ReportContext, render_report
    from uflux_kedro.validation.skill import skill_by_group, skill_by_part

    held_out = {k.removeprefix("held_out_"): v for k, v in parts.items() if k.startswith("held")}
    figures = {k.removeprefix("figure_"): v for k, v in parts.items() if k.startswith("figure")}
    comparisons = [v for k, v in parts.items() if k.startswith("comparison")]
    place = sites.set_index("site_id")
    skill = {}
    for title, of in {
        "By part of the signal": skill_by_part,
        "By IGBP class": lambda table: skill_by_group(table, place["IGBP"]),
        "By climate": lambda table: skill_by_group(table, place["climate"].dropna()),
    }.items():
        tables = {flux: of(table) for flux, table in held_out.items()}
        skill[title] = pd.concat(tables, names=["flux"]).reset_index()
    return render_report(
        ReportContext(
            title="UFLUX ensemble",
            members=members,
            scheme=str(leaderboard["scheme"].iloc[0]),
            training_table=training_table,
            leaderboard=leaderboard,
            # A flux of one member has an empty table, whose columns have no type.
            comparison=pd.concat(comparisons, ignore_index=True).infer_objects(),
            figures=figures,
            skill=skill,
            left_out=_left_out(members, missing_columns, parameters),
            provenance={"Versions": _versions(), "Parameters": parameters},
        )
    )


def _left_out(
    members: tuple[Member, ...], missing_columns: list[str], parameters: dict[str, Any]
) -> list[str]:
    """What was asked for and is not in the report, in words."""
    wanted = EnsembleParameters.model_validate(parameters["ensemble"]).members()
    return [f"Column {name}: not in the tower table." for name in missing_columns] + [
        f"Member {member.name}: the tower table lacks what it needs."
        for member in wanted
        if member not in members
    ]


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    libraries = ("uflux_kedro", "kedro", "mlflow", "numpy", "pandas", "xarray", "scikit-learn")
    return {name: version(name) for name in (*libraries, "xgboost", "numba", "pyrealm")}
