"""The area tree as staff read it: from district to micro-grid, with who works where, how many
households there are, what was called otherwise before and what came of what.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.fields import Keyed
from schemas.natural import natural
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.grid_team import post_of, vacancies
from sync_server.domain.overlap import lies
from sync_server.domain.quality import LEAST_HOUSEHOLDS, MOST_HOUSEHOLDS
from sync_server.services import grid_team
from sync_server.services.accounts import User, require_records
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import area_read, base_read, records_read
from sync_server.store.records_read import Row

COMMUNITY_DIGITS, GRID_DIGITS, MICRO_DIGITS = 12, 15, 17
LEVELS = {6: 0, 9: 1, 12: 2, 15: 3, 17: 4}


@dataclass(frozen=True)
class Holder:
    """Somebody who works in a grid: his kind and role in words."""

    user_id: str
    name: str
    no: str
    kind: str
    role: str
    leads: bool
    post: str
    """The post of the team he fills (``domain/grid_team.py``)."""


@dataclass(frozen=True)
class Node:
    """One area of the tree. ``households`` roll up from the grids; ``warnings`` are codes of what
    is odd about a grid: small, large, no_worker, no_leader."""

    code: str
    name: str
    level: str
    depth: int
    type: str
    valid_from: str
    valid_to: str
    households: int
    grids: int
    holders: tuple[Holder, ...]
    warnings: tuple[str, ...]
    vacancies: tuple[tuple[str, int], ...] = ()
    """The posts of a grid's team that lack people, in words; of areas above, the sums of their
    grids."""

    @property
    def is_grid(self) -> bool:
        """Whether it is a grid."""
        return len(self.code) == GRID_DIGITS


@dataclass(frozen=True)
class Told:
    """A former name, or how an area came from another one: words, the other's code, the day."""

    words: str
    code: str
    day: str


@dataclass(frozen=True)
class Part:
    """A compound as far as it lies in an area."""

    record_id: str
    name: str
    opens: bool
    buildings: int
    overlap: str
    beyond: int
    """How many of its buildings lie in other grids."""


@dataclass(frozen=True)
class BuildingChoice:
    """A building that can go into a new grid: what it is called, its households."""

    record_id: str
    name: str
    households: int


@dataclass(frozen=True)
class AreaPage:
    """One area with everything its page shows."""

    node: Node
    row: Row
    above: tuple[tuple[str, str], ...]
    children: tuple[Node, ...]
    fields: tuple[tuple[str, str], ...]
    former: tuple[Told, ...]
    lineage: tuple[Told, ...]
    counts: tuple[tuple[str, str, int], ...]
    """Kind, its words and how many records of it lie here."""
    parts: tuple[Part, ...]
    may_change: bool


def tree(connection: sa.Connection, person: User, lang: str, *, ended: bool = False) -> list[Node]:
    """Return the areas inside the person's, by code; with ``ended`` those that ended too.

    Raises Refusal ``not_allowed``.
    """
    require_records(person)
    rows = area_read.area_rows(connection, person.district, person.scope_codes)
    shown = [row for row in rows if ended or not row["fields"].get("valid_to")]
    return _nodes(connection, person, shown, lang)


def open_area(connection: sa.Connection, person: User, code: str, lang: str) -> AreaPage:
    """Return one area's page; raise Refusal: not_allowed, unknown_record."""
    require_records(person)
    row = find_area(connection, person, code)
    inner = area_read.area_rows(connection, person.district, [code])
    [node] = _nodes(connection, person, [row], lang)
    length = next((one for one in sorted(LEVELS) if one > len(code)), 0)
    children = [one for one in inner if len(one["grid"]) == length]
    above = [code[:one] for one in sorted(LEVELS) if one < len(code)]
    names = names_for(connection, person.district, [*above, *_others(row["fields"])])
    return AreaPage(
        node=node,
        row=row,
        above=tuple((one, names[one]) for one in above if inside(one, person.scope_codes)),
        children=tuple(_nodes(connection, person, children, lang)),
        fields=tuple(_fields(connection, person, row["fields"], lang)),
        former=tuple(_former(row["fields"])),
        lineage=tuple(_lineage(row["fields"], names, lang)),
        counts=tuple(_counts(connection, person, code, lang)),
        parts=tuple(_parts(connection, person, code, lang)),
        may_change=may(person.role, "areas"),
    )


def find_area(connection: sa.Connection, person: User, code: str, *, least: int = 0) -> Row:
    """Return the record of an area inside the person's, whose code has ``least`` digits at least;
    raise Refusal ``unknown_record``."""
    known = code.isascii() and code.isdigit() and inside(code, person.scope_codes)
    known = known and len(code) >= least
    row = records_read.area_record(connection, person.district, code) if known else None
    if row is None:
        raise Refusal("unknown_record")
    return row


def buildings_of(connection: sa.Connection, person: User, code: str) -> list[BuildingChoice]:
    """Return the buildings of a grid by name, with how many households each has."""
    rows = base_read.whole_of_kind(connection, person.district, "building", [code])
    titles = Titles(connection, person, "zh")
    titles.preload(("building", row["record_id"]) for row in rows)
    rooms = base_read.hanging(
        connection, person.district, "room", [row["record_id"] for row in rows]
    )
    of_room = {one["record_id"]: one["parent_id"] for one in rooms}
    homes = base_read.hanging(connection, person.district, "household", of_room)
    count = Counter(of_room[one["parent_id"]] for one in homes)
    found = [
        BuildingChoice(
            row["record_id"],
            titles.lookup("building", row["record_id"]) or str(row["fields"].get("no") or ""),
            count[row["record_id"]],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: natural(one.name))


def workers_near(connection: sa.Connection, person: User, code: str, lang: str) -> list[Holder]:
    """Return who could work in a grid: everybody with a laptop in its community whom the person
    may see, those who hold it first."""
    community = code[:12]
    found = [
        one
        for one in area_read.holders(connection, person.district)
        if any(inside(held, person.scope_codes) for held in one["scope_codes"])
        and any(held.startswith(community) for held in one["scope_codes"])
    ]
    found.sort(key=lambda one: (code not in one["scope_codes"], one["no"]))
    return [_holder(one, "", lang) for one in found]


def warnings_of(households: int, holders: Sequence[Holder], *, ended: bool) -> tuple[str, ...]:
    """Return the codes of what is odd about a grid."""
    if ended:
        return ()
    found = []
    if households < LEAST_HOUSEHOLDS:
        found.append("small")
    if households > MOST_HOUSEHOLDS:
        found.append("large")
    if not any(not one.leads for one in holders):
        found.append("no_worker")
    if not any(one.leads for one in holders):
        found.append("no_leader")
    return tuple(found)


def _nodes(connection: sa.Connection, person: User, rows: Sequence[Row], lang: str) -> list[Node]:
    codes = [row["grid"] for row in rows]
    homes = area_read.counted(connection, person.district, "household", person.scope_codes)
    every = area_read.area_rows(connection, person.district, person.scope_codes) if rows else []
    standing = [
        one["grid"] for one in every
        if len(one["grid"]) == GRID_DIGITS and not one["fields"].get("valid_to")
    ]  # fmt: skip
    under = _rolled_up(codes, homes)
    grids = _rolled_up(codes, Counter(standing))
    people: dict[str, list[Holder]] = {}
    leaders = {row["grid"]: str(row["fields"].get("leader_id") or "") for row in (*every, *rows)}
    for one in area_read.holders(connection, person.district):
        for held in one["scope_codes"]:
            if held in leaders:
                people.setdefault(held, []).append(_holder(one, leaders[held], lang))
    levels, types = code_list("AREA_LEVEL"), code_list("GRID_TYPE")
    lacking = _lacking(connection, person.district, codes, standing, people, lang)
    nodes = []
    for row in rows:
        code, fields = row["grid"], row["fields"]
        here = tuple(people.get(code, ()))
        ended = bool(fields.get("valid_to"))
        is_grid = len(code) == GRID_DIGITS
        nodes.append(
            Node(
                code=code,
                name=str(fields.get("name") or code),
                level=levels.text(str(fields.get("level") or ""), lang),
                depth=LEVELS.get(len(code), 4),
                type=types.text(fields["grid_type"], lang) if fields.get("grid_type") else "",
                valid_from=str(fields.get("valid_from") or ""),
                valid_to=str(fields.get("valid_to") or ""),
                households=under[code],
                grids=grids[code],
                holders=here,
                warnings=warnings_of(under[code], here, ended=ended) if is_grid else (),
                vacancies=lacking.get(code, ()),
            )
        )
    return nodes


def _lacking(
    connection: sa.Connection, district: str, codes: Sequence[str], standing: Sequence[str],
    people: Mapping[str, Sequence[Holder]], lang: str,
) -> dict[str, tuple[tuple[str, int], ...]]:  # fmt: skip
    """Return by area which posts lack how many people in the grids that stand there."""
    needed = grid_team.needed(connection, district)
    by_post: dict[str, Counter[str]] = defaultdict(Counter)
    for grid in standing:
        for post, count in vacancies(needed, (one.post for one in people.get(grid, ()))).items():
            by_post[post][grid] = count
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    words = code_list(grid_team.LIST)
    for post, counted in by_post.items():
        for code, count in _rolled_up(codes, counted).items():
            found[code].append((words.text(post, lang), count))
    return {code: tuple(lines) for code, lines in found.items()}


def _rolled_up(codes: Sequence[str], counted: Mapping[str, int]) -> Counter[str]:
    """Return the sums for each code of what is counted in it and in the areas inside it."""
    wanted, total = set(codes), Counter[str]()
    for area, count in counted.items():
        for length in LEVELS:
            if length <= len(area) and area[:length] in wanted:
                total[area[:length]] += count
    return total


def _holder(row: Row, leader_id: str, lang: str) -> Holder:
    leads = row["role"] == "leader" or row["user_id"] == leader_id
    return Holder(
        row["user_id"],
        row["name"],
        row["no"],
        code_list("USER_KIND").text(row["kind"], lang),
        code_list("ROLE").text(row["role"], lang),
        leads,
        post_of(row["role"], row["kind"], leads=leads),
    )


def _fields(
    connection: sa.Connection, person: User, fields: Mapping[str, Any], lang: str
) -> list[tuple[str, str]]:
    declared = kind_of("area").declared()
    titles = Titles(connection, person, lang)
    if fields.get("leader_id"):
        titles.preload([("user", fields["leader_id"])])
    if fields.get("org_id"):
        titles.preload([("org", fields["org_id"])])
    wanted = ("std_code", "grid_type", "valid_from", "valid_to", "leader_id", "boundary_text",
              "org_id", "notice_phone", "supervision_phone")  # fmt: skip
    return [
        (declared[name].label.text(lang), declared[name].show(fields[name], lang, titles.lookup))
        for name in wanted
        if fields.get(name)
    ]


def _former(fields: Mapping[str, Any]) -> list[Told]:
    names = [one for _, one in sorted((fields.get("old_names") or {}).items())]
    return [Told(str(one.get("name")), "", str(one.get("until") or "")) for one in reversed(names)]


def _lineage(fields: Mapping[str, Any], names: Mapping[str, str], lang: str) -> list[Told]:
    declared = kind_of("area").declared()["lineage"]
    assert isinstance(declared, Keyed)
    codes = code_list("AREA_CHANGE")
    return [
        Told(
            f"{codes.text(str(one.get('change')), lang)} {names.get(str(one['other']), '')}",
            str(one["other"]),
            str(one.get("on") or ""),
        )
        for _, one in sorted((fields.get("lineage") or {}).items())
        if one.get("other")
    ]


def _others(fields: Mapping[str, Any]) -> list[str]:
    return [str(one["other"]) for one in (fields.get("lineage") or {}).values() if one.get("other")]


def _counts(
    connection: sa.Connection, person: User, code: str, lang: str
) -> list[tuple[str, str, int]]:
    found = []
    for name in ("building", "room", "household", "resident", "care", "shop"):
        count = sum(area_read.counted(connection, person.district, name, [code]).values())
        found.append((name, kind_of(name).info.label.text(lang), count))
    return found


def _parts(connection: sa.Connection, person: User, code: str, lang: str) -> list[Part]:
    """Return the compounds with buildings in a grid, and how each lies over the grids."""
    if len(code) < GRID_DIGITS:
        return []
    here = Counter(
        compound for compound, _ in base_read.building_places(connection, person.district, [code])
    )
    every = lies(base_read.building_places(connection, person.district))
    titles = Titles(connection, person, lang)
    titles.preload(("compound", one) for one in here)
    overlap = code_list("OVERLAP")
    found = [
        Part(
            record_id=one,
            name=titles.lookup("compound", one) or f"…{one[-6:]}",
            opens=titles.opens(one) is not None,
            buildings=count,
            overlap=overlap.text(every[one].case, lang) if every[one].case else "",
            beyond=sum(every[one].grids.values()) - count,
        )
        for one, count in here.items()
    ]
    return sorted(found, key=lambda one: one.name)
