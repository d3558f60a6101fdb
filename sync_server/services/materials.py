"""Leaflets at the grids: what each has left, giving some out, one grid's ins and outs.

A balance is a sum of records (``schemas/materials.py``), never a number somebody stores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import written
from schemas.codes import code_list
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.materials import Stock
from schemas.values import to_wire
from sync_server.domain.access import may, narrowed
from sync_server.domain.areas import above, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require_records
from sync_server.services.central import CentralChange, apply_central_change, withdraw
from sync_server.services.field_figures import grids_in
from sync_server.services.ids import new_id
from sync_server.services.places import GRID_LENGTH, names_for
from sync_server.services.record_page import checked_reason
from sync_server.store import campaigns, people_read, records_read
from sync_server.store import materials as stored
from sync_server.store.engine import Store
from sync_server.store.records_read import Row

KIND = stored.MOVE
PAGE = 50
ASKED = ("moved_at", "material", "move", "qty", "note")


@dataclass(frozen=True)
class GridStock:
    """One grid and what it has of each material."""

    code: str
    name: str
    stock: Mapping[str, Stock]


@dataclass(frozen=True)
class Stocks:
    """Every grid's stock, the sums, and the materials there are (code and words)."""

    materials: tuple[tuple[str, str], ...]
    grids: tuple[GridStock, ...]
    whole: Mapping[str, Stock]


@dataclass(frozen=True)
class Moved:
    """One record of leaflets in or out, in words."""

    row: Row
    material: str
    move: str
    qty: int
    author: str


@dataclass(frozen=True)
class GridPage:
    """One grid: its stock and a page of its records of leaflets in and out."""

    code: str
    name: str
    materials: tuple[tuple[str, str], ...]
    stock: Mapping[str, Stock]
    moves: tuple[Moved, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Form:
    """Leaflets being given to a grid: the record's id (sending twice makes one), controls, the
    grid, the campaign, the campaigns to choose from, and what is wrong."""

    record_id: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    grid: str
    campaign_id: str
    campaigns: tuple[tuple[str, str], ...]
    problems: Mapping[str, str] = field(default_factory=dict)


def stocks(connection: sa.Connection, person: User, area: str, lang: str) -> Stocks:
    """Return what the grids of an area have left; raise Refusal: not_allowed, unknown_record."""
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    by_grid: dict[str, dict[str, Stock]] = defaultdict(lambda: defaultdict(Stock))
    whole: dict[str, Stock] = defaultdict(Stock)
    for grid, material, move, qty in stored.moved(connection, person.district, areas):
        by_grid[grid][material].add(move, qty)
        whole[material].add(move, qty)
    grids = grids_in(connection, person.district, areas)
    return Stocks(
        materials=_materials(whole, lang),
        grids=tuple(GridStock(one.code, one.name, by_grid.get(one.code, {})) for one in grids),
        whole=whole,
    )


def open_grid(connection: sa.Connection, person: User, grid: str, page: int, lang: str) -> GridPage:
    """Return one grid's stock with its records; raise Refusal: not_allowed, unknown_record."""
    require_records(person)
    district = person.district
    if len(grid) != GRID_LENGTH or not inside(grid, person.scope_codes):
        raise Refusal("unknown_record")
    stock: dict[str, Stock] = defaultdict(Stock)
    for _, material, move, qty in stored.moved(connection, district, (grid,)):
        stock[material].add(move, qty)
    rows, total = stored.moves_of(connection, district, grid, start=(page - 1) * PAGE, size=PAGE)
    people = people_read.names_of(connection, district, {row["author"] for row in rows})
    materials, moves = code_list("MATERIAL"), code_list("MATERIAL_MOVE")
    return GridPage(
        code=grid,
        name=names_for(connection, district, [grid])[grid],
        materials=_materials(stock, lang),
        stock=stock,
        moves=tuple(
            Moved(
                row=row,
                material=materials.text(row["fields"].get("material") or "", lang),
                move=moves.text(row["fields"].get("move") or "", lang),
                qty=int(row["fields"].get("qty") or 0),
                author=people.get(row["author"], ""),
            )
            for row in rows
        ),
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
    )


def begin_giving(
    connection: sa.Connection, person: User, grid: str, now: datetime, lang: str
) -> Form:
    """Return an empty form, dated now; raise Refusal ``not_allowed``."""
    _require(person)
    values = {"moved_at": written(now), "move": "received"}
    return _form(connection, person, new_id(), values, grid, "", {}, lang)


def give(
    store: Store,
    person: User,
    record_id: str,
    grid: str,
    campaign_id: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Form | None:
    """Record that leaflets went to a grid (or came back); return None when that was done, else the
    form with what is wrong. The same form sent twice makes one record.

    Raises Refusal ``not_allowed``.
    """
    _require(person)
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    kind = kind_of(KIND)
    values = forms.read(kind, getlist, [one for one in names if one in ASKED])
    values["campaign_id"] = campaign_id or None
    said = {name: value for name, value in values.items() if value is not None}
    checked = check(kind, "create", to_wire(kind, said))
    problems: dict[str, str] = {}
    for one in checked.problems:
        problems.setdefault(([*one.pointer.split("/"), ""])[1], one.problem.text(lang))
    if len(grid) != GRID_LENGTH or not inside(grid, person.scope_codes):
        problems["grid"] = ""
    with store.writing() as connection:
        if problems:
            return _form(connection, person, record_id, values, grid, campaign_id, problems, lang)
        if records_read.get(connection, person.district, record_id) is None:
            change = CentralChange(
                KIND, record_id, "create", checked.fields, person.user_id, grid=grid
            )
            apply_central_change(connection, person.district, change, now)
    return None


def take_back(store: Store, person: User, record_id: str, reason: str, now: datetime) -> str:
    """Void a record of the person's areas, a worker's too, and return its grid; one that is void
    stays so.

    Raises Refusal: not_allowed, unknown_record, reason_needed.
    """
    _require(person)
    why = checked_reason(reason)
    with store.writing() as connection:
        row = records_read.get(connection, person.district, record_id)
        if row is None or row["kind"] != KIND or not inside(row["grid"], person.scope_codes):
            raise Refusal("unknown_record")
        withdraw(connection, person.district, person.user_id, row, why, now)
        return str(row["grid"])[:GRID_LENGTH]


def _materials(known: Mapping[str, Stock], lang: str) -> tuple[tuple[str, str], ...]:
    codes = code_list("MATERIAL")
    usual = [item.code for item in codes.active]
    others = sorted(one for one in known if one not in usual)
    return tuple((one, codes.text(one, lang)) for one in [*usual, *others])


def _form(
    connection: sa.Connection,
    person: User,
    record_id: str,
    values: Mapping[str, Any],
    grid: str,
    campaign_id: str,
    problems: Mapping[str, str],
    lang: str,
) -> Form:
    kind = kind_of(KIND)
    rows = campaigns.campaigns_for(
        connection, person.district, person.scope_codes, above(person.scope_codes)
    )
    day = str(values.get("moved_at") or "")[:10]
    return Form(
        record_id=record_id,
        controls=tuple(
            one for one in forms.controls(kind, dict(values), lang) if one.name in ASKED
        ),
        values=values,
        grid=grid,
        campaign_id=campaign_id,
        campaigns=tuple(
            (row["record_id"], str(row["fields"].get("name") or ""))
            for row in rows
            if not row["voided"] and (row["fields"].get("ends_on") or day) >= day
        ),
        problems=problems,
    )


def _require(person: User) -> None:
    if not may(person.role, "campaigns"):
        raise Refusal("not_allowed")
