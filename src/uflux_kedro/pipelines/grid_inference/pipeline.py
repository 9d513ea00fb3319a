"""The pipeline ``grid_inference``: one product per flux, inside the flux's namespace.

Products that are computed from several fluxes are in the namespace ``derived``.
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, derived_products, project_members
from uflux_kedro.pipelines.grid_inference.nodes import (
    aggregate_product,
    derive_et,
    derive_wue,
    export_product,
    make_product,
    make_product_drivers,
)


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
    drivers = "product_drivers" if grid else "drivers"
    export = "geotiff" if grid and "crs" in grid else "netcdf"
    fluxes = by_flux(members)
    parts = [_flux(flux, ours, drivers, export) for flux, ours in fluxes.items()]
    parts += [_derived(name, fluxes, drivers, export) for name in derived_products(members)]
    if grid:
        own = node(
            bound(make_product_drivers, members),
            inputs={"parameters": "params:inference"}
            | {source: f"cube_{source}" for source in parameters["grids"]},
            outputs="product_drivers",
            name="make_product_drivers",
            namespace="features",
        )
        parts.append(Pipeline([own]))
    return Pipeline(parts, tags="inference")


def _flux(flux: str, members: tuple[Member, ...], drivers: str, export: str) -> Pipeline:
    return Pipeline(
        [
            node(
                bound(make_product, members),
                inputs=[
                    *(drivers, "params:inference", "params:dask", f"store_{flux}"),
                    *(f"{m.namespace}.model" for m in members),
                ],
                outputs=f"product_{flux}",
                name=f"ensemble_{flux.lower()}",
                namespace=flux,
            ),
            node(
                export_product,
                inputs=f"product_{flux}",
                outputs=f"{export}_{flux}",
                name=f"export_{flux.lower()}",
                namespace=flux,
            ),
            node(
                bound(aggregate_product, flux),
                inputs=[f"product_{flux}", drivers, "params:aggregates"],
                outputs=f"aggregates_{flux}",
                name=f"aggregate_{flux.lower()}",
                namespace=flux,
            ),
        ],
        tags=flux,
    )


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
                inputs=["derived_ET", drivers, "params:aggregates"],
                outputs="aggregates_ET",
                name="aggregate_et",
            )
        )
    return Pipeline(nodes, namespace="derived", prefix_datasets_with_namespace=False)
