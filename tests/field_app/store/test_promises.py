"""One set of promises for every store: TinyDB's documented behaviour, on its storages and on ours.

The same tests run on `MemoryStorage`, on `JSONStorage` and on `DurableDB`; then random histories
compare ours with `MemoryStorage`, closing and opening the store in between.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tinydb import Query, TinyDB, operations, where
from tinydb.storages import JSONStorage, MemoryStorage
from tinydb.table import Document

from field_app.store.rows import RowStore
from field_app.store.tables import DurableDB

KEY = bytes(range(32))
PEOPLE: list[dict[str, Any]] = [
    {"name": "王秀兰", "age": 71, "tags": ["独居", "党员"], "home": {"room": "3-101", "floor": 1}},
    {"name": "李强", "age": 35, "tags": [], "home": {"room": "3-502", "floor": 5}},
    {"name": "𠮷田", "age": 35, "tags": ["租户"], "pets": [{"kind": "dog"}, {"kind": "cat"}]},
]


@pytest.fixture(params=["memory", "json", "durable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TinyDB]:
    if request.param == "memory":
        db = TinyDB(storage=MemoryStorage)
    elif request.param == "json":
        db = TinyDB(tmp_path / "db.json", encoding="utf-8", storage=JSONStorage)
    else:
        db = DurableDB(RowStore.create(tmp_path / "store.db", KEY))
    with db:
        db.insert_multiple(copy.deepcopy(PEOPLE))
        yield db


def names(documents: list[Any]) -> list[str]:
    return [document["name"] for document in documents]


class TestEveryStore:
    """What TinyDB's manual promises."""

    def test_insert_returns_the_next_id(self, store: TinyDB) -> None:
        assert store.insert({"name": "赵六"}) == 4
        assert store.get(doc_id=4) == {"name": "赵六"}

    def test_insert_keeps_a_documents_own_id(self, store: TinyDB) -> None:
        assert store.insert(Document({"name": "钱七"}, doc_id=12)) == 12
        assert store.insert({"name": "孙八"}) == 13

    def test_insert_refuses_a_taken_id(self, store: TinyDB) -> None:
        with pytest.raises(ValueError, match="already exists"):
            store.insert(Document({"name": "钱七"}, doc_id=2))
        assert names(store.all()) == names(PEOPLE)

    def test_insert_refuses_what_is_no_mapping(self, store: TinyDB) -> None:
        with pytest.raises(ValueError, match="not a Mapping"):
            store.insert(["not", "a", "mapping"])
        with pytest.raises(ValueError, match="not a Mapping"):
            store.insert_multiple(["text"])

    def test_insert_multiple_takes_any_iterable_and_mixed_ids(self, store: TinyDB) -> None:
        given = [Document({"n": 1}, doc_id=9), {"n": 2}]
        assert store.insert_multiple({"n": n} for n in range(2)) == [4, 5]
        assert store.insert_multiple(given[:1]) == [9]

    def test_insert_multiple_refuses_a_taken_id(self, store: TinyDB) -> None:
        with pytest.raises(ValueError, match="already exists"):
            store.insert_multiple([Document({}, doc_id=1)])

    def test_all_and_iteration_follow_insertion(self, store: TinyDB) -> None:
        assert store.all() == PEOPLE
        assert [document.doc_id for document in store] == [1, 2, 3]
        assert len(store) == 3

    def test_get_by_query_id_and_ids(self, store: TinyDB) -> None:
        found = store.get(where("age") == 35)
        assert found is not None
        assert (found["name"], found.doc_id) == ("李强", 2)
        assert store.get(where("age") == 1) is None
        assert store.get(doc_id=99) is None
        assert names(store.get(doc_ids=[3, 1, 99])) == ["王秀兰", "𠮷田"]

    def test_get_and_contains_need_a_question(self, store: TinyDB) -> None:
        with pytest.raises(RuntimeError):
            store.get()
        with pytest.raises(RuntimeError):
            store.contains()

    def test_contains_and_count(self, store: TinyDB) -> None:
        assert store.contains(doc_id=1)
        assert not store.contains(doc_id=4)
        assert store.contains(where("name") == "李强")
        assert store.count(where("age") == 35) == 2

    def test_update_by_query_ids_and_all(self, store: TinyDB) -> None:
        assert store.update({"seen": True}, where("age") == 35) == [2, 3]
        assert store.update({"seen": False}, doc_ids=[1, 99]) == [1]
        assert store.update({"grid": "G1"}) == [1, 2, 3]
        assert [d["seen"] for d in store] == [False, True, True]
        assert {d["grid"] for d in store} == {"G1"}

    def test_update_by_a_function(self, store: TinyDB) -> None:
        def older(document: Any) -> None:
            document["age"] += 1

        store.update(older, where("name") == "李强")
        assert store.get(doc_id=2)["age"] == 36

    @pytest.mark.parametrize(
        ("operation", "expected"),
        [
            (operations.delete("age"), None),
            (operations.add("age", 2), 37),
            (operations.subtract("age", 5), 30),
            (operations.set("age", 1), 1),
            (operations.increment("age"), 36),
            (operations.decrement("age"), 34),
        ],
    )
    def test_operations(self, store: TinyDB, operation: Any, expected: int | None) -> None:
        store.update(operation, doc_ids=[2])
        assert store.get(doc_id=2).get("age") == expected

    def test_update_multiple_applies_each_pair(self, store: TinyDB) -> None:
        ids = store.update_multiple(
            [({"age": 40}, where("age") == 35), (operations.increment("age"), where("age") == 40)]
        )
        assert ids == [2, 2, 3, 3]
        assert [d["age"] for d in store] == [71, 41, 41]

    def test_upsert_updates_or_inserts_by_query(self, store: TinyDB) -> None:
        assert store.upsert({"age": 36}, where("age") == 35) == [2, 3]
        assert store.upsert({"name": "周九"}, where("name") == "周九") == [4]

    def test_upsert_updates_or_inserts_by_id(self, store: TinyDB) -> None:
        assert store.upsert(Document({"age": 1}, doc_id=1)) == [1]
        assert store.upsert(Document({"name": "吴十"}, doc_id=20)) == [20]
        assert store.get(doc_id=1)["name"] == "王秀兰"

    def test_upsert_needs_a_query_or_an_id(self, store: TinyDB) -> None:
        with pytest.raises(ValueError, match="doc_id"):
            store.upsert({"age": 1})

    def test_remove_by_query_and_ids(self, store: TinyDB) -> None:
        assert store.remove(where("age") == 71) == [1]
        assert store.remove(doc_ids=[3, 99]) == [3]
        assert names(store.all()) == ["李强"]
        with pytest.raises(RuntimeError):
            store.remove()

    def test_truncate_empties_and_starts_over(self, store: TinyDB) -> None:
        store.truncate()
        assert (len(store), store.tables()) == (0, {"_default"})
        assert store.insert({}) == 1

    def test_tables_are_apart(self, store: TinyDB) -> None:
        store.table("visits").insert({"n": 1})
        assert store.tables() == {"_default", "visits"}
        assert (len(store), len(store.table("visits"))) == (3, 1)
        store.drop_table("visits")
        assert store.tables() == {"_default"}
        assert len(store.table("visits")) == 0
        store.drop_tables()
        assert (store.tables(), len(store)) == (set(), 0)

    def test_persist_empty_makes_the_table(self, store: TinyDB) -> None:
        store.table("empty", persist_empty=True)
        assert "empty" in store.tables()

    def test_clear_cache_is_harmless(self, store: TinyDB) -> None:
        store.search(where("age") == 35)
        store.clear_cache()
        assert store.count(where("age") == 35) == 2

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (where("age") == 35, [2, 3]),
            (where("age") != 35, [1]),
            (where("age") > 35, [1]),
            (where("age") >= 35, [1, 2, 3]),
            (where("age") < 71, [2, 3]),
            (where("age") <= 71, [1, 2, 3]),
            (Query().home.floor == 5, [2]),
            (Query()["home"]["room"] == "3-101", [1]),
            (Query().pets.exists(), [3]),
            (Query().name.matches("王.+"), [1]),
            (Query().name.search("田"), [3]),
            (Query().name.test(lambda name, n: len(name) == n, 3), [1]),
            (Query().tags.any(["独居", "租户"]), [1, 3]),
            (Query().tags.all(["独居", "党员"]), [1]),
            (Query().pets.any(Query().kind == "cat"), [3]),
            (Query().pets.all(Query().kind == "cat"), []),
            (Query().name.one_of(["李强", "𠮷田"]), [2, 3]),
            (Query().fragment({"age": 35, "tags": []}), [2]),
            (Query().home.fragment({"floor": 1}), [1]),
            (Query().tags.map(len) == 2, [1]),
            (Query().noop(), [1, 2, 3]),
            ((where("age") == 35) & (where("name") == "李强"), [2]),
            ((where("age") == 71) | (where("name") == "李强"), [1, 2]),
            (~(where("age") == 35), [1]),
            (lambda document: document["age"] == 71, [1]),
        ],
    )
    def test_queries(self, store: TinyDB, query: Any, expected: list[int]) -> None:
        assert [document.doc_id for document in store.search(query)] == expected


# Random histories --------------------------------------------------------------------------------

ids = st.integers(min_value=1, max_value=12)
values = st.one_of(
    st.integers(min_value=-2, max_value=2),
    st.booleans(),
    st.none(),
    st.sampled_from([1.0, "", "网格", "𠮷", "\ud800", "\x00"]),
    st.lists(st.integers(min_value=0, max_value=2), max_size=2),
)
fields = st.dictionaries(st.sampled_from(["a", "b", "网格"]), values, max_size=3)
table_names = st.sampled_from(["household", "changes"])


class Histories(RuleBasedStateMachine):
    """The same history on ours and on TinyDB in memory; both hold the same after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "store.db"
        RowStore.create(self.path, KEY).close()
        self.model = TinyDB(storage=MemoryStorage)
        self.issued: dict[str, set[int]] = {"household": set(), "changes": set()}

    @initialize()
    def open(self) -> None:
        self.db = DurableDB(RowStore.open(self.path, KEY), {"household": ["a"]})

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.open()

    @rule(table=table_names, document=fields)
    def insert(self, table: str, document: Any) -> None:
        doc_id = self.db.table(table).insert(document)
        assert doc_id not in self.issued[table]
        self.model.table(table).insert(Document(copy.deepcopy(document), doc_id))
        self.issued[table].add(doc_id)

    @rule(table=table_names, document=fields, doc_id=ids)
    def insert_with_id(self, table: str, document: Any, doc_id: int) -> None:
        self.both(table, lambda t: t.insert(Document(copy.deepcopy(document), doc_id)))
        self.issued[table].add(doc_id)

    @rule(table=table_names, documents=st.lists(st.tuples(ids, fields), max_size=4))
    def insert_multiple(self, table: str, documents: list[Any]) -> None:
        ours = self.db.table(table)
        given = [doc_id for doc_id, _ in documents]
        clash = len(set(given)) < len(given) or any(ours.contains(doc_id=i) for i in given)
        batch = [Document(copy.deepcopy(document), doc_id) for doc_id, document in documents]
        if clash:
            with pytest.raises(ValueError, match="already exists"):
                ours.insert_multiple(batch)
        else:
            self.both(table, lambda t: t.insert_multiple(copy.deepcopy(batch)))
            self.issued[table].update(given)

    @rule(table=table_names, changes=fields, value=values)
    def update_by_query(self, table: str, changes: Any, value: Any) -> None:
        query = where("a") == value
        self.both(table, lambda t: t.update(copy.deepcopy(changes), query))

    @rule(table=table_names, changes=fields, doc_ids=st.lists(ids, max_size=3))
    def update_by_ids(self, table: str, changes: Any, doc_ids: list[int]) -> None:
        self.both(table, lambda t: t.update(copy.deepcopy(changes), doc_ids=doc_ids))

    @rule(table=table_names, changes=fields)
    def update_all(self, table: str, changes: Any) -> None:
        self.both(table, lambda t: t.update(copy.deepcopy(changes)))

    @rule(table=table_names, first=fields, second=fields, value=values)
    def update_multiple(self, table: str, first: Any, second: Any, value: Any) -> None:
        pairs = [(first, where("a") == value), (second, where("b").exists())]
        self.both(table, lambda t: t.update_multiple(copy.deepcopy(pairs)))

    @rule(table=table_names, survivors=st.integers(min_value=0, max_value=3))
    def update_that_raises_changes_nothing(self, table: str, survivors: int) -> None:
        left = [survivors]

        def spoil(document: Any) -> None:
            document["spoilt"] = True
            left[0] -= 1
            if left[0] < 0:
                raise ArithmeticError

        if len(self.db.table(table)) > survivors:
            with pytest.raises(ArithmeticError):
                self.db.table(table).update(spoil)

    @rule(table=table_names, document=fields, doc_id=ids)
    def upsert_by_id(self, table: str, document: Any, doc_id: int) -> None:
        self.both(table, lambda t: t.upsert(Document(copy.deepcopy(document), doc_id)))
        self.issued[table].add(doc_id)

    @rule(table=table_names, value=values)
    def remove_by_query(self, table: str, value: Any) -> None:
        self.both(table, lambda t: t.remove(where("a") == value))

    @rule(table=table_names, doc_ids=st.sets(ids, max_size=3))
    def remove_by_ids(self, table: str, doc_ids: set[int]) -> None:
        self.both(table, lambda t: t.remove(doc_ids=sorted(doc_ids)))

    @rule(table=table_names)
    def truncate(self, table: str) -> None:
        self.both(table, lambda t: t.truncate())
        self.issued[table].clear()

    @rule(table=table_names)
    def drop(self, table: str) -> None:
        self.db.drop_table(table)
        self.model.drop_table(table)
        self.issued[table].clear()

    @rule(moves=st.lists(st.tuples(table_names, ids, fields), max_size=6), fails=st.booleans())
    def transaction(self, moves: list[Any], fails: bool) -> None:
        before = copy.deepcopy(self.model.storage.read())
        issued = copy.deepcopy(self.issued)
        try:
            with self.db.transaction():
                for table, doc_id, document in moves:
                    if document:
                        self.upsert_by_id(table, document, doc_id)
                    else:
                        self.remove_by_ids(table, {doc_id})
                    self.same()
                if fails:
                    raise InterruptedError
        except InterruptedError:
            self.model.storage.write(before)  # type: ignore[arg-type]
            self.issued = issued

    def both(self, table: str, act: Callable[[Any], Any]) -> None:
        results = []
        for db in (self.db, self.model):
            try:
                results.append(act(db.table(table)))
            except ValueError as error:
                results.append(str(error))
        assert results[0] == results[1]

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "db"):
            return
        assert self.db.tables() == self.model.tables()
        for table in ("household", "changes"):
            ours, model = self.db.table(table), self.model.table(table)
            # As text, because True == 1 == 1.0 would hide a difference.
            assert self.text(ours) == self.text(model)
            assert len(ours) == len(model)
        for value in (0, True, None, "网格", [0]):
            expected = self.model.table("household").search(where("a") == value)
            assert self.db.table("household").find_by("a", value) == expected
            self.model.table("household").clear_cache()

    @staticmethod
    def text(table: Any) -> str:
        return json.dumps([[document.doc_id, document] for document in table])

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
        shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
