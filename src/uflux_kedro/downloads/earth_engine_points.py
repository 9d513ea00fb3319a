"""Values of a collection of Google Earth Engine at towers, as tables that the readers of towers read.

A tower's table is requested in parts: one response holds at most 1,048,576 values, and the service
computes for five minutes at most. A part that is too much for it is halved. The pixel is that of the
collection's own grid, without resampling.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from math import cos, radians
from pathlib import Path
from typing import Any

from uflux_kedro.downloads.earth_engine_client import ask_until_sound, client_errors
from uflux_kedro.downloads.parameters import EarthEnginePoints
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import NothingThereError, RemoteFile, checksum
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

_FARTHEST = 0.5
"""Degrees between a tower and the middle of its pixel, at most: half a cell of 1 degree."""
_TOO_MUCH = re.compile(r"too many values|timed out|memory|too large", re.IGNORECASE)
"""Refusals of the service that fewer images avoid."""
_PLACE = ["id", "longitude", "latitude", "time"]
"""First columns of a response."""
_ID, _LONGITUDE, _LATITUDE, _TIME = range(len(_PLACE))
_DAY = timedelta(days=1)

Days = Sequence[tuple[date, int]]
"""Days, each with the number of its images."""


class Points:
    """Plans and fetches the tables of towers.

    Args:
        values: Values of one request, at most; a part has one day at least.
    """

    def __init__(self, values: int) -> None:
        self._values = values

    def plan(self, ee: Any, order: EarthEnginePoints, url: str) -> list[RemoteFile]:
        """List one table per tower.

        Args:
            ee: The client, initialised.
            order: What to fetch.
            url: Address that computes it.

        Raises:
            ConfigurationError: If a tower is not in the table of towers, or the collection lacks a band.
            InputError: If the table cannot be read, or the collection has no image of these days.
        """
        places = _ordered_places(order)
        end = str(order.last + _DAY)
        _require_bands(ee, order, end)
        product = order.collection.rsplit("/", 1)[-1]
        return [
            RemoteFile(
                name=f"{site}_{product}.csv",
                origin={
                    "source": "earth_engine",
                    "dataset": order.collection,
                    "request": {
                        "collection": order.collection,
                        "bands": [*order.bands],
                        "start": str(order.first),
                        "end": end,
                        "site_id": site,
                        "latitude": latitude,
                        "longitude": longitude,
                    },
                },
                url=url,
            )
            for site, (latitude, longitude) in places.items()
        ]

    def fetch(self, ee: Any, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Request the table of one tower in parts and write it to ``partial`` as CSV.

        Raises:
            NothingThereError: If no image covers the place, or none has a value there.
            InputError: If the service reports an error, or responds with something else.
        """
        request = file.origin["request"]
        product = request["collection"].rsplit("/", 1)[-1]
        constant = [request["site_id"], product, request["latitude"], request["longitude"]]
        partial.discard()  # an interrupted run may have left a part
        partial.path.parent.mkdir(parents=True, exist_ok=True)
        rows = valued = 0
        with partial.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            names = ["system:index", "date", "site_id", "product", "latitude", "longitude"]
            writer.writerow([*names, *request["bands"]])
            for days in self._parts(_days_of(ee, file), len(request["bands"])):
                for row in _rows(ee, file, days):
                    values = row[len(_PLACE) :]
                    writer.writerow([row[_ID], _day_of(row[_TIME]), *constant, *values])
                    rows += 1
                    valued += any(value is not None for value in values)
                _log.info("%s: up to %s, %d images", file.name, days[-1][0], rows)
        if not valued:
            partial.discard()
            raise NothingThereError(
                f"Earth Engine, {request['collection']}",
                file.name,
                expected=f"values at {request['latitude']:g}, {request['longitude']:g}",
                found=f"{rows} images without a value there" if rows else "no image of this place",
                hint="Correct the place, or leave the tower out with `without`",
            )
        _log.info("%s: %d images, %d with values", file.name, rows, valued)
        return replace(file, size=partial.size, checksum=checksum(partial.path))

    def _parts(self, days: Days, bands: int) -> Iterator[Days]:
        """Yield days whose values fit into one request."""
        part: list[tuple[date, int]] = []
        most, images = self._values // bands, 0
        for day, count in days:
            if part and images + count > most:
                yield part
                part, images = [], 0
            part.append((day, count))
            images += count
        if part:
            yield part


def _ordered_places(order: EarthEnginePoints) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each tower that is ordered.

    Raises:
        ConfigurationError: If one has no place.
        InputError: If the table cannot be read, or tells no place.
    """
    places = places_of(Path(order.towers))
    for key, named in (("sites", order.sites), ("without", order.without)):
        if unknown := [site for site in named if site not in places]:
            near = get_close_matches(unknown[0], places, n=1)
            raise ConfigurationError(
                f"download.earth_engine.{key}: {order.towers} has no place of {', '.join(unknown)}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
    chosen = [site for site in order.sites or sorted(places) if site not in order.without]
    if not chosen:
        raise ConfigurationError("download.earth_engine.without: leaves no tower")
    return {site: places[site] for site in chosen}


def places_of(path: Path) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each tower of a site table or of a snapshot.

    Raises:
        InputError: If it cannot be read, or tells no place.
    """
    from uflux_kedro.readers.towers.sites import read_sites
    from uflux_kedro.readers.towers.snapshot import is_snapshot_file, read_snapshot

    table = read_snapshot(path) if is_snapshot_file(path) else read_sites(path)
    table = table.dropna(subset=["latitude", "longitude"]).drop_duplicates("site_id")
    if table.empty:
        raise InputError(path, "latitude", expected="places of towers", found="none")
    pairs = zip(table["latitude"].tolist(), table["longitude"].tolist(), strict=True)
    return dict(zip(table["site_id"].tolist(), pairs, strict=True))


def _require_bands(ee: Any, order: EarthEnginePoints, end: str) -> None:
    """Check that the collection has images of these days, with the bands."""
    where = f"Earth Engine, {order.collection}"
    with client_errors(where):
        one = ee.ImageCollection(order.collection).filterDate(str(order.first), end).limit(1)
        found = one.aggregate_array("system:time_start").getInfo()
    if not found:
        raise InputError(
            where, None, expected=f"images of {order.first} to {order.last}", found="none"
        )
    with client_errors(where):
        bands = one.first().bandNames().getInfo()
    if lacking := [band for band in order.bands if band not in bands]:
        near = get_close_matches(lacking[0], bands, n=1)
        raise ConfigurationError(
            f"download.earth_engine.bands: {order.collection} has no {', '.join(lacking)}"
            + (f"; did you mean {near[0]}?" if near else f"; it has {', '.join(bands)}")
        )


def _days_of(ee: Any, file: RemoteFile) -> list[tuple[date, int]]:
    """Return the days that have images of the place."""
    request = file.origin["request"]
    with client_errors(f"Earth Engine, {file.name}"):
        images = _images(ee, request, request["start"], request["end"])
        stamps = images.aggregate_array("system:time_start").getInfo()
    return sorted(Counter(_day_of(stamp) for stamp in stamps).items())


def _images(ee: Any, request: dict[str, Any], start: Any, end: Any) -> Any:
    images = ee.ImageCollection(request["collection"]).filterDate(str(start), str(end))
    return images.filterBounds(_point(ee, request))


def _point(ee: Any, request: dict[str, Any]) -> Any:
    return ee.Geometry.Point([request["longitude"], request["latitude"]])


def _rows(ee: Any, file: RemoteFile, days: Days) -> list[list[Any]]:
    """Return the rows of some days, sorted; in halves if they are too much for the service at once."""
    try:
        return _part(ee, file, days[0][0], days[-1][0] + _DAY)
    except InputError as error:
        if len(days) == 1 or not _TOO_MUCH.search(str(error)):
            raise
        middle = len(days) // 2
        _log.warning("%s: %d days are too much at once; halved: %s", file.name, len(days), error)
    return [*_rows(ee, file, days[:middle]), *_rows(ee, file, days[middle:])]


def _part(ee: Any, file: RemoteFile, start: date, end: date) -> list[list[Any]]:
    """Return the rows of a part; request them again if the response is not what was asked for."""
    request = file.origin["request"]

    def ask() -> tuple[Any, str | None]:
        images = _images(ee, request, start, end).select(request["bands"])
        own_grid = images.first().select([request["bands"][0]]).projection()
        response = images.getRegion(_point(ee, request), None, own_grid).getInfo()
        return response, _fault(response, request, start, end)

    expected = f"a row for each image of {start} to {end - _DAY}"
    response = ask_until_sound(ask, file, what="table", expected=expected)
    return sorted(response[1:], key=lambda row: (row[_TIME], row[_ID]))


def _fault(response: Any, request: dict[str, Any], start: date, end: date) -> str | None:
    """Return what is wrong with a response; None if nothing."""
    if not isinstance(response, list) or not response:
        return f"{type(response).__name__} without rows"
    header, rows = [*_PLACE, *request["bands"]], response[1:]
    if response[0] != header:
        return f"the columns {response[0]}"
    if any(len(row) != len(header) for row in rows):
        return "rows of different lengths"
    if not all(isinstance(v, int | float) for row in rows for v in row[_LONGITUDE : _TIME + 1]):
        return "no numbers for place and time"
    faults = {
        "an image twice": len({row[_ID] for row in rows}) < len(rows),
        "days that were not asked for": any(not start <= _day_of(row[_TIME]) < end for row in rows),
        "a place that was not asked for": any(_is_far(row, request) for row in rows),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _is_far(row: Sequence[Any], request: dict[str, Any]) -> bool:
    north = row[_LATITUDE] - request["latitude"]
    east = (row[_LONGITUDE] - request["longitude"] + 180) % 360 - 180
    return bool(max(abs(north), abs(east) * cos(radians(request["latitude"]))) > _FARTHEST)


def _day_of(milliseconds: float) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
