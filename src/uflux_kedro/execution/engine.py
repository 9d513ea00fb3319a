"""Run pieces of work one after the other, on threads, or on workers of dask.distributed."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import platform
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from joblib import effective_n_jobs, parallel_config

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.files import replacing

logger = logging.getLogger(__name__)

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable with a scheduler's address; it takes precedence over the parameter."""

Item = TypeVar("Item")


def process_and_memory() -> tuple[str, float]:
    """Return a name of this process, unique among all machines, and its peak memory in GB."""
    unit = 1024**3 if sys.platform == "darwin" else 1024**2
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return f"{platform.node()}:{os.getpid()}", used


@dataclass(frozen=True)
class Execution:
    """Where work runs: on threads of this process, or on workers.

    Attributes:
        n_jobs: Threads of this process; -1 for all cores. On workers, threads of a task.
        address: Scheduler of dask.distributed, such as ``tcp://10.0.0.1:8786``.
        local_workers: Worker processes to start on this machine if there is no address; 0 for
            none.
        retries: Number of times that a failed item is tried again on workers. An item of a lost
            worker always goes to another one.
        dashboard: Where the dashboard of ``local_workers`` listens; port 0 is any free one. It has
            no password, so that by default only this machine reaches it.
    """

    n_jobs: int = 1
    address: str | None = None
    local_workers: int = 0
    retries: int = 2
    dashboard: str = "127.0.0.1:0"

    @property
    def on_workers(self) -> bool:
        """Whether the work runs on workers, so that functions and data are sent to them."""
        return bool(self._scheduler or self.local_workers)

    def in_words(self, places: int) -> str:
        """Return such as ``2 threads`` or ``1 worker``, for the log."""
        kind = "worker" if self.on_workers else "thread"
        return f"{places} {kind}{'' if places == 1 else 's'}"

    @property
    def _scheduler(self) -> str | None:
        return os.environ.get(ADDRESS) or self.address

    def side_by_side(self, items: int) -> int:
        """Return how many of a number of items are worked on at a time.

        Raises:
            ConfigurationError: If workers are requested and dask.distributed is not installed.
        """
        if self._scheduler:
            with self._client() as client:
                places = sum(client.nthreads().values())
        else:
            places = self.local_workers or effective_n_jobs(self.n_jobs)
        return max(1, min(places, items))

    def run(
        self,
        work: Callable[[Any, Item, int], Any],
        shared: Any,
        items: Sequence[Item],
        folder: Path | None = None,
    ) -> Iterator[Any]:
        """Call ``work(shared, item, threads)`` on every item and yield results as they finish.

        Args:
            work: A module-level function. On workers its arguments and results are pickled.
            shared: Data that all items need, sent to each worker once.
            items: The items.
            folder: Folder that all workers see under this path: there ``shared`` is a file while
                the items run, which each worker reads once. Without it the scheduler passes it on,
                which is slow for more than some 10 MB.

        Raises:
            ConfigurationError: If workers are requested and dask.distributed is not installed.
        """
        if not items:
            return
        if self.on_workers:
            yield from self._on_workers(work, shared, items, folder)
            return
        threads = effective_n_jobs(self.n_jobs)
        side_by_side = max(1, min(threads, len(items)))
        inner = max(1, threads // side_by_side)
        if side_by_side == 1:
            for item in items:
                yield work(shared, item, inner)
            return
        with ThreadPoolExecutor(side_by_side) as pool:
            futures = [pool.submit(work, shared, item, inner) for item in items]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                # After an error running items are finished and no others are started.
                pool.shutdown(cancel_futures=True)

    def _on_workers(
        self,
        work: Callable[[Any, Item, int], Any],
        shared: Any,
        items: Sequence[Item],
        folder: Path | None,
    ) -> Iterator[Any]:
        if self._scheduler:
            threads = effective_n_jobs(self.n_jobs) if self.n_jobs > 0 else 1
        else:
            threads = max(1, effective_n_jobs(self.n_jobs) // self.local_workers)
        with self._client() as client, _sent(shared, folder) as sent:
            from distributed import as_completed as completed

            logger.info(
                "Workers of %s; dashboard %s", client.scheduler.address, client.dashboard_link
            )
            # A computed future, unlike scattered data, survives the loss of its worker.
            everywhere = client.submit(pickle.loads, sent, pure=False)
            futures = client.map(
                _on_worker,
                [everywhere] * len(items),
                items,
                [threads] * len(items),
                retries=self.retries,
                pure=False,
                work=work,
            )
            for _, result in completed(futures, loop=client.loop, with_results=True):
                yield result

    def _client(self) -> Any:
        """Return a client of the scheduler; workers of this machine are started at first."""
        try:
            from distributed import Client
        except ImportError as error:
            raise ConfigurationError(
                "Workers need dask.distributed: install uflux_kedro[cluster]"
            ) from error
        address = self._scheduler or _workers_here(self.local_workers, self.dashboard)
        return Client(address, set_as_default=False)


@dataclass(frozen=True)
class _Stored:
    """Pickled data in a file that all workers see."""

    path: Path
    digest: str


@contextmanager
def _sent(shared: Any, folder: Path | None) -> Iterator[bytes]:
    """Yield the pickled data, or where they are; a file is removed afterwards."""
    content = pickle.dumps(shared)
    if folder is None:
        yield content
        return
    digest = hashlib.sha256(content).hexdigest()
    path = folder.resolve() / f"shared-{os.getpid()}-{digest[:16]}.pickle"
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    del content
    try:
        yield pickle.dumps(_Stored(path, digest))
    finally:
        path.unlink(missing_ok=True)


def _on_worker(shared: Any, item: Any, threads: int, *, work: Callable[..., Any]) -> Any:
    """Call ``work`` on a worker, with data that came with the task or are in a file."""
    # Workers are daemons, to which joblib allows one thread, lest they start processes.
    with parallel_config("threading"):
        return work(_read(shared) if isinstance(shared, _Stored) else shared, item, threads)


@lru_cache(maxsize=2)
def _read(stored: _Stored) -> Any:
    """Read data from a file, once a process: several members may be fitted at a time.

    Raises:
        InputError: If this machine does not see the file.
    """
    try:
        return pickle.loads(stored.path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            stored.path,
            None,
            expected="a file that every worker sees under this path",
            found=f"none on {platform.node()}",
            hint="Put the data folder on storage that all machines share.",
        ) from error


_CLUSTERS: dict[tuple[int, str], Any] = {}
"""Clusters of this process by their number of workers and the address of their dashboard."""
_STARTING = Lock()


def _workers_here(number: int, dashboard: str = Execution.dashboard) -> str:
    """Return the address of worker processes on this machine, starting them at the first call.

    All members and fluxes of a run share them, with the models' libraries imported. They end with the process
    that started them.
    """
    from distributed import LocalCluster

    # Nodes on several threads share them too.
    with _STARTING:
        cluster = _CLUSTERS.get((number, dashboard))
        if cluster is None or cluster.status.name != "running":
            cluster = LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=dashboard,
            )
            _CLUSTERS[number, dashboard] = cluster
    return cluster.scheduler_address
