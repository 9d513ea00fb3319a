"""One product a flux, inside the flux's namespace."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, project_members
from uflux_kedro.pipelines.grid_inference.nodes import (
    export_product,
    make_product_drivers,
    plan_product,
)


def create_pipeline(**_: object) -> Pipeline:
    """Products of the configured fluxes; nothing where there are no grids.

    Products on a grid of their own have drivers of their own; on degrees they are exported as
    netCDF, in a projection as GeoTIFF.
    """
    parameters = project_parameters()
    if not parameters["grids"]:
        return Pipeline([])
    members = project_members()
    grid = parameters["inference"].get("grid")
    drivers = "product_drivers" if grid else "drivers"
    export = "geotiff" if grid and "crs" in grid else "netcdf"
    parts = [_flux(flux, ours, drivers, export) for flux, ours in by_flux(members).items()]
    if grid:
        own = node(
            bound(make_product_drivers, members),
            inputs={"parameters": "params:inference"}
            | {source: f"cube_{source}" for source in parameters["grids"]},
            outputs="product_drivers",
            name="make_product_drivers",
        )
        parts.append(Pipeline([own]))
    return Pipeline(parts, tags="inference")


def _flux(flux: str, members: tuple[Member, ...], drivers: str, export: str) -> Pipeline:
    return Pipeline(
        [
            node(
                bound(plan_product, members),
                inputs=[
                    *(drivers, "params:inference", "params:dask"),
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
        ],
        tags=flux,
    )
