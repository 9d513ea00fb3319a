"""Half-hourly and hourly records of one tower."""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.radiation import potential_radiation

PLACE = {"latitude": 50.96, "longitude": 13.57, "utc_offset": 1.0}
"""Of the record of Tharandt, as a filler takes it."""

SUNNY_PLACE = {"latitude": 50.0, "longitude": 15.0, "utc_offset": 1.0}
"""Of :func:`sunny_record`."""


def make_record(n_days, steps_a_day, seed=0):
    """Weather with days and noise, a flux that follows it, and gaps in all of them."""
    rng = np.random.default_rng(seed)
    n = n_days * steps_a_day
    sun = np.clip(np.sin(2 * np.pi * (np.arange(n) / steps_a_day - 0.25)), 0, None)
    cloud = np.repeat(rng.uniform(0.2, 1, n_days), steps_a_day)
    SW_IN = np.round(800 * sun * cloud, 1)
    TA = np.round(10 + 8 * sun + np.repeat(rng.normal(0, 6, n_days), steps_a_day), 1)
    VPD = np.round(np.clip(TA - 5 + rng.normal(0, 2, n), 0, None), 1)
    flux = 3 - 0.02 * SW_IN + rng.normal(0, 1, n)
    for column, share in ((SW_IN, 0.03), (TA, 0.1), (VPD, 0.05), (flux, 0.3)):
        column[rng.random(n) < share] = np.nan
    flux[n // 3 : n // 3 + n // 4] = np.nan
    return flux, SW_IN, TA, VPD


def make_table(n_days, steps_a_day=48, seed=0, start="2019-05-01", missing=0.3):
    """Return a record of NEE, LE and H that follow their drivers, and the same without gaps."""
    rng = np.random.default_rng(seed)
    n = n_days * steps_a_day
    index = pd.date_range(start, periods=n, freq=pd.Timedelta(days=1) / steps_a_day, name="time")
    sun = np.clip(np.sin(2 * np.pi * (np.arange(n) / steps_a_day - 0.25)), 0, None)
    cloud = np.repeat(rng.uniform(0.2, 1, n_days), steps_a_day)
    table = pd.DataFrame({"SW_IN": 800 * sun * cloud}, index=index)
    table["TA"] = 12 + 8 * sun + np.repeat(rng.normal(0, 3, n_days), steps_a_day)
    table["VPD"] = np.clip(table["TA"] - 5 + rng.normal(0, 1, n), 0, None)
    noise = rng.normal(0, 1, (3, n)) * (0.5 + table["SW_IN"].to_numpy() / 400)
    table["NEE"] = 3 - 0.02 * table["SW_IN"] + 0.05 * table["TA"] + noise[0]
    table["LE"] = 5 + 0.3 * table["SW_IN"] + 10 * noise[1]
    table["H"] = -10 + 0.35 * table["SW_IN"] + 10 * noise[2]
    gappy = table.copy()
    gone = rng.random(n) < missing
    gone[n // 2 : n // 2 + n // 12] = True
    gappy.loc[gone, ["NEE", "LE", "H"]] = np.nan
    return gappy, table


def sunny_record(days=120, start="2001-04-01", minutes=30) -> pd.DataFrame:
    """Return a record of a place at 50 degrees north, whose radiation is that of the sun."""
    times = pd.date_range(start, periods=days * 1440 // minutes, freq=f"{minutes}min", name="time")
    random = np.random.default_rng(3)
    sun = 0.7 * potential_radiation(times, 50, 15, 1)
    flux = 5 - 0.02 * sun + random.normal(0, 1.5, len(times))
    return pd.DataFrame(
        {"NEE": flux, "LE": 0.3 * sun + random.normal(0, 10, len(times)), "SW_IN": sun, "TA": 15 + sun / 100,
         "VPD": 2 + sun / 60},
        times,
    )  # fmt: skip
