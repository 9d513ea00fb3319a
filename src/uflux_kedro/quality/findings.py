"""Findings: what a check found, where, on what evidence, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.left_out import LeftOut

Weight = Literal["defect", "note"]
"""A ``defect`` cannot be real and requires a decision; a ``note`` is only to review."""


@dataclass(frozen=True)
class Finding:
    """One finding of a check.

    Attributes:
        check: Name of the check: ``phase``, ``units``, ``bounds``, ``time``, ``constant``, ``steps``,
            ``years``.
        variable: Column concerned, or several joined by commas; None for the place or the
            calendar of whole sites.
        sites: Sites concerned, sorted.
        expected: What the data should be.
        found: What they are, with the evidence.
        weight: Whether it requires a decision.
        mended: How the data were corrected, if the cause is beyond doubt.
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
        """Whether a decision is still required."""
        return self.weight == "defect" and self.mended is None

    @property
    def columns(self) -> list[str]:
        """The columns that ``variable`` names; none for whole sites."""
        return self.variable.split(", ") if self.variable else []

    @property
    def subject(self) -> str:
        """Variable and sites as text."""
        return f"{self.variable or 'place or calendar'} at {listed(self.sites)}"


def listed(sites: Sequence[str], most: int = 4) -> str:
    """Return sites as text, shortened to the first ``most``."""
    shown = ", ".join(sites[:most])
    return f"{shown} and {len(sites) - most} more" if len(sites) > most else shown


def months_in_words(lag: float) -> str:
    """Return a lag as text: ``2 months late``; at least one month."""
    whole = max(1, round(abs(lag)))
    return f"{whole} month{'s' if whole > 1 else ''} {'late' if lag > 0 else 'early'}"


def refuse(findings: Iterable[Finding], where: str | Path, hint: str) -> None:
    """Stop the run if a finding requires a decision.

    Args:
        findings: Findings of all checks.
        where: File or folder that was read.
        hint: Where the evidence is and what to do.

    Raises:
        InputError: If a finding is open. Names the variables, what was expected and what was
            found, with the findings of most sites first.
    """
    undecided = [f for f in findings if f.open]
    if not undecided:
        return
    undecided.sort(key=lambda f: -len(f.sites))
    variables = ", ".join(dict.fromkeys(f.variable or "place or calendar" for f in undecided))
    shown = "; ".join(f"{f.subject}: {f.found}" for f in undecided[:6])
    more = f"; and {len(undecided) - 6} more findings" if len(undecided) > 6 else ""
    expected = "; ".join(dict.fromkeys(f.expected for f in undecided[:6]))
    raise InputError(where, variables, expected=expected, found=shown + more, hint=hint)


def dropped_rows(finding: Finding, where: str) -> list[LeftOut]:
    """Return what dropping the columns or sites of a finding leaves out, one row a site and column."""
    return [
        LeftOut(
            site_id=site,
            variable=column,
            file=where,
            reason=f"{finding.check}: expected {finding.expected}; found {finding.found}",
            remedy="Correct the file, or set quality.on_suspicion to report",
        )
        for site in finding.sites
        for column in finding.columns or [""]
    ]


def as_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the findings as a table for readers, the gravest first."""
    rows = [
        {
            "check": f.check,
            "variable": f.variable or "",
            "towers": len(f.sites),
            "names": listed(f.sites, 6),
            "expected": f.expected,
            "found": f.found,
            "action": f.mended or ("to decide" if f.open else "to review"),
        }
        for f in sorted(
            findings,
            key=lambda f: (not f.open, f.mended is None, f.check == "steps", -len(f.sites)),
        )
    ]
    return pd.DataFrame(
        rows, columns=["check", "variable", "towers", "names", "expected", "found", "action"]
    )
