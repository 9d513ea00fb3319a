"""The block ``gap_filling``: how half-hourly records are filled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from uflux_kedro.schemas import Parameters

Method = Literal["uflux", "mds", "mds_symmetric"]
"""Ways to fill: learnt fillers stacked with MDS, marginal distribution sampling, its symmetric variant."""

Spikes = Literal["flag", "drop"]
"""What happens to spikes of measured fluxes."""


LEAST_OF_PART = 100
"""Measured records of night, or of day, with fewer of which what is filled there is poor."""


class Scenario(Parameters):
    """Artificial gaps: how long, how many."""

    days: dict[float, float] = {}
    """Length of a gap, days -> share of the hidden records. Empty: lengths of the record's own gaps."""

    hidden: float = Field(default=0.1, gt=0, lt=1)
    """Share of the measured records to hide."""

    observed: float = Field(default=0.0, ge=0, le=1)
    """Least share of a gap's records that were measured."""

    @field_validator("days")
    @classmethod
    def _days(cls, days: dict[float, float]) -> dict[float, float]:
        if not all(length > 0 and share > 0 for length, share in days.items()):
            raise ValueError(f"days: expected lengths and shares above 0, found {days}")
        return days


class UstarParameters(Parameters):
    """Which still nights of NEE are left out before its gaps are filled."""

    thresholds: Literal["years", "constant", "none"] = "years"
    """``years``: a threshold for each year (FLUXNET's VUT), the constant one where a year has none;
    ``constant``: one for the whole record (CUT); ``none`` keeps every measured value. Tables of FLUXNET
    hold values above their threshold only and are not filtered again."""

    n_bootstrap: int = Field(default=100, ge=0)
    """How often the records of a year are drawn anew to find the thresholds' percentiles."""

    spread: bool = True
    """Whether NEE is also filled, by MDS, and partitioned for the 16th, 50th and 84th percentile of the
    threshold: what lies between them is part of the joint uncertainty of NEE, GPP and RECO."""


class ScoreboardParameters(Parameters):
    """How methods are compared on artificial gaps."""

    scenarios: tuple[str, ...] = ("uflux",)
    """Artificial gaps: ``uflux``, those of Moffat et al. (2007) ``very_short``, ``short``, ``medium``,
    ``long`` and ``mixed``, ``one_month`` to ``six_months``, the record's ``own``, or names of
    ``gap_filling.scenarios``. Empty: no scoreboard."""

    methods: tuple[Method, ...] = ("uflux", "mds", "mds_symmetric")
    """Methods to compare."""

    draws: int = Field(default=1, ge=1)
    """How often the gaps of each scenario are drawn."""


class GapFillingParameters(Parameters):
    """The block ``gap_filling``: how half-hourly and hourly towers are filled."""

    method: Method = "uflux"
    """How gaps are filled: ``uflux`` learnt fillers stacked with marginal distribution sampling, ``mds``
    that sampling as ONEFlux does it, ``mds_symmetric`` its symmetric variant."""

    fluxes: tuple[Literal["NEE", "LE", "H"], ...] = ("NEE", "LE", "H")
    """Fluxes to fill, of those that a tower has measured."""

    level: float = Field(default=0.9, gt=0, lt=1)
    """Coverage of the intervals."""

    seed: int = 0
    """Seed of everything that is drawn."""

    n_jobs: int = 2
    """Threads."""

    spikes: Spikes = "flag"
    """Spikes of measured fluxes (Papale et al. 2006): ``flag`` tells and marks them, in columns such as
    ``NEE_SPIKE``; ``drop`` also makes them missing, so that they are filled."""

    pooled: Literal["auto", "never"] = "never"
    """Whether method ``uflux`` also takes trees of the other towers of a run, tuned to each by a line:
    ``auto`` for records with less than half a year of measured values of a flux, if there are three
    towers or more; ``never`` since few towers hardly help one another."""

    ustar: UstarParameters = UstarParameters()
    """Still nights."""

    partition: tuple[Literal["night", "day"], ...] = ("night", "day")
    """How NEE is partitioned into GPP and RECO: by the night-time and by the day-time method. Empty:
    not at all."""

    scoreboard: ScoreboardParameters = ScoreboardParameters()
    """Comparison of methods."""

    scenarios: dict[str, Scenario] = {}
    """Artificial gaps of your own by name."""
