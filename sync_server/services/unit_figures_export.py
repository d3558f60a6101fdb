"""How units handle what they are given, as a workbook: the units, every call, the definitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import IO

from schemas.clock import SHANGHAI, read_moment
from schemas.labels import Label
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.domain.rates import Rate
from sync_server.services import audit, issue_figures, unit_figures
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_sheets import opened, writing
from sync_server.store.sheet_writing import Value

OF_ISSUES = ("resolution", "on_time", "rework")
"""The rates of a unit's own issues."""
NAME = Label("单位办理统计", "units")
UNIT_HEADS = (
    Label("单位", "Unit"),
    Label("类别", "Kind"),
    Label("承办事件", "Issues in hand"),
    Label("已处置", "Resolved"),
    Label("未处置", "Unresolved"),
    *(issue_figures.DEFINITIONS[name][0] for name in OF_ISSUES),
    Label("群众评价", "Rated"),
    Label("4 分及以上", "4 or 5"),
    Label("被吹哨", "Called"),
    Label("已报到", "Reported in"),
    Label("按时报到", "In time"),
    Label("报到评分", "Street's score"),
    Label("评分次数", "Scores"),
)
CALL_HEADS = (
    Label("单位", "Unit"),
    Label("事件编号", "Issue number"),
    Label("事件", "Issue"),
    Label("吹哨时间", "Called at"),
    Label("报到时限", "Report in by"),
    Label("报到时间", "Reported in at"),
    Label("逾期", "Late"),
    Label("评分", "Score"),
    Label("结论", "Conclusion"),
)
OWN = (
    Label("承办事件", "Issues in hand"),
    Label(
        "期内发现、现在由这个单位承办的有效事件；拒收的、撤回的、改派给别的单位的不算它的。",
        "Valid issues found in the period that are with this unit now; what it refused, what was"
        " taken back and what went to another unit is not its own.",
    ),
)


def units_as_workbook(
    centre: Centre, person: User, first: date, last: date, area: str, lang: str
) -> tuple[IO[bytes], str]:
    """Return the units' figures of a period and an area as a workbook, with its file name.

    Raises Refusal: not_allowed, bad_period, unknown_record for an area outside the person's.
    """
    if not may(person.role, "export"):
        raise Refusal("not_allowed")
    now, district = centre.clock(), person.district
    with centre.store.reading() as connection:
        found = unit_figures.report(connection, person, first, last, area, now, lang)
    with centre.store.writing() as connection:
        audit.note(
            connection, district, now, "export", user_id=person.user_id, target="statistics",
            detail={"filters": {"since": first.isoformat(), "until": last.isoformat(),
                                "area": area}, "rows": len(found.lines), "format": "xlsx"},
        )  # fmt: skip
    with writing(centre) as (book, path):
        book.begin(NAME.text(lang), [one.text(lang) for one in UNIT_HEADS])
        book.add(_unit(one) for one in found.lines)
        book.begin(Label("吹哨", "Whistles").text(lang), [one.text(lang) for one in CALL_HEADS])
        book.add(_calls(found.lines, lang))
        book.begin(
            Label("说明", "How to read it").text(lang),
            [Label("项目", "What").text(lang), Label("说明", "How it is counted").text(lang)],
        )
        book.add(_notes(found, first, last, lang))
        book.close()
        return opened(path), f"{NAME.text(lang)}-{first.isoformat()}-{last.isoformat()}.xlsx"


def _unit(one: unit_figures.Line) -> Sequence[Value]:
    counts = one.issues
    return (
        one.name, one.kind, counts["valid"], counts["resolved"], counts.unresolved,
        *(_percent(counts.rate(name)) for name in OF_ISSUES),
        counts["rated"], counts["satisfied"], len(one.calls), one.reported, one.on_time,
        "" if one.average is None else f"{one.average:.1f}", len(one.scores),
    )  # fmt: skip


def _calls(lines: Sequence[unit_figures.Line], lang: str) -> Iterator[Sequence[Value]]:
    late = Label("逾期", "late").text(lang)
    for line in lines:
        for one in line.calls:
            yield (
                line.name, one.no, one.title, _time(one.at), _time(one.due_at),
                _time(one.reported_at), late if one.late else "",
                "" if one.score is None else one.score, one.conclusion,
            )  # fmt: skip


def _notes(
    found: unit_figures.Report, first: date, last: date, lang: str
) -> Iterator[Sequence[Value]]:
    yield Label("时段", "Period").text(lang), f"{first.isoformat()} – {last.isoformat()}"
    made = found.made_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    yield Label("算出时间", "Worked out").text(lang), made
    if found.synced_to:
        at = found.synced_to.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        yield Label("数据截至", "Complete as of").text(lang), at
    words = [issue_figures.DEFINITIONS[name] for name in OF_ISSUES]
    for label, definition in (OWN, *words, *unit_figures.DEFINITIONS.values()):
        yield label.text(lang), definition.text(lang)


def _percent(rate: Rate) -> str:
    return "" if rate.percent is None else f"{rate.percent:.1f}%"


def _time(text: str | None) -> str:
    return read_moment(text).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if text else ""
