"""A fake Zenodo."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote, urlsplit

from tests.testing.servers import FakeService, Handler

# The published UFLUX record.
RECORD = 17255948


class Zenodo(FakeService):
    """Records and their files, described in either of two layouts.

    Attributes:
        records: Number -> name -> bytes.
        dialect: ``files`` lists the files in the record, ``entries`` at ``/files`` below it.
        wrong_checksums: Names of files described with a wrong checksum.
        sizes: Name -> wrong size to describe a file with.
        token: Token that requests must have, if any.
        links: Name -> unusual address of the file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[int, dict[str, bytes]] = {}
        self.dialect = "files"
        self.wrong_checksums: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.token: str | None = None
        self.links: dict[str, str] = {}

    @property
    def api(self) -> str:
        return f"{self.address}/api"

    def content(self, number: int, name: str) -> str:
        """Path of a file in the API."""
        return f"/api/records/{number}/files/{quote(name)}/content"

    def page(self, number: int, name: str) -> str:
        """Path of a file on the record's page."""
        return f"/records/{number}/files/{quote(name)}"

    def checksum(self, name: str, data: bytes) -> str:
        data = data + b"other" if name in self.wrong_checksums else data
        return "md5:" + hashlib.md5(data).hexdigest()

    def answer(self, handler: Handler) -> None:
        path = urlsplit(handler.path).path
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return handler.say(403, {"status": 403, "message": "Permission denied."})
        if found := re.fullmatch(r"/api/records/(\d+)(/files)?", path):
            return self._describe(handler, int(found[1]), listing=bool(found[2]))
        found = re.fullmatch(r"/(api/)?records/(\d+)/files/(.+?)(/content)?", path)
        data = self.records.get(int(found[2]), {}).get(unquote(found[3])) if found else None
        if found is None or data is None or bool(found[1]) != bool(found[4]):
            return handler.say(404, {"status": 404, "message": "Not found."})
        etag = '"md5:' + hashlib.md5(data).hexdigest() + '"' if self.etag else None
        if found[1]:
            return handler.send_bytes(data, etag, self.ranges["interface"])
        return handler.send_bytes(data, etag and '"of the page"', self.ranges["page"])

    def _describe(self, handler: Handler, number: int, *, listing: bool) -> None:
        if number not in self.records:
            said = {"status": 404, "message": "The persistent identifier does not exist."}
            return handler.say(404, said)
        entries = []
        for name, data in self.records[number].items():
            link = self.links.get(name, self.address + self.content(number, name))
            described = {
                "key": name,
                "size": self.sizes.get(name, len(data)),
                "checksum": self.checksum(name, data),
            }
            links = {"self": link.removesuffix("/content"), "content": link}
            entries.append(described | {"links": links if listing else {"self": link}})
        if listing:
            return handler.say(200, {"enabled": True, "entries": entries})
        return handler.say(
            200,
            {
                "id": number,
                "doi": f"10.5281/zenodo.{number}",
                "metadata": {"version": "1.1"},
                "files": entries if self.dialect == "files" else {"enabled": True},
            },
        )
