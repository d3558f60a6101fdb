"""Lists that people add to, as sub-records by key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from marshmallow import Schema, ValidationError

from schemas.codes import CodeList, code_list
from schemas.fields.accept import compiled
from schemas.fields.base import KEY, Declared, Lookup, Plain, Quick, nobody
from schemas.messages import Problem
from schemas.privacy import HIDDEN


class Part(Schema):
    """The fields of one entry of a :class:`Keyed` list."""

    class Meta:
        """Unknown members are refused by name."""

        unknown = "raise"

    error_messages = {  # noqa: RUF012 (marshmallow declares it so)
        "unknown": Problem("unknown_field"),
        "type": Problem("not_an_object"),
    }


class Keyed(Declared):
    """A list that people add to, as sub-records by key.

    Stored as ``{key: entry}``; on the wire as ``{"add": {key: entry}, "remove": [key]}``. A key
    is a code of ``keys`` (a checklist: one entry per code) or an id made with the entry. Changing
    an entry adds it again, whole, under its key. ``of`` names another list of the same kind whose
    entries this one speaks of, each under that one's key: nobody adds an entry by hand, and what is
    said here survives a program that knows the other list alone. ``where`` names a field and the
    values for which it is asked at all. ``newest_by`` names the member (a day) by which the list is
    shown, the newest first. In a sensitive list every member of an entry is sensitive,
    wherever it is shown by itself.
    """

    widget = "keyed"

    def __init__(
        self, zh: str, en: str, part: type[Part], *, keys: str | None = None,
        of: str | None = None, where: tuple[str, Collection[str]] | None = None,
        newest_by: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs["policy"] = "union"
        super().__init__(zh, en, **kwargs)
        self.part = part()
        if self.privacy == "sensitive":
            for field in self.entry_fields.values():
                field.privacy = "sensitive"
        self.keys_name = keys
        self.of = of
        self.where = where
        self.newest_by = newest_by

    @property
    def keys(self) -> CodeList | None:
        """The code list whose codes are the keys, when there is one."""
        return code_list(self.keys_name) if self.keys_name else None

    @property
    def entry_fields(self) -> dict[str, Declared]:
        """The declared fields of one entry."""
        return cast(dict[str, Declared], dict(self.part.fields))

    def check(self, value: Any) -> dict[str, Any] | None:
        """Return the ``add``/``remove`` pair with every entry checked."""
        if not isinstance(value, dict) or not set(value) <= {"add", "remove"}:
            raise ValidationError(Problem("not_an_object"))
        add, remove = value.get("add", {}), value.get("remove", [])
        if not isinstance(add, dict) or not isinstance(remove, list):
            raise ValidationError(Problem("not_an_object"))
        if len(add) + len(remove) > 200:
            raise ValidationError(Problem("too_many", max=200))
        errors: dict[str, Any] = {}
        entries: dict[str, Any] = {}
        for key, entry in add.items():
            if not KEY.match(key):
                raise ValidationError(Problem("bad_key"))
            try:
                loaded = self.part.load(entry)
                entries[key] = {k: v for k, v in loaded.items() if v is not None}
            except ValidationError as err:
                errors[key] = err.messages
        if not all(isinstance(key, str) and KEY.match(key) for key in remove):
            raise ValidationError(Problem("bad_key"))
        if errors:
            raise ValidationError({"add": errors})
        if not entries and not remove:
            return None
        checked: dict[str, Any] = {}
        if entries:
            checked["add"] = entries
        if remove:
            checked["remove"] = list(dict.fromkeys(remove))
        return checked

    def doubts(self, value: Any) -> list[Problem]:
        """Flag doubtful members of the added entries."""
        found: list[Problem] = []
        for entry in ((value or {}).get("add") or {}).values():
            for name, field in self.entry_fields.items():
                found += field.doubts(entry.get(name))
        return found

    def quick(self) -> Quick | Plain | None:
        """Added entries, each of them accepted without a doubt."""
        part, match = compiled(self.part), KEY.match
        if part is None:
            return None
        accept = part.entry

        def plain(value: Any) -> Any:
            if type(value) is not dict or len(value) != 1:
                return None
            add = value.get("add")
            if type(add) is not dict or not 0 < len(add) <= 200:
                return None
            entries: dict[str, Any] = {}
            for key, entry in add.items():
                taken = accept(entry) if type(entry) is dict and match(key) else None
                if taken is None:
                    return None
                entries[key] = taken
            return {"add": entries}

        return plain

    def entry_name(self, key: str, lang: str) -> str:
        """Return the words of a key that is a code; empty for others."""
        return self.keys.text(key, lang) if self.keys else ""

    def spoken_of(self, stored: Mapping[str, Any]) -> list[str]:
        """Return the keys of the other list's entries (``of``) that this one is asked about, from a
        record's ``stored`` fields."""
        if self.where and stored.get(self.where[0]) not in self.where[1]:
            return []
        return sorted(stored.get(self.of or "") or ())

    def about(
        self, declared: Mapping[str, Declared], stored: Mapping[str, Any], key: str, lang: str, *,
        masked: bool = False,
    ) -> str:  # fmt: skip
        """Return the first member of the entry that one of this list speaks of (``of``), from the
        kind's ``declared`` fields and a record's ``stored`` ones; empty where there is none."""
        other = declared.get(self.of or "")
        if not isinstance(other, Keyed):
            return ""
        name, field = next(iter(other.entry_fields.items()))
        value = ((stored.get(self.of or "") or {}).get(key) or {}).get(name)
        return field.show_masked(value, lang) if masked else field.show(value, lang)

    def _show(self, value: Any, lang: str, lookup: Lookup, masked: bool) -> str:
        lines = []
        for key, entry in self.in_order(value):
            words = [self.entry_name(key, lang)] if self.keys else []
            for name, field in self.entry_fields.items():
                show = field.show_masked if masked else field.show
                words.append(show(entry.get(name), lang, lookup))
            lines.append(" ".join(word for word in words if word))
        return ("; " if lang == "en" else "；").join(lines)

    def in_order(self, value: Mapping[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
        """Return a stored value's entries: by the code list, the newest first by a day where the
        list says so, else by key (ids are by time)."""
        if self.newest_by:
            by = self.newest_by
            return sorted(
                (value or {}).items(), key=lambda one: (str(one[1].get(by) or ""), one[0]),
                reverse=True,
            )  # fmt: skip
        order = {item.code: n for n, item in enumerate(self.keys.items)} if self.keys else {}
        return sorted((value or {}).items(), key=lambda pair: (order.get(pair[0], 999), pair[0]))

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """Every entry in one line."""
        return self._show(value, lang, lookup, masked=False)

    def show_masked(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """Every entry in one line, personal members masked."""
        if self.privacy == "sensitive" and value:
            return HIDDEN
        return self._show(value, lang, lookup, masked=True)

    def search_words(self, value: Any) -> Iterable[str]:
        """The search words of every entry's searched members."""
        for entry in (value or {}).values():
            for name, field in self.entry_fields.items():
                if field.search:
                    yield from field.search_words(entry.get(name))

    def json_schema(self) -> dict[str, Any]:
        """The add/remove pair."""
        from schemas.describe import object_schema  # entries are described like whole kinds

        return {
            "type": "object",
            **({"x-code-list": self.keys_name} if self.keys_name else {}),
            **({"x-keys-of": self.of} if self.of else {}),
            "additionalProperties": False,
            "properties": {
                "add": {
                    "type": "object",
                    "additionalProperties": object_schema(self.entry_fields),
                },
                "remove": {"type": "array", "items": {"type": "string"}},
            },
        }
