"""What a check found: where, which variable, on what evidence, and what it led to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from uflux_kedro.errors import InputError

Weight = Literal["defect", "note"]
"""A ``defect`` cannot be real and calls for action; a ``note`` is for the reader's eye."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        check: Which check: ``phase``, ``units``, ``bounds``, ``time``, ``steps``.
        variable: Column concerned; None for the place or the calendar of whole sites.
        sites: Sites concerned, sorted.
        expected: What would have been right.
        found: What is there instead, with the evidence.
        weight: Whether it calls for action.
        mended: What was done about it, if that was beyond doubt.
    """

    check: str
    variable: str | None
    sites: tuple[str, ...]
    expected: str
    found: str
    weight: Weight = "defect"
    mended: str | None = None

    @property
    def open(self) -> bool:
        """Whether a decision is still due."""
        return self.weight == "defect" and self.mended is None

    @property
    def columns(self) -> list[str]:
        """The columns that ``variable`` names; none for whole sites."""
        return self.variable.split(", ") if self.variable else []

    @property
    def subject(self) -> str:
        """Variable and sites in words."""
        what = self.variable or "place or calendar"
        return f"{what} at {listed(self.sites)}"


def listed(sites: Sequence[str], most: int = 4) -> str:
    """Sites as text, shortened where they are many."""
    shown = ", ".join(sites[:most])
    return f"{shown} and {len(sites) - most} more" if len(sites) > most else shown


def months_in_words(lag: float) -> str:
    """A lag as text: ``2 months late``; at least one month."""
    whole = max(1, round(abs(lag)))
    return f"{whole} month{'s' if whole > 1 else ''} {'late' if lag > 0 else 'early'}"


def refuse(findings: Iterable[Finding], where: str | Path, hint: str) -> None:
    """Stop on what calls for a decision.

    Args:
        findings: Of all checks.
        where: File or folder that was read.
        hint: Where the evidence can be seen and what can be done.

    Raises:
        InputError: Naming the variables, what was expected and what is there, the clearest
            findings first; nothing is raised where no decision is due.
    """
    due = [f for f in findings if f.open]
    if not due:
        return
    due.sort(key=lambda f: -len(f.sites))
    variables = ", ".join(dict.fromkeys(f.variable or "place or calendar" for f in due))
    shown = "; ".join(f"{f.subject}: {f.found}" for f in due[:6])
    more = f"; and {len(due) - 6} findings more" if len(due) > 6 else ""
    expected = "; ".join(dict.fromkeys(f.expected for f in due[:6]))
    raise InputError(where, variables, expected=expected, found=shown + more, hint=hint)


def as_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings as a table for readers, the gravest first."""
    rows = [
        {
            "check": f.check,
            "variable": f.variable or "",
            "towers": len(f.sites),
            "which": listed(f.sites, 6),
            "expected": f.expected,
            "found": f.found,
            "done": f.mended or ("" if f.weight == "defect" else "for the eye"),
        }
        for f in sorted(
            findings,
            key=lambda f: (not f.open, f.mended is None, f.check == "steps", -len(f.sites)),
        )
    ]
    return pd.DataFrame(
        rows, columns=["check", "variable", "towers", "which", "expected", "found", "done"]
    )
