"""What is stored in bulk looks to the exchange like what laptops brought."""

from __future__ import annotations

import json
import random
from pathlib import Path

import sqlalchemy as sa

from benchmarks.field_force import DISTRICT, clock, muster, opened, place_at_end
from benchmarks.filling import Filling
from sync_server.services.devices import authenticate
from sync_server.services.sync import exchange
from sync_server.store.tables import changes, records


def send(centre, laptop, count: int) -> dict:
    laptop.begin_stream()
    body = next(laptop.batches(1, count, random.Random(count), want=0))
    device = authenticate(centre.store, laptop.token)
    return json.loads(exchange(centre, device, json.loads(body), clock()).as_json())


def stored(centre) -> tuple[int, int]:
    with centre.store.reading() as connection:
        return tuple(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (changes, records)
        )


def test_a_filled_district_takes_more_in_and_believes_its_cursors(tmp_path: Path) -> None:
    centre = opened(tmp_path / "centre")
    try:
        (laptop,) = muster(centre, 1)
        send(centre, laptop, 20)
        _, one = stored(centre)
        filling = Filling(centre.store.engine, DISTRICT)
        for goal in (100, 300):  # and laptops go on in between
            before = stored(centre)[0]
            filling.grow(goal)
            assert stored(centre)[0] - before == (goal - (20 if goal == 100 else 100))
            place_at_end(centre, [laptop])
            epoch = laptop.epoch
            answer = send(centre, laptop, 10)
            assert [each["outcome"] for each in answer["receipts"]].count("applied") >= 8
            assert (answer["server_epoch"], len(answer["receipts"])) == (epoch, 10)
        assert stored(centre)[1] > 10 * one
        filling.finish()
    finally:
        centre.store.close()
