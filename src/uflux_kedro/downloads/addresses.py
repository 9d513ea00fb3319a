"""Addresses to which tokens and keys may be sent."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from uflux_kedro.errors import ConfigurationError


def require_encryption(address: str) -> None:
    """Refuse an address to which a secret would be sent in clear.

    Raises:
        ConfigurationError: If it is neither https nor on this machine.
    """
    if not is_private(address):
        raise ConfigurationError(
            f"{address}: expected an address that begins with https://, since a token or key would "
            "be sent in clear to this one"
        )


def is_private(address: str) -> bool:
    """Return whether nobody on the way reads what is exchanged: https, or on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
