"""What a validation will take and has taken: time and memory, told from its first fold on."""

from __future__ import annotations

import logging
import math
from time import perf_counter

from uflux_kedro.execution.durations import duration
from uflux_kedro.execution.engine import Execution, process_and_memory

logger = logging.getLogger(__name__)

_WORTH_TELLING = 30.0
"""Seconds that all folds must be expected to take for the log to tell of them."""

_EVERY = 60.0
"""Seconds between lines of the log."""


class FoldProgress:
    """Lines of the log about the folds of a member: an estimate, progress, and what they took.

    Args:
        label: The member; None for no lines.
        missing: Number of folds to fit.
        kept: Number of folds kept from an earlier run.
        execution: Where they are fitted.
    """

    def __init__(self, label: str | None, missing: int, kept: int, execution: Execution) -> None:
        self._label, self._missing, self._kept = label, missing, kept
        self._execution = execution
        self._places = 0
        self._done = 0
        self._tells = False
        self._begun = self._last = perf_counter()
        self._memory: dict[str, float] = {}

    def finished(self, seconds: float, used: tuple[str, float]) -> None:
        """Count a fold.

        Args:
            seconds: What it took.
            used: Name of its process and the peak memory of this, GB.
        """
        if self._label is None:
            return
        process, memory = used
        self._memory[process] = max(memory, self._memory.get(process, 0.0))
        self._done += 1
        if self._done == 1:
            self._estimate(seconds)
        if not self._tells:
            return
        now = perf_counter()
        left = self._missing - self._done
        if not left:
            logger.info(
                "%s: %d folds fitted and %d kept in %s; peak memory %.2f GB",
                *(self._label, self._missing, self._kept, duration(now - self._begun)),
                sum((self._memory | dict([process_and_memory()])).values()),
            )
        elif now - self._last >= _EVERY:
            self._last = now
            logger.info(
                "%s: %d of %d folds, about %s left",
                *(self._label, self._done, self._missing),
                duration((now - self._begun) / self._done * left),
            )

    def _estimate(self, seconds: float) -> None:
        """Tell what all folds take if each takes as long as the first."""
        if seconds * self._missing < _WORTH_TELLING:
            return
        places = self._execution.side_by_side(self._missing)
        expected = math.ceil(self._missing / places) * seconds
        if expected < _WORTH_TELLING:
            return
        self._tells = True
        here, memory = process_and_memory()
        # Threads share the memory of this process, in which as many folds have begun.
        others = sum(m for process, m in self._memory.items() if process != here)
        where = self._execution.in_words(places)
        logger.info(
            "%s: a fold takes %s; %d folds at this rate: %s on %s, %.2f GB of memory",
            *(self._label, duration(seconds), self._missing, duration(expected), where),
            memory + others * places,
        )
