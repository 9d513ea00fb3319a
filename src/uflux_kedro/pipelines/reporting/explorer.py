"""The map that one can explore, from the products and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kedro.pipeline import node
from kedro.pipeline.node import Node

from uflux_kedro.lazy import pd, xr
from uflux_kedro.pipelines.reporting.peers import Peer
from uflux_kedro.report.parameters import ReportingParameters
from uflux_kedro.simulated import mark_of

if TYPE_CHECKING:
    from uflux_kedro.explorer import Explorer

_PRODUCT, _HELD_OUT, _BESIDE = "product_", "held_out_", "beside_"


def explorer_node(fluxes: Iterable[str], comparisons: dict[Peer, str]) -> Node:
    """Return the node that makes the map.

    Args:
        fluxes: Fluxes with a product.
        comparisons: Peer of a flux -> dataset of the comparison.
    """
    products = {f"{_PRODUCT}{flux}": f"product_{flux}" for flux in fluxes}
    held_out = {f"{_HELD_OUT}{flux}": f"calibrated_{flux}" for flux in fluxes}
    beside = {
        f"{_BESIDE}{peer.flux}_{peer.name}": comparison for peer, comparison in comparisons.items()
    }
    shared = {"parameters": "params:reporting", "sites": "sites", "aggregates": "aggregates"}
    return node(explore, shared | products | held_out | beside, "map", name="explore")


def explore(
    parameters: ReportingParameters,
    sites: pd.DataFrame,
    aggregates: pd.DataFrame,
    **parts: xr.Dataset | pd.DataFrame,
) -> Explorer:
    """Collect what the map shows; the dataset reads the products block by block and writes it."""
    from uflux_kedro.explorer import Explorer

    def of(prefix: str) -> dict[str, xr.Dataset | pd.DataFrame]:
        return {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}

    products = of(_PRODUCT)
    comparisons: dict[str, dict[str, xr.Dataset]] = {}
    for name, comparison in of(_BESIDE).items():
        flux, peer = name.split("_", 1)
        comparisons.setdefault(peer, {})[flux] = comparison
    return Explorer(
        products=products,
        sites=sites,
        held_out=of(_HELD_OUT),
        aggregates=aggregates,
        comparisons=comparisons,
        simulated=mark_of(*products.values()),
        members=parameters.map.members,
        levels=parameters.map.levels,
    )
