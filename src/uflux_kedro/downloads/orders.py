"""What to fetch, as a user asks for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    model_validator,
)

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


def _inside(folder: str) -> str:
    if folder.startswith("/") or set(folder.split("/")) & {"", ".", ".."} or "\\" in folder:
        raise ValueError(f"expected a folder below the raw data, found {folder!r}")
    return folder


Folder = Annotated[str, AfterValidator(_inside)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

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
