"""Knock campaigns (敲门行动): how far each has come, read off the visits that name it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.codes import code_list
from schemas.knock import NOBODY, REFUSED, TODO, Progress, door_state
from schemas.materials import OUT
from sync_server.domain.access import may, narrowed
from sync_server.domain.areas import above, common, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require_records
from sync_server.services.places import GRID_LENGTH, names_for
from sync_server.services.titles import Titles
from sync_server.store import campaigns as stored
from sync_server.store import field_counts, people_read, records_read
from sync_server.store.records_read import Row

KIND = stored.CAMPAIGN
PAGE = 50
QUESTIONS = "questions"
LISTED = (NOBODY, REFUSED, TODO)
"""States whose doors are listed."""


@dataclass(frozen=True)
class Line:
    """One campaign in the list; ``state``: coming, running, over or voided."""

    row: Row
    name: str
    area: str
    state: str
    progress: Progress


@dataclass(frozen=True)
class Door:
    """A door with something left to do: what it is called, when and how often it was tried."""

    household_id: str
    title: str
    area: str
    state: str
    tries: int
    last_at: datetime | None


@dataclass(frozen=True)
class GridLine:
    """One grid and how far it has come."""

    code: str
    name: str
    progress: Progress


@dataclass(frozen=True)
class Material:
    """One planned or used material: sets planned (per household), received, handed out."""

    name: str
    planned: int
    received: int
    handed_out: int


@dataclass(frozen=True)
class CampaignPage:
    """One campaign: what it says, how far it has come, the doors of one state, what was said."""

    row: Row
    name: str
    purpose: str
    area: str
    author: str
    state: str
    days: tuple[str, str]
    progress: Progress
    grids: tuple[GridLine, ...]
    shown: str
    doors: tuple[Door, ...]
    page: int
    pages: int
    opinions: tuple[tuple[str, str, int], ...]
    """Code, words and count of each category; the wanted ones always."""
    materials: tuple[Material, ...]
    questions: tuple[tuple[str, str, int], ...]
    """Key, words and how often each question was answered."""
    may_change: bool
    opens: bool
    """Whether the person may open the record itself, which lies inside his areas."""


@dataclass(frozen=True)
class Answers:
    """A page of what was answered to one question: visit, home, time and words."""

    campaign: str
    question: str
    lines: tuple[tuple[str, str, datetime, str], ...]
    page: int
    pages: int
    total: int


def list_campaigns(
    connection: sa.Connection, person: User, day: date, lang: str
) -> tuple[Line, ...]:
    """Return the campaigns that concern the person's areas with how far they have come there;
    raise Refusal ``not_allowed``."""
    require_records(person)
    district, areas = person.district, person.scope_codes
    rows = stored.campaigns_for(connection, district, areas, above(areas))
    names = names_for(connection, district, {row["grid"] for row in rows})
    homes = list(field_counts.households(connection, district, areas)) if rows else []
    return tuple(
        Line(
            row=row,
            name=str(row["fields"].get("name") or ""),
            area=names[row["grid"]],
            state=state_of(row, day),
            progress=_whole(_by_grid(connection, person, row, homes)[0].values()),
        )
        for row in rows
    )


def open_campaign(
    connection: sa.Connection,
    person: User,
    campaign_id: str,
    day: date,
    lang: str,
    *,
    area: str = "",
    shown: str = NOBODY,
    page: int = 1,
) -> CampaignPage:
    """Return one campaign as it stands in the person's areas, narrowed to ``area``.

    ``shown`` chooses the doors listed (LISTED). Raises Refusal: not_allowed, unknown_record.
    """
    require_records(person)
    row = find(connection, person, campaign_id)
    district, fields = person.district, row["fields"]
    areas = areas_of(person, row, area)
    homes = list(field_counts.households(connection, district, areas))
    counts, visits, states = _by_grid(connection, person, row, homes, areas)
    names = names_for(connection, district, {row["grid"], *counts})
    shown = shown if shown in LISTED else NOBODY
    wanted = [(one, grid) for one, grid, _ in homes if states[one] == shown]
    wanted.sort(key=lambda pair: (pair[1], _last(visits.get(pair[0], ())), pair[0]))
    pages = max(1, -(-len(wanted) // PAGE))
    page = min(max(page, 1), pages)
    doors = wanted[(page - 1) * PAGE : page * PAGE]
    author = people_read.names_of(connection, district, {row["author"]})
    progress = _whole(counts.values())
    return CampaignPage(
        row=row,
        name=str(fields.get("name") or ""),
        purpose=str(fields.get("purpose") or ""),
        area=names[row["grid"]],
        author=author.get(row["author"], ""),
        state=state_of(row, day),
        days=(str(fields.get("starts_on") or ""), str(fields.get("ends_on") or "")),
        progress=progress,
        grids=tuple(GridLine(code, names[code], Progress(counts[code])) for code in sorted(counts)),
        shown=shown,
        doors=tuple(_doors(connection, person, doors, visits, states, names, lang)),
        page=page,
        pages=pages,
        opinions=_opinions(connection, district, row, areas, lang),
        materials=_materials(connection, district, row, areas, progress.doors, lang),
        questions=_questions(connection, district, row, areas),
        may_change=may(person.role, "campaigns")
        and inside(row["grid"], person.scope_codes)
        and not row["voided"],
        opens=inside(row["grid"], person.scope_codes),
    )


def open_answers(
    connection: sa.Connection, person: User, campaign_id: str, key: str, page: int, lang: str
) -> Answers:
    """Return a page of what was answered to a question; raise Refusal: not_allowed,
    unknown_record."""
    require_records(person)
    row = find(connection, person, campaign_id)
    asked = (row["fields"].get(QUESTIONS) or {}).get(key)
    if asked is None:
        raise Refusal("unknown_record")
    district, areas = person.district, areas_of(person, row, "")
    total = stored.answer_counts(connection, district, campaign_id, areas).get(key, 0)
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    ids = stored.answered(
        connection, district, campaign_id, key, areas, start=(page - 1) * PAGE, size=PAGE
    )
    rows = records_read.by_ids(connection, district, ids)
    titles = Titles(connection, person, lang)
    homes = {one: str(rows[one]["fields"].get("household_id") or "") for one in ids if one in rows}
    titles.preload(("household", one) for one in homes.values() if one)
    lines = tuple(
        (
            one,
            titles.lookup("household", homes[one]) or "",
            rows[one]["happened_at"],
            str((rows[one]["fields"].get("answers") or {}).get(key, {}).get("text") or ""),
        )
        for one in homes
    )
    return Answers(
        str(row["fields"].get("name") or ""), str(asked["text"]), lines, page, pages, total
    )


def find(connection: sa.Connection, person: User, campaign_id: str) -> Row:
    """Return a campaign that concerns the person's areas; raise Refusal ``unknown_record``."""
    row = records_read.get(connection, person.district, campaign_id)
    if row is None or row["kind"] != KIND or not common((row["grid"],), person.scope_codes):
        raise Refusal("unknown_record")
    return row


def state_of(row: Row, day: date) -> str:
    """Return how a campaign stands on a day: coming, running, over or voided."""
    fields, this = row["fields"], day.isoformat()
    if row["voided"]:
        return "voided"
    if (fields.get("starts_on") or "") > this:
        return "coming"
    return "over" if (fields.get("ends_on") or this) < this else "running"


def areas_of(person: User, row: Row, area: str) -> tuple[str, ...]:
    """Return where a campaign and the person's areas meet, narrowed to ``area``."""
    both = common((row["grid"],), person.scope_codes)
    found = narrowed(both, area) if area else both
    if not found:
        raise Refusal("unknown_record")
    return found


Visits = dict[str, list[tuple[str, str, str]]]


def _by_grid(
    connection: sa.Connection,
    person: User,
    row: Row,
    homes: Sequence[tuple[str, str, str | None]],
    areas: tuple[str, ...] | None = None,
) -> tuple[dict[str, Counter[str]], Visits, dict[str, str]]:
    """Return a campaign's door states counted by grid, its visits and state by household."""
    here = areas if areas is not None else areas_of(person, row, "")
    into = field_counts.survivors(connection, person.district)
    visits: Visits = defaultdict(list)
    for household, at, visit, result in stored.knocks(
        connection, person.district, row["record_id"]
    ):
        visits[into.get(household, household)].append((at.isoformat(), visit, result))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    states: dict[str, str] = {}
    for household, grid, _ in homes:
        if inside(grid, here):
            states[household] = door_state(visits.get(household, ()))
            counts[grid[:GRID_LENGTH]][states[household]] += 1
    return counts, visits, states


def _whole(some: Iterable[Mapping[str, int]]) -> Progress:
    whole: Counter[str] = Counter()
    for one in some:
        whole.update(one)
    return Progress(whole)


def _last(visits: Sequence[tuple[str, str, str]]) -> str:
    return max((at for at, _, _ in visits), default="")


def _doors(
    connection: sa.Connection,
    person: User,
    doors: Sequence[tuple[str, str]],
    visits: Visits,
    states: Mapping[str, str],
    names: Mapping[str, str],
    lang: str,
) -> Iterable[Door]:
    titles = Titles(connection, person, lang)
    titles.preload(("household", one) for one, _ in doors)
    for one, grid in doors:
        tried = visits.get(one, [])
        last = _last(tried)
        yield Door(
            household_id=one,
            title=titles.lookup("household", one) or "",
            area=names.get(grid[:GRID_LENGTH], grid),
            state=states[one],
            tries=len(tried),
            last_at=datetime.fromisoformat(last) if last else None,
        )


def _opinions(
    connection: sa.Connection, district: str, row: Row, areas: tuple[str, ...], lang: str
) -> tuple[tuple[str, str, int], ...]:
    counts = stored.opinions_of(connection, district, row["record_id"], areas)
    codes = code_list("OPINION_CAT")
    wanted = set(row["fields"].get("opinion_cats") or ())
    order = [item.code for item in codes.items]
    listed = sorted(
        wanted | counts.keys(), key=lambda one: order.index(one) if one in order else 99
    )
    return tuple((one, codes.text(one, lang), counts.get(one, 0)) for one in listed)


def _materials(
    connection: sa.Connection,
    district: str,
    row: Row,
    areas: tuple[str, ...],
    doors: int,
    lang: str,
) -> tuple[Material, ...]:
    moved = stored.leaflets_of(connection, district, row["record_id"], areas)
    planned = row["fields"].get("materials") or {}
    codes = code_list("MATERIAL")
    used = {material for material, _ in moved}
    return tuple(
        Material(
            name=codes.text(one, lang),
            planned=int(planned.get(one, {}).get("qty") or 0) * doors,
            received=moved.get((one, "received"), 0),
            handed_out=sum(moved.get((one, move), 0) for move in OUT),
        )
        for one in (item.code for item in codes.items)
        if one in planned or one in used
    )


def _questions(
    connection: sa.Connection, district: str, row: Row, areas: tuple[str, ...]
) -> tuple[tuple[str, str, int], ...]:
    asked = row["fields"].get(QUESTIONS) or {}
    counts = stored.answer_counts(connection, district, row["record_id"], areas) if asked else {}
    return tuple((key, str(one["text"]), counts.get(key, 0)) for key, one in sorted(asked.items()))
