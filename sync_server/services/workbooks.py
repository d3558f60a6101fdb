"""Lists and ledgers as XLSX: in the district's own columns, masked unless a reason was given,
written down; written to a file in constant memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import audit, ledgers, listing
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_sheets import opened, writing
from sync_server.services.layouts import Column, Sheet, layout_for
from sync_server.services.record_page import checked_reason
from sync_server.services.records import kind_for
from sync_server.store import records_read
from sync_server.store.records_read import Order, Selection
from sync_server.store.sheet_writing import SheetWriter

RUN = 500


def list_as_workbook(
    centre: Centre, person: User, name: str, asked: listing.Asked, lang: str, *,
    unmask: bool = False, reason: str = "",
) -> tuple[IO[bytes], str]:  # fmt: skip
    """Return a list as asked for as a workbook, with its file name.

    Raises Refusal: not_allowed, reason_needed, unknown_record.
    """
    why = _allowed(person, unmask, reason)
    kind = kind_for(person, name)
    wanted, order = listing.selection(kind, asked, person), listing.order(kind, asked)
    label = kind.info.label.text(lang)
    with centre.store.reading() as connection:
        columns = layout_for(connection, person.district, kind)
    filters = {one: text for one, text in asked.as_arguments().items() if one != "q"}
    detail = {"kind": name, "filters": filters, "searched": bool(asked.q)}
    part = _Part(label, ledgers.Part(kind, {}, columns), wanted, order)
    return _written(centre, person, name, label, [part], detail, lang, unmask, why)


def ledger_as_workbook(
    centre: Centre, person: User, ledger: ledgers.Ledger, lang: str, *, area: str = "",
    unmask: bool = False, reason: str = "",
) -> tuple[IO[bytes], str]:  # fmt: skip
    """Return a ledger as a workbook, a sheet for each of its parts, with its file name.

    Raises Refusal: not_allowed, reason_needed, unknown_record.
    """
    why = _allowed(person, unmask, reason)
    parts = [
        _Part(
            one.kind.info.label.text(lang), one, ledgers.selection(person, one, area),
            Order("happened_at"),
        )
        for one in ledger.parts
    ]  # fmt: skip
    detail = {"ledger": ledger.name, "area": area}
    return _written(centre, person, ledger.ledger_id, ledger.name, parts, detail, lang, unmask, why)


class _Part:
    """One sheet: its name, what it shows, which records in which order."""

    def __init__(self, label: str, part: ledgers.Part, wanted: Selection, order: Order) -> None:
        self.label = label
        self.part = part
        self.wanted = wanted
        self.order = order

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns."""
        return self.part.columns


def _allowed(person: User, unmask: bool, reason: str) -> str:
    if not may(person.role, "export") or (unmask and not may(person.role, "unmask")):
        raise Refusal("not_allowed")
    return checked_reason(reason) if unmask else ""


def _written(
    centre: Centre, person: User, target: str, name: str, parts: Sequence[_Part],
    detail: Mapping[str, object], lang: str, unmask: bool, why: str,
) -> tuple[IO[bytes], str]:  # fmt: skip
    now = centre.clock()
    with centre.store.writing() as connection:
        rows = sum(records_read.count(connection, person.district, one.wanted) for one in parts)
        audit.note(
            connection, person.district, now, "export", user_id=person.user_id, target=target,
            detail={**detail, "rows": rows, "masked": not unmask, "format": "xlsx"}
            | ({"reason": why} if why else {}),
        )  # fmt: skip
    with writing(centre) as (book, path):
        with centre.store.reading() as connection:
            for one in parts:
                sheet = Sheet(connection, person, one.part.kind, one.columns, lang, unmask=unmask)
                book.begin(one.label, sheet.heads)
                _fill(book, sheet, connection, person, one)
        book.close()
        return opened(path), f"{name}-{_stamp(now)}.xlsx"


def _fill(
    book: SheetWriter, sheet: Sheet, connection: sa.Connection, person: User, one: _Part
) -> None:
    for run in records_read.walk(connection, person.district, one.wanted, one.order, size=RUN):
        book.add(sheet.rows(run))


def _stamp(now: datetime) -> str:
    return now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M")
