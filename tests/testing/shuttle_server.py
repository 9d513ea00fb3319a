"""Fake data hubs of FLUXNET, each answering as the real one does, and a snapshot at an address."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from urllib.parse import parse_qs, quote, urlsplit

import pandas as pd

from tests.testing.servers import FakeService, Handler
from tests.testing.shuttle import snapshot


def archive(name: str, site: str | None = None) -> bytes:
    """Return a small archive of a product."""
    network, own, kind, *rest = name.removesuffix(".zip").split("_")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        table = f"{network}_{site or own}_{kind}_FLUXMET_MM_{'_'.join(rest)}.csv"
        packed.writestr(table, "TIMESTAMP,NEE_VUT_REF\n" + "200401,1\n" * 30_000)
    return content.getvalue()


class Hubs(FakeService):
    """Three hubs behind one address.

    AmeriFlux is a store of objects with ranges and ETags; ICOS redirects to the object once its
    licence is accepted, which a cookie says, and has no ranges; TERN serves files with ranges.

    Attributes:
        archives: Name of an archive -> bytes.
        silent: Hubs that answer every request with 404.
    """

    def __init__(self, products: Sequence[str]) -> None:
        super().__init__()
        self.archives = {name: archive(name) for name in products}
        self.silent: set[str] = set()

    def snapshot(self) -> pd.DataFrame:
        """Return what the Shuttle would list."""
        table = snapshot(list(self.archives), self.address)
        icos = table["data_hub"] == "ICOS"
        table.loc[icos, "download_link"] = [
            f"{self.address}/icos/licence_accept?ids=%5B%22{quote(name)}%22%5D"
            for name in table.loc[icos, "fluxnet_product_name"]
        ]
        return table

    def answer(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        _, hub, *rest = parts.path.split("/")
        if hub == "snapshot.csv":
            text = self.snapshot().to_csv(index=False).encode()
            return handler.send_bytes(text, None, ranges=False)
        if rest == ["licence_accept"] and hub not in self.silent:
            return self._accept(handler, parse_qs(parts.query)["ids"][0][2:-2])
        data = None if hub in self.silent else self.archives.get(rest[-1])
        if data is None:
            return handler.say(404, {"message": "No such object"})
        if hub == "icos" and "CpLicenseAcceptedFor=yes" not in handler.headers.get("Cookie", ""):
            return handler.say(403, {"message": "Accept the licence"})
        if hub != "icos" and handler.headers.get("Range") == "bytes=0-0":
            return self._first_byte(handler, data)
        etag = f'"{hashlib.md5(data).hexdigest()}"' if hub == "ameriflux" else None
        return handler.send_bytes(data, etag, ranges=hub != "icos")

    def _accept(self, handler: Handler, name: str) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"/icos/objects/{name}")
        handler.send_header("Set-Cookie", "CpLicenseAcceptedFor=yes; Path=/")
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        handler.end_headers()

    def _first_byte(self, handler: Handler, data: bytes) -> None:
        handler._begin(206, 1, "application/zip")
        handler.send_header("Content-Range", f"bytes 0-0/{len(data)}")
        handler.end_headers()
        handler.wfile.write(data[:1])
