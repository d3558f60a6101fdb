"""Fields of text: lines, paragraphs, names, phones, numbers of people, firms and areas."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from operator import mul
from typing import Any

from marshmallow import ValidationError
from stdnum.cn import uscc as stdnum_uscc

from schemas.fields.base import (
    Declared,
    Lookup,
    Plain,
    Quick,
    clean_text,
    is_plain_text,
    nobody,
)  # fmt: skip
from schemas.messages import Problem
from schemas.privacy import Mask, mask_text


class Line(Declared):
    """One line of text."""

    def __init__(self, zh: str, en: str, *, longest: int = 200, **kwargs: Any) -> None:
        super().__init__(zh, en, **kwargs)
        self.longest = longest

    def check(self, value: Any) -> str | None:
        """Return clean text, or None when empty."""
        return clean_text(value, longest=self.longest) or None

    def quick(self) -> Quick | Plain | None:
        """A plain line."""
        return Plain(
            "type(value) is str and 0 < len(value) <= {longest} and {plain}(value)",
            {"longest": self.longest, "plain": is_plain_text},
        )

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

    def quick(self) -> Quick | Plain | None:
        """Plain lines, with something in the first and in the last."""
        # As a space a line's end is refused where ``strip`` would take it off.
        return Plain(
            "type(value) is str and 0 < len(value) <= {longest}"
            " and {plain}(value.replace('\\n', ' '))",
            {"longest": self.longest, "plain": is_plain_text},
        )


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

    def quick(self) -> Quick | Plain | None:
        """A usual number in half-width digits."""
        return Plain(
            "type(value) is str and value.isascii() and {usual}(value)",
            {"usual": self.usual.match},
        )


class IdNumber(Line):
    """A citizen number by GB 11643: 17 digits, a real birth date, check character (X allowed)."""

    mask: Mask = "id_no"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

    def __init__(self, zh: str, en: str, **kwargs: Any) -> None:
        kwargs.setdefault("privacy", "sensitive")
        super().__init__(zh, en, longest=30, **kwargs)

    @classmethod
    def last_character(cls, digits: str) -> str:
        """Return what a number that begins with these 17 digits ends with."""
        return "10X98765432"[sum(map(mul, map(int, digits[:17]), cls.weights)) % 11]

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
        if self.last_character(text) != text[17]:
            raise ValidationError(Problem("bad_id_no"))
        return text

    def doubts(self, value: Any) -> list[Problem]:
        """Doubt a division outside the provinces' range; 99 marks synthetic people."""
        if value is None or value[:2] == "99" or "11" <= value[:2] <= "83":
            return []
        return [Problem("id_division")]

    def show_masked(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
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

    def quick(self) -> Quick | Plain | None:
        """As many ASCII digits as a code has."""
        return Plain(
            "type(value) is str and 6 <= len(value) <= 17 and value.isascii() and value.isdigit()",
            {},
        )
