"""Serve a folder to a browser on this machine."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from uflux_kedro.errors import InputError


class _Files(SimpleHTTPRequestHandler):
    """Files of a folder, checked for changes at each visit."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".geojson": "application/json",
    }

    def end_headers(self) -> None:
        """Let the browser ask whether a file has changed before it uses its copy."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of single requests."""


def start_server(folder: Path | str, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder on the loopback address, whose ``serve_forever`` answers requests.

    Args:
        folder: The folder.
        port: Port; 0 for any that is free.

    Raises:
        InputError: If there is no map in the folder.
        OSError: If the port is taken.
    """
    folder = Path(folder)
    if not (folder / "map.json").is_file():
        raise InputError(
            folder,
            "map.json",
            expected="a map that a run has written",
            found="none",
            hint="`kedro run` writes it where there are grids and reporting.map.show is true",
        )
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Files, directory=str(folder)))


def serve(
    folder: Path | str,
    port: int = 0,
    *,
    open_browser: bool = True,
    say: Callable[[str], object] = print,
) -> None:
    """Serve a map until Ctrl-C, and open it in the browser.

    Args:
        folder: Folder of the map.
        port: Port; 0 for any that is free.
        open_browser: Whether to open it.
        say: Called with the address.

    Raises:
        InputError: If there is no map in the folder.
        OSError: If the port is taken.
    """
    with start_server(folder, port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        say(f"Map: {address} (Ctrl-C ends it)")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
