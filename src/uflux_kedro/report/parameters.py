"""The block ``reporting``: the map to explore, and products that the report compares the maps with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from uflux_kedro.schemas import Parameters

_Flux = Literal["GPP", "RECO", "NEE", "H", "LE"]


class PeerVariable(Parameters):
    """One flux in the files of a peer."""

    variable: str
    """Name of the variable in the files."""
    unit: str | None = None
    """Unit of the variable, where the files give none or a wrong one; null reads it from them."""
    sign: Literal[1, -1] = 1
    """-1 if the files have the opposite sign, as net ecosystem productivity has for NEE."""


class PeerParameters(Parameters):
    """One entry of ``reporting.peers``: a product to compare the maps with."""

    path: str
    """netCDF file, or a pattern of files that split the record; a relative path starts in the
    project's folder."""
    variables: dict[_Flux, PeerVariable | str] = Field(min_length=1)
    """Flux -> its variable in the files."""
    optional: bool = False
    """Whether the peer is left out if no file exists; otherwise the run stops."""

    def by_flux(self) -> dict[str, PeerVariable]:
        """Return flux -> variable, whether it was given by name or in full."""
        return {
            flux: PeerVariable(variable=given) if isinstance(given, str) else given
            for flux, given in self.variables.items()
        }


class MapParameters(Parameters):
    """The block ``reporting.map``: the map that one can explore."""

    show: bool = True
    """Whether to write the map, 08_reporting/map, where there are products."""
    members: bool = True
    """Whether it shows each member, where the products keep them; members take most of its space."""
    levels: int | None = Field(default=None, ge=0)
    """Highest number of overviews, each of half the resolution; null for as many as it takes."""


class FineProductParameters(Parameters):
    """The entry ``reporting.fine_product``: a product of much smaller cells, of a part of the map."""

    path: str
    """Zarr store, netCDF file, or folder of GeoTIFF files ``<variable>_<first day>.tif``; or a pattern of
    files. A relative path starts in the project's folder."""
    flux: _Flux = "GPP"
    """The flux that is compared."""
    variable: str | None = None
    """Its name in the files; null for that of the flux."""
    unit: str | None = None
    """Unit of netCDF files on latitude and longitude that declare none or a wrong one."""
    sign: Literal[1, -1] = 1
    """-1 if the files count in the other direction."""


class ReportingParameters(Parameters):
    """The block ``reporting``."""

    map: MapParameters = MapParameters()
    """The map that one can explore."""
    fine_product: FineProductParameters | str | None = None
    """Product of smaller cells to compare the maps with, such as one at 100 m; a path alone is that of
    GPP. Null for none."""

    pdf: Literal["auto", "always", "never"] = "auto"
    """Whether the report is printed as PDF too: ``auto`` where Chromium or Chrome is installed;
    ``always`` stops a run at its start where neither is."""
    peers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], PeerParameters | None] = {}
    """Name -> product to compare the maps with; null removes a peer that another environment
    defines."""
    towers: list[str] = []
    """Towers whose series the report shows; an empty list takes, of each flux, those with the highest,
    the median and the lowest NSE."""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the block of all parameters of a run."""
        return cls.model_validate(parameters.get("reporting", {}))
