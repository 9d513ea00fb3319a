"""Rows of the table that a benchmark prints."""

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
        ratio: The peer's over ours, or the difference where the target is one.
        target: What the ratio should be.
        met: Whether it is; None where there is no target.
    """

    name: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    target: str = "-"
    met: bool | None = None

    def markdown(self, command: str) -> str:
        """The row as a line of a markdown table."""
        missed = self.met is not None and not self.met
        target = f"{self.target}, **missed**" if missed else self.target
        return line(self.name, self.ours, self.peer, self.ratio, target, f"`{command}`")


def line(*cells: str) -> str:
    """A line of a markdown table."""
    return f"| {' | '.join(cells)} |"


def header() -> str:
    """The first two lines of the table."""
    return f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}"


def speed_row(name: str, pairs: Pairs, least: float, *, ours: str, peer: str) -> Row:
    """A row of how many times faster ours is; the target is on wall time.

    Args:
        name: What is measured.
        pairs: Costs.
        least: Target of the ratio.
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
