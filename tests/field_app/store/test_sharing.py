"""Documents that say the same hold it once in memory, and nobody notices."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from field_app.store.image import Entry, TableImage
from field_app.store.tables import Document, DurableDB

Open = Callable[..., DurableDB]
RECORD = {"grid": "990101100009003", "size": 3, "keyed": {"a": {"note": "飞线"}}, "flag": True}
VIEW = {"fields": RECORD, "server": RECORD, "copy": {"fields": RECORD, "version": 1}}


def scanned(*documents: dict[str, Any]) -> list[Any]:
    """Return the image's own documents after a scan."""
    image = TableImage()
    for number, document in enumerate(documents):
        image.add(str(number), Entry(number, json.dumps(document)))
    return [entry.document() for _, entry in image.items()]


def test_what_is_read_is_what_was_stored() -> None:
    odd = {
        "a": {"n": 1},
        "b": {"n": True},
        "c": {"n": 1.0},
        "d": [{"n": 1}, ["x", {"n": 1}]],
        "e": {},
        "f": {"n": 1, "m": 2},
        "g": {"m": 2, "n": 1},
        "h": {"of": {"n": 1}},
        "i": {"of": {"n": True}},
        "j": {"list": [1]},
        "k": {"list": [True]},
    }
    assert [json.dumps(one) for one in scanned(VIEW, odd)] == [json.dumps(VIEW), json.dumps(odd)]


def test_equal_texts_are_held_once_over_all_documents() -> None:
    first, second = scanned(VIEW, VIEW)
    assert first["fields"]["grid"] is second["copy"]["fields"]["grid"]


def test_equal_texts_in_lists_are_held_once_too() -> None:
    first, second = scanned({"at": [["990101100009003"]]}, {"at": ["990101100009003"]})
    assert first["at"][0][0] is second["at"][0]


def test_equal_objects_of_one_document_are_held_once() -> None:
    plain = {"grid": "990101100009003", "size": 3}
    (one,) = scanned({"fields": plain, "server": plain, "copy": {"fields": plain}})
    assert one["fields"] is one["server"] is one["copy"]["fields"]


def test_changing_what_was_handed_out_changes_nothing_else(open_db: Open) -> None:
    with open_db() as db:
        db.table("visit").insert(Document(VIEW, "1"))
    table = open_db().table("visit")
    assert len(table.search(lambda one: True)) == 1
    mine = table.get(doc_id="1")
    mine["fields"]["keyed"]["a"]["note"] = "!"
    mine["fields"]["grid"] = "!"
    assert dict(table.get(doc_id="1")) == VIEW


def test_an_update_of_one_part_leaves_its_twin_alone(open_db: Open) -> None:
    with open_db() as db:
        db.table("visit").insert(Document(VIEW, "1"))
    table = open_db().table("visit")
    assert len(table.search(lambda one: True)) == 1
    table.update(lambda one: one["fields"].update(size=4), doc_ids=["1"])
    again = table.get(doc_id="1")
    assert (again["fields"]["size"], again["server"]["size"]) == (4, 3)
