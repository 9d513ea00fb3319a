"""What to fetch, as a user asks for it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveInt,
    StringConstraints,
    model_validator,
)

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
"""Instantaneous variables of ERA5 that the reader wants."""

FLUXES = (
    "surface_solar_radiation_downwards",
    "surface_thermal_radiation_downwards",
    "total_precipitation",
)
"""Accumulated variables of ERA5 that the reader wants."""


SENTINEL2_BANDS = ("B02", "B04", "B08", "SCL")
"""Bands that the reader of Sentinel-2 wants: blue, red, near infrared, scene classification."""

_DAY = timedelta(days=1)


def _inside(folder: str) -> str:
    if folder.startswith("/") or set(folder.split("/")) & {"", ".", ".."} or "\\" in folder:
        raise ValueError(f"expected a folder below the raw data, found {folder!r}")
    return folder


Folder = Annotated[str, AfterValidator(_inside)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]


class _Order(Parameters):
    folder: Folder


class ZenodoRecord(_Order):
    """Files of one Zenodo record.

    Attributes:
        record: The number in the record's address and at the end of its DOI.
        folder: Where they go, below the raw data.
        files: Glob patterns of their names; all files by default.
    """

    record: PositiveInt
    files: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)


class ClimateDataStoreYears(_Order):
    """Monthly means of a reanalysis from the Copernicus Climate Data Store.

    Each year and group of variables is one request and one zip, so that what has come stays.

    Attributes:
        folder: Where they go, below the raw data; the source's name, for its reader to find them.
        first_year: First year.
        last_year: Last year, included; a finished one, since the store does not say what it
            will add.
        dataset: Name of the data set in the store.
        product_type: Kind of mean.
        variables: Name of a group -> its variables, as the store calls them.
        area: North, west, south, east in degrees; the whole Earth by default.
    """

    folder: Folder = "ERA5"
    first_year: int = Field(ge=1940)
    last_year: int = Field(ge=1940)
    dataset: Word = "reanalysis-era5-single-levels-monthly-means"
    product_type: Word = "monthly_averaged_reanalysis"
    variables: dict[Word, Annotated[tuple[Word, ...], Field(min_length=1)]] = {
        "state": STATES,
        "flux": FLUXES,
    }
    area: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ClimateDataStoreYears:
        if self.last_year < self.first_year:
            raise ValueError(
                f"last_year = {self.last_year}: expected first_year = {self.first_year} or later"
            )
        return self


class ClearPixels(Parameters):
    """Which pixels of an image are kept in a composite, by a band of classes.

    Attributes:
        band: The band, such as ``SCL``; of it a composite has the commonest class.
        classes: Those that are kept.
    """

    band: Word
    classes: Annotated[tuple[int, ...], Field(min_length=1)]


class EarthEngineImages(_Order):
    """Images of a collection of Google Earth Engine on a grid of our own.

    Each period and band is one GeoTIFF, so that what has come stays.

    Attributes:
        folder: Where they go, below the raw data; the source's name, for its reader to find them.
        project: Google Cloud project that is registered for Earth Engine.
        collection: The collection's id, such as ``COPERNICUS/S2_SR_HARMONIZED``.
        bands: Its bands.
        first: First day.
        last: Last day, included.
        step: ``day``, for each day that has images, or ``month``.
        reducer: What becomes of several images of a period: ``mosaic`` (the last on top),
            ``median`` or ``mean``.
        grid: The cells, in a projection.
        clear: Pixels that are kept; all of them by default.
        type: Type of the numbers that are stored.
        fill: Number where there is no data.
    """

    folder: Folder = "S2"
    project: Annotated[str, StringConstraints(min_length=1)]
    collection: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]+$")] = (
        "COPERNICUS/S2_SR_HARMONIZED"
    )
    bands: Annotated[tuple[Word, ...], Field(min_length=1)] = SENTINEL2_BANDS
    first: date
    last: date
    step: Literal["day", "month"] = "day"
    reducer: Literal["mosaic", "median", "mean"] = "mosaic"
    grid: ProjectedGrid
    clear: ClearPixels | None = None
    type: Literal["uint8", "uint16", "int16", "float"] = "uint16"
    fill: float = 0

    @model_validator(mode="after")
    def _can_be_asked_for(self) -> EarthEngineImages:
        if self.last < self.first:
            raise ValueError(f"last = {self.last}: expected first = {self.first} or later")
        if self.step == "month" and (self.first.day != 1 or (self.last + _DAY).day != 1):
            raise ValueError(f"{self.first} to {self.last}: expected whole months for step: month")
        return self


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
