"""Fields that choose: codes of a list, other records, a point on the map."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, cast

from marshmallow import ValidationError

from schemas.codes import CodeList, all_lists, code_list
from schemas.fields.base import CODE, UUID, Declared, Lookup, Plain, Quick, nobody
from schemas.messages import Problem


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

    def quick(self) -> Quick | Plain | None:
        """A code of the list (a district's own words for codes change none of them)."""
        known = frozenset(_places(self.codes_name))
        return Plain("type(value) is str and value in {known}", {"known": known})

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """The code's words."""
        return "" if value is None else self.codes.text(value, lang)

    def search_words(self, value: Any) -> Iterable[str]:
        """A code is found by its words, the same in every district: they are stored."""
        if isinstance(value, str):
            yield all_lists()[self.codes_name].text(value, "zh")

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

    def quick(self) -> Quick | Plain | None:
        """Codes of the list, in its order, none twice."""
        place = _places(self.codes_name)

        def plain(value: Any) -> Any:
            if type(value) is not list or not 0 < len(value) <= 60:
                return None
            last = -1
            for code in value:
                here = place.get(code, -1) if type(code) is str else -1
                if here <= last:
                    return None
                last = here
            return value[:]

        return plain

    def from_form(self, texts: Sequence[str]) -> Any:
        """Every ticked box."""
        return [text for text in texts if text] or None

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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


def _places(codes: str) -> dict[str, int]:
    """Return the codes of a list that can be one, each with its place."""
    items = all_lists()[codes].items
    return {item.code: place for place, item in enumerate(items) if CODE.match(item.code)}


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

    def quick(self) -> Quick | Plain | None:
        """An id."""
        return Plain("type(value) is str and {match}(value)", {"match": UUID.match})

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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

    def quick(self) -> Quick | Plain | None:
        """Ids, none twice."""
        match = UUID.match

        def plain(value: Any) -> Any:
            if type(value) is not list or not 0 < len(value) <= 200:
                return None
            ids = all(type(one) is str and match(one) for one in value)
            return value[:] if ids and len(set(value)) == len(value) else None

        return plain

    def from_form(self, texts: Sequence[str]) -> Any:
        """Every chosen record."""
        return [text for text in texts if text] or None

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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
