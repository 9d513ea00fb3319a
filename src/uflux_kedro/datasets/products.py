"""Datasets of products: the store in which a node makes one, and the finished product in it."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import xarray as xr
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview

from uflux_kedro.datasets.previews import cube_preview
from uflux_kedro.errors import InputError
from uflux_kedro.products.store import FINISHED, UNFINISHED, ProductStore

logger = logging.getLogger(__name__)


class _InStore:
    """Constructor and description that both datasets share."""

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

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.store)}


class ProductStoreDataset(_InStore, AbstractDataset[None, ProductStore]):
    """The store of a product, for the node that makes the product region by region.

    Args:
        filepath: Folder of the store, or a URL such as ``s3://bucket/GPP.zarr``.
        storage_options: Options of the fsspec file system.
        credentials: Further options, from ``credentials.yml``.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def load(self) -> ProductStore:
        """Return the store, whether or not there is a product in it."""
        return self.store

    def save(self, data: None) -> NoReturn:
        """Raise an error: the node that loads the store writes to it.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self.store}: the node that loads the store writes to it")

    def _exists(self) -> bool:
        return self.store.status() is not None


class ProductDataset(_InStore, AbstractDataset[ProductStore, xr.Dataset]):
    """A finished product in a Zarr v3 store, on a disk or wherever fsspec reaches.

    A node makes the product in the store of a :class:`ProductStoreDataset` with the same
    ``filepath`` and returns that store.

    Args:
        filepath: Folder of the store, or a URL such as ``s3://bucket/GPP.zarr``.
        storage_options: Options of the fsspec file system.
        credentials: Further options, from ``credentials.yml``.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    beside = (".regions", ".stac.json")
    """Ends of the paths of marks of regions and of the record."""

    def load(self) -> xr.Dataset:
        """Open the finished product lazily.

        Raises:
            DatasetError: If there is no product, it is not finished, or a file of it is absent or
                damaged.
        """
        try:
            return self.store.open()
        except InputError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: ProductStore) -> None:
        """Check that the node made the product in this dataset's store, where it already is.

        Raises:
            DatasetError: If it was made elsewhere, or is not finished.
        """
        if data.url != self.store.url:
            raise DatasetError(
                f"{self.store}: expected a product made in this store; found one in "
                f"{data}. Give the catalog's store_<flux> and product_<flux> one filepath"
            )
        if self.store.status() != FINISHED:
            raise DatasetError(f"{self.store}: expected a finished product; found none")

    def preview(self) -> ImagePreview:
        """Return a small map of the product for kedro-viz."""
        return cube_preview(self.load())

    def reopen(self) -> None:
        """Mark a finished product as unfinished, so that the next run checks every region."""
        if self.store.status() == FINISHED:
            self.store.set_status(UNFINISHED)

    def _exists(self) -> bool:
        """Whether there is a finished product without damage; otherwise a run makes it again."""
        if self.store.status() != FINISHED:
            return False
        damaged = self.store.damaged()
        if damaged:
            logger.warning("%s: absent or damaged: %s", self.store, ", ".join(damaged))
        return not damaged
