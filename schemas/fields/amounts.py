"""Fields of amounts, flags and times."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError

from schemas.fields.base import MAX_WHOLE, Declared, Lookup, Plain, Quick, clean_text, nobody
from schemas.messages import Problem

FIRST_YEAR, LAST_YEAR = "1800", "2199"
"""Between which years a month or a time lies; "0026" is 26 typed into a browser's year."""

AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?\Z")
PLAIN_AMOUNT = re.compile(r"(?:[1-9][0-9]{0,8}(?:\.[0-9]?[1-9])?|0\.[0-9]?[1-9])\Z")
"""A quantity as it is sent, and as it is kept."""


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

    def quick(self) -> Quick | Plain | None:
        """A number within the bounds."""
        return Plain(
            "type(value) is int and {least} <= value <= {most}",
            {"least": self.least, "most": self.most},
        )

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read full-width or ASCII digits; other text is kept so that it is refused by name."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        if re.match(r"-?\d{1,17}\Z", text, re.ASCII):
            return int(text)
        return text or None

    def json_schema(self) -> dict[str, Any]:
        """A bounded integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Amount(Declared):
    """A quantity above nought with at most two decimals, kept as text (3.95), so that every client
    holds and adds it up exactly."""

    widget = "amount"

    def check(self, value: Any) -> str | None:
        """Return the shortest text of the quantity; raise when it is none."""
        text = str(value) if type(value) is int else clean_text(value, longest=20)
        if not text:
            return None
        if not AMOUNT.match(text):
            raise ValidationError(Problem("bad_amount"))
        whole, _, part = text.partition(".")
        whole, part = whole.lstrip("0") or "0", part.rstrip("0")
        if whole == "0" and not part:
            raise ValidationError(Problem("bad_amount"))
        return f"{whole}.{part}" if part else whole

    def quick(self) -> Quick | Plain | None:
        """A quantity as it is kept."""
        match = PLAIN_AMOUNT.match

        def plain(value: Any) -> Any:
            return value if type(value) is str and match(value) else None

        return plain

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read full-width or ASCII digits, thousands parted or not."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        if re.match(r"\d{1,3}(,\d{3})+(\.\d+)?\Z", text, re.ASCII):
            text = text.replace(",", "")
        return text or None

    def json_schema(self) -> dict[str, Any]:
        """A decimal as text."""
        return {"type": "string", "pattern": AMOUNT.pattern.replace(r"\Z", "$")}


class Flag(Declared):
    """Yes or no."""

    widget = "flag"

    def check(self, value: Any) -> bool:
        """Return the flag; only true and false count."""
        if not isinstance(value, bool):
            raise ValidationError(Problem("not_flag"))
        return value

    def quick(self) -> Quick | Plain | None:
        """True or false."""
        return Plain("value is True or value is False", {})

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read 1/0; None when neither was chosen."""
        text = texts[-1] if texts else ""
        return {"1": True, "0": False}.get(text, text or None)

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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

    def quick(self) -> Quick | Plain | None:
        """A day as it is kept."""

        def plain(value: Any) -> Any:
            if type(value) is not str or len(value) != 10:
                return None
            try:
                return value if date.fromisoformat(value).isoformat() == value else None
            except ValueError:
                return None

        return plain

    def json_schema(self) -> dict[str, Any]:
        """A full date."""
        return {"type": "string", "format": "date"}


class Month(Declared):
    """A month as 1951-04."""

    widget = "month"

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read 1951-04 also as people write it: 1951年4月, 1951.4, 1951/4, 195104."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        found = re.match(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*月?\Z", text, re.ASCII) or re.match(
            r"(\d{4})(\d{2})\Z", text, re.ASCII
        )
        return f"{found[1]}-{int(found[2]):02}" if found else text or None

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
    """A time with its offset (RFC 3339), kept as it was written; of a year people can mean, so that
    it can be shown and reckoned with anywhere."""

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
        if not FIRST_YEAR <= text[:4] <= LAST_YEAR:
            raise ValidationError(Problem("odd_year"))
        return moment.isoformat(timespec="seconds")

    def quick(self) -> Quick | Plain | None:
        """A time as it is kept: to the second, with hours and minutes of offset."""

        def plain(value: Any) -> Any:
            if type(value) is not str or len(value) != 25 or value[19] not in "+-":
                return None
            if not FIRST_YEAR <= value[:4] <= LAST_YEAR:
                return None
            try:
                return value if datetime.fromisoformat(value).isoformat() == value else None
            except ValueError:
                return None

        return plain

    def from_form(self, texts: Sequence[str]) -> Any:
        """Read "2026-09-30T08:41" as Shanghai time: a form control carries no offset."""
        text = unicodedata.normalize("NFKC", texts[0]).strip() if texts else ""
        if re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\Z", text, re.ASCII):
            seconds = "" if text.count(":") == 2 else ":00"
            return text.replace(" ", "T") + seconds + "+08:00"
        return text or None

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """Day and minute as entered."""
        return "" if value is None else str(value)[:16].replace("T", " ")

    def json_schema(self) -> dict[str, Any]:
        """A time with offset."""
        return {"type": "string", "format": "date-time"}
