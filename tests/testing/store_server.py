"""A fake Climate Data Store."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

from tests.testing.servers import FakeService, Handler


class ClimateDataStore(FakeService):
    """Processes, jobs and results, as the store's interface has them.

    Attributes:
        key: The only key that is known.
        jobs: Number of a request -> what was asked for.
        waits: Questions after a job's state that are answered with ``running``.
        fails: Whether jobs fail.
        made: Function that makes the file of a request.
    """

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.key = "11111111-2222-3333-4444-555555555555"
        self.jobs: dict[str, dict[str, Any]] = {}
        self.waits = 0
        self.fails = False
        self.made = made

    def answer(self, handler: Handler) -> None:
        path = urlsplit(handler.path).path
        if path == "/api/catalogue/v1/messages":
            handler.say(200, {"messages": []})
        elif found := re.fullmatch(r"/store/(.+)\.zip", path):
            data = self.made(self.jobs[found[1]])
            etag = '"' + hashlib.md5(data).hexdigest() + '"'
            handler.send_bytes(data, etag, self.ranges["interface"])
        elif handler.headers.get("PRIVATE-TOKEN") != self.key:
            said = {"type": "permission denied", "title": "Authentication failed", "status": 401}
            handler.say(401, said)
        elif found := re.fullmatch(r"/api/retrieve/v1/processes/([^/]+)(/execution)?", path):
            self._process(handler, found[1], execute=bool(found[2]))
        elif found := re.fullmatch(r"/api/retrieve/v1/jobs/([^/]+)(/results)?", path):
            self._job(handler, found[1], results=bool(found[2]))
        else:
            handler.say(404, {"title": "Not Found", "detail": path})

    def _process(self, handler: Handler, name: str, *, execute: bool) -> None:
        if not execute:
            links = [self._link("self", f"/processes/{name}")]
            return handler.say(200, {"id": name, "version": "1.0.0", "links": links})
        number = f"00000000-0000-0000-0000-{len(self.jobs) + 1:012d}"
        self.jobs[number] = {"dataset": name, **handler.body()["inputs"]}
        return handler.say(201, self._status(number, "accepted", ["monitor"]))

    def _job(self, handler: Handler, number: str, *, results: bool) -> None:
        if number not in self.jobs:
            return handler.say(404, {"type": "no-such-job", "title": "Job not found"})
        if results and self.fails:
            said = {
                "type": "job results failed",
                "title": "The job has failed",
                "status": 400,
                "traceback": "MultiAdaptorNoDataError: none of it is available yet",
            }
            return handler.say(400, said)
        if results:
            value = {
                "type": "application/zip",
                "href": f"{self.address}/store/{number}.zip",
                # Of the object in the store, not of its bytes.
                "file:checksum": "5d41402abc4b2a76",
                "file:size": len(self.made(self.jobs[number])),
                "file:local_path": f"s3://cache/{number}.zip",
            }
            return handler.say(200, {"asset": {"value": value}})
        self.waits -= 1
        state = "running" if self.waits >= 0 else "failed" if self.fails else "successful"
        return handler.say(200, self._status(number, state, ["results"]))

    def _status(self, number: str, state: str, relations: list[str]) -> dict[str, Any]:
        links = [self._link(r, f"/jobs/{number}") for r in ("self", *relations) if r != "results"]
        if "results" in relations and state == "successful":
            links.append(self._link("results", f"/jobs/{number}/results"))
        return {
            "processID": self.jobs[number]["dataset"],
            "type": "process",
            "jobID": number,
            "status": state,
            "created": "2026-01-01T00:00:00.000000",
            "updated": "2026-01-01T00:00:01.000000",
            "links": links,
        }

    def _link(self, relation: str, path: str) -> dict[str, str]:
        address = f"{self.address}/api/retrieve/v1{path}"
        return {"href": address, "rel": relation, "type": "application/json"}
