"""Time and memory of the default method: a site-year and twenty years of one tower, all three fluxes."""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from benchmarks.gapfilling.records import read_records
from benchmarks.table import line
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.filler import GapFiller

_RECORD = "DE-Tha"
_YEARS = (1, 20)
_NOISE = 0.02
"""Noise on repeated years, as a share of a column's standard deviation: no two are equal."""
_KILOBYTES = 1e6 if sys.platform != "darwin" else 1e9
"""Units of the largest memory in a gigabyte."""


def print_table(options: argparse.Namespace) -> None:
    """Print a row for each length of DE-Tha 1998, repeated; the first holds the start of libraries."""
    found = read_records(options.half_hourly, _RECORD)
    if not found:
        raise InputError(str(options.half_hourly), None, expected=f"{_RECORD} 1998", found="none")
    record = found[0]
    print(line("years", "fit, fill and sums, s", "processor, s", "memory at most, GB"))
    print(line("---", "---", "---", "---"))
    for years in _YEARS:
        table = repeated(record.table, years)
        filler = GapFiller(
            latitude=record.latitude,
            longitude=record.longitude,
            utc_offset=record.utc_offset,
            n_jobs=options.n_jobs,
        )
        start, worked = time.perf_counter(), time.process_time()
        filler.fit(table).fill(table)
        filler.sums("YY")
        wall, work = time.perf_counter() - start, time.process_time() - worked
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES
        print(line(str(years), f"{wall:.0f}", f"{work:.0f}", f"{most:.2f}"), flush=True)


def repeated(table: pd.DataFrame, years: int) -> pd.DataFrame:
    """Return a record that repeats another one with a little noise, at the same step."""
    if years == 1:
        return table
    joined = pd.concat([table] * years)
    step = table.index[1] - table.index[0]
    joined.index = pd.date_range(table.index[0], periods=len(joined), freq=step, name="time")
    noise = np.random.default_rng(0).normal(size=joined.shape)
    return joined + _NOISE * noise * table.std().to_numpy()
