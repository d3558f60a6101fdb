"""The queue of issues: what waits for somebody, by what is to be done, with lights and causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.clock import local_day
from schemas.codes import code_list
from schemas.issue_groups import GROUPS
from schemas.labels import Label
from schemas.search import fold
from schemas.workflow import OFFICE_LEVEL
from sync_server.domain import deadlines
from sync_server.domain.access import narrowed
from sync_server.domain.deadlines import CAUSES, Light
from sync_server.domain.errors import Refusal
from sync_server.domain.working_calendar import midnight
from sync_server.services.accounts import User, require_records
from sync_server.services.issue_figures import FIGURES
from sync_server.services.listing import day_of
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import case_counts, case_lists, cases, records_read
from sync_server.store.case_lists import Desk, Filters

PAGE = 50
NAMES = (
    "tab", "area", "category", "level", "urgency", "source", "mode", "unit", "called", "compound",
    "q", "figure", "since", "until", "group", "path",
)  # fmt: skip
"""What an address may ask besides the page."""
TABS: Mapping[str, Label] = {
    "mine": Label("要我办的", "For me"),
    "accept": Label("待受理", "To accept"),
    "assign": Label("待派发或处置", "To dispatch or handle"),
    "approve": Label("待审批", "To approve"),
    "handling": Label("处置中", "Being handled"),
    "verify": Label("待核查", "To verify"),
    "confirm": Label("自行处置待确认", "Self-handled, to confirm"),
    "rate": Label("待评价", "To be rated"),
    "late": Label("超期", "Late"),
    "soon": Label("临期", "Due soon"),
    "called": Label("吹哨未报到", "Called, not reported in"),
    "suspended": Label("挂账", "Suspended"),
    "lookback": Label("回头看", "Look-backs"),
    "returned": Label("退回补充中", "Returned"),
    "open": Label("未办结", "Not over"),
    "all": Label("全部", "All"),
}
LIGHTS: Mapping[Light, Label] = {
    "red": Label("超期", "Late"),
    "yellow": Label("临期", "Due soon"),
    "green": Label("正常", "In time"),
}


@dataclass(frozen=True)
class Asked:
    """What an address asks of the queue; every value as it stands in the address. ``called``: a
    unit that a whistle called to them and that is still awaited; ``figure``: the issues that make
    this figure of the statistics; ``since`` and ``until``: found on these days."""

    tab: str = ""
    area: str = ""
    category: str = ""
    level: str = ""
    urgency: str = ""
    source: str = ""
    mode: str = ""
    unit: str = ""
    called: str = ""
    compound: str = ""
    q: str = ""
    figure: str = ""
    since: str = ""
    until: str = ""
    group: str = ""
    path: str = ""
    page: int = 1

    def arguments(self) -> dict[str, str]:
        """Return what is asked, without the page, for another address."""
        return {name: text for name, text in asdict(self).items() if text and name != "page"}


@dataclass(frozen=True)
class Due:
    """A due time in words with its light; ``cause`` of its lateness, empty while there is none."""

    words: str
    light: Light
    light_words: str
    cause: str


@dataclass(frozen=True)
class Line:
    """One issue in the queue."""

    row: Mapping[str, Any]
    title: str
    place: str
    area: str
    category: str
    level: str
    urgency: str
    state: str
    who: str
    due: Due | None
    asked: str


@dataclass(frozen=True)
class Queue:
    """A page of a tab: its lines, the counts of all tabs, what the filters offer. ``figure`` names
    the figure of the statistics that these issues make, ``group`` the group of their categories,
    ``called`` the unit awaited at them; empty when none was asked for."""

    tab: str
    tabs: tuple[tuple[str, str, int], ...]
    lines: tuple[Line, ...]
    units: tuple[tuple[str, str], ...]
    compounds: tuple[tuple[str, str], ...]
    total: int
    page: int
    pages: int
    figure: str
    group: str
    called: str


def asked_of(said: Mapping[str, str], page: int) -> Asked:
    """Return what an address asks, anything too long cut off."""
    texts = {name: said.get(name, "")[:80].strip() for name in NAMES}
    texts["figure"] = texts["figure"] if texts["figure"] in FIGURES else ""
    texts["group"] = texts["group"] if texts["group"] in GROUPS else ""
    for name in ("since", "until"):
        texts[name] = texts[name] if day_of(texts[name]) else ""
    return Asked(page=page, **texts)


def queue(connection: sa.Connection, person: User, asked: Asked, now: datetime, lang: str) -> Queue:
    """Return the asked page.

    Raises Refusal: not_allowed for a role without records, unknown_record for an area outside the
    person's. A page beyond the last one is the last one.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, asked.area) if asked.area else person.scope_codes
    if not areas:
        raise Refusal("unknown_record")
    filters = Filters(
        areas, asked.category, asked.level, asked.urgency, asked.unit, asked.called, asked.compound,
        asked.source, asked.mode,
        tuple(word for text in asked.q.split()[:5] if (word := fold(text))),
        since=midnight(first) if (first := day_of(asked.since)) else None,
        before=midnight(last + timedelta(days=1)) if (last := day_of(asked.until)) else None,
        figure=case_counts.narrowing(asked.figure, now),
        group=asked.group,
        path=asked.path,
    )  # fmt: skip
    desk = desk_of(person, now)
    counts = case_lists.counts(connection, person.district, filters, desk)
    first_tab = "all" if asked.figure else _first_tab(person, counts)
    tab = asked.tab if asked.tab in TABS else first_tab
    total = counts[tab]
    pages = max(1, -(-total // PAGE))
    page = min(max(1, asked.page), pages)
    rows = case_lists.page(
        connection, person.district, filters, desk, tab, start=(page - 1) * PAGE, size=PAGE
    )
    titles = Titles(connection, person, lang)
    units, compounds = case_lists.occurring(connection, person.district, person.scope_codes)
    if asked.unit and asked.unit not in units:
        units.append(asked.unit)
    titles.preload(("record", one) for one in (*units, *compounds, asked.called) if one)
    shown = [one for one in TABS if counts[one] or one in ("mine", "accept", "late", "open", "all")]
    if tab not in shown:
        shown.append(tab)
    return Queue(
        tab=tab,
        tabs=tuple((one, TABS[one].text(lang), counts[one]) for one in TABS if one in shown),
        lines=tuple(_lines(connection, person, rows, titles, now, lang)),
        units=_named(titles, "unit", units),
        compounds=_named(titles, "compound", compounds),
        total=total,
        page=page,
        pages=pages,
        figure=FIGURES[asked.figure].text(lang) if asked.figure else "",
        group=GROUPS[asked.group].text(lang) if asked.group else "",
        called=titles.lookup("unit", asked.called) or "…" if asked.called else "",
    )


def waiting_for(connection: sa.Connection, person: User, now: datetime) -> int:
    """Return how many issues wait for somebody himself, 0 for a role that handles none."""
    if person.role not in (*OFFICE_LEVEL, "leader"):
        return 0
    return case_lists.waiting(connection, person.district, person.scope_codes, desk_of(person, now))


def pressing_for(
    connection: sa.Connection, person: User, now: datetime, lang: str
) -> tuple[tuple[str, str, int], ...]:
    """Return how many of the issues that wait for somebody himself are urgent, and emergencies if
    there are any: code, word and count."""
    if person.role not in (*OFFICE_LEVEL, "leader"):
        return ()
    found = case_lists.waiting_by_urgency(
        connection, person.district, person.scope_codes, desk_of(person, now)
    )
    words = code_list("URGENCY")
    asked = [one for one in ("emergency", "urgent") if one == "urgent" or found.get(one)]
    return tuple((one, words.text(one, lang), found.get(one, 0)) for one in asked)


def late_for(connection: sa.Connection, person: User, now: datetime) -> int:
    """Return how many issues of the person's areas are late, as the queue's tab counts them."""
    desk = desk_of(person, now)
    return case_lists.waiting(connection, person.district, person.scope_codes, desk, "late")


def desk_of(person: User, now: datetime) -> Desk:
    """Return whose queue it is; an administrator looks at every level."""
    levels = {2: ("1", "2"), 3: ("3",), 4: ("4",)}
    own = OFFICE_LEVEL.get(person.role)
    mine = ("1", "2", "3", "4") if person.role == "admin" else levels.get(own or 0, ())
    return Desk(person.role, mine, now, date.fromisoformat(local_day(now)))


def due_of(
    row: Mapping[str, Any], delivered: datetime | None, given: bool, now: datetime, lang: str
) -> Due | None:
    """Return the running stage's due time, None when no clock runs. ``given``: it waits for a
    worker, whose laptop had it at ``delivered``."""
    due_at = row["stage_due_at"]
    if due_at is None or row["over"] or row["state"] == flow.SUSPENDED:
        return None
    light: Light = "green"
    if now > due_at:
        light = "red"
    elif row["yellow_at"] is not None and now >= row["yellow_at"]:
        light = "yellow"
    why = deadlines.cause(due_at, delivered if given else row["received_at"], now)
    worked_on = row["state"] in (flow.DISPATCHED, flow.HANDLING)
    cause = CAUSES[why].text(lang) if why and worked_on else ""
    return Due(deadlines.words(due_at), light, LIGHTS[light].text(lang), cause)


def delivered_at(deliveries: Sequence[Mapping[str, Any]], assignee: str | None) -> datetime | None:
    """Return when the laptop of an issue's worker had what he was given last."""
    his = [one for one in deliveries if one["user_id"] == assignee]
    last = max(his, key=lambda one: one["issued_at"], default=None)
    return last["delivered_at"] if last else None


def _first_tab(person: User, counts: Mapping[str, int]) -> str:
    acts = person.role in (*OFFICE_LEVEL, "leader")
    return "mine" if acts and counts["mine"] else "open"


def _named(titles: Titles, kind: str, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    names = [(one, titles.lookup(kind, one)) for one in ids]
    return tuple(sorted(((one, name) for one, name in names if name), key=lambda pair: pair[1]))


def _lines(
    connection: sa.Connection,
    person: User,
    rows: Sequence[Mapping[str, Any]],
    titles: Titles,
    now: datetime,
    lang: str,
) -> list[Line]:
    ids = [row["issue_id"] for row in rows]
    issues = records_read.by_ids(connection, person.district, ids)
    names = names_for(connection, person.district, {row["grid"] for row in rows})
    titles.preload(("user", row["assignee_id"]) for row in rows if row["assignee_id"])
    titles.preload(("record", row["unit_id"]) for row in rows if row["unit_id"])
    by_issue: dict[str, list[Mapping[str, Any]]] = {}
    for one in cases.deliveries_of(connection, person.district, ids).values():
        by_issue.setdefault(one["issue_id"], []).append(one)
    actions = code_list("STEP_ACTION")
    lines = []
    for row in rows:
        said = issues[row["issue_id"]]["fields"] if row["issue_id"] in issues else {}
        who = titles.lookup("unit", row["unit_id"]) if row["unit_id"] else None
        if row["assignee_id"]:
            who = titles.lookup("user", row["assignee_id"])
        delivered = delivered_at(by_issue.get(row["issue_id"], []), row["assignee_id"])
        asks = [actions.text(f"ask_{one}", lang) for one in row["asked"]]
        lines.append(
            Line(
                row=row,
                title=str(said.get("title") or f"…{row['issue_id'][-6:]}"),
                place=str(said.get("place") or ""),
                area=names.get(row["grid"], row["grid"]),
                category=code_list("ISSUE_CAT").text(row["category"], lang),
                level=code_list("ISSUE_LEVEL").text(row["level"], lang),
                urgency=code_list("URGENCY").text(row["urgency"], lang),
                state=code_list("ISSUE_STATE").text(row["state"], lang),
                who=who or "",
                due=due_of(row, delivered, bool(row["assignee_id"]), now, lang),
                asked=(", " if lang == "en" else "、").join(asks),
            )
        )
    return lines
