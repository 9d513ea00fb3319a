"""The parameters ``aggregates``: zones for which totals and means are computed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

from uflux_kedro.schemas import Parameters

if TYPE_CHECKING:
    from uflux_kedro.readers.regions import Outlines


class RegionFile(Parameters):
    """A file with areas of your own."""

    path: str
    """GeoJSON, shapefile (or a zip of one) or GeoPackage."""
    name_column: str
    """Attribute that holds the areas' names."""
    kind: str = "region"
    """Kind of the areas, such as ``basin``: the column ``region_kind`` of the tables."""

    def read(self, project: Path) -> Outlines:
        """Return the areas.

        Args:
            project: Folder that a relative path starts from.

        Raises:
            InputError: As :func:`~uflux_kedro.readers.regions.read_outlines` does.
        """
        from uflux_kedro.readers.regions import read_outlines

        return read_outlines(project / self.path, self.name_column, self.kind)


class AggregateParameters(Parameters):
    """The parameters ``aggregates``: zones for which totals and means are computed."""

    latitude_bands: tuple[Annotated[float, Field(ge=-90, le=90)], ...] = ()
    """Edges of bands of latitude, ascending, degrees north; empty for no bands."""
    land_cover: bool = True
    """Whether to aggregate by IGBP class."""
    countries: bool = True
    """Whether to aggregate by country, with the outlines of Natural Earth at 1:110 million."""
    regions: RegionFile | None = None
    """Areas of your own."""

    def check_files(self, project: Path) -> None:
        """Read the file of areas of your own, if there is one.

        Raises:
            InputError: If it cannot be read.
        """
        if self.regions:
            self.regions.read(project)

    @model_validator(mode="after")
    def _kinds_differ(self) -> AggregateParameters:
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
