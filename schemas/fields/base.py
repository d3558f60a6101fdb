"""What every declared field knows besides its type, and the checks all of them share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from marshmallow import ValidationError
from marshmallow import fields as ma

from schemas.labels import Label
from schemas.messages import Problem
from schemas.privacy import HIDDEN, Mask, Privacy, mask_text

Policy = Literal["latest", "review", "union"]
Lookup = Callable[[str, str], str | None]
"""Names a referred record: ``(kind, record_id) -> title or None``."""
Quick = Callable[[Any], Any]
"""Gives a value back as ``check`` would when that is plain and nothing is doubtful; else None."""


class Plain(NamedTuple):
    """The same as an expression over ``value``, for values that ``check`` gives back as they are.

    ``names`` are the objects it speaks of, as ``{name}``.
    """

    words: str
    names: Mapping[str, Any]

    def function(self) -> Quick:
        """Return it as a function."""
        words = self.words.format(**{name: name for name in self.names})
        made: Quick = eval(f"lambda value: value if {words} else None", dict(self.names))
        return made


MAX_WHOLE = 2**53
KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
CODE = re.compile(r"[A-Za-z0-9_]{1,40}\Z")


def nobody(kind: str, record_id: str) -> str | None:
    """A lookup that knows no record."""
    return None


def clean_text(value: Any, *, lines: bool = False, longest: int = 200) -> str:
    """Return ``value`` as NFC text without outer space; raise ValidationError for what cannot
    be stored (not text, lone surrogates, control characters, too long)."""
    if not isinstance(value, str):
        raise ValidationError(Problem("not_text"))
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
    allowed = "\n\t" if lines else ""
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in allowed):
            raise ValidationError(Problem("bad_characters"))
    if len(text) > longest:
        raise ValidationError(Problem("too_long", max=longest))
    return text


def is_plain_text(text: str) -> bool:
    """Tell whether ``clean_text`` gives a line back as it is, its length apart: printable, NFC and
    without outer space. A line it changes or refuses is never plain."""
    return (
        text.isprintable()
        and text[:1] != " "
        and text[-1:] != " "
        and (text.isascii() or unicodedata.is_normalized("NFC", text))
    )


class Declared(ma.Field[Any]):
    """What every declared field knows besides its type.

    ``policy`` says how two unseen edits meet (``latest`` by corrected time, ``review`` by staff,
    ``union`` by key); ``privacy`` how it is masked; ``group`` for which purpose it is asked
    (FIELD_GROUP, ``schemas/purposes.py``); ``ask`` whether the laptop's generic form asks it;
    ``carry`` whether a new record starts from the last one's value; ``column`` whether lists show
    it; ``hint`` a short help text.
    """

    widget = "line"
    mask: Mask = "text"

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        required: bool = False,
        policy: Policy = "latest",
        privacy: Privacy = "open",
        group: str = "",
        search: bool = False,
        column: bool = False,
        ask: bool = True,
        carry: bool = False,
        hint: Label | None = None,
    ) -> None:
        super().__init__(required=required, allow_none=not required)
        self.label = Label(zh, en)
        self.policy: Policy = policy
        self.privacy: Privacy = privacy
        self.group = group
        self.search = search
        self.column = column
        self.ask = ask
        self.carry = carry
        self.hint = hint

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        """Turn marshmallow's own refusals into problems."""
        codes = {"required": "required", "null": "required"}
        return ValidationError(Problem(codes.get(key, "not_an_object")))

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        checked = self.check(value)
        if checked is None and self.required:
            raise self.make_error("required")
        return checked

    def check(self, value: Any) -> Any:
        """Return the normalised value, None when it is empty; raise ValidationError."""
        raise NotImplementedError

    def doubts(self, value: Any) -> list[Problem]:
        """Return what is odd about an accepted value (shown, never refused)."""
        return []

    def quick(self) -> Quick | Plain | None:
        """Return a shorter way to ``check`` for the usual good value, None when there is none.

        Where it gives anything but None, ``check`` gives the same and ``doubts`` nothing. It has
        no say about what it does not know (schemas/fields/accept.py).
        """
        return None

    def from_form(self, texts: Sequence[str]) -> Any:
        """Return the JSON value of what a form posted for this field; None when left empty."""
        text = texts[0].strip() if texts else ""
        return text or None

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """Return ``value`` as text for a page or an export, unmasked."""
        return "" if value is None else str(value)

    def show_masked(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """Return ``value`` as shown to somebody who has not unmasked it."""
        if self.privacy == "open" or value in (None, "", [], {}):
            return self.show(value, lang, lookup)
        if self.privacy == "sensitive":
            return HIDDEN
        return mask_text(self.show(value, lang, lookup), self.mask)

    def search_words(self, value: Any) -> Iterable[str]:
        """Yield the texts by which a record with this value is found."""
        if isinstance(value, str) and value:
            yield value

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema (2020-12) of one value."""
        return {"type": "string"}
