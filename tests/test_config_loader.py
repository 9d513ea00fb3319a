"""The configuration is read once, and as Kedro's own loader reads it."""

from __future__ import annotations

import pytest
from kedro.config import OmegaConfigLoader

from tests.testing.project import PROJECT
from uflux_kedro.config_loader import OnceLoader
from uflux_kedro.configuration import CONFIG_LOADER_ARGS


@pytest.fixture
def loader():
    return OnceLoader(str(PROJECT / "conf"), env="test", **CONFIG_LOADER_ARGS)


def test_files_are_read_once_and_as_kedro_reads_them(loader, monkeypatch):
    kedros = OmegaConfigLoader(str(PROJECT / "conf"), env="test", **CONFIG_LOADER_ARGS)
    for key in ("parameters", "globals", "catalog"):
        assert loader[key] == kedros[key]
    monkeypatch.setattr(OmegaConfigLoader, "_read_raw_config", None)
    assert loader["parameters"]["training"]["n_splits"] == 3


def test_a_change_stays_with_who_makes_it(loader):
    loader["parameters"]["training"]["n_splits"] = 99
    assert loader["parameters"]["training"]["n_splits"] == 3


def test_what_is_set_replaces_what_was_read(loader):
    assert loader["globals"]["data"]
    loader["globals"] = {"data": "elsewhere"}
    assert loader["globals"] == {"data": "elsewhere"}
    loader["globals"] = {"data": "here"}
    assert loader["globals"] == {"data": "here"}
