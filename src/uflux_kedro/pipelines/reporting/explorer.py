"""The map that one can explore, from the products and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.explorer.contents import Explorer
from uflux_kedro.lazy import pd, xr
from uflux_kedro.pipelines.reporting.parts import named
from uflux_kedro.pipelines.reporting.peers import Peer
from uflux_kedro.report.parameters import ReportingParameters
from uflux_kedro.simulated import mark_of
from uflux_kedro.statistics.parameters import AggregateParameters

if TYPE_CHECKING:
    from uflux_kedro.readers.regions import Outlines

_PRODUCT, _HELD_OUT, _BESIDE, _CLOSED = "product_", "held_out_", "beside_", "closed"


def explorer_node(
    fluxes: Iterable[str],
    derived: Iterable[str],
    closed: Iterable[str],
    comparisons: dict[Peer, str],
    drivers: str,
) -> Node:
    """Return the node that makes the map.

    Args:
        fluxes: Fluxes with a product.
        derived: Products that are computed from them.
        closed: Those of them whose budget is closed.
        comparisons: Peer of a flux -> dataset of the comparison.
        drivers: Dataset with ``IGBP`` on the cells of the products.
    """
    products = {f"{_PRODUCT}{flux}": f"product_{flux}" for flux in fluxes}
    products |= {f"{_PRODUCT}{name}": f"derived_{name}" for name in derived}
    held_out = {f"{_HELD_OUT}{flux}": f"calibrated_{flux}" for flux in fluxes}
    beside = {
        f"{_BESIDE}{peer.flux}_{peer.name}": comparison for peer, comparison in comparisons.items()
    }
    shared = {"parameters": "params:reporting", "sites": "sites", "aggregates": "aggregates"}
    shared |= {"drivers": drivers, "zones": "params:aggregates"}
    if closed:
        shared[_CLOSED] = "carbon_closed"
    return node(explore, shared | products | held_out | beside, "map", name="explore")


def explore(
    parameters: ReportingParameters,
    sites: pd.DataFrame,
    aggregates: pd.DataFrame,
    drivers: xr.Dataset,
    zones: AggregateParameters,
    **parts: Any,
) -> Explorer:
    """Collect what the map shows; the dataset reads the products block by block and writes it."""
    from uflux_kedro.validation.ensemble import as_mapped

    products, held_out = named(_PRODUCT, parts), named(_HELD_OUT, parts)
    if _CLOSED in parts:
        for flux, closed in parts[_CLOSED].groupby("flux"):
            held_out[flux] = as_mapped(held_out[flux], closed)
    comparisons: dict[str, dict[str, xr.Dataset]] = {}
    for name, comparison in named(_BESIDE, parts).items():
        flux, peer = name.split("_", 1)
        comparisons.setdefault(peer, {})[flux] = comparison
    return Explorer(
        products=products,
        sites=sites,
        held_out=held_out,
        aggregates=aggregates,
        outlines=_outlines(zones, drivers["IGBP"], next(iter(products.values()))),
        comparisons=comparisons,
        simulated=mark_of(*products.values()),
        members=parameters.map.members,
        levels=parameters.map.levels,
    )


def _outlines(
    zones: AggregateParameters, land_cover: xr.DataArray, product: xr.Dataset
) -> list[Outlines]:
    """Return the outlines of the zones that are no bands and no countries."""
    from uflux_kedro.configuration import PROJECT_PATH
    from uflux_kedro.explorer.grid import grid_mapping
    from uflux_kedro.explorer.outlines import class_outlines

    found = [class_outlines(land_cover, grid_mapping(product))] if zones.land_cover else []
    if own := zones.regions:
        found.append(own.read(PROJECT_PATH))
    return found
