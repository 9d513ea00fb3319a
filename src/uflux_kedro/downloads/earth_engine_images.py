"""Requests to Earth Engine as JSON, and the client's expressions built from them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from uflux_kedro.downloads.parameters import EarthEngineImages

_DAY = timedelta(days=1)


def request_of(
    order: EarthEngineImages, day: date | None = None, band: str | None = None
) -> dict[str, Any]:
    """Return all that determines the values of a file, as JSON; of the whole order without ``day``."""
    end = order.last
    if day is not None:
        end = day if order.step == "day" else (day + 31 * _DAY).replace(day=1) - _DAY
    return {
        "collection": order.collection,
        "band": band,
        "start": str(day or order.first),
        "end": str(end + _DAY),
        "reducer": order.reducer,
        "clear": order.clear and {"band": order.clear.band, "classes": [*order.clear.classes]},
        "type": order.type,
        "fill": order.fill,
        "grid": order.grid.model_dump(),
    }


def images_of(ee: Any, request: dict[str, Any]) -> Any:
    """Return the expression of the images that a request selects."""
    grid = request["grid"]
    corners = [grid[edge] for edge in ("west", "south", "east", "north")]
    region = ee.Geometry.Rectangle(corners, proj=grid["crs"], geodesic=False, evenOdd=True)
    images = ee.ImageCollection(request["collection"])
    return images.filterDate(request["start"], request["end"]).filterBounds(region)


def image_of(ee: Any, request: dict[str, Any]) -> Any:
    """Return the expression of one band of one period."""
    images, band, clear = images_of(ee, request), request["band"], request["clear"]
    reducer = request["reducer"]
    if clear:
        kept = [1] * len(clear["classes"])
        images = images.map(
            lambda image: image.updateMask(
                image.select(clear["band"]).remap(clear["classes"], kept, 0)
            )
        )
        if band == clear["band"] and reducer != "mosaic":
            reducer = "mode"
    reduced = getattr(images.select(band), reducer)()
    if request["type"] != "float" and reducer != "mosaic":
        reduced = reduced.round()
    casts = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float": "toFloat"}
    return getattr(reduced.unmask(request["fill"], False), casts[request["type"]])()
