"""A compound's tags by date: what was said the old way becomes history, today's tag follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.clock import SHANGHAI
from schemas.kinds.compound import tag_on, tag_spans
from sync_server.domain.compound_tags import told_before
from sync_server.services import base_facts, compound_tags
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.store import records_read
from tests.sync_server.world import (
    COMMUNITY,
    DISTRICT,
    GRID,
    add_worker,
    join,
    outcomes,
)

COMPOUND: dict[str, Any] = {
    "code": "XQ-1", "name": "幸福里", "kind": "compound", "address": "幸福路1号",
    "community_code": COMMUNITY, "property_mode": "none", "guard": True, "barrier": False,
    "cctv": False, "self_gov": "none",
}  # fmt: skip
NOW = datetime(2026, 9, 30, 12, tzinfo=SHANGHAI)
Fields = dict[str, Any]


@pytest.fixture
def made(centre: Centre) -> Callable[..., str]:
    """Make a compound that says this besides, as if it had been there since May."""

    def make(**said: Any) -> str:
        record_id = new_id()
        record = ImportedRecord(
            record_id, "compound", COMMUNITY, COMPOUND | said, new_id(), "2026-05-01T10:00:00+08:00"
        )
        with centre.store.writing() as connection:
            import_records(connection, DISTRICT, [record], author=None, at=NOW)
        return record_id

    return make


def stands(centre: Centre, record_id: str) -> Any:
    with centre.store.reading() as connection:
        return records_read.get(connection, DISTRICT, record_id)


def write(centre: Centre, record_id: str, said: Fields, at: datetime = NOW) -> None:
    """Change a compound as somebody who saw it does."""
    with centre.store.writing() as connection:
        change = CentralChange(
            "compound", record_id, "update", said, new_id(),
            base_version=stands(centre, record_id)["version"],
        )  # fmt: skip
        apply_central_change(connection, DISTRICT, change, at)


def keep(centre: Centre, at: datetime = NOW) -> Fields:
    """Let the centre keep its facts true; return nothing but what every compound says."""
    base_facts.keep_true(centre.store, DISTRICT, at)
    version = base_facts.keep_true(centre.store, DISTRICT, at)
    assert base_facts.keep_true(centre.store, DISTRICT, at, version) == version
    return {}


def told(fields: Fields) -> list[tuple[str, str, str]]:
    return [(one.tag, one.since, one.until) for one in tag_spans(fields)]


def test_a_tag_of_an_old_record_becomes_its_first_entry(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    keep(centre)
    row = stands(centre, record_id)
    assert told(row["fields"]) == [("hard", "2026-03-01", "")]
    assert (row["fields"]["tag"], row["fields"]["tag_from"]) == ("hard", "2026-03-01")
    assert row["version"] == 2


def test_tags_are_settled_at_once_and_a_withdrawn_compound_is_left_alone(centre, made):
    told_late, gone = made(tag="normal"), made(tag="hard", tag_from="2026-03-01")
    with centre.store.writing() as connection:
        void = CentralChange("compound", gone, "void", {"reason": "重复"}, new_id(),
                             base_version=1, by_rule=True)  # fmt: skip
        apply_central_change(connection, DISTRICT, void, NOW)
        compound_tags.settle(connection, DISTRICT, [told_late, gone], NOW)
    fields = stands(centre, told_late)["fields"]
    assert told(fields) == [("normal", "2026-05-01", "")]
    assert (fields["tag"], fields["tag_from"]) == ("normal", "2026-05-01")
    assert "tags" not in stands(centre, gone)["fields"]


def test_every_tag_of_the_log_becomes_history(centre, made):
    record_id = made(tag="normal")
    write(centre, record_id, {"tag": "hard", "tag_from": "2026-06-01"})
    write(centre, record_id, {"tag": "demo"}, NOW)
    keep(centre)
    assert told(stands(centre, record_id)["fields"]) == [
        ("demo", "2026-09-30", ""),
        ("hard", "2026-06-01", "2026-09-30"),
        ("normal", "2026-05-01", "2026-06-01"),
    ]


def test_todays_tag_follows_the_list(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    keep(centre)
    write(centre, record_id, {"tags": {"add": {"a": {"tag": "demo", "since": "2026-09-01",
                                                     "until": "2026-10-02"}}}})  # fmt: skip
    keep(centre)
    fields = stands(centre, record_id)["fields"]
    assert (fields["tag"], fields["tag_from"]) == ("demo", "2026-09-01")
    keep(centre, NOW + timedelta(days=3))  # its last day is over, and nothing took its place
    fields = stands(centre, record_id)["fields"]
    assert "tag" not in fields
    assert "tag_from" not in fields
    assert told(fields) == [
        ("demo", "2026-09-01", "2026-10-02"),
        ("hard", "2026-03-01", "2026-09-01"),
    ]
    assert tag_on(fields, "2026-04-01").tag == "hard"
    assert tag_on(fields, "2026-01-01") is None


def test_an_entry_taken_out_does_not_come_back_by_itself(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    keep(centre)
    (key,) = stands(centre, record_id)["fields"]["tags"]
    write(centre, record_id, {"tags": {"remove": [key]}})
    keep(centre)
    fields = stands(centre, record_id)["fields"]
    assert "tags" not in fields
    assert "tag" not in fields
    keep(centre, NOW + timedelta(days=1))
    assert "tags" not in stands(centre, record_id)["fields"]


def test_what_was_taken_out_stays_out_when_another_tag_is_said_the_old_way(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    keep(centre)
    (key,) = stands(centre, record_id)["fields"]["tags"]
    write(centre, record_id, {"tags": {"remove": [key]}})
    keep(centre)
    write(centre, record_id, {"tag": "demo", "tag_from": "2026-09-15"})
    keep(centre)
    assert told(stands(centre, record_id)["fields"]) == [("demo", "2026-09-15", "")]


def test_a_list_that_was_written_last_is_not_added_to(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    write(centre, record_id, {"tags": {"add": {"a": {"tag": "demo", "since": "2026-09-01"}}}})
    keep(centre)
    fields = stands(centre, record_id)["fields"]
    assert told(fields) == [("demo", "2026-09-01", "")]
    assert (fields["tag"], fields["tag_from"]) == ("demo", "2026-09-01")


@pytest.mark.parametrize(
    ("said", "stands_now", "told_of"),
    [
        ([({"tag": "hard"}, "applied"), ({"tag": "demo"}, "conflict")], {"tag": "hard"},
         [("hard", "2026-09-30")]),
        ([({"tag": "hard"}, "applied"), ({"tag_from": "2026-03-01"}, "merged")],
         {"tag": "hard", "tag_from": "2026-03-01"}, [("hard", "2026-03-01")]),
        ([({"tag": "hard"}, "applied"), ({"size": 1}, "applied")],
         {"tag": "demo", "tag_from": "2026-08-01"},
         [("hard", "2026-09-30"), ("demo", "2026-08-01")]),
        ([], {"tag": "demo", "tag_from": "2026-08-01"}, [("demo", "2026-08-01")]),
        ([], {"tag": "demo"}, []),  # nobody knows since when
        ([({"tag": "hard"}, "applied"), ({"tag": None}, "applied")], {},
         [("hard", "2026-09-30"), ("", "2026-09-30")]),
    ],
)  # fmt: skip
def test_a_log_tells_which_tags_were_said(said, stands_now, told_of):
    log = [{"fields": fields, "outcome": outcome, "happened_at": NOW} for fields, outcome in said]
    assert told_before(log, stands_now) == told_of


def test_a_tag_an_older_laptop_writes_becomes_an_entry(centre, made):
    record_id = made(tag="hard", tag_from="2026-03-01")
    keep(centre)
    laptop = join(centre, add_worker(centre, "w1", [GRID]))
    laptop.send()
    laptop.write("compound", "update", {"tag": "demo", "tag_from": "2026-09-15"}, record_id,
                 base_version=2, schema=2)  # fmt: skip
    assert outcomes(laptop.send()) == ["applied"]
    keep(centre)
    row = stands(centre, record_id)
    assert told(row["fields"])[0] == ("demo", "2026-09-15", "")
    assert told(row["fields"])[1] == ("hard", "2026-03-01", "2026-09-15")
    assert row["fields"]["tag"] == "demo"
