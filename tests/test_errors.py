"""Messages of errors show no secrets, and cross processes."""

from __future__ import annotations

import pickle

import pytest

from uflux_kedro.errors import ConfigurationError, InputError, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host.org/a", "https://...@host.org/a"),
        ("sftp://token@host/a and s3://key:secret@bucket/b", "sftp://...@host/a and s3://...@bucket/b"),
        ("with url: /a?access_token=abc&page=2 (Caused by", "with url: /a?access_token=...&page=2 (Caused by"),
        ("/a?page=2&X-Amz-Signature=0f%2F9#x", "/a?page=2&X-Amz-Signature=...#x"),
        ("{'Authorization': 'Bearer abc.def-1'}", "{'Authorization': 'Bearer ...'}"),
        ("a bearer of news", "a bearer ... news"),
    ],
)  # fmt: skip
def test_secrets_are_not_shown(text, shown):
    assert without_secrets(text) == shown
    assert str(ConfigurationError(text)) == shown
    error = InputError(text, None, expected=text, found=text)
    assert str(error) == f"{shown}: expected {shown}; found {shown}"
    assert (error.where, error.expected, error.found) == (shown,) * 3
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "text", ["s3://bucket/GPP.zarr: GPP, chunk c/0", "me@host.org", "/data/a@b.csv", "https://a.org/?page=2&size=9"]
)  # fmt: skip
def test_nothing_else_is_hidden(text):
    assert without_secrets(text) == text
