"""Simulated and measured towers, and defects that the quality checks must find."""

from __future__ import annotations

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from tests.testing.project import PROJECT
from uflux_kedro.quality.month_order import TEXT_ORDER
from uflux_kedro.quality.years import solar_years
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.tidy import read_tidy


def simulate_towers(n_sites: int = 12, n_years: int = 6, seed: int = 0):
    """Return towers and sites of both hemispheres, with seasons that follow the sun as in nature."""
    rng = np.random.default_rng(seed)
    latitude = np.where(np.arange(n_sites) % 3 == 2, -1, 1) * rng.uniform(38, 60, n_sites)
    sun = solar_years(latitude)

    def season(months: float, low: float, high: float, noise: float) -> np.ndarray:
        """Scale the sun's cycle to a range, delay it by some months and add noise to each month."""
        wave = np.fft.rfft(sun, axis=1) * np.exp(-2j * np.pi * np.arange(7) * months / 12)
        cycle = np.fft.irfft(wave, 12, axis=1)
        span = np.ptp(cycle, axis=1)[:, None]
        cycle = low + (high - low) * (cycle - cycle.min(1)[:, None]) / span
        years = np.tile(cycle, (1, n_years))
        return years + noise * (high - low) * rng.normal(size=years.shape)

    columns = {
        "SW_IN": season(0.0, 40, 250, 0.05),
        "TA": season(1.0, -2, 20, 0.05),
        "GPP": np.clip(season(0.6, 0, 10, 0.05), 0, None),
        "RECO": np.clip(season(0.8, 0.5, 7, 0.05), 0, None),
        "LE": season(0.5, 5, 90, 0.05),
        "H": season(-0.3, 5, 60, 0.05),
        "EVI": season(0.8, 0.15, 0.5, 0.04),
        "LAI": season(0.8, 0.5, 4.0, 0.04),
        "PA": 95 + rng.normal(size=(n_sites, 12 * n_years)) * 0.4,
    }
    time = pd.date_range("2001-01-01", periods=12 * n_years, freq="MS")
    names = [f"XX-{i:03d}" for i in range(n_sites)]
    towers = pd.DataFrame(
        {
            "site_id": np.repeat(names, len(time)),
            "time": np.tile(time, n_sites),
            **{k: v.ravel() for k, v in columns.items()},
        }
    )
    towers["NEE"] = towers["RECO"] - towers["GPP"]
    towers.attrs["resolution"] = "MM"
    sites = pd.DataFrame(
        {
            "site_id": names,
            "latitude": latitude,
            "longitude": 10.0,
            "elevation": 540.0,
            "IGBP": "DBF",
            "climate": None,
        }
    )
    return towers, sites


def read_monthly_towers(paths):
    """Read monthly FLUXNET2015 tables as the environment ``fluxnet2015`` maps them."""
    settings = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf/fluxnet2015/parameters.yml"))
    columns = TowerParameters.model_validate(settings["towers"]).columns
    towers, sites, _ = read_tidy(paths, columns, outside="keep")
    return towers, sites


def delay(towers, columns, months, sites):
    """Shift columns of some sites by some months, end to start so that no value is lost."""
    towers = towers.copy()
    for site in sites:
        rows = towers["site_id"] == site
        for column in columns:
            towers.loc[rows, column] = np.roll(towers.loc[rows, column].to_numpy(), months)
    return towers


def scramble_months(towers, columns, sites):
    """Put the months of each year in text order (1, 10, 11, 12, 2, ...) for columns of some sites."""
    towers = towers.copy()
    for site in sites:
        rows = towers["site_id"] == site
        for column in columns:
            years = towers.loc[rows, column].to_numpy().reshape(-1, 12)
            towers.loc[rows, column] = years[..., TEXT_ORDER].ravel()
    return towers
