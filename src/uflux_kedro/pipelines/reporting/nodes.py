"""Nodes of the pipeline ``reporting``.

Figures of several fluxes take them by keyword, since how many there are is configuration.
"""

from __future__ import annotations

from typing import Any

from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.pipelines.reporting.peers import Peer


def join_tables(*tables: pd.DataFrame) -> pd.DataFrame:
    """All fluxes' tables, one under the other."""
    return pd.concat(tables, ignore_index=True)


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
    from uflux_kedro.figures.profiles import profiles_figure, tower_means
    from uflux_kedro.statistics.means import zonal_profile

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


def check_budgets(drivers: xr.Dataset, **products: xr.Dataset) -> pd.DataFrame:
    """Whether NEE is what RECO and GPP leave, and H and LE what radiation brings."""
    from uflux_kedro.statistics.budgets import budgets

    return budgets(products, drivers)


def compare_product(peer: Peer, product: xr.Dataset) -> xr.Dataset:
    """One flux beside that of another product, on what both have."""
    from pathlib import Path

    from uflux_kedro.errors import InputError
    from uflux_kedro.readers.grids.peers import read_peer
    from uflux_kedro.statistics.peers import compare_with_peer

    if not peer.paths:
        raise InputError(
            peer.where, peer.flux, expected=f"files of the peer {peer.name}", found="none"
        )
    paths, variable = [Path(p) for p in peer.paths], peer.variable
    theirs = read_peer(paths, peer.flux, variable.variable, unit=variable.unit, sign=variable.sign)
    return compare_with_peer(product, peer.flux, theirs)


def tabulate_peers(peers: tuple[Peer, ...], *comparisons: xr.Dataset) -> pd.DataFrame:
    """Scores of all comparisons, one row a peer and flux."""
    from uflux_kedro.statistics.peers import SCORES
    from uflux_kedro.variables import VARIABLES

    rows = [
        {"peer": peer.name, "flux": peer.flux, "unit": VARIABLES[peer.flux].unit}
        | {score: float(found[score]) for score in SCORES}
        for peer, found in zip(peers, comparisons, strict=True)
    ]
    return pd.DataFrame(rows)


def draw_difference(peer: str, **comparisons: xr.Dataset) -> mpl_figure.Figure:
    """Figure 8: difference to a peer, with its means along both axes."""
    from uflux_kedro.figures.peers import peer_maps_figure

    return peer_maps_figure({f: c.compute() for f, c in comparisons.items()}, peer)


def draw_peer_density(peer: str, **comparisons: xr.Dataset) -> mpl_figure.Figure:
    """Cells and months of a peer against the product's."""
    from uflux_kedro.figures.peers import peer_density_figure

    return peer_density_figure({f: c.compute() for f, c in comparisons.items()}, peer)


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
    from uflux_kedro.report import ReportContext, map_sections, render_report
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
            sections=map_sections(*(parts.get(k) for k in ("aggregates", "peers", "budgets"))),
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
