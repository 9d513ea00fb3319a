"""Results of a run as tables, figures and one page.

What concerns one flux alone is in the flux's namespace, the rest in ``reporting``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.members import (
    bound,
    by_flux,
    closed_fluxes,
    derived_products,
    project_members,
)
from uflux_kedro.pipelines.reporting.benchmark import benchmark_nodes
from uflux_kedro.pipelines.reporting.documents import (
    cite_towers,
    describe_products,
    join_model_cards,
    list_sites,
    print_report,
)
from uflux_kedro.pipelines.reporting.explorer import explorer_node
from uflux_kedro.pipelines.reporting.maps import (
    draw_seasonal_differences,
    map_figures,
    map_tables,
    nodes_of_products,
)
from uflux_kedro.pipelines.reporting.nodes import (
    SETTING,
    check_budgets,
    compare_product,
    draw_difference,
    draw_leaderboard,
    draw_mean_maps,
    draw_peer_density,
    draw_profiles,
    draw_scatter,
    draw_seasons,
    draw_site_skill,
    draw_spread_maps,
    join_leaderboards,
    join_tables,
    score_ensemble,
    score_steps,
    tabulate_peers,
    write_report,
)
from uflux_kedro.pipelines.reporting.peers import Peer, project_fine_product, project_peers
from uflux_kedro.pipelines.reporting.towers import tower_figures, tower_tables
from uflux_kedro.pipelines.reporting.uncertainty import (
    optional_figures,
    uncertainty_figures,
    uncertainty_tables,
)
from uflux_kedro.report.parameters import ReportingParameters
from uflux_kedro.report.pdf import find_chromium

_Drawn = tuple[Callable[..., Any], list[str] | dict[str, str]]
"""Function that draws a figure, and its inputs."""


def create_pipeline(**_: object) -> Pipeline:
    """Return the nodes of leaderboard, figures, comparisons with peers, and report.

    Figures of maps require grids; maps and comparisons also require a grid in degrees.
    """
    parameters = project_parameters()
    reporting = ReportingParameters.of(parameters)
    members = project_members()
    fluxes, closed = list(by_flux(members)), closed_fluxes(members)
    shown = {flux: f"held_out_{flux}" for flux in fluxes}
    on_degrees = parameters["grids"] and "crs" not in (parameters["inference"].get("grid") or {})
    products = {flux: f"product_{flux}" for flux in fluxes} if on_degrees else {}
    tables = []  # tables of the products in the report

    nodes = [
        node(
            join_leaderboards,
            inputs=[f"leaderboard_{flux}" for flux in fluxes],
            outputs="leaderboard",
            name="join_leaderboards",
        ),
        node(
            score_ensemble,
            inputs={"leaderboard": "leaderboard", "training": "params:training"}
            | ({"closed": "carbon_closed"} if closed else {})
            | shown,
            outputs="ensemble_skill",
            name="score_ensemble",
        ),
        node(
            score_steps,
            inputs=({"closed": "carbon_closed"} if closed else {}) | shown,
            outputs="skill_by_step",
            name="score_steps",
        ),
        *tower_tables(fluxes),
    ]
    figures: dict[str, _Drawn] = {
        "scatter": (draw_scatter, shown),
        "leaderboard": (draw_leaderboard, ["leaderboard"]),
        "site_skill": (draw_site_skill, shown),
        **{
            f"seasons_{flux}": (bound(draw_seasons, flux), [shown[flux], "sites"])
            for flux in fluxes
        },
    }
    figures |= tower_figures(fluxes)
    if products:
        figures |= {
            "mean_maps": (draw_mean_maps, products),
            "spread_maps": (draw_spread_maps, products),
            "profiles": (draw_profiles, {"training_table": "training_table"} | products),
        }
    fine = project_fine_product(products)
    figures |= map_figures(products, parameters, fine)
    figures |= uncertainty_figures(members, products)
    if parameters["grids"]:
        derived = [name for name in derived_products(members) if name == "ET"]
        nodes += [
            node(
                join_tables,
                inputs=[f"{table}_{name}" for name in [*fluxes, *derived]],
                outputs=table,
                name=f"join_{table}",
            )
            for table in ("aggregates", "aggregates_monthly", "areas_monthly")
        ]
        tables.append("aggregates")
    drivers = "product_drivers" if parameters["inference"].get("grid") else "drivers"
    if {"GPP", "RECO", "NEE"} <= products.keys() or {"H", "LE"} <= products.keys():
        nodes.append(
            node(check_budgets, {"drivers": drivers} | products, "budgets", name="check_budgets")
        )
        tables.append("budgets")
    peers = project_peers(products)
    comparisons = {peer: f"{peer.flux}_beside_{peer.name}" for peer in peers}
    of_fluxes = [
        node(
            bound(compare_product, peer),
            inputs=f"product_{peer.flux}",
            outputs=name,
            name=f"compare_{name}",
            namespace="derived" if peer.flux in closed else peer.flux,
            tags=peer.flux,
        )
        for peer, name in comparisons.items()
    ] + nodes_of_products(products, closed)
    nodes += map_tables(products, comparisons, parameters, tables, fine)
    if "literature" in figures:
        tables.append("literature")
    if peers:
        nodes.append(
            node(
                bound(tabulate_peers, peers),
                inputs=list(comparisons.values()),
                outputs="peers",
                name="tabulate_peers",
            )
        )
        tables.append("peers")
    if parameters["grids"] and reporting.map.show:
        nodes.append(explorer_node(fluxes, derived_products(members), closed, comparisons, drivers))
    figures |= _peer_figures(comparisons)
    nodes += [
        node(draw, inputs=inputs, outputs=f"figure_{name}", name=f"draw_{name}")
        for name, (draw, inputs) in figures.items()
    ]
    nodes += [
        node(
            list_sites,
            inputs=["sites", "training_table", "tower_products"],
            outputs="site_list",
            name="list_sites",
        ),
        node(
            cite_towers,
            inputs=["tower_products", "sites", "site_list", "training_table"],
            outputs=["citations", "attribution"],
            name="cite_towers",
        ),
        node(
            join_model_cards,
            inputs=["leaderboard", *(f"members_{flux}" for flux in fluxes)],
            outputs="model_cards",
            name="join_model_cards",
        ),
    ]
    nodes += (scored := benchmark_nodes(members, parameters))
    tables += ["site_list", "model_cards", "attribution", *(["benchmark_skill"] if scored else [])]
    if parameters["grids"]:
        mapped = {flux: f"product_{flux}" for flux in fluxes}
        mapped |= {name: f"derived_{name}" for name in derived_products(members)}
        nodes.append(node(describe_products, mapped, "data_sheets", name="describe_products"))
        tables.append("data_sheets")
    if to_be_printed(reporting.pdf):
        nodes.append(node(print_report, "report", "report_pdf", name="print_report"))
    nodes.append(
        node(
            bound(write_report, members),
            inputs={
                "leaderboard": "leaderboard",
                "training_table": "training_table",
                "sites": "sites",
                "missing_columns": "missing_columns",
                "left_out": "left_out",
                "data_folder": "data_folder",
                # One by one: as a whole they are longer than MLflow takes for a parameter. In order:
                # Kedro's is another in each process, and kedro-viz knows a node by its inputs.
                **{f"{SETTING}{name}": f"params:{name}" for name in sorted(parameters)},
                "ensemble_skill": "ensemble_skill",
                **({"drivers": drivers} if parameters["grids"] else {}),
                "run_facts": "run_facts",
                "input_files": "input_files",
                **{f"members_{flux}": f"members_{flux}" for flux in fluxes},
                **{f"comparison_{flux}": f"comparison_{flux}" for flux in fluxes},
                **{f"held_out_{flux}": name for flux, name in shown.items()},
                **{f"figure_{name}": f"figure_{name}" for name in figures},
                "skill_by_site": "skill_by_site",
                "skill_by_step": "skill_by_step",
                **{name: name for name in optional_figures(fluxes if products else [])},
                **{name: name for name in [*tables, *uncertainty_tables(members, closed)]},
            },
            outputs="report",
            name="write_report",
        )
    )
    joined = Pipeline(nodes, namespace="reporting", prefix_datasets_with_namespace=False)
    return Pipeline([*of_fluxes, joined], tags="reporting")


def to_be_printed(when: Literal["auto", "always", "never"]) -> bool:
    """Whether the report is printed as PDF.

    Args:
        when: Setting ``reporting.pdf``.

    Raises:
        ConfigurationError: If it always is and there is no program for it.
    """
    found = when != "never" and find_chromium() is not None
    if when == "always" and not found:
        raise ConfigurationError(
            "reporting.pdf is `always`, but neither Chromium nor Chrome is installed. Install one, "
            "or set `auto`, which prints the report only where it can"
        )
    return found


def _peer_figures(comparisons: Mapping[Peer, str]) -> dict[str, _Drawn]:
    """Return the figures of each peer, from its comparisons."""
    figures: dict[str, _Drawn] = {}
    for name in dict.fromkeys(peer.name for peer in comparisons):
        of_peer = {peer.flux: found for peer, found in comparisons.items() if peer.name == name}
        figures[f"difference_{name}"] = (bound(draw_difference, name), of_peer)
        figures[f"differences_{name}"] = (bound(draw_seasonal_differences, name), of_peer)
        figures[f"density_{name}"] = (bound(draw_peer_density, name), of_peer)
    return figures
