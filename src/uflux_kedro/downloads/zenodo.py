"""Records of Zenodo, or of another repository with the same API.

A record is described at ``/api/records/NUMBER``; its files are listed there, or at ``/files``
below it (https://developers.zenodo.org). The API's addresses of files may ignore ``Range``, those on
the record's page support it: they serve as mirrors to resume from.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from pydantic import BaseModel, Field, ValidationError, field_validator

from uflux_kedro.downloads.parameters import ZenodoRecord
from uflux_kedro.downloads.partial import Partial
from uflux_kedro.downloads.remote import RemoteFile
from uflux_kedro.downloads.session import BearerToken, Patience, Session
from uflux_kedro.downloads.transfer import transfer
from uflux_kedro.errors import ConfigurationError, InputError

API = "https://zenodo.org/api"

TOKEN_VARIABLE = "ZENODO_TOKEN"
"""Environment variable with an access token, for restricted records."""

_HINTS = {
    401: f"The token in {TOKEN_VARIABLE} is not valid",
    403: f"The record is restricted: ask its owner, and put an access token into {TOKEN_VARIABLE}",
    404: "Check that the number is that of a published record",
    410: "The record was withdrawn",
}


class _Entry(BaseModel):
    key: str
    size: int = Field(ge=0)
    checksum: str = Field(pattern=r"^(md5|sha1|sha256|sha512):[0-9a-f]+$")
    links: dict[str, str]

    @field_validator("links")
    @classmethod
    def _require_a_download_link(cls, links: dict[str, str]) -> dict[str, str]:
        if not links.keys() & {"content", "self"}:
            raise ValueError("expected a link 'content' or 'self'")
        return links


class _Listing(BaseModel):
    entries: list[_Entry]


class _Record(BaseModel):
    id: int | None = None
    doi: str | None = None
    metadata: dict[str, Any] = {}
    files: list[_Entry] = []

    @field_validator("files", mode="before")
    @classmethod
    def _ignore_other_layouts(cls, files: Any) -> Any:
        # Restricted records and newer versions of the API list them elsewhere.
        return files if isinstance(files, list) else []


_Description = TypeVar("_Description", _Record, _Listing)


class ZenodoFetcher:
    """Fetcher of files of Zenodo records.

    Args:
        api: Address of the API.
        token: Access token, for restricted records.
        patience: Retries and timeouts.
    """

    def __init__(
        self, api: str = API, token: str | None = None, patience: Patience | None = None
    ) -> None:
        self._api = api.rstrip("/")
        self._public = token is None
        auth = BearerToken(token, self._api) if token else None
        self._session = Session(patience or Patience(), auth, _HINTS)

    def plan(self, order: ZenodoRecord) -> list[RemoteFile]:
        """List the files of a record that match the order's patterns.

        Raises:
            ConfigurationError: If a pattern matches no file.
            InputError: If there is no such record, or its description cannot be read.
        """
        address = f"{self._api}/records/{order.record}"
        record = self._describe(address, _Record)
        entries = record.files or self._describe(f"{address}/files", _Listing).entries
        for pattern in order.files:
            if not any(fnmatchcase(entry.key, pattern) for entry in entries):
                raise ConfigurationError(
                    f"Zenodo record {order.record}: no file matches {pattern!r}; it has "
                    + (", ".join(entry.key for entry in entries) or "none")
                )
        origin = {
            "source": "zenodo",
            "record": record.id or order.record,
            "doi": record.doi,
            "version": record.metadata.get("version"),
        }
        return [
            RemoteFile(
                name=entry.key,
                origin=origin,
                size=entry.size,
                checksum=entry.checksum,
                url=urljoin(f"{address}/", entry.links.get("content") or entry.links["self"]),
                mirrors=self._on_page(order.record, entry.key),
            )
            for entry in entries
            if any(fnmatchcase(entry.key, pattern) for pattern in order.files)
        ]

    def fetch(self, file: RemoteFile, partial: Partial) -> RemoteFile:
        """Download one file of a record into ``partial``."""
        return transfer(self._session, file, partial)

    def _on_page(self, record: int, key: str) -> tuple[str, ...]:
        # Pages do not accept access tokens.
        if not self._public:
            return ()
        return (f"{self._api.removesuffix('/api')}/records/{record}/files/{quote(key)}?download=1",)

    def _describe(self, address: str, kind: type[_Description]) -> _Description:
        try:
            return kind.model_validate(self._session.json(address))
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(
                address,
                ".".join(map(str, first["loc"])) or None,
                expected="a record or its list of files",
                found=first["msg"],
            ) from error
