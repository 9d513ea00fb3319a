"""Figures and tables of the maps: years and seasons, totals beside published ones.

Every figure is drawn from a dataset of the catalog, which a node of its own makes from the products.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.members import bound
from uflux_kedro.pipelines.reporting.parts import named
from uflux_kedro.pipelines.reporting.peers import Peer


def nodes_of_products(products: Mapping[str, str], closed: Collection[str]) -> list[Node]:
    """Return the nodes that read one product each, in the namespace of its flux.

    Args:
        products: Flux -> dataset of its product; empty without maps.
        closed: Fluxes whose products close the carbon budget.
    """
    return [
        node(
            bound(tabulate, flux),
            inputs=product,
            outputs=f"{table}_{flux}",
            name=f"tabulate_{table}_{flux.lower()}",
            namespace="derived" if flux in closed else flux,
            tags=flux,
        )
        for flux, product in products.items()
        for table, tabulate in {
            "annual_members": tabulate_members,
            "latitude_seasons": tabulate_latitudes,
        }.items()
    ]


def covers_globe(parameters: Mapping[str, Any]) -> bool:
    """Return whether the products of a run cover all longitudes, and latitudes from 60 S to 75 N."""
    from uflux_kedro.gridding.grids import TargetGrid

    given = parameters["inference"].get("grid") or parameters["features"]["target_grid"]
    if "crs" in given:
        return False
    grid = TargetGrid.model_validate(given)
    return grid.east - grid.west == 360 and grid.south <= -60 and grid.north >= 75


def map_tables(
    products: Mapping[str, str],
    comparisons: Mapping[Peer, str],
    parameters: Mapping[str, Any],
    tables: Collection[str],
    fine: Peer | None,
) -> list[Node]:
    """Return the nodes of tables over all fluxes; none without maps.

    Args:
        products: Flux -> dataset of its product.
        comparisons: Peer -> dataset of its comparison with the product.
        parameters: All parameters of the run.
        tables: Datasets of tables that the run makes, such as ``budgets``.
        fine: A product of smaller cells; None without one.
    """
    if not products:
        return []
    inputs = {"aggregates": "aggregates"}
    for flux in products:
        inputs |= {
            f"members_{flux}": f"members_{flux}",
            f"annual_{flux}": f"annual_members_{flux}",
            f"held_out_{flux}": f"held_out_{flux}",
        }
    beside = {f"beside_{i}": name for i, name in enumerate(comparisons.values())}
    nodes = [
        node(
            bound(tabulate_years, tuple(comparisons)),
            inputs=inputs | beside,
            outputs="interannual",
            name="tabulate_years",
        )
    ]
    if covers_globe(parameters):
        nodes.append(
            node(
                tabulate_literature,
                inputs={name: name for name in ("aggregates", "budgets") if name in tables},
                outputs="literature",
                name="tabulate_literature",
            )
        )
    if fine is not None:
        nodes.append(
            node(
                bound(compare_fine_product, fine),
                inputs=products[fine.flux],
                outputs="resolutions",
                name="compare_resolutions",
            )
        )
    return nodes


def map_figures(
    products: Mapping[str, str], parameters: Mapping[str, Any], fine: Peer | None
) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Return key of a figure -> the function that draws it, and its inputs; none without maps."""
    if not products:
        return {}
    found: dict[str, tuple[Callable[..., Any], Any]] = {
        "interannual": (bound(draw_interannual, tuple(products)), ["interannual"]),
        "latitude_seasons": (
            draw_latitude_seasons,
            {flux: f"latitude_seasons_{flux}" for flux in products},
        ),
    }
    if covers_globe(parameters):
        found["literature"] = (draw_literature, ["literature"])
    if fine is not None:
        found["resolutions"] = (draw_resolutions, ["resolutions"])
    return found


def tabulate_members(flux: str, product: xr.Dataset) -> pd.DataFrame:
    """Return the annual means and totals of each member of one flux."""
    from uflux_kedro.statistics.interannual import annual_of_members

    return annual_of_members(product, flux)


def tabulate_latitudes(flux: str, product: xr.Dataset) -> pd.DataFrame:
    """Return the mean seasonal cycle of one flux by latitude."""
    from uflux_kedro.statistics.latitude_seasons import latitude_seasons

    return latitude_seasons(product, flux)


def tabulate_years(peers: tuple[Peer, ...], aggregates: pd.DataFrame, **parts: Any) -> pd.DataFrame:
    """Return the years of all fluxes: ensemble, members, other products, towers."""
    from uflux_kedro.pipelines.reporting.made_of import trained_members
    from uflux_kedro.statistics.interannual import interannual_table, timestamp_group

    tables = []
    for flux, annual in named("annual_", parts).items():
        trained = trained_members([parts[f"members_{flux}"]])
        groups = {member.name: timestamp_group(member.predictors) for member in trained}
        beside = {
            peer.name: parts[f"beside_{i}"] for i, peer in enumerate(peers) if peer.flux == flux
        }
        tables.append(
            interannual_table(
                flux,
                aggregates,
                annual,
                groups,
                beside,
                parts[f"held_out_{flux}"],
            )
        )
    return pd.concat(tables, ignore_index=True)


def draw_interannual(fluxes: tuple[str, ...], interannual: pd.DataFrame) -> mpl_figure.Figure:
    """Draw Figure 6: the years of every flux."""
    from uflux_kedro.figures.interannual import interannual_figure

    return interannual_figure(interannual, fluxes)


def draw_latitude_seasons(**tables: pd.DataFrame) -> mpl_figure.Figure:
    """Draw the seasonal cycle of every flux by latitude."""
    from uflux_kedro.figures.latitude_seasons import latitude_seasons_figure

    return latitude_seasons_figure(tables)


def draw_seasonal_differences(peer: str, **comparisons: xr.Dataset) -> mpl_figure.Figure:
    """Draw product minus peer in each season."""
    from uflux_kedro.figures.peers import peer_seasons_figure

    return peer_seasons_figure({f: c.compute() for f, c in comparisons.items()}, peer)


def tabulate_literature(
    aggregates: pd.DataFrame, budgets: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return global totals and means beside published ones."""
    from uflux_kedro.report.literature import beside_literature

    return beside_literature(aggregates, budgets)


def compare_fine_product(fine: Peer, product: xr.Dataset) -> xr.Dataset:
    """Compare one flux with that of a product of smaller cells.

    Raises:
        InputError: If there are no files of it.
    """
    from uflux_kedro.readers.grids.fine_products import read_fine_product
    from uflux_kedro.statistics.resolutions import compare_resolutions

    fine.check_files()
    paths, how = [Path(path) for path in fine.paths], fine.variable
    theirs = read_fine_product(paths, fine.flux, how.variable, unit=how.unit, sign=how.sign)
    return compare_resolutions(product, theirs, fine.flux)


def draw_resolutions(resolutions: xr.Dataset) -> mpl_figure.Figure:
    """Draw Figure 7: a coarse product beside a fine one."""
    from uflux_kedro.figures.resolutions import resolutions_figure

    return resolutions_figure(resolutions.compute())


def draw_literature(literature: pd.DataFrame) -> mpl_figure.Figure:
    """Draw global totals and means beside published ones."""
    from uflux_kedro.figures.literature import literature_figure

    return literature_figure(literature)


def further_sections(
    parts: Mapping[str, Any], figures: Collection[str], simulated: str
) -> list[Any]:
    """Return the sections about the maps beside those of totals, peers and budgets.

    Args:
        parts: Name of a dataset of the report -> its value.
        figures: Keys of the report's figures.
        simulated: What of the data is simulated; empty for none.
    """
    from uflux_kedro.report.literature import literature_section
    from uflux_kedro.report.others import fine_section, no_peers_section

    found = []
    if "mean_maps" in figures:
        found += [] if "peers" in parts else [no_peers_section()]
        found.append(fine_section("resolutions" in figures))
    if "literature" in parts:
        found.append(literature_section(parts["literature"], simulated))
    return found
