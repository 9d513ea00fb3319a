"""Annual sums against a known truth: simulated fluxes with the drivers, gaps and noise of real records.

Of each record, each seed makes another world. Every method fills it, and its annual sums are compared
with those of the fluxes without noise and gaps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.gapfilling.records import read_records
from benchmarks.table import line
from uflux_kedro.gapfilling.filler import GapFiller, sum_unit
from uflux_kedro.gapfilling.light import daylight
from uflux_kedro.gapfilling.predictors import place_of
from uflux_kedro.gapfilling.sums import numbered_periods
from uflux_kedro.gapfilling.synthetic import Simulated, simulate
from uflux_kedro.readers.towers.half_hours import FLUXES, HalfHours

METHODS = ("uflux", "mds", "mds_symmetric")
_SUMMER = (5, 6, 7, 8, 9)
"""Months that are left without winter, half a year later in the south."""
LEVEL, REACH = 0.9, 1.645
"""Coverage of the intervals, and their reach in standard deviations."""
_CELLS = ("method", "flux", "sums", "not filled", "bias", "RMSE", "stated", "rms of error / stated",
          "coverage", "coverage, errors independent")  # fmt: skip


def print_table(options: argparse.Namespace) -> None:
    """Print a row for each method and flux, and one of all fluxes."""
    parts = []
    for record in read_records(options.half_hourly, options.records):
        for seed in range(options.seeds):
            parts += list(errors_of_sums(record, seed, METHODS, options.n_jobs, options.left_out))
            print(f"{record.name}, seed {seed}", file=sys.stderr, flush=True)
    rows = pd.DataFrame(parts)
    if options.rows:
        rows.to_csv(options.rows, index=False)
    print(line(*_CELLS))
    print(line(*("---" for _ in _CELLS)))
    for method in METHODS:
        own = rows[rows["method"] == method]
        for flux, some in [*own.groupby("flux", sort=False), ("all", own)]:
            print(line(method, str(flux), *summary(some, units=flux != "all")), flush=True)


def errors_of_sums(
    record: HalfHours,
    seed: int,
    methods: Sequence[str],
    n_jobs: int,
    left_out: str | None = None,
) -> Iterator[dict[str, object]]:
    """Yield the error of each annual sum of a simulated record by each method.

    Args:
        record: Real record.
        seed: Of the world.
        methods: Methods.
        n_jobs: Threads.
        left_out: Of :data:`~benchmarks.gapfilling.LEFT_OUT`; None leaves all that was measured.

    Yields:
        ``record``, ``seed``, ``method``, ``flux``, ``year``, ``measured`` and ``untested`` (shares of the
        steps), ``error``
        (sum minus truth, gC m-2; mean in W m-2 for LE and H), ``total`` (its stated standard deviation)
        and ``independent`` (the same if errors of steps were independent).
    """
    place = (record.latitude, record.longitude, record.utc_offset)
    steps_a_day = record.steps_a_day
    simulated = simulate(record.table, steps_a_day, place_of(*place), seed)
    if left_out is not None:
        gone = unmeasured(simulated.record, left_out, south=(record.latitude or 0.0) < 0)
        fluxes = {f: simulated.record[f].mask(gone) for f in simulated.truth}
        simulated = simulated._replace(record=simulated.record.assign(**fluxes))
    for method in methods:
        filler = GapFiller(method, FLUXES, *place, level=LEVEL, seed=seed, n_jobs=n_jobs)  # type: ignore[arg-type]
        filler.fit(simulated.record).fill(simulated.record)
        for row in compared(filler, simulated):
            yield {"record": record.name, "seed": seed, "method": method} | row


def unmeasured(table: pd.DataFrame, left_out: str, *, south: bool) -> NDArray[np.bool_]:
    """Return the steps of a record that are left out, (steps,).

    Args:
        table: Record with SW_IN.
        left_out: Of :data:`~benchmarks.gapfilling.LEFT_OUT`.
        south: Whether the tower is south of the equator.
    """
    if left_out == "nights":
        return ~daylight(table)
    month = pd.DatetimeIndex(table.index).month.to_numpy()
    return ~np.isin((month + 5) % 12 + 1 if south else month, _SUMMER)


def compared(filler: GapFiller, simulated: Simulated) -> Iterator[dict[str, object]]:
    """Yield each annual sum of a filler beside the truth."""
    sums, filled = filler.sums("YY"), filler.filled
    assert filled is not None
    number, _ = numbered_periods(pd.DatetimeIndex(filled.index), "YY")
    for flux, own in sums.groupby("flux", sort=False):
        unit = sum_unit(filled, flux) if flux == "NEE" else 1 / np.bincount(number)
        true = np.bincount(number, simulated.truth[flux]) * unit
        variance = sum(np.nan_to_num(filled[f"{flux}{c}"]) ** 2 for c in ("_F_SD", "_RANDUNC"))
        yield from pd.DataFrame(
            {
                "flux": flux,
                "year": own["time"].dt.year.to_numpy(),
                "measured": own["measured"].to_numpy(),
                "untested": own["untested"].to_numpy(),
                "error": own["value"].to_numpy() - true,
                "total": own["total"].to_numpy(),
                "independent": np.sqrt(np.bincount(number, variance)) * unit,
            }
        ).to_dict("records")


def summary(rows: pd.DataFrame, *, units: bool) -> list[str]:
    """Return the cells of a table for these sums.

    Args:
        rows: As of :func:`errors_of_sums`.
        units: Whether all are in one unit, so that they have a bias.
    """
    known = rows[rows["error"].notna()]
    error, stated = known["error"].to_numpy(), known["total"].to_numpy()
    covered = np.abs(error) <= REACH * stated
    single = np.abs(error) <= REACH * known["independent"].to_numpy()
    sizes = error.mean(), np.sqrt(np.mean(error**2)), np.sqrt(np.mean(stated**2))
    return [
        str(len(known)),
        str(len(rows) - len(known)),
        *(f"{size:.2f}" if units else "-" for size in sizes),
        f"{np.sqrt(np.mean((error / stated) ** 2)):.2f}",
        f"{covered.mean():.0%}",
        f"{single.mean():.0%}",
    ]
