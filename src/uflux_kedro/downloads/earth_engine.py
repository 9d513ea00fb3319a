"""Images of Google Earth Engine through its own client, ``earthengine-api``.

The client builds the expression and speaks for the user; the service computes it on the grid that
is asked for and answers with a GeoTIFF (``computePixels``, 48 MB at most). A file larger than one
answer is put together of several, in memory of one. The questions go through our own session, which
waits as the service asks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from uflux_kedro.downloads.earth_engine_images import image_of, images_of, request_of
from uflux_kedro.downloads.parameters import EarthEngineImages
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile, checksum
from uflux_kedro.downloads.session import Patience, Session
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

API = "https://earthengine.googleapis.com"
_LONGEST_COMPUTATION = 330.0
"""Seconds; Earth Engine gives up after 300."""

_TRIES = 3
"""Times that a tile is asked for whose bytes are no image of its grid."""

_HINT = (
    "Is the project registered for Earth Engine, and may you use it and the collection? See"
    " https://developers.google.com/earth-engine/guides/access"
)


class EarthEngineFetcher:
    """Fetches periods and bands of a collection.

    Args:
        url: Address of the service.
        credentials: Of ``google-auth``; None for those that ``earthengine authenticate`` or
            Google's application default credentials left.
        patience: How long to try.
        tile: Edge of the part of a grid that one request asks for, cells.
    """

    def __init__(
        self,
        url: str = API,
        credentials: Any = None,
        patience: Patience | None = None,
        tile: int = 2048,
    ) -> None:
        self._url = url.rstrip("/")
        self._given = credentials
        patience = patience or Patience()
        patience = replace(patience, timeout=max(patience.timeout, _LONGEST_COMPUTATION))
        self._session = Session(patience, methods=("GET", "POST"))
        self._tile = tile
        self._project = ""

    @cached_property
    def _package(self) -> Any:
        try:
            import ee
            import rasterio  # noqa: F401 - said now rather than after hours of other downloads
        except ImportError as error:
            raise ConfigurationError(
                "Downloads from Earth Engine need the packages earthengine-api and rasterio:"
                " pip install 'uflux_kedro[earth_engine]'"
            ) from error
        return ee

    @cached_property
    def _credentials(self) -> Any:
        if self._given is not None:
            return self._given
        try:
            return self._package.data.get_persistent_credentials()
        except self._package.EEException as error:
            raise ConfigurationError(
                "Downloads from Earth Engine need your credentials: run `earthengine authenticate`"
                " once, or name a service account's key in GOOGLE_APPLICATION_CREDENTIALS"
            ) from error

    def _client(self, project: str) -> Any:
        """The client, which holds one project at a time."""
        ee = self._package
        if project != self._project:
            credentials = self._credentials
            ee.data.setMaxRetries(0)  # our session's matter
            with _said(f"Earth Engine, project {project}"):
                ee.Initialize(
                    credentials, url=self._url, project=project, http_transport=_Http(self._session)
                )
            self._project = project
        return ee

    def plan(self, order: EarthEngineImages) -> list[RemoteFile]:
        """One GeoTIFF a band and period that has images.

        Raises:
            ConfigurationError: If the package or the user's credentials are wanting.
            InputError: If the service refuses, or the collection has no image there.
        """
        ee = self._client(order.project)
        with _said(f"Earth Engine, {order.collection}"):
            stamps = images_of(ee, request_of(order)).aggregate_array("system:time_start").getInfo()
        days = {datetime.fromtimestamp(stamp / 1000, UTC).date() for stamp in stamps}
        if order.step == "month":
            days = {day.replace(day=1) for day in days}
        if not days:
            raise InputError(
                f"Earth Engine, {order.collection}",
                None,
                expected=f"images from {order.first} to {order.last} on the grid",
                found="none",
            )
        name = order.collection.rsplit("/", 1)[-1]
        return [
            RemoteFile(
                name=f"{name}_{day:{'%Y%m%d' if order.step == 'day' else '%Y-%m'}}_{band}.tif",
                origin={
                    "source": "earth_engine",
                    "dataset": order.collection,
                    "request": request_of(order, day, band),
                },
                url=f"{self._url}/v1/projects/{order.project}/image:computePixels",
            )
            for day in sorted(days)
            for band in order.bands
        ]

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """See :meth:`uflux_kedro.downloads.remote.Fetcher.fetch`."""
        import rasterio
        from rasterio.transform import Affine

        request = file.origin["request"]
        ee = self._client(file.url.split("/")[-2])
        with _said(f"Earth Engine, {file.name}"):
            image = image_of(ee, request)
        grid = request["grid"]
        side, north = grid["resolution"], grid["north"]
        # What a stopped run left of a file is not whole tiles.
        partial.discard()
        partial.path.parent.mkdir(parents=True, exist_ok=True)
        profile = {
            "driver": "GTiff",
            "width": round((grid["east"] - grid["west"]) / side),
            "height": round((north - grid["south"]) / side),
            "count": 1,
            "dtype": _dtype(request),
            "crs": grid["crs"],
            "transform": Affine(side, 0, grid["west"], 0, -side, north),
            "compress": "deflate",
            "tiled": True,
        }
        with rasterio.open(partial.path, "w", **profile) as target:
            for window in _windows(target.width, target.height, self._tile):
                transform = target.window_transform(window)
                target.write(
                    self._ask(ee, image, file, request, window, transform), 1, window=window
                )
        return replace(file, size=partial.size, checksum=checksum(partial.path))

    def _ask(
        self, ee: Any, image: Any, file: RemoteFile, request: Any, window: Any, transform: Any
    ) -> Any:
        """Numbers of one part of the grid, asked for again where the answer is no image of it."""
        asked = {
            "expression": image,
            "fileFormat": "GEO_TIFF",
            "grid": {
                "dimensions": {"width": window.width, "height": window.height},
                "affineTransform": {
                    "scaleX": transform.a,
                    "shearX": 0,
                    "translateX": transform.c,
                    "shearY": 0,
                    "scaleY": transform.e,
                    "translateY": transform.f,
                },
                "crsCode": request["grid"]["crs"],
            },
        }
        for left in reversed(range(_TRIES)):
            with _said(f"Earth Engine, {file.name}"):
                answer = ee.data.computePixels(asked)
            values, fault = _opened(answer, (window.height, window.width), _dtype(request))
            if fault is None:
                return values
            _log.warning("%s: %s; %d more tries", file.name, fault, left)
        raise InputError(
            f"Earth Engine, {file.origin['dataset']}",
            file.name,
            expected=f"a GeoTIFF of {window.height} x {window.width} cells",
            found=str(fault),
            hint="Files that are whole are kept: the next run goes on from there",
        )


def _dtype(request: dict[str, Any]) -> str:
    return {"float": "float32"}.get(request["type"], request["type"])


def _windows(width: int, height: int, side: int) -> Iterator[Any]:
    from rasterio.windows import Window

    for row in range(0, height, side):
        for column in range(0, width, side):
            yield Window(column, row, min(side, width - column), min(side, height - row))


def _opened(answer: bytes, shape: tuple[int, int], dtype: str) -> tuple[Any, str | None]:
    """Numbers of a GeoTIFF, or what is wrong with it."""
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    try:
        with MemoryFile(answer) as memory, memory.open() as raster:
            if raster.count != 1 or raster.shape != shape or raster.dtypes[0] != dtype:
                return None, f"{raster.count} bands of {raster.shape} cells, {raster.dtypes[0]}"
            return raster.read(1), None
    except (RasterioError, ValueError) as error:
        return None, f"{len(answer)} bytes, {type(error).__name__}: {error}"


@contextmanager
def _said(where: str) -> Iterator[None]:
    """Turns what the client raises into an error of ours that says where."""
    from ee import EEException
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error

    try:
        yield
    except (EEException, GoogleAuthError, Error) as error:
        found = " ".join(str(error).split())
        raise InputError(where, None, expected="an answer", found=found, hint=_HINT) from error


class _Http:
    """What the client speaks through: the interface of httplib2 over our session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        import httplib2

        response = self._session.exchange(method, uri, body, headers)
        told = httplib2.Response(dict(response.headers) | {"status": str(response.status_code)})
        return told, response.content
