"""The files that a run reads, as MLflow datasets with checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.datasets.raw_files import FolderDataset
from uflux_kedro.files import checksums
from uflux_kedro.staging import local_path

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

_DIGEST = 36  # characters; MLflow refuses longer ones


def files_of(dataset: Any) -> list[Path]:
    """Return the local files behind a dataset of the catalog; none for others.

    A folder that a node is merely told of, such as that of all data, is none of its inputs.
    """
    if isinstance(dataset, FolderDataset):
        return []
    if hasattr(dataset, "files"):
        return sorted(Path(file) for file in dataset.files())
    path = None if hasattr(dataset, "store") else local_path(dataset)
    if path is None:
        return []
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path] if path.is_file() else []


def dataset_input(name: str, found: list[dict[str, Any]], context: str) -> DatasetInput:
    """Return the files of a source as one MLflow dataset.

    Args:
        name: Name in the catalog.
        found: Result of :func:`uflux_kedro.files.checksums`.
        context: What the run does with it.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    folder = str(Path(found[0]["file"]).parent)
    uri = found[0]["file"] if len(found) == 1 else folder
    digest = hashlib.sha256(
        json.dumps([{**file, "file": Path(file["file"]).name} for file in found]).encode()
    ).hexdigest()[:_DIGEST]
    size = sum(file["bytes"] for file in found)
    dataset = Dataset(
        name=name,
        digest=digest,
        source_type="local",
        source=json.dumps({"uri": uri}),
        profile=json.dumps({"files": len(found), "bytes": size}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def inputs_of(datasets: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the files, with checksums, of every dataset that has local ones, towers first.

    Args:
        datasets: Name -> dataset that a run reads and does not make.
    """
    # MLflow's list of runs shows the first one.
    names = sorted(datasets, key=lambda name: ("towers" not in name, name))
    files = {name: files_of(datasets[name]) for name in names}
    return {name: checksums(found) for name, found in files.items() if found}
