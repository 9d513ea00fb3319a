"""Peers of the report: products that are configured and have files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from uflux_kedro.configuration import PROJECT_PATH, project_parameters
from uflux_kedro.errors import InputError
from uflux_kedro.report.parameters import (
    FineProductParameters,
    PeerVariable,
    ReportingParameters,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """One flux of another product.

    Attributes:
        name: Name of the product.
        flux: Name of the flux.
        where: Configured path or pattern, for messages.
        paths: Files of the product.
        variable: Name, unit and sign of the flux in these files.
        stamps: Size and time of change of each file, by which a resumed run knows other files.
        parameter: Where it was configured, for messages.
    """

    name: str
    flux: str
    where: str
    paths: tuple[str, ...]
    variable: PeerVariable
    stamps: tuple[tuple[int, int], ...] = ()
    parameter: str = "reporting.peers"

    def check_files(self, _: Path = PROJECT_PATH) -> None:
        """Refuse a product without files.

        Raises:
            InputError: If there are none.
        """
        if not self.paths:
            raise InputError(
                self.where,
                self.flux,
                expected=f"files of the {self.name} product: a Zarr store, netCDF or GeoTIFF",
                found="none",
                hint=f"Correct the path in {self.parameter}, set it to null"
                + (" or mark it as optional" if self.parameter == "reporting.peers" else ""),
            )


def project_peers(fluxes: Iterable[str]) -> tuple[Peer, ...]:
    """Return the peers of these fluxes; an optional peer without files is left out.

    Files are searched before the run, since the nodes of the pipeline depend on them.
    """
    configured = ReportingParameters.of(project_parameters())
    found = []
    for name, peer in configured.peers.items():
        if peer is None:
            continue
        pattern = str(PROJECT_PATH / peer.path)
        paths = tuple(sorted(glob(pattern, recursive=True)))
        if not paths and peer.optional:
            logger.info("No comparison with %s: no file %s", name, peer.path)
            continue
        variables = peer.by_flux()
        found += [
            Peer(name, flux, peer.path, paths, variables[flux], _stamps(paths))
            for flux in fluxes
            if flux in variables
        ]
    return tuple(found)


def project_fine_product(fluxes: Iterable[str]) -> Peer | None:
    """Return the product of smaller cells, with the files found; None if none is configured."""
    configured = ReportingParameters.of(project_parameters())
    given = configured.fine_product
    if isinstance(given, str):
        given = FineProductParameters(path=given)
    if given is None or given.flux not in fluxes:
        return None
    paths = sorted(glob(str(PROJECT_PATH / given.path), recursive=True))
    name = given.variable or given.flux
    if len(paths) == 1 and Path(paths[0]).is_dir() and not paths[0].endswith(".zarr"):
        paths = sorted(str(file) for file in Path(paths[0]).glob(f"{name}_*.tif"))
    variable = PeerVariable(variable=name, unit=given.unit, sign=given.sign)
    return Peer(
        "fine",
        given.flux,
        given.path,
        tuple(paths),
        variable,
        _stamps(paths),
        "reporting.fine_product",
    )


def _stamps(paths: Iterable[str]) -> tuple[tuple[int, int], ...]:
    stats = [Path(path).stat() for path in paths]
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
