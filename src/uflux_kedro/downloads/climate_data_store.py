"""ERA5 from the Copernicus Climate Data Store, through its own client ``cdsapi``.

The store creates a file on request, which may spend hours in its queue. The id of the request is
saved before waiting, so that an interrupted run waits for the same request again. The file itself
is downloaded by :mod:`uflux_kedro.downloads.transfer`, which resumes.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import Any

import requests

from uflux_kedro.downloads.addresses import require_encryption
from uflux_kedro.downloads.parameters import ClimateDataStoreYears
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile
from uflux_kedro.downloads.session import Patience, Session
from uflux_kedro.downloads.transfer import transfer
from uflux_kedro.downloads.zips import damage_of
from uflux_kedro.errors import ConfigurationError, InputError

_log = logging.getLogger(__name__)

_MONTHS = [f"{month:02d}" for month in range(1, 13)]
_LONGEST_PAUSE = 120
"""Longest pause between two polls of a request's state, seconds."""

_GONE = {"failed", "rejected", "dismissed", "deleted"}


class ClimateDataStoreFetcher:
    """Fetcher of monthly means, by year and group of variables.

    Args:
        url: Address of the store; None reads ``CDSAPI_URL`` or ``~/.cdsapirc``.
        key: The user's key; None reads ``CDSAPI_KEY`` or ``~/.cdsapirc``.
        patience: Retries and timeouts.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, patience: Patience | None = None
    ) -> None:
        self._url = url
        self._key = key
        self._patience = patience or Patience()

    @cached_property
    def _client(self) -> Any:
        try:
            import cdsapi
        except ImportError as error:
            raise ConfigurationError(
                "Downloads from the Climate Data Store need the package cdsapi:"
                " pip install 'uflux_kedro[era5]'"
            ) from error
        try:
            address, *_ = cdsapi.api.get_url_key_verify(self._url, self._key, None)
            require_encryption(address)  # the client sends the key at once
            return cdsapi.Client(
                url=address,
                key=self._key,
                quiet=True,
                progress=False,
                retry_max=self._patience.retries + 1,
                sleep_max=min(self._patience.longest_wait, _LONGEST_PAUSE),
            ).client
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(
                "Downloads from the Climate Data Store need its address and your key in"
                " ~/.cdsapirc, or in CDSAPI_URL and CDSAPI_KEY; see"
                f" https://cds.climate.copernicus.eu/how-to-api: {error}"
            ) from error

    def plan(self, order: ClimateDataStoreYears) -> list[RemoteFile]:
        """List one zip file per year and group of variables.

        Raises:
            ConfigurationError: If the package cdsapi or the user's key is missing.
        """
        self._client  # noqa: B018 - fails now rather than after hours of other downloads
        dataset = order.dataset.removeprefix("reanalysis-")
        return [
            RemoteFile(
                name=f"{dataset}_{year}_{group}.zip",
                origin={
                    "source": "climate_data_store",
                    "dataset": order.dataset,
                    "request": _request(order, year, variables),
                },
            )
            for year in range(order.first_year, order.last_year + 1)
            for group, variables in order.variables.items()
        ]

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Wait for the store to create the file, then download it into ``partial``."""
        try:
            results = self._job(file, partial).get_results()
            created = replace(file, url=results.location, size=results.content_length)
        except (requests.RequestException, RuntimeError, LookupError) as error:
            raise InputError(
                f"Climate Data Store, {file.origin['dataset']}",
                file.name,
                expected="the file requested",
                found=" ".join(str(error).split()),
                hint="Try the request in the store's web form: it shows mistakes and licences to accept",
            ) from error
        arrived = transfer(Session(self._patience), created, partial)
        # The store publishes no checksum, but a zip archive stores one for each file in it.
        fault = damage_of(partial.path)
        if fault:
            partial.discard()
            raise InputError(
                str(created.url), file.name, expected="an intact zip archive", found=fault
            )
        return arrived

    def _job(self, file: RemoteFile, partial: Partial) -> Any:
        """Return the request that an earlier run submitted, or submit a new one."""
        note, request = partial.note, file.origin["request"]
        if note.get("request") == request:
            try:
                job = self._client.get_remote(note["job"])
                if job.status not in _GONE:
                    _log.info("%s: waiting again for request %s", file.name, note["job"])
                    return job
            except requests.HTTPError as error:
                if error.response is None or error.response.status_code != 404:
                    raise
        job = self._client.submit(file.origin["dataset"], request)
        partial.discard()
        partial.begin(request=request, job=job.request_id)
        _log.info("%s: submitted request %s", file.name, job.request_id)
        return job


def _request(order: ClimateDataStoreYears, year: int, variables: tuple[str, ...]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "product_type": [order.product_type],
        "variable": list(variables),
        "year": [str(year)],
        "month": _MONTHS,
        "time": ["00:00"],
        "data_format": "netcdf",
        "download_format": "zip",
    }
    if order.area:
        request["area"] = list(order.area)
    return request
