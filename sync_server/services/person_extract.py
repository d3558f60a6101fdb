"""The extract (个人信息摘录) of everything held about one person: to read, to print, as a file.

His own data stands in full; other people's in the same records is masked, also in free text as far
as names are known and numbers are seen. Each extract belongs to a request and is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import written
from schemas.labels import Lang
from sync_server.domain import privacy as rule
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.extract_sections import Gathering, Link, Section
from sync_server.services.privacy_acts import require_identity
from sync_server.services.privacy_requests import find, handles, person_of
from sync_server.store.engine import Store

PAGE, FILE = "page", "json"


@dataclass(frozen=True)
class Extract:
    """An extract: whose, by which request, and its sections. ``perhaps`` are records of the same
    name that may be somebody else's: for who makes the extract, not for the person."""

    request_id: str
    no: str
    name: str
    made_at: datetime
    made_by: str
    voided: bool
    sections: tuple[Section, ...]
    perhaps: tuple[Link, ...]


def make_extract(
    store: Store, person: User, request_id: str, form: str, now: datetime, lang: Lang
) -> Extract:
    """Return the extract of a request's person, after writing down who made it and for which
    request.

    Raises Refusal: not_allowed, unknown_record (also when the person is in no register here);
    out_of_date for a request that is over, identity_first.
    """
    with store.writing() as connection:
        row = find(connection, person, request_id)
        if not handles(person, row["area"]):
            raise Refusal("not_allowed")
        if row["state"] != rule.OPEN:
            raise Refusal("out_of_date")
        require_identity(row)
        record = person_of(connection, person, row)
        if record is None:
            raise Refusal("unknown_record")
        audit.note(
            connection, person.district, now, "privacy_extract", user_id=person.user_id,
            target=record["record_id"],
            detail={"request": row["no"], "reason": row["no"], "format": form,
                    "version": record["version"]},
        )  # fmt: skip
    with store.reading() as connection:  # much to read: nobody waits for it
        return _gathered(connection, person, row, record, now, lang)


def _gathered(
    connection: sa.Connection, person: User, row: sa.RowMapping, record: sa.RowMapping,
    now: datetime, lang: Lang,
) -> Extract:  # fmt: skip
    gathering = Gathering(connection, person, record, lang)
    return Extract(
        request_id=row["request_id"],
        no=row["no"],
        name=str(record["fields"].get("name") or ""),
        made_at=now,
        made_by=person.name,
        voided=bool(record["voided"]),
        sections=gathering.sections(),
        perhaps=tuple(gathering.perhaps),
    )


def as_document(extract: Extract) -> dict[str, Any]:
    """Return an extract as plain values for a file that programs read (article 45: a copy)."""
    return {
        "request": extract.no,
        "person": extract.name,
        "made_at": written(extract.made_at),
        "made_by": extract.made_by,
        "voided": extract.voided,
        "sections": [_section(one) for one in extract.sections],
    }


def _section(section: Section) -> Mapping[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "purpose": section.purpose,
        "items": [
            {
                "title": item.title,
                "voided": item.voided,
                "values": [
                    {"field": one.name, "label": one.label, "value": one.text} for one in item.facts
                ],
            }
            for item in section.items
        ],
    }
