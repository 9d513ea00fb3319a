"""Questions over HTTP: patient with the service, clear about what it refuses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.util.retry import Retry

from uflux_kedro.errors import InputError

_log = logging.getLogger(__name__)

_FOR_A_WHILE = (429, 500, 502, 503, 504)
"""Answers after which the same question may succeed."""


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        retries: Tries after the first one, as long as nothing more comes.
        backoff: Seconds that the waits begin with; each is twice the last.
        longest_wait: Seconds that one wait may last, though ``Retry-After`` says more.
        timeout: Seconds without a byte after which a connection counts as broken.
    """

    retries: int = 8
    backoff: float = 1.0
    longest_wait: int = 600
    timeout: float = 60.0


class BearerToken(AuthBase):
    """A token that is shown to one site alone, wherever its records may point.

    Args:
        token: The token.
        site: Any address of the site.
    """

    def __init__(self, token: str, site: str) -> None:
        self._token = token
        self._site = urlsplit(site)[:2]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show the token where it belongs."""
        if urlsplit(request.url or "")[:2] == self._site:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Retry(Retry):
    """Waits as ``Retry-After`` says, or twice as long each time, and says so."""

    def sleep(self, response: Any = None) -> None:
        """Say what went wrong, then wait."""
        last = self.history[-1]
        _log.warning(
            "%s: %s; %s more tries",
            last.url,
            f"HTTP {last.status}" if last.status else last.error,
            self.total,
        )
        super().sleep(response)


class Session:
    """Asks one service for JSON and for files.

    Args:
        patience: How long to try.
        auth: Credentials, if the service wants any.
        hints: HTTP status -> what to do about it, for messages.
        methods: Methods of HTTP after which the same question may be asked again.

    Attributes:
        retry: The tries that a question begins with.
    """

    def __init__(
        self,
        patience: Patience,
        auth: AuthBase | None = None,
        hints: Mapping[int, str] | None = None,
        methods: Sequence[str] = ("GET",),
    ) -> None:
        self._hints = hints or {}
        self._timeout = patience.timeout
        self.retry: Retry = _Retry(
            total=patience.retries,
            backoff_factor=patience.backoff,
            backoff_max=patience.longest_wait,
            retry_after_max=patience.longest_wait,
            status_forcelist=_FOR_A_WHILE,
            allowed_methods=methods,
            raise_on_status=False,
        )
        self._session = requests.Session()
        self._session.auth = auth
        # Some services turn away clients that do not say who they are.
        self._session.headers["User-Agent"] = f"uflux_kedro {requests.utils.default_user_agent()}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=self.retry))

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Ask; the body is left to be read.

        Raises:
            InputError: If no answer comes.
        """
        # Compressed on the way, neither sizes nor ranges would be the file's.
        headers = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            return self._session.get(url, headers=headers, stream=True, timeout=self._timeout)
        except requests.RequestException as error:
            raise _no_answer(url, error) from error

    def exchange(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Ask, and read the whole answer, whatever its status.

        Raises:
            InputError: If no whole answer comes.
        """
        retry = self.retry
        while True:
            try:
                return self._session.request(
                    method, url, data=body, headers=headers, timeout=self._timeout
                )
            except requests.exceptions.ChunkedEncodingError as error:
                retry = wait(retry, url, error, expected="a whole answer", found="a part")
            except requests.RequestException as error:
                raise _no_answer(url, error) from error

    def require(self, response: requests.Response) -> None:
        """See that an answer is what was asked for.

        Raises:
            InputError: With what the service said.
        """
        if response.ok:
            return
        said = response.text[:300].strip()
        raise InputError(
            response.url,
            None,
            expected="an answer",
            found=f"HTTP {response.status_code} {response.reason}" + (f", {said}" if said else ""),
            hint=self._hints.get(response.status_code),
        )

    def json(self, url: str) -> Any:
        """Read an answer in JSON.

        Raises:
            InputError: If there is none.
        """
        retry = self.retry
        while True:
            with self.get(url, {"Accept": "application/json"}) as response:
                self.require(response)
                try:
                    return response.json()
                except requests.JSONDecodeError as error:
                    raise InputError(
                        url,
                        None,
                        expected="an answer in JSON",
                        found=f"{response.headers.get('Content-Type', 'no content type')}: {error}",
                        hint="A log-in page of the network may stand in between",
                    ) from error
                except requests.RequestException as error:
                    retry = wait(retry, url, error, expected="a whole answer", found="a part")


def _no_answer(url: str, error: Exception) -> InputError:
    return InputError(
        url,
        None,
        expected="an answer",
        found=str(error),
        hint="What has come is kept: the next run goes on from there",
    )


def wait(retry: Retry, url: str, error: Exception, *, expected: str, found: str) -> Retry:
    """Wait before another try, as is done by itself until an answer begins.

    Args:
        retry: The tries that are left.
        url: What was asked for.
        error: What went wrong.
        expected: What should have come, for the message.
        found: What came.

    Returns:
        The tries that are left then.

    Raises:
        InputError: If none is left.
    """
    try:
        retry = retry.increment("GET", url, error=ProtocolError(str(error)))
    except MaxRetryError as exhausted:
        raise InputError(
            url,
            None,
            expected=expected,
            found=f"{found}, then {error}",
            hint="What has come is kept: the next run goes on from there",
        ) from exhausted
    retry.sleep()
    return retry
