"""The field types a kind is declared with.

Each is a marshmallow field that also carries what the other surfaces need: labels, merge policy,
privacy class, search and list marks, how a form asks it, how it is shown, its JSON schema. Values
stay plain JSON values in every place (times and dates are checked text), so loading only checks
and normalises. Refusals are :class:`schemas.messages.Problem`; doubtful values are accepted and
reported by :meth:`Declared.doubts`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, cast

from marshmallow import Schema, ValidationError
from marshmallow import fields as ma
from stdnum.cn import uscc as stdnum_uscc

from schemas.codes import CodeList, code_list
from schemas.labels import Label
from schemas.messages import Problem
from schemas.privacy import HIDDEN, Mask, Privacy, mask_text

Policy = Literal["latest", "review", "union"]
Lookup = Callable[[str, str], str | None]
"""Names a referred record: ``(kind, record_id) -> title or None``."""

MAX_WHOLE = 2**53
KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
CODE = re.compile(r"[A-Za-z0-9_]{1,40}\Z")


def _nobody(kind: str, record_id: str) -> str | None:
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


class Declared(ma.Field[Any]):
    """What every declared field knows besides its type.

    ``policy`` says how two unseen edits meet (``latest`` by corrected time, ``review`` by staff,
    ``union`` by key); ``privacy`` how it is masked; ``ask`` whether the laptop's generic form asks
    it; ``carry`` whether a new record starts from the last one's value; ``column`` whether lists
    show it; ``hint`` a short help text.
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

    def from_form(self, texts: Sequence[str]) -> Any:
        """Return the JSON value of what a form posted for this field; None when left empty."""
        text = texts[0].strip() if texts else ""
        return text or None

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Return ``value`` as text for a page or an export, unmasked."""
        return "" if value is None else str(value)

    def show_masked(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
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


class Line(Declared):
    """One line of text."""

    def __init__(self, zh: str, en: str, *, longest: int = 200, **kwargs: Any) -> None:
        super().__init__(zh, en, **kwargs)
        self.longest = longest

    def check(self, value: Any) -> str | None:
        """Return clean text, or None when empty."""
        return clean_text(value, longest=self.longest) or None

    def json_schema(self) -> dict[str, Any]:
        """Text with a longest length."""
        return {"type": "string", "maxLength": self.longest}


class Paragraph(Line):
    """Text of several lines."""

    widget = "paragraph"

    def __init__(self, zh: str, en: str, *, longest: int = 4000, **kwargs: Any) -> None:
        super().__init__(zh, en, longest=longest, **kwargs)

    def check(self, value: Any) -> str | None:
        """Return clean text, or None when empty."""
        return clean_text(value, lines=True, longest=self.longest) or None


class PersonName(Line):
    """A person's name; rare characters and the middle dot are kept as they are."""

    mask: Mask = "name"

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        kwargs.setdefault("privacy", "personal")
        super().__init__(zh, en, longest=60, **kwargs)


class Phone(Line):
    """A phone number; an unusual one is only doubted."""

    widget = "phone"
    mask: Mask = "phone"
    usual = re.compile(r"(1[3-9]\d{9}|0\d{2,3}-?\d{7,8}|100\d{8})\Z")

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        kwargs.setdefault("privacy", "personal")
        super().__init__(zh, en, longest=30, **kwargs)

    def check(self, value: Any) -> str | None:
        """Return the number in half-width characters without spaces."""
        text = clean_text(value, longest=self.longest)
        return unicodedata.normalize("NFKC", text).replace(" ", "") or None

    def doubts(self, value: Any) -> list[Problem]:
        """Doubt a number that is neither a mobile nor a landline."""
        return [] if value is None or self.usual.match(value) else [Problem("odd_phone")]


class IdNumber(Line):
    """A citizen number by GB 11643: 17 digits, a real birth date, check character (X allowed)."""

    mask: Mask = "id_no"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        kwargs.setdefault("privacy", "sensitive")
        super().__init__(zh, en, longest=30, **kwargs)

    def check(self, value: Any) -> str | None:
        """Return the number with its X in capitals and half width; raise when it fails."""
        text = unicodedata.normalize("NFKC", clean_text(value, longest=self.longest))
        text = text.replace(" ", "").upper()
        if not text:
            return None
        if not re.match(r"\d{17}[\dX]\Z", text, re.ASCII):
            raise ValidationError(Problem("bad_id_no"))
        try:
            date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
        except ValueError:
            raise ValidationError(Problem("bad_id_no")) from None
        total = sum(int(digit) * weight for digit, weight in zip(text, self.weights, strict=False))
        if "10X98765432"[total % 11] != text[17]:
            raise ValidationError(Problem("bad_id_no"))
        return text

    def doubts(self, value: Any) -> list[Problem]:
        """Doubt a division outside the provinces' range; 99 marks synthetic people."""
        if value is None or value[:2] == "99" or "11" <= value[:2] <= "83":
            return []
        return [Problem("id_division")]

    def show_masked(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Show division and sequence only."""
        return mask_text(value, "id_no") if value else ""


class CreditCode(Line):
    """A unified social credit code by GB 32100, checked."""

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        super().__init__(zh, en, longest=30, **kwargs)

    def check(self, value: Any) -> str | None:
        """Return the code in capitals; raise when its check fails."""
        text = unicodedata.normalize("NFKC", clean_text(value, longest=self.longest)).upper()
        if text and not stdnum_uscc.is_valid(text):
            raise ValidationError(Problem("bad_uscc"))
        return text or None


class AreaCode(Line):
    """A division or grid code: 6, 9, 12, 15 or 17 digits."""

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        super().__init__(zh, en, longest=17, **kwargs)

    def check(self, value: Any) -> str | None:
        """Return the digits; raise when there are too few, too many or others."""
        text = clean_text(value, longest=self.longest)
        if text and not re.match(r"\d{6,17}\Z", text, re.ASCII):
            raise ValidationError(Problem("bad_area_code"))
        return text or None


class Whole(Declared):
    """A whole number within bounds (never beyond ±2^53, so that every client can hold it)."""

    widget = "whole"

    def __init__(
        self, zh: str, en: str, *, least: int = 0, most: int = MAX_WHOLE, **kwargs: Any
    ) -> None:
        super().__init__(zh, en, **kwargs)
        self.least = least
        self.most = most

    def check(self, value: Any) -> int:
        """Return the number; raise when it is not whole or out of range."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError(Problem("not_whole"))
        if not self.least <= value <= self.most:
            raise ValidationError(Problem("out_of_range", min=self.least, max=self.most))
        return value

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read full-width or ASCII digits; other text is kept so that it is refused by name."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        if re.match(r"-?\d{1,17}\Z", text, re.ASCII):
            return int(text)
        return text or None

    def json_schema(self) -> dict[str, Any]:
        """A bounded integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag(Declared):
    """Yes or no."""

    widget = "flag"

    def check(self, value: Any) -> bool:
        """Return the flag; only true and false count."""
        if not isinstance(value, bool):
            raise ValidationError(Problem("not_flag"))
        return value

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read 1/0; None when neither was chosen."""
        text = texts[-1] if texts else ""
        return {"1": True, "0": False}.get(text, text or None)

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """是/否."""
        if value is None:
            return ""
        return ("Yes" if value else "No") if lang == "en" else ("是" if value else "否")

    def json_schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


class Day(Declared):
    """A calendar day as 2026-09-30."""

    widget = "day"

    def check(self, value: Any) -> str | None:
        """Return the day as text; raise when there is no such day."""
        text = clean_text(value, longest=10)
        if not text:
            return None
        try:
            if len(text) != 10:
                raise ValueError
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValidationError(Problem("bad_day")) from None

    def json_schema(self) -> dict[str, Any]:
        """A full date."""
        return {"type": "string", "format": "date"}


class Month(Declared):
    """A month as 1951-04."""

    widget = "month"

    def check(self, value: Any) -> str | None:
        """Return the month as text; raise when there is no such month."""
        text = clean_text(value, longest=10)
        if not text:
            return None
        if not re.match(r"(1[89]|20|21)\d\d-(0[1-9]|1[0-2])\Z", text, re.ASCII):
            raise ValidationError(Problem("bad_month"))
        return text

    def json_schema(self) -> dict[str, Any]:
        """Year and month."""
        return {"type": "string", "pattern": r"^\d{4}-\d{2}$"}


class Moment(Declared):
    """A time with its offset (RFC 3339), kept as it was written."""

    widget = "moment"

    def check(self, value: Any) -> str | None:
        """Return the time to the second with its offset; raise for a time without one."""
        text = clean_text(value, longest=40)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError(Problem("bad_moment")) from None
        if moment.tzinfo is None or len(text) < 20:
            raise ValidationError(Problem("bad_moment"))
        return moment.isoformat(timespec="seconds")

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Day and minute as entered."""
        return "" if value is None else str(value)[:16].replace("T", " ")

    def json_schema(self) -> dict[str, Any]:
        """A time with offset."""
        return {"type": "string", "format": "date-time"}


class Code(Declared):
    """One entry of a code list. A code from another list version is accepted and flagged."""

    widget = "code"

    def __init__(self, zh: str, en: str, codes: str, **kwargs: Any) -> None:
        super().__init__(zh, en, **kwargs)
        self.codes_name = codes

    @property
    def codes(self) -> CodeList:
        """The code list behind this field."""
        return code_list(self.codes_name)

    def check(self, value: Any) -> str | None:
        """Return the code; raise when it cannot be one."""
        if value == "":
            return None
        if not isinstance(value, str) or not CODE.match(value):
            raise ValidationError(Problem("bad_code"))
        return value

    def doubts(self, value: Any) -> list[Problem]:
        """Flag a code this list does not know."""
        return (
            [] if value is None or value in self.codes else [Problem("unknown_code", value=value)]
        )

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """The code's words."""
        return "" if value is None else self.codes.text(value, lang)

    def search_words(self, value: Any) -> Iterable[str]:
        """A code is found by its words."""
        if isinstance(value, str):
            yield self.codes.text(value, "zh")

    def json_schema(self) -> dict[str, Any]:
        """A code with the list's name and present entries."""
        return {
            "type": "string",
            "x-code-list": self.codes_name,
            "examples": [item.code for item in self.codes.active[:3]],
        }


class Codes(Code):
    """Several entries of a code list, in the list's order."""

    widget = "codes"

    def check(self, value: Any) -> list[str] | None:  # type: ignore[override]
        """Return the codes without repeats; raise when one cannot be a code."""
        if not isinstance(value, list):
            raise ValidationError(Problem("not_list"))
        if len(value) > 60:
            raise ValidationError(Problem("too_many", max=60))
        chosen = {cast(str, super(Codes, self).check(item)) for item in value}
        chosen.discard(cast(str, None))
        order = {item.code: place for place, item in enumerate(self.codes.items)}
        return sorted(chosen, key=lambda code: (order.get(code, 999), code)) or None

    def doubts(self, value: Any) -> list[Problem]:
        """Flag each code this list does not know."""
        return [doubt for code in value or () for doubt in super(Codes, self).doubts(code)]

    def from_form(self, texts: Sequence[str]) -> Any:
        """Every ticked box."""
        return [text for text in texts if text] or None

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """The words of every code."""
        joint = ", " if lang == "en" else "、"
        return joint.join(self.codes.text(code, lang) for code in value or ())

    def search_words(self, value: Any) -> Iterable[str]:
        """Every code's words."""
        for code in value or ():
            yield from super().search_words(code)

    def json_schema(self) -> dict[str, Any]:
        """A list of codes."""
        return {"type": "array", "items": super().json_schema(), "uniqueItems": True}


class Ref(Declared):
    """The id of another record (or of a user, kind ``user``)."""

    widget = "ref"

    def __init__(self, zh: str, en: str, kind: str, **kwargs: Any) -> None:
        super().__init__(zh, en, **kwargs)
        self.kind = kind

    def check(self, value: Any) -> str | None:
        """Return the id; raise when it is no UUID in lower case."""
        if value == "":
            return None
        if not isinstance(value, str) or not UUID.match(value):
            raise ValidationError(Problem("bad_reference"))
        return value

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """The referred record's title, else the start of its id."""
        if value is None:
            return ""
        return lookup(self.kind, value) or f"…{value[-6:]}"

    def search_words(self, value: Any) -> Iterable[str]:
        """A reference is not a search word."""
        return ()

    def json_schema(self) -> dict[str, Any]:
        """A record id and the kind it refers to."""
        return {"type": "string", "format": "uuid", "x-kind": self.kind}


class Refs(Ref):
    """The ids of several other records."""

    widget = "refs"

    def check(self, value: Any) -> list[str] | None:  # type: ignore[override]
        """Return the ids in order without repeats."""
        if not isinstance(value, list):
            raise ValidationError(Problem("not_list"))
        if len(value) > 200:
            raise ValidationError(Problem("too_many", max=200))
        ids = [super(Refs, self).check(item) for item in value]
        return list(dict.fromkeys(one for one in ids if one)) or None

    def from_form(self, texts: Sequence[str]) -> Any:
        """Every chosen record."""
        return [text for text in texts if text] or None

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Every title."""
        joint = ", " if lang == "en" else "、"
        return joint.join(super(Refs, self).show(one, lang, lookup) for one in value or ())

    def json_schema(self) -> dict[str, Any]:
        """A list of record ids."""
        return {"type": "array", "items": super().json_schema(), "uniqueItems": True}


class Location(Declared):
    """A point in whole micro-degrees with its coordinate system: ``{"lat","lon","crs"}``."""

    widget = "location"
    systems = ("WGS84", "CGCS2000", "GCJ02", "BD09", "local-demo")

    def check(self, value: Any) -> dict[str, Any]:
        """Return the point; raise when a member is missing or out of range."""
        if not isinstance(value, dict) or set(value) != {"lat", "lon", "crs"}:
            raise ValidationError(Problem("bad_location"))
        lat, lon = value["lat"], value["lon"]
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (lat, lon))
        if not whole or abs(lat) > 90_000_000 or abs(lon) > 180_000_000:
            raise ValidationError(Problem("bad_location"))
        if value["crs"] not in self.systems:
            raise ValidationError(Problem("bad_location"))
        return {"lat": lat, "lon": lon, "crs": value["crs"]}

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read "39.123456, 112.345678" in degrees as WGS-84."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        found = re.match(r"(-?\d{1,2}(?:\.\d{1,6})?)\s*[, ]\s*(-?\d{1,3}(?:\.\d{1,6})?)\Z", text)
        if not found:
            return text or None
        lat, lon = (round(float(part) * 1_000_000) for part in found.groups())
        return {"lat": lat, "lon": lon, "crs": "WGS84"}

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Degrees with six places."""
        if not value:
            return ""
        return f"{value['lat'] / 1e6:.6f}, {value['lon'] / 1e6:.6f}"

    def json_schema(self) -> dict[str, Any]:
        """An object of three members."""
        return {
            "type": "object",
            "required": ["lat", "lon", "crs"],
            "additionalProperties": False,
            "properties": {
                "lat": {"type": "integer", "minimum": -90_000_000, "maximum": 90_000_000},
                "lon": {"type": "integer", "minimum": -180_000_000, "maximum": 180_000_000},
                "crs": {"enum": list(self.systems)},
            },
        }


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
    an entry adds it again, whole, under its key.
    """

    widget = "keyed"

    def __init__(
        self, zh: str, en: str, part: type[Part], *, keys: str | None = None, **kwargs: Any
    ) -> None:
        kwargs["policy"] = "union"
        super().__init__(zh, en, **kwargs)
        self.part = part()
        self.keys_name = keys

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

    def entry_name(self, key: str, lang: str) -> str:
        """Return the words of a key that is a code; empty for others."""
        return self.keys.text(key, lang) if self.keys else ""

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
        """Return a stored value's entries: by the code list, else by key (ids are by time)."""
        order = {item.code: n for n, item in enumerate(self.keys.items)} if self.keys else {}
        return sorted((value or {}).items(), key=lambda pair: (order.get(pair[0], 999), pair[0]))

    def show(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
        """Every entry in one line."""
        return self._show(value, lang, lookup, masked=False)

    def show_masked(self, value: Any, lang: str, lookup: Lookup = _nobody) -> str:
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
            "additionalProperties": False,
            "properties": {
                "add": {
                    "type": "object",
                    "additionalProperties": object_schema(self.entry_fields),
                },
                "remove": {"type": "array", "items": {"type": "string"}},
            },
        }
