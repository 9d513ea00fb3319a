"""Process baselines of the fluxes: published formulas with a few parameters to calibrate.

GPP is that of the P-model, RECO the one of Migliavacca et al. (2011), NEE their difference, LE
that of PT-JPL and H what LE leaves of the net radiation. Each has two to four parameters shared by all
places, and one multiplier by land cover class.

A baseline is computed in two steps, because a calibration repeats only the second: ``drivers``
turns inputs into what no parameter changes, ``parts`` turns these into the flux without and the flux with
the multiplier of the class: flux = first + multiplier x second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, Any]
Drivers = dict[str, NDArray[np.float64]]
Parts = tuple[NDArray[np.float64] | float, NDArray[np.float64]]

_MOL_PER_DAY = 0.0864
"""mol m-2 d-1 in one umol m-2 s-1."""
_SHARPNESS = 2.0
"""K; width of the temperature range in which cold stops photosynthesis."""
_DRY = 0.5
"""Respiration without rain, as a share of that of wet ground."""


@dataclass(frozen=True)
class Parameter:
    """A parameter with what is known of it before the calibration.

    Attributes:
        name: Name, of which docs/hybrid.md tells the meaning.
        centre: Value before the calibration.
        spread: Standard deviation of what is known of it: of its logarithm if ``positive``.
        positive: Whether it is calibrated as its logarithm.
    """

    name: str
    centre: float
    spread: float
    positive: bool = True

    def value(self, deviation: float) -> float:
        """Return the value that lies ``deviation`` spreads from the centre."""
        if self.positive:
            return float(self.centre * np.exp(self.spread * deviation))
        return float(self.centre + self.spread * deviation)


@dataclass(frozen=True)
class Baseline:
    """Process baseline of a flux.

    Attributes:
        parameters: Its parameters.
        drivers: Function of inputs by canonical variable and the vegetation index's name.
        parts: Function of drivers and parameters that returns the two parts of the flux, of which the
            second is multiplied by the multiplier of the row's class.
    """

    parameters: tuple[Parameter, ...]
    drivers: Callable[[Values, str], Drivers]
    parts: Callable[[Drivers, Values], Parts]


def intercepted_light(index: NDArray, name: str) -> NDArray[np.float64]:
    """Return the share of light that a canopy intercepts, from any vegetation index.

    For NDVI this is NDVI - 0.05 (Fisher et al., 2008) and for LAI 1 - exp(-LAI / 2) (Monsi and
    Saeki). The other lines are approximations of this project: they meet that of NDVI over bare
    ground and over dense forest. Calibrated parameters take up what they miss.

    Args:
        index: Values of the index.
        name: One of ``VEGETATION`` of ``baseline_inputs``.
    """
    if name == "LAI":
        return np.clip(1 - np.exp(-0.5 * index), 0.0, 0.95)
    soil, slope = {"NDVI": (0.05, 1.0), "NIRv": (0.02, 2.5)}.get(name, (0.05, 1.4))
    return np.clip(slope * (index - soil), 0.0, 0.95)


def _carbon_drivers(inputs: Values, vegetation: str) -> Drivers:
    from uflux_kedro.biophysics.pmodel import (
        SOME_CO2,
        light_use_efficiency,
        light_use_efficiency_of_iwue,
    )
    from uflux_kedro.biophysics.radiation import ppfd_from_shortwave

    air = (inputs["TA"], inputs["VPD"], inputs["PA"])
    if "CO2" not in inputs and "iWUE" in inputs:
        efficiency = light_use_efficiency_of_iwue(*air, inputs["iWUE"])
    else:
        efficiency = light_use_efficiency(*air, inputs.get("CO2", SOME_CO2))
    photons = ppfd_from_shortwave(inputs["SW_IN"]) * _MOL_PER_DAY
    rain = {"P": inputs["P"]} if "P" in inputs else {}
    return {
        "potential": efficiency * photons,
        "fipar": intercepted_light(inputs[vegetation], vegetation),
        "TA": inputs["TA"],
        "VPD": inputs["VPD"],
    } | rain


def _gpp(drivers: Drivers, values: Values) -> NDArray[np.float64]:
    """GPP = scale x P-model x (fIPAR - bare) x cold x dry."""
    absorbed = np.maximum(drivers["fipar"] - values["bare"], 0.0)
    warm = 1 / (1 + np.exp((values["cold"] - drivers["TA"]) / _SHARPNESS))
    moist = np.exp(-values["drought"] * drivers["VPD"])
    return values["scale"] * drivers["potential"] * absorbed * warm * moist


def _reco(drivers: Drivers, values: Values) -> NDArray[np.float64]:
    """RECO = (reference + share x potential GPP) x temperature x rain."""
    from uflux_kedro.biophysics.respiration import lloyd_taylor, rain_limitation

    source = values["reference"] + values["share"] * drivers["potential"] * drivers["fipar"]
    warmth = lloyd_taylor(drivers["TA"], source, values["activation"])
    return warmth * (rain_limitation(drivers["P"], values["half"], _DRY) if "P" in drivers else 1.0)


def _nee(drivers: Drivers, values: Values) -> Parts:
    """NEE = RECO - GPP, with the parameters that only GPP or RECO alone can tell at their centres."""
    values = {**{p.name: p.centre for p in (*_GPP, *_RECO)}, **values}
    return _reco(drivers, values), -_gpp(drivers, values)


def _energy_drivers(inputs: Values, vegetation: str) -> Drivers:
    kept = {name: inputs[name] for name in ("TA", "VPD", "PA", "SW_IN", "LW_IN")}
    return {**kept, "fipar": intercepted_light(inputs[vegetation], vegetation)}


def _net_radiation(drivers: Drivers, albedo: float) -> NDArray[np.float64]:
    from uflux_kedro.biophysics.radiation import estimated_net_radiation

    return estimated_net_radiation(drivers["SW_IN"], drivers["LW_IN"], drivers["TA"], albedo)


def _evaporation(
    drivers: Drivers, values: Values, net_radiation: NDArray[np.float64]
) -> NDArray[np.float64]:
    from uflux_kedro.biophysics.pt_jpl import pt_jpl

    parts = pt_jpl(
        *(drivers["TA"], drivers["VPD"], drivers["PA"]),
        np.maximum(net_radiation, 0.0),
        drivers["fipar"],
        optimum=values["optimum"],
        beta=values["beta"],
        alpha=values["alpha"],
    )
    return parts.canopy + parts.soil + parts.interception


def _le(drivers: Drivers, values: Values) -> Parts:
    return 0.0, _evaporation(drivers, values, _net_radiation(drivers, values["albedo"]))


def _h(drivers: Drivers, values: Values) -> Parts:
    """H = net radiation - LE; the ground's heat is left out, since over months it is small."""
    net_radiation = _net_radiation(drivers, values["albedo"])
    return net_radiation, -_evaporation(drivers, values, net_radiation)


_GPP = (
    Parameter("scale", 1.0, 0.5),
    Parameter("bare", 0.05, 0.05, positive=False),
    Parameter("cold", 0.0, 5.0, positive=False),
    Parameter("drought", 0.02, 0.02, positive=False),
)
_RECO = (
    Parameter("reference", 1.0, 0.7),
    Parameter("share", 0.2, 0.7),
    Parameter("activation", 200.0, 0.5),
    Parameter("half", 0.5, 1.0),
)
_ENERGY = (
    Parameter("alpha", 1.26, 0.2),
    Parameter("beta", 1.0, 0.7),
    Parameter("optimum", 20.0, 0.3),
    Parameter("albedo", 0.18, 0.05, positive=False),
)

BASELINES: Mapping[str, Baseline] = {
    "GPP": Baseline(_GPP, _carbon_drivers, lambda drivers, values: (0.0, _gpp(drivers, values))),
    "RECO": Baseline(_RECO, _carbon_drivers, lambda drivers, values: (0.0, _reco(drivers, values))),
    "NEE": Baseline(
        tuple(
            p for p in (*_GPP, *_RECO) if p.name in ("scale", "reference", "share", "activation")
        ),
        _carbon_drivers,
        _nee,
    ),
    "LE": Baseline(_ENERGY, _energy_drivers, _le),
    "H": Baseline(_ENERGY, _energy_drivers, _h),
}
"""Flux -> its baseline."""
