"""Which products the report compares ours with: those that are configured and lie there."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob

from uflux_kedro.configuration import PROJECT_PATH, project_parameters
from uflux_kedro.report.parameters import PeerVariable, ReportingParameters

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """One flux of another product.

    Attributes:
        name: Name of the product.
        flux: The flux.
        where: Path or pattern as configured, for messages.
        paths: Its files.
        variable: How it is written there.
    """

    name: str
    flux: str
    where: str
    paths: tuple[str, ...]
    variable: PeerVariable


def project_peers(fluxes: Iterable[str]) -> tuple[Peer, ...]:
    """Peers of these fluxes; one that is optional and absent is left out.

    Like a table of towers, their files are looked for before the run, since the pipeline's shape
    depends on them.
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
        there = peer.by_flux()
        found += [Peer(name, f, peer.path, paths, there[f]) for f in fluxes if f in there]
    return tuple(found)
