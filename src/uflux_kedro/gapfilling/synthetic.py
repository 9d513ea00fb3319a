"""Records whose true fluxes are known: simulated over the drivers, gaps and noise of a real one.

What a tower would have measured without gaps and errors is unknown, so that no real record tells whether
an annual sum is right. Here the truth is a response to the real drivers times slow anomalies that no
driver knows of, as those of phenology, drought and management; its levels, its noise and its gaps are those
of the record.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.evapotranspiration import priestley_taylor
from uflux_kedro.biophysics.respiration import lloyd_taylor
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.mds import fill_mds
from uflux_kedro.gapfilling.predictors import predictors_of
from uflux_kedro.gapfilling.random_uncertainty import ALIKE, random_uncertainty

_HALF_LIGHT = 300.0
"""W m-2 at which photosynthesis is at half of its maximum."""
_DRY_AIR, _CLOSURE = 10.0, 0.05
"""hPa above which photosynthesis falls, and by how much, hPa-1: Lasslop et al. (2010)."""
_SENSITIVITY = 200.0
"""Sensitivity of respiration to temperature, K."""
_NODE_DAYS = 20
"""Days between the nodes of the season."""
_PRIOR = 100.0
"""Records at a node at which they count as much as its neighbours."""
_PRESSURE = 101.3
_ANOMALY = {"GPP": 0.25, "RECO": 0.2, "LE": 0.25}
"""Standard deviation of the logarithm of each slow anomaly."""
_ANOMALY_DAYS = (5.0, 40.0)
"""Days in which the correlation of an anomaly falls to 1/e: least and most."""
_NOISE_CORRELATION = 0.3
"""Correlation of the noise of neighbouring half-hours."""
_LEAST_PAIRS = 50
"""Records with a random uncertainty from which the noise is read at least."""


class Simulated(NamedTuple):
    """A simulated record.

    Attributes:
        record: The real table; its fluxes are simulated, with noise, and missing where they were.
        truth: The same fluxes without noise and gaps, (steps, fluxes).
        noise: Standard deviation of the noise of each step, (steps, fluxes).
    """

    record: pd.DataFrame
    truth: pd.DataFrame
    noise: pd.DataFrame


class _Weather(NamedTuple):
    """Drivers without gaps, (steps,): W m-2, degC, hPa, and the energy left for LE and H, W m-2."""

    SW_IN: NDArray[np.float64]
    TA: NDArray[np.float64]
    VPD: NDArray[np.float64]
    energy: NDArray[np.float64]


def simulate(
    table: pd.DataFrame,
    steps_a_day: int,
    place: tuple[float, float, float] | None = None,
    seed: int = 0,
) -> Simulated:
    """Simulate the fluxes of a record.

    - NEE is respiration (Lloyd and Taylor 1994) minus photosynthesis, a hyperbola of light that dry air
      closes (Lasslop et al. 2010, doi 10.1111/j.1365-2486.2009.02041.x, equations 1 and 4).
    - LE is that of a wet surface (Priestley and Taylor 1972) and what goes on without energy, and H what
      is left of the energy, at the record's level.
    - The factors of photosynthesis, respiration and LE go by season as in the record.
    - Photosynthesis, respiration and LE each have an anomaly: the exponential of a process of
      Ornstein and Uhlenbeck whose correlation decays in 5 to 40 days.
    - The noise is double exponential, and its standard deviation grows with the flux (Hollinger and
      Richardson 2005; Richardson et al. 2006, doi 10.1016/j.agrformet.2005.11.008) as
      :func:`uflux_kedro.gapfilling.random_uncertainty` finds it in the record; that of neighbouring
      half-hours is correlated by 0.3.

    Args:
        table: Record of a tower (see :mod:`uflux_kedro.gapfilling`), (steps, columns), with TA and SW_IN or
            their companions. NEE, LE and H are simulated where there is any.
        steps_a_day: 48 or 24.
        place: Latitude, longitude (degrees) and hours ahead of UTC.
        seed: Seed of anomalies and noise.

    Raises:
        InputError: If SW_IN or TA is missing, or too few measured records are alike to read the noise.
    """
    random = np.random.default_rng(seed)
    weather = _weather(table, steps_a_day, place)
    anomaly = {
        name: _anomaly(len(table), steps_a_day, size, random) for name, size in _ANOMALY.items()
    }
    truth = {}
    if _has(table, "NEE"):
        truth["NEE"] = _carbon(table["NEE"].to_numpy(dtype=float), weather, steps_a_day, anomaly)
    if _has(table, "LE"):
        measured = table["LE"].to_numpy(dtype=float)
        truth["LE"] = _latent_heat(measured, weather, steps_a_day, anomaly["LE"])
    if _has(table, "H"):
        left = weather.energy - truth.get("LE", 0.5 * weather.energy)
        truth["H"] = _levelled(left, table["H"].to_numpy(dtype=float))
    record, noise = table.copy(), {}
    for flux, values in truth.items():
        measured = table[flux].to_numpy(dtype=float)
        noise[flux] = _noise_sd(flux, measured, values, weather, steps_a_day)
        drawn = _noise(len(table), _NOISE_CORRELATION ** (48 / steps_a_day), random)
        record[flux] = np.where(np.isfinite(measured), values + noise[flux] * drawn, np.nan)
    return Simulated(record, pd.DataFrame(truth, table.index), pd.DataFrame(noise, table.index))


def _has(table: pd.DataFrame, flux: str) -> bool:
    return flux in table and bool(table[flux].notna().any())


def _weather(
    table: pd.DataFrame, steps_a_day: int, place: tuple[float, float, float] | None
) -> _Weather:
    """Return the drivers with their gaps closed; what a record lacks is made from the others."""
    known = predictors_of(table, np.zeros(len(table), dtype=bool), steps_a_day, place)
    known = known.astype(float).interpolate(limit_direction="both")
    for name in ("SW_IN", "TA"):
        if name not in known or known[name].isna().any():
            raise InputError("record", name, expected="a driver to simulate with", found="none")
    SW_IN, TA = np.maximum(known["SW_IN"].to_numpy(), 0.0), known["TA"].to_numpy()
    if "VPD" in known:
        VPD = np.maximum(known["VPD"].to_numpy(), 0.0)
    else:
        # The coldest hour of a day is about at its dewpoint.
        cold = pd.Series(TA).rolling(steps_a_day, min_periods=1, center=True).min().to_numpy()
        VPD = saturation_vapour_pressure(TA) - saturation_vapour_pressure(cold)
    if "NETRAD" in known:
        energy = known["NETRAD"].to_numpy() - (known["G"].to_numpy() if "G" in known else 0.0)
    else:
        energy = 0.75 * SW_IN - 40.0
    return _Weather(SW_IN, TA, VPD, energy)


def _carbon(
    measured: NDArray[np.float64],
    weather: _Weather,
    steps_a_day: int,
    anomaly: dict[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return NEE, umol CO2 m-2 s-1."""
    light = weather.SW_IN / (weather.SW_IN + _HALF_LIGHT)
    light = light * np.exp(-_CLOSURE * np.maximum(weather.VPD - _DRY_AIR, 0.0))
    warmth = np.asarray(lloyd_taylor(weather.TA, activation=_SENSITIVITY))
    gain, loss = _by_season((-light, warmth), measured, steps_a_day)
    return gain * anomaly["GPP"] + loss * anomaly["RECO"]


def _latent_heat(
    measured: NDArray[np.float64],
    weather: _Weather,
    steps_a_day: int,
    anomaly: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return LE, W m-2."""
    wet = np.asarray(priestley_taylor(weather.TA, _PRESSURE, np.maximum(weather.energy, 0.0)))
    by_energy, always = _by_season((wet, np.ones_like(wet)), measured, steps_a_day)
    return by_energy * anomaly + always


def _by_season(
    shapes: tuple[NDArray[np.float64], ...], measured: NDArray[np.float64], steps_a_day: int
) -> list[NDArray[np.float64]]:
    """Return shapes times factors, not negative, whose sum is nearest to what was measured.

    Factors go on straight lines between nodes twenty days apart. Neighbouring nodes are drawn to each
    other, the more so the fewer records are near, so that the season goes on in gaps.
    """
    from scipy.optimize import nnls

    known = np.isfinite(measured)
    table = np.column_stack(shapes)
    place = np.arange(len(measured)) / (_NODE_DAYS * steps_a_day)
    nodes = np.arange(int(np.ceil(place[-1])) + 1)
    near = np.maximum(1 - np.abs(place[:, None] - nodes), 0.0)
    local = (near[:, :, None] * table[:, None, :]).reshape(len(table), -1)
    ties = np.sqrt(_PRIOR * np.mean(table[known] ** 2, axis=0))
    differences = np.kron(np.diff(np.eye(len(nodes)), axis=0), np.diag(ties))
    left = np.vstack([local[known], differences])
    right = np.concatenate([measured[known], np.zeros(len(differences))])
    factors = nnls(left, right)[0].reshape(len(nodes), -1)
    return [shape * (near @ own) for shape, own in zip(shapes, factors.T, strict=True)]


def _levelled(values: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values on the line that brings them nearest to what was measured."""
    known = np.isfinite(measured)
    slope, offset = np.polyfit(values[known], measured[known], 1)
    return offset + slope * values


def _anomaly(
    steps: int, steps_a_day: int, size: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return factors about 1 that change slowly, (steps,)."""
    from scipy.signal import lfilter

    least, most = np.log(_ANOMALY_DAYS)
    kept = np.exp(-1 / np.exp(random.uniform(least, most)))
    days = steps // steps_a_day + 2
    drawn = random.normal(size=days) * np.r_[1.0, np.full(days - 1, np.sqrt(1 - kept**2))]
    slow = lfilter([1.0], [1.0, -kept], drawn)
    smooth = np.interp(np.arange(steps) / steps_a_day, np.arange(days), slow)
    return np.exp(size * smooth - size**2 / 2)


def _noise_sd(
    flux: str,
    measured: NDArray[np.float64],
    truth: NDArray[np.float64],
    weather: _Weather,
    steps_a_day: int,
) -> NDArray[np.float64]:
    """Return the standard deviation of the noise at each step: a line of the size of the flux.

    The line is that of the random uncertainty of the measured records, by the mean of similar ones.

    Raises:
        InputError: If fewer than 50 records have one.
    """
    from scipy.optimize import nnls

    drivers = (weather.SW_IN, weather.TA, weather.VPD)
    similar = fill_mds(measured, *drivers, steps_a_day=steps_a_day, everywhere=True).value
    found = random_uncertainty(measured, similar, *drivers, steps_a_day, alike=ALIKE[flux])
    usable = (found.method == 1) & np.isfinite(similar)
    if usable.sum() < _LEAST_PAIRS:
        raise InputError(
            "record",
            flux,
            expected=f"{_LEAST_PAIRS} records with measured ones in like weather",
            found=f"{usable.sum()}",
        )
    size = np.abs(similar[usable])
    (least, slope), _ = nnls(np.column_stack([np.ones_like(size), size]), found.sd[usable])
    return least + slope * np.abs(truth)


def _noise(steps: int, correlation: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return double-exponential noise of variance 1, (steps,), that neighbours share in part.

    A step keeps ``correlation`` of the one before and adds, but for a share ``correlation`` ** 2 of the
    steps, a new draw: the sum has the distribution of the draws.
    """
    from scipy.signal import lfilter

    drawn = random.laplace(scale=np.sqrt(0.5), size=steps)
    drawn[1:] *= random.random(steps - 1) >= correlation**2
    return np.asarray(lfilter([1.0], [1.0, -correlation], drawn))
