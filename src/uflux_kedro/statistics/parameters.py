"""The block ``aggregates``: zones whose totals and means are written."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from uflux_kedro.schemas import Parameters


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
