"""The records that came late as XLSX: masked as on the page, written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import IO

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI, read_moment
from schemas.labels import Label
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import audit, timeliness
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_sheets import opened, writing
from sync_server.store.scope import chunks
from sync_server.store.sheet_writing import Value

HEADS = (
    Label("记录号", "Record id"), Label("记录", "Record"), Label("区域", "Area"),
    Label("填报人", "Reported by"), Label("发生", "Happened"), Label("填写", "Entered"),
    Label("收到", "Received"), Label("隔了（小时）", "Hours after"),
)  # fmt: skip


def late_as_workbook(
    centre: Centre, person: User, first: date, last: date, area: str, kind: str, lang: str
) -> tuple[IO[bytes], str]:
    """Return all records of a kind that came late as a workbook, with its file name.

    Raises Refusal as ``timeliness.list_page``. Rows of field work have to be up to date.
    """
    if not may(person.role, "export"):
        raise Refusal("not_allowed")
    now = centre.clock()
    with centre.store.reading() as connection:
        kind, ids = timeliness.all_late(connection, person, first, last, area, kind)
    with centre.store.writing() as connection:
        audit.note(
            connection, person.district, now, "export", user_id=person.user_id,
            target="timeliness",
            detail={"kind": kind, "rows": len(ids), "masked": True, "format": "xlsx",
                    "filters": {"since": first.isoformat(), "until": last.isoformat(),
                                "area": area}},
        )  # fmt: skip
    label = kind_of(kind).info.label.text(lang)
    with writing(centre) as (book, path):
        book.begin(label, [one.text(lang) for one in HEADS])
        with centre.store.reading() as connection:
            for run in chunks(ids):
                book.add(_rows(connection, person, kind, run, lang))
        book.close()
        title = timeliness.SHOWN["late"][1].text(lang)
        return opened(path), f"{title}-{label}-{first.isoformat()}-{last.isoformat()}.xlsx"


def _rows(
    connection: sa.Connection, person: User, kind: str, ids: Sequence[str], lang: str
) -> Iterator[Sequence[Value]]:
    def time(moment: datetime) -> str:
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

    for line in timeliness.lines_of(connection, person, kind, ids, lang):
        made = read_moment(line.made_at)
        yield (
            line.record_id, line.title, line.area, line.author, time(line.happened_at),
            time(made), time(line.received_at), line.hours,
        )  # fmt: skip
