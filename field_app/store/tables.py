"""TinyDB's API on durable rows.

Rows are committed first, the image in memory follows; what callers get are copies. A write costs
only the documents it touches, and `DurableDB.transaction` commits several tables together.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import tinydb.table
from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage

from field_app.store.changes import KeepTable
from field_app.store.documents import Documents
from field_app.store.errors import StoreClosed
from field_app.store.image import Entry, Layer, TableImage
from field_app.store.rows import RowStore

Fields = Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None]
Indexes = Mapping[str, Sequence[str]]


class Document(tinydb.table.Document):
    """A TinyDB document whose id may be of any class; record tables use strings."""

    doc_id: Any

    def __init__(self, value: Mapping[str, Any], doc_id: Any) -> None:
        super().__init__(value, doc_id)


class DurableStorage(Storage):
    """All tables in memory, each change of them committed to a `RowStore` first."""

    def __init__(self, rows: RowStore, indexes: Indexes | None = None) -> None:
        """Load every table. Raises StoreClosed or StoreDamaged."""
        self.rows = rows
        self._indexes = {name: tuple(fields) for name, fields in (indexes or {}).items()}
        self._images: dict[str, TableImage] = {}
        self._levels: list[dict[str, Layer]] = []
        contents = rows.load()
        for name, last_id in contents.tables:
            image = self._image(name)
            image.exists, image.last_id, image.saved_id = True, last_id, last_id
        ord_ = 0
        for name, key, ord_, body in contents.rows:
            self._images[name].add(key, Entry(ord_, body))
        self._ords = itertools.count(ord_ + 1)

    def _image(self, name: str) -> TableImage:
        image = self._images.get(name)
        if image is None:
            image = self._images[name] = TableImage(self._indexes.get(name, ()))
        return image

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock while looking at a view. Raises StoreClosed."""
        with self.rows.lock:
            if self.rows.closed:
                raise StoreClosed(self.rows.path.name)
            yield

    def view(self, name: str) -> TableImage | Layer:
        """A table as this thread sees it now, pending changes included. Hold the lock."""
        for level in reversed(self._levels):
            if name in level:
                return level[name]
        return self._image(name)

    def layer(self, name: str) -> Layer:
        """The innermost transaction's own layer over a table, begun when it is first written."""
        level = self._levels[-1]
        if name not in level:
            level[name] = Layer(self.view(name), self._ords)
        return level[name]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is committed at the end, or nothing of it.

        An inner transaction joins the outer one: its changes are undone alone when it raises, and
        are durable when the outermost ends. Other threads wait. Raises what `RowStore.commit` does.
        """
        with self.reading():
            level: dict[str, Layer] = {}
            self._levels.append(level)
            try:
                yield
                if len(self._levels) > 1:
                    self._fold(level, self._levels[-2])
                else:
                    self._commit(level)
            finally:
                self._levels.pop()

    @staticmethod
    def _fold(level: dict[str, Layer], below: dict[str, Layer]) -> None:
        for name, layer in level.items():
            if name in below:
                layer.pour_into(below[name])
            else:
                below[name] = layer

    def _commit(self, level: dict[str, Layer]) -> None:
        changes = [
            change
            for name, layer in level.items()
            for change in layer.changes(name, self._image(name))
        ]
        if changes:
            self.rows.commit(changes)
        for name, layer in level.items():
            layer.pour_into(self._image(name))
        for change in changes:
            if isinstance(change, KeepTable):
                self._image(change.tbl).saved_id = change.last_id

    def table_names(self) -> set[str]:
        """The tables that exist, pending ones included."""
        with self.reading():
            names = set(self._images).union(*self._levels)
            return {name for name in names if self.view(name).exists}

    def read(self) -> dict[str, dict[str, Any]] | None:
        """A copy of the whole database as TinyDB lays it out; None when it has no tables."""
        with self.reading():
            return {
                name: {key: entry.copy() for key, entry in self.view(name).items()}
                for name in sorted(self.table_names())
            } or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make the whole database equal `data` in one commit, writing only what differs."""
        with self.transaction():
            for name in self.table_names() - set(data):
                self.layer(name).drop()
            for name, documents in data.items():
                with self.documents(name, str) as stored:
                    for key in [key for key in stored if key not in documents]:
                        del stored[key]
                    stored.update(documents)

    @contextlib.contextmanager
    def documents(self, name: str, id_class: Callable[[Any], Any]) -> Iterator[Documents]:
        """A table's documents to be changed in place; all changes are kept, or none if it raises.

        The table exists afterwards, as with TinyDB, even when nothing was written.
        """
        with self.transaction():
            layer = self.layer(name)
            layer.exists = True
            documents = Documents(layer, id_class)
            yield documents
            documents.flush()

    def close(self) -> None:
        """Drop the image, close the rows and with them the key."""
        with self.rows.lock:
            self._images.clear()
            self.rows.close()


class DurableTable(tinydb.table.Table):
    """A TinyDB table for any thread: writes are durable, results are copies.

    It differs from TinyDB where TinyDB loses data: an id once given is not given again after
    `remove` or reopening (`truncate` and `drop_table` do start over), `insert_multiple` never
    overwrites, an operation that raises changes nothing, and documents are as JSON gives them back.
    """

    document_class = Document
    document_id_class: Any = int
    default_query_cache_capacity = 0
    _storage: DurableStorage

    def __init__(
        self,
        storage: DurableStorage,
        name: str,
        cache_size: int = 0,
        persist_empty: bool = False,
        document_id_class: Callable[[Any], Any] | None = None,
    ) -> None:
        """`persist_empty` makes the table exist at once; unlike TinyDB's it empties nothing."""
        super().__init__(storage, name, cache_size=0)
        if document_id_class is not None:
            self.document_id_class = document_id_class
        if persist_empty and name not in storage.table_names():
            with self._documents():
                pass

    def _documents(self) -> contextlib.AbstractContextManager[Documents]:
        return self._storage.documents(self.name, self.document_id_class)

    def _view(self) -> TableImage | Layer:
        return self._storage.view(self.name)

    def _result(self, key: str, entry: Entry) -> Document:
        return Document(entry.copy(), self.document_id_class(key))

    # Writing

    def insert(self, document: Mapping[str, Any]) -> Any:
        """Store a new document and return its id; raises ValueError when the id is taken."""
        with self._documents() as documents:
            return documents.add(document)

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Store new documents in one commit; raises ValueError, storing none, for a taken id."""
        given = list(documents)
        with self._documents() as stored:
            return [stored.add(document) for document in given]

    def update(
        self,
        fields: Fields,
        cond: QueryLike | None = None,
        doc_ids: Iterable[Any] | None = None,
    ) -> list[Any]:
        """Change the documents with these ids, or matching `cond`, or all; return their ids."""
        wanted = None if doc_ids is None else list(doc_ids)
        with self._documents() as documents:
            if wanted is not None:
                ids = [doc_id for doc_id in wanted if doc_id in documents]
            elif cond is not None:
                ids = documents.matching(cond)
            else:
                ids = list(documents)
            for doc_id in ids:
                _change(documents[doc_id], fields)
            return ids

    def update_multiple(self, updates: Iterable[tuple[Fields, QueryLike]]) -> list[Any]:
        """Apply pairs of change and condition in one commit; an id is listed for each match."""
        pairs = list(updates)
        ids = []
        with self._documents() as documents:
            for doc_id in documents:
                for fields, cond in pairs:
                    if cond(documents.peek(doc_id)):
                        ids.append(doc_id)
                        _change(documents[doc_id], fields)
        return ids

    def upsert(self, document: Mapping[str, Any], cond: QueryLike | None = None) -> list[Any]:
        """Update what the document's own id or `cond` finds, else insert; return the ids.

        Raises ValueError without either.
        """
        doc_ids = [document.doc_id] if isinstance(document, tinydb.table.Document) else None
        if doc_ids is None and cond is None:
            raise ValueError("upsert needs a Document with a doc_id, or a query")
        with self._storage.transaction():
            return self.update(document, cond, doc_ids) or [self.insert(document)]

    def remove(
        self, cond: QueryLike | None = None, doc_ids: Iterable[Any] | None = None
    ) -> list[Any]:
        """Remove the documents with these ids, or matching `cond`; return the ids removed.

        Raises RuntimeError without either.
        """
        wanted = None if doc_ids is None else list(doc_ids)
        if wanted is None and cond is None:
            raise RuntimeError("Use truncate() to remove all documents")
        with self._documents() as documents:
            if wanted is not None:
                ids = [doc_id for doc_id in wanted if doc_id in documents]
            else:
                assert cond is not None
                ids = documents.matching(cond)
            for doc_id in ids:
                del documents[doc_id]
            return ids

    def truncate(self) -> None:
        """Remove all documents; numbered ids start from 1 again, as TinyDB has it."""
        with self._documents() as documents:
            documents.clear()
            documents.layer.last_id = 0

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        with self._documents() as documents:
            updater(documents)

    def _get_next_id(self) -> Any:
        with self._storage.reading():
            view = self._view()
            view.last_id += 1
            return self.document_id_class(view.last_id)

    # Reading

    def all(self) -> list[Any]:
        """Copies of all documents, in order of insertion."""
        return list(self)

    def search(self, cond: QueryLike) -> list[Any]:
        """Copies of all documents a query matches, in order of insertion."""
        with self._storage.reading():
            return [
                self._result(key, entry)
                for key, entry in self._view().items()
                if cond(entry.document())
            ]

    def find_by(self, field: str, value: Any) -> list[Document]:
        """What `search(where(field) == value)` gives, through the index declared on the field.

        Raises ValueError when none is declared.
        """
        with self._storage.reading():
            found = self._view().find(field, value)
            return [self._result(key, entry) for key, entry in found]

    def get(
        self,
        cond: QueryLike | None = None,
        doc_id: Any = None,
        doc_ids: Iterable[Any] | None = None,
    ) -> Any:
        """A copy of one document by id or query, or None; with `doc_ids`, a list of those found.

        Raises RuntimeError without any of them.
        """
        with self._storage.reading():
            view = self._view()
            if doc_id is not None:
                entry = view.get(str(doc_id))
                return None if entry is None else Document(entry.copy(), doc_id)
            if doc_ids is not None:
                entries = {key: view.get(key) for key in map(str, doc_ids)}
                found = [(key, entry) for key, entry in entries.items() if entry is not None]
                found.sort(key=lambda pair: pair[1].ord)
                return [self._result(key, entry) for key, entry in found]
            if cond is None:
                raise RuntimeError("You have to pass either cond or doc_id or doc_ids")
            for key, entry in view.items():
                if cond(entry.document()):
                    return self._result(key, entry)
            return None

    def contains(self, cond: QueryLike | None = None, doc_id: Any = None) -> bool:
        """Whether a document has this id or matches. Raises RuntimeError without either."""
        if doc_id is None and cond is None:
            raise RuntimeError("You have to pass either cond or doc_id")
        with self._storage.reading():
            if doc_id is not None:
                return str(doc_id) in self._view()
            assert cond is not None
            return any(cond(entry.document()) for _, entry in self._view().items())

    def count(self, cond: QueryLike) -> int:
        """How many documents a query matches."""
        with self._storage.reading():
            return sum(1 for _, entry in self._view().items() if cond(entry.document()))

    def __len__(self) -> int:
        with self._storage.reading():
            return len(self._view())

    def __iter__(self) -> Iterator[Any]:
        with self._storage.reading():
            entries = list(self._view().items())
        for key, entry in entries:
            yield self._result(key, entry)

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        with self._storage.reading():
            return {key: entry.copy() for key, entry in self._view().items()}


def _change(document: MutableMapping[str, Any], fields: Fields) -> None:
    if callable(fields):
        fields(document)
    else:
        document.update(fields)


class DurableDB(TinyDB):
    """TinyDB over a `RowStore`: durable, encrypted, for many threads of one process."""

    table_class: Any = DurableTable
    default_storage_class: Any = DurableStorage
    _storage: DurableStorage

    def __init__(
        self,
        rows: RowStore,
        indexes: Indexes | None = None,
        document_id_class: Callable[[Any], Any] | None = None,
    ) -> None:
        """`indexes` names the top-level fields `find_by` may ask for, by table.

        `document_id_class` is what ids are given back as: TinyDB's int, or str for record ids.
        Raises StoreClosed or StoreDamaged.
        """
        self._id_class = document_id_class
        super().__init__(rows, indexes)

    def table(self, name: str, **kwargs: Any) -> DurableTable:
        """A table by name, made when first asked for; `document_id_class` may be given for it."""
        if self._id_class is not None:
            kwargs.setdefault("document_id_class", self._id_class)
        table = super().table(name, **kwargs)
        assert isinstance(table, DurableTable)
        return table

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """`with db.transaction():` commits several tables together, or nothing of it.

        Reads inside see the pending writes; other threads wait; an inner one joins the outer.
        """
        return self._storage.transaction()

    def tables(self) -> set[str]:
        """The names of all tables that were written to, empty ones included."""
        return self._storage.table_names()

    def drop_table(self, name: str) -> None:
        """Forget a table with all its documents; an unknown name is ignored."""
        with self._storage.transaction():
            if self._storage.view(name).exists:
                self._storage.layer(name).drop()
        self._tables.pop(name, None)

    def drop_tables(self) -> None:
        """Forget every table, in one commit."""
        with self._storage.transaction():
            for name in self.tables():
                self._storage.layer(name).drop()
        self._tables.clear()

    def close(self) -> None:
        """Drop the image and the key; every later call raises StoreClosed. Twice is harmless."""
        super().close()
