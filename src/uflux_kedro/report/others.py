"""Sections about other products that say what to provide where there is none."""

from __future__ import annotations

from uflux_kedro.report.sections import Section

_FINE = (
    "A product of much smaller cells is averaged by area onto the cells of the map, over the time that "
    "both have. It shows what the coarse cells hide, and whether both agree where they are "
    "averaged alike."
)
_NO_FINE = (
    "No product of smaller cells is given. Name one as reporting.fine_product in the parameters: the path of a "
    "Zarr store, a netCDF file or a folder of GeoTIFF files, such as the 100 m product of the "
    "environment europe_100m or GPP from Sentinel-2. It may be in a projection and cover a part of "
    "the map; cells and periods that both have are compared."
)
_NO_PEERS = (
    "No other product is given. Name netCDF files and variables as reporting.peers in the parameters, such as "
    "FLUXCOM-X or a model of TRENDY: the report then shows maps of the difference, scores and "
    "the years of both. The demo world has its own truth as peer."
)


def fine_section(given: bool) -> Section:
    """Return the section about a product of smaller cells.

    Args:
        given: Whether there is one; otherwise the section says how to name it.
    """
    return Section("resolutions", "Coarse against fine", _FINE if given else _NO_FINE, [])


def no_peers_section() -> Section:
    """Return the section that stands for the comparison with other products if none is given."""
    return Section("peers", "Comparison with other products", _NO_PEERS, [])
