"""What an updater works on: a table's documents as a mapping that copies what is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import tinydb.table
from tinydb.queries import QueryLike

from field_app.store.image import Layer, encode


class Documents(MutableMapping[Any, Any]):
    """A table's documents by id, copied when first touched: what an updater works on."""

    def __init__(self, layer: Layer, id_class: Callable[[Any], Any]) -> None:
        self.layer = layer
        self._id_class = id_class
        self._open: dict[str, Any] = {}

    def _key(self, doc_id: Any) -> str | None:
        """The stored key of an id of this table's class; None for an id of another class."""
        key = str(doc_id)
        if key not in self.layer:
            return None
        return key if self._id_class(key) == doc_id else None

    def __contains__(self, doc_id: object) -> bool:
        return self._key(doc_id) is not None

    def __getitem__(self, doc_id: Any) -> Any:
        key = self._key(doc_id)
        if key is None:
            raise KeyError(doc_id)
        if key not in self._open:
            entry = self.layer.get(key)
            assert entry is not None
            self._open[key] = entry.copy()
        return self._open[key]

    def __setitem__(self, doc_id: Any, document: Any) -> None:
        key = str(doc_id)
        if key not in self.layer:
            self.layer.put(key, "{}")  # takes its place in the order; flush() brings the text
        self._open[key] = document

    def __delitem__(self, doc_id: Any) -> None:
        key = self._key(doc_id)
        if key is None:
            raise KeyError(doc_id)
        self._open.pop(key, None)
        self.layer.remove(key)

    def __iter__(self) -> Iterator[Any]:
        return iter([self._id_class(key) for key, _ in self.layer.items()])

    def __len__(self) -> int:
        return len(self.layer)

    def clear(self) -> None:
        """Remove every document, at once."""
        self._open.clear()
        self.layer.clear()

    def matching(self, cond: QueryLike) -> list[Any]:
        """The ids of the documents a query finds, none of them copied."""
        return [self._id_class(key) for key, entry in self.layer.items() if cond(entry.document())]

    def peek(self, doc_id: Any) -> Any:
        """The document as it now is, to look at only."""
        key = str(doc_id)
        if key in self._open:
            return self._open[key]
        entry = self.layer.get(key)
        assert entry is not None
        return entry.document()

    def next_id(self) -> Any:
        """The next number no document of this table has had."""
        return self._id_class(self.layer.last_id + 1)

    def add(self, document: Mapping[str, Any]) -> Any:
        """Put in a new document and return its id.

        Raises ValueError for what is no mapping and for an id that is taken.
        """
        if not isinstance(document, Mapping):
            raise ValueError("Document is not a Mapping")
        if isinstance(document, tinydb.table.Document):
            doc_id: Any = document.doc_id
        else:
            doc_id = self.next_id()
        if str(doc_id) in self.layer:
            raise ValueError(f"Document with ID {doc_id!s} already exists")
        self[doc_id] = dict(document)
        return doc_id

    def flush(self) -> None:
        """Hand the touched documents that really changed to the layer, as JSON text."""
        for key, document in self._open.items():
            entry = self.layer.get(key)
            assert entry is not None
            text = encode(document)
            if text != entry.text():
                self.layer.put(key, text)
