"""What records are found by after an upgrade: the search texts of an older program are redone."""

from __future__ import annotations

from typing import Any

import pytest

from field_app.services import base_data, choices, found_by
from field_app.services.records import get_view, save_record
from field_app.services.workspace import CHANGES, SETTINGS, Workspace
from field_app.store.errors import StoreFull
from schemas.catalogue import kind_of
from tests.field_app.laptops import PASSPHRASE, WORKER, Laptop
from tests.field_app.small_grid import fill, rid

FOURTH = rid("resident", 4)
OLD = "𠮷田靖 𠮷tianjing 𠮷tj"
"""What the program before rules 2 wrote for this name."""


@pytest.fixture
def old(laptop: Laptop) -> Laptop:
    """A laptop whose store was written by the program before rules 2, locked."""
    fill(laptop.ws.db)
    view = dict(laptop.ws.table("resident").get(doc_id=FOURTH) or {})
    assert view["fields"]["name"] == "𠮷田靖"
    laptop.ws.put("resident", FOURTH, {**view, "search": OLD})
    laptop.ws.table(SETTINGS).remove(doc_ids=[found_by.SUBJECT])
    laptop.desk.lock()
    return laptop


def listed(ws: Workspace, query: str) -> list[str]:
    rows = base_data.listing(ws, kind_of("resident"), query).rows
    return [str(view["fields"]["name"]) for view, _ in rows]


def text_of(ws: Workspace) -> str:
    return str((get_view(ws, "resident", FOURTH) or {})["search"])


def test_an_older_stores_search_texts_are_redone_when_it_is_opened(old: Laptop) -> None:
    old.desk.unlock(WORKER, PASSPHRASE)
    for query in ("𠮷田", "吉田", "jitianjing", "jtj"):
        assert listed(old.ws, query) == ["𠮷田靖"]
        assert [one.value for one in choices.offer(old.ws, "resident", query=query).choices] == [
            FOURTH
        ]
    assert len(old.ws.table(CHANGES)) == 0  # nothing is to be sent for it
    assert found_by.redo(old.ws) == 0


def test_only_what_reads_otherwise_is_written_again(old: Laptop) -> None:
    old.desk.unlock(WORKER, PASSPHRASE)
    old.ws.table(SETTINGS).remove(doc_ids=[found_by.SUBJECT])
    assert found_by.redo(old.ws) == 1


def test_a_full_disk_puts_it_off_and_opens_the_store(
    old: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise StoreFull

    with monkeypatch.context() as patch:
        patch.setattr(found_by, "put_all", full)
        old.desk.unlock(WORKER, PASSPHRASE)
    assert text_of(old.ws) == OLD
    old.desk.lock()
    old.desk.unlock(WORKER, PASSPHRASE)
    assert "jitianjing" in text_of(old.ws)


def test_a_name_saved_now_needs_no_redoing(old: Laptop) -> None:
    old.desk.unlock(WORKER, PASSPHRASE)
    saved = save_record(old.ws, "resident", "update", {"name": "⻢𠮷"}, record_id=FOURTH)
    assert saved.saved
    assert listed(old.ws, "maji") == listed(old.ws, "马吉") == listed(old.ws, "⻢𠮷") == ["⻢𠮷"]
    assert (get_view(old.ws, "resident", FOURTH) or {})["fields"]["name"] == "⻢𠮷"  # as typed


def test_names_stand_in_the_order_they_are_read(old: Laptop) -> None:
    old.desk.unlock(WORKER, PASSPHRASE)
    kind, wanted = kind_of("resident"), ["阿卜杜拉·买买提", "𠮷田靖", "林示例", "单雄信", "曾小贤"]
    rows = [row for page in (1, 2) for row in base_data.listing(old.ws, kind, page=page).rows]
    names = [str(view["fields"]["name"]) for view, _ in rows]
    assert [name for name in names if name in wanted] == wanted
