"""One product a flux, inside the flux's namespace."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, project_members
from uflux_kedro.pipelines.grid_inference.nodes import export_product, predict_ensemble


def create_pipeline(**_: object) -> Pipeline:
    """Products of the configured fluxes; nothing where there are no grids."""
    if not project_parameters()["grids"]:
        return Pipeline([])
    return Pipeline(
        [_flux(flux, members) for flux, members in by_flux(project_members()).items()],
        tags="inference",
    )


def _flux(flux: str, members: tuple[Member, ...]) -> Pipeline:
    return Pipeline(
        [
            node(
                bound(predict_ensemble, members),
                inputs=["drivers", "params:inference", *(f"{m.namespace}.model" for m in members)],
                outputs=f"product_{flux}",
                name=f"ensemble_{flux.lower()}",
                namespace=flux,
            ),
            node(
                export_product,
                inputs=f"product_{flux}",
                outputs=f"netcdf_{flux}",
                name=f"export_{flux.lower()}",
                namespace=flux,
            ),
        ],
        tags=flux,
    )
