"""Nodes of the pipeline ``grid_inference``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import xr
from uflux_kedro.schemas import InferenceParameters

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember


def predict_ensemble(
    members: tuple[Member, ...],
    drivers: xr.Dataset,
    parameters: InferenceParameters,
    *models: FittedMember,
) -> xr.Dataset:
    """Map one flux by all its members: mean, spread, and their own fields if wanted."""
    from uflux_kedro.gridding.prediction import predict_cube
    from uflux_kedro.gridding.products import finish_product

    flux = members[0].flux
    product = predict_cube(
        {model.name: model for model in models},
        drivers.sel(time=slice(parameters.first_month, parameters.last_month)),
        variable=flux,
        n_jobs=parameters.n_jobs,
        block_rows=parameters.block_rows,
        keep_members=parameters.keep_members,
    )
    return finish_product(
        product,
        title=f"UFLUX ensemble: {flux}",
        members=[model.name for model in models],
        parameters=parameters.model_dump(),
        checksums={model.name: model.card["checksum"] for model in models},
    )


def export_product(product: xr.Dataset) -> xr.Dataset:
    """Hand the product on to be written as netCDF."""
    return product
