"""The block ``reporting``: products that the report compares the maps with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters


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
    variables: dict[Literal["GPP", "RECO", "NEE", "H", "LE"], PeerVariable | str] = Field(
        min_length=1
    )
    """Flux -> its variable in the files."""
    optional: bool = False
    """Whether the peer is left out if no file exists; otherwise the run stops."""

    def by_flux(self) -> dict[str, PeerVariable]:
        """Return flux -> variable, whether it was given by name or in full."""
        return {
            flux: PeerVariable(variable=given) if isinstance(given, str) else given
            for flux, given in self.variables.items()
        }


class ReportingParameters(Parameters):
    """The block ``reporting``."""

    pdf: Literal["auto", "always", "never"] = "auto"
    """Whether the report is printed as PDF too: ``auto`` where Chromium or Chrome is installed;
    ``always`` stops a run at its start where neither is."""
    peers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], PeerParameters | None] = {}
    """Name -> product to compare the maps with; null removes a peer that another environment
    defines."""
