"""Nodes of the pipeline ``grid_inference``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import pd, xr
from uflux_kedro.products.parameters import DaskParameters, InferenceParameters
from uflux_kedro.statistics.parameters import AggregateParameters

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember
    from uflux_kedro.products.plan import Plan


def make_product_drivers(
    members: tuple[Member, ...], parameters: InferenceParameters, **cubes: xr.Dataset
) -> xr.Dataset:
    """Bring the sources onto the products' own grid and steps."""
    from uflux_kedro.features.products import product_drivers, step_edges

    if parameters.grid is None:
        raise ValueError("inference.grid: expected the products' grid, found none")
    edges = step_edges(
        parameters.first_month, parameters.last_month, parameters.step, parameters.last_day
    )
    predictors = [name for member in members for name in member.predictors]
    return product_drivers(cubes, parameters.grid, edges, predictors)


def plan_product(
    members: tuple[Member, ...],
    drivers: xr.Dataset,
    parameters: InferenceParameters,
    dask: DaskParameters,
    *models: FittedMember,
) -> Plan:
    """Say of what one flux's product is made; the catalog's dataset makes it where it lies."""
    from uflux_kedro.features.products import require_months
    from uflux_kedro.products.execution import Execution
    from uflux_kedro.products.plan import Plan, Whole

    flux = members[0].flux
    drivers = drivers.sel(time=slice(parameters.first_month, parameters.last_month))
    require_months(drivers, parameters.first_month, parameters.last_month, parameters.last_day)
    return Plan(
        flux=flux,
        members={model.name: model for model in models},
        drivers=drivers,
        regions=parameters.regions,
        chunks=parameters.chunks,
        quantiles=parameters.quantiles,
        keep_members=parameters.keep_members,
        block_rows=parameters.block_rows,
        execution=Execution(parameters.n_jobs, dask.address, dask.local_workers, dask.retries),
        title=f"UFLUX ensemble: {flux}",
        whole=Whole(**parameters.whole.model_dump()) if parameters.whole else None,
    )


def export_product(product: xr.Dataset) -> xr.Dataset:
    """Hand the product on to be written in another format."""
    return product


def derive_et(members: tuple[Member, ...], latent: xr.Dataset, drivers: xr.Dataset) -> xr.Dataset:
    """Evapotranspiration, with the air temperature that the members of LE know."""
    from uflux_kedro.products.derived import air_temperature, evapotranspiration

    predictors = [name for member in members for name in member.predictors]
    return evapotranspiration(latent, air_temperature(drivers, predictors))


def derive_wue(gpp: xr.Dataset, water: xr.Dataset) -> xr.Dataset:
    """Water-use efficiency."""
    from uflux_kedro.products.derived import water_use_efficiency

    return water_use_efficiency(gpp, water)


def aggregate_product(
    variable: str, product: xr.Dataset, drivers: xr.Dataset, parameters: AggregateParameters
) -> pd.DataFrame:
    """Totals and means of one product by zone and year."""
    from uflux_kedro.readers.regions import read_countries, read_outlines
    from uflux_kedro.statistics.aggregates import aggregate
    from uflux_kedro.statistics.zones import Areas, Bands, LandCover, Whole, Zones

    zones: list[Zones] = [Whole()]
    if parameters.latitude_bands:
        zones.append(Bands(parameters.latitude_bands))
    if parameters.land_cover:
        zones.append(LandCover())
    outlines = [read_countries()] if parameters.countries else []
    if parameters.regions:
        own = parameters.regions
        outlines.append(read_outlines(own.path, own.name_column, own.kind))
    zones += [Areas(o.kind, o.names, o.outlines) for o in outlines]
    return aggregate(product, variable, zones, drivers["IGBP"])
