"""A local HTTP server that sends files, with the faults of real servers on demand."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from uflux_kedro.downloads import Patience

# Retries almost at once, and gives up soon.
QUICK = Patience(retries=3, backoff=0.001, longest_wait=2, timeout=5)


def size_of(path: Path) -> int:
    """Return the size of a file that another process may put away meanwhile; 0 without one."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@dataclass(frozen=True)
class Broken:
    """The connection closes after this many bytes of the body."""

    after: int


@dataclass(frozen=True)
class Stalled:
    """Nothing is sent after this many bytes, until the server stops."""

    after: int


@dataclass(frozen=True)
class Refused:
    """A response with this status, and ``Retry-After`` if given."""

    status: int
    retry_after: int | None = None


@dataclass(frozen=True)
class Corrupted:
    """The body with the bits of its first byte inverted."""


@dataclass(frozen=True)
class Unmeasured:
    """No length is announced, and the body is this many bytes too long, or too short if negative."""

    by: int


Fault = Broken | Stalled | Refused | Corrupted | Unmeasured


class Received(NamedTuple):
    """One request that the server received, and the status of its response."""

    path: str
    headers: dict[str, str]
    status: int


class FakeService:
    """Base of the fake services: faults to come and requests received.

    Attributes:
        ranges: Whether ``Range`` is supported in the API, and on pages.
        etag: Whether responses have an ETag.
        faults: Path -> faults of the next requests for it, one each.
        received: All requests so far.
    """

    def __init__(self) -> None:
        self.ranges = {"interface": True, "page": True}
        self.etag = True
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.received: list[Received] = []
        self.stopped = threading.Event()
        self.stalled = threading.Event()
        self.address = ""

    def answer(self, handler: Handler) -> None:
        """Respond to one request, as the service does."""
        raise NotImplementedError

    def requests_for(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == path]


class Handler(BaseHTTPRequestHandler):
    """HTTP handler of a fake service."""

    protocol_version = "HTTP/1.1"
    served: FakeService

    def do_GET(self) -> None:
        faults = self.served.faults[urlsplit(self.path).path]
        self.fault = faults.popleft() if faults else None
        if isinstance(self.fault, Refused):
            return self.say(self.fault.status, {"message": "later"}, self.fault.retry_after)
        return self.served.answer(self)

    do_POST = do_GET  # noqa: N815 - the library's name

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def say(self, status: int, content: Any, retry_after: int | None = None) -> None:
        data = json.dumps(content).encode()
        self._begin(status, len(data), "application/json")
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data[: self.fault.after] if isinstance(self.fault, Broken) else data)

    def send_bytes(self, data: bytes, etag: str | None, ranges: bool) -> None:
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and ranges and self.headers.get("If-Range") in {None, etag}:
            start = int(wanted[1])
        if start >= len(data) > 0:
            return self.say(416, {"message": "Range Not Satisfiable"})
        self._begin(206 if start else 200, len(data) - start, "application/octet-stream")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        body = data[start:]
        if isinstance(self.fault, Corrupted):
            body = bytes([body[0] ^ 255]) + body[1:]
        if isinstance(self.fault, Unmeasured):
            body = (body + bytes(max(self.fault.by, 0)))[: len(body) + self.fault.by]
        if isinstance(self.fault, Broken | Stalled):
            self.wfile.write(body[: self.fault.after])
            if isinstance(self.fault, Stalled):
                self.served.stalled.set()
                self.served.stopped.wait(30)
            return None
        self.wfile.write(body)
        return None

    def _begin(self, status: int, length: int, kind: str) -> None:
        self.served.received.append(Received(urlsplit(self.path).path, dict(self.headers), status))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if not isinstance(self.fault, Unmeasured):
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")

    def log_message(self, *_: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    """A server that ignores clients that disconnect."""

    daemon_threads = False  # server_close waits for them

    def handle_error(self, *_: Any) -> None:
        pass


class Running:
    """Context in which a fake service runs, in threads of its own."""

    def __init__(self, served: FakeService) -> None:
        self.served = served

    def __enter__(self) -> Any:
        handler = type("Handler", (Handler,), {"served": self.served})
        self._server = QuietServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.served.address = f"http://127.0.0.1:{self._server.server_port}"
        return self.served

    def __exit__(self, *_: object) -> None:
        self.served.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
