"""Grid, land and mountains of the simulated Earth, and its smooth random fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.demo_world.continents import LAKES, LAND, MOUNTAINS

Array = NDArray[np.floating]

_EARTH_RADIUS = 6371.0
"""km."""
_WAVES = 48


@dataclass(frozen=True)
class Earth:
    """The constant features of the simulated Earth; arrays are (latitude, longitude).

    Attributes:
        latitude: Cell centres, degrees north, ascending, (latitude,).
        longitude: Cell centres, degrees east, -180 to 180, (longitude,).
        land: Whether at least half of a cell is land.
        elevation: Height above the sea, m; 0 at sea.
    """

    latitude: Array
    longitude: Array
    land: NDArray[np.bool_]
    elevation: Array

    @property
    def cell_area(self) -> Array:
        """Area of the cells, m2, (latitude, longitude)."""
        step = np.deg2rad(self.latitude[1] - self.latitude[0])
        north_south = 2 * np.sin(step / 2) * np.cos(np.deg2rad(self.latitude))
        area = (_EARTH_RADIUS * 1e3) ** 2 * step * north_south
        return np.repeat(area[:, np.newaxis], self.longitude.size, axis=1)


class RandomFields:
    """Smooth random fields on the sphere, with mean 0 and standard deviation 1.

    A field is a sum of plane waves at the sphere's surface. It has no seam or pole and is the
    same at every resolution. Each name has its own random stream, so that a new field does not
    change others.

    Args:
        seed: Seed of all fields.
        latitude: Cell centres, degrees.
        longitude: Cell centres, degrees.
    """

    def __init__(self, seed: int, latitude: Array, longitude: Array) -> None:
        self._seed = seed
        self._places = unit_vectors(latitude[:, np.newaxis], longitude[np.newaxis, :])

    def generator(self, name: str) -> np.random.Generator:
        """Return the random numbers of a name, the same at every call."""
        return np.random.default_rng([self._seed, crc32(name.encode())])

    def static(self, name: str, length: float) -> Array:
        """Return a constant field, (latitude, longitude); ``length`` is its scale, km."""
        return self.monthly(name, length, months=1, memory=0.0)[0]

    def monthly(self, name: str, length: float, months: int, memory: float) -> Array:
        """Return a field that changes from month to month.

        Args:
            name: Name of the random stream.
            length: Correlation length, km.
            months: Number of months.
            memory: Correlation with the month before.

        Returns:
            Float32 (months, latitude, longitude).
        """
        rng = self.generator(name)
        wave_numbers = rng.normal(scale=_EARTH_RADIUS / length, size=(_WAVES, 3))
        amplitudes = rng.normal(size=(months, 2 * _WAVES))
        for month in range(1, months):
            amplitudes[month] *= np.sqrt(1 - memory**2)
            amplitudes[month] += memory * amplitudes[month - 1]
        phase = (wave_numbers @ self._places.reshape(-1, 3).T).astype(np.float32)
        waves = np.concatenate([np.cos(phase), np.sin(phase)])
        fields = amplitudes.astype(np.float32) @ waves / np.float32(np.sqrt(_WAVES))
        return fields.reshape(months, *self._places.shape[:2])


def unit_vectors(latitude: Array, longitude: Array) -> Array:
    """Return places, in degrees, as vectors (..., 3) of length 1."""
    phi, theta = np.broadcast_arrays(np.deg2rad(latitude), np.deg2rad(longitude))
    return np.stack(
        [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1
    )


def make_earth(resolution: float, seed: int) -> Earth:
    """Make land and mountains on a grid of ``resolution`` degrees."""
    latitude = np.arange(-90 + resolution / 2, 90, resolution)
    longitude = np.arange(-180 + resolution / 2, 180, resolution)
    land = _land(latitude, longitude, resolution)
    ranges = _mountains(latitude, longitude)
    roughness = RandomFields(seed, latitude, longitude).static("relief", 350)
    elevation = 180 + ranges * (1 + 0.15 * roughness) + 90 * roughness
    return Earth(latitude, longitude, land, np.where(land, np.maximum(elevation, 5), 0.0))


def _points(outline: str) -> Array:
    return np.array([point.split() for point in outline.split(",")], dtype=float)


def _land(latitude: Array, longitude: Array, resolution: float) -> NDArray[np.bool_]:
    """Return the cells of which at least half is land, sampled at nine points each."""
    offsets = np.array([-1, 0, 1]) * resolution / 3
    rows = (latitude[:, np.newaxis] + offsets).ravel()
    columns = (longitude[:, np.newaxis] + offsets).ravel()
    dry = _inside(LAND, rows, columns) & ~_inside(LAKES, rows, columns)
    share = dry.reshape(latitude.size, 3, longitude.size, 3).mean(axis=(1, 3))
    return share >= 0.5


def _inside(outlines: Iterable[str], rows: Array, columns: Array) -> NDArray[np.bool_]:
    """Return the points inside an outline, (rows, columns), by the even-odd rule.

    A point is inside if a ray to the east crosses the outline an odd number of times.
    """
    inside = np.zeros((rows.size, columns.size), dtype=bool)
    for outline in outlines:
        points = _points(outline)
        within = np.zeros((rows.size, 2 * columns.size), dtype=bool)
        both_turns = np.concatenate([columns, columns + 360])
        for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
            met = np.flatnonzero((y1 > rows) != (y2 > rows))
            if met.size:
                crossing = x1 + (x2 - x1) * (rows[met] - y1) / (y2 - y1)
                within[met] ^= both_turns < crossing[:, np.newaxis]
        inside |= within[:, : columns.size] | within[:, columns.size :]
    return inside


def _mountains(latitude: Array, longitude: Array) -> Array:
    """Return the height of mountains, m, which falls with the distance from their crests."""
    places = unit_vectors(latitude[:, np.newaxis], longitude[np.newaxis, :])
    height = np.zeros(places.shape[:2])
    for peak, width, crest in MOUNTAINS:
        corners = _points(crest)
        steps = np.linspace(0, len(corners) - 1, 12 * (len(corners) - 1) + 1)
        line = [np.interp(steps, np.arange(len(corners)), corners[:, k]) for k in (0, 1)]
        nearest = (places @ unit_vectors(line[1], line[0]).T).max(axis=-1)
        distance = _EARTH_RADIUS * np.arccos(np.clip(nearest, -1, 1))
        height = np.maximum(height, peak * np.exp(-((distance / width) ** 2)))
    return height
