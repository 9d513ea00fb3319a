"""Run pieces of work one after the other, on threads, or on workers of dask.distributed."""

from __future__ import annotations

import logging
import os
import pickle
import platform
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, TypeVar

from joblib import effective_n_jobs

from uflux_kedro.errors import ConfigurationError

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

    def run(
        self, work: Callable[[Any, Item, int], Any], shared: Any, items: Sequence[Item]
    ) -> Iterator[Any]:
        """Call ``work(shared, item, threads)`` on every item and yield results as they finish.

        Args:
            work: A module-level function; its arguments can be pickled.
            shared: Data that all items need, sent to each worker once.
            items: The items.

        Raises:
            ConfigurationError: If workers are requested and dask.distributed is not installed.
        """
        if not items:
            return
        address = os.environ.get(ADDRESS) or self.address
        if address or self.local_workers:
            yield from self._on_workers(work, shared, items, address)
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
        address: str | None,
    ) -> Iterator[Any]:
        try:
            from distributed import Client
            from distributed import as_completed as completed
        except ImportError as error:
            raise ConfigurationError(
                "Workers need dask.distributed: install uflux_kedro[cluster]"
            ) from error
        if address is None:
            address = _workers_here(self.local_workers, self.dashboard)
            threads = max(1, effective_n_jobs(self.n_jobs) // self.local_workers)
        else:
            threads = effective_n_jobs(self.n_jobs) if self.n_jobs > 0 else 1
        with Client(address, set_as_default=False) as client:
            logger.info("Workers of %s; dashboard %s", address, client.dashboard_link)
            # A computed future, unlike scattered data, survives the loss of its worker.
            everywhere = client.submit(pickle.loads, pickle.dumps(shared), pure=False)
            futures = client.map(
                work, [everywhere] * len(items), items, [threads] * len(items),
                retries=self.retries, pure=False,
            )  # fmt: skip
            for _, result in completed(futures, loop=client.loop, with_results=True):
                yield result


_CLUSTERS: dict[tuple[int, str], Any] = {}
"""Clusters of this process by their number of workers and the address of their dashboard."""


def _workers_here(number: int, dashboard: str = Execution.dashboard) -> str:
    """Return the address of worker processes on this machine, starting them at the first call.

    All fluxes of a run share them, with the models' libraries imported. They end with the process
    that started them.
    """
    from distributed import LocalCluster

    cluster = _CLUSTERS.get((number, dashboard))
    if cluster is None or cluster.status.name != "running":
        cluster = LocalCluster(
            n_workers=number, threads_per_worker=1, host="127.0.0.1", dashboard_address=dashboard
        )
        _CLUSTERS[number, dashboard] = cluster
    return cluster.scheduler_address
