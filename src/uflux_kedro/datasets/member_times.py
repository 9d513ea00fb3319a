"""When a member's nodes ran, kept beside its receipt: the nodes may run in different processes."""

from __future__ import annotations

import json
from pathlib import Path

from uflux_kedro.files import replacing

Times = dict[str, tuple[float, float]]
"""Short name of a node, such as ``fit`` -> when it began and ended, seconds since 1970."""


def _path(receipt: Path) -> Path:
    return receipt.with_name("times.json")


def note_time(receipt: Path, parent: str, node: str, begun: float, ended: float) -> None:
    """Note when a node of a member ran; nodes of one member run one after the other.

    Args:
        receipt: Path of the member's receipt.
        parent: MLflow run of this ``kedro run``; times of another one are forgotten.
        node: Short name of the node.
        begun: Seconds since 1970.
        ended: Seconds since 1970.
    """
    times = times_of(receipt, parent) | {node: (begun, ended)}
    with replacing(_path(receipt)) as temporary:
        temporary.write_text(json.dumps({"parent": parent, "times": times}))


def times_of(receipt: Path, parent: str) -> Times:
    """Return what :func:`note_time` noted for this ``kedro run``."""
    path = _path(receipt)
    found = json.loads(path.read_text()) if path.is_file() else {}
    return found["times"] if found.get("parent") == parent else {}
