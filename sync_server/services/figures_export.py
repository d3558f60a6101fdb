"""The figures of statistics as XLSX: every rate of every area of a period, a closed month with what
was stored of it; few people in care are hidden (decision 0027). Every file is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO

from schemas.clock import SHANGHAI
from schemas.labels import Label
from sync_server.domain.access import may, narrowed
from sync_server.domain.errors import Refusal
from sync_server.services import (
    area_figures,
    audit,
    closed_months,
    field_lines,
    service_cases,
    small_cells,
)
from sync_server.services.accounts import User
from sync_server.services.area_figures import INDICATORS, LEVELS, AreaFigures
from sync_server.services.centre import Centre
from sync_server.services.import_sheets import opened, writing
from sync_server.services.issue_figures import LONGEST_MONTHS as LONGEST_MONTHS
from sync_server.services.issue_figures import months_of
from sync_server.services.small_cells import CARE, NOTHING, HiddenCare
from sync_server.store.case_counts import complete_as_of
from sync_server.store.sheet_writing import Value

LEVEL_WORDS = dict(
    zip(
        LEVELS,
        (Label("区县", "District"), Label("街道", "Street"), Label("社区", "Community"),
         Label("网格", "Grid")),
        strict=True,
    )
)  # fmt: skip
HEADS = (
    Label("区域代码", "Area code"), Label("区域", "Area"), Label("层级", "Level"),
    Label("指标", "Indicator"), Label("分子", "Part"), Label("分母", "Whole"),
    Label("比率", "Rate"),
)  # fmt: skip
FROZEN_HEADS = (
    Label("封存分子", "Part when closed"), Label("封存分母", "Whole when closed"),
    Label("封存比率", "Rate when closed"), Label("与封存值", "Against the closed month"),
)  # fmt: skip
MARKS = {"few": Label("少于 5", "under 5"), "also": Label("隐去", "withheld")}
DIFFERS, NOT_THEN, NOT_NOW = (
    Label("有出入", "differs"), Label("封存时没有", "not there then"),
    Label("现在没有", "not there now"),
)  # fmt: skip
FEW = (
    Label("关怀人数", "People in care"),
    Label(
        "少于 5 户的数字不写出，可以推算出它的数字写作“隐去”；0 照写。",
        "Counts of fewer than 5 households are not told; a number they could be worked out from is"
        " “withheld”; 0 is told.",
    ),
)
Cells = tuple[Value, Value, str]


@dataclass(frozen=True)
class _Asked:
    """What is written: the period, today's figures, those of the closed month, what is hidden of
    both."""

    first: date
    last: date
    now: datetime
    today: dict[str, AreaFigures]
    frozen_at: datetime | None
    stored: dict[str, AreaFigures]
    hidden: HiddenCare
    hidden_stored: HiddenCare
    synced_to: datetime | None


def figures_as_workbook(
    centre: Centre, person: User, first: date, last: date, area: str, lang: str, *,
    for_inside: bool = False,
) -> tuple[IO[bytes], str]:  # fmt: skip
    """Return the figures of a period for an area (empty: all of the person's) and every area in it
    as a workbook, with its file name.

    ``for_inside``: the file stays in the community and tells every number; said in vain by who
    has more than one. Raises Refusal: not_allowed, bad_period, unknown_record for an area outside
    the person's.
    """
    if not may(person.role, "export") or not may(person.role, "records"):
        raise Refusal("not_allowed")
    months_of(first, last)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    store, district, now = centre.store, person.district, centre.clock()
    field_lines.bring_up_to_date(store, district)
    service_cases.bring_up_to_date(store, district)
    outside = small_cells.beyond_community(person) or not for_inside
    with store.reading() as connection:
        today = area_figures.figures_by_area(connection, district, areas, first, last, now)
        at, stored = closed_months.frozen_areas(connection, district, areas, first, last)
        synced_to, _, _ = complete_as_of(connection, district, areas)
    asked = _Asked(
        first, last, now, _by_code(today), at, _by_code(stored),
        _hidden(today) if outside else NOTHING, _hidden(stored) if outside else NOTHING, synced_to,
    )  # fmt: skip
    with store.writing() as connection:
        audit.note(
            connection, district, now, "export", user_id=person.user_id, target="statistics",
            detail={"filters": {"since": first.isoformat(), "until": last.isoformat(),
                                "area": area}, "rows": len(asked.today | asked.stored),
                    "few_hidden": outside, "format": "xlsx"},
        )  # fmt: skip
    heads = (*HEADS, *(FROZEN_HEADS if at else ()))
    with writing(centre) as (book, path):
        book.begin(Label("统计", "Statistics").text(lang), [one.text(lang) for one in heads])
        book.add(_rows(asked, lang))
        book.begin(
            Label("说明", "How to read it").text(lang),
            [Label("项目", "What").text(lang), Label("说明", "How it is counted").text(lang)],
        )
        book.add(_notes(asked, lang, outside=outside))
        book.close()
        name = Label("统计", "statistics").text(lang)
        return opened(path), f"{name}-{first.isoformat()}-{last.isoformat()}.xlsx"


def _by_code(some: Sequence[AreaFigures]) -> dict[str, AreaFigures]:
    return {one.code: one for one in some}


def _hidden(some: Sequence[AreaFigures]) -> HiddenCare:
    """Return what is hidden of areas that stand in one file, each counted in the next above."""
    codes = {one.code for one in some}
    above = {}
    for code in codes:
        around = [code[:length] for length in LEVELS if length < len(code)]
        if near := [one for one in around if one in codes]:
            above[code] = near[-1]
    return small_cells.hidden_care({one.code: one.figures for one in some}, above)


def _rows(asked: _Asked, lang: str) -> Iterator[Sequence[Value]]:
    for code in sorted(asked.today | asked.stored):
        now, then = asked.today.get(code), asked.stored.get(code)
        place = (code, (now or then or AreaFigures(code, code, {})).name,
                 LEVEL_WORDS[len(code)].text(lang))  # fmt: skip
        for name, (label, _) in INDICATORS.items():
            row = (*place, label.text(lang), *_cells(asked.hidden, now, name, lang))
            if asked.frozen_at is None:
                yield row
            else:
                stored = _cells(asked.hidden_stored, then, name, lang)
                yield (*row, *stored, _against(asked, now, then, name, lang))


def _cells(hidden: HiddenCare, one: AreaFigures | None, name: str, lang: str) -> Cells:
    """Return part, whole and rate as the file tells them."""
    if one is None or name not in one.figures:
        return "", "", ""
    rate = area_figures.rate(name, one.figures[name])
    told = "" if rate.percent is None else f"{rate.percent:.1f}%"
    if name not in CARE:
        return rate.part, rate.whole, told
    part, whole = hidden.part(one.code, name), hidden.whole(one.code)
    return (
        MARKS[part].text(lang) if part else rate.part,
        MARKS[whole].text(lang) if whole else rate.whole,
        "—" if hidden.rate(one.code, name) else told,
    )


def _against(
    asked: _Asked, now: AreaFigures | None, then: AreaFigures | None, name: str, lang: str
) -> str:
    """Say whether today's figure is another; of what is hidden nothing is said."""
    if then is None or name not in then.figures:
        return NOT_THEN.text(lang)
    if now is None:
        return NOT_NOW.text(lang)
    if name in CARE and (
        asked.hidden.rate(now.code, name) or asked.hidden_stored.rate(now.code, name)
    ):
        return ""
    return DIFFERS.text(lang) if now.figures[name] != then.figures[name] else ""


def _notes(asked: _Asked, lang: str, *, outside: bool) -> Iterator[Sequence[Value]]:
    def time(moment: datetime) -> str:
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

    period = f"{asked.first.isoformat()} – {asked.last.isoformat()}"
    yield Label("时段", "Period").text(lang), period
    yield Label("算出时间", "Worked out").text(lang), time(asked.now)
    if asked.synced_to:
        yield Label("数据截至", "Complete as of").text(lang), time(asked.synced_to)
    if asked.frozen_at:
        said = Label(
            "{at}；封存值不再改变，晚到的数据只改变现值。",
            "{at}; what was stored then never changes, what comes late changes today's figures.",
        )
        closed = Label("封存于", "Closed").text(lang)
        yield closed, said.text(lang).format(at=time(asked.frozen_at))
    if outside:
        yield FEW[0].text(lang), FEW[1].text(lang)
    for label, definition in INDICATORS.values():
        yield label.text(lang), definition.text(lang)
