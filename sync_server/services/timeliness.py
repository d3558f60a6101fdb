"""How soon the field work comes in (同步及时率): by kind and area, with what came late, and whose
laptops have been silent. It tells of links and habits of syncing; nobody is ranked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.domain.rates import Rate
from sync_server.services import device_pages
from sync_server.services.accounts import User, require_records
from sync_server.services.device_pages import SILENT_DAYS, Device
from sync_server.services.issue_figures import LONGEST_MONTHS as LONGEST_MONTHS
from sync_server.services.issue_figures import months_of
from sync_server.services.places import COMMUNITY_LENGTH, GRID_LENGTH, names_for, places_of
from sync_server.services.titles import Titles
from sync_server.store import timeliness
from sync_server.store.case_counts import complete_as_of
from sync_server.store.records_read import by_ids
from sync_server.store.timeliness import KINDS

PAGE, MOST = 50, 1_000_000
"""So many records are on a page, and in a file at most."""
TIMELY = "timely"
SHOWN: dict[str, tuple[bool | None, Label]] = {
    "late": (True, Label("晚到的记录", "Records that came late")),
    "timely": (False, Label("及时收到的记录", "Records received in time")),
    "all": (None, Label("终端带来的记录", "Records laptops brought")),
}
"""What a list may show: whether what came late, and what the list is called."""
DEFINITIONS: dict[str, tuple[Label, Label]] = {
    TIMELY: (
        Label("同步及时率", "Punctual sync"),
        Label(
            "发生后 24 小时内中心收到的记录 ÷ 全部记录。计终端带来的巡查、走访、事件、服务单和材料"
            "收发，按发生时间落在期内；发生时间按终端时钟的偏差校正过。作废、并入别的记录的不计；"
            "中心自己录入或导入的不计。离线填写后多久才同步，与补录（多久才填写）是两回事。",
            "Records the centre received within 24 hours of what they tell of ÷ all records."
            " Patrols, visits, issues, service requests and leaflet moves that a laptop brought, by"
            " when they happened, corrected by the laptop's clock; not what is void or merged, nor"
            " what the centre entered or imported. It tells of the sync; a late entry is another"
            " thing.",
        ),
    ),
}
"""Name and definition of the rate, printed wherever it is shown."""


@dataclass(frozen=True)
class Line:
    """How many records of a kind, or of an area, there are and how many of them came late; ``code``
    is the kind's or the area's, ``depth`` how deep the area lies below the first."""

    code: str
    name: str
    records: int
    late: int
    depth: int = 0

    @property
    def rate(self) -> Rate:
        """The share that came in time."""
        return rate(self.records, self.late)


@dataclass(frozen=True)
class Report:
    """The figures of a period; ``silent`` are the laptops in use that have not synced for a day or
    more, the longest silent first; the rest as for issues."""

    whole: Rate
    kinds: tuple[Line, ...]
    areas: tuple[Line, ...]
    devices: int
    silent: tuple[Device, ...]
    made_at: datetime
    synced_to: datetime | None
    never_synced: int

    @property
    def late(self) -> int:
        """How many records came late."""
        return self.whole.whole - self.whole.part

    @property
    def classes(self) -> list[tuple[int, int]]:
        """How many laptops have been silent for as many days or more."""
        return [
            (days, sum(device_pages.is_silent(one, days) for one in self.silent))
            for days in SILENT_DAYS
        ]


@dataclass(frozen=True)
class ListLine:
    """A record a laptop brought: what it is called, where, by whom, and when it happened, was
    entered and came in."""

    record_id: str
    title: str
    area: str
    author: str
    happened_at: datetime
    made_at: str
    received_at: datetime

    @property
    def hours(self) -> int:
        """How many whole hours passed until it came."""
        return int((self.received_at - self.happened_at).total_seconds()) // 3600


@dataclass(frozen=True)
class ListPage:
    """A page of the records of one kind that came late, in time, or all; ``kinds`` has as many of
    each kind as the list holds."""

    show: str
    title: str

    kind: str
    label: str
    kinds: tuple[tuple[str, str, int], ...]
    lines: tuple[ListLine, ...]
    total: int
    page: int
    pages: int


def rate(records: int, late: int) -> Rate:
    """Return the rate of so many records, ``late`` of which came late."""
    return Rate(TIMELY, records - late, records, DEFINITIONS[TIMELY])


def report(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    now: datetime,
    lang: str,
) -> Report:
    """Return how soon what happened from ``first`` to ``last`` in an area came in.

    ``area`` empty: everything the person may see. Raises Refusal: not_allowed, bad_period. Rows of
    field work have to be up to date.
    """
    areas = _areas(person, first, last, area)
    by_kind, by_area = _counted(connection, person, areas, first, last)
    every, late = (sum(pair[n] for pair in by_kind.values()) for n in (0, 1))
    devices = device_pages.list_devices(connection, person, now, areas)
    synced_to, never, _ = complete_as_of(connection, person.district, areas)
    return Report(
        whole=rate(every, late),
        kinds=_kinds(by_kind, lang),
        areas=tuple(_lines(connection, person, areas, by_area)),
        devices=sum(one.row["state"] == "active" for one in devices),
        silent=tuple(one for one in devices if device_pages.is_silent(one, SILENT_DAYS[0])),
        made_at=now,
        synced_to=synced_to,
        never_synced=never,
    )


def list_page(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    kind: str,
    show: str,
    page: int,
    lang: str,
) -> ListPage:
    """Return a page of the records of ``kind`` that ``show`` (SHOWN, else late) names, the latest
    days first; of the first kind with any when there is no such kind. A page beyond the last one is
    the last one.

    Raises Refusal as ``report``.
    """
    areas = _areas(person, first, last, area)
    by_kind, _ = _counted(connection, person, areas, first, last)
    show = show if show in SHOWN else "late"
    wanted, title = SHOWN[show]
    counts = {
        name: every if wanted is None else late if wanted else every - late
        for name, (every, late) in by_kind.items()
    }
    if kind not in KINDS:
        kind = next((one for one in KINDS if counts[one]), KINDS[0])
    total = counts[kind]
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    ids = timeliness.listed(
        connection, person.district, kind, areas, first, last, late=wanted,
        start=(page - 1) * PAGE, size=PAGE,
    )  # fmt: skip
    return ListPage(
        show=show,
        title=title.text(lang),
        kind=kind,
        label=kind_of(kind).info.label.text(lang),
        kinds=tuple((one.code, one.name, counts[one.code]) for one in _kinds(by_kind, lang)),
        lines=tuple(lines_of(connection, person, kind, ids, lang)),
        total=total,
        page=page,
        pages=pages,
    )


def all_late(
    connection: sa.Connection, person: User, first: date, last: date, area: str, kind: str
) -> tuple[str, list[str]]:
    """Return the kind a list shows (the first one when there is no such kind), and the ids of all
    of it that came late, in order; raise Refusal as ``report``."""
    areas = _areas(person, first, last, area)
    kind = kind if kind in KINDS else KINDS[0]
    return kind, timeliness.listed(
        connection, person.district, kind, areas, first, last, late=True, start=0, size=MOST
    )  # fmt: skip


def _areas(person: User, first: date, last: date, area: str) -> tuple[str, ...]:
    require_records(person)
    months_of(first, last)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if area and not areas:
        raise Refusal("unknown_record")
    return areas


Pair = tuple[int, int]
"""Records, and those of them that came late."""


def _counted(
    connection: sa.Connection, person: User, areas: Sequence[str], first: date, last: date
) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """Return the counts by kind and by the grid, or the area above, they lie in."""
    by_kind: dict[str, Pair] = dict.fromkeys(KINDS, (0, 0))
    by_area: dict[str, Pair] = defaultdict(lambda: (0, 0))
    found = timeliness.came_in(connection, person.district, areas, first, last)
    for code, kind, every, late in found:
        for table, key in ((by_kind, kind), (by_area, code[:GRID_LENGTH])):
            table[key] = (table[key][0] + every, table[key][1] + late)
    return by_kind, by_area


def _kinds(by_kind: dict[str, Pair], lang: str) -> tuple[Line, ...]:
    return tuple(Line(name, kind_of(name).info.label.text(lang), *by_kind[name]) for name in KINDS)


def _lines(
    connection: sa.Connection, person: User, areas: Sequence[str], by_area: dict[str, Pair]
) -> Iterator[Line]:
    """Yield the areas by code: down to the communities, and to the grids of a single community."""
    near = all(len(code) >= COMMUNITY_LENGTH for code in areas)
    longest = GRID_LENGTH if near else COMMUNITY_LENGTH
    shown = [
        one for one in places_of(connection, person, longest=longest)
        if any(one.code.startswith(code) for code in areas)
    ]  # fmt: skip
    top = min((one.depth for one in shown), default=0)
    for one in shown:
        pairs = [pair for code, pair in by_area.items() if code.startswith(one.code)]
        every, late = (sum(pair[n] for pair in pairs) for n in (0, 1))
        yield Line(one.code, one.name or one.code, every, late, one.depth - top)


def lines_of(
    connection: sa.Connection, person: User, kind: str, ids: Sequence[str], lang: str
) -> Iterator[ListLine]:
    """Yield these records of a kind as a list shows them, masked."""
    rows = by_ids(connection, person.district, ids)
    titles = Titles(connection, person, lang)
    titles.preload(("record", one) for one in ids)
    titles.preload(("user", row["author"]) for row in rows.values())
    names = names_for(connection, person.district, [row["grid"] for row in rows.values()])
    for one, row in ((one, rows[one]) for one in ids if one in rows):
        yield ListLine(
            record_id=one,
            title=titles.title(kind, row["fields"]) or f"…{one[-6:]}",
            area=names[row["grid"]],
            author=titles.lookup("user", row["author"]) or "",
            happened_at=row["happened_at"],
            made_at=row["made_at"],
            received_at=row["received_at"],
        )
