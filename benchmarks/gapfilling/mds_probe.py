"""Fill one record by MDS in a process of its own, and record the time.

A script, so that this project and peers with their own interpreter are measured by the same code::

    python mds_probe.py LIBRARY FOLDER

FOLDER holds ``record.npz``: ``flux``, ``SW_IN``, ``TA``, ``VPD``, equally long, half-hourly, NaN where
missing. The script adds ``filled.npy`` and ``cost.json`` (wall and processor time, s).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""Columns of a record."""


def ours(record: Record, *, everywhere: bool) -> Callable[[], Any]:
    """Return work that fills gaps, or estimates every record."""
    from uflux_kedro.gapfilling import fill_mds

    columns = [record[name] for name in ("flux", "SW_IN", "TA", "VPD")]
    # Loading and compiling at first use do not count.
    fill_mds(*[column[:480] for column in columns], steps_a_day=48)

    return lambda: fill_mds(*columns, steps_a_day=48, everywhere=everywhere).value


def diive(record: Record) -> Callable[[], Any]:
    """Return work that estimates every record, as diive does."""
    from diive.gapfilling.mds import FluxMDS

    table = as_table(record)

    def fill() -> Any:
        mds = FluxMDS(
            table, "flux", "SW_IN", "TA", "VPD", mode="oneflux", vpd_in_kpa=False, verbose=0
        )
        mds.run()
        return mds.get_gapfilled_target()

    return fill


def hesseflux(record: Record) -> Callable[[], Any]:
    """Return work that fills gaps; hesseflux takes no NaN."""
    import hesseflux as library

    table = as_table(record).fillna(-9999.0)
    return lambda: library.gapfill(table)[0]["flux"].replace(-9999.0, float("nan"))


def as_table(record: Record) -> Any:
    """Return a record as a table with half-hours as its index."""
    import pandas as pd

    time = pd.date_range("2001-01-01", periods=len(record["flux"]), freq="30min")
    return pd.DataFrame(record, index=time)


LIBRARIES: dict[str, Callable[[Record], Callable[[], Any]]] = {
    "uflux_kedro, gaps": lambda record: ours(record, everywhere=False),
    "uflux_kedro, every record": lambda record: ours(record, everywhere=True),
    "diive": diive,
    "hesseflux": hesseflux,
}


def main(library: str, folder: Path) -> None:
    """Fill the record of a folder."""
    import numpy as np

    with np.load(folder / "record.npz") as columns:
        work = LIBRARIES[library](dict(columns))
    wall, cpu = time.perf_counter(), time.process_time()
    filled = work()
    cost = [time.perf_counter() - wall, time.process_time() - cpu]
    np.save(folder / "filled.npy", np.asarray(filled, "float64"))
    (folder / "cost.json").write_text(json.dumps(cost))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
