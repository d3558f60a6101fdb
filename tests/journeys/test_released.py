"""Clients of every released version: what they stored and what they send is still taken (I14).

``tests/data/release-*`` holds, of each release, two laptops' stores with unsent work, the centre
they belong to as it was before and after, and every request they sent with the answer of that day.
"""

from __future__ import annotations

import json
import random
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import kind_of
from schemas.exchange import API
from tests.field_app.laptops import CENTRE, Hands
from tests.journeys.simulation.centre import Disk, House
from tests.journeys.simulation.chance import Fuse, Tally
from tests.journeys.simulation.machines import Machine
from tests.journeys.simulation.network import Network

pytestmark = pytest.mark.journey

RELEASES = sorted((Path(__file__).parents[1] / "data").glob("release-*"))
ROUNDS = 3


class Release:
    """What was kept of one release, unpacked into ``folder``; the centre runs today's program."""

    def __init__(self, kept: Path, folder: Path, centre: str) -> None:
        self.facts: dict[str, Any] = json.loads((kept / "facts.json").read_text("utf-8"))
        lines = (kept / "requests.jsonl").read_text("utf-8").splitlines()
        self.requests: list[dict[str, Any]] = [json.loads(line) for line in lines]
        with tarfile.open(kept / "stores.tar.xz") as stores:
            stores.extractall(folder, filter="data")
        self.hands, chance, fuse, tally = Hands(), random.Random(0), Fuse(), Tally()
        hands = self.hands
        hands.wall = datetime.fromisoformat(self.facts["wall"])
        (folder / "centre").mkdir()
        (folder / centre).rename(folder / "centre" / "0")
        self.house = House(Disk(folder), hands, chance, tally)
        self.net = Network(self.house, chance, fuse, tally)
        self._machines = lambda name: Machine(name, folder / "laptops" / name, "", hands, fuse,
                                              tally)  # fmt: skip
        (folder / "laptops").mkdir()
        for name in self.facts["changes"]:
            (folder / "laptops" / name).mkdir()
            (folder / name).rename(folder / "laptops" / name / "0")

    @contextmanager
    def laptops(self) -> Iterator[list[Machine]]:
        """Open the laptops' stores with today's program."""
        machines = [self._machines(name) for name in self.facts["changes"]]
        try:
            with self.net.laid():
                yield machines
        finally:
            for machine in machines:
                machine.close()

    def post(self, request: dict[str, Any]) -> Any:
        """Send a request of that day again, at its hour."""
        self.hands.wall = datetime.fromisoformat(request["reply"]["server_time"])
        headers = {"Authorization": request["authorization"]}
        path = f"{API}/sync"
        return self.house.client.post(path, base_url=CENTRE, json=request["body"], headers=headers)


@pytest.fixture(params=RELEASES, ids=lambda kept: kept.name)
def kept(request: pytest.FixtureRequest) -> Path:
    """The folder of one release."""
    folder: Path = request.param
    return folder


def test_stores_of_a_release_bring_their_work_home(kept: Path, tmp_path: Path) -> None:
    release = Release(kept, tmp_path, "centre-after")
    with release.laptops() as machines:
        for machine in machines:
            before = machine.stored()
            assert set(before) == set(release.facts["changes"][machine.name])
            acked = {key for key, one in before.items() if one["acked"]}
            assert acked == set(release.facts["acknowledged"][machine.name])
        ended = [machine.sync() for _ in range(ROUNDS) for machine in machines]
        assert [one.stage for one in ended if one] == ["done"] * len(ended)
        assert ended[-1] is not None
        for machine in machines:
            assert all(one["acked"] for one in machine.stored().values())
    every = [change_id for ids in release.facts["changes"].values() for change_id in ids]
    rows = [row["change_id"] for row in release.house.rows("changes") if row["device_id"]]
    assert sorted(rows) == sorted(every)
    release.house.close()


def test_requests_of_a_release_are_answered_as_on_that_day(kept: Path, tmp_path: Path) -> None:
    release = Release(kept, tmp_path, "centre-before")
    ahead: set[str] = set()
    for request in release.requests:
        answer = release.post(request)
        assert answer.status_code == request["status"], answer.text
        then, now = request["reply"], answer.get_json()
        assert now.keys() >= then.keys()
        sent = {one["change_id"]: one for one in request["body"]["changes"]}
        for today, that_day in zip(now["receipts"], then["receipts"], strict=True):
            change = sent[that_day["change_id"]]
            if _was_newer(that_day) and _is_known(change):
                assert today["outcome"] == "applied"
                ahead.add(change["record_id"])
            elif change["record_id"] in ahead:  # by the versions of what is known by now
                assert _said(today)[:3] == _said(that_day)[:3]
            else:
                assert _said(today) == _said(that_day)
        assert now["known"] == then["known"]
        for update in now["updates"]:
            assert update.keys() >= {"kind", "schema", "record_id", "version", "grid", "fields"}
    before = sorted(map(repr, release.house.rows("changes")))
    for request in release.requests:
        answer = release.post(request)
        assert answer.status_code == 200
        assert {one["outcome"] for one in answer.get_json()["receipts"]} <= {"duplicate"}
    assert sorted(map(repr, release.house.rows("changes"))) == before
    release.house.close()


def _was_newer(receipt: dict[str, Any]) -> bool:
    """Whether a change was written by a program newer than the centre of that day."""
    return any(one["code"] == "unknown_schema" for one in receipt.get("problem") or ())


def _is_known(change: dict[str, Any]) -> bool:
    """Whether there is such a version of the kind by now."""
    return int(change["schema"]) <= kind_of(change["kind"]).info.version


def _said(receipt: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(receipt.get(name) for name in ("seq", "change_id", "outcome", "version"))
