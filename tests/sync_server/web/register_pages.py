"""The addresses of imports, ledgers and what is counted of registers, with something at each, for
the matrix of who sees what."""

from __future__ import annotations

import io

from sync_server.services.centre import Centre
from sync_server.services.import_work import Worker
from sync_server.services.imports import Importer, take_file
from sync_server.services.ledgers import default_rows
from sync_server.store import ledgers as store_ledgers
from tests.sync_server.web.staff import READERS, Place
from tests.sync_server.world import DISTRICT

OFFICES = {"admin", "district", "street", "community"}
DISTRICT_STAFF = {"admin", "district"}
FIRST_LEDGER = default_rows(DISTRICT)[0]["ledger_id"]
STATISTICS = (
    "/statistics/timeliness", "/statistics/timeliness/records?show=all&kind=visit",
    "/statistics/registers", "/statistics/registers?kind=compound",
    "/statistics/registers/list?what=all", "/statistics/registers/list?what=orgs",
    "/statistics/registers/list?what=level%3Dgrid",
)  # fmt: skip
"""Pages of statistics with the lists behind them."""
NOBODYS = "ffffffff-ffff-7fff-8fff-ffffffffffff"


def register_pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint of imports, ledgers and counted registers: its method and address, and the
    roles that may."""
    assert place.laptop is not None
    centre = place.laptop.centre
    return {
        "ledgers.all_of_them": ("GET", "/ledgers", set(READERS)),
        "ledgers.add": ("POST", "/ledgers", DISTRICT_STAFF),
        "ledgers.one": ("GET", f"/ledgers/{FIRST_LEDGER}", set(READERS)),
        "ledgers.export": ("POST", f"/ledgers/{FIRST_LEDGER}/export", set(READERS)),
        "ledgers.edit": ("GET", f"/ledgers/{FIRST_LEDGER}/edit", DISTRICT_STAFF),
        "ledgers.remove": ("POST", f"/ledgers/{ledger_in(centre)}/remove", DISTRICT_STAFF),
        "ledgers.list_as_sheet": ("POST", "/records/resident/export-xlsx", set(READERS)),
        "ledgers.columns": ("GET", "/records/resident/columns", DISTRICT_STAFF),
        "timeliness.statistics": ("GET", STATISTICS[0], set(READERS)),
        "timeliness.listed": ("GET", STATISTICS[1], set(READERS)),
        "timeliness.as_xlsx": ("POST", "/statistics/timeliness/export", set(READERS)),
        "timeliness.back": ("GET", "/statistics/timeliness/export", set(READERS)),
        "register_figures.statistics": ("GET", "/statistics/registers", set(READERS)),
        "register_figures.listed": ("GET", "/statistics/registers/list?what=all", set(READERS)),
        "register_figures.as_xlsx": ("POST", "/statistics/registers/export", set(READERS)),
        "register_figures.back": ("GET", "/statistics/registers/export", set(READERS)),
        "imports.all_of_them": ("GET", "/imports", OFFICES),
        "imports.take": ("POST", "/imports", OFFICES),
        "imports.template": ("GET", "/imports/template/resident", OFFICES),
        "imports.one": ("GET", f"/imports/{import_in(place)}", OFFICES),
        "imports.columns": ("POST", f"/imports/{import_in(place)}/columns", OFFICES),
        "imports.choose": ("POST", f"/imports/{import_in(place)}/choices", OFFICES),
        "imports.run": ("POST", f"/imports/{import_in(place)}/run", OFFICES),
        "imports.undo": ("POST", f"/imports/{import_in(place)}/undo", OFFICES),
        "imports.faults": ("GET", f"/imports/{import_in(place)}/faults", OFFICES),
        "imports.discard": ("POST", f"/imports/{import_in(place, 'dropped')}/discard", OFFICES),
    }


def import_in(place: Place, name: str = "import") -> str:
    """Return an import of a place whose columns are to be chosen, taken in when it is first asked
    for; one to be dropped anew each time."""
    if name not in place.ids or name == "dropped":
        assert place.laptop is not None
        assert place.worker is not None
        centre = place.laptop.centre
        (grid,) = place.worker.scope_codes
        who = Importer(centre.code, place.worker.user_id, (grid[:12],))
        [found] = take_file(centre, who, "台账.csv", io.BytesIO("姓名,电话\n甲,1\n".encode()))
        Worker(centre).work(only=found)
        place.ids[name] = found
    return place.ids[name]


def ledger_in(centre: Centre) -> str:
    """Return the id of a ledger to be deleted, the same for everybody, there whenever it is asked
    for."""
    stored = {"set_by": None, "set_at": centre.clock()}
    first = {**default_rows(centre.code)[0], **stored}
    gone = first | {"ledger_id": NOBODYS, "name": "要删的台账"}
    with centre.store.writing() as connection:
        known = {row["ledger_id"] for row in store_ledgers.every(connection, centre.code)}
        missing = [row for row in (first, gone) if row["ledger_id"] not in known]
        if missing:
            store_ledgers.add(connection, missing)
    return NOBODYS
