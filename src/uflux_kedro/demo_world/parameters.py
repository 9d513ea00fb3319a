"""The block ``demo_world``: parameters of the simulated Earth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from uflux_kedro.schemas import Parameters


class DemoWorldParameters(Parameters):
    """The block ``demo_world``: the simulated Earth. The same parameters give the same files."""

    step: Literal["month", "day"] = "month"
    """Step of the towers, of ERA5 and of the true fluxes; satellites and CFSv2 are monthly."""
    seed: int = Field(default=1, ge=0)
    """Seed of every random draw."""
    resolution: float = Field(default=2.0, ge=0.25, le=15)
    """Side of a grid cell, degrees; must divide 90."""
    first_year: int = Field(default=2016, ge=1980, le=2100)
    """First year of grids and towers."""
    last_year: int = Field(default=2020, ge=1980, le=2100)
    """Last year, inclusive."""
    n_towers: int = Field(default=40, ge=1, le=1000)
    """Number of flux towers."""
    climate_error: float = Field(default=1.0, ge=0, le=5)
    """Errors of ERA5, as a multiple of the usual; those of CFSv2 are half as large again."""
    reflectance_noise: float = Field(default=0.008, ge=0, le=0.1)
    """Standard deviation of the noise in MODIS reflectances; AVHRR has twice as much."""
    sif_noise: float = Field(default=0.12, ge=0, le=2)
    """Standard deviation of the noise in the fluorescence of a cell and month from GOME-2 and
    GOSAT, mW m-2 nm-1 sr-1; CSIF has a tenth."""
    cloud_gaps: float = Field(default=0.06, ge=0, le=0.5)
    """Share of land cells and months without a reflectance or SIF, as an annual mean."""
    site_effect: float = Field(default=0.12, ge=0, le=1)
    """Standard deviation of the constant difference between a tower and its grid cell, as a
    fraction of the flux."""
    flux_noise: float = Field(default=1.0, ge=0, le=5)
    """Random errors of the towers, as a multiple of the usual."""
    tower_gaps: float = Field(default=0.08, ge=0, le=0.9)
    """Share of months without fluxes."""
    energy_balance_closure: float = Field(default=0.8, gt=0, le=1)
    """Mean ratio of raw H + LE to the available energy at towers."""

    @model_validator(mode="after")
    def _possible(self) -> DemoWorldParameters:
        if 90 % self.resolution:
            raise ValueError(
                f"resolution = {self.resolution}: expected degrees that divide 90, such as 2 or 0.5"
            )
        if self.last_year < self.first_year:
            raise ValueError(
                f"last_year = {self.last_year}: expected first_year = {self.first_year} or later"
            )
        return self

    @property
    def years(self) -> range:
        """Years of grids and towers."""
        return range(self.first_year, self.last_year + 1)
