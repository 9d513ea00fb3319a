"""Tokens and keys go to addresses that nobody listens to on the way, and into no message."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.testing.servers import QUICK
from uflux_kedro.downloads import ClimateDataStoreFetcher, EarthEngineFetcher, ZenodoFetcher
from uflux_kedro.downloads.addresses import is_private
from uflux_kedro.downloads.parameters import DownloadParameters
from uflux_kedro.downloads.session import Session
from uflux_kedro.errors import ConfigurationError, InputError

OPEN = [
    "http://zenodo.org/api",
    "http://192.168.1.7/api",
    "http://localhost.example.org/api",
    "http://127.0.0.1.example.org/api",
    "http://127.0.0.1@example.org/api",
    "ftp://zenodo.org/api",
]


@pytest.mark.parametrize("address", OPEN)
def test_no_secret_is_sent_in_clear(address, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not is_private(address)
    with pytest.raises(ValidationError):
        DownloadParameters(zenodo_api=address)
    for fetcher in (
        lambda: ZenodoFetcher(address, "s3cr3t"),
        lambda: EarthEngineFetcher(address, credentials="s3cr3t"),
    ):
        with pytest.raises(ConfigurationError, match="expected an address that begins with https"):
            fetcher()


def test_the_key_of_the_climate_data_store_stays_here(monkeypatch, tmp_path):
    pytest.importorskip("cdsapi", reason="the extra era5 is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CDSAPI_URL", "http://cds.example.org/api")
    monkeypatch.setenv("CDSAPI_KEY", "s3cr3t")
    with pytest.raises(ConfigurationError, match="begins with https") as caught:
        _ = ClimateDataStoreFetcher()._client
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://zenodo.org/api",
        "http://127.0.0.1:5000/api",
        "http://localhost/api",
        "http://[::1]:8080/api",
    ],
)
def test_addresses_of_this_machine_and_encrypted_ones_are_accepted(address):
    assert DownloadParameters(zenodo_api=address).zenodo_api == address
    ZenodoFetcher(address, "s3cr3t")


@pytest.mark.parametrize("address", ["https://me:s3cr3t@a.org/api", "https://a.org/?token=s3cr3t"])
def test_parameters_hold_no_secrets(address):
    """MLflow records them."""
    with pytest.raises(ValidationError, match="without user, password or token"):
        DownloadParameters(zenodo_api=address)


def test_a_failed_request_shows_no_secret(caplog):
    session = Session(QUICK)
    with pytest.raises(InputError) as caught:
        session.get("http://me:s3cr3t@127.0.0.1:1/file?X-Amz-Signature=s3cr3t&page=2")
    assert "127.0.0.1:1/file?X-Amz-Signature=...&page=2" in caught.value.where
    assert "s3cr3t" not in f"{caught.value} {caught.value.found} {caplog.text}"
    assert "attempts left" in caplog.text
