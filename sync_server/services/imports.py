"""Registers brought in as spreadsheets: taking files in, choosing columns, checking, importing,
taking back. The work itself is done piece by piece by ``import_work.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import sqlalchemy as sa

from schemas.workflow import SYSTEM_ID
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.heads import shape_of
from sync_server.domain.sheets.plan import Plan, read_plan
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.import_work import Worker, begin, folder_of, held_by, propose
from sync_server.store import imports as store_imports
from sync_server.store.sheet_reading import sheets_of

LONGEST_NAME = 200
BEFORE_RUN = ("columns", "checking", "checked", "failed")


@dataclass(frozen=True)
class Importer:
    """Who imports, and where rows may lie: staff, or the operator of the centre himself."""

    district: str
    user_id: str
    scope: tuple[str, ...]


def importer(person: User) -> Importer:
    """Return somebody of the staff as importer; raise Refusal ``not_allowed``."""
    if not may(person.role, "imports"):
        raise Refusal("not_allowed")
    return Importer(person.district, person.user_id, person.scope_codes)


def operator(district: str) -> Importer:
    """Return the operator at the terminal, who imports for the whole district."""
    return Importer(district, SYSTEM_ID, (district,))


def take_file(
    centre: Centre, who: Importer, name: str, source: BinaryIO, worker: Worker | None = None
) -> list[str]:
    """Take a file in and return the ids of its imports: one for each sheet that holds anything.

    ``worker``: who reads them at once, None: whoever comes first (so with all that begins work).

    Raises Refusal: sheet_unreadable, sheet_old, sheet_locked, sheet_empty, disk_full,
    folder_unusable; nothing is left then.
    """
    first = new_id()
    folder = folder_of(centre, first)
    try:
        sha256 = folder.take(source)
        sheets = sheets_of(folder.upload, name)
        if not sheets:
            raise Refusal("sheet_empty")
    except BaseException:
        folder.drop()
        raise
    ids = [first, *(new_id() for _ in sheets[1:])]
    for import_id in ids[1:]:
        folder_of(centre, import_id).share(folder)
    now = centre.clock()
    with centre.store.writing() as connection:
        for import_id, sheet in zip(ids, sheets, strict=True):
            store_imports.add(
                connection,
                {
                    "district": who.district, "import_id": import_id, "kind": "",
                    "file_name": name[-LONGEST_NAME:], "sheet": sheet.name[:100],
                    "sha256": sha256, "made_by": who.user_id, "made_at": now,
                    "scope_codes": list(who.scope), "state": "reading", "plan": {},
                    "progress": {"row": 0, "place": 0, "total": 0}, "counts": {},
                    **held_by(worker, now),
                },
            )  # fmt: skip
        audit.note(
            connection, who.district, now, "import_file", user_id=_user(who), target=first,
            detail={"file": name[-LONGEST_NAME:], "sha256": sha256, "sheets": len(sheets)},
        )  # fmt: skip
    return ids


def get(connection: sa.Connection, who: Importer, import_id: str) -> Mapping[str, Any]:
    """Return an import made for areas of the importer's; raise Refusal ``unknown_record``."""
    row = store_imports.get(connection, who.district, import_id)
    mine = row is not None and all(inside(code, who.scope) for code in row["scope_codes"])
    if row is None or not mine or row["state"] == "dropped":
        raise Refusal("unknown_record")
    return row


def get_own(connection: sa.Connection, who: Importer, import_id: str) -> Mapping[str, Any]:
    """Return an import whose columns may still be chosen, by who brought the file: choosing shows
    what stands in it, and a column taken for another would show its values to everybody.

    Raises Refusal: unknown_record; import_state once it runs; import_of_other.
    """
    row = get(connection, who, import_id)
    if row["state"] not in BEFORE_RUN:
        raise Refusal("import_state")
    if row["made_by"] != who.user_id:
        raise Refusal("import_of_other")
    return row


def plan_of(row: Mapping[str, Any]) -> Plan:
    """Return the plan of an import that was read."""
    return read_plan(row["plan"])


def propose_anew(
    centre: Centre, who: Importer, import_id: str, kind: str, first: int, lines: int
) -> Plan:
    """Return the plan for a file whose kind or heads are others than was proposed.

    Raises Refusal as ``get_own``.
    """
    with centre.store.reading() as connection:
        row = get_own(connection, who, import_id)
        return propose(
            connection, who.district, folder_of(centre, import_id),
            f"{row['sheet']} {row['file_name']}", kind=kind, first=first, lines=lines,
        )  # fmt: skip


def check_file(centre: Centre, who: Importer, import_id: str, plan: Plan) -> None:
    """Keep a plan, remember it for files of this shape, and have the file checked by it.

    Raises Refusal: columns_missing with ``columns``, and as ``get_own``.
    """
    _start(centre, who, import_id, plan, "checking")


def run_unchecked(
    centre: Centre, who: Importer, import_id: str, plan: Plan, worker: Worker | None = None
) -> None:
    """Keep a plan and import the file by it without checking it first (a command does so).

    Raises Refusal as ``check_file``.
    """
    _start(centre, who, import_id, plan, "running", worker)


def _start(
    centre: Centre, who: Importer, import_id: str, plan: Plan, state: str,
    worker: Worker | None = None,
) -> None:  # fmt: skip
    if missing := plan.missing():
        raise Refusal("columns_missing", columns=missing)
    now = centre.clock()
    with centre.store.writing() as connection:
        row = get_own(connection, who, import_id)
        values = begin(plan, int(row["progress"]["total"]), now)
        moved = store_imports.move(
            connection, who.district, import_id, BEFORE_RUN,
            state=state, problem=None, **held_by(worker, now), **values,
        )  # fmt: skip
        if not moved:
            raise Refusal("import_state")
        store_imports.drop_rows(connection, who.district, import_id)
        store_imports.remember_columns(
            connection,
            {
                "district": who.district, "kind": plan.kind, "shape": shape_of(plan.heads),
                "plan": {
                    name: part
                    for name, part in plan.as_json().items()
                    if name in ("columns", "fixed", "along")
                },
                "set_by": who.user_id, "set_at": now,
            },
        )  # fmt: skip


def run_checked(centre: Centre, who: Importer, import_id: str, likely: str) -> None:
    """Import a file that was checked; ``likely``: what happens to rows that are likely there
    already and nobody chose for. Raises Refusal: unknown_record, import_state."""
    with centre.store.writing() as connection:
        row = get(connection, who, import_id)
        plan = {**row["plan"], "likely": likely, "checked": True}
        progress = {"row": 0, "place": 0, "total": row["progress"]["total"]}
        moved = store_imports.move(
            connection, who.district, import_id, ("checked",),
            state="running", plan=plan, progress=progress, counts={},
            **held_by(None, centre.clock()),
        )  # fmt: skip
        if not moved:
            raise Refusal("import_state")


def undo(centre: Centre, who: Importer, import_id: str, worker: Worker | None = None) -> None:
    """Have a whole import taken back. Raises Refusal: unknown_record, import_state."""
    with centre.store.writing() as connection:
        row = get(connection, who, import_id)
        progress = {"row": 0, "place": 0, "total": row["progress"]["total"]}
        moved = store_imports.move(
            connection, who.district, import_id, ("done",),
            state="undoing", progress=progress, undone_by=who.user_id,
            **held_by(worker, centre.clock()),
        )  # fmt: skip
        if not moved:
            raise Refusal("import_state")


def discard(centre: Centre, who: Importer, import_id: str) -> None:
    """Drop an import that has not run, with its files. Raises Refusal: unknown_record,
    import_state."""
    with centre.store.writing() as connection:
        get(connection, who, import_id)
        moved = store_imports.move(
            connection, who.district, import_id, (*BEFORE_RUN, "reading"), state="dropped",
            leased_until=None,
        )  # fmt: skip
        if not moved:
            raise Refusal("import_state")
        store_imports.drop_rows(connection, who.district, import_id)
    folder_of(centre, import_id).drop()


def choose(centre: Centre, who: Importer, import_id: str, choices: Mapping[int, str]) -> None:
    """Keep what staff chose about rows that are likely there already."""
    with centre.store.writing() as connection:
        row = get(connection, who, import_id)
        if row["state"] != "checked":
            raise Refusal("import_state")
        store_imports.set_choices(connection, who.district, import_id, choices)


def _user(who: Importer) -> str | None:
    return None if who.user_id == SYSTEM_ID else who.user_id
