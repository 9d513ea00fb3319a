"""Members of this run, and node functions bound to a member."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from uflux_kedro.configuration import PROJECT_PATH, in_project, project_parameters
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.errors import ConfigurationError

logger = logging.getLogger(__name__)


def project_members() -> tuple[Member, ...]:
    """Return the configured members whose predictors are available.

    Where the predictors come from grids, these are all configured members. Where they come with
    the towers, the files are looked into before the run, since the nodes of the pipeline depend on
    their columns.

    Raises:
        ConfigurationError: If the files serve no member.
        InputError: If the files cannot be read.
    """
    parameters = project_parameters()
    members = EnsembleParameters.model_validate(parameters["ensemble"]).members()
    path = parameters.get("towers_path")
    if parameters["grids"] or not path:
        return members
    blocks = json.dumps({name: parameters[name] for name in ("towers", "features")})
    # As in the catalog, whatever the working folder is.
    return _served(members, PROJECT_PATH / path, blocks)


@cache
def _served(members: tuple[Member, ...], path: Path, parameters: str) -> tuple[Member, ...]:
    from uflux_kedro.features.derived import offered_by_table
    from uflux_kedro.features.parameters import FeatureParameters
    from uflux_kedro.readers.parameters import TowerParameters
    from uflux_kedro.readers.paths import list_files
    from uflux_kedro.readers.towers.tower_files import TOWER_PATTERNS

    files = list_files(path, TOWER_PATTERNS) if path.exists() else []
    if not files:
        return members  # the catalog reports a wrong path when the run reads it
    blocks = json.loads(parameters)
    towers = TowerParameters.model_validate(blocks["towers"])
    if towers.vegetation_path:
        vegetation = in_project(towers.vegetation_path)
        towers = towers.model_copy(update={"vegetation_path": vegetation})
    carry_over = FeatureParameters.model_validate(blocks["features"]).carry_over
    offered = offered_by_table(files, towers, carry_over)
    members = tuple(_with_offered(member, offered) for member in members)
    missing = {m: [p for p in (m.flux, *m.predictors) if p not in offered] for m in members}
    for member, names in missing.items():
        if names:
            logger.warning("%s is left out: %s has no %s", member.name, path, ", ".join(names))
    served = tuple(m for m in members if not missing[m])
    if not served:
        first = members[0]
        raise ConfigurationError(
            f"{path}: expected the predictors of at least one member; "
            f"found none for {first.name}: {', '.join(missing[first])}"
        )
    return served


def _with_offered(member: Member, offered: Collection[str]) -> Member:
    """Leave out the alternatives of a member whose predictors are not offered, unless all are."""
    kept = tuple(a for a in member.alternatives if all(p in offered for p in a[1]))
    if not kept or kept == member.alternatives:
        return member
    for name in dict(member.alternatives).keys() - dict(kept).keys():
        logger.info("%s chooses without %s, whose predictors are missing", member.name, name)
    predictors = tuple(dict.fromkeys(p for _, names in kept for p in names))
    return replace(member, alternatives=kept, predictors=predictors)


def by_flux(members: tuple[Member, ...]) -> dict[str, tuple[Member, ...]]:
    """Return the members of each flux, in the order of the configuration."""
    fluxes = dict.fromkeys(m.flux for m in members)
    return {flux: tuple(m for m in members if m.flux == flux) for flux in fluxes}


def derived_products(members: tuple[Member, ...]) -> tuple[str, ...]:
    """Return the configured products that are computed from fluxes, each after its inputs."""
    wanted = project_parameters()["inference"].get("derived") or ()
    fluxes = by_flux(members).keys()
    found = []
    if "LE" in fluxes and wanted:
        found.append("ET")
        if "WUE" in wanted and "GPP" in fluxes:
            found.append("WUE")
    for name in sorted(set(wanted) - set(found)):
        _say_once(f"{name} is left out: it needs {'LE' if name == 'ET' else 'GPP and LE'}")
    return tuple(found)


def closed_fluxes(members: tuple[Member, ...]) -> tuple[str, ...]:
    """Return the fluxes whose budget is to be closed: GPP, RECO and NEE, or none of them."""
    carbon = ("GPP", "RECO", "NEE")
    if "carbon" not in project_parameters()["inference"].get("close", ("carbon",)):
        return ()
    absent = [flux for flux in carbon if flux not in by_flux(members)]
    if absent:
        if len(absent) < len(carbon):
            _say_once(
                f"The carbon budget is not closed: there are no members of {', '.join(absent)}"
            )
        return ()
    return carbon


@cache
def _say_once(message: str) -> None:
    """Log a message that several pipelines have."""
    logger.info(message)


class _Bound(partial):
    """A ``partial`` that keeps its name in worker processes.

    ``multiprocessing`` pickles only function and arguments of a plain one.
    """


def bound(function: Callable[..., Any], first: Any) -> Callable[..., Any]:
    """Bind a node function's first argument: its member, its members or its flux.

    The result is a ``partial``, since a closure cannot be sent to worker processes. It gets the
    function's name and the annotations that name parameter models, against which Kedro checks
    parameters.
    """
    node_function = _Bound(function, first)
    scope = vars(sys.modules[function.__module__])
    hints = {k: scope[v] for k, v in function.__annotations__.items() if v in scope}
    vars(node_function).update(
        __name__=function.__name__, __doc__=function.__doc__, __annotations__=hints
    )
    return node_function
