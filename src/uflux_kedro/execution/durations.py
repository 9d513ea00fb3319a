"""Durations as a log tells them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Write a duration as seconds, minutes or hours, whichever is the largest with a whole one."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
