"""Archives of towers from the data hubs of FLUXNET, as a snapshot of the FLUXNET Shuttle lists them.

A snapshot states the address of each archive, but neither size nor checksum: the size is that of the
hub's response, and an archive is complete if all files in it agree with their checksums and are of
the tower. Archives are requested one after the other, with a pause.

Before anything is downloaded each hub is asked for one archive. A hub that does not answer, or that
the snapshot lacks because it did not answer then, stops the order; otherwise its towers would be missing
without a word.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import requests
from urllib3.exceptions import HTTPError

from uflux_kedro.downloads.parameters import FLUXNET_HUBS, FluxnetProducts
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile, checksum
from uflux_kedro.downloads.session import Patience, Session, wait
from uflux_kedro.downloads.transfer import transfer
from uflux_kedro.downloads.zips import damage_of
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.towers.snapshot import read_snapshot, without_people

_BLOCK = 2**16
_LISTED = "_products.csv"
"""End of the name of the snapshot that is put beside the archives, without the names of people."""


class FluxnetFetcher:
    """Fetcher of archives of towers, by a snapshot.

    Args:
        patience: Retries and timeouts.
        pause: Pause before each archive, seconds.
    """

    def __init__(self, patience: Patience | None = None, pause: float = 1.0) -> None:
        self._session = Session(patience or Patience())
        self._pause = pause
        self._lists: dict[str, bytes] = {}

    def plan(self, order: FluxnetProducts) -> list[RemoteFile]:
        """List the archives of an order, and the snapshot itself, which says whom to cite.

        Raises:
            ConfigurationError: If the snapshot does not offer what is ordered.
            InputError: If the snapshot cannot be read, or a hub does not answer.
        """
        with self._snapshot(order.snapshot) as path:
            offered = read_snapshot(path).drop_duplicates("product")
            listed = without_people(path)
        wanted = chosen(offered, order)
        for hub, products in wanted.groupby("hub"):
            self._require_answer(str(hub), products)
        name = Path(urlsplit(order.snapshot).path).name.removesuffix(".gz").removesuffix(".csv")
        self._lists[name + _LISTED] = listed
        origin = {"source": "fluxnet", "dataset": name, "version": None}
        return [
            RemoteFile(
                name + _LISTED, origin, len(listed), f"md5:{hashlib.md5(listed).hexdigest()}"
            ),
            *(_archive(row) for row in wanted.to_dict("records")),
        ]

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Download one archive into ``partial``, resuming where the hub supports it."""
        if file.name in self._lists:
            partial.path.parent.mkdir(parents=True, exist_ok=True)
            partial.path.write_bytes(self._lists[file.name])
            return file
        time.sleep(self._pause)
        hub, site = file.origin["hub"], file.origin["site"]
        faults: list[str] = []
        with _at(
            hub, site, f"the archive {file.name}", "Finished archives are kept: run again to resume"
        ):
            while len(faults) < 2:
                # An archive put together from several responses gets a second chance, in one piece.
                arrived = self._receive(file, partial)
                fault = _fault(partial.path, site)
                if fault is None:
                    return arrived
                faults.append(fault)
                partial.discard()
            raise InputError(
                file.url, file.name, expected="an intact archive", found=" and then ".join(faults)
            )

    def _receive(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Download the bytes of an archive, of which the hub may not state the number."""
        size = self._size(file.url)
        if size is not None:
            return transfer(self._session, replace(file, size=size), partial)
        retry = self._session.retry
        partial.discard()
        partial.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                with self._session.get(file.url) as response, partial.path.open("wb") as stream:
                    self._session.require(response)
                    for block in response.iter_content(_BLOCK):
                        stream.write(block)
                return replace(file, size=partial.size, checksum=checksum(partial.path))
            except (requests.RequestException, HTTPError) as error:
                retry = wait(
                    retry, file.url, error, expected="a complete response", found="a part of it"
                )

    def _size(self, url: str) -> int | None:
        """Ask for one byte of an archive, and return its size; None if the hub does not state it."""
        with self._session.get(url, {"Range": "bytes=0-0"}) as response:
            self._session.require(response)
            partial = response.status_code == 206
            stated = response.headers.get("Content-Range" if partial else "Content-Length", "")
        size = stated.rpartition("/")[2]
        return int(size) if size.isdecimal() else None

    @contextmanager
    def _snapshot(self, where: str) -> Iterator[Path]:
        """Provide the snapshot as a file, fetched if it is an address."""
        if urlsplit(where).scheme not in ("http", "https"):
            yield Path(where)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "snapshot.csv"
            response = self._session.exchange("GET", where)
            self._session.require(response)
            path.write_bytes(response.content)
            yield path

    def _require_answer(self, hub: str, products: pd.DataFrame) -> None:
        first = products.iloc[0]
        hint = (
            "Nothing was downloaded: try later, make a new snapshot if its addresses are outdated, or "
            "order from other hubs with hubs"
        )
        with _at(hub, first["site_id"], f"an answer for its {len(products)} products", hint):
            self._size(first["link"])


def chosen(offered: pd.DataFrame, order: FluxnetProducts) -> pd.DataFrame:
    """Return the products of a snapshot that are ordered.

    Args:
        offered: Table of :func:`uflux_kedro.readers.towers.snapshot.read_snapshot`.
        order: The order.

    Raises:
        ConfigurationError: If a hub or a site is not offered, no product fits, or an address is none.
    """
    where = f"Snapshot {order.snapshot}"
    hubs = order.hubs or (() if order.sites else FLUXNET_HUBS)
    if absent := [hub for hub in hubs if hub not in set(offered["hub"])]:
        raise ConfigurationError(
            f"{where}: expected products of the hub {', '.join(absent)}; found those of "
            f"{_counted(offered['hub'])}. The hub did not answer when the snapshot was made: make a new "
            "one, or name the hubs in hubs"
        )
    for site in (*order.sites, *order.without):
        if site not in set(offered["site_id"]):
            near = get_close_matches(site, offered["site_id"], n=1)
            raise ConfigurationError(
                f"{where}: expected a product of {site}; found none"
                + (f". Is it {near[0]}?" if near else "")
            )
    fits = ~offered["site_id"].isin(order.without)
    for column, names in (("hub", order.hubs), ("site_id", order.sites), ("IGBP", order.igbp)):
        fits &= offered[column].isin(names) if names else True
    fits &= offered["last_year"].fillna(9999) >= (order.first_year or 0)
    fits &= offered["first_year"].fillna(0) <= (order.last_year or 9999)
    if not fits.any():
        raise ConfigurationError(
            f"{where}: no product fits hubs, sites, igbp and years of the order; it has "
            f"{_counted(offered['hub'])} of the classes {', '.join(sorted(set(offered['IGBP'])))}"
        )
    wanted = offered[fits].sort_values("product", ignore_index=True)
    for row in wanted.itertuples():
        if urlsplit(str(row.link)).scheme not in ("http", "https"):
            raise ConfigurationError(
                f"{where}: expected the address of {row.product}; found {row.link!r}"
            )
    return wanted


def _counted(hubs: pd.Series) -> str:
    return ", ".join(f"{hub} ({n})" for hub, n in hubs.value_counts().sort_index().items())


def _archive(row: dict[str, str]) -> RemoteFile:
    origin = {
        "source": "fluxnet",
        "hub": row["hub"],
        "dataset": row["product"],
        "site": row["site_id"],
        # Hubs have replaced archives under the same name.
        "version": row["identifier"],
    }
    return RemoteFile(f"{row['product']}.zip", origin, url=row["link"])


def _fault(path: Path, site: str) -> str | None:
    """Return what is wrong with an archive of a tower; None if it is intact."""
    fault = damage_of(path)
    if fault is not None:
        return fault
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(f"_{site}_" in name for name in names):
        return f"an archive of another tower: {', '.join(names[:3]) or 'nothing in it'}"
    return None


@contextmanager
def _at(hub: str, site: str, expected: str, hint: str) -> Iterator[None]:
    """Name the hub in errors of the block."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"FLUXNET, hub {hub}",
            site,
            expected=expected,
            found=f"{error.found} at {error.where}",
            hint=hint,
        ) from error
