"""The real centre on the other end of the laptop's line, and a line that can fail.

Requests of the laptop's client are carried straight into the centre's app; a test may cut, spoil or
delay single ones.
"""

from __future__ import annotations

import gzip
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import responses

from schemas.exchange import API
from sync_server.app import app_of
from sync_server.services.accounts import User
from sync_server.services.centre import open_centre
from sync_server.services.devices import issue_join_code
from sync_server.settings import Settings
from tests.field_app.laptops import CENTRE, GRID, Hands
from tests.sync_server.world import DISTRICT, add_worker

Answer = tuple[int, dict[str, str], str | bytes]
Fault = Callable[[Callable[[], Answer]], Answer]
"""What happens to one request: it may carry it through, or not, and answer what it likes."""

ACCOUNT = "/sync/account"
"""Asked for after every round; it has faults of its own, so that others befall exchanges."""
HTML = {"Content-Type": "text/html"}
PROBLEM = {"Content-Type": "application/problem+json"}


def lost_request(carry: Callable[[], Answer]) -> Answer:
    """The centre never gets it."""
    raise requests.ConnectionError("cut before the request")


def lost_reply(carry: Callable[[], Answer]) -> Answer:
    """The centre stores it; the answer never arrives."""
    carry()
    raise requests.ConnectionError("cut before the reply")


def timed_out(carry: Callable[[], Answer]) -> Answer:
    """The centre stores it, but takes too long to answer."""
    carry()
    raise requests.ReadTimeout("too slow")


def cut_reply(carry: Callable[[], Answer]) -> Answer:
    """Half of the answer arrives."""
    status, headers, body = carry()
    return status, headers, body[: len(body) // 2]


def answers(status: int, body: str, **headers: str) -> Fault:
    """Something else answers; the centre never gets the request."""
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda carry: (status, kept, body)


METHODS = (responses.GET, responses.POST, responses.HEAD, responses.PATCH)
PHOTOS = "/photos"
CARRIED = frozenset({"Content-Type", "Retry-After", "Location", "Tus-Resumable", "Upload-Offset"})


class CentreLine:
    """The real centre at ``CENTRE`` and the line to it."""

    def __init__(self, folder: Path, hands: Hands) -> None:
        self.hands = hands
        self.folder = folder
        self.open()
        self.faults: deque[Fault] = deque()
        self.account_faults: deque[Fault] = deque()
        self.photo_faults: deque[Fault] = deque()
        self.last_request: Any = None
        self.paths: list[str] = []
        self._line = responses.RequestsMock(assert_all_requests_are_fired=False)

    def open(self) -> None:
        """Open the centre's database, the one in its folder."""
        self.centre = open_centre(
            Settings(self.folder, district=DISTRICT, testing=True), self.hands
        )
        self.client = app_of(self.centre).test_client()

    def __enter__(self) -> CentreLine:
        self._line.start()
        for method in METHODS:
            self._line.add_callback(
                method, re.compile(re.escape(CENTRE + API) + ".*"), callback=self._carry
            )
        return self

    def __exit__(self, *exc: object) -> None:
        self._line.stop(allow_assert=False)
        self._line.reset()
        self.centre.store.close()

    def worker(self, no: str = "w1", grids: tuple[str, ...] = (GRID,)) -> User:
        """Make a grid worker at the centre."""
        return add_worker(self.centre, no, grids)

    def code(self, worker: User) -> str:
        """Issue a join code for a worker."""
        with self.centre.store.writing() as connection:
            return issue_join_code(connection, DISTRICT, worker.user_id, self.hands())

    def _carry(self, request: Any) -> Answer:
        def carry() -> Answer:
            kept = {name: str(value) for name, value in request.headers.items()}
            body = request.body.encode() if isinstance(request.body, str) else request.body
            path = request.url.removeprefix(CENTRE)
            answer = self.client.open(
                path, method=request.method, base_url=CENTRE, data=body, headers=kept
            )
            headers = {name: value for name, value in answer.headers.items() if name in CARRIED}
            squeezed = answer.headers.get("Content-Encoding") == "gzip"
            plain = gzip.decompress(answer.data) if squeezed else answer.data
            return answer.status_code, headers, plain

        path = request.url.removeprefix(CENTRE + API)
        self.paths.append(path)
        if path == ACCOUNT:
            return self.account_faults.popleft()(carry) if self.account_faults else carry()
        if path.startswith(PHOTOS):
            return self.photo_faults.popleft()(carry) if self.photo_faults else carry()
        self.last_request = request
        return self.faults.popleft()(carry) if self.faults else carry()
