"""Exporting lists of records as CSV, those with positions as GeoJSON too: streamed, masked unless a
reason was given, written down.

Cells that a spreadsheet would run as a formula, shorten as a number or take for a date are made
plain text by an apostrophe in front, which an import takes off.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.clock import SHANGHAI
from schemas.codes import OwnWords, speaking, spoken
from schemas.fields import Declared, Location, Whole
from schemas.kind import Kind
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import audit, listing
from sync_server.services.accounts import User
from sync_server.services.places import names_for
from sync_server.services.record_page import checked_reason
from sync_server.services.titles import Titles
from sync_server.store import records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Row, Selection

RUN = 500
BOM = "\ufeff"
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
CHANGED = re.compile(
    r"([0-9]{16,}"  # a spreadsheet keeps 15 digits of a number; an ID number has 18
    r"|0[0-9]+"  # it drops zeros in front: a door 0302
    r"|[0-9]+[eE][0-9]+"  # it reads powers of ten
    r"|[0-9]{1,2}[-/][0-9]{1,2}([-/]([0-9]{1,2}|[0-9]{4}))?)\Z"  # it makes a day of a door 3-1
)
"""What a spreadsheet turns into something else. Days as they are exported stay days."""


@dataclass(frozen=True)
class Words:
    """The words of a file in the language of the page that asked for it: the heads of the
    columns after the kind's own (``heads``), and the states."""

    record_id: str
    area_code: str
    area: str
    author: str
    happened_at: str
    received_at: str
    version: str
    state: str
    conflict: str
    doubtful: str
    voided: str
    merged: str

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads in the order of the cells."""
        return (
            self.record_id, self.area_code, self.area, self.author,
            self.happened_at, self.received_at, self.version, self.state,
        )  # fmt: skip


@dataclass(frozen=True)
class Export:
    """An export that was allowed and written down."""

    person: User
    kind: type[Kind]
    wanted: Selection
    order: records_read.Order
    lang: str
    words: Words
    unmask: bool
    file_name: str
    spoken: OwnWords
    """The district's own words for codes: the file is written after its request is over."""


def begin_export(
    store: Store,
    person: User,
    kind: type[Kind],
    asked: listing.Asked,
    now: datetime,
    lang: str,
    words: Words,
    *,
    unmask: bool,
    reason: str,
    form: str = "csv",
) -> Export:
    """Check and write down an export; ``form`` is csv or geojson.

    Raises Refusal: not_allowed (also for unmasking without the right), reason_needed for
    unmasking, unknown_record for an area outside the person's, unknown_kind for a kind without
    positions as geojson.
    """
    if form == "geojson" and position_of(kind) is None:
        raise Refusal("unknown_kind")
    if not may(person.role, "export") or (unmask and not may(person.role, "unmask")):
        raise Refusal("not_allowed")
    why = checked_reason(reason) if unmask else ""
    wanted = listing.selection(kind, asked, person)
    with store.writing() as connection:
        rows = records_read.count(connection, person.district, wanted)
        detail = {
            "kind": kind.info.name,
            "rows": rows,
            "masked": not unmask,
            "filters": {name: text for name, text in asked.as_arguments().items() if name != "q"},
            "searched": bool(asked.q),
        } | ({"format": form} if form != "csv" else {})
        audit.note(
            connection, person.district, now, "export",
            user_id=person.user_id, target=kind.info.name,
            detail=detail | ({"reason": why} if why else {}),
        )  # fmt: skip
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M")
    return Export(
        person=person,
        kind=kind,
        wanted=wanted,
        order=listing.order(kind, asked),
        lang=lang,
        words=words,
        unmask=unmask,
        file_name=f"{kind.info.label.text(lang)}-{stamp}.{form}",
        spoken=spoken(),
    )


def lines(store: Store, export: Export) -> Iterator[str]:
    """Yield the file in parts: the header first, then the rows as they are read."""
    yield BOM + _written([[safe(text) for text in _header(export)]])
    for _, rows in _runs(store, export):
        yield _written([[text if number else safe(text) for text, number in row] for row in rows])


def position_of(kind: type[Kind]) -> str | None:
    """Return the field that says where a record of this kind lies, None for a kind without."""
    fields = kind.declared().items()
    return next((name for name, field in fields if isinstance(field, Location)), None)


def features(store: Store, export: Export) -> Iterator[str]:
    """Yield a GeoJSON file (RFC 7946) in parts: one feature a line, as many as the list has; one
    without a position has a null geometry. ``crs`` among the properties names the coordinate
    system a position was taken in: the centre converts none."""
    name, heads = position_of(export.kind) or "", _header(export)
    yield '{"type":"FeatureCollection","features":['
    before = "\n"
    for found, rows in _runs(store, export):
        for row, cells in zip(found, rows, strict=True):
            texts = {head: text for head, (text, _) in zip(heads, cells, strict=True) if text}
            yield before + json.dumps(
                _feature(row, row["fields"].get(name), texts), ensure_ascii=False
            )
            before = ",\n"
    yield "\n]}\n"


def _feature(row: Row, position: Any, texts: dict[str, str]) -> dict[str, Any]:
    point, system = None, {}
    if position:
        place = [position["lon"] / 1e6, position["lat"] / 1e6]
        point, system = {"type": "Point", "coordinates": place}, {"crs": position["crs"]}
    return {
        "type": "Feature",
        "id": row["record_id"],
        "geometry": point,
        "properties": texts | system,
    }


def _runs(
    store: Store, export: Export
) -> Iterator[tuple[Sequence[Row], list[list[tuple[str, bool]]]]]:
    """Yield runs of rows with their cells as ``_row`` returns them."""
    with store.reading() as connection:
        names: dict[str, str] = {}
        for run in records_read.walk(
            connection, export.person.district, export.wanted, export.order, size=RUN
        ):
            titles = Titles(connection, export.person, export.lang, unmask=export.unmask)
            titles.preload_fields(export.kind, [row["fields"] for row in run])
            titles.preload(("user", row["author"]) for row in run)
            fresh = {row["grid"] for row in run} - names.keys()
            names |= names_for(connection, export.person.district, fresh)
            marks = records_read.marked(
                connection, export.person.district, [row["record_id"] for row in run]
            )
            with speaking(export.spoken):
                rows = [_row(export, row, titles, names, marks) for row in run]
            yield run, rows


def safe(text: str) -> str:
    """Return ``text`` as a cell no spreadsheet runs, shortens or takes for a date."""
    bare = text.lstrip(" \u00a0\u3000\u200b\ufeff")
    if text.startswith(DANGEROUS) or bare.startswith(DANGEROUS) or CHANGED.match(text):
        return "'" + text
    return text


def _header(export: Export) -> list[str]:
    fields = [field.label.text(export.lang) for field in export.kind.declared().values()]
    return [*fields, *export.words.heads]


def _row(
    export: Export,
    row: Row,
    titles: Titles,
    names: dict[str, str],
    marks: tuple[set[str], set[str]],
) -> list[tuple[str, bool]]:
    """Return the cells of a row: the text, and whether it is a whole number, which is no formula
    whatever its sign."""
    cells = [
        _cell(export, field, row["fields"].get(name), titles)
        for name, field in export.kind.declared().items()
    ]
    envelope = [
        row["record_id"],
        row["grid"],
        names.get(row["grid"], row["grid"]),
        titles.lookup("user", row["author"]) or "",
        _time(row["happened_at"]),
        _time(row["received_at"]),
        str(row["version"]),
        _state(export, row, marks),
    ]
    return cells + [(text, False) for text in envelope]


def _cell(export: Export, field: Declared, value: object, titles: Titles) -> tuple[str, bool]:
    if value in (None, "", [], {}):
        return "", False
    show = field.show if export.unmask else field.show_masked
    text = show(value, export.lang, titles.lookup)
    return text, isinstance(field, Whole) and isinstance(value, int)


def _state(export: Export, row: Row, marks: tuple[set[str], set[str]]) -> str:
    disputed, doubtful = marks
    found = [
        (export.words.conflict, row["record_id"] in disputed),
        (export.words.doubtful, row["record_id"] in doubtful),
        (export.words.voided, row["voided"]),
        (export.words.merged, row["merged_into"]),
    ]
    return " ".join(words for words, holds in found if holds)


def _time(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _written(rows: Sequence[Sequence[str]]) -> str:
    target = io.StringIO()
    csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return target.getvalue()
