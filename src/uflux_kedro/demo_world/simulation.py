"""The complete simulation: land, weather, CO2 and plants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uflux_kedro.demo_world.climate import Climate, make_climate
from uflux_kedro.demo_world.earth import Array, Earth, RandomFields, make_earth
from uflux_kedro.demo_world.ecosystem import Ecosystem, make_ecosystem
from uflux_kedro.demo_world.parameters import DemoWorldParameters


@dataclass(frozen=True)
class World:
    """The truth of one simulated Earth.

    Attributes:
        parameters: Parameters of the simulation.
        earth: Land and mountains.
        fields: Random fields, also used for the errors of instruments.
        climate: Weather.
        CO2: Global mean mole fraction, umol mol-1, (month,).
        ecosystem: Plants and fluxes.
    """

    parameters: DemoWorldParameters
    earth: Earth
    fields: RandomFields
    climate: Climate
    CO2: Array
    ecosystem: Ecosystem


def simulate(parameters: DemoWorldParameters) -> World:
    """Simulate an Earth, its weather and its plants."""
    earth = make_earth(parameters.resolution, parameters.seed)
    fields = RandomFields(parameters.seed, earth.latitude, earth.longitude)
    climate = make_climate(earth, fields, len(parameters.years))
    CO2 = _carbon_dioxide(parameters)
    ecosystem = make_ecosystem(earth, climate, CO2, fields)
    return World(parameters, earth, fields, climate, CO2, ecosystem)


def _carbon_dioxide(parameters: DemoWorldParameters) -> Array:
    """Return global CO2, umol mol-1: growth of recent decades and the northern season."""
    months = np.arange(12 * len(parameters.years))
    since_2000 = parameters.first_year - 2000 + months / 12
    season = 1.9 * np.cos(2 * np.pi * (months - 3.5) / 12)
    return 369.5 + 1.75 * since_2000 + 0.019 * since_2000**2 + season
