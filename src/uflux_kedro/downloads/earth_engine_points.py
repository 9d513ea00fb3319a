"""Values of a collection of Google Earth Engine at towers, as tables that the readers of towers read.

A tower's table is requested year by year: one response holds at most 1,048,576 values, and the service
computes for five minutes at most. The pixel is that of the collection's own grid, without resampling.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from uflux_kedro.downloads.earth_engine_client import client_errors
from uflux_kedro.downloads.parameters import EarthEnginePoints
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile, checksum
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

_TRIES = 3
"""Attempts for a year if the response is not the table that was asked for."""
_FARTHEST = 0.1
"""Degrees of latitude between a tower and the middle of its pixel, at most."""
_ID, _TIME, _LATITUDE = 0, 3, 2
_PLACE = ["id", "longitude", "latitude", "time"]
"""First columns of a response."""
_DAY = timedelta(days=1)


class Points:
    """Plans and fetches the tables of towers."""

    def __init__(self) -> None:
        self._years: dict[tuple[str, str, str], list[int]] = {}

    def plan(self, ee: Any, order: EarthEnginePoints, url: str) -> list[RemoteFile]:
        """List one table per tower.

        Args:
            ee: The client, initialised.
            order: What to fetch.
            url: Address that computes it.

        Raises:
            ConfigurationError: If a tower is not in the table of towers.
            InputError: If the table cannot be read, or the collection has no image of these days.
        """
        places = places_of(Path(order.towers))
        if unknown := [site for site in order.sites if site not in places]:
            near = get_close_matches(unknown[0], places, n=1)
            raise ConfigurationError(
                f"download.earth_engine.sites: {order.towers} has no place of {', '.join(unknown)}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
        end = str(order.last + _DAY)
        if not self._years_of(ee, order.collection, str(order.first), end):
            raise InputError(
                f"Earth Engine, {order.collection}",
                None,
                expected=f"images of {order.first} to {order.last}",
                found="none",
            )
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
                        "latitude": places[site][0],
                        "longitude": places[site][1],
                    },
                },
                url=url,
            )
            for site in order.sites or sorted(places)
        ]

    def fetch(self, ee: Any, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Request the years of one tower and write them to ``partial`` as CSV."""
        request = file.origin["request"]
        years = self._years_of(ee, request["collection"], request["start"], request["end"])
        partial.discard()  # an interrupted run may have left a part
        partial.path.parent.mkdir(parents=True, exist_ok=True)
        product = request["collection"].rsplit("/", 1)[-1]
        constant = [request["site_id"], product, request["latitude"], request["longitude"]]
        with partial.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            names = ["system:index", "date", "site_id", "product", "latitude", "longitude"]
            writer.writerow([*names, *request["bands"]])
            rows = 0
            for start, end in _spans(request, years):
                for row in _year(ee, file, request, start, end):
                    day = _day_of(row[_TIME])
                    writer.writerow([row[_ID], day, *constant, *row[len(_PLACE) :]])
                    rows += 1
        if not rows:
            raise InputError(
                f"Earth Engine, {request['collection']}",
                file.name,
                expected=f"values at {request['latitude']:g}, {request['longitude']:g}",
                found="no image that covers this place",
                hint="Leave the tower out: name the others in sites",
            )
        return replace(file, size=partial.size, checksum=checksum(partial.path))

    def _years_of(self, ee: Any, collection: str, start: str, end: str) -> list[int]:
        """Return the years in which a collection has images."""
        key = (collection, start, end)
        if key not in self._years:
            with client_errors(f"Earth Engine, {collection}"):
                images = ee.ImageCollection(collection).filterDate(start, end)
                stamps = images.aggregate_array("system:time_start").getInfo()
            self._years[key] = sorted({_day_of(stamp).year for stamp in stamps})
        return self._years[key]


def places_of(path: Path) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each tower of a site table or of a snapshot.

    Raises:
        InputError: If it cannot be read, or tells no place.
    """
    from uflux_kedro.readers.archives import File
    from uflux_kedro.readers.towers.csv_columns import read_header
    from uflux_kedro.readers.towers.sites import read_sites
    from uflux_kedro.readers.towers.snapshot import is_snapshot, read_snapshot

    snapshot = is_snapshot(read_header(File(path)).columns)
    table = read_snapshot(path) if snapshot else read_sites(path)
    table = table.dropna(subset=["latitude", "longitude"]).drop_duplicates("site_id")
    if table.empty:
        raise InputError(path, "latitude", expected="places of towers", found="none")
    pairs = zip(table["latitude"].tolist(), table["longitude"].tolist(), strict=True)
    return dict(zip(table["site_id"].tolist(), pairs, strict=True))


def _spans(request: dict[str, Any], years: list[int]) -> Iterator[tuple[date, date]]:
    """Yield the first day of each year's request and the one after its last."""
    start, end = date.fromisoformat(request["start"]), date.fromisoformat(request["end"])
    for year in years:
        yield max(start, date(year, 1, 1)), min(end, date(year + 1, 1, 1))


def _year(
    ee: Any, file: RemoteFile, request: dict[str, Any], start: date, end: date
) -> list[list[Any]]:
    """Return the rows of a year; request them again if the response is not what was asked for."""
    for left in reversed(range(_TRIES)):
        with client_errors(f"Earth Engine, {file.name}"):
            response = _expression(ee, request, start, end).getInfo()
        fault = _fault(response, request, start, end)
        if fault is None:
            return sorted(response[1:], key=lambda row: row[_TIME])
        _log.warning("%s: not the table requested: %s; %d attempts left", file.name, fault, left)
    raise InputError(
        f"Earth Engine, {request['collection']}",
        file.name,
        expected=f"a row for each image of {start} to {end - _DAY}",
        found=str(fault),
        hint="Finished files are kept: run again to resume",
    )


def _expression(ee: Any, request: dict[str, Any], start: date, end: date) -> Any:
    images = ee.ImageCollection(request["collection"]).filterDate(str(start), str(end))
    images = images.select(request["bands"])
    point = ee.Geometry.Point([request["longitude"], request["latitude"]])
    own_grid = images.first().select([request["bands"][0]]).projection()
    return images.getRegion(point, None, own_grid)


def _fault(response: Any, request: dict[str, Any], start: date, end: date) -> str | None:
    """Return what is wrong with a response; None if nothing."""
    if not isinstance(response, list) or not response:
        return f"{type(response).__name__} without rows"
    header, rows = [*_PLACE, *request["bands"]], response[1:]
    if response[0] != header:
        return f"the columns {response[0]}"
    if any(len(row) != len(header) for row in rows):
        return "rows of different lengths"
    days = [_day_of(row[_TIME]) for row in rows]
    faults = {
        "a day twice": len(set(days)) < len(days),
        "days that were not asked for": any(not start <= day < end for day in days),
        "a place that was not asked for": any(
            abs(row[_LATITUDE] - request["latitude"]) > _FARTHEST for row in rows
        ),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _day_of(milliseconds: float) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
