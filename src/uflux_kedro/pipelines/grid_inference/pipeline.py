"""The pipeline ``grid_inference``: one product per flux, inside the flux's namespace.

Products that are computed from several fluxes are in the namespace ``derived``; so are those of the
carbon fluxes where they close their budget, and all that reads them.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.members import (
    bound,
    by_flux,
    closed_fluxes,
    derived_products,
    project_members,
)
from uflux_kedro.models.steps import STEPS
from uflux_kedro.pipelines.grid_inference.nodes import (
    aggregate_product,
    close_carbon_budget,
    derive_et,
    derive_wue,
    export_product,
    make_product,
    make_product_drivers,
)
from uflux_kedro.products.periods import prediction_step, require_step

_TOTALS = ("aggregates", "aggregates_monthly", "areas_monthly")
"""Tables of :class:`~uflux_kedro.statistics.aggregates.AggregateTables` in the catalog, in its order."""


def create_pipeline(**_: object) -> Pipeline:
    """Create the pipeline of the configured fluxes; it is empty if no grids are configured.

    Products on a grid of their own have drivers of their own. They are exported as netCDF on
    degrees and as GeoTIFF in a projection.
    """
    parameters = project_parameters()
    if not parameters["grids"]:
        return Pipeline([])
    members = project_members()
    grid = parameters["inference"].get("grid")
    _require_step(parameters)
    drivers = "product_drivers" if grid else "drivers"
    export = "geotiff" if grid and "crs" in grid else "netcdf"
    fluxes = by_flux(members)
    closed = closed_fluxes(members)
    parts = [_flux(flux, ours, drivers, flux in closed) for flux, ours in fluxes.items()]
    # What needs a closed budget needs other fluxes, and is in no flux's own namespace.
    parts += [
        Pipeline(
            _results(flux, drivers, export),
            namespace="derived" if flux in closed else flux,
            prefix_datasets_with_namespace=False,
            tags=flux,
        )
        for flux in fluxes
    ]
    if closed:
        parts.append(_closed(closed))
    parts += [_derived(name, fluxes, drivers, export) for name in derived_products(members)]
    if grid:
        own = node(
            bound(make_product_drivers, members),
            inputs={"parameters": "params:inference", "towers": "params:towers"}
            | {source: f"cube_{source}" for source in parameters["grids"]},
            outputs="product_drivers",
            name="make_product_drivers",
            namespace="features",
        )
        parts.append(Pipeline([own]))
    return Pipeline(parts, tags="inference")


def _require_step(parameters: dict[str, Any]) -> None:
    """Refuse members of another step than that of the products, before anything is computed."""
    learnt = STEPS[parameters["towers"].get("resolution", "MM")]
    inference = parameters["inference"]
    predicted = prediction_step(inference.get("step", "month"), learnt)
    require_step([learnt], predicted, inference.get("members_of", "step"))
    if learnt == "day" and not inference.get("grid"):
        raise ConfigurationError(
            "inference.grid: expected the grid of the products, since no drivers of days are kept "
            "(towers.resolution: DD); found none"
        )


def _flux(flux: str, members: tuple[Member, ...], drivers: str, closed: bool) -> Pipeline:
    """Create the node that predicts a flux; a budget is closed from fluxes as predicted."""
    store, product = ("store_predicted", "predicted") if closed else ("store", "product")
    return Pipeline(
        [
            node(
                bound(make_product, members),
                inputs=[
                    *(drivers, "params:inference", "params:dask", f"{store}_{flux}"),
                    f"uncertainty_{flux}",
                    *(f"{m.namespace}.model" for m in members),
                ],
                outputs=f"{product}_{flux}",
                name=f"ensemble_{flux.lower()}",
                namespace=flux,
            )
        ],
        tags=flux,
    )


def _results(flux: str, drivers: str, export: str) -> list[Node]:
    """Create the nodes that read a flux's product."""
    return [
        node(
            export_product,
            inputs=f"product_{flux}",
            outputs=f"{export}_{flux}",
            name=f"export_{flux.lower()}",
        ),
        node(
            bound(aggregate_product, flux),
            inputs=[f"product_{flux}", drivers, "params:aggregates", f"sum_errors_{flux}"],
            outputs=[f"{table}_{flux}" for table in _TOTALS],
            name=f"aggregate_{flux.lower()}",
        ),
    ]


def _closed(fluxes: tuple[str, ...]) -> Pipeline:
    """Create the node that makes products of fluxes as predicted, which close their budget."""
    one = node(
        close_carbon_budget,
        inputs={
            "closure": "carbon_closure",
            "parameters": "params:inference",
            "dask": "params:dask",
        }
        | {f"predicted_{flux}": f"predicted_{flux}" for flux in fluxes}
        | {f"source_{flux}": f"store_predicted_{flux}" for flux in fluxes}
        | {f"target_{flux}": f"store_{flux}" for flux in fluxes},
        outputs=[f"product_{flux}" for flux in fluxes],
        name="close_carbon_budget",
    )
    return Pipeline([one], namespace="derived", prefix_datasets_with_namespace=False)


def _derived(
    name: str, fluxes: dict[str, tuple[Member, ...]], drivers: str, export: str
) -> Pipeline:
    """Create the nodes of a derived product: the cube, its export, and totals of ET."""
    if name == "ET":
        make = node(
            bound(derive_et, fluxes["LE"]),
            inputs=["product_LE", drivers],
            outputs="derived_ET",
            name="derive_et",
        )
    else:
        make = node(derive_wue, ["product_GPP", "derived_ET"], "derived_WUE", name="derive_wue")
    nodes = [
        make,
        node(export_product, f"derived_{name}", f"{export}_{name}", name=f"export_{name.lower()}"),
    ]
    if name == "ET":  # the mean of cells' ratios is not the ratio of a zone
        nodes.append(
            node(
                bound(aggregate_product, name),
                inputs=["derived_ET", drivers, "params:aggregates", "sum_errors_LE"],
                outputs=[f"{table}_ET" for table in _TOTALS],
                name="aggregate_et",
            )
        )
    return Pipeline(nodes, namespace="derived", prefix_datasets_with_namespace=False)
