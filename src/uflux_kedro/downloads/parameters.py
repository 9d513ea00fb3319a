"""The block ``download``: the files to download, and how patiently."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PositiveInt,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from uflux_kedro.downloads.addresses import is_private
from uflux_kedro.gridding.grids import ProjectedGrid
from uflux_kedro.schemas import Parameters

STATES = (
    "2m_temperature",
    "2m_dewpoint_temperature",
    "soil_temperature_level_1",
    "surface_pressure",
    "10m_u_component_of_wind",
    "10m_v_component_of_wind",
)
"""Instantaneous variables of ERA5 that the reader ``era5`` uses."""

FLUXES = (
    "surface_solar_radiation_downwards",
    "surface_thermal_radiation_downwards",
    "total_precipitation",
)
"""Accumulated variables of ERA5 that the reader ``era5`` uses."""

SENTINEL2_BANDS = ("B02", "B04", "B08", "SCL")
"""Bands that the reader ``sentinel2`` uses: blue, red, near infrared, scene classification."""

Hub = Literal["AmeriFlux", "ICOS", "TERN"]
FLUXNET_HUBS: tuple[Hub, ...] = get_args(Hub)
"""Data hubs that the FLUXNET Shuttle asks."""

_DAY = timedelta(days=1)


def _inside(folder: str) -> str:
    if folder.startswith("/") or set(folder.split("/")) & {"", ".", ".."} or "\\" in folder:
        raise ValueError(f"expected a path below the folder of raw data, found {folder!r}")
    return folder


Folder = Annotated[str, AfterValidator(_inside)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]


class _Order(Parameters):
    folder: Folder
    """Folder of the files, below that of the raw data; for a grid, the source's name in ``grids``."""


class ZenodoRecord(_Order):
    """Files of one Zenodo record."""

    record: PositiveInt
    """Number in the record's address and at the end of its DOI."""

    files: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    """Glob patterns of the files' names; all files by default."""


class ClimateDataStoreYears(_Order):
    """Monthly means of a reanalysis from the Copernicus Climate Data Store.

    Each year and group of variables is one request and one zip file, so that an interrupted run keeps
    the finished ones.
    """

    folder: Folder = "ERA5"
    """Folder of the files, below that of the raw data: the source's name in ``grids``."""

    first_year: int = Field(ge=1940)
    """First year."""

    last_year: int = Field(ge=1940)
    """Last year, included. Order completed years only: a later update would not be noticed."""

    dataset: Word = "reanalysis-era5-single-levels-monthly-means"
    """Name of the data set in the store."""

    product_type: Word = "monthly_averaged_reanalysis"
    """Kind of mean, as the store names it."""

    variables: dict[Word, Annotated[tuple[Word, ...], Field(min_length=1)]] = {
        "state": STATES,
        "flux": FLUXES,
    }
    """Name of a group -> its variables, as the store names them."""

    area: tuple[float, float, float, float] | None = None
    """North, west, south, east, degrees; the whole Earth by default."""

    @model_validator(mode="after")
    def _in_order(self) -> ClimateDataStoreYears:
        if self.last_year < self.first_year:
            raise ValueError(
                f"last_year = {self.last_year}: expected first_year = {self.first_year} or later"
            )
        return self


class ClearPixels(Parameters):
    """Pixels of an image that enter a composite, chosen by a band of classes."""

    band: Word
    """Band of classes, such as ``SCL``; a composite holds its most frequent class."""

    classes: Annotated[tuple[int, ...], Field(min_length=1)]
    """Classes that are kept."""


class EarthEngineImages(_Order):
    """Images of a collection of Google Earth Engine, on a grid of the user's choice.

    Each period and band is one GeoTIFF, so that an interrupted run keeps the finished ones.
    """

    folder: Folder = "S2"
    """Folder of the files, below that of the raw data: the source's name in ``grids``."""

    project: Annotated[str, StringConstraints(min_length=1)]
    """Google Cloud project that is registered for Earth Engine."""

    collection: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]+$")] = (
        "COPERNICUS/S2_SR_HARMONIZED"
    )
    """Id of the collection."""

    bands: Annotated[tuple[Word, ...], Field(min_length=1)] = SENTINEL2_BANDS
    """Bands to download."""

    first: date
    """First day."""

    last: date
    """Last day, included."""

    step: Literal["day", "month"] = "day"
    """``day`` for one image per day that has any, ``month`` for monthly composites."""

    reducer: Literal["mosaic", "median", "mean"] = "mosaic"
    """How several images of a period are combined: ``mosaic`` (the latest on top), ``median`` or
    ``mean``."""

    grid: ProjectedGrid
    """Grid of the images, in a projection."""

    clear: ClearPixels | None = None
    """Pixels that are kept; all by default."""

    type: Literal["uint8", "uint16", "int16", "float"] = "uint16"
    """Data type of the files."""

    fill: float = 0
    """Value where there is no data."""

    @model_validator(mode="after")
    def _ordered_and_whole_months(self) -> EarthEngineImages:
        if self.last < self.first:
            raise ValueError(f"last = {self.last}: expected first = {self.first} or later")
        if self.step == "month" and (self.first.day != 1 or (self.last + _DAY).day != 1):
            raise ValueError(f"{self.first} to {self.last}: expected whole months for step: month")
        return self


MCD43A4_BANDS = tuple(
    f"{kind}_Band{n}"
    for kind in ("Nadir_Reflectance", "BRDF_Albedo_Band_Mandatory_Quality")
    for n in (1, 2, 3, 6)
)
"""Bands of MCD43A4 that the reader of vegetation at towers uses: red, near infrared, blue, shortwave
infrared, and their quality."""


class EarthEnginePoints(_Order):
    """Values of a collection of Google Earth Engine at towers.

    Each tower is one table, so that an interrupted run keeps the finished ones.
    """

    folder: Folder = "vegetation"
    """Folder of the tables, below that of the raw data; ``vegetation_path`` of a run names it."""

    project: Annotated[str, StringConstraints(min_length=1)]
    """Google Cloud project that is registered for Earth Engine."""

    towers: Annotated[str, StringConstraints(min_length=1)]
    """Site table, or snapshot of the FLUXNET Shuttle; a relative path starts in the project's folder."""

    sites: tuple[str, ...] = ()
    """Towers, such as ``US-Ha1``; all by default."""

    collection: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]+$")] = (
        "MODIS/061/MCD43A4"
    )
    """Id of the collection."""

    bands: Annotated[tuple[Word, ...], Field(min_length=1)] = MCD43A4_BANDS
    """Bands to download, those of quality included."""

    first: date
    """First day."""

    last: date
    """Last day, included. Order past days only: a later image would not be noticed."""

    @model_validator(mode="after")
    def _in_order(self) -> EarthEnginePoints:
        if self.last < self.first:
            raise ValueError(f"last = {self.last}: expected first = {self.first} or later")
        return self


EARTH_ENGINE_KINDS = ("on a grid", "at towers")


def _kind_of(order: Any) -> str:
    at_towers = "towers" in order if isinstance(order, dict) else hasattr(order, "towers")
    return EARTH_ENGINE_KINDS[at_towers]


EarthEngineOrder = Annotated[
    Annotated[EarthEngineImages, Tag(EARTH_ENGINE_KINDS[0])]
    | Annotated[EarthEnginePoints, Tag(EARTH_ENGINE_KINDS[1])],
    Discriminator(_kind_of),
]
"""Images on a grid, or, with the key ``towers``, values at towers."""


class FluxnetProducts(_Order):
    """Archives of towers from the data hubs of FLUXNET, as a snapshot of the FLUXNET Shuttle lists them."""

    folder: Folder = "towers"
    """Folder of the archives, below that of the raw data."""

    snapshot: Annotated[str, StringConstraints(min_length=1)]
    """File that the Shuttle wrote, or its address; a relative path starts in the project's folder."""

    hubs: tuple[Hub, ...] = ()
    """Data hubs; all by default. The snapshot must list products of each, unless ``sites`` names the
    towers: a hub that was silent when the snapshot was made is absent from it."""

    sites: tuple[str, ...] = ()
    """Towers, such as ``US-Ha1``; all by default."""

    without: tuple[str, ...] = ()
    """Towers that are left out."""

    igbp: tuple[str, ...] = ()
    """IGBP classes, such as ``ENF``; all by default."""

    first_year: int | None = None
    """Archives that end before this year are left out."""

    last_year: int | None = None
    """Archives that begin after this year are left out."""

    @model_validator(mode="after")
    def _in_order(self) -> FluxnetProducts:
        if (self.last_year or 9999) < (self.first_year or 0):
            raise ValueError(
                f"last_year = {self.last_year}: expected first_year = {self.first_year} or later"
            )
        return self


class DownloadParameters(Parameters):
    """The block ``download``: the files to download into the raw data, and how patiently."""

    zenodo: tuple[ZenodoRecord, ...] = ()
    """Records of Zenodo, each with its folder."""

    climate_data_store: tuple[ClimateDataStoreYears, ...] = ()
    """Years of ERA5, each order with its folder."""

    earth_engine: tuple[EarthEngineOrder, ...] = ()
    """Images of Google Earth Engine on a grid or values at towers, each order with its folder."""

    fluxnet: tuple[FluxnetProducts, ...] = ()
    """Archives of FLUXNET's towers, each order with its folder."""

    changed: Literal["refuse", "refetch"] = "refuse"
    """If a file was changed by its service or locally since it was downloaded: ``refuse`` stops
    before anything is downloaded, ``refetch`` replaces it."""

    retries: int = Field(8, ge=0)
    """Attempts after the first; counted anew whenever more bytes arrive."""

    longest_wait: PositiveInt = 600
    """Longest wait between two attempts, seconds, even if the service asks for more."""

    zenodo_api: str = Field("https://zenodo.org/api", pattern=r"^https?://")
    """Address of Zenodo's API, or of a compatible repository's; https, except on this machine."""

    @field_validator("zenodo_api")
    @classmethod
    def _encrypted_and_without_secrets(cls, address: str) -> str:
        if not is_private(address):
            raise ValueError("expected https://, since http:// would show your token to others")
        if "@" in address or "?" in address:
            # Parameters are recorded in MLflow.
            raise ValueError("expected an address without user, password or token")
        return address

    fluxnet_pause: float = Field(1.0, ge=0)
    """Pause before each archive of FLUXNET, seconds."""

    earth_engine_tile: int = Field(2048, ge=16, le=3500)
    """Edge of the tile that one request to Earth Engine covers, cells; a response holds 48 MB at
    most."""
