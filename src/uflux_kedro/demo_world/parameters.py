"""Parameters of the simulated Earth."""

from __future__ import annotations

from pydantic import Field, model_validator

from uflux_kedro.schemas import Parameters


class DemoWorldParameters(Parameters):
    """What the simulated Earth is like; the same parameters give the same files.

    Attributes:
        seed: Seed of every random draw.
        resolution: Side of a grid cell, degrees; divides 90.
        first_year: First year of grids and towers.
        last_year: Last year, inclusive.
        n_towers: Number of flux towers.
        climate_error: Errors of ERA5, as a multiple of the usual; CFSv2 errs half as much again.
        reflectance_noise: Standard deviation of MODIS reflectances; AVHRR has twice as much.
        sif_noise: Standard deviation of the fluorescence of a cell and month as GOME-2 and GOSAT
            see it, mW m-2 nm-1 sr-1; CSIF has a tenth.
        cloud_gaps: Share of land cells and months without a reflectance or SIF, year-round mean.
        site_effect: Standard deviation of what sets a tower apart from its grid cell, as a
            fraction of the flux.
        flux_noise: Random errors of the towers, as a multiple of the usual.
        tower_gaps: Share of months without fluxes.
        energy_balance_closure: Mean share of the available energy that towers find again in
            raw H + LE.
    """

    seed: int = Field(default=1, ge=0)
    resolution: float = Field(default=2.0, ge=0.25, le=15)
    first_year: int = Field(default=2016, ge=1980, le=2100)
    last_year: int = Field(default=2020, ge=1980, le=2100)
    n_towers: int = Field(default=40, ge=1, le=1000)
    climate_error: float = Field(default=1.0, ge=0, le=5)
    reflectance_noise: float = Field(default=0.008, ge=0, le=0.1)
    sif_noise: float = Field(default=0.12, ge=0, le=2)
    cloud_gaps: float = Field(default=0.06, ge=0, le=0.5)
    site_effect: float = Field(default=0.12, ge=0, le=1)
    flux_noise: float = Field(default=1.0, ge=0, le=5)
    tower_gaps: float = Field(default=0.08, ge=0, le=0.9)
    energy_balance_closure: float = Field(default=0.8, gt=0, le=1)

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
