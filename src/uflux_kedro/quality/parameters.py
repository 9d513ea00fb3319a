"""The block ``quality``: checks of towers, and what happens to towers that look wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters


class QualityParameters(Parameters):
    """The block ``quality``: checks of towers, and what happens to towers that look wrong."""

    on_suspicion: Literal["stop", "drop", "report"] = "stop"
    """``stop`` ends the run after the quality page is written; ``drop`` removes the column at the
    sites concerned, or the sites if their place or calendar is wrong; ``report`` changes
    nothing."""
    false_alarm: float = Field(0.01, gt=0, lt=0.5)
    """Chance that a healthy table raises any alarm of the phase check."""
    second_source: str | None = None
    """Canonical towers of another run (``towers.parquet``) to compare with; null for none."""
    clock: Literal["local", "UTC"] = "local"
    """Declared time of half-hourly and hourly tables: ``local`` standard time, as in the networks'
    files, or ``UTC``."""
