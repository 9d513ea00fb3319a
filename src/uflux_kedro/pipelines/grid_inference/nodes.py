"""Nodes of the pipeline ``grid_inference``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.execution.parameters import DaskParameters
from uflux_kedro.lazy import pd, xr
from uflux_kedro.products.parameters import InferenceParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.statistics.parameters import AggregateParameters

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember
    from uflux_kedro.products.store import ProductStore
    from uflux_kedro.uncertainty.fitted import FluxUncertainty

logger = logging.getLogger(__name__)


def make_product_drivers(
    members: tuple[Member, ...],
    parameters: InferenceParameters,
    towers: TowerParameters,
    **cubes: xr.Dataset,
) -> xr.Dataset:
    """Align the sources to the products' own grid, at the step at which the members predict.

    Raises:
        ConfigurationError: If ``inference.grid`` is not set.
    """
    from uflux_kedro.features.products import product_drivers, step_edges
    from uflux_kedro.models.steps import STEPS
    from uflux_kedro.products.periods import prediction_step

    if parameters.grid is None:
        raise ConfigurationError("inference.grid: expected the grid of the products, found none")
    step = prediction_step(parameters.step, STEPS[towers.resolution])
    months = parameters.first_month, parameters.last_month
    step_edges(*months, parameters.step, parameters.last_day)  # whole periods of the product
    edges = step_edges(*months, step, parameters.last_day)
    predictors = [name for member in members for name in member.predictors]
    return product_drivers(cubes, parameters.grid, edges, predictors)


def make_product(
    members: tuple[Member, ...],
    drivers: xr.Dataset,
    parameters: InferenceParameters,
    dask: DaskParameters,
    store: ProductStore,
    uncertainty: FluxUncertainty,
    *models: FittedMember,
) -> ProductStore:
    """Make one flux's product in its store and log what it cost.

    Regions that an earlier run finished are kept if their inputs are the same.
    """
    from uflux_kedro.features.products import require_months, step_edges
    from uflux_kedro.products.cost import describe_cost
    from uflux_kedro.products.plan import Plan
    from uflux_kedro.products.production import produce

    flux = members[0].flux
    drivers = drivers.sel(time=slice(parameters.first_month, parameters.last_month))
    months = parameters.first_month, parameters.last_month
    require_months(drivers, *months, parameters.last_day)
    plan = Plan(
        flux=flux,
        members={model.name: model for model in models},
        drivers=drivers,
        edges=step_edges(*months, parameters.step, parameters.last_day).to_numpy(),
        regions=parameters.regions,
        chunks=parameters.chunks,
        quantiles=parameters.quantiles,
        keep_members=parameters.keep_members,
        block_rows=parameters.block_rows,
        execution=dask.execution(parameters.n_jobs),
        title=f"UFLUX ensemble: {flux}",
        whole=parameters.whole,
        uncertainty=uncertainty,
        unvegetated=parameters.unvegetated,
        members_of=parameters.members_of,
    )
    production = produce(plan, store)
    for line in describe_cost(flux, production, len(models), plan.whole).splitlines():
        logger.info(line)
    return store


def close_carbon_budget(
    closure: dict[str, Any],
    parameters: InferenceParameters,
    dask: DaskParameters,
    **stores: Any,
) -> list[Any]:
    """Make the products of GPP, RECO and NEE, reconciled, from those as predicted."""
    from uflux_kedro.products.closing import close_budget
    from uflux_kedro.uncertainty.closing import Closure

    fitted = Closure.from_dict(closure)
    targets = {flux: stores[f"target_{flux}"] for flux in fitted.fluxes}
    close_budget(
        {flux: stores[f"source_{flux}"] for flux in fitted.fluxes},
        targets,
        fitted,
        dask.execution(parameters.n_jobs),
    )
    return list(targets.values())


def export_product(product: xr.Dataset) -> xr.Dataset:
    """Return the product unchanged; the catalog writes it in another format."""
    return product


def derive_et(members: tuple[Member, ...], latent: xr.Dataset, drivers: xr.Dataset) -> xr.Dataset:
    """Compute evapotranspiration with the air temperature that the members of LE use."""
    from uflux_kedro.gridding.means import on_periods
    from uflux_kedro.products.derived import air_temperature, evapotranspiration

    predictors = [name for member in members for name in member.predictors]
    temperature = air_temperature(on_periods(drivers, latent), predictors)
    return evapotranspiration(latent, temperature)


def derive_wue(gpp: xr.Dataset, water: xr.Dataset) -> xr.Dataset:
    """Compute water-use efficiency."""
    from uflux_kedro.products.derived import water_use_efficiency

    return water_use_efficiency(gpp, water)


def aggregate_product(
    variable: str,
    product: xr.Dataset,
    drivers: xr.Dataset,
    parameters: AggregateParameters,
    sum_errors: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute totals and means of one product: by zone and year, by zone and month, by area and month."""
    from uflux_kedro.configuration import PROJECT_PATH
    from uflux_kedro.readers.regions import read_countries
    from uflux_kedro.statistics.aggregates import aggregate_tables
    from uflux_kedro.statistics.correlated import SumErrors
    from uflux_kedro.statistics.zones import AllCells, Areas, Bands, LandCover, Zones

    zones: list[Zones] = [AllCells()]
    if parameters.latitude_bands:
        zones.append(Bands(parameters.latitude_bands))
    if parameters.land_cover:
        zones.append(LandCover())
    outlines = [read_countries()] if parameters.countries else []
    if parameters.regions:
        outlines.append(parameters.regions.read(PROJECT_PATH))
    zones += [Areas(o.kind, o.names, o.outlines) for o in outlines]
    errors = SumErrors.from_dict(sum_errors)
    return aggregate_tables(product, variable, zones, drivers["IGBP"], errors)
