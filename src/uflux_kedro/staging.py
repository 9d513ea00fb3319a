"""Outputs of a run stand beside those of the last one until the run has finished.

A run writes into the folder ``unfinished`` of the data folder, and its last step renames what it made
to where it belongs. Whatever ends it before (an error, Ctrl-C, SIGKILL), the last run's files stay
as they were and what is finished waits to be continued. Restoring files that were moved away would
depend on somebody who does it.

``unfinished/run.json`` says what the outputs there are made of. A list ``finished`` in it means that
they are being renamed; whoever starts next completes that. ``.made.json`` says the same of the outputs
in their places.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from uflux_kedro.datasets import FolderDataset, RawFilesDataset
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.files import link, put, remove, replacing
from uflux_kedro.lineage import Origin, origins, outdated

UNFINISHED = "unfinished"
"""Folder of outputs that wait for the end of their run."""

_PLAN = "run.json"
_RECORD = ".made.json"


def local_path(dataset: Any) -> Path | None:
    """Return where a dataset is on this machine's disk; None if it is elsewhere or versioned."""
    if hasattr(dataset, "store"):
        return Path(dataset.store.url.removeprefix("file://")) if dataset.store.is_local else None
    path = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    elsewhere = getattr(dataset, "_protocol", "file") != "file"
    if path is None or elsewhere or getattr(dataset, "_version", None) is not None:
        return None
    return Path(path)


def set_local_path(dataset: Any, path: Path) -> None:
    """Let a dataset read and write at another path."""
    if hasattr(dataset, "store"):
        dataset.store = replace(dataset.store, url=str(path))
    elif hasattr(dataset, "_filepath"):
        dataset._filepath = PurePosixPath(path)
    else:
        dataset._path = path


@dataclass
class Staging:
    """Places of the outputs of one run.

    Attributes:
        data: The data folder.
        moved: Dataset -> its final path, of those that now stand in ``unfinished``.
        names: Keys of the outputs that the run makes.
        kept: Names of outputs that an earlier run has made.
        outdated: Names of outputs that it made with other settings or inputs.
        missing: Names of outputs that are not there.
        since: When the run that is continued began; None if there is none.
    """

    data: Path
    moved: list[tuple[Any, Path]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    since: str | None = None

    @property
    def folder(self) -> Path:
        """Folder of unfinished outputs."""
        return self.data / UNFINISHED

    def begin(self, pipeline: Any, catalog: Any, *, resume: bool) -> None:
        """Let all outputs of a pipeline be written beside those of the last run.

        Args:
            pipeline: The pipeline.
            catalog: Its catalog, whose datasets get other paths.
            resume: Whether outputs of the unfinished run, and of the last one, are kept if they
                were made with the same settings and inputs.

        Raises:
            ConfigurationError: If the pipeline reads outputs that are not there, or no longer belong
                together.
        """
        plan, made = self._plan(), self._record()
        datasets = {name: catalog.get(name) for name in sorted(pipeline.datasets())}
        paths = {n: p for n, d in datasets.items() if (p := local_path(d)) is not None}
        keys = {name: self._key(path) for name, path in paths.items()}
        outputs = pipeline.all_outputs()
        self.since = plan["started"] if resume and plan["outputs"] else None

        made_here = {keys[name] for name in outputs & keys.keys()}
        inputs = {n: key for n, key in keys.items() if key not in made_here}
        waiting = {
            n
            for n, key in inputs.items()
            if resume and key in plan["outputs"] and self._complete(datasets[n], paths[n])
        }
        _require_there({inputs[n]: datasets[n] for n in inputs.keys() - waiting})
        _require_up_to_date(made, (key for n, key in inputs.items() if n not in waiting))
        known = {n: made[key]["fingerprint"] for n, key in inputs.items() if key in made}
        known |= {n: plan["outputs"][inputs[n]]["fingerprint"] for n in waiting}
        # What is in a store is a dataset of its own: the store itself counts as little here as in a
        # run that makes the product too.
        known = {n: f for n, f in known.items() if not _is_bare_store(datasets[n])}
        found = origins(pipeline, catalog, known)

        staged = {keys[n] for n in waiting}
        planned = {}
        for node in pipeline.nodes:
            names = [name for name in node.outputs if name in paths]
            same = resume and all(_is_from(made, keys[n], found[n]) for n in names)
            if same and all(datasets[n].exists() for n in names):
                self.kept += names
                continue
            for name in names:
                self._make_room(name, datasets[name], paths[name], plan, found[name], resume=resume)
                planned[keys[name]] = {
                    "name": name,
                    "fingerprint": found[name].fingerprint,
                    "inputs": {keys.get(n, n): f for n, f in found[name].inputs.items()},
                    "beside": list(getattr(datasets[name], "beside", ())),
                }
        for name in outputs - paths.keys():
            # A product in an object store is made again in its place, region by region.
            if not resume and hasattr(datasets[name], "reopen"):
                datasets[name].reopen()
        staged |= planned.keys()
        self.names = sorted(staged)
        for name, path in paths.items():
            if keys[name] in staged:
                self.moved.append((datasets[name], path))
                set_local_path(datasets[name], self._staged(path))
        # Written last: until then it tells of what was there before.
        plan["outputs"].update(planned)
        plan["making"] = self.names
        plan["started"] = self.since or time.strftime("%Y-%m-%d %H:%M:%S")
        self._write_plan(plan)

    def finish(self, *, whole: bool) -> int:
        """Rename the outputs to where they belong, in place of those of the last run.

        Args:
            whole: Whether the run made everything, so that nothing else is waiting for its end.

        Returns:
            Their number.
        """
        plan = self._plan()
        plan["finished"] = self.names
        plan["gone"] = [
            part.as_posix()
            for key in self.names
            for part in _parts(self.data / key, plan["outputs"][key].get("beside", ()))
            if part.exists() and not self._staged(part).exists()
        ]
        plan["whole"] = whole
        self._write_plan(plan)
        count = self.complete()
        for dataset, path in self.moved:
            set_local_path(dataset, path)
        return count

    def complete(self) -> int:
        """Rename the outputs of a run that had finished; those of an unfinished one stay.

        Returns:
            Number of outputs.
        """
        plan, made = self._plan(), self._record()
        finished = plan.get("finished", [])
        if not finished:
            return 0
        replaced = []
        for key in finished:
            final = self.data / key
            for part in _parts(final, plan["outputs"][key].get("beside", ())):
                if self._staged(part).exists():
                    replaced.append(put(self._staged(part), part))
        for part in plan.get("gone", ()):
            remove(Path(part))
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        for key in finished:
            made[key] = {k: plan["outputs"][key][k] for k in ("name", "fingerprint", "inputs")}
            made[key]["made"] = now
        with replacing(self.data / _RECORD) as temporary:
            temporary.write_text(json.dumps(made, indent=1, sort_keys=True))
        plan["outputs"] = {k: v for k, v in plan["outputs"].items() if k not in finished}
        if plan["whole"]:
            for key, output in plan["outputs"].items():
                self._discard(self.data / key, output.get("beside", ()))
            plan["outputs"] = {}
        plan = {k: plan[k] for k in ("started", "outputs")}
        if plan["outputs"]:
            self._write_plan(plan)
        else:
            remove(self.folder)
        for old in filter(None, replaced):
            remove(old)
        return len(finished)

    def out_of_date(self) -> list[str]:
        """Return keys of outputs in their places that were made from others as they no longer are."""
        made = self._record()
        return [key for key in sorted(made) if (self.data / key).exists() and outdated(made, key)]

    def earlier(self) -> dict[str, str]:
        """Return name and date of the outputs that the run under way has not made."""
        making = self._plan().get("making", [])
        return {v["name"]: v["made"] for k, v in self._record().items() if k not in making}

    def _make_room(
        self, name: str, dataset: Any, path: Path, plan: Any, origin: Origin, *, resume: bool
    ) -> None:
        """Remove an unfinished output that is not this run's own.

        A product is not removed: it checks by itself which of its regions are still valid. It
        begins with those of the last run, which it shares on the disk.
        """
        staged = self._staged(path)
        beside = getattr(dataset, "beside", ())
        there = staged.exists()
        if resume and there and _is_from(plan["outputs"], self._key(path), origin):
            self.kept.append(name)
            return
        last = path.exists() and not _is_from(self._record(), self._key(path), origin)
        (self.outdated if there or last else self.missing).append(name)
        if not hasattr(dataset, "reopen"):
            self._discard(path, beside)
            return
        if not there:
            for part in _parts(path, beside):
                remove(self._staged(part))
                if part.exists():
                    link(part, self._staged(part))
        set_local_path(dataset, staged)
        dataset.reopen()
        set_local_path(dataset, path)

    def _discard(self, final: Path, beside: Iterable[str]) -> None:
        for part in _parts(final, beside):
            remove(self._staged(part))

    def _key(self, path: Path) -> str:
        inside = path.is_relative_to(self.data)
        return path.relative_to(self.data).as_posix() if inside else path.as_posix()

    def _staged(self, path: Path) -> Path:
        """Where an output waits: as a rule on the file system of its final path."""
        if path.is_relative_to(self.data):
            return self.folder / path.relative_to(self.data)
        return path.parent / UNFINISHED / path.name

    def _complete(self, dataset: Any, path: Path) -> bool:
        """Whether a dataset has a complete output in the folder of unfinished ones."""
        set_local_path(dataset, self._staged(path))
        complete = _stands(dataset)
        set_local_path(dataset, path)
        return complete

    def _plan(self) -> dict[str, Any]:
        return _read(self.folder / _PLAN) or {"started": "", "outputs": {}}

    def _record(self) -> dict[str, Any]:
        return _read(self.data / _RECORD)

    def _write_plan(self, plan: Mapping[str, Any]) -> None:
        with replacing(self.folder / _PLAN) as temporary:
            temporary.write_text(json.dumps(plan, indent=1, sort_keys=True))


def _parts(path: Path, beside: Iterable[str]) -> list[Path]:
    """Paths of an output: its own, and those beside it, which its dataset names by their ends."""
    stem = str(path).removesuffix(path.suffix)
    return [path, *(Path(f"{stem}{end}") for end in beside)]


def _is_from(made: Mapping[str, Mapping[str, Any]], key: str, origin: Origin) -> bool:
    return key in made and made[key]["fingerprint"] == origin.fingerprint


def _stands(dataset: Any) -> bool:
    """Whether a dataset is complete. Of a product that is not whether each file is intact.

    That would read all of them, and whoever loads the product does so.
    """
    if not hasattr(dataset, "store"):
        return dataset.exists()
    from uflux_kedro.products.store import FINISHED

    return dataset.store.status() == FINISHED


def _is_bare_store(dataset: Any) -> bool:
    """Whether a dataset is the store in which a node makes a product, and not the product."""
    return hasattr(dataset, "store") and not hasattr(dataset, "reopen")


def _require_there(inputs: Mapping[str, Any]) -> None:
    read = {k: d for k, d in inputs.items() if not isinstance(d, (FolderDataset, RawFilesDataset))}
    needed = {k: d for k, d in read.items() if not getattr(d, "optional", False)}
    absent = sorted(key for key, dataset in needed.items() if not _stands(dataset))
    if absent:
        raise ConfigurationError(
            f"{', '.join(absent)}: not there, and nothing in these pipelines makes it. Run the "
            "pipelines that do, or all of them, before this part; a run that failed is continued "
            "with --only-missing-outputs"
        )


def _require_up_to_date(made: Mapping[str, Mapping[str, Any]], keys: Iterable[str]) -> None:
    for key in sorted(keys):
        changed = outdated(made, key)
        if changed:
            raise ConfigurationError(
                f"{key} was made at {made[key]['made']} from {changed}, which was made again with "
                f"other settings or inputs at {made[changed]['made']}: results of both would be "
                "mixed. `kedro run --only-missing-outputs` makes again what depends on it"
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
