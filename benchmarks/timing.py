"""Cost of work, and pairs of costs measured alternately."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """Cost of a piece of work.

    Attributes:
        wall: Time on the clock, s.
        cpu: Time on processors, all threads together, s.
    """

    wall: float
    cpu: float


def cost_of(work: Callable[[], Result]) -> tuple[Cost, Result]:
    """Return the cost of a function and its result; child processes are not counted."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu), result


@dataclass(frozen=True)
class Pairs:
    """Costs of the same work, measured alternately for ours and the peer.

    Other load slows both of a pair alike, so their ratio is more reliable than the two times;
    processor time is affected least.

    Attributes:
        ours: One per pair.
        peer: One per pair.
    """

    ours: tuple[Cost, ...]
    peer: tuple[Cost, ...]

    @classmethod
    def in_turns(cls, ours: Callable[[int], Cost], peer: Callable[[int], Cost], n: int) -> Pairs:
        """Measure ``n`` pairs, ours first; the functions get the number of the pair."""
        costs = [(ours(number), peer(number)) for number in range(n)]
        return cls(*zip(*costs, strict=True))

    @property
    def wall_ratio(self) -> float:
        """Median over pairs of the peer's wall time divided by ours."""
        return median(p.wall / o.wall for o, p in zip(self.ours, self.peer, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """Median over pairs of the peer's processor time divided by ours."""
        return median(p.cpu / o.cpu for o, p in zip(self.ours, self.peer, strict=True))

    def walls(self) -> tuple[float, float]:
        """Median wall time of ours and of the peer, s."""
        return median(c.wall for c in self.ours), median(c.wall for c in self.peer)
