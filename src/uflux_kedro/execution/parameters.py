"""The parameters ``dask``: workers that train members and make products."""

from __future__ import annotations

from pydantic import Field

from uflux_kedro.execution.engine import Execution
from uflux_kedro.schemas import Parameters


class DaskParameters(Parameters):
    """The parameters ``dask``: workers that validate and fit members and make products.

    The environment variable ``DASK_SCHEDULER_ADDRESS`` takes precedence over ``address``. Without
    either, and without ``local_workers``, the run does all of this on its own threads.
    """

    address: str | None = None
    """Scheduler of dask.distributed, such as ``tcp://10.0.0.1:8786``."""
    local_workers: int = Field(0, ge=0)
    """Worker processes to start on this machine; 0 for none."""
    retries: int = Field(2, ge=0)
    """Number of times that a failed fold, fit or region is tried again."""
    dashboard: str = "127.0.0.1:0"
    """Where the dashboard of ``local_workers`` listens. It has no password: by default only this machine
    reaches it; ``0.0.0.0:8787`` opens it to the network."""

    def execution(self, n_jobs: int) -> Execution:
        """Return where work runs, with the number of threads of this process."""
        return Execution(n_jobs, self.address, self.local_workers, self.retries, self.dashboard)
