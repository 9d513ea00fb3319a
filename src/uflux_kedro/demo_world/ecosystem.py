"""Land cover, plants and true fluxes of the simulated Earth, on its land cells.

Light use follows the P-model, respiration Lloyd and Taylor and the substrate from GPP, and
evaporation Priestley and Taylor; all three depend on soil water. Sensible heat is the rest of the
available energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.biophysics.evapotranspiration import evapotranspiration_from_le, priestley_taylor
from uflux_kedro.biophysics.pmodel import light_use_efficiency
from uflux_kedro.biophysics.radiation import STEFAN_BOLTZMANN, ZERO_CELSIUS, ppfd_from_shortwave
from uflux_kedro.biophysics.respiration import lloyd_taylor
from uflux_kedro.biophysics.vapour_pressure import vpd_from_dewpoint
from uflux_kedro.demo_world.climate import DAYS_PER_MONTH, Climate
from uflux_kedro.demo_world.earth import Array, Earth, RandomFields
from uflux_kedro.variables import IGBP_CLASSES

_MOL_PER_DAY = 0.0864
"""mol d-1 in 1 umol s-1."""
_SOIL_WATER_CAPACITY = 180.0
"""mm."""

_CLASS_TRAITS = {
    # full LAI, evergreen share, light-use factor, NIR of leaves, share of GPP kept as sink
    "ENF": (4.2, 0.75, 1.00, 0.32, 0.09),
    "EBF": (5.8, 0.92, 1.10, 0.44, 0.04),
    "DNF": (3.2, 0.15, 0.90, 0.34, 0.05),
    "DBF": (5.2, 0.12, 1.12, 0.48, 0.09),
    "MF": (4.6, 0.40, 1.05, 0.40, 0.09),
    "CSH": (2.2, 0.50, 0.90, 0.36, 0.04),
    "OSH": (1.2, 0.30, 0.85, 0.34, 0.02),
    "WSA": (2.8, 0.40, 1.00, 0.40, 0.04),
    "SAV": (2.2, 0.25, 1.00, 0.40, 0.02),
    "GRA": (2.6, 0.10, 1.05, 0.42, 0.01),
    "WET": (2.6, 0.20, 0.80, 0.38, 0.14),
    "CRO": (4.2, 0.05, 1.30, 0.50, 0.05),
    "URB": (1.2, 0.25, 0.85, 0.36, -0.10),
    "CVM": (3.6, 0.20, 1.10, 0.44, 0.01),
    "SNO": (0.0, 0.0, 0.0, 0.3, 0.0),
    "BSV": (0.25, 0.30, 0.80, 0.34, 0.0),
}

CLIMATES = ("Tropical", "Arid", "Temperate", "Continental", "Arctic")
"""Koeppen's main classes, A to E, with the names in FLUXNET's site lists."""


@dataclass(frozen=True)
class Ecosystem:
    """State and fluxes of the land; arrays are (month, cell) unless said otherwise.

    Attributes:
        cover: IGBP code, (cell,).
        climate: Index into :data:`CLIMATES`, (cell,).
        SWC: Soil water, m3 m-3.
        fapar: Share of photosynthetic light that leaves absorb.
        stress: Factor of light use in drought, 0 to 1.
        RED: Red reflectance.
        NIR: Near-infrared reflectance.
        BLUE: Blue reflectance.
        fluxes: GPP, RECO, NEE (gC m-2 d-1), H, LE (W m-2).
        NETRAD: Net radiation, W m-2.
        G: Ground heat flux, W m-2.
    """

    cover: NDArray[np.int8]
    climate: NDArray[np.int8]
    SWC: Array
    fapar: Array
    stress: Array
    RED: Array
    NIR: Array
    BLUE: Array
    fluxes: dict[str, Array]
    NETRAD: Array
    G: Array


def make_ecosystem(earth: Earth, climate: Climate, CO2: Array, fields: RandomFields) -> Ecosystem:
    """Simulate land cover, plants and fluxes in a climate.

    Args:
        earth: Land and its elevation.
        climate: Weather.
        CO2: Mole fraction of the air, umol mol-1, (month,).
        fields: Random fields of the world.
    """
    land = earth.land
    TA, TS, PA, P = (getattr(climate, n)[:, land] for n in ("TA", "TS", "PA", "P"))
    SW_IN, LW_IN = climate.SW_IN[:, land], climate.LW_IN[:, land]
    VPD = vpd_from_dewpoint(TA, climate.TD[:, land])

    clear_ground = _net_radiation(SW_IN, LW_IN, TA, np.full_like(TA, 0.2))
    potential = evapotranspiration_from_le(
        priestley_taylor(TA, PA, np.maximum(clear_ground, 0)), TA
    )
    water, snow = _water_balance(P, TA, potential)
    cover = _land_cover(earth, TA, P, potential, fields)
    traits = class_traits(cover)

    lai = _leaf_area(traits, TA, water, fields.static("vigour", 700)[land])
    fapar = 0.95 * (1 - np.exp(-0.5 * lai))
    RED, NIR, BLUE = _reflectances(
        traits, lai, snow, water, fields.static("soil colour", 900)[land]
    )

    weather = {"TA": TA, "TS": TS, "PA": PA, "SW_IN": SW_IN, "LW_IN": LW_IN, "VPD": VPD}
    stress = np.clip(0.1 + 1.25 * water, 0, 1)
    fluxes, NETRAD, G = exchange(
        weather,
        CO2,
        lai=lai,
        fapar=fapar,
        albedo=0.55 * (RED + BLUE) / 2 + 0.45 * NIR,
        water=water,
        warming=TA - np.concatenate([TA[:1], TA[:-1]]),
        traits=traits,
        sink=traits["sink"] + 0.05 * fields.static("sink", 800)[land],
    )
    return Ecosystem(
        cover=cover,
        climate=_koeppen(TA, P),
        SWC=0.07 + 0.34 * water,
        fapar=fapar,
        stress=stress,
        RED=RED,
        NIR=NIR,
        BLUE=BLUE,
        fluxes=fluxes,
        NETRAD=NETRAD,
        G=G,
    )


def exchange(
    weather: Mapping[str, Array],
    CO2: Array,
    *,
    lai: Array,
    fapar: Array,
    albedo: Array,
    water: Array,
    warming: Array,
    traits: Mapping[str, Array],
    sink: Array,
) -> tuple[dict[str, Array], Array, Array]:
    """Return the fluxes of an ecosystem in given weather.

    Args:
        weather: TA, TS, PA, SW_IN, LW_IN, VPD, (time, cell).
        CO2: Mole fraction of the air, (time,).
        lai: Leaf area index, (time, cell).
        fapar: Share of photosynthetic light that leaves absorb, likewise.
        albedo: Share of sunlight that is reflected, likewise.
        water: Soil water as a share of its capacity, likewise.
        warming: Warming of the air against the time before, K, likewise.
        traits: Traits of the class, (cell,).
        sink: Share of GPP kept, (cell,).

    Returns:
        GPP, RECO, NEE, H and LE; net radiation; ground heat flux, (time, cell) each.
    """
    TA, TS, PA, SW_IN, LW_IN, VPD = (
        weather[n] for n in ("TA", "TS", "PA", "SW_IN", "LW_IN", "VPD")
    )
    NETRAD = _net_radiation(SW_IN, LW_IN, TA, albedo)
    G = np.exp(-0.4 * lai) * (1.2 * warming + 0.04 * NETRAD) + 0.4 * warming
    stress = np.clip(0.1 + 1.25 * water, 0, 1)
    GPP = _gpp(TA, VPD, PA, CO2, SW_IN=SW_IN, fapar=fapar) * traits["light_use"] * stress
    RECO = _respiration(GPP, TS, water, sink)

    # Leaves use water of all the soil, bare ground only that near its surface.
    conductance = fapar / 0.95 * stress * (1 - 0.15 * np.tanh(VPD / 20))
    wetness = conductance * 1.06 + (1 - fapar / 0.95) * np.minimum(0.05 + 0.9 * water**1.5, 1)
    LE = np.maximum(priestley_taylor(TA, PA, NETRAD - G), 0) * wetness + 1.0
    fluxes = {"GPP": GPP, "RECO": RECO, "NEE": RECO - GPP, "H": NETRAD - G - LE, "LE": LE}
    return fluxes, NETRAD, G


def water_balance_by(
    P: Array, TA: Array, SW_IN: Array, LW_IN: Array, PA: Array, days: float
) -> Array:
    """Return soil water as a share of its capacity, (time, cell), in steps of ``days``."""
    clear_ground = _net_radiation(SW_IN, LW_IN, TA, np.full_like(TA, 0.2))
    potential = evapotranspiration_from_le(
        priestley_taylor(TA, PA, np.maximum(clear_ground, 0)), TA
    )
    return _water_balance(P, TA, potential, days, round(365 / days))[0]


def _net_radiation(SW_IN: Array, LW_IN: Array, TA: Array, albedo: Array) -> Array:
    # The surface is warmer than the air in sunshine, and colder in winter.
    surface = TA + ZERO_CELSIUS - 5 + 0.03 * SW_IN
    return (1 - albedo) * SW_IN + 0.97 * (LW_IN - STEFAN_BOLTZMANN * surface**4)


def _water_balance(
    P: Array, TA: Array, potential: Array, days: float = DAYS_PER_MONTH, year: int = 12
) -> tuple[Array, Array]:
    """Simulate soil water as a bucket below a store of snow.

    Args:
        P: Precipitation, mm d-1.
        TA: Air temperature, degC.
        potential: Evaporation from wet ground, mm d-1.
        days: Days of a step.
        year: Steps of a year.

    Returns:
        Soil water as a share of its capacity, and snow, mm; both (month, cell).
    """
    frozen = 1 / (1 + np.exp(np.clip(TA / 1.5, -30, 30)))
    water = np.full(P.shape[1], 0.5 * _SOIL_WATER_CAPACITY)
    snow = np.zeros(P.shape[1])
    waters, snows = np.empty_like(P), np.empty_like(P)
    # The first year runs twice, since both stores start from arbitrary values.
    for month in [*range(year), *range(len(P))]:
        snow = snow + P[month] * frozen[month] * days
        melt = np.minimum(snow, np.maximum(TA[month] + 1, 0) * 2.5 * days)
        snow = np.minimum(snow - melt, 1000)
        supply = P[month] * (1 - frozen[month]) * days + melt
        share = np.minimum(water + supply, _SOIL_WATER_CAPACITY) / _SOIL_WATER_CAPACITY
        loss = potential[month] * np.minimum(1.3 * share, 1) * days
        water = np.clip(water + supply - loss, 0.02 * _SOIL_WATER_CAPACITY, _SOIL_WATER_CAPACITY)
        # The month's mean is approximated by its start and end.
        waters[month] = 0.5 * (share + water / _SOIL_WATER_CAPACITY)
        snows[month] = snow
    return waters, snows


def _climatology(values: Array) -> Array:
    """Return the mean of each calendar month, (12, cell)."""
    return values.reshape(-1, 12, values.shape[1]).mean(axis=0)


def _koeppen(TA: Array, P: Array) -> NDArray[np.int8]:
    """Return Koeppen's main climate class as an index into :data:`CLIMATES`."""
    monthly, rain = _climatology(TA), P.mean(axis=0) * 365
    cold, warm, mean = monthly.min(axis=0), monthly.max(axis=0), monthly.mean(axis=0)
    conditions = [warm < 10, rain < 20 * np.maximum(mean, 0) + 140, cold >= 18, cold <= -2]
    return np.select(conditions, [4, 1, 0, 3], default=2).astype(np.int8)


def _land_cover(
    earth: Earth, TA: Array, P: Array, potential: Array, fields: RandomFields
) -> NDArray[np.int8]:
    """Return the IGBP code by climate and by random farmland, bogs and patches."""
    monthly = _climatology(TA)
    cold, warm = monthly.min(axis=0), monthly.max(axis=0)
    rain = _climatology(P)
    moist = rain.mean(axis=0) / potential.mean(axis=0).clip(0.3)
    dry_months = (rain < 0.55 * _climatology(potential)).sum(axis=0)
    winter_rain = (rain * (monthly < monthly.mean(axis=0))).sum(axis=0) / rain.sum(axis=0)
    elevation = earth.elevation[earth.land]
    patches, farming, bogs = (
        fields.static(n, k)[earth.land] for n, k in (("patch", 350), ("farm", 500), ("bog", 400))
    )
    moist = moist * np.exp(0.12 * patches)
    farmland = (elevation < 1100) & (moist > 0.33) & (warm > 16) & (cold > -20) & (farming > 0.35)
    rules = [
        ((warm < 1.5) | (cold < -40) & (elevation > 1500), "SNO"),
        ((moist < 0.13) | (warm < 4), "BSV"),
        ((farmland & (farming > 1.75)) & (patches > 0.2), "URB"),
        (farmland & (cold < 18) & (farming > 0.8), "CRO"),
        (farmland & ((cold < 18) | (farming > 0.9)), "CVM"),
        ((elevation < 500) & (moist > 0.75) & (bogs > 1.25), "WET"),
        ((moist < 0.28) | (warm < 9), "OSH"),
        ((cold > 3) & (cold < 14) & (winter_rain > 0.52) & (moist < 1.1), "CSH"),
        ((cold > 12) & (moist > 0.75) & (dry_months <= 5), "EBF"),
        ((cold > 10) & (moist > 1.1), "EBF"),
        ((cold > 10) & (moist > 0.55), "WSA"),
        (cold > 10, "SAV"),
        ((moist < 0.5) & (cold > -24), "GRA"),
        ((warm < 12) & (patches > 0.6), "OSH"),
        (cold < -28, "DNF"),
        ((cold < -9) | (warm < 15), "ENF"),
        ((cold < -4) & (patches < 0.3), "MF"),
        ((cold < 8) & (patches > 0.9), "ENF"),
        ((cold < 10) & (patches < -1.1), "MF"),
        ((cold < 10), "DBF"),
    ]
    codes = [IGBP_CLASSES[name] for _, name in rules]
    return np.select([rule for rule, _ in rules], codes, IGBP_CLASSES["EBF"]).astype(np.int8)


def class_traits(cover: NDArray[np.int8]) -> dict[str, Array]:
    """Return the traits of each cell's class, (cell,) each."""
    table = np.zeros((len(IGBP_CLASSES), 5))
    for name, values in _CLASS_TRAITS.items():
        table[IGBP_CLASSES[name]] = values
    names = ("full_lai", "evergreen", "light_use", "leaf_nir", "sink")
    return dict(zip(names, table[cover].T, strict=True))


def _leaf_area(traits: dict[str, Array], TA: Array, water: Array, vigour: Array) -> Array:
    """Return leaf area index, from warmth and water of this month and the last."""
    warmth = 1 / (1 + np.exp(-(TA - 6.5) / 2.2))
    moisture = np.clip(1.5 * water, 0, 1)
    growth = warmth * moisture
    growth = 0.6 * growth + 0.4 * np.concatenate([growth[:1], growth[:-1]])
    lasting = np.clip(0.35 + moisture.mean(axis=0), 0.3, 1)
    open_share = traits["evergreen"] * lasting + (1 - traits["evergreen"]) * growth
    return traits["full_lai"] * np.exp(0.16 * vigour) * open_share


def _reflectances(
    traits: dict[str, Array], lai: Array, snow: Array, water: Array, colour: Array
) -> tuple[Array, Array, Array]:
    """Return red, near-infrared and blue reflectance of leaves, soil and snow."""
    leaves = 1 - np.exp(-0.55 * lai)
    bright = (1 + 0.15 * colour) * (1.25 - 0.6 * np.sqrt(water))
    # Trees rise above the snow and hide most of it.
    white = (1 - np.exp(-snow / 15)) * np.exp(-0.45 * lai)
    bands = []
    for soil, leaf, fresh in (
        (0.19, 0.032, 0.82),
        (0.26, traits["leaf_nir"], 0.72),
        (0.10, 0.022, 0.85),
    ):
        ground = soil * bright * (1 - leaves) + leaf * leaves
        bands.append(ground * (1 - white) + fresh * white)
    return bands[0], bands[1], bands[2]


def _gpp(TA: Array, VPD: Array, PA: Array, CO2: Array, *, SW_IN: Array, fapar: Array) -> Array:
    """Return gross primary productivity without drought, gC m-2 d-1."""
    # Plants assimilate in daylight, when the air is warmer and drier than the daily mean.
    by_day = TA + 2.0 + 0.008 * SW_IN
    efficiency = light_use_efficiency(by_day, 1.25 * VPD, PA, CO2[:, np.newaxis])
    thawed = 1 / (1 + np.exp(-(TA - 1.0) / 1.8))
    return efficiency * thawed * fapar * ppfd_from_shortwave(SW_IN) * _MOL_PER_DAY


def _respiration(GPP: Array, TS: Array, water: Array, sink: Array) -> Array:
    """Return ecosystem respiration, gC m-2 d-1: of plants by GPP, of soil by warmth and water.

    Over all years, soil respires the GPP that plants do not, minus the share that the land keeps
    as a sink.
    """
    by_plants = 0.42
    response = lloyd_taylor(TS) * (0.3 + 0.7 * np.minimum(1.6 * water, 1))
    response = response / response.mean(axis=0)
    return by_plants * GPP + (1 - by_plants - sink) * GPP.mean(axis=0) * response
