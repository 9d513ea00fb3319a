"""Products: made where they lie by what is planned, and read when they are finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import xarray as xr
from kedro.io import AbstractDataset, DatasetError

from uflux_kedro.errors import InputError
from uflux_kedro.products.store import FINISHED, UNFINISHED, ProductStore

if TYPE_CHECKING:
    from uflux_kedro.products.plan import Plan

logger = logging.getLogger(__name__)


class ProductDataset(AbstractDataset["Plan", xr.Dataset]):
    """A product as a Zarr v3 store, on a disk or wherever fsspec reaches.

    Saving a plan makes the product region by region. A store that an earlier run left is not
    cleared: what of it still holds is kept.

    Args:
        filepath: Folder of the store, or a URL such as ``s3://bucket/GPP.zarr``.
        storage_options: What fsspec needs to reach it.
        credentials: The same, from ``credentials.yml``.
        metadata: Kedro's free field.
    """

    def __init__(
        self,
        *,
        filepath: str,
        storage_options: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.store = ProductStore(filepath, {**(storage_options or {}), **(credentials or {})})
        self.metadata = metadata

    def load(self) -> xr.Dataset:
        """Open the finished product lazily."""
        try:
            return self.store.open()
        except InputError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: Plan) -> None:
        """Make the product, or what is missing of it."""
        from uflux_kedro.products.plan import what_it_took
        from uflux_kedro.products.production import produce
        from uflux_kedro.products.stac import write_record

        made = produce(data, self.store)
        for line in what_it_took(data.flux, made, len(data.members), data.whole).splitlines():
            logger.info(line)
        write_record(self.store)

    def reopen(self) -> None:
        """Take the finished mark back, so that the run which begins looks at every region."""
        if self.store.status() == FINISHED:
            self.store.set_status(UNFINISHED)

    def _exists(self) -> bool:
        return self.store.status() == FINISHED

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.store.url}
