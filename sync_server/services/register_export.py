"""Coverage and counts of the registers as XLSX, of every area at once, and the list behind a
figure; every file is written down. Nothing in them is personal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI
from schemas.codes import code_list
from schemas.labels import Label
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.domain.register_counts import WORDS
from sync_server.services import audit, register_figures, register_lists
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.figures_export import HEADS, LEVEL_WORDS
from sync_server.services.import_sheets import opened, writing
from sync_server.services.register_figures import BUILDINGS, COMPOUNDS, LEVELS, ORGS, Line, Report
from sync_server.store.sheet_writing import Value

TARGET = "registers"
NAME = Label("小区和组织统计", "compounds-and-organisations")
NUMBER = Label("数量", "Number")
WHOLE = Label("合计", "Total")


def figures_as_workbook(
    centre: Centre, person: User, area: str, kind: str, lang: str
) -> tuple[IO[bytes], str]:
    """Return the figures of an area (empty: all of the person's) and every street and community in
    it as a workbook, with its file name.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    _check(person)
    now = centre.clock()
    with centre.store.reading() as connection:
        found = register_figures.report(connection, person, area, kind, now, lang)
    lines = found.areas or (found.whole,)
    _note(centre, person, now, {"area": area, "kind": kind}, len(lines))
    place = [one.text(lang) for one in HEADS[:3]]
    with writing(centre) as (book, path):
        book.begin(Label("覆盖率", "Coverage").text(lang), [one.text(lang) for one in HEADS])
        book.add(_rates(lines, lang))
        book.begin(
            Label("分类", "By kind").text(lang),
            [*place, Label("分类", "Told apart by").text(lang),
             Label("项目", "Kind").text(lang), NUMBER.text(lang)],
        )  # fmt: skip
        book.add(_kinds(found, lines, lang))
        book.begin(
            Label("各级数量", "Numbers by level").text(lang),
            [*place, Label("项目", "What").text(lang), NUMBER.text(lang)],
        )
        book.add(_levels(found, lines, lang))
        book.begin(
            Label("说明", "How to read it").text(lang),
            [Label("项目", "What").text(lang), Label("说明", "How it is counted").text(lang)],
        )
        book.add(_notes(found, kind, lang))
        book.close()
        return opened(path), f"{NAME.text(lang)}-{found.day.isoformat()}.xlsx"


def list_as_workbook(
    centre: Centre, person: User, what: str, area: str, kind: str, lang: str
) -> tuple[IO[bytes], str]:
    """Return the list behind a figure as a workbook, with its file name; raise Refusal as
    ``register_lists.listed``."""
    _check(person)
    now = centre.clock()
    with centre.store.reading() as connection:
        found = register_lists.listed(connection, person, what, area, kind, now, lang)
    _note(centre, person, now, {"figure": what, "area": area, "kind": kind}, len(found.lines))
    with writing(centre) as (book, path):
        book.begin(found.title, found.heads)
        book.add((line.title, *line.cells) for line in found.lines)
        book.close()
        day = register_figures.day_of(now).isoformat()
        return opened(path), f"{NAME.text(lang)}-{day}.xlsx"


def _check(person: User) -> None:
    if not may(person.role, "export") or not may(person.role, "records"):
        raise Refusal("not_allowed")


def _note(
    centre: Centre, person: User, now: datetime, filters: Mapping[str, str], rows: int
) -> None:
    with centre.store.writing() as connection:
        audit.note(
            connection, person.district, now, "export", user_id=person.user_id, target=TARGET,
            detail={"filters": {name: said for name, said in filters.items() if said},
                    "rows": rows, "format": "xlsx"},
        )  # fmt: skip


def _place(line: Line, lang: str) -> tuple[str, str, str]:
    if not line.code:
        return "", WHOLE.text(lang), ""
    return line.code, line.name, LEVEL_WORDS[len(line.code)].text(lang)


def _rates(lines: Sequence[Line], lang: str) -> Iterator[Sequence[Value]]:
    for line in lines:
        for one in line.rates:
            percent = "" if one.percent is None else f"{one.percent:.1f}%"
            yield (*_place(line, lang), one.label(lang), one.part, one.whole, percent)


def _kinds(found: Report, lines: Sequence[Line], lang: str) -> Iterator[Sequence[Value]]:
    for line in lines:
        for scheme in found.schemes:
            for name, words in scheme.codes:
                yield (*_place(line, lang), scheme.label, words, line.counts[name])


def _levels(found: Report, lines: Sequence[Line], lang: str) -> Iterator[Sequence[Value]]:
    levels = code_list("AREA_LEVEL")
    named = [
        *((f"level={level}", levels.text(level, lang)) for level in LEVELS),
        (COMPOUNDS, kind_of("compound").info.label.text(lang)),
        (BUILDINGS, kind_of("building").info.label.text(lang)),
        (ORGS, kind_of("org").info.label.text(lang)),
        *found.org_kinds,
    ]
    for line in lines:
        for name, words in named:
            yield (*_place(line, lang), words, line.counts[name])


def _notes(found: Report, kind: str, lang: str) -> Iterator[Sequence[Value]]:
    def time(moment: datetime) -> str:
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

    yield Label("登记现状", "Registers as of").text(lang), found.day.isoformat()
    yield Label("算出时间", "Worked out").text(lang), time(found.made_at)
    if found.synced_to:
        yield Label("数据截至", "Complete as of").text(lang), time(found.synced_to)
    if kind:
        only = kind_of("compound").declared()["kind"].label.text(lang)
        yield only, code_list(register_figures.KIND).text(kind, lang)
    for label, definition in WORDS.values():
        yield label.text(lang), definition.text(lang)
