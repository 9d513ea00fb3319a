"""Short records of NEE with and without trees of the other towers.

The longest record of each tower of ONEFlux is cut to some days of the growing season, twice; the
trees see the whole records of all other towers. Records are hidden in gaps as in Moffat et al. (2007),
but three tenths of them, the same from every method.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from benchmarks.table import line
from uflux_kedro.gapfilling import GapFiller
from uflux_kedro.gapfilling.parameters import Scenario
from uflux_kedro.gapfilling.pooled import Pooled, apart_from, fit_pooled
from uflux_kedro.gapfilling.scoreboard import score_record
from uflux_kedro.readers import read_half_hours
from uflux_kedro.readers.towers.half_hours import HalfHours

DAYS = (45, 90)
STARTS = ("05-15", "07-01")
"""Month and day; half a year later south of the equator."""
SCENARIOS = {
    "medium": Scenario(days={64 / 48: 1.0}, hidden=0.3),
    "long": Scenario(days={12.0: 1.0}, hidden=0.3),
}
"""Gaps of 1.3 and of 12 days; of short records a tenth would be no long gap at all."""
LEAST = 800
"""Measured records of a part: what is left must be enough to fit."""


def print_table(options: argparse.Namespace) -> None:
    """Print a row for each length and scenario, and one for each tower."""
    records = list(read_half_hours(options.half_hourly / "oneflux_nee"))
    scores = pd.DataFrame(_scores(records))
    scores["days"] = scores["days"].astype(str)
    print(line("record", "gaps", "parts", "pooled / without", "range of towers", "towers better",
               "without / MDS", "pooled / MDS"))  # fmt: skip
    print(line(*["---"] * 8))
    for (days, scenario), rows in scores.groupby(["days", "scenario"]):
        print(line(f"{days} days", scenario, str(len(rows)), *_cells(rows)), flush=True)
    print()
    print(line("tower", "parts", "pooled / without", "without / MDS", "pooled / MDS"))
    print(line(*["---"] * 5))
    for tower, rows in scores.groupby("tower"):
        ratios = (_mean(rows, *pair) for pair in PAIRS)
        print(line(str(tower), str(len(rows)), *(f"{r:.3f}" for r in ratios)), flush=True)


PAIRS = (("pooled", "without"), ("without", "mds"), ("pooled", "mds"))


def _cells(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the mean ratio over towers, its range, and how many are better; then those to MDS."""
    towers = np.array([_mean(part, "pooled", "without") for _, part in rows.groupby("tower")])
    yield f"{towers.mean():.3f}"
    yield f"{towers.min():.3f} to {towers.max():.3f}"
    yield f"{(towers < 1).sum()} of {len(towers)}"
    for pair in PAIRS[1:]:
        yield f"{np.mean([_mean(part, *pair) for _, part in rows.groupby('tower')]):.3f}"


def _mean(rows: pd.DataFrame, one: str, other: str) -> float:
    """Return the geometric mean of the ratios of RMSE."""
    return float(np.exp(np.log(rows[one] / rows[other]).mean()))


def _scores(records: Sequence[HalfHours]) -> Iterator[dict[str, object]]:
    """Yield the RMSE of each method for each part of each tower."""
    for tower in sorted({r.site_id for r in records}):
        own = [r for r in records if r.site_id == tower]
        pooled = fit_pooled(apart_from(records, own), ("NEE",))
        longest = max(own, key=lambda r: int(r.table["NEE"].notna().sum()))
        for start, days, scenario in product(STARTS, DAYS, SCENARIOS):
            part = _part(longest, days, start)
            if part["NEE"].notna().sum() >= LEAST:
                scores = _compare(longest, part, scenario, pooled)
                yield {"tower": tower, "days": days, "scenario": scenario} | scores


def _part(record: HalfHours, days: int, start: str) -> pd.DataFrame:
    """Return some days of the first growing season of a record."""
    first = pd.Timestamp(f"{record.table.index[0].year}-{start}")
    if (record.latitude or 0.0) < 0:
        first += pd.Timedelta(days=183)
    return record.table[first : first + pd.Timedelta(days=days)].iloc[:-1]


def _compare(
    record: HalfHours, part: pd.DataFrame, scenario: str, pooled: Pooled
) -> dict[str, float]:
    """Return the RMSE of each method on the same hidden records."""

    def make(method: str) -> GapFiller:
        return GapFiller(
            method="mds" if method == "mds" else "uflux",
            fluxes=("NEE",),
            latitude=record.latitude,
            longitude=record.longitude,
            utc_offset=record.utc_offset,
            n_jobs=1,
            pooled=pooled if method == "pooled" else None,
        )

    methods = ("mds", "without", "pooled")
    scores = score_record(part, make, methods, (scenario,), SCENARIOS, 0, record.steps_a_day)
    return scores[scores["part"] == "all"].set_index("method")["RMSE"].to_dict()
