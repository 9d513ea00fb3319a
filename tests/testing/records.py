"""Half-hourly and hourly records of one tower."""

from __future__ import annotations

import numpy as np


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
