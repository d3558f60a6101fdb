"""The card of a grid that is posted in public (网格公示卡): name, area, who works there, the phone
to call and the one of supervision. It names staff on duty and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.party import KINDS as PARTY_KINDS
from sync_server.services import area_tree
from sync_server.services.accounts import User, require_records
from sync_server.services.area_tree import COMMUNITY_DIGITS, GRID_DIGITS, Holder
from sync_server.store import base_read

WANTED = ("boundary_text", "notice_phone", "supervision_phone")
"""What a card lacks is said beside it."""


@dataclass(frozen=True)
class Org:
    """A Party organisation that can stand on a card."""

    record_id: str
    name: str


@dataclass(frozen=True)
class Card:
    """One grid's card; ``missing`` are fields in words that nobody filled in."""

    code: str
    name: str
    above: tuple[str, ...]
    type: str
    boundary: str
    compounds: tuple[str, ...]
    households: int
    leaders: tuple[Holder, ...]
    workers: tuple[Holder, ...]
    org: str
    phone: str
    supervision: str
    missing: tuple[str, ...]


def cards(connection: sa.Connection, person: User, code: str, lang: str) -> list[Card]:
    """Return the card of a grid, or those of every standing grid of a community, by code.

    Raises Refusal: not_allowed, unknown_record (no such area, or none that has cards).
    """
    require_records(person)
    area_tree.find_area(connection, person, code, least=COMMUNITY_DIGITS)
    nodes = area_tree.tree(connection, person, lang)
    grids = [one.code for one in nodes if one.is_grid and one.code.startswith(code)]
    if len(code) > GRID_DIGITS:
        grids = [code]
    return [_card(connection, person, one, lang) for one in grids]


def party_orgs(connection: sa.Connection, person: User, code: str) -> list[Org]:
    """Return the Party organisations of a grid and of its community, by name."""
    community = code[:COMMUNITY_DIGITS]
    rows = base_read.whole_of_kind(connection, person.district, "org", [community])
    found = [
        Org(row["record_id"], str(row["fields"].get("name") or ""))
        for row in rows
        if row["grid"] in (community, code) and row["fields"].get("org_kind") in PARTY_KINDS
    ]
    return sorted(found, key=lambda one: one.name)


def _card(connection: sa.Connection, person: User, code: str, lang: str) -> Card:
    found = area_tree.open_area(connection, person, code, lang)
    node, fields = found.node, found.row["fields"]
    declared = kind_of("area").declared()
    orgs = {one.record_id: one.name for one in party_orgs(connection, person, code)}
    leaders = tuple(one for one in node.holders if one.leads)
    workers = tuple(one for one in node.holders if not one.leads)
    missing = [declared[name].label.text(lang) for name in WANTED if not fields.get(name)]
    roles = code_list("ROLE")
    if not leaders:
        missing.append(roles.text("leader", lang))
    if not workers:
        missing.append(roles.text("worker", lang))
    return Card(
        code=node.code,
        name=node.name,
        above=tuple(name for _, name in found.above),
        type=node.type,
        boundary=str(fields.get("boundary_text") or ""),
        compounds=tuple(one.name for one in found.parts),
        households=node.households,
        leaders=leaders,
        workers=workers,
        org=orgs.get(str(fields.get("org_id") or ""), ""),
        phone=str(fields.get("notice_phone") or ""),
        supervision=str(fields.get("supervision_phone") or ""),
        missing=tuple(missing),
    )
