"""HTTP requests with retries, and error messages that quote the service."""

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

from uflux_kedro.downloads.addresses import require_encryption
from uflux_kedro.errors import InputError, without_secrets

_log = logging.getLogger(__name__)


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_secrets(record.getMessage()), ()
    return True


# urllib3 logs every retry with the whole address, which may carry a signature.
logging.getLogger("urllib3.connectionpool").addFilter(_without_secrets)

_FOR_A_WHILE = (429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""


@dataclass(frozen=True)
class Patience:
    """Retries and timeouts.

    Attributes:
        retries: Attempts after the first; counted anew whenever more bytes arrive.
        backoff: First wait, seconds; each further wait is twice the one before.
        longest_wait: Longest wait, seconds, even if ``Retry-After`` says more.
        timeout: Seconds without a byte after which a connection counts as broken.
    """

    retries: int = 8
    backoff: float = 1.0
    longest_wait: int = 600
    timeout: float = 60.0


class BearerToken(AuthBase):
    """A bearer token that is sent to one site only, whatever its redirects and links.

    Args:
        token: The token.
        site: Any address on the site.

    Raises:
        ConfigurationError: If the site would get the token in clear.
    """

    def __init__(self, token: str, site: str) -> None:
        require_encryption(site)
        self._token = token
        self._site = urlsplit(site)[:2]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to requests to the site."""
        if urlsplit(request.url or "")[:2] == self._site:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Retry(Retry):
    """Waits as ``Retry-After`` says, or twice as long each time, and logs each wait."""

    def sleep(self, response: Any = None) -> None:
        """Log what went wrong, then wait."""
        last = self.history[-1]
        _log.warning(
            "%s: %s; %s attempts left",
            without_secrets(str(last.url)),
            f"HTTP {last.status}" if last.status else without_secrets(str(last.error)),
            self.total,
        )
        super().sleep(response)


class Session:
    """HTTP session with one service.

    Args:
        patience: Retries and timeouts.
        auth: Credentials, if the service requires any.
        hints: HTTP status -> what to do about it, for error messages.
        methods: HTTP methods that may be retried.

    Attributes:
        retry: State of the retries at the start of a request.
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
        # Some services reject clients that do not identify themselves.
        self._session.headers["User-Agent"] = f"uflux_kedro {requests.utils.default_user_agent()}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=self.retry))

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Send a GET request; the body is not read yet.

        Raises:
            InputError: If there is no response.
        """
        # With compression, sizes and ranges would not be those of the file.
        headers = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            return self._session.get(url, headers=headers, stream=True, timeout=self._timeout)
        except requests.RequestException as error:
            raise _no_response(url, error) from error

    def exchange(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send a request and read the whole response, whatever its status.

        Raises:
            InputError: If there is no complete response.
        """
        retry = self.retry
        while True:
            try:
                return self._session.request(
                    method, url, data=body, headers=headers, timeout=self._timeout
                )
            except requests.exceptions.ChunkedEncodingError as error:
                retry = wait(
                    retry, url, error, expected="a complete response", found="a part of it"
                )
            except requests.RequestException as error:
                raise _no_response(url, error) from error

    def require(self, response: requests.Response) -> None:
        """Check that the status of a response is one of success.

        Raises:
            InputError: If it is not; quotes the service.
        """
        if response.ok:
            return
        said = response.text[:300].strip()
        raise InputError(
            response.url,
            None,
            expected="HTTP 200",
            found=f"HTTP {response.status_code} {response.reason}" + (f", {said}" if said else ""),
            hint=self._hints.get(response.status_code),
        )

    def json(self, url: str) -> Any:
        """Send a GET request and return the parsed JSON.

        Raises:
            InputError: If there is no response, or it is not JSON.
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
                        expected="a response in JSON",
                        found=f"{response.headers.get('Content-Type', 'no content type')}: {error}",
                        hint="A log-in page of your network may have answered instead",
                    ) from error
                except requests.RequestException as error:
                    retry = wait(
                        retry, url, error, expected="a complete response", found="a part of it"
                    )


def _no_response(url: str, error: Exception) -> InputError:
    return InputError(
        url,
        None,
        expected="a response",
        found=str(error),
        hint="The bytes received are kept: run again to resume",
    )


def wait(retry: Retry, url: str, error: Exception, *, expected: str, found: str) -> Retry:
    """Wait before the next attempt; for failures after the headers, which urllib3 does not retry.

    Args:
        retry: State of the retries.
        url: Address of the request.
        error: What went wrong.
        expected: What should have arrived, for the error message.
        found: What arrived.

    Returns:
        The next state of the retries.

    Raises:
        InputError: If no attempt is left.
    """
    try:
        retry = retry.increment("GET", url, error=ProtocolError(str(error)))
    except MaxRetryError as exhausted:
        raise InputError(
            url,
            None,
            expected=expected,
            found=f"{found}, then {error}",
            hint="The bytes received are kept: run again to resume",
        ) from exhausted
    retry.sleep()
    return retry
