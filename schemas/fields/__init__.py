"""The field types a kind is declared with.

Each is a marshmallow field that also carries what the other surfaces need: labels, merge policy,
privacy class, search and list marks, how a form asks it, how it is shown, its JSON schema. Values
stay plain JSON values in every place (times and dates are checked text), so loading only checks
and normalises. Refusals are :class:`schemas.messages.Problem`; doubtful values are accepted and
reported by :meth:`Declared.doubts`.
"""

from schemas.fields.amounts import Amount, Day, Flag, Moment, Month, Whole
from schemas.fields.base import Declared, Lookup, Policy, clean_text
from schemas.fields.choices import Code, Codes, Location, Ref, Refs
from schemas.fields.keyed import Keyed, Part
from schemas.fields.text import AreaCode, CreditCode, IdNumber, Line, Paragraph, PersonName, Phone

__all__ = [
    "Amount",
    "AreaCode",
    "Code",
    "Codes",
    "CreditCode",
    "Day",
    "Declared",
    "Flag",
    "IdNumber",
    "Keyed",
    "Line",
    "Location",
    "Lookup",
    "Moment",
    "Month",
    "Paragraph",
    "Part",
    "PersonName",
    "Phone",
    "Policy",
    "Ref",
    "Refs",
    "Whole",
    "clean_text",
]
