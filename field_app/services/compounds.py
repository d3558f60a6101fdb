"""The compound file (一小区一档案) as far as this laptop holds it, readable without any network.

A laptop holds the compound itself, its organisations, and of what is inside only its own grids'
part: counts say so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.doors import natural
from field_app.services.choices import names
from field_app.services.issues import OVER, Standing, standing
from field_app.services.overview import look, newest
from field_app.services.places import Place
from field_app.services.records import children, get_view
from field_app.services.survivors import named, survivors
from field_app.services.workspace import Workspace
from schemas.care_due import holds_on, strictness
from schemas.clock import local_day
from schemas.codes import code_list
from schemas.kinds.compound import Span, tag_spans, three_none

View = Mapping[str, Any]
PATROLS_SHOWN, VISITS_SHOWN, ISSUES_SHOWN = 10, 10, 50


@dataclass(frozen=True)
class Role:
    """Somebody to turn to: what he is, where, his name and phone."""

    role: str
    name: str
    phone: str
    place: str = ""


@dataclass(frozen=True)
class Group:
    """An organisation that covers the compound, with its present members: role and source."""

    view: View
    kind: str
    members: tuple[tuple[Role, str], ...]


@dataclass(frozen=True)
class Visited:
    """A visit to one of the compound's households: whom it went to, and its view."""

    home: str
    view: View


@dataclass(frozen=True)
class CompoundFile:
    """What the file of a compound shows beside its own fields."""

    view: View
    three_none: bool
    overlap: str
    grids: tuple[str, ...]
    buildings: tuple[Place, ...]
    people_in: Mapping[str, int]
    """Present people by building."""
    rooms: int
    rooms_by_state: tuple[tuple[str, int], ...]
    households: int
    people: int
    care_by_risk: tuple[tuple[str, int], ...]
    shops: int
    roles: tuple[Role, ...]
    linked: tuple[Role, ...]
    groups: tuple[Group, ...]
    issues: tuple[Standing, ...]
    issues_open: int
    issues_total: int
    patrols: tuple[View, ...]
    visits: tuple[Visited, ...]
    may_add_group: bool
    tags: tuple[tuple[str, Span], ...] = ()
    """What it was tagged with over time: words and stretch, the newest first."""

    @property
    def care(self) -> int:
        """How many people in it are looked after."""
        return sum(count for _, count in self.care_by_risk)


def compound_file(ws: Workspace, compound_id: str) -> CompoundFile | None:
    """Return the file of a compound, None when this laptop does not hold it."""
    view = get_view(ws, "compound", compound_id)
    if view is None:
        return None
    buildings = {one["record_id"]: one for one in children(ws, "building", "compound_id",
                                                           compound_id)}  # fmt: skip
    rooms = {one["record_id"]: one for one in look(ws, "room")
             if one["fields"].get("building_id") in buildings}  # fmt: skip
    into = {kind: survivors(ws, kind) for kind in ("room", "household", "resident")}
    room_of = {one["record_id"]: room for one in look(ws, "household")
               if (room := named(one, "room_id", into["room"])) in rooms}  # fmt: skip
    home_of = {one["record_id"]: home for one in look(ws, "resident")
               if (home := named(one, "household_id", into["household"])) in room_of
               and not one["fields"].get("moved_out_at")}  # fmt: skip
    today = local_day(ws.now())
    building_of = {key: one["fields"]["building_id"] for key, one in rooms.items()}
    home_at = {key: building_of[room] for key, room in room_of.items()}
    rooms_in, homes_in = Counter(building_of.values()), Counter(home_at.values())
    issues = _issues(ws, compound_id, set(buildings))
    overlap = str(view["fields"].get("overlap") or "")
    return CompoundFile(
        view=view,
        three_none=three_none(view["fields"]),
        overlap=code_list("OVERLAP").text(overlap, ws.lang) if overlap else "",
        grids=tuple(sorted({str(one["grid"]) for one in buildings.values()})),
        buildings=tuple(
            Place(one, str(one["fields"].get("no", "")), 0, rooms_in[key], homes_in[key])
            for key, one in sorted(
                buildings.items(), key=lambda pair: natural(str(pair[1]["fields"].get("no", "")))
            )
        ),
        people_in=Counter(home_at[home] for home in home_of.values()),
        rooms=len(rooms),
        rooms_by_state=_coded(ws, "ROOM_STATE",
                              Counter(one["fields"].get("state") for one in rooms.values())),
        households=len(room_of),
        people=len(home_of),
        care_by_risk=_coded(ws, "CARE_RISK", _care(ws, home_of, into["resident"], today)),
        shops=sum(named(one, "room_id", into["room"]) in rooms for one in look(ws, "shop")),
        roles=tuple(_roles(ws, view["fields"], buildings)),
        linked=tuple(_linked(ws, view["fields"])),
        groups=tuple(_groups(ws, compound_id, today)),
        issues=tuple(issues[:ISSUES_SHOWN]),
        issues_open=sum(one.state not in OVER for one in issues),
        issues_total=len(issues),
        patrols=tuple(newest(ws, "patrol", "started_at", PATROLS_SHOWN,
                             lambda one: compound_id in (one["fields"].get("covered_ids") or ()))),
        visits=tuple(_visits(ws, room_of, into["household"])),
        may_add_group=not view["voided"],
        tags=tuple(
            (code_list("COMPOUND_TAG").text(one.tag, ws.lang), one)
            for one in tag_spans(view["fields"])
        ),
    )  # fmt: skip


def _care(
    ws: Workspace, people: Collection[str], into: Mapping[str, str], today: str
) -> Counter[str]:
    """Count those of ``people`` who are looked after today by their risk, each once: the strictest
    of several care records tells."""
    held: dict[str, list[View]] = defaultdict(list)
    for one in look(ws, "care"):
        person = named(one, "resident_id", into)
        if person in people and holds_on(one["fields"], today):
            held[person].append(one["fields"])
    return Counter(str(min(cares, key=strictness).get("risk") or "") for cares in held.values())


def _coded(
    ws: Workspace, codes_name: str, counted: Mapping[Any, int]
) -> tuple[tuple[str, int], ...]:
    codes = code_list(codes_name)
    order = {item.code: place for place, item in enumerate(codes.items)}
    present = sorted((code for code in counted if code), key=lambda code: order.get(code, 99))
    return tuple((codes.text(code, ws.lang), counted[code]) for code in present)


def _roles(ws: Workspace, fields: View, buildings: Mapping[str, View]) -> Iterator[Role]:
    """Yield the compound's own contacts, then the heads of buildings and entrances held here."""
    roles = code_list("ROLE_LOCAL")
    order = {item.code: place for place, item in enumerate(roles.items)}
    contacts = (fields.get("contacts") or {}).values()
    for entry in sorted(contacts, key=lambda one: order.get(str(one.get("role")), 99)):
        yield _role(roles.text(str(entry.get("role") or ""), ws.lang), entry, "name")
    for one in sorted(buildings.values(), key=lambda one: natural(str(one["fields"].get("no")))):
        said = one["fields"]
        no = str(said.get("no") or "")
        if said.get("head"):
            yield Role(roles.text("building_head", ws.lang), str(said["head"]),
                       str(said.get("head_phone") or ""), no)  # fmt: skip
        for key, entry in sorted((said.get("entrance_heads") or {}).items()):
            place = f"{no}-{key}" if len(key) <= 4 else no
            yield _role(roles.text("unit_head", ws.lang), entry, "head", place)


def _role(role: str, entry: View, name: str, place: str = "") -> Role:
    return Role(role, str(entry.get(name) or ""), str(entry.get("phone") or ""), place)


def _linked(ws: Workspace, fields: View) -> Iterator[Role]:
    said, codes = fields.get("linked") or {}, code_list("LINKED_ROLE")
    for item in codes.items:
        if item.code in said:
            yield _role(item.label.text(ws.lang), said[item.code], "name")


def _groups(ws: Workspace, compound_id: str, today: str) -> Iterator[Group]:
    """Yield the organisations that name the compound among those they cover."""
    kinds, sources = code_list("ORG_KIND"), code_list("MEMBER_SOURCE")
    order = {item.code: place for place, item in enumerate(kinds.items)}
    held = look(ws, "org", lambda one: compound_id in (one["fields"].get("compound_ids") or ())
                and not one["voided"] and not one["merged_into"])  # fmt: skip
    for view in sorted(held, key=lambda one: order.get(str(one["fields"].get("org_kind")), 99)):
        fields = view["fields"]
        entries = (entry for _, entry in sorted((fields.get("members") or {}).items()))
        yield Group(
            view,
            kinds.text(str(fields.get("org_kind") or ""), ws.lang),
            tuple(
                (
                    _role(str(entry.get("post") or ""), entry, "name"),
                    sources.text(entry["source"], ws.lang) if entry.get("source") else "",
                )
                for entry in entries
                if (entry.get("until") or today) >= today
            ),
        )


def _issues(ws: Workspace, compound_id: str, buildings: set[str]) -> list[Standing]:
    """Return the compound's issues, the newest first."""

    def here(view: View) -> bool:
        said = view["fields"]
        return said.get("compound_id") == compound_id or said.get("building_id") in buildings

    held = sorted(look(ws, "issue", here), reverse=True,
                  key=lambda one: str(one["fields"].get("happened_at")))  # fmt: skip
    found = (standing(ws, one["record_id"]) for one in held)
    return [one for one in found if one is not None]


def _visits(ws: Workspace, homes: Collection[str], into: Mapping[str, str]) -> Iterator[Visited]:
    name_of = names(ws)
    for view in newest(ws, "visit", "visited_at", VISITS_SHOWN,
                       lambda one: named(one, "household_id", into) in homes):  # fmt: skip
        yield Visited(name_of("household", named(view, "household_id", into)) or "", view)
