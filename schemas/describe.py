"""What follows from a declaration for readers: JSON schema, titles, list columns, shown values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.fields import Code, Declared, Keyed, Lookup, Ref
from schemas.kind import Kind

Fetch = Callable[[str, str], Mapping[str, Any] | None]
"""Gives a record's stored fields: ``(kind, record_id) -> fields or None``."""


@dataclass(frozen=True)
class Shown:
    """One field of a record as a page shows it."""

    name: str
    label: str
    text: str
    masked: bool
    """Whether ``text`` hides something that unmasking would show."""
    field: Declared


def object_schema(fields: Mapping[str, Declared]) -> dict[str, Any]:
    """Return the JSON schema of an object of declared fields."""
    properties = {}
    for name, field in fields.items():
        properties[name] = {
            **field.json_schema(),
            "title": field.label.zh,
            "x-title-en": field.label.en,
            "x-merge": field.policy,
            "x-privacy": field.privacy,
            **({"x-group": field.group} if field.group else {}),
        }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in fields.items() if field.required],
        "properties": properties,
    }


def json_schema(kind: type[Kind]) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of the fields of a create of ``kind``."""
    info = kind.info
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:gridrounds:{info.name}:{info.version}",
        "title": info.label.zh,
        "x-title-en": info.label.en,
        "x-kind": info.name,
        "x-version": info.version,
        **object_schema(kind.declared()),
    }


def code_lists(kind: type[Kind]) -> set[str]:
    """Return the names of the code lists ``kind`` uses, entries of keyed lists included."""
    names: set[str] = set()
    for field in kind.declared().values():
        inner = [field]
        if isinstance(field, Keyed):
            inner += field.entry_fields.values()
            names |= {field.keys_name} if field.keys_name else set()
        names |= {one.codes_name for one in inner if isinstance(one, Code)}
    return names


def columns(kind: type[Kind]) -> dict[str, Declared]:
    """Return the fields a list of ``kind`` shows, in order."""
    return {name: field for name, field in kind.declared().items() if field.column}


def show(
    kind: type[Kind],
    stored: Mapping[str, Any],
    lang: str,
    lookup: Lookup,
    *,
    unmask: bool = False,
) -> Iterator[Shown]:
    """Yield every non-empty field of a record in order, masked unless ``unmask``."""
    for name, field in kind.declared().items():
        value = stored.get(name)
        if value in (None, "", [], {}):
            continue
        full = field.show(value, lang, lookup)
        text = full if unmask else field.show_masked(value, lang, lookup)
        yield Shown(name, field.label.text(lang), text, text != full, field)


def title(
    kind: type[Kind],
    stored: Mapping[str, Any],
    lang: str,
    fetch: Fetch,
    *,
    unmask: bool = False,
    fetch_kind: Callable[[str], type[Kind]] | None = None,
) -> str:
    """Return what a record is called, from the kind's title paths; may be empty.

    ``fetch`` reads referred records, ``fetch_kind`` finds their kind (the catalogue's by default).
    """
    if fetch_kind is None:
        from schemas.catalogue import kind_of  # late: the catalogue imports every kind

        fetch_kind = kind_of
    words = []
    for path in kind.info.title:
        word = _follow(kind, stored, path.split("."), lang, fetch, unmask, fetch_kind)
        if word:
            words.append(word)
    return " ".join(words)


def _follow(
    kind: type[Kind],
    stored: Mapping[str, Any],
    steps: list[str],
    lang: str,
    fetch: Fetch,
    unmask: bool,
    fetch_kind: Callable[[str], type[Kind]],
) -> str:
    field = kind.declared()[steps[0]]
    value = stored.get(steps[0])
    if value in (None, "", [], {}):
        return ""
    if len(steps) == 1:
        return field.show(value, lang) if unmask else field.show_masked(value, lang)
    assert isinstance(field, Ref)
    inner = fetch(field.kind, value)
    if inner is None:
        return ""
    return _follow(fetch_kind(field.kind), inner, steps[1:], lang, fetch, unmask, fetch_kind)
