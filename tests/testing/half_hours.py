"""Half-hourly records of a simulated tower, whose parameters are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Tower:
    """How a simulated tower breathes.

    Attributes:
        latitude: Degrees north; seasons of the southern hemisphere below 0.
        threshold: USTAR below which night-time NEE is too low, m s-1.
        E0: Temperature sensitivity of respiration, K.
        k: Sensitivity of photosynthesis to VPD, hPa-1.
        noise: Standard deviation of NEE's error, umol m-2 s-1.
        steps_a_day: 48 or 24.
    """

    latitude: float = 45.0
    threshold: float = 0.2
    E0: float = 150.0
    k: float = 0.05
    noise: float = 1.0
    steps_a_day: int = 48

    def record(self, start: str = "2011-01-01", end: str = "2012-01-01", seed: int = 0):
        """Return a record and its truth: tables with NEE and drivers, and with GPP, RECO and Rref."""
        rng = np.random.default_rng(seed)
        time = pd.date_range(
            start, end, freq=f"{1440 // self.steps_a_day}min", inclusive="left", name="time"
        )
        day = np.asarray(time.day_of_year - 1, float)
        hour = np.asarray(time.hour + time.minute / 60) + 12 / self.steps_a_day
        season = -np.cos(2 * np.pi * (day - 15) / 365) * np.sign(self.latitude)
        phi, tilt = (
            np.deg2rad(self.latitude),
            np.deg2rad(23.4) * -np.cos(2 * np.pi * (day + 10) / 365),
        )
        height = np.sin(phi) * np.sin(tilt)
        height = height + np.cos(phi) * np.cos(tilt) * np.cos(np.pi / 12 * (hour - 12))
        days = (time - time[0]).days.to_numpy()
        clear = rng.uniform(0.25, 0.75, days[-1] + 1)[days]
        weather = np.repeat(rng.normal(0, 3, days[-1] // 3 + 1), 3)[days]
        SW_IN = 1361 * np.maximum(height, 0) * clear
        TA = 9 + 9 * season + weather + 5 * np.cos(np.pi / 12 * (hour - 15)) * (0.3 + clear)
        VPD = np.maximum(6.1 * np.exp(0.0687 * TA) * (0.2 + clear) - 2, 0.0)
        USTAR = rng.gamma(2.0, 0.16, len(time))
        Rref = 2.5 + 1.2 * season
        RECO = Rref * np.exp(self.E0 * (1 / 61.02 - 1 / (TA + 46.02)))
        beta = 22 + 12 * season
        beta = beta * np.exp(-self.k * np.maximum(VPD - 10, 0))
        GPP = 0.05 * SW_IN * beta / (0.05 * SW_IN + beta)
        lost = np.where(SW_IN < 10, np.minimum(USTAR / self.threshold, 1), 1)
        NEE = RECO * lost - GPP + rng.normal(0, self.noise, len(time)) * (0.3 + 0.1 * abs(GPP))
        drivers = {"SW_IN": SW_IN, "TA": TA, "VPD": VPD, "USTAR": USTAR}
        truth = {"GPP": GPP, "RECO": RECO, "Rref": Rref}
        return pd.DataFrame({"NEE": NEE, **drivers}, time), pd.DataFrame(truth, time)


def difference(found: pd.Series, known: pd.Series) -> float:
    """Relative difference of the sums over the steps of both."""
    both = found.notna() & known.notna()
    return found[both].sum() / known[both].sum() - 1


def efficiency(found: pd.Series, known: pd.Series) -> float:
    """Nash-Sutcliffe efficiency of daily means."""
    found, known = found.resample("D").mean(), known.resample("D").mean()
    both = found.notna() & known.notna()
    return 1 - ((found - known)[both] ** 2).sum() / ((known - known[both].mean())[both] ** 2).sum()


def read_tharandt(folder: Path) -> pd.DataFrame:
    """Return the record of DE-Tha 1998, REddyProc's example."""
    path = folder / "half_hourly/Example_DETha98.txt"
    names = {"Rg": "SW_IN", "Tair": "TA", "Ustar": "USTAR"}
    table = pd.read_csv(path, sep="\t", skiprows=[1], na_values=[-9999]).rename(columns=names)
    table.index = pd.date_range("1998-01-01", periods=len(table), freq="30min", name="time")
    return table[["NEE", "SW_IN", "TA", "VPD", "USTAR"]].astype(float)


def read_oneflux(folder: Path, name: str) -> pd.DataFrame:
    """Return a site-year of ONEFlux; these have no VPD."""
    path = folder / f"half_hourly/oneflux_nee/{name}.csv.gz"
    lines = pd.read_csv(path, sep="\0", header=None)[0]
    start = int(np.argmax(lines.str.startswith("TIMESTAMP_START")))
    table = pd.read_csv(path, skiprows=start, na_values=[-9999])
    table.index = pd.to_datetime(table["TIMESTAMP_START"].astype(str)).rename("time")
    return table[["NEE", "SW_IN", "TA", "USTAR"]].astype(float)
