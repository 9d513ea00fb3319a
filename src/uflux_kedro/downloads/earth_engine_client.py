"""What the requests to Earth Engine share: transport of its client, and its errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from uflux_kedro.downloads.remote import RemoteFile
from uflux_kedro.downloads.session import Session
from uflux_kedro.errors import InputError

_log = logging.getLogger(__name__)

_TRIES = 3
"""Attempts for a part of a file if the response is not what was asked for."""
_HINT = (
    "Check that the project is registered for Earth Engine and that you have access to it and to the"
    " collection; see"
    " https://developers.google.com/earth-engine/guides/access"
)


@contextmanager
def client_errors(where: str) -> Iterator[None]:
    """Turn exceptions of the client into an ``InputError`` that names the request."""
    from ee import EEException
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error

    try:
        yield
    except (EEException, GoogleAuthError, Error) as error:
        found = " ".join(str(error).split())
        raise InputError(where, None, expected="a response", found=found, hint=_HINT) from error


def ask_until_sound(
    ask: Callable[[], tuple[Any, str | None]], file: RemoteFile, what: str, expected: str
) -> Any:
    """Request a part of a file; request it again if the response is not what was asked for.

    Args:
        ask: Sends the request; returns what it found, and what is wrong with it, or None.
        file: The file.
        what: The kind of part, for the log.
        expected: The part, for the error.

    Raises:
        InputError: If the service reports an error, or the response is wrong each time.
    """
    fault = None
    for left in reversed(range(_TRIES)):
        with client_errors(f"Earth Engine, {file.name}"):
            found, fault = ask()
        if fault is None:
            return found
        _log.warning("%s: not the %s requested: %s; %d attempts left", file.name, what, fault, left)
    raise InputError(
        f"Earth Engine, {file.origin['dataset']}",
        file.name,
        expected=expected,
        found=str(fault),
        hint="Finished files are kept: run again to resume",
    )


class Http:
    """Transport of the client: the interface of httplib2 on top of our session."""

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
        """Send a request; return status and headers, and the content, as ``httplib2`` does."""
        import httplib2

        response = self._session.exchange(method, uri, body, headers)
        head = httplib2.Response(dict(response.headers) | {"status": str(response.status_code)})
        return head, response.content
