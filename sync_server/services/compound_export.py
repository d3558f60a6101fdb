"""The statistics of compounds as XLSX, with the definitions; every file is written down."""

from __future__ import annotations

from datetime import date
from typing import IO

from schemas.clock import SHANGHAI
from schemas.labels import Label
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import audit, compound_figures
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.compound_figures import DEFINITIONS, Line
from sync_server.services.import_sheets import opened, writing
from sync_server.services.issue_figures import months_of
from sync_server.store.sheet_writing import Value

HEADS = (
    Label("小区", "Compound"), Label("社区", "Community"), Label("标签", "Tag"),
    Label("有效事件", "Valid issues"), Label("未处置", "Unresolved"),
    Label("居民投诉", "Complaints"), Label("上一段投诉", "Complaints, days before"),
    Label("去年同期投诉", "Complaints, a year ago"),
    Label("连续零投诉（月）", "Months without complaint"),
    Label("从未有过投诉", "Never complained about"), Label("物业整改", "Rectification"),
)  # fmt: skip


def compounds_as_workbook(
    centre: Centre, person: User, first: date, last: date, area: str, tag: str, lang: str
) -> tuple[IO[bytes], str]:
    """Return the compounds of an area with their counts as a workbook, with its file name.

    Raises Refusal: not_allowed, bad_period.
    """
    if not may(person.role, "export"):
        raise Refusal("not_allowed")
    months_of(first, last)
    now, period = centre.clock(), f"{first.isoformat()} – {last.isoformat()}"
    with centre.store.reading() as connection:
        found = compound_figures.lines(connection, person, first, last, area, tag, now, lang)
    with centre.store.writing() as connection:
        audit.note(
            connection, person.district, now, "export", user_id=person.user_id,
            target="statistics",
            detail={"filters": {"since": first.isoformat(), "until": last.isoformat(),
                                "area": area, "tag": tag}, "rows": len(found), "format": "xlsx"},
        )  # fmt: skip
    english = lang == "en"
    with writing(centre) as (book, path):
        book.begin("Compounds" if english else "小区统计", [one.text(lang) for one in HEADS])
        book.add(_cells(one, lang) for one in found)
        heads = ("Figure", "How it is counted") if english else ("指标", "怎样计算")
        book.begin("Definitions" if english else "说明", heads)
        made = now.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        about: list[tuple[Value, ...]] = [
            ("Period" if english else "时间", period),
            ("Area" if english else "区域", area or ("all" if english else "全部")),
            ("Made at" if english else "算出时间", made),
        ]
        about += [(name.text(lang), words.text(lang)) for name, words in DEFINITIONS]
        book.add(about)
        book.close()
        return opened(path), f"{'compounds' if english else '小区统计'} {first} {last}.xlsx"


def _cells(one: Line, lang: str) -> tuple[Value, ...]:
    free = one.free
    never = ("yes" if lang == "en" else "是") if free and free.least else ""
    return (
        one.name, one.area, one.tag, one["valid"], one["unresolved"], one["complaints"],
        one["complaints_1"], one["complaints_2"], free.months if free else "", never,
        one.rectified,
    )  # fmt: skip
