"""Search texts that an older program wrote are redone, in pieces, and nobody gets a record anew."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.search import RULES, search_text
from sync_server.domain.merge import Edit
from sync_server.services import search_texts
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.ledger import Ledger
from sync_server.services.search_texts import redo_texts
from sync_server.store import feed
from sync_server.store import search_texts as store_texts
from sync_server.store.search_texts import Mark
from sync_server.store.tables import records, search_marks
from tests.sync_server.world import GRID

OLD = {"𠮷田靖": "𠮷田靖 𠮷tianjing 𠮷tj", "⻢力": "⻢力 ⻢li ⻢l", "阿‧力": "阿‧力 a‧li a‧l"}
"""Names that are found by something else since rules 2, and by what they were found before."""
NAMES = (*OLD, "马新宇", "郭莉")


def edit(ledger: Ledger, base: int = 0) -> Edit:
    return Edit(new_id(), new_id(), None, base, ledger.now, doubtful=False)


@pytest.fixture
def old(any_centre: Centre) -> Centre:
    """A centre whose people were entered before rules 2."""
    resident = kind_of("resident")
    with any_centre.store.writing() as connection:
        ledger = Ledger(connection, any_centre.code, any_centre.clock())
        for name in NAMES:
            ledger.create(resident, edit(ledger), new_id(), GRID, "", {"name": name})
        ledger.write()
        for row in connection.execute(sa.select(records)).all():
            if row.fields["name"] in OLD:
                connection.execute(
                    sa.update(records)
                    .where(records.c.record_id == row.record_id)
                    .values(search_text=OLD[row.fields["name"]])
                )
        connection.execute(sa.delete(search_marks))
    return any_centre


def stored(centre: Centre) -> dict[str, Any]:
    with centre.store.reading() as connection:
        rows = connection.execute(sa.select(records)).all()
    return {row.fields["name"]: row for row in rows}


def mark(centre: Centre) -> Mark | None:
    with centre.store.reading() as connection:
        return store_texts.mark_of(connection, centre.code)


def redo(centre: Centre) -> int:
    return redo_texts(centre.store, centre.code, centre.clock())


def test_who_was_entered_before_is_found_as_others_type_the_name(old: Centre) -> None:
    before = stored(old)
    assert "jitianjing" not in before["𠮷田靖"].search_text
    assert redo(old) == len(OLD)
    after = stored(old)
    for name, row in after.items():
        assert row.search_text == search_text(kind_of("resident"), {"name": name})
        texts = {"search_text": row.search_text}
        assert row._mapping == {**before[name]._mapping, **texts}  # no laptop gets it anew
    assert "jitianjing" in after["𠮷田靖"].search_text
    assert mark(old) == Mark(RULES, None)
    assert redo(old) == 0


def test_it_goes_on_where_it_was_left(old: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_texts, "SIZE", 2)
    monkeypatch.setattr(search_texts, "PIECES", 1)
    ids = sorted(row.record_id for row in stored(old).values())
    done = redo(old)
    assert mark(old) == Mark(RULES, ids[1])
    done += redo(old)
    assert mark(old) == Mark(RULES, ids[3])
    assert done + redo(old) == len(OLD)
    assert mark(old) == Mark(RULES, None)


def test_what_fails_in_the_middle_is_done_again(
    old: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(search_texts, "SIZE", 2)
        broken.setattr(store_texts, "put_mark", lambda *_: 1 / 0)
        before = stored(old)
        with pytest.raises(ZeroDivisionError):
            redo(old)
        assert stored(old) == before
    assert redo(old) == len(OLD)


def test_newer_rules_begin_anew(old: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    last = max(row.record_id for row in stored(old).values())
    with old.store.writing() as connection:
        store_texts.put_mark(connection, old.code, Mark(RULES - 1, last))
    assert redo(old) == len(OLD)
    monkeypatch.setattr(search_texts, "RULES", RULES + 1)
    assert redo(old) == 0
    assert mark(old) == Mark(RULES + 1, None)


def test_what_is_changed_meanwhile_keeps_its_own_text(
    old: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = search_texts._redone
    first = stored(old)["𠮷田靖"]

    def change_it(row: Any) -> Any:
        if row["record_id"] == first.record_id:
            with old.store.writing() as connection:
                ledger = Ledger(connection, old.code, old.clock())
                ledger.load([first.record_id])
                ledger.change(
                    edit(ledger, first.version), first.record_id, "update", "", {"name": "吴靖"}
                )
                ledger.write()
        return read(row)

    monkeypatch.setattr(search_texts, "_redone", change_it)
    assert redo(old) == len(OLD) - 1
    row = stored(old)["吴靖"]
    assert row.search_text == search_text(kind_of("resident"), {"name": "吴靖"})
    with old.store.reading() as connection:
        assert row.change_no == feed.last_change_no(connection, old.code)


def test_a_new_district_has_nothing_to_redo(any_centre: Centre) -> None:
    assert mark(any_centre) == Mark(RULES, None)
