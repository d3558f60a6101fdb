"""Beyond TinyDB: what a durable table adds, and where it deliberately differs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tinydb import where

from field_app.store.changes import Change
from field_app.store.errors import StoreClosed, StoreFull
from field_app.store.tables import Document, DurableDB
from tests.field_app.store.conftest import KEY

Open = Callable[..., DurableDB]


def test_record_ids_are_strings_and_survive_reopening(open_db: Open) -> None:
    db = open_db()
    db.table("household").insert(Document({"head": "𠮷田"}, doc_id="0198-b"))
    db.table("household").insert(Document({"head": "王"}, doc_id="0198-a"))
    db.close()
    again = open_db().table("household").all()
    assert [(document.doc_id, document["head"]) for document in again] == [
        ("0198-b", "𠮷田"),
        ("0198-a", "王"),
    ]


def test_a_changed_document_keeps_its_place(open_db: Open) -> None:
    db = open_db()
    table = db.table("household")
    table.insert_multiple(Document({"n": n}, str(n)) for n in "cab")
    table.update({"n": "!"}, doc_ids=["c"])
    table.remove(doc_ids=["a"])
    table.insert(Document({"n": "a"}, "a"))
    assert [document.doc_id for document in table] == ["c", "b", "a"]
    db.close()
    assert [document.doc_id for document in open_db().table("household")] == ["c", "b", "a"]


def test_results_are_copies(db: DurableDB) -> None:
    table = db.table("household")
    given = {"grid": "G1", "people": [{"name": "王"}]}
    table.insert(Document(given, "1"))
    given["people"][0]["name"] = "spoilt"  # type: ignore[index]
    answers: list[Any] = [
        table.get(doc_id="1"),
        table.get(where("grid") == "G1"),
        *table.get(doc_ids=["1"]),
        *table.all(),
        *table.search(where("grid") == "G1"),
        *table.find_by("grid", "G1"),
    ]
    for answer in answers:
        answer["people"][0]["name"] = "spoilt"
    assert table.get(doc_id="1")["people"] == [{"name": "王"}]
    read = db.storage.read()
    assert read is not None
    read["household"]["1"]["people"].clear()
    assert table.get(doc_id="1")["people"] == [{"name": "王"}]


def test_documents_are_as_json_gives_them_back_at_once(open_db: Open) -> None:
    db = open_db()
    db.table("t").insert(Document({"pair": (1, 2)}, "1"))
    now = db.table("t").get(doc_id="1")
    db.close()
    assert now == open_db().table("t").get(doc_id="1") == {"pair": [1, 2]}


def test_what_json_cannot_hold_is_refused_and_changes_nothing(db: DurableDB) -> None:
    with pytest.raises(TypeError):
        db.table("t").insert_multiple([Document({}, "1"), Document({"bad": object()}, "2")])
    assert len(db.table("t")) == 0


def test_a_change_from_one_to_true_is_a_change(open_db: Open) -> None:
    db = open_db()
    db.table("t").insert(Document({"seen": 1}, "1"))
    db.table("t").update({"seen": True}, doc_ids=["1"])
    db.close()
    assert open_db().table("t").get(doc_id="1")["seen"] is True


def test_insert_multiple_never_overwrites(open_db: Open) -> None:
    table = open_db(document_id_class=int).table("t")
    table.insert({"n": "first"})
    for batch in (
        [Document({}, 5), Document({}, 5)],
        [{"n": "takes 2"}, Document({"n": "also 2"}, 2)],
        [Document({}, 7), Document({}, 1)],
    ):
        with pytest.raises(ValueError, match="already exists"):
            table.insert_multiple(batch)
    assert table.all() == [{"n": "first"}]
    assert table.insert_multiple([Document({"n": "a"}, 7), {"n": "b"}]) == [7, 8]


def test_numbers_of_removed_documents_are_not_given_again(open_db: Open) -> None:
    db = open_db(document_id_class=int)
    assert db.insert_multiple([{}, {}, {}]) == [1, 2, 3]
    db.remove(doc_ids=[2, 3])
    db.close()
    db = open_db(document_id_class=int)
    assert db.insert({}) == 4
    db.remove(where("none").exists() | (where("n") != 1), doc_ids=[1, 4])
    db.close()
    assert open_db(document_id_class=int).insert({}) == 5


def test_an_updater_that_raises_changes_nothing(db: DurableDB) -> None:
    table = db.table("t")
    table.insert_multiple(Document({"n": n}, str(n)) for n in range(3))

    def spoil(document: Any) -> None:
        document["n"] += 10
        if document["n"] == 12:
            raise ArithmeticError

    for attempt in (
        lambda: table.update(spoil),
        lambda: table.update_multiple([(spoil, where("n") >= 0)]),
    ):
        with pytest.raises(ArithmeticError):
            attempt()
    assert [document["n"] for document in table] == [0, 1, 2]


def test_a_failed_commit_leaves_the_image_alone(
    db: DurableDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = db.table("household")
    table.insert(Document({"grid": "G1"}, "1"))

    def refuse(changes: Iterable[Change]) -> None:
        raise StoreFull

    monkeypatch.setattr(db.storage.rows, "commit", refuse)  # type: ignore[attr-defined]
    with pytest.raises(StoreFull):
        table.update({"grid": "G2"}, doc_ids=["1"])
    with pytest.raises(StoreFull):
        db.drop_tables()
    assert table.all() == table.find_by("grid", "G1") == [{"grid": "G1"}]
    assert table.find_by("grid", "G2") == []


def test_a_write_costs_only_the_rows_it_changes(
    db: DurableDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = db.table("t")
    table.insert_multiple(Document({"n": n}, str(n)) for n in range(50))
    written: list[Change] = []
    monkeypatch.setattr(db.storage.rows, "commit", written.extend)  # type: ignore[attr-defined]
    table.upsert(Document({"n": 100}, "7"))
    table.update({"n": 8}, where("n") == 8)
    table.update(lambda document: document.update(n=3), doc_ids=["3"])
    assert [change[:2] for change in written] == [("t", "7")]


# Indexes


def test_find_by_agrees_with_search(db: DurableDB) -> None:
    table = db.table("household")
    odd: list[Any] = ["G1", 1, True, 1.0, None, ["G1"], {"g": 1}, "G2", "G1"]
    table.insert_multiple(Document({"grid": value}, str(n)) for n, value in enumerate(odd))
    table.insert(Document({"other": 1}, "none"))
    for value in [*odd, "G3", (), float("nan")]:
        assert table.find_by("grid", value) == table.search(where("grid") == value)


def test_find_by_follows_every_change(open_db: Open) -> None:
    db = open_db()
    table = db.table("household")
    assert table.find_by("grid", "G1") == []
    table.insert_multiple(Document({"grid": "G1", "n": n}, str(n)) for n in range(4))
    table.update({"grid": "G2"}, doc_ids=["1", "2"])
    table.remove(doc_ids=["3"])
    table.update({"grid": "G1"}, doc_ids=["1"])
    assert [document["n"] for document in table.find_by("grid", "G1")] == [0, 1]
    assert [document["n"] for document in table.find_by("grid", "G2")] == [2]
    db.close()
    table = open_db().table("household")
    assert [document["n"] for document in table.find_by("grid", "G1")] == [0, 1]
    table.truncate()
    assert table.find_by("grid", "G1") == []


def test_find_by_needs_a_declared_index(db: DurableDB) -> None:
    with pytest.raises(ValueError, match="no index"):
        db.table("household").find_by("phone", "1")


# Transactions


def test_a_transaction_commits_several_tables_together(open_db: Open) -> None:
    db = open_db()
    with db.transaction():
        db.table("household").insert(Document({"grid": "G1"}, "1"))
        db.table("changes").insert(Document({"seq": 1}, "1"))
    commits = db.storage.rows.commits  # type: ignore[attr-defined]
    db.close()
    assert commits == 1
    assert open_db().tables() == {"household", "changes"}


def test_reads_inside_a_transaction_see_what_is_pending(db: DurableDB) -> None:
    table = db.table("household")
    table.insert_multiple(Document({"grid": "G1"}, i) for i in "ab")
    with db.transaction():
        table.insert(Document({"grid": "G1"}, "c"))
        table.update({"grid": "G2"}, doc_ids=["a"])
        table.remove(doc_ids=["b"])
        assert [document.doc_id for document in table] == ["a", "c"]
        assert (len(table), table.contains(doc_id="b")) == (2, False)
        assert [document.doc_id for document in table.find_by("grid", "G1")] == ["c"]
        assert [document.doc_id for document in table.search(where("grid") == "G2")] == ["a"]
        db.drop_table("household")
        assert (db.tables(), len(db.table("household"))) == (set(), 0)
        db.table("household").insert(Document({"grid": "G3"}, "a"))
    assert db.table("household").all() == [{"grid": "G3"}]


def test_an_exception_rolls_everything_back(open_db: Open) -> None:
    db = open_db()
    db.table("household").insert(Document({"grid": "G1"}, "1"))

    def change_both_and_fail() -> None:
        with db.transaction():
            db.table("household").update({"grid": "G2"})
            db.table("changes").insert(Document({}, "1"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        change_both_and_fail()
    assert db.table("household").all() == [{"grid": "G1"}]
    assert db.tables() == {"household"}
    db.close()
    assert open_db().tables() == {"household"}


def test_an_inner_transaction_joins_the_outer(db: DurableDB) -> None:
    table = db.table("t")

    def fail_after_an_inner_one() -> None:
        with db.transaction():
            with db.transaction():
                table.insert(Document({}, "inner"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail_after_an_inner_one()
    assert len(table) == 0


def test_a_failed_inner_part_is_undone_alone(db: DurableDB) -> None:
    table = db.table("t")

    def fail() -> None:
        with db.transaction():
            table.insert(Document({}, "undone"))
            table.remove(doc_ids=["kept"])
            raise InterruptedError

    with db.transaction():
        table.insert(Document({}, "kept"))
        with pytest.raises(InterruptedError):
            fail()
        with pytest.raises(ValueError, match="already exists"):
            table.insert_multiple([Document({}, "also undone"), Document({}, "kept")])
    assert [document.doc_id for document in table] == ["kept"]


def test_other_threads_wait_for_a_transaction(db: DurableDB) -> None:
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(len(db.table("t"))))
    with db.transaction():
        db.table("t").insert(Document({}, "1"))
        reader.start()
        reader.join(0.05)
        assert seen == []
        db.table("t").insert(Document({}, "2"))
    reader.join()
    assert seen == [2]


def test_eight_threads_lose_no_update(open_db: Open) -> None:
    db = open_db()
    table = db.table("t")
    table.insert(Document({"n": 0}, "counter"))
    trouble: list[BaseException] = []

    def increase(document: Any) -> None:
        document["n"] += 1

    def work(thread: int) -> None:
        try:
            for turn in range(20):
                table.update(increase, doc_ids=["counter"])
                with db.transaction():
                    counter = table.get(doc_id="counter")
                    table.update({"n": counter["n"] + 1}, doc_ids=["counter"])
                    table.insert(Document({"thread": thread}, f"{thread}-{turn}"))
                assert table.count(where("thread") == thread) == turn + 1
                assert all(document for document in table)
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.close()
    assert trouble == []
    stored = open_db().table("t")
    assert (stored.get(doc_id="counter")["n"], len(stored)) == (2 * 8 * 20, 8 * 20 + 1)


# The rest


def test_a_closed_store_answers_nothing(db: DurableDB) -> None:
    table = db.table("t")
    db.close()
    db.close()
    questions: list[Callable[[], Any]] = [
        lambda: table.insert(Document({}, "1")),
        lambda: table.all(),
        lambda: table.get(doc_id="1"),
        lambda: len(table),
        lambda: db.tables(),
        lambda: db.drop_tables(),
        lambda: db.storage.read(),
    ]
    for question in questions:
        with pytest.raises(StoreClosed):
            question()


def test_the_storage_reads_and_writes_whole_databases_too(open_db: Open) -> None:
    db = open_db()
    db.table("old").insert(Document({}, "1"))
    db.table("t").insert_multiple([Document({"n": 1}, "1"), Document({"n": 2}, "2")])
    data = {"t": {"2": {"n": 2}, "3": {"n": 3}}, "new": {}}
    db.storage.write(data)
    assert db.storage.read() == data
    db.close()
    assert open_db().storage.read() == data


def test_a_table_may_have_an_id_class_of_its_own(open_db: Open) -> None:
    db = open_db()
    assert db.table("numbers", document_id_class=int).insert({}) == 1
    assert db.table("texts").insert({}) == "1"
    assert db.table("numbers").all()[0].doc_id == 1
    assert db.table("numbers").update({"n": 1}, doc_ids=["1"]) == []


def test_the_key_opens_the_file_and_nothing_else_does(db: DurableDB, path: Path) -> None:
    db.table("t").insert(Document({"text": "网格"}, "1"))
    assert KEY.hex().encode() not in path.read_bytes()
    assert not path.read_bytes().startswith(b"SQLite format 3")
