"""Rows of the table of results."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.timing import Pairs

HEADER = ("name", "ours", "peer", "ratio", "target", "command")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: What is measured.
        ours: Our figure with its unit.
        peer: The peer's.
        ratio: The peer's figure over ours, or their difference.
        target: Target for the ratio or difference.
        met: Whether the target is met; None if there is none.
    """

    name: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    target: str = "-"
    met: bool | None = None

    def markdown(self, command: str) -> str:
        """Return the row as a line of a markdown table."""
        missed = self.met is not None and not self.met
        target = f"{self.target}, **missed**" if missed else self.target
        return line(self.name, self.ours, self.peer, self.ratio, target, f"`{command}`")


def line(*cells: str) -> str:
    """Return a line of a markdown table."""
    return f"| {' | '.join(cells)} |"


def header() -> str:
    """Return the first two lines of the table."""
    return f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}"


def speed_row(name: str, pairs: Pairs, least: float, *, ours: str, peer: str) -> Row:
    """Return a row that says how many times faster ours is; the target is on wall time.

    Args:
        name: What is measured.
        pairs: Costs.
        least: Lowest ratio that meets the target.
        ours: Our figure with its unit.
        peer: The peer's.
    """
    return Row(
        name,
        ours,
        peer,
        f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
        f"≥ {least:g}",
        pairs.wall_ratio >= least,
    )
