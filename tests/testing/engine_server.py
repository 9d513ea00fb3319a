"""A fake Earth Engine, which computes the expressions it receives.

Its description of the interface and its list of algorithms are Google's own, which come with the
client. Of the algorithms those stand here that our expressions use.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from tests.testing.servers import FakeService, Handler

PIXEL = 1 / 240
"""Edge of the pixels of values at a point, degrees."""


@dataclass(frozen=True)
class Image:
    """An image of a collection.

    Attributes:
        time: When it was taken.
        extent: West, south, east, north in metres.
        at: Function of band, x and y that gives numbers, masked where there are none.
        bands: Numbers on the grid that is asked for.
        names: Bands that the image has.
    """

    time: datetime
    extent: tuple[float, float, float, float]
    at: Callable[[str, np.ndarray, np.ndarray], np.ma.MaskedArray]
    bands: dict[str, np.ma.MaskedArray] = field(default_factory=dict)
    names: tuple[str, ...] = ("B02", "B04", "B08", "SCL")


class RefusalError(Exception):
    """Error of an expression that the service cannot compute."""


class EarthEngine(FakeService):
    """Discovery, algorithms, values and pixels, for one project and token.

    Attributes:
        images: Collection -> its images.
        made: Changes the bytes of an image.
        listed: Changes the rows of values at a point.
        expressions: What was asked for, in order.
    """

    def __init__(self, images: dict[str, list[Image]]) -> None:
        super().__init__()
        self.images = images
        self.token = "token-of-a-user"
        self.project = "my-project"
        self.made: Callable[[bytes], bytes] = lambda data: data
        self.listed: Callable[[list[Any]], Any] = lambda rows: rows
        self.expressions: list[dict[str, Any]] = []

    @property
    def pixels(self) -> str:
        return f"/v1/projects/{self.project}/image:computePixels"

    def answer(self, handler: Handler) -> None:
        path = urlsplit(handler.path).path
        project = f"/v1/projects/{self.project}"
        if path == "/$discovery/rest":
            text = _of_google("cloud_api_discovery_document.json").replace("v1alpha", "v1")
            handler.say(200, json.loads(text))
        elif handler.headers.get("Authorization") != f"Bearer {self.token}":
            handler.say(401, _error(401, "Request had invalid authentication credentials."))
        elif not path.startswith(f"{project}/"):
            message = "Caller does not have required permission to use project."
            handler.say(403, _error(403, message))
        elif path == f"{project}/algorithms":
            handler.say(200, json.loads(_of_google("algorithms.json")))
        elif path in {f"{project}/value:compute", self.pixels}:
            asked = handler.body()
            self.expressions.append(asked)
            try:
                self._compute(handler, asked)
            except RefusalError as refusal:
                handler.say(400, _error(400, str(refusal)))
        else:
            handler.say(404, _error(404, path))

    def _compute(self, handler: Handler, asked: dict[str, Any]) -> None:
        if "grid" not in asked:
            result = _Evaluation(self, asked["expression"]).result()
            if "getRegion" in json.dumps(asked):
                result = self.listed(result)
            return handler.say(200, {"result": result})
        grid = asked["grid"]
        assert asked["fileFormat"] == "GEO_TIFF"
        width, height = (grid["dimensions"][name] for name in ("width", "height"))
        step = grid["affineTransform"]
        transform = Affine(
            step["scaleX"], step["shearX"], step["translateX"],
            step["shearY"], step["scaleY"], step["translateY"],
        )  # fmt: skip
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        image = _Evaluation(self, asked["expression"], transform * (columns, rows)).result()
        (values,) = image.bands.values()
        if values.nbytes > 48 * 2**20:
            raise RefusalError("Total request size must be less than or equal to 50331648 bytes.")
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff", width=width, height=height, count=1, dtype=values.dtype,
                crs=grid["crsCode"], transform=transform,
            ) as raster:  # fmt: skip
                raster.write(values.filled(0), 1)
            data = self.made(memory.read())
        return handler.send_bytes(data, None, False)


def _of_google(name: str) -> str:
    return (files("ee") / "tests" / name).read_text()


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


class _Evaluation:
    """Computes one expression, a graph of calls of named functions."""

    def __init__(self, served: EarthEngine, expression: Any, places: Any = None) -> None:
        self.served = served
        self.graph = expression["values"]
        self.root = expression["result"]
        self.places = places

    def result(self) -> Any:
        return self.value({"valueReference": self.root}, {})

    def value(self, node: Any, scope: dict[str, Any]) -> Any:
        ((kind, what),) = node.items()
        if kind == "constantValue":
            return what
        if kind == "valueReference":
            return self.value(self.graph[what], scope)
        if kind == "argumentReference":
            return scope[what]
        if kind == "functionDefinitionValue":
            (name,) = what["argumentNames"]
            return lambda x: self.value(self.graph[what["body"]], {**scope, name: x})
        if kind == "arrayValue":
            return [self.value(item, scope) for item in what["values"]]
        assert kind == "functionInvocationValue", kind
        if what["functionName"] == "ImageCollection.getRegion":
            # The images are computed at the middle of the pixel in which the point is.
            x, y = self.value(what["arguments"]["geometry"], scope)
            self.places = tuple(np.array([(np.floor(v / PIXEL) + 0.5) * PIXEL]) for v in (x, y))
        arguments = {k: self.value(v, scope) for k, v in what["arguments"].items()}
        return self.call(what["functionName"], arguments)

    def call(self, name: str, given: dict[str, Any]) -> Any:
        if name == "ImageCollection.load":
            if given["id"] not in self.served.images:
                raise RefusalError(f"ImageCollection asset '{given['id']}' not found.")
            return [self.on_grid(image) for image in self.served.images[given["id"]]]
        if name == "AggregateFeatureCollection.array":
            assert given["property"] == "system:time_start"
            return [image.time.timestamp() * 1000 for image in given["collection"]]
        if name == "ImageCollection.getRegion":
            return self.region(given["collection"], given["crs"])
        return _FUNCTIONS[name](**given)

    def region(self, images: list[Image], crs: str) -> list[list[Any]]:
        """Return a header and a row for each image, of the collection's own grid."""
        assert crs == "the grid of the image", "else the service would resample to EPSG:4326"
        if not images:
            raise RefusalError("ImageCollection.getRegion: No bands in collection.")
        names = [*images[0].bands]
        if len(images) * len(names) > 1048576:
            raise RefusalError("ImageCollection.getRegion: Too many values.")
        x, y = (float(v[0]) for v in self.places)
        rows: list[list[Any]] = [["id", "longitude", "latitude", "time", *names]]
        for image in images:
            values = [v[0].item() if v.count() else None for v in image.bands.values()]
            stamp = int(image.time.timestamp() * 1000)
            rows.append([f"{image.time:%Y_%m_%d}", x, y, stamp, *values])
        return rows

    def on_grid(self, image: Image) -> Image:
        if self.places is None:
            return image
        bands = {b: image.at(b, *self.places) for b in image.names}
        return replace(image, bands=bands)


def _each(image: Image, change: Callable[[np.ma.MaskedArray], np.ma.MaskedArray]) -> Image:
    return replace(image, bands={name: change(values) for name, values in image.bands.items()})


def _select(input: Image, bandSelectors: list[str]) -> Image:
    unknown = set(bandSelectors) - set(input.bands)
    if unknown:
        raise RefusalError(f"Image.select: Band pattern '{unknown.pop()}' did not match any bands.")
    return replace(input, bands={name: input.bands[name] for name in bandSelectors})


def _remap(image: Image, to: list[int], defaultValue: int, **given: Any) -> Image:
    def change(values: np.ma.MaskedArray) -> np.ma.MaskedArray:
        found = np.full(values.shape, defaultValue)
        for old, new in zip(given["from"], to, strict=True):
            found[(values == old).filled(False)] = new
        return np.ma.masked_array(found, np.ma.getmaskarray(values))

    return _each(image, change)


def _update_mask(image: Image, mask: Image) -> Image:
    (kept,) = mask.bands.values()
    return _each(image, lambda values: np.ma.masked_where(kept.filled(0) == 0, values))


def _reduce(collection: list[Image], how: Callable[[np.ma.MaskedArray], Any]) -> Image:
    if not collection:
        raise RefusalError("Image.round: Image with no bands.")
    names = collection[0].bands
    stacks = {n: np.ma.stack([image.bands[n] for image in collection]) for n in names}
    return replace(collection[0], bands={n: np.ma.asarray(how(s)) for n, s in stacks.items()})


def _mosaic(stack: np.ma.MaskedArray) -> np.ma.MaskedArray:
    top = stack[0]
    for values in stack[1:]:
        top = np.ma.where(np.ma.getmaskarray(values), top, values)
    return top


def _mode(stack: np.ma.MaskedArray) -> np.ma.MaskedArray:
    counts = np.stack([(stack == code).filled(False).sum(axis=0) for code in range(256)])
    return np.ma.masked_array(counts.argmax(axis=0), counts.sum(axis=0) == 0)


def _first(collection: list[Image]) -> Image:
    if not collection:
        raise RefusalError("Image.select: Parameter 'input' is required and may not be null.")
    return collection[0]


def _within(rightField: str, leftValue: tuple[datetime, datetime]) -> Any:
    assert rightField == "system:time_start"
    return lambda image: leftValue[0] <= image.time < leftValue[1]


def _intersects(leftField: str, rightValue: Any) -> Any:
    assert leftField == ".all"
    west, south, east, north = rightValue["coordinates"]
    return lambda image: (
        image.extent[0] < east
        and image.extent[2] > west
        and image.extent[1] < north
        and image.extent[3] > south
    )


def _stamp(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "DateRange": lambda start, end: (_stamp(start), _stamp(end)),
    "Filter.dateRangeContains": _within,
    "Filter.intersects": _intersects,
    "Feature": lambda geometry: geometry,
    "GeometryConstructors.Point": lambda coordinates: coordinates,
    "GeometryConstructors.Rectangle": lambda **given: given,
    "Projection": lambda crs: crs,
    "Collection.first": _first,
    "Collection.filter": lambda collection, filter: [i for i in collection if filter(i)],
    "Collection.map": lambda collection, baseAlgorithm: [baseAlgorithm(i) for i in collection],
    "Image.projection": lambda image: "the grid of the image",
    "Image.constant": lambda value: value,
    "Image.select": _select,
    "Image.remap": _remap,
    "Image.updateMask": _update_mask,
    "ImageCollection.mosaic": lambda collection: _reduce(collection, _mosaic),
    "reduce.median": lambda collection: _reduce(collection, lambda s: np.ma.median(s, axis=0)),
    "reduce.mean": lambda collection: _reduce(collection, lambda s: s.mean(axis=0)),
    "reduce.mode": lambda collection: _reduce(collection, _mode),
    "Image.round": lambda value: _each(value, np.ma.round),
    "Image.unmask": lambda input, value, sameFootprint: _each(
        input, lambda values: np.ma.asarray(values.filled(value))
    ),
    "Image.toUint16": lambda value: _each(value, lambda values: values.astype("uint16")),
    "Image.toFloat": lambda value: _each(value, lambda values: values.astype("float32")),
}
