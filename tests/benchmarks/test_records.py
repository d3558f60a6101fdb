"""What the benchmarks send is what laptops send, and about as large as the peers' records."""

from __future__ import annotations

import json
import random
import statistics
from itertools import pairwise

import pytest

from benchmarks import filling, peer_records
from benchmarks.field_changes import Laptop, mean_bytes
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.seal import change_hash
from sync_server.services.ids import new_id
from sync_server.store.tables import metadata


@pytest.fixture(scope="module")
def bodies() -> list[dict]:
    laptop = Laptop(new_id(), "t", new_id(), "990101100009003", "e")
    return [json.loads(one) for one in laptop.batches(4, 50, random.Random(3), want=0)]


def test_every_change_is_one_a_laptop_may_send(bodies) -> None:
    for body in bodies:
        for change in body["changes"]:
            kind = kind_of(change["kind"])
            assert check(kind, change["action"], change["fields"]).ok, change
            assert change["action"] in kind.info.laptop


def test_the_changes_of_a_stream_are_numbered_and_chained(bodies) -> None:
    changes = [change for body in bodies for change in body["changes"]]
    assert [one["seq"] for one in changes] == list(range(1, 201))
    for before, after in pairwise(changes):
        assert after["prev"] == before["hash"] == change_hash(before)
    assert bodies[1]["heads"][0]["acked_hash"] == bodies[0]["changes"][-1]["hash"]


def test_a_change_is_about_a_kilobyte(bodies) -> None:
    size = mean_bytes([json.dumps(one).encode() for one in bodies])
    assert 900 <= size <= 1150


def test_a_peers_record_has_25_fields_passes_its_schema_and_is_about_a_kilobyte() -> None:
    rng = random.Random(5)
    records = [peer_records.record(rng) for _ in range(50)]
    assert {len(one) for one in records} == {25}
    for one in records:
        peer_records.RecordSchema().load(one)
    assert 900 <= statistics.mean(len(peer_records.dumped(one)) for one in records) <= 1150


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
@pytest.mark.parametrize("name", filling.TABLES)
def test_a_copy_of_a_stored_row_gets_every_column_of_its_table(name, dialect) -> None:
    table = metadata.tables[name]
    text = filling.copying(table, dialect, filling.Template(count=1000, last_no=1200))
    for column in table.columns:
        assert f'"{column.name}"' in text
    assert "1200" in text or name == "batches"


def test_filling_goes_by_powers_of_ten() -> None:
    assert list(filling.sizes(100_000)) == [1_000, 10_000, 100_000]
    assert list(filling.steps(25, 10)) == [(1, 10), (11, 20), (21, 25)]
