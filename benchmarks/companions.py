"""How the reanalysis that is downscaled to towers differs from that of a grid cell, over the towers.

    python -m benchmarks companions FOLDER

FOLDER has ``fluxnet2015_monthly.csv.gz``: months of FLUXNET2015 towers with the weather measured there
(``TA_F``), ERA-Interim downscaled to the tower (``TA_ERA``) and a climate of half a degree (``TMIN_GRID``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.table import line
from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws

TABLE = "fluxnet2015_monthly.csv.gz"
_WATTS = 1e6 / 86400
"""W m-2 in 1 MJ m-2 d-1."""
_MEASURED = 0.8
"""Lowest share of measured half-hours of a tower's month that is compared."""
_RESAMPLES = 2000
_FAULTY = {"SW_IN": ("SN-Dhr",)}
"""Variable -> towers whose downscaled column is at fault: SN-Dhr's radiation is a twentieth of the sun's."""


class Weather(NamedTuple):
    """A variable in three sources, all in one unit.

    Attributes:
        unit: The unit.
        tower: Column measured at the tower.
        downscaled: Column of the reanalysis, downscaled to it.
        grid: Function of the table: that of the grid.
    """

    unit: str
    tower: str
    downscaled: str
    grid: Callable[[pd.DataFrame], pd.Series]


WEATHER = {
    "TA": Weather("degC", "TA_F", "TA_ERA", lambda t: (t["TMIN_GRID"] + t["TMAX_GRID"]) / 2),
    "SW_IN": Weather("W m-2", "SW_IN_F", "SW_IN_ERA", lambda t: t["SSRD_GRID"] * _WATTS),
    "VPD": Weather("hPa", "VPD_F", "VPD_ERA", lambda t: t["VPD_GRID"]),
    "P": Weather("mm d-1", "P_F", "P_ERA", lambda t: t["P_GRID"]),
}


def differences(
    sites: NDArray, first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Return how a variable of one source differs from the same months of another.

    Args:
        sites: Tower of each month, shape (n,).
        first: Values of a source, shape (n,), no NaN.
        second: Values of the other, shape (n,), no NaN.
        seed: Seed of the draws of towers.

    Returns:
        ``bias`` (mean of first minus second), ``rmse`` and ``slope`` (of first on second), each with its
        95 % interval over draws of towers.
    """
    codes, names = pd.factorize(sites)
    error = first - second
    terms = (np.ones_like(error), error, error**2, first, second, first * second, second**2)
    # Sums by tower suffice: those of a draw are weighted by how often each tower is in it.
    sums = np.stack([np.bincount(codes, term, len(names)) for term in terms], axis=1)
    draws = site_draws(len(names), _RESAMPLES, seed)
    found = {name: [] for name in ("bias", "rmse", "slope")}
    for weights in (np.ones((1, len(names))), draws):
        n, e, ee, x, y, xy, yy = (weights @ sums).T
        found["bias"].append(e / n)
        found["rmse"].append(np.sqrt(ee / n))
        found["slope"].append((n * xy - x * y) / (n * yy - y**2))
    return {
        name: (float(of_all[0]), *percentile_interval(of_draws, 0.95))
        for name, (of_all, of_draws) in found.items()
    }


def compare(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each variable and pair of sources, on the months that all three have.

    Args:
        table: Columns of :data:`WEATHER`, ``SITE_ID``, and ``<tower column>_QC``.
    """
    rows = []
    for name, (unit, tower, downscaled, grid) in WEATHER.items():
        by_source = pd.DataFrame(
            {"tower": table[tower], "downscaled": table[downscaled], "grid": grid(table)}
        )
        known = by_source.notna().all(axis=1) & (table[f"{tower}_QC"] >= _MEASURED)
        known &= ~table["SITE_ID"].isin(_FAULTY.get(name, ()))
        sites = table.loc[known, "SITE_ID"].to_numpy()
        values = {source: column[known].to_numpy(float) for source, column in by_source.items()}
        for one, other in (("downscaled", "grid"), ("downscaled", "tower"), ("grid", "tower")):
            of = differences(sites, values[one], values[other])
            towers = len(np.unique(sites))
            rows.append(
                {"variable": f"{name}, {unit}", "of": f"{one} against {other}", "towers": towers,
                 "months": len(sites), **of}
            )  # fmt: skip
    return pd.DataFrame(rows)


def main(argv: list[str]) -> None:
    """Print bias, RMSE and slope of the weather of the archives against a grid, as a markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks companions", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, help=f"folder with {TABLE}")
    path = parser.parse_args(argv).folder / TABLE
    if not path.is_file():
        raise InputError(path, None, expected="a table of towers by month", found="no such file")
    table = pd.read_csv(path, na_values=[-9999])
    print(line("variable", "of", "towers", "months", "bias", "RMSE", "slope"))
    print("|" + "---|" * 7)
    for row in compare(table).to_dict("records"):
        figures = [
            f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in (row["bias"], row["rmse"], row["slope"])
        ]
        print(line(row["variable"], row["of"], str(row["towers"]), str(row["months"]), *figures))
