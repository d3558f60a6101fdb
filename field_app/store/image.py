"""Tables in memory: what is committed (`TableImage`) and what is pending on top of it (`Layer`).

Nothing here touches the disk. Entries are replaced, never altered, so a reader who holds one keeps
a whole document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from field_app.store.changes import Change, DropRow, DropTable, EmptyTable, KeepTable, PutRow
from field_app.store.room import give_back

_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_escaped = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode

# Longer digits are no counter of ours, and would not fit SQLite's integers.
_LONGEST_NUMBER = 18
_DECODED_AT_ONCE = 1000


def encode(document: Any) -> str:
    """A document as JSON text. Raises TypeError or ValueError for what JSON cannot hold."""
    text = _plain(document)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: storable only as an escape
        return _escaped(document)
    return text


def copied(value: Any) -> Any:
    """A deep copy of a JSON value; several times quicker than `copy.deepcopy`."""
    if isinstance(value, dict):
        return {
            key: copied(item) if isinstance(item, (dict, list)) else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [copied(item) if isinstance(item, (dict, list)) else item for item in value]
    return value


def _shared(value: Any, known: dict[str, str]) -> Any:
    """The value with equal texts, and equal objects within it, held once.

    What documents say repeats itself (areas, authors, days; a view holds its record three times),
    and as decoded every repetition would take room of its own. Nobody alters what is shared.
    """
    parts: list[dict[str, Any]] = []
    todo = [value]
    while todo:
        one = todo.pop()
        for place, inner in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(inner, str):
                one[place] = known.setdefault(inner, inner)
            elif isinstance(inner, dict):
                twin = next((part for part in parts if _same(part, inner)), None)
                if twin is None:
                    parts.append(inner)
                    todo.append(inner)
                else:
                    one[place] = twin
            elif isinstance(inner, list):
                todo.append(inner)
    return value


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two objects of plain values are equal, 1 and True told apart, in the same order."""
    if one != other or list(one) != list(other):
        return False
    kinds = [type(value) for value in one.values()]
    return kinds == [type(value) for value in other.values()] and not _NESTED & set(kinds)


_NESTED = {dict, list}


class Entry:
    """One stored document: JSON text until somebody reads it, then the decoded value instead."""

    __slots__ = ("_document", "_text", "ord")

    def __init__(self, ord_: int, text: str) -> None:
        self.ord = ord_
        self._text: str | None = text
        self._document: Any = None

    def document(self) -> Any:
        """The image's own decoded document: to look at, never to change or hand out."""
        text = self._text
        if text is not None:
            self.remember(_decode(text))
        return self._document

    def remember(self, document: Any) -> None:
        """Keep the decoded document and drop the text (in this order: readers may hold no lock)."""
        self._document = document
        self._text = None

    def copy(self) -> Any:
        """A copy of the document that the caller may change."""
        text = self._text
        return copied(self._document) if text is None else _decode(text)

    def text(self) -> str:
        """The document as JSON text."""
        text = self._text
        return encode(self._document) if text is None else text

    @property
    def raw(self) -> str | None:
        """The text while it is not decoded yet, else None."""
        return self._text


class _Index:
    """Which documents have which value in one top-level field."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._keys: dict[Any, dict[str, None]] = {}
        self._unhashable: dict[str, None] = {}

    def _bucket(self, value: Any) -> dict[str, None]:
        try:
            return self._keys.setdefault(value, {})
        except TypeError:
            return self._unhashable

    def add(self, key: str, document: Any) -> None:
        if self._field in document:
            self._bucket(document[self._field])[key] = None

    def remove(self, key: str, document: Any) -> None:
        if self._field in document:
            bucket = self._bucket(document[self._field])
            bucket.pop(key, None)
            if not bucket and bucket is not self._unhashable:
                del self._keys[document[self._field]]

    def candidates(self, value: Any) -> Iterable[str]:
        try:
            return self._keys.get(value, ())
        except TypeError:
            return self._unhashable


class TableImage:
    """A table as it is committed, with its indexes (built when first asked for)."""

    def __init__(self, indexed: Iterable[str] = ()) -> None:
        self.exists = False
        self.last_id = 0
        self.saved_id = -1
        self._indexed = frozenset(indexed)
        self._indexes: dict[str, _Index] = {}
        self._entries: dict[str, Entry] = {}
        self._scanned = False

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> Entry | None:
        """The entry with this key, or None."""
        return self._entries.get(key)

    def items(self) -> Iterable[tuple[str, Entry]]:
        """All entries, in order of insertion."""
        if not self._scanned:
            self._decode_all()
        return self._entries.items()

    def _decode_all(self) -> None:
        """Decode in bulk before the first scan, so that documents share field names and values."""
        self._scanned = True
        known: dict[str, str] = {}
        raw = [(entry, text) for entry in self._entries.values() if (text := entry.raw) is not None]
        for start in range(0, len(raw), _DECODED_AT_ONCE):
            part = raw[start : start + _DECODED_AT_ONCE]
            documents = _decode("[" + ",".join(text for _, text in part) + "]")
            for (entry, _), document in zip(part, documents, strict=True):
                entry.remember(_shared(document, known))
        if raw:
            give_back()

    def find(self, field: str, value: Any) -> list[tuple[str, Entry]]:
        """Entries whose field equals the value, in order of insertion."""
        index = self._index(field)
        found = [(key, self._entries[key]) for key in index.candidates(value)]
        return _in_order(found, field, value)

    def _index(self, field: str) -> _Index:
        if field not in self._indexed:
            raise ValueError(f"no index is declared on {field!r}")
        if field not in self._indexes:
            index = _Index(field)
            for key, entry in self.items():
                index.add(key, entry.document())
            self._indexes[field] = index
        return self._indexes[field]

    def add(self, key: str, entry: Entry) -> None:
        """Append a new entry."""
        self._entries[key] = entry
        self.last_id = max(self.last_id, _number(key))
        for index in self._indexes.values():
            index.add(key, entry.document())

    def replace(self, key: str, entry: Entry) -> None:
        """Put a newer entry in an old one's place."""
        old = self._entries[key]
        self._entries[key] = entry
        for index in self._indexes.values():
            index.remove(key, old.document())
            index.add(key, entry.document())

    def remove(self, key: str) -> None:
        """Take an entry out."""
        old = self._entries.pop(key)
        for index in self._indexes.values():
            index.remove(key, old.document())

    def clear(self) -> None:
        """Take all entries out."""
        self._entries.clear()
        self._indexes.clear()

    def drop(self) -> None:
        """Be as if never written."""
        self.clear()
        self.exists, self.last_id, self.saved_id = False, 0, -1


class Layer:
    """Pending changes to a table, seen through to what lies below where nothing changed."""

    def __init__(self, below: TableImage | Layer, ords: Iterator[int]) -> None:
        self._below = below
        self._ords = ords
        self.exists: bool = below.exists
        self.last_id: int = below.last_id
        self._dropped = False
        self._cleared = False
        self._changed: dict[str, Entry] = {}
        self._added: dict[str, Entry] = {}
        self._removed: dict[str, None] = {}

    def __len__(self) -> int:
        kept = 0 if self._cleared else len(self._below) - len(self._removed)
        return kept + len(self._added)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> Entry | None:
        """The entry with this key as it will be, or None."""
        entry = self._added.get(key) or self._changed.get(key)
        if entry is not None or self._cleared or key in self._removed:
            return entry
        return self._below.get(key)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """All entries as they will be, in order of insertion."""
        if not self._cleared:
            for key, entry in self._below.items():
                if key not in self._removed:
                    yield key, self._changed.get(key, entry)
        yield from self._added.items()

    def find(self, field: str, value: Any) -> list[tuple[str, Entry]]:
        """Entries whose field equals the value, in order of insertion."""
        below = self._below.find(field, value)
        found = (
            []
            if self._cleared
            else [
                pair
                for pair in below
                if pair[0] not in self._removed and pair[0] not in self._changed
            ]
        )
        found += [*self._changed.items(), *self._added.items()]
        return _in_order(found, field, value)

    def put(self, key: str, text: str) -> None:
        """Store a document's text: in its old place, or as the last."""
        old = self.get(key)
        if old is None:
            self.add(key, Entry(next(self._ords), text))
        else:
            self.replace(key, Entry(old.ord, text))

    def add(self, key: str, entry: Entry) -> None:
        """Append a new entry."""
        self._added[key] = entry
        self.last_id = max(self.last_id, _number(key))

    def replace(self, key: str, entry: Entry) -> None:
        """Put a newer entry in an old one's place."""
        (self._added if key in self._added else self._changed)[key] = entry

    def remove(self, key: str) -> None:
        """Take an entry out."""
        if key in self._added:
            del self._added[key]
        else:
            self._changed.pop(key, None)
            self._removed[key] = None

    def clear(self) -> None:
        """Take all entries out."""
        self._cleared = True
        self._changed.clear()
        self._added.clear()
        self._removed.clear()

    def drop(self) -> None:
        """Be as if never written."""
        self.clear()
        self._dropped, self.exists, self.last_id = True, False, 0

    def pour_into(self, target: TableImage | Layer) -> None:
        """Make what lies below look as this layer does."""
        if self._dropped:
            target.drop()
        if self._cleared:
            target.clear()
        for key in self._removed:
            target.remove(key)
        for key, entry in self._changed.items():
            target.replace(key, entry)
        for key, entry in self._added.items():
            target.add(key, entry)
        target.exists, target.last_id = self.exists, self.last_id

    def changes(self, name: str, image: TableImage) -> Iterator[Change]:
        """The rows to commit so that the disk looks as this layer does over `image`."""
        if self._dropped and image.exists:
            yield DropTable(name)
        elif self._cleared:
            yield EmptyTable(name)
        if self.exists:
            begun = self._dropped or not image.exists
            # The mark is needed only where the rows themselves no longer show it.
            passed = (self._cleared or self._removed) and self.last_id != image.saved_id
            if begun or passed:
                yield KeepTable(name, self.last_id)
        for key in self._removed:
            yield DropRow(name, key)
        for entries in (self._changed, self._added):
            for key, entry in entries.items():
                yield PutRow(name, key, entry.ord, entry.text())


def _in_order(found: list[tuple[str, Entry]], field: str, value: Any) -> list[tuple[str, Entry]]:
    """Those that truly have the value (the hash of True is that of 1), oldest first."""
    fitting = []
    for key, entry in found:
        document = entry.document()
        if field in document and document[field] == value:
            fitting.append((key, entry))
    return sorted(fitting, key=lambda pair: pair[1].ord)


def _number(key: str) -> int:
    return int(key) if key.isdecimal() and len(key) <= _LONGEST_NUMBER else 0
