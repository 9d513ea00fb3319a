"""What outputs were made of, so that a run can tell its own from those of another one.

An output's fingerprint covers its node, the parameters that the node reads and the fingerprints of
its inputs, down to the names, sizes and dates of raw files. It is known before the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from uflux_kedro import __version__

_WITHOUT_EFFECT = frozenset({"n_jobs", "block_rows", "dask"})
"""Parameters on which time and memory depend, but no number."""


@dataclass(frozen=True)
class Origin:
    """What one output is made of.

    Attributes:
        fingerprint: SHA-256 of all that it depends on.
        inputs: Name of a dataset that its node reads -> fingerprint of that dataset. Parameters are
            not among them, nor folders in which a node writes.
    """

    fingerprint: str
    inputs: Mapping[str, str]


def origins(pipeline: Any, catalog: Any, known: Mapping[str, str]) -> dict[str, Origin]:
    """Return the origin of each output of a pipeline.

    Args:
        pipeline: A Kedro pipeline.
        catalog: Its catalog, for parameters and raw files.
        known: Name of a dataset that the pipeline reads and does not make -> its fingerprint, as an
            earlier run recorded it.
    """
    found: dict[str, Origin] = {}
    read: dict[str, str] = dict(known)
    for node in pipeline.nodes:
        for name in node.inputs:
            if name not in found and name not in read:
                read[name] = _of_input(name, catalog)
        settings = {n: read[n] for n in node.inputs if _is_parameter(n)}
        inputs = {
            n: found[n].fingerprint if n in found else read[n]
            for n in node.inputs
            if not _is_parameter(n)
        }
        bound = repr(getattr(node.func, "args", ()))  # the node's member, members or flux
        inputs = {n: fingerprint for n, fingerprint in inputs.items() if fingerprint}
        made_by = [__version__, node.name, node.func.__name__, bound, settings, inputs]
        for name in node.outputs:
            found[name] = Origin(_digest([name, made_by]), inputs)
    return found


def outdated(made: Mapping[str, Mapping[str, Any]], key: str) -> str | None:
    """Return the input of a finished output that was made anew since, or None.

    Args:
        made: Record of finished outputs: key -> ``fingerprint``, and ``inputs`` with the
            fingerprint that each had then.
        key: Key of an output.

    Returns:
        Key of the input, which may be one of an input's own.
    """
    return next(_changed(made, key, set()), None)


def _changed(made: Mapping[str, Mapping[str, Any]], key: str, seen: set[str]) -> Iterator[str]:
    if key in seen or key not in made:
        return
    seen.add(key)
    for name, fingerprint in made[key]["inputs"].items():
        if name in made and made[name]["fingerprint"] != fingerprint:
            yield name
        yield from _changed(made, name, seen)


def _is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")


def _of_input(name: str, catalog: Any) -> str:
    """Fingerprint of parameters and raw files; empty for a folder in which a node writes."""
    if name.removeprefix("params:") in _WITHOUT_EFFECT:
        return ""
    dataset = catalog.get(name)
    if _is_parameter(name):
        return _digest(_with_effect(dataset.load()))
    if not hasattr(dataset, "files"):
        return ""
    stats = {str(path): path.stat() for path in dataset.files()}
    return _digest([[path, s.st_size, s.st_mtime_ns] for path, s in stats.items()])


def _with_effect(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if not isinstance(value, Mapping):
        return value
    return {k: _with_effect(v) for k, v in value.items() if k not in _WITHOUT_EFFECT}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
