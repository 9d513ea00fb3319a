"""What a run was asked to do, checked before anything is read, removed or computed.

A misspelt name must not run something else with the default: every parameter, environment,
pipeline, tag, namespace, model, flux and predictor set is looked up, and one that does not exist is
refused with the nearest name that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from uflux_kedro.blocks import BLOCKS, model_of
from uflux_kedro.downloads.parameters import EARTH_ENGINE_KINDS
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gridding.grids import GRID_KINDS
from uflux_kedro.models.registry import MODELS
from uflux_kedro.schemas import Parameters

_OF_MONTHS = ("next_tower",)
"""Pipelines that read the monthly drivers of the grid."""

_REFERENCE = re.compile(r"\$\{(?:runtime_params:)?([A-Za-z_]\w*)")


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or which ones there are.

    Args:
        name: A name that is not known.
        known: The names that are.

    Returns:
        ``did you mean 'XGB'?``, or a list of the known names if none is close.
    """
    names = list(dict.fromkeys(known))
    folded = {k.casefold(): k for k in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    return f"expected one of {', '.join(names)}" if names else "there are none"


def nearest_parameter(path: str, known: Iterable[str]) -> str:
    """Say which parameter is meant by a dotted path, which may lack its block.

    Args:
        path: Dotted path that is not known, such as ``ensembel.model`` or ``model``.
        known: Dotted paths of all parameters.

    Returns:
        As for :func:`nearest`.
    """
    paths = list(known)
    parent, _, leaf = path.casefold().rpartition(".")
    siblings = [k for k in paths if k.rpartition(".")[0] == parent] if parent else []
    same_leaf = [k for k in paths if k.rpartition(".")[2].casefold() == leaf]
    # The parameter is misspelt, or its block, or both.
    for names in (siblings, same_leaf, paths):
        close = get_close_matches(path.casefold(), names, n=1, cutoff=0.6)
        if close:
            return f"did you mean {close[0]}?"
    if same_leaf:  # its block was left out; rather a setting of a block than one of a part of it
        least = min(k.count(".") for k in same_leaf)
        outer = [k for k in same_leaf if k.count(".") == least]
        return f"did you mean {' or '.join(outer[:3])}?"
    by_leaf = {k.rpartition(".")[2]: k for k in reversed(paths)}
    close = get_close_matches(leaf, by_leaf, n=1, cutoff=0.7)
    return f"did you mean {by_leaf[close[0]]}?" if close else "see the page of all settings"


def check_environment(conf: Path, env: str | None) -> None:
    """Refuse an environment that has no folder.

    Args:
        conf: The project's ``conf``.
        env: Name of the environment; None for the default one.

    Raises:
        ConfigurationError: If there is no such folder; names the nearest.
    """
    if env:
        known = sorted(p.name for p in conf.iterdir() if p.is_dir())
        _require_known("env", env, known, "no such environment")


def check_pipelines(asked: Iterable[str], known: Iterable[str]) -> None:
    """Refuse pipelines that do not exist.

    Raises:
        ConfigurationError: Naming the nearest pipeline.
    """
    names = list(known)
    for name in asked:
        _require_known("pipelines", name, names, "no such pipeline")


def check_filters(options: Mapping[str, Iterable[str]], known: Mapping[str, Iterable[str]]) -> None:
    """Refuse tags, namespaces and nodes that the pipelines do not have.

    Args:
        options: Option -> the names given to it.
        known: Option -> the names that exist.

    Raises:
        ConfigurationError: Naming option, name and the nearest name.
    """
    for option, names in options.items():
        there = list(known[option])
        for name in names:
            _require_known(option, name, there, "nothing in these pipelines has that name")


def _require_known(option: str, name: str, known: list[str], otherwise: str) -> None:
    if name not in known:
        raise ConfigurationError(f"--{option} {name}: {otherwise}; {nearest(name, known)}")


def references(conf: Path, env: str | None) -> set[str]:
    """Names outside the blocks that the configuration itself refers to.

    ``${runtime_params:towers_path,...}`` in a catalog makes ``towers_path`` a parameter, as
    ``${areas...}`` makes ``areas`` one.

    Args:
        conf: The project's ``conf``.
        env: The environment.
    """
    folders = [conf / name for name in ("base", env or "local")]
    files = [file for folder in folders for file in folder.rglob("*.yml")]
    return {name for file in files for name in _REFERENCE.findall(file.read_text())}


def check_parameters(parameters: Mapping[str, Any], referenced: Iterable[str] = ()) -> None:
    """Check the whole tree of parameters.

    Args:
        parameters: Parameters of the run, ``--params`` included.
        referenced: Names outside the blocks that the configuration refers to.

    Raises:
        ConfigurationError: If a parameter does not exist or has a value that it cannot have; one
            line for each, with its dotted path, what was expected and what was found.
    """
    free = set(referenced)
    known = [*_paths_of_all(), *sorted(free - set(BLOCKS))]
    for name, value in parameters.items():
        if name not in BLOCKS and name not in free:
            for path in _leaves(name, value):
                raise ConfigurationError(
                    f"{path}: there is no such parameter; {nearest_parameter(path, known)}"
                )
    for block in BLOCKS:
        if parameters.get(block) is not None:
            _check_block(block, parameters[block], known)
    if "ensemble" in parameters:
        _check_members(EnsembleParameters.model_validate(parameters["ensemble"]))


def check_step(pipelines: Iterable[str], parameters: Mapping[str, Any]) -> None:
    """Refuse pipelines that read monthly drivers, where members learn from other steps and none are made.

    Args:
        pipelines: Pipelines that are asked for.
        parameters: Parameters of the run.

    Raises:
        ConfigurationError: Naming the pipeline and the setting.
    """
    resolution = (parameters.get("towers") or {}).get("resolution", "MM")
    for name in pipelines:
        if name in _OF_MONTHS and resolution != "MM":
            raise ConfigurationError(
                f"--pipelines {name}: expected towers.resolution MM, since it compares places by the "
                f"months of their drivers; found {resolution}, whose members know other conditions"
            )


def check_raw_data(datasets: Mapping[str, Any]) -> None:
    """Refuse a run whose raw files are missing.

    Args:
        datasets: Name -> dataset that the run reads and does not make; those that list files
            (``files``) are looked at.

    Raises:
        InputError: Naming the folder and what to put there.
    """
    for dataset in datasets.values():
        if hasattr(dataset, "files"):
            dataset.files()


def check_named_files(parts: Iterable[Any], project: Path) -> None:
    """Refuse a run of which a parameter names files that are missing or not what they should be.

    Without it, hours of maps may be computed before the step that reads the file.

    Args:
        parts: Parameters that the run reads, and what its functions are bound to; those that know how to
            look at their files (``check_files``) are asked to.
        project: Folder that relative paths start from.

    Raises:
        InputError: Naming the file, what is expected and the parameter.
    """
    for part in parts:
        if hasattr(part, "check_files"):
            part.check_files(project)


def _check_block(block: str, value: Any, known: list[str]) -> None:
    model = model_of(block)
    entries = {block: value}
    if block == "grids":  # of which an environment switches some off by null
        entries = {f"{block}.{k}": v for k, v in value.items() if v is not None}
    for path, entry in entries.items():
        try:
            model.model_validate(entry)
        except ValidationError as error:
            lines = [_explain(path, dict(e), known) for e in error.errors()]
            raise ConfigurationError("\n".join(lines)) from error


def _explain(block: str, error: dict[str, Any], known: list[str]) -> str:
    """One line of what is wrong with one parameter."""
    kinds = (*GRID_KINDS, *EARTH_ENGINE_KINDS)
    named = [str(part) for part in error["loc"] if str(part) not in kinds]
    path = ".".join([block, *named])
    if error["type"] == "extra_forbidden":
        return f"{path}: there is no such parameter; {nearest_parameter(path, known)}"
    if error["type"] == "missing":
        return f"{path}: expected a value, found none"
    message = str(error["msg"]).removeprefix("Value error, ")
    found = "" if isinstance(error["input"], dict) else f"; found {error['input']!r}"
    return f"{path}: {message}{found}"


def _check_members(ensemble: EnsembleParameters) -> None:
    if ensemble.model not in MODELS:
        raise ConfigurationError(
            f"ensemble.model: there is no model {ensemble.model!r}; "
            f"{nearest(ensemble.model, MODELS)}"
        )
    every = ensemble.model_copy(update={"select": "*"}).members()
    names = [member.name for member in every]
    sets = [s.name for s in ensemble.predictor_sets]
    for pattern in ensemble.select.split():
        if pattern.startswith("!") or any(fnmatchcase(name, pattern) for name in names):
            continue
        stem = pattern.partition(".")[0].strip("*-")
        raise ConfigurationError(
            f"ensemble.select: {pattern!r} matches no member; names look like {names[0]}; "
            f"of the predictor sets, {nearest(stem, sets)}"
        )
    _check_inputs(ensemble.members(), ensemble)


def _check_inputs(members: Iterable[Member], ensemble: EnsembleParameters) -> None:
    """Refuse members whose model computes with predictors that their set lacks."""
    lacks = MODELS[ensemble.model].lacks
    if lacks is None:
        return
    lacking: dict[str, list[str]] = {}
    for member in members:
        optional = {name for _, names in member.optional for name in names}
        certain = tuple(name for name in member.predictors if name not in optional)
        choices = [names for _, names in member.alternatives] or [certain]
        missing = [name for names in choices for name in lacks(names, member.flux)]
        if missing:
            known = lacking.setdefault(member.predictor_set, [])
            known += [name for name in dict.fromkeys(missing) if name not in known]
    if lacking:
        sets = "; ".join(f"{name} lacks {', '.join(what)}" for name, what in lacking.items())
        without = " ".join([ensemble.select, *(f"!{name}.*" for name in lacking)])
        raise ConfigurationError(
            f"ensemble.model: {ensemble.model} cannot be the model of every member: {sets}. "
            f'Add predictors, or leave these sets out: ensemble.select="{without}"'
        )


def _paths_of_all() -> Iterator[str]:
    for block in BLOCKS:
        yield block
        yield from _paths(block, model_of(block))


def _paths(prefix: str, model: type[Parameters]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}.{name}"
        for inner in _models_in(field.annotation):
            yield from _paths(f"{prefix}.{name}", inner)


def _models_in(annotation: Any) -> Iterator[type[Parameters]]:
    """Models that a field may hold directly; not those behind a key that the user chooses."""
    if isinstance(annotation, type) and issubclass(annotation, Parameters):
        yield annotation
    elif getattr(annotation, "__origin__", None) not in (dict, Mapping):
        for part in get_args(annotation):
            yield from _models_in(part)


def _leaves(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner)
    else:
        yield path
