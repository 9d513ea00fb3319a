"""Sections about other products, which say what to provide where there is none, and about the map."""

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
_MAP = (
    "The folder map beside this page holds the maps of all periods and members to explore in a browser: "
    "value, interval, completeness and series of each cell, the towers with their skill and "
    "series, and the totals of regions. The command `make map` opens it, or `python -m uflux_kedro.explorer "
    "FOLDER`: a page that is opened as a file may not read the data beside it."
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


def explorer_section() -> Section:
    """Return the section that tells of the map to explore, which lies beside the page."""
    return Section("explorer", "A map to explore", _MAP, [])


def no_peers_section() -> Section:
    """Return the section that stands for the comparison with other products if none is given."""
    return Section("peers", "Comparison with other products", _NO_PEERS, [])
