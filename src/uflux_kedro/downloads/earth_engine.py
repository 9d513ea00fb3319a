"""Images and values at towers from Google Earth Engine through its own client, ``earthengine-api``.

The client builds the expression and authenticates the user; the service computes it on the requested
grid and responds with a GeoTIFF (``computePixels``, 48 MB at most). A larger file is assembled from
several responses, one in memory at a time. Requests go through our own session, which retries and
waits as the service asks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from uflux_kedro.downloads.addresses import require_encryption
from uflux_kedro.downloads.earth_engine_client import Http, ask_until_sound, client_errors
from uflux_kedro.downloads.earth_engine_images import image_of, images_of, request_of
from uflux_kedro.downloads.earth_engine_points import Points
from uflux_kedro.downloads.parameters import EarthEngineImages, EarthEnginePoints
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile, checksum
from uflux_kedro.downloads.session import Patience, Session
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

API = "https://earthengine.googleapis.com"
_LONGEST_COMPUTATION = 330.0
"""Timeout of a request, seconds; Earth Engine itself gives up after 300."""


class EarthEngineFetcher:
    """Fetcher of image collections: on a grid, by period and band, or at towers.

    Args:
        url: Address of the service.
        credentials: Credentials of ``google-auth``; None uses those that ``earthengine
            authenticate`` saved, or Google's application default credentials.
        patience: Retries and timeouts.
        tile: Edge of the tile that one request covers, cells.
        values: Values at a tower that one request is for, at most.

    Raises:
        ConfigurationError: If the service would get the credentials in clear.
    """

    def __init__(
        self,
        url: str = API,
        credentials: Any = None,
        patience: Patience | None = None,
        tile: int = 2048,
        values: int = 2**15,
    ) -> None:
        require_encryption(url)
        self._url = url.rstrip("/")
        self._given = credentials
        patience = patience or Patience()
        patience = replace(patience, timeout=max(patience.timeout, _LONGEST_COMPUTATION))
        self._session = Session(patience, methods=("GET", "POST"))
        self._tile = tile
        self._project = ""
        self._points = Points(values)

    @cached_property
    def _package(self) -> Any:
        try:
            import ee
            import rasterio  # noqa: F401 - fails now rather than after hours of other downloads
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
                " once, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
            ) from error

    def _client(self, project: str) -> Any:
        """Return the client, initialised for a project; it holds one project at a time."""
        ee = self._package
        if project != self._project:
            credentials = self._credentials
            ee.data.setMaxRetries(0)  # our session retries
            with client_errors(f"Earth Engine, project {project}"):
                ee.Initialize(
                    credentials, url=self._url, project=project, http_transport=Http(self._session)
                )
            self._project = project
        return ee

    def plan(self, order: EarthEngineImages | EarthEnginePoints) -> list[RemoteFile]:
        """List one GeoTIFF per band and period that has images, or one table per tower.

        Raises:
            ConfigurationError: If a package or the user's credentials are missing.
            InputError: If the service reports an error, or the collection has no image there.
        """
        ee = self._client(order.project)
        if isinstance(order, EarthEnginePoints):
            url = f"{self._url}/v1/projects/{order.project}/value:compute"
            return self._points.plan(ee, order, url)
        with client_errors(f"Earth Engine, {order.collection}"):
            stamps = images_of(ee, request_of(order)).aggregate_array("system:time_start").getInfo()
        days = {datetime.fromtimestamp(stamp / 1000, UTC).date() for stamp in stamps}
        if order.step == "month":
            days = {day.replace(day=1) for day in days}
        if not days:
            raise InputError(
                f"Earth Engine, {order.collection}",
                None,
                expected=f"images of {order.first} to {order.last} on the grid",
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
        """Request the tiles of one file and write them to ``partial`` as one GeoTIFF, or a tower's table."""
        import rasterio
        from rasterio.transform import Affine

        request = file.origin["request"]
        ee = self._client(file.url.split("/")[-2])
        if "site_id" in request:
            return self._points.fetch(ee, file, partial)
        with client_errors(f"Earth Engine, {file.name}"):
            image = image_of(ee, request)
        grid = request["grid"]
        side, north = grid["resolution"], grid["north"]
        # An interrupted run may have left half a tile.
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
                    self._tile_values(ee, image, file, request, window, transform), 1, window=window
                )
        return replace(file, size=partial.size, checksum=checksum(partial.path))

    def _tile_values(
        self, ee: Any, image: Any, file: RemoteFile, request: Any, window: Any, transform: Any
    ) -> Any:
        """Return the values of one tile; request it again if the response is not an image of it."""
        query = {
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
        shape = (window.height, window.width)
        return ask_until_sound(
            lambda: _decode(ee.data.computePixels(query), shape, _dtype(request)),
            file,
            what="tile",
            expected=f"a GeoTIFF of {window.height} x {window.width} cells",
        )


def _dtype(request: dict[str, Any]) -> str:
    return {"float": "float32"}.get(request["type"], request["type"])


def _windows(width: int, height: int, side: int) -> Iterator[Any]:
    from rasterio.windows import Window

    for row in range(0, height, side):
        for column in range(0, width, side):
            yield Window(column, row, min(side, width - column), min(side, height - row))


def _decode(response: bytes, shape: tuple[int, int], dtype: str) -> tuple[Any, str | None]:
    """Return the values of a GeoTIFF and None, or None and what is wrong with it."""
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    try:
        with MemoryFile(response) as memory, memory.open() as raster:
            if raster.count != 1 or raster.shape != shape or raster.dtypes[0] != dtype:
                return None, f"{raster.count} bands of {raster.shape} cells, {raster.dtypes[0]}"
            return raster.read(1), None
    except (RasterioError, ValueError) as error:
        return None, f"{len(response)} bytes, {type(error).__name__}: {error}"
