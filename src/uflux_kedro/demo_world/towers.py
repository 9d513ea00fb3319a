"""Flux towers of the simulated Earth: their places and measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.vapour_pressure import vpd_from_dewpoint
from uflux_kedro.demo_world.days import Days
from uflux_kedro.demo_world.earth import Array
from uflux_kedro.demo_world.ecosystem import CLIMATES
from uflux_kedro.demo_world.files import zip_bytes
from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.demo_world.simulation import World
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.simulated import WORD
from uflux_kedro.variables import IGBP_CLASSES, IGBP_NAMES

_MISSING = -9999.0

CLASS_SHARES = {
    "ENF": 22, "GRA": 15, "DBF": 13, "CRO": 13, "EBF": 10, "MF": 6, "OSH": 6, "WET": 6, "SAV": 5,
    "WSA": 5, "CSH": 3, "DNF": 1, "CVM": 1,
}  # fmt: skip
"""IGBP class -> share of towers, percent, about as in FLUXNET2015."""

_WEATHER_ERRORS = {
    # constant difference to the grid cell, error of a month; relative for those in _RELATIVE
    "TA_F": (0.5, 0.3),
    "SW_IN_F": (0.02, 0.02),
    "LW_IN_F": (3.0, 2.0),
    "VPD_F": (0.05, 0.05),
    "PA_F": (0.3, 0.05),
    "P_F": (0.1, 0.15),
    "WS_F": (0.1, 0.1),
    "CO2_F_MDS": (3.0, 1.5),
}
_RELATIVE = ("SW_IN_F", "VPD_F", "P_F", "WS_F")

_REGIONS = (
    # prefix, west, east, south, north, relative density of towers; the first that fits counts
    ("EU", -12, 40, 36, 72, 10.0),
    ("NA", -170, -52, 15, 75, 5.0),
    ("SA", -90, -30, -60, 15, 0.8),
    ("OC", 110, 180, -50, -8, 3.0),
    ("AS", 34.5, 180, 12.5, 90, 1.0),
    ("AF", -20, 55, -40, 38, 0.8),
    ("AS", -180, 180, -90, 90, 1.0),
)


@dataclass(frozen=True)
class Tower:
    """A tower and its monthly table.

    Attributes:
        site_id: Name of the site: two letters of the region and a number.
        cell: Index among the land cells.
        latitude: Degrees north, within the cell.
        longitude: Degrees east, within the cell.
        table: FLUXNET2015 columns, one row per month or day; missing values are -9999.
    """

    site_id: str
    cell: int
    latitude: float
    longitude: float
    table: pd.DataFrame

    def archive(self) -> tuple[str, bytes]:
        """Return name and bytes of the table's zip, as FLUXNET2015 distributes it.

        A last column says that the tower is simulated.
        """
        first, last = (str(self.table["TIMESTAMP"].iloc[end]) for end in (0, -1))
        years, step = f"{first[:4]}-{last[:4]}", "DD" if len(first) == 8 else "MM"
        stem = f"FLX_{self.site_id}_FLUXNET2015_FULLSET"
        table = self.table.assign(**{WORD: 1})
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        return f"{stem}_{years}_1-4.zip", zip_bytes(f"{stem}_{step}_{years}_1-4.csv", text)


def make_towers(world: World, days: Days | None = None) -> list[Tower]:
    """Place towers, most of them in Europe and North America, and simulate measurements.

    Args:
        world: The world.
        days: Its days, for daily tables; None for monthly ones.
    """
    earth = world.earth
    rows, columns = np.nonzero(earth.land)
    rng = world.fields.generator("tower places")
    cells = _places(
        earth.latitude[rows],
        earth.longitude[columns],
        world.ecosystem.cover,
        world.parameters.n_towers,
        rng,
    )
    return _set_up(world, cells, "tower", rng, days)


def towers_at(world: World, cells: Sequence[int], name: str) -> list[Tower]:
    """Set up towers in given cells and simulate measurements.

    Args:
        world: The world.
        cells: Index among the land cells of each tower; several towers may share a cell and then
            differ in their place within it, their record and their errors.
        name: Name of the network, on which all random numbers depend.

    Returns:
        The towers by ``site_id``; its number is one more than the position in ``cells``.
    """
    return _set_up(world, cells, name, world.fields.generator(f"{name} places"))


def _set_up(
    world: World,
    cells: Sequence[int],
    name: str,
    rng: np.random.Generator,
    days: Days | None = None,
) -> list[Tower]:
    earth = world.earth
    weather = days.weather if days else vars(world.climate)
    state, CO2 = (days, days.CO2) if days else (world.ecosystem, world.CO2)
    rows, columns = np.nonzero(earth.land)
    latitude, longitude = earth.latitude[rows], earth.longitude[columns]
    towers = []
    for number, cell in enumerate(cells):
        aside = rng.uniform(-0.4, 0.4, size=2) * world.parameters.resolution
        prefix = _REGIONS[_region(latitude[cell], longitude[cell])][0]
        site_id = f"{prefix}-D{number + 1:02d}"
        truth = {
            variable: weather[variable][:, rows[cell], columns[cell]].astype(float)
            for variable in ("TA", "TD", "SW_IN", "LW_IN", "PA", "P", "U", "V")
        }
        truth |= {flux: values[:, cell] for flux, values in state.fluxes.items()}
        truth |= {"NETRAD": state.NETRAD[:, cell], "G": state.G[:, cell], "CO2": CO2}
        rng_of_tower = world.fields.generator(f"{name} {number}")
        table = _measure(truth, world.parameters, rng_of_tower, days.times if days else None)
        towers.append(
            Tower(
                site_id,
                int(cell),
                round(float(latitude[cell] + aside[0]), 4),
                round(float(longitude[cell] + aside[1]), 4),
                table,
            )
        )
    return sorted(towers, key=lambda tower: tower.site_id)


def site_table(world: World, towers: list[Tower]) -> pd.DataFrame:
    """Return the metadata of towers with FLUXNET's column names."""
    earth, ecosystem = world.earth, world.ecosystem
    elevation = earth.elevation[earth.land]
    return pd.DataFrame(
        {
            "SITE_ID": [t.site_id for t in towers],
            "LOCATION_LAT": [t.latitude for t in towers],
            "LOCATION_LONG": [t.longitude for t in towers],
            "LOCATION_ELEV": [round(float(elevation[t.cell])) for t in towers],
            "IGBP": [IGBP_NAMES[int(ecosystem.cover[t.cell])] for t in towers],
            "CLIMATE": [CLIMATES[ecosystem.climate[t.cell]] for t in towers],
        }
    )


def _region(latitude: float, longitude: float) -> int:
    return next(
        index
        for index, (_, west, east, south, north, _) in enumerate(_REGIONS)
        if west <= longitude <= east and south <= latitude <= north
    )


def _places(
    latitude: Array,
    longitude: Array,
    cover: NDArray[np.int8],
    n_towers: int,
    rng: np.random.Generator,
) -> list[int]:
    """Choose a land cell per tower, with classes in FLUXNET's proportions where possible."""
    weight = np.array(
        [
            _REGIONS[_region(y, x)][-1] * np.cos(np.deg2rad(y))
            for y, x in zip(latitude, longitude, strict=True)
        ]
    )
    cells = {name: np.flatnonzero(cover == IGBP_CLASSES[name]) for name in CLASS_SHARES}
    taken = dict.fromkeys(CLASS_SHARES, 0)
    room = sum(len(c) for c in cells.values())
    if n_towers > room:
        raise ConfigurationError(
            f"demo_world.n_towers = {n_towers}: expected at most {room}, the number of vegetated "
            "land cells at this resolution. Lower it, or set a finer demo_world.resolution"
        )
    for _ in range(n_towers):
        # The class furthest below its share gets the next tower.
        open_classes = [name for name in CLASS_SHARES if taken[name] < len(cells[name])]
        taken[max(open_classes, key=lambda n: CLASS_SHARES[n] / (taken[n] + 0.5))] += 1
    places: list[int] = []
    for name, count in taken.items():
        if count:
            chance = weight[cells[name]] / weight[cells[name]].sum()
            places += rng.choice(cells[name], size=count, replace=False, p=chance).tolist()
    return places


def _measure(
    truth: dict[str, Array],
    parameters: DemoWorldParameters,
    rng: np.random.Generator,
    days: pd.DatetimeIndex | None = None,
) -> pd.DataFrame:
    """Return the table of one tower, by months or by ``days``."""
    first, last = _record(len(parameters.years), rng)
    years = range(parameters.first_year + first, parameters.first_year + last)
    rows, stamps = slice(12 * first, 12 * last), [100 * y + m for y in years for m in range(1, 13)]
    if days is not None:
        rows = slice(*days.searchsorted([pd.Timestamp(y, 1, 1) for y in (years[0], years[-1] + 1)]))
        stamps = [int(day) for day in days[rows].strftime("%Y%m%d")]
    truth = {name: values[rows] for name, values in truth.items()}
    months = len(stamps)

    # A dictionary, since a table takes longer to add a column to than to compute it.
    table = {"TIMESTAMP": np.array(stamps)}
    weather = {
        "TA_F": truth["TA"],
        "SW_IN_F": truth["SW_IN"],
        "LW_IN_F": truth["LW_IN"],
        "VPD_F": vpd_from_dewpoint(truth["TA"], truth["TD"]),
        "PA_F": truth["PA"],
        "P_F": truth["P"],
        "WS_F": 1.2 + 0.5 * np.hypot(truth["U"], truth["V"]),
        "CO2_F_MDS": truth["CO2"],
    }
    for name, values in weather.items():
        constant, monthly = _WEATHER_ERRORS[name]
        error = rng.normal(scale=constant) + rng.normal(scale=monthly, size=months)
        table[name] = values * np.exp(error) if name in _RELATIVE else values + error
        table[f"{name}_QC"] = np.round(rng.beta(9, 0.6, size=months), 4)
    _energy(table, truth, parameters, rng)
    _carbon(table, truth, parameters, rng)
    return pd.DataFrame(table)


def _record(years: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the first year and the one after the last; 60 % of towers measure in all years."""
    if years == 1 or rng.random() < 0.6:
        return 0, years
    length = int(rng.integers(min(2, years - 1), years))
    first = int(rng.integers(0, years - length + 1))
    return first, first + length


def _quality(months: int, gaps: float, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Return the share of good half-hours by month, and whether each month is missing."""
    missing = rng.random(months) < gaps
    if rng.random() < 0.3 * (gaps > 0):
        missing[: rng.integers(1, 6)] = True
    # A tower without any flux would have no file.
    if missing.all():
        missing[months // 2] = False
    return np.round(rng.beta(5, 1.0, size=months), 4), missing


def _energy(
    table: dict[str, NDArray],
    truth: dict[str, Array],
    parameters: DemoWorldParameters,
    rng: np.random.Generator,
) -> None:
    """Add NETRAD, G, and H and LE, both as measured and corrected for closure."""
    quality, missing = _quality(len(table["TIMESTAMP"]), parameters.tower_gaps, rng)
    noise = parameters.flux_noise / np.sqrt(0.3 + 0.7 * quality)
    table["NETRAD"] = truth["NETRAD"] + rng.normal(scale=2.0 * noise)
    table["G_F_MDS"] = truth["G"] + rng.normal(scale=0.5 * noise)
    site = np.exp(rng.normal(scale=0.7 * parameters.site_effect))
    LE = truth["LE"] * site + rng.normal(scale=(1.5 + 0.05 * np.abs(truth["LE"])) * noise)
    H = table["NETRAD"] - table["G_F_MDS"] - LE
    lost = rng.normal(scale=0.06) + rng.normal(scale=0.03, size=len(LE))
    found = parameters.energy_balance_closure * np.exp(lost)
    for name, flux in (("H", H), ("LE", LE)):
        table[f"{name}_F_MDS"] = np.where(missing, _MISSING, flux * found)
        table[f"{name}_F_MDS_QC"] = np.where(missing, _MISSING, quality)
        table[f"{name}_CORR"] = np.where(missing, _MISSING, flux)


def _carbon(
    table: dict[str, NDArray],
    truth: dict[str, Array],
    parameters: DemoWorldParameters,
    rng: np.random.Generator,
) -> None:
    """Add NEE and its nighttime and daytime partitions."""
    quality, missing = _quality(len(table["TIMESTAMP"]), parameters.tower_gaps, rng)
    noise = parameters.flux_noise / np.sqrt(0.3 + 0.7 * quality)
    shared = rng.normal(scale=parameters.site_effect)
    GPP = truth["GPP"] * np.exp(shared)
    RECO = truth["RECO"] * np.exp(0.7 * shared + rng.normal(scale=0.6 * parameters.site_effect))
    NEE = RECO - GPP + rng.normal(scale=(0.08 + 0.025 * (GPP + RECO)) * noise)
    # The nighttime method measures respiration at night; GPP is then respiration minus NEE.
    nighttime = np.maximum(RECO + rng.normal(scale=(0.05 + 0.04 * RECO) * noise), 0)
    daytime = {
        "RECO_DT_VUT_REF": RECO * 1.02 + rng.normal(scale=(0.05 + 0.04 * RECO) * noise),
        "GPP_DT_VUT_REF": GPP * 1.01 + rng.normal(scale=(0.05 + 0.04 * GPP) * noise),
    }
    columns = {
        "NEE_VUT_REF": NEE,
        "NEE_VUT_REF_QC": quality,
        "RECO_NT_VUT_REF": nighttime,
        "GPP_NT_VUT_REF": nighttime - NEE,
        **{name: np.maximum(values, 0) for name, values in daytime.items()},
    }
    for name, values in columns.items():
        table[name] = np.where(missing, _MISSING, values)
