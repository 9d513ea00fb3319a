"""Figures and tables of the maps: years beside each other.

Every figure is drawn from a dataset of the catalog, which a node of its own makes from the products.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.members import bound
from uflux_kedro.pipelines.reporting.peers import Peer


def nodes_of_products(products: Mapping[str, str], closed: Collection[str]) -> list[Node]:
    """Return the nodes that read one product each, in the namespace of its flux.

    Args:
        products: Flux -> dataset of its product; empty without maps.
        closed: Fluxes whose products close the carbon budget.
    """
    return [
        node(
            bound(tabulate_members, flux),
            inputs=product,
            outputs=f"annual_members_{flux}",
            name=f"tabulate_members_{flux.lower()}",
            namespace="derived" if flux in closed else flux,
            tags=flux,
        )
        for flux, product in products.items()
    ]


def map_tables(products: Mapping[str, str], comparisons: Mapping[Peer, str]) -> list[Node]:
    """Return the nodes of tables over all fluxes; none without maps.

    Args:
        products: Flux -> dataset of its product.
        comparisons: Peer -> dataset of its comparison with the product.
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
    return [
        node(
            bound(tabulate_years, tuple(comparisons)),
            inputs=inputs | beside,
            outputs="interannual",
            name="tabulate_years",
        )
    ]


def map_figures(
    products: Mapping[str, str],
) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Return key of a figure -> the function that draws it, and its inputs; none without maps."""
    if not products:
        return {}
    return {"interannual": (bound(draw_interannual, tuple(products)), ["interannual"])}


def tabulate_members(flux: str, product: xr.Dataset) -> pd.DataFrame:
    """Return the annual means and totals of each member of one flux."""
    from uflux_kedro.statistics.interannual import annual_of_members

    return annual_of_members(product, flux)


def tabulate_years(peers: tuple[Peer, ...], aggregates: pd.DataFrame, **parts: Any) -> pd.DataFrame:
    """Return the years of all fluxes: ensemble, members, other products, towers."""
    from uflux_kedro.pipelines.reporting.made_of import trained_members
    from uflux_kedro.statistics.interannual import interannual_table, timestamp_group

    tables = []
    for flux in (name.removeprefix("annual_") for name in parts if name.startswith("annual_")):
        trained = trained_members([parts[f"members_{flux}"]])
        groups = {member.name: timestamp_group(member.predictors) for member in trained}
        beside = {
            peer.name: parts[f"beside_{i}"] for i, peer in enumerate(peers) if peer.flux == flux
        }
        tables.append(
            interannual_table(
                flux,
                aggregates,
                parts[f"annual_{flux}"],
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
