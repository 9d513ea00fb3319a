"""What a production will take, told from its first regions on."""

from __future__ import annotations

import logging
from time import perf_counter

from uflux_kedro.execution.durations import duration
from uflux_kedro.execution.engine import Execution, process_and_memory

logger = logging.getLogger(__name__)

_WORTH_TELLING = 30.0
"""Seconds that all regions must be expected to take for the log to tell of them."""

_ROUNDS = 3
"""Regions of each thread or worker that must be finished for an estimate."""

_MEASURED = 10.0
"""Seconds that the regions of an estimate must have taken, the first of each thread left out."""

_EVERY = 60.0
"""Seconds between lines of the log."""


class RegionProgress:
    """Lines of the log about the regions of a product: an estimate, and progress.

    The first region of each thread or worker also loads models and compiles code. The estimate is
    therefore the time until these are finished, and the rate of those that follow. It takes the other
    regions to have as much land.

    Args:
        flux: The flux.
        missing: Number of regions to make.
        execution: Where they are made.
    """

    def __init__(self, flux: str, missing: int, execution: Execution) -> None:
        self._flux, self._missing, self._execution = flux, missing, execution
        self._places = execution.side_by_side(missing) if missing else 0
        self._memory: dict[str, float] = {}
        self._done = 0
        self._tells: bool | None = None
        self._begun = self._warm = self._last = perf_counter()

    def finished(self, used: tuple[str, float]) -> None:
        """Count a region.

        Args:
            used: Name of its process and the peak memory of this, GB.
        """
        process, memory = used
        self._memory[process] = max(memory, self._memory.get(process, 0.0))
        self._done += 1
        now = perf_counter()
        if self._done == self._places:
            self._warm = now
        left = self._missing - self._done
        if not left or self._done < _ROUNDS * self._places or now - self._warm < _MEASURED:
            return
        expected = (now - self._warm) / (self._done - self._places) * left
        if self._tells is None:
            self._tells = now - self._begun + expected >= _WORTH_TELLING
            if self._tells:
                self._estimate(now - self._begun + expected)
                self._last = now
        elif self._tells and now - self._last >= _EVERY:
            self._last = now
            logger.info(
                "%s: %d of %d regions, about %s left",
                *(self._flux, self._done, self._missing, duration(expected)),
            )

    def _estimate(self, expected: float) -> None:
        where = self._execution.in_words(self._places)
        logger.info(
            "%s: %d regions at the rate of the first %d: %s on %s, %.2f GB of memory",
            *(self._flux, self._missing, self._done, duration(expected), where),
            sum((self._memory | dict([process_and_memory()])).values()),
        )
