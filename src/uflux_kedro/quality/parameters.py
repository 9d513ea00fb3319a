"""The block ``quality``: what happens to towers that look wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters


class QualityParameters(Parameters):
    """The block ``quality``: what becomes of towers that look wrong.

    Attributes:
        on_suspicion: ``stop`` ends the run once the report is written; ``drop`` takes the column
            out at the sites concerned, or the sites where place or calendar is wrong; ``report``
            leaves all as it is.
        false_alarm: Chance that a healthy table raises any alarm of the phase check.
        second_source: Canonical towers of another run (``towers.parquet``), to compare with.
        clock: What the hours of half-hourly and hourly tables are said to be: ``local`` standard
            time, as the networks have it, or ``UTC``.
    """

    on_suspicion: Literal["stop", "drop", "report"] = "stop"
    false_alarm: float = Field(0.01, gt=0, lt=0.5)
    second_source: str | None = None
    clock: Literal["local", "UTC"] = "local"
