"""A place where people come to their end: a worker's laptop, two people of the district's staff,
and what a retention run may not leave behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from sync_server.services import accounts, emptying, retention
from sync_server.services.accounts import User
from sync_server.services.area_figures import figures_by_area
from sync_server.services.centre import Centre
from sync_server.services.field_lines import bring_up_to_date
from sync_server.services.ids import new_id
from sync_server.store.retention_tables import retention_runs
from sync_server.store.tables import changes, metadata, records
from tests.sync_server.world import (
    DISTRICT,
    StillClock,
    add_worker,
    household,
    join,
    outcomes,
    resident,
)

NAME, BIRTH, ID_NO, PHONE, NEXT_PHONE = (
    "欧阳演示", "1980-01", "990101198001010014", "10000007711", "10000007722",
)  # fmt: skip
NEEDS, CONTACT, WHY = "每天量血压的演示", "其侄演示", "搬去南方亲戚家演示"
SECRETS = (NAME, BIRTH, ID_NO, PHONE, NEXT_PHONE, NEEDS, CONTACT, WHY, "ouyang")
YEARS = 3


class Place:
    """A centre with a worker's laptop and two people of the district's staff."""

    def __init__(self, centre: Centre, clock: StillClock) -> None:
        self.centre, self.clock = centre, clock
        self.worker = add_worker(centre)
        self.laptop = join(centre, self.worker)
        self.admin, self.district = self._staff("admin"), self._staff("district")
        self.home = self.laptop.write("household", "create", household())["record_id"]

    def _staff(self, role: str) -> User:
        with self.centre.store.writing() as connection:
            return accounts.add_user(
                connection, self.centre.code, no=role, name=f"职员{role}", role=role,
                scope_codes=(DISTRICT,), now=self.clock(),
            )  # fmt: skip

    def person(self, **more: Any) -> tuple[str, str]:
        """Enter a resident in care, not sent yet; return both ids."""
        said = {"name": NAME, "birth": BIRTH, "id_no": ID_NO, "phone": PHONE} | more
        one = self.laptop.write("resident", "create", resident(household_id=self.home, **said))
        care = self.laptop.write("care", "create", {
            "resident_id": one["record_id"], "cats": ["alone"], "risk": "high",
            "visit_every_days": 7, "keeper_id": self.worker.user_id, "since": "2026-09-01",
            "basis": "consent", "needs": NEEDS, "contact": CONTACT,
        })  # fmt: skip
        return one["record_id"], care["record_id"]

    def gone(self, **more: Any) -> tuple[str, str]:
        """Enter a resident in care who is changed once and void then; all of it has come."""
        one, care = self.person(**more)
        answer = self.laptop.send()
        assert not any(row.get("problem") for row in answer["receipts"]), answer["receipts"]
        self.laptop.write("resident", "update", {"phone": NEXT_PHONE}, one,
                          base_version=self.laptop.version(one))  # fmt: skip
        self.laptop.send()
        self.laptop.write("resident", "void", {"reason": WHY}, one,
                          base_version=self.laptop.version(one))  # fmt: skip
        assert outcomes(self.laptop.send()) == ["applied"]
        self.laptop.send()
        return one, care

    def years_pass(self, years: int = YEARS) -> None:
        self.clock.now = self.clock.now.replace(year=self.clock.now.year + years)
        self.clock.passes(days=2)

    def propose(self) -> str:
        store, run_id = self.centre.store, new_id()
        retention.set_period(store, self.admin, "people", str(YEARS), self.clock())
        retention.propose(store, self.admin, "people", run_id, self.clock())
        return run_id

    def run(self) -> str:
        """Propose a run, confirm it and do it; return its id."""
        run_id = self.propose()
        retention.confirm(self.centre.store, self.district, run_id, self.clock())
        emptying.empty_some(self.centre, self.clock())
        return run_id

    def state(self, run_id: str) -> str:
        with self.centre.store.reading() as connection:
            query = sa.select(retention_runs.c.state).where(retention_runs.c.run_id == run_id)
            return str(connection.scalar(query))

    def record(self, record_id: str) -> Any:
        with self.centre.store.reading() as connection:
            query = sa.select(records).where(records.c.record_id == record_id)
            return connection.execute(query).mappings().one()

    def log_of(self, *record_ids: str) -> list[Any]:
        with self.centre.store.reading() as connection:
            query = sa.select(changes).where(changes.c.record_id.in_(record_ids))
            ordered = query.order_by(changes.c.received_at, changes.c.seq, changes.c.version)
            return list(connection.execute(ordered).mappings())

    def content(self) -> dict[str, dict[tuple[Any, ...], Mapping[str, Any]]]:
        """Return every row of every table by its key."""
        found: dict[str, dict[tuple[Any, ...], Mapping[str, Any]]] = {}
        with self.centre.store.reading() as connection:
            for name, table in metadata.tables.items():
                keys = [column.name for column in table.primary_key]
                rows = connection.execute(sa.select(table)).mappings()
                found[name] = {tuple(row[one] for one in keys): dict(row) for row in rows}
        return found

    def figures(self) -> Any:
        bring_up_to_date(self.centre.store, DISTRICT)
        with self.centre.store.reading() as connection:
            return [
                (one.code, one.figures)
                for one in figures_by_area(
                    connection, DISTRICT, (DISTRICT,), date(2026, 9, 1), date(2026, 9, 30),
                    self.clock(),
                )
            ]  # fmt: skip


def everything(content: Mapping[str, Any]) -> str:
    """Return all of a content as one text."""
    values = {name: [list(row.values()) for row in rows.values()] for name, rows in content.items()}
    return json.dumps(values, ensure_ascii=False, default=str)
