"""Serving a map to this machine's browser."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.explorer.server import start_server


def test_files_are_served_on_the_loopback_address_alone(tmp_path):
    (tmp_path / "map.json").write_text("{}")
    (tmp_path / "worker.mjs").write_text("")
    with start_server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert server.server_address[0] == "127.0.0.1"
        address = f"http://127.0.0.1:{server.server_port}"
        with urllib.request.urlopen(f"{address}/worker.mjs") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/../secret")
        server.shutdown()


def test_a_folder_without_a_map_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: map.json: expected a map"):
        start_server(tmp_path)
