"""The block ``reporting``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters


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
