"""Peers of the report: products that are configured and have files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from uflux_kedro.configuration import PROJECT_PATH, project_parameters
from uflux_kedro.report.parameters import PeerVariable, ReportingParameters

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
    """

    name: str
    flux: str
    where: str
    paths: tuple[str, ...]
    variable: PeerVariable
    stamps: tuple[tuple[int, int], ...] = ()


def project_peers(fluxes: Iterable[str]) -> tuple[Peer, ...]:
    """Return the peers of these fluxes; an optional peer without files is left out.

    Files are searched before the run, since the nodes of the pipeline depend on them.
    """
    configured = ReportingParameters.model_validate(project_parameters().get("reporting", {}))
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
        stats = [Path(path).stat() for path in paths]
        stamps = tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
        found += [
            Peer(name, flux, peer.path, paths, variables[flux], stamps)
            for flux in fluxes
            if flux in variables
        ]
    return tuple(found)
