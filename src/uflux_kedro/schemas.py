"""Parameter models: what a user may set, checked before any node runs.

Each is one block of ``conf/*/parameters_*.yml``. An unknown key is refused, so that a typing
error cannot pass as a default.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from uflux_kedro.downloads.orders import ClimateDataStoreYears, EarthEngineImages, ZenodoRecord
from uflux_kedro.gridding.alignment import TargetGrid
from uflux_kedro.gridding.projected import ProjectedGrid
from uflux_kedro.models.registry import MODELS
from uflux_kedro.validation.search_space import ParameterRange, SearchMethod, require_space


class Parameters(BaseModel):
    """Base of the parameter blocks: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DownloadParameters(Parameters):
    """The block ``download``: what is fetched into the raw data, and how patiently.

    Attributes:
        zenodo: Records, each with its folder.
        climate_data_store: Years of ERA5, each order with its folder.
        earth_engine: Images of Google Earth Engine, each order with its folder.
        changed: What becomes of a file that its service has changed since it was fetched, or that
            was changed here: ``refuse`` stops before anything is fetched, ``refetch`` replaces it.
        retries: Tries after the first one, as long as nothing more comes.
        longest_wait: Seconds that one wait may last, though the service asks for more.
        zenodo_api: Address of Zenodo's interface, or of another repository's like it.
        earth_engine_tile: Edge of the part of a grid that one request to Earth Engine asks for,
            cells; one answer holds 48 MB at most.
    """

    zenodo: tuple[ZenodoRecord, ...] = ()
    climate_data_store: tuple[ClimateDataStoreYears, ...] = ()
    earth_engine: tuple[EarthEngineImages, ...] = ()
    changed: Literal["refuse", "refetch"] = "refuse"
    retries: int = Field(8, ge=0)
    longest_wait: PositiveInt = 600
    zenodo_api: str = Field("https://zenodo.org/api", pattern=r"^https?://")
    earth_engine_tile: int = Field(2048, ge=16, le=3500)


class ColumnSpec(Parameters):
    """Where a column of ours stands in a tidy table.

    Attributes:
        column: Name in the file.
        unit: Unit there; None where it is the canonical one. A unit by ``month`` counts the
            month's own days.
        sign: -1 where the file counts the other way: net ecosystem productivity for NEE.
    """

    column: str
    unit: str | None = None
    sign: Literal[1, -1] = 1


class TowerParameters(Parameters):
    """The block ``towers``: how tower data are read.

    Attributes:
        reader: ``auto`` tells each file's family by its name, else by its header; any other
            takes files of that family alone: ``fluxnet`` (FLUXNET2015, AmeriFlux FLUXNET, ICOS
            L2), ``ameriflux`` (BASE), ``fluxdatakit``, ``parquet`` (the published UFLUX training
            table), ``tidy`` (tables of many towers, their columns mapped below).
        resolution: Length of the periods: ``MM`` months, ``WW`` weeks, ``DD`` days.
        completeness: Where periods are averaged from shorter steps, the least share of the steps
            (0-1) that must have a value, of a flux one measured or well filled.
        partition: Partition of GPP and RECO: ``NT`` night-time, ``DT`` day-time.
        energy_balance: H and LE corrected for closure (``CORR``) or as measured (``RAW``).
        allow_missing: Variables that a tower may lack.
        outside: What becomes of values that cannot be real: ``raise`` stops, ``mask`` makes
            them missing and says so. The pipeline reads with ``keep``, since the check of
            quality that follows knows more of their cause. Single hours and days among those
            that are averaged to longer periods are taken as missing in any case.
        columns: Tidy tables: our name -> the file's column.
    """

    reader: Literal[
        "auto", "fluxnet", "ameriflux", "fluxdatakit", "reddyproc", "parquet", "tidy"
    ] = "auto"
    resolution: Literal["MM", "WW", "DD"] = "MM"
    completeness: float = Field(default=0.5, ge=0, le=1)
    partition: Literal["NT", "DT"] = "NT"
    energy_balance: Literal["CORR", "RAW"] = "CORR"
    allow_missing: tuple[str, ...] = ()
    outside: Literal["raise", "mask", "keep"] = "raise"
    columns: dict[str, ColumnSpec | str] = {}


class QualityParameters(Parameters):
    """The block ``quality``: what becomes of towers that look wrong.

    Attributes:
        on_suspicion: ``stop`` ends the run once the report is written; ``drop`` takes the column
            out at the sites concerned, or the sites where place or calendar is wrong; ``report``
            leaves all as it is.
        false_alarm: Chance that a healthy table raises any alarm of the phase check.
        second_source: Canonical towers of another run (``towers.parquet``), to compare with.
        clock: What the hours of half-hourly and hourly tables are said to be: ``local`` standard
            time, as the networks have it, or ``UTC``.
    """

    on_suspicion: Literal["stop", "drop", "report"] = "stop"
    false_alarm: float = Field(0.01, gt=0, lt=0.5)
    second_source: str | None = None
    clock: Literal["local", "UTC"] = "local"


class GridParameters(Parameters):
    """One entry of the block ``grids``.

    Attributes:
        reader: Name of the reader; see :data:`uflux_kedro.readers.READERS`.
        means_over: Means that are kept of hours or days; None keeps the source's own periods.
        options: What the reader takes besides, such as ``variables`` or ``class_offset``.
    """

    reader: str
    means_over: Literal["month", "day"] | None = None
    options: dict[str, Any] = {}


class CarryOverParameters(Parameters):
    """The block ``features.carry_over``: of what predictors that carry over are made.

    Attributes:
        climate: Prefix of the climate, such as ``ERA5``.
        vegetation: Index -> predictor that holds it; EVI may be its two-band form. What needs an
            index that is not named is not made.
    """

    climate: str
    vegetation: dict[Literal["NIRv", "EVI", "LAI", "NDVI", "LSWI"], str]


class FeatureParameters(Parameters):
    """The block ``features``: predictors of the grid and of towers.

    Attributes:
        target_grid: Grid of the drivers and of the products, in degrees or in a projection.
        period: ``common`` keeps the months that every source has; ``strict`` refuses a source
            that lacks any.
        carry_over: Predictors that carry over to unseen towers. They are made where a member
            asks for one; None makes none.
        footprint: Radius around a tower, metres, within which fields are averaged for it; None
            reads the cell in which it stands.
    """

    target_grid: TargetGrid | ProjectedGrid
    period: Literal["common", "strict"] = "common"
    carry_over: CarryOverParameters | None = None
    footprint: float | None = Field(None, gt=0)


class SearchParameters(Parameters):
    """The block ``training.search``: how the models' settings are chosen.

    Every fold of the validation searches among its own train sites, so that no score saw the
    settings chosen for it; the model for the grid searches among all sites. A fold costs
    ``n_splits`` fits a setting.

    Attributes:
        method: ``grid`` tries every combination of the lists; ``optuna`` draws ``n_trials``
            settings from lists and ranges.
        n_splits: Inner folds, of whole sites.
        n_trials: Settings that ``optuna`` tries.
        space: Model -> parameter -> list of values, or range with ``low``, ``high``, ``log`` and
            ``type``. A model with an empty mapping is not searched.
    """

    method: SearchMethod = "grid"
    n_splits: int = Field(3, ge=2)
    n_trials: PositiveInt = 50
    space: dict[
        str, dict[str, Annotated[tuple[Any, ...], Field(min_length=1)] | ParameterRange]
    ] = Field(min_length=1)

    @model_validator(mode="after")
    def _searchable(self) -> SearchParameters:
        for model, space in self.space.items():
            if model not in MODELS:
                raise ValueError(
                    f"space: unknown model {model!r}, expected some of {', '.join(MODELS)}"
                )
            if space:
                require_space(space, MODELS[model].parameters(), model, self.method)
        return self


class TrainingParameters(Parameters):
    """The block ``training``: how members are validated and fitted.

    Attributes:
        scheme: ``loso`` leaves one site out (the published score), ``kfold`` groups sites
            into ``n_splits`` folds (fast), ``blocks`` holds out whole regions.
        n_splits: Folds of ``kfold`` and ``blocks``.
        block_size: Edge of a region of ``blocks``, degrees.
        min_qc: Lowest quality fraction (0-1) of a flux for a row to be used.
        seed: Seed of every random draw.
        n_jobs: Cores; -1 takes all. Folds run in parallel, each model on one core.
        device: Where XGB trains; ``auto`` takes a GPU if there is one.
        fit_with_sites: Hand each row's site to models that can use it: DF21 draws its bags by
            site, BLEND fits its stacking weights on folds by site.
        model_parameters: Model name -> settings that differ from the registry's.
        search: How settings are searched; None keeps those of ``model_parameters`` and the
            registry.
    """

    scheme: Literal["loso", "kfold", "blocks"] = "kfold"
    n_splits: int = Field(5, ge=2)
    block_size: float = Field(5.0, gt=0, le=90)
    min_qc: float = Field(0.5, ge=0, le=1)
    seed: int = Field(42, ge=0)
    n_jobs: int = -1
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    fit_with_sites: bool = False
    model_parameters: dict[str, dict[str, Any]] = {}
    search: SearchParameters | None = None

    @field_validator("n_jobs")
    @classmethod
    def _some_cores(cls, n_jobs: int) -> int:
        if n_jobs == 0 or n_jobs < -1:
            raise ValueError(f"expected a number of cores or -1 for all, found {n_jobs}")
        return n_jobs


class WholeProduct(Parameters):
    """Size of a product of which a run makes a part, for the estimate in the log.

    Attributes:
        land_cells: Cells on land.
        periods: Periods of the record.
        members: Members of a flux.
    """

    land_cells: PositiveInt
    periods: PositiveInt
    members: PositiveInt


class InferenceParameters(Parameters):
    """The block ``inference``: which months are mapped, and how.

    Attributes:
        first_month: First month, ``YYYY-MM``.
        last_month: Last month, included.
        last_day: Last day of daily products, ``YYYY-MM-DD`` in these months; None is the last
            month's own.
        grid: Grid of the products; None takes that of the drivers of training.
        step: Period of the products; other than a month with a ``grid`` alone.
        block_rows: Pixels predicted at a time.
        n_jobs: Cores; -1 takes all.
        keep_members: Keep the members' own fields beside mean and spread.
        quantiles: Quantiles over the members to keep, such as 0.05 and 0.95.
        regions: Axis -> cells or periods of a region, what is in memory at a time; an axis that
            is not named is not parted.
        chunks: Axis -> cells or periods of a chunk of the store, a whole part of a region.
        derived: Products that follow from those of fluxes: ``ET`` from LE, ``WUE`` from GPP and
            ET; one whose fluxes are not made is left out.
        whole: Size of the whole product, where a run makes a part of it.
    """

    first_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last_day: date | None = None
    grid: TargetGrid | ProjectedGrid | None = None
    step: Literal["month", "day", "half-year"] = "month"
    block_rows: PositiveInt = 8192
    n_jobs: int = -1
    keep_members: bool = True
    quantiles: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    regions: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    chunks: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    derived: tuple[Literal["ET", "WUE"], ...] = ()
    whole: WholeProduct | None = None

    @field_validator("last_month")
    @classmethod
    def _in_order(cls, last: str, info: Any) -> str:
        if last < info.data.get("first_month", ""):
            raise ValueError(f"expected a month from {info.data['first_month']} on, found {last}")
        return last

    @model_validator(mode="after")
    def _last_day_of_days(self) -> InferenceParameters:
        if self.last_day is None:
            return self
        if self.step != "day":
            raise ValueError(f"last_day is of daily products, found step {self.step!r}")
        if not self.first_month <= f"{self.last_day:%Y-%m}" <= self.last_month:
            raise ValueError(
                f"expected a last_day from {self.first_month} to {self.last_month}, "
                f"found {self.last_day}"
            )
        return self

    @model_validator(mode="after")
    def _months_on_the_training_grid(self) -> InferenceParameters:
        if self.step != "month" and self.grid is None:
            raise ValueError(
                f"step {self.step!r} needs a grid: the drivers of training are monthly"
            )
        return self


class DaskParameters(Parameters):
    """The block ``dask``: workers that make the products.

    The environment variable ``DASK_SCHEDULER_ADDRESS`` goes before ``address``; without either
    and without ``local_workers`` threads of the run itself do the work.

    Attributes:
        address: Scheduler of dask.distributed, such as ``tcp://10.0.0.1:8786``.
        local_workers: Worker processes to start on this machine; 0 for none.
        retries: Times that a region that failed is tried again.
    """

    address: str | None = None
    local_workers: int = Field(0, ge=0)
    retries: int = Field(2, ge=0)


class RegionFile(Parameters):
    """Areas of a user's own, for :class:`AggregateParameters`.

    Attributes:
        path: GeoJSON, shapefile (or a zip of it) or GeoPackage.
        name_column: Attribute that holds the areas' names.
        kind: What they are, for the tables.
    """

    path: str
    name_column: str
    kind: str = "region"


class AggregateParameters(Parameters):
    """The block ``aggregates``: zones of which totals and means are written.

    Attributes:
        latitude_bands: Edges of bands, ascending, degrees north; none for no bands.
        land_cover: Whether by IGBP class.
        countries: Whether by country, as Natural Earth draws them at 1:110 million.
        regions: Areas of a user's own.
    """

    latitude_bands: tuple[Annotated[float, Field(ge=-90, le=90)], ...] = ()
    land_cover: bool = True
    countries: bool = True
    regions: RegionFile | None = None

    @model_validator(mode="after")
    def _kinds_apart(self) -> AggregateParameters:
        taken = {"global", "zonal", "IGBP"} | ({"country"} if self.countries else set())
        if self.regions and self.regions.kind in taken:
            raise ValueError(f"regions: expected a kind of its own, found {self.regions.kind!r}")
        return self

    @field_validator("latitude_bands")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if len(edges) == 1 or any(b <= a for a, b in pairwise(edges)):
            raise ValueError(f"expected two or more ascending edges, or none, found {edges}")
        return edges


class PeerVariable(Parameters):
    """One flux of a peer.

    Attributes:
        variable: Its name in the files.
        unit: Unit there, where the files say none or a wrong one.
        sign: -1 where the files count the other way: net ecosystem productivity for NEE.
    """

    variable: str
    unit: str | None = None
    sign: Literal[1, -1] = 1


class PeerParameters(Parameters):
    """One entry of ``reporting.peers``: a product to compare ours with.

    Attributes:
        path: netCDF file, or a pattern of files that split the record; below the project's
            folder if it is relative.
        variables: Flux -> its variable there.
        optional: Whether the peer is left out where there is no such file; else that stops.
    """

    path: str
    variables: dict[Literal["GPP", "RECO", "NEE", "H", "LE"], PeerVariable | str] = Field(
        min_length=1
    )
    optional: bool = False

    def by_flux(self) -> dict[str, PeerVariable]:
        """Flux -> its variable there, whichever way it was written."""
        return {
            flux: PeerVariable(variable=found) if isinstance(found, str) else found
            for flux, found in self.variables.items()
        }


class ReportingParameters(Parameters):
    """The block ``reporting``.

    Attributes:
        peers: Name -> product to compare ours with; null takes back one that another environment
            names.
    """

    peers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], PeerParameters | None] = {}
