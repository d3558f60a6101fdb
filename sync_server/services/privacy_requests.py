"""Requests of persons about their own data (个人信息请求): entering, listing, opening, answering.

Staff of an area enter what a resident asks there and see it; the district answers (decision 0034).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI
from schemas.fields.base import UUID
from schemas.privacy import mask_text
from sync_server.domain import privacy as rule
from sync_server.domain.access import may, narrowed
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit, listing
from sync_server.services.accounts import User
from sync_server.services.ids import new_id
from sync_server.services.places import names_for
from sync_server.services.record_page import checked_reason
from sync_server.services.time_limits import load_clockwork
from sync_server.services.titles import Titles, references
from sync_server.store import privacy, records_read, writing
from sync_server.store.duplicates import gathered
from sync_server.store.engine import Store
from sync_server.store.people_read import names_of
from sync_server.store.privacy import Row, Wanted

PAGE, CANDIDATES = 50, 20
PERSON = "resident"
LONGEST_NAME, LONGEST_PHONE, LONGEST_WORDS = 60, 30, 2000
TEXTS = {"person_name": LONGEST_NAME, "asker_name": LONGEST_NAME, "phone": LONGEST_PHONE,
         "words": LONGEST_WORDS}  # fmt: skip
CHOICES = {"asked": rule.ASKED, "asker": rule.ASKERS, "checked": rule.CHECKS, "road": rule.ROADS}


@dataclass(frozen=True)
class Candidate:
    """A resident who may be meant, masked: the name, the home, the grid; whether the record is
    void."""

    record_id: str
    name: str
    home: str
    area: str
    voided: bool


@dataclass(frozen=True)
class Line:
    """One request in words, masked; ``days`` are left until it is due (negative: late)."""

    row: Row
    name: str
    asked: str
    state: str
    area: str
    handler: str
    days: int

    @property
    def late(self) -> bool:
        """Whether it should have been answered."""
        return self.row["state"] == rule.OPEN and self.days < 0


@dataclass(frozen=True)
class Register:
    """A page of the requests; ``counts`` by state, ``late`` among them."""

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class RequestPage:
    """One request; ``person`` is the resident's record as the reader may see it, None when there is
    none or it lies elsewhere by now."""

    line: Line
    facts: Mapping[str, str]
    person: sa.RowMapping | None
    home: str
    entered_by: str
    unmasked: bool
    hides: bool
    may_unmask: bool
    handles: bool


@dataclass(frozen=True)
class Form:
    """A request being entered: its id (sending twice makes one), what was typed and what is wrong
    (by control, a code)."""

    request_id: str
    values: Mapping[str, str]
    person: Candidate | None
    problems: Mapping[str, str] = field(default_factory=dict)


def handles(person: User, area: str) -> bool:
    """Tell whether somebody answers requests of an area."""
    return may(person.role, "privacy_answer") and inside(area, person.scope_codes)


def waiting(connection: sa.Connection, person: User, today: date) -> tuple[int, int] | None:
    """Return how many requests wait for an answer and how many of them are late, None for somebody
    who answers none."""
    if not may(person.role, "privacy_answer"):
        return None
    areas, district = person.scope_codes, person.district
    return (
        privacy.count(connection, district, Wanted(areas, rule.OPEN)),
        privacy.count(connection, district, Wanted(areas, late_on=today)),
    )


def register(
    connection: sa.Connection, person: User, *, area: str, state: str, asked: str, page: int,
    today: date, lang: str,
) -> Register:  # fmt: skip
    """Return a page of the requests of an area, the most pressing first.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    _require(person)
    areas = narrowed(person.scope_codes, area) if area else person.scope_codes
    if not areas:
        raise Refusal("unknown_record")
    district = person.district
    late = Wanted(areas, asked=asked, late_on=today)
    wanted = late if state == rule.LATE else Wanted(areas, state, asked)
    counts = privacy.count_by_state(connection, district, Wanted(areas, asked=asked))
    counts[rule.LATE] = privacy.count(connection, district, late)
    total = privacy.count(connection, district, wanted)
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    rows = privacy.page(connection, district, wanted, start=(page - 1) * PAGE, size=PAGE)
    return Register(tuple(lines(connection, person, rows, today, lang)), counts, total, page, pages)


def about_record(
    connection: sa.Connection, person: User, record_id: str, today: date, lang: str
) -> tuple[Line, ...]:
    """Return the requests about a resident as far as somebody may see them; none without the
    right."""
    if not may(person.role, "privacy"):
        return ()
    ids = {record_id, *gathered(connection, person.district, [record_id])}
    rows = [
        row
        for row in privacy.about(connection, person.district, ids)
        if inside(row["area"], person.scope_codes)
    ]
    return tuple(lines(connection, person, rows, today, lang))


def lines(
    connection: sa.Connection, person: User, rows: Sequence[Row], today: date, lang: str, *,
    unmask: bool = False,
) -> Iterable[Line]:  # fmt: skip
    """Yield requests in words."""
    district = person.district
    known = [row["record_id"] for row in rows if row["record_id"]]
    titles = Titles(connection, person, lang, unmask=unmask)
    titles.preload((PERSON, one) for one in known)
    areas = names_for(connection, district, {row["area"] for row in rows})
    people = names_of(connection, district, {row["handler_id"] or "" for row in rows})
    for row in rows:
        if row["record_id"]:
            name = titles.lookup(PERSON, row["record_id"]) or f"…{row['record_id'][-6:]}"
        else:
            name = row["person_name"] if unmask else mask_text(row["person_name"], "name")
        yield Line(
            row=row,
            name=name,
            asked=rule.ASKED[row["asked"]].text(lang),
            state=rule.STATES[row["state"]].text(lang),
            area=areas.get(row["area"], row["area"]),
            handler=people.get(row["handler_id"] or "", ""),
            days=(row["due_on"] - today).days,
        )


def find(connection: sa.Connection, person: User, request_id: str) -> Row:
    """Return a request of the person's areas; raise Refusal not_allowed, unknown_record."""
    _require(person)
    row = privacy.get(connection, person.district, request_id)
    if row is None or not inside(row["area"], person.scope_codes):
        raise Refusal("unknown_record")
    return row


def person_of(connection: sa.Connection, person: User, row: Row) -> sa.RowMapping | None:
    """Return the resident's record of a request, the survivor's when it was merged; None when there
    is none or it lies outside the reader's areas."""
    if not row["record_id"]:
        return None
    found = records_read.get(connection, person.district, row["record_id"])
    for _ in range(20):
        if found is None or not found["merged_into"]:
            break
        found = records_read.get(connection, person.district, found["merged_into"])
    if found is None or found["kind"] != PERSON or not inside(found["grid"], person.scope_codes):
        return None
    return found


def open_request(
    connection: sa.Connection, person: User, request_id: str, today: date, lang: str, *,
    unmask: bool = False,
) -> RequestPage:  # fmt: skip
    """Return one request's page; raise Refusal not_allowed, unknown_record."""
    row = find(connection, person, request_id)
    (line,) = lines(connection, person, [row], today, lang, unmask=unmask)
    record = person_of(connection, person, row)
    home = ""
    if record is not None:
        titles = Titles(connection, person, lang)
        titles.preload(references(kind_of(PERSON), record["fields"]))
        home = titles.lookup("household", str(record["fields"].get("household_id"))) or ""
    facts = {
        "asker": rule.ASKERS[row["asker"]].text(lang),
        "checked": rule.CHECKS[row["checked"]].text(lang),
        "road": rule.ROADS[row["road"]].text(lang),
        "asker_name": row["asker_name"] if unmask else mask_text(row["asker_name"], "name"),
        "phone": row["phone"] if unmask else mask_text(row["phone"], "phone"),
    }
    return RequestPage(
        line=line,
        facts=facts,
        person=record,
        home=home,
        entered_by=names_of(connection, person.district, [row["entered_by"]]).get(
            row["entered_by"], ""
        ),
        unmasked=unmask,
        hides=bool(row["asker_name"] or row["phone"] or row["person_name"] or record),
        may_unmask=may(person.role, "unmask"),
        handles=handles(person, row["area"]),
    )


def unmask_request(
    store: Store, person: User, request_id: str, reason: str, now: datetime, lang: str
) -> RequestPage:
    """Return one request with the names and the number in sight, after writing down who looked and
    why. Raises Refusal as ``open_request``, and not_allowed, reason_needed."""
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        row = find(connection, person, request_id)
        audit.note(
            connection, person.district, now, "unmask", user_id=person.user_id,
            target=row["record_id"] or request_id,
            detail={"request": row["no"], "reason": why},
        )  # fmt: skip
        return open_request(connection, person, request_id, day_of(now), lang, unmask=True)


def candidates(
    connection: sa.Connection, person: User, typed: str, lang: str
) -> tuple[tuple[Candidate, ...], int]:
    """Return the residents of the person's areas that are found by name, pinyin or room, and how
    many there are. Raises Refusal ``not_allowed``."""
    _require(person)
    kind = kind_of(PERSON)
    asked = listing.read(kind, {"q": typed, "state": "all"})
    wanted = listing.selection(kind, asked, person)
    if not wanted.words:
        return (), 0
    rows, total = records_read.page(
        connection, person.district, wanted, listing.order(kind, asked), start=0, size=CANDIDATES
    )
    standing = [row for row in rows if row["merged_into"] is None]
    return tuple(_candidates(connection, person, standing, lang)), total


def begin(
    connection: sa.Connection, person: User, record_id: str, now: datetime, lang: str
) -> Form:
    """Return an empty form, about a resident when one is named.

    Raises Refusal: not_allowed, unknown_record.
    """
    _require(person)
    about = _resident(connection, person, record_id, lang) if record_id else None
    values = {"received_on": day_of(now).isoformat(), "road": "desk", "asker": "self"}
    return Form(new_id(), values, about)


def enter(
    store: Store, person: User, request_id: str, record_id: str, typed: Mapping[str, str],
    now: datetime, lang: str,
) -> Form | None:  # fmt: skip
    """Enter a request; return None when it is in, else the form with what is wrong.

    The same form sent twice makes one request. Raises Refusal: not_allowed, bad_request,
    unknown_record.
    """
    _require(person)
    if not UUID.match(request_id):
        raise Refusal("bad_request")
    with store.writing() as connection:
        district = person.district
        writing.lock_district(connection, district)
        if privacy.get(connection, district, request_id) is not None:
            return None
        about = _resident(connection, person, record_id, lang) if record_id else None
        values = {name: " ".join(typed.get(name, "").split()) for name in TEXTS}
        values["words"] = typed.get("words", "").strip().replace("\r\n", "\n")
        values |= {name: typed.get(name, "") for name in (*CHOICES, "area", "received_on")}
        day = _day(values["received_on"])
        problems = _problems(person, values, about, day, day_of(now))
        if problems or day is None:
            return Form(request_id, values, about, problems)
        area = values["area"]
        if record_id and (row := records_read.get(connection, district, record_id)) is not None:
            area = row["grid"]
        start = datetime.combine(day, now.astimezone(SHANGHAI).timetz())
        due = load_clockwork(connection, district).due("privacy_answer", start)
        said = {name: values[name] for name in (*TEXTS, *CHOICES)}
        no = _next_number(connection, district, day_of(now).year)
        privacy.add(
            connection,
            {
                **said,
                "district": district, "request_id": request_id, "no": no, "version": 1,
                "area": area, "record_id": record_id or None,
                "person_name": "" if record_id else said["person_name"],
                "received_on": day, "due_on": last_day(due), "state": rule.OPEN,
                "answer": "", "entered_by": person.user_id, "entered_at": now,
            },
        )  # fmt: skip
        audit.note(
            connection, district, now, "privacy_enter", user_id=person.user_id,
            target=record_id or request_id, detail={"request": no, "asked": said["asked"]},
        )  # fmt: skip
    return None


def day_of(now: datetime) -> date:
    """Return the day in Shanghai."""
    return now.astimezone(SHANGHAI).date()


def last_day(due: datetime) -> date:
    """Return the last day before a moment at which something is due: midnight ends a day."""
    local = due.astimezone(SHANGHAI)
    midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return date.fromordinal(local.date().toordinal() - int(midnight))


def _next_number(connection: sa.Connection, district: str, year: int) -> str:
    start = rule.number_of(district, year, 0)[:-4]
    last = privacy.last_number(connection, district, start)
    return rule.number_of(district, year, int(last.removeprefix(start)) + 1 if last else 1)


def _problems(
    person: User, values: Mapping[str, str], about: Candidate | None, day: date | None, today: date
) -> dict[str, str]:
    """Return what is wrong with a form, by control: a code of the page's sentences."""
    found = {name: "choose" for name, known in CHOICES.items() if values[name] not in known}
    found |= {name: "too_long" for name, most in TEXTS.items() if len(values[name]) > most}
    for name in ("person_name", "asker_name", "phone"):
        if not values[name].isprintable():
            found[name] = "too_long"
    if not values["words"]:
        found["words"] = "needed"
    if about is None:
        if not values["person_name"]:
            found["person_name"] = "needed"
        if not values["area"] or not inside(values["area"], person.scope_codes):
            found["area"] = "area"
    if values["asker"] not in ("", "self") and not values["asker_name"]:
        found["asker_name"] = "needed"
    if day is None or day > today:
        found["received_on"] = "day"
    return found


def _resident(connection: sa.Connection, person: User, record_id: str, lang: str) -> Candidate:
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != PERSON or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    if row["merged_into"] is not None:
        raise Refusal("out_of_date")
    (found,) = _candidates(connection, person, [row], lang)
    return found


def _candidates(
    connection: sa.Connection, person: User, rows: Sequence[sa.RowMapping], lang: str
) -> Iterable[Candidate]:
    titles, kind = Titles(connection, person, lang), kind_of(PERSON)
    titles.preload_fields(kind, [row["fields"] for row in rows])
    names = names_for(connection, person.district, {row["grid"] for row in rows})
    for row in rows:
        home = str(row["fields"].get("household_id"))
        yield Candidate(
            row["record_id"],
            titles.title(PERSON, row["fields"]) or f"…{row['record_id'][-6:]}",
            titles.lookup("household", home) or "",
            names.get(row["grid"], row["grid"]),
            bool(row["voided"]),
        )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and day.year >= 2000 else None


def _require(person: User) -> None:
    if not may(person.role, "privacy"):
        raise Refusal("not_allowed")
