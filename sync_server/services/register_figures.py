"""Coverage of compounds by organisations, property management and owners' bodies, their counts by
every kind they are told apart by, and how much there is at each level: registers as they stand on a
day, for an area and every street and community in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI
from schemas.codes import code_list
from schemas.labels import Label
from sync_server.domain import register_counts
from sync_server.domain.access import narrowed
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.grid_days import Grid
from sync_server.domain.rates import Rate
from sync_server.domain.register_counts import CONDITIONS, RATES, SCHEMES, WORDS, Compound
from sync_server.services.accounts import User, require_records
from sync_server.services.places import COMMUNITY_LENGTH, GRID_LENGTH, places_of
from sync_server.store import area_read, base_read
from sync_server.store.case_counts import complete_as_of
from sync_server.store.duplicates import roots
from sync_server.store.records_read import areas_within

KIND, ORG, ORG_KINDS = "COMPOUND_KIND", "org", "ORG_KIND"
LEVELS: Mapping[str, int] = {"street": 9, "community": 12, "grid": 15, "micro": 17}
"""The levels counted, with the digits of their codes."""
COMPOUNDS, BUILDINGS, ORGS = "compounds", "buildings", "orgs"
SAID_NOTHING = Label("未填", "not said")


@dataclass(frozen=True)
class Registers:
    """What stands on a day in some areas: compounds, organisations and areas; ``buildings`` how
    many lie in each area code."""

    day: date
    compounds: tuple[Compound, ...]
    orgs: tuple[base_read.Row, ...]
    areas: tuple[base_read.Row, ...]
    buildings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One area: its counts by the name of a condition, of a level, of a kind of organisation."""

    code: str
    name: str
    depth: int
    counts: Counter[str]

    def rate(self, name: str) -> Rate:
        """Return a share by its name (RATES)."""
        part, whole = RATES[name]
        return Rate(name, self.counts[part], self.counts[whole], WORDS[name])

    @property
    def rates(self) -> list[Rate]:
        """All shares in order."""
        return [self.rate(name) for name in RATES]


@dataclass(frozen=True)
class Scheme:
    """A field compounds are told apart by: each code with its words and the name of its count; what
    is not said last, where there is any."""

    name: str
    label: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """The figures of a day for the whole and every street and community; ``org_kinds`` as the codes
    of a scheme."""

    day: date
    whole: Line
    areas: tuple[Line, ...]
    schemes: tuple[Scheme, ...]
    org_kinds: tuple[tuple[str, str], ...]
    made_at: datetime
    synced_to: datetime | None
    never_synced: int


def report(
    connection: sa.Connection, person: User, area: str, kind: str, now: datetime, lang: str
) -> Report:
    """Return what stands in an area today (empty: in all the person may see); ``kind`` narrows the
    compounds to one COMPOUND_KIND.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    areas = areas_of(person, area)
    found = registers(connection, person.district, areas, day_of(now))
    whole, lines = _lines(connection, person, areas, found, kind)
    synced_to, never, _ = complete_as_of(connection, person.district, areas)
    return Report(
        day=found.day,
        whole=whole,
        areas=lines,
        schemes=tuple(_schemes(whole.counts, lang)),
        org_kinds=tuple(_named(ORG, ORG_KINDS, whole.counts, lang)),
        made_at=now,
        synced_to=synced_to,
        never_synced=never,
    )


def areas_of(person: User, area: str) -> tuple[str, ...]:
    """Return the areas looked at; raise Refusal as ``report``."""
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    return areas


def day_of(now: datetime) -> date:
    """Return the day it is."""
    return now.astimezone(SHANGHAI).date()


def registers(
    connection: sa.Connection, district: str, areas: Sequence[str], day: date
) -> Registers:
    """Return what stands in these areas on a day. A compound lies where its record does; somebody
    whose area is a grid is shown those with a building in it."""
    every = base_read.named_of_kind(connection, district, ORG, [district], ())
    orgs = [row for row in every if str(row["fields"].get("founded") or "") <= day.isoformat()]
    rows = list(base_read.named_of_kind(connection, district, "compound", areas, ()))
    if grids := [code for code in areas if len(code) >= GRID_LENGTH]:
        around = {one for one, _ in base_read.building_places(connection, district, grids)}
        around -= {row["record_id"] for row in rows}
        rows += base_read.rows_by_ids(connection, district, around).values()
    named = {one for row in orgs for one in row["fields"].get("compound_ids") or ()}
    into = roots(connection, district, named - {row["record_id"] for row in rows})
    covered, alone = register_counts.branches((row["fields"] for row in orgs), into)
    return Registers(
        day=day,
        compounds=tuple(
            register_counts.compound(
                row["record_id"], row["grid"], row["fields"], day.isoformat(),
                row["record_id"] in covered, row["record_id"] in alone,
            )
            for row in rows
        ),
        orgs=tuple(row for row in orgs if inside(row["grid"], areas)),
        areas=tuple(
            row for row in areas_within(connection, district, tuple(areas))
            if row["fields"].get("code") == row["grid"] and _stands(row, day)
        ),
        buildings=area_read.counted(connection, district, "building", areas),
    )  # fmt: skip


def _stands(row: base_read.Row, day: date) -> bool:
    since, until = (row["fields"].get(name) for name in ("valid_from", "valid_to"))
    bounds = (date.fromisoformat(one) if one else None for one in (since, until))
    return Grid(row["grid"], "", *bounds).stood(day)


def _lines(
    connection: sa.Connection, person: User, areas: Sequence[str], found: Registers, kind: str
) -> tuple[Line, tuple[Line, ...]]:
    """Return the counts of the whole, and of the streets and communities in it."""
    standing = {row["grid"] for row in found.areas}
    places = [
        one for one in places_of(connection, person, longest=COMMUNITY_LENGTH)
        if inside(one.code, areas)
    ]  # fmt: skip
    top = min((one.depth for one in places), default=0)
    counts = {one.code: Counter[str]() for one in places}
    whole = Counter[str]()
    for area, counted in _counted(found, kind):
        whole.update(counted)
        for length in (6, 9, COMMUNITY_LENGTH):
            if length <= len(area) and (here := counts.get(area[:length])) is not None:
                here.update(counted)
    lines = [Line(one.code, one.name or one.code, one.depth - top, counts[one.code])
             for one in places if one.code in standing or counts[one.code]]  # fmt: skip
    return Line("", "", 0, whole), tuple(lines)


def _counted(found: Registers, kind: str) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Yield an area and what is counted there, of everything."""
    for one in found.compounds:
        names = {COMPOUNDS}
        if not kind or one.codes["kind"] == kind:
            names |= {name for name, (_, meets) in CONDITIONS.items() if meets(one)}
            names |= {f"{name}={one.codes[name]}" for name in SCHEMES}
        yield one.area, dict.fromkeys(names, 1)
    for row in found.orgs:
        yield row["grid"], {ORGS: 1, f"{ORG}={row['fields'].get('org_kind') or ''}": 1}
    digits = {length: name for name, length in LEVELS.items()}
    for row in found.areas:
        if name := digits.get(len(row["grid"])):
            yield row["grid"], {f"level={name}": 1}
    for area, number in found.buildings.items():
        yield area, {BUILDINGS: number}


def _schemes(counts: Mapping[str, int], lang: str) -> Iterator[Scheme]:
    declared = kind_of("compound").declared()
    for name, codes in SCHEMES.items():
        named = tuple(_named(name, codes, counts, lang))
        yield Scheme(name, declared[name].label.text(lang), named)


def _named(
    name: str, codes: str, counts: Mapping[str, int], lang: str
) -> Iterator[tuple[str, str]]:
    """Yield the name of the count and the words of every code; of codes not in use, and of nothing
    said, only where there are any."""
    known = code_list(codes)
    listed = [(item.code, item.label.text(lang), item.active) for item in known.items]
    asked = {one.partition("=")[2] for one in counts if one.startswith(f"{name}=")}
    others = sorted(asked - {code for code, _, _ in listed} - {""})
    for code, words, active in [*listed, *((one, one, False) for one in others)]:
        if active or counts.get(f"{name}={code}"):
            yield f"{name}={code}", words
    if counts.get(f"{name}="):
        yield f"{name}=", SAID_NOTHING.text(lang)
