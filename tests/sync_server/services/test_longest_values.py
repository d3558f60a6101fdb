"""The longest codes and keys a change may carry, and what cannot be stored at all, stop nobody."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.services import field_lines, service_cases
from sync_server.services.centre import Centre
from sync_server.services.releasing import Releasing
from sync_server.services.replay import replay
from sync_server.store import poison
from sync_server.store.case_tables import cases
from sync_server.store.field_tables import material_lines, visit_checks, visit_lines
from sync_server.store.service_tables import service_cases as services
from sync_server.store.tables import changes
from tests.sync_server.services.test_decisions import visit
from tests.sync_server.world import DISTRICT, add_worker, issue, join, outcomes

CODE, KEY = "Z" * 40, "k" * 64


def service(**more: Any) -> dict[str, Any]:
    return {"requested_at": "2026-09-30T08:30:00+08:00", "kind": "order", "item": "repair",
            "words": "修水管", "applicant": "张三", "channel": "visit", **more}  # fmt: skip


def values(centre: Centre, column: sa.Column[Any]) -> list[Any]:
    with centre.store.reading() as connection:
        wanted = sa.select(column).where(column.table.c.district == DISTRICT).order_by(column)
        return list(connection.scalars(wanted))


@pytest.mark.parametrize("name", ["category", "level", "urgency", "source"])
def test_an_issues_unknown_code_is_kept_whole(any_centre: Centre, name: str) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    laptop.write("issue", "create", issue(**{name: CODE}))
    assert outcomes(laptop.send()) == ["applied"]
    assert values(any_centre, cases.c[name]) == [CODE]


@pytest.mark.parametrize("name", ["kind", "item"])
def test_a_requests_unknown_code_is_kept_whole(any_centre: Centre, name: str) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    laptop.write("service", "create", service(**{name: CODE}))
    assert outcomes(laptop.send()) == ["applied"]
    service_cases.bring_up_to_date(any_centre.store, DISTRICT)
    assert values(any_centre, services.c[name]) == [CODE]


def test_the_longest_keys_of_a_visit_are_counted(any_centre: Centre) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    checks, materials = {KEY: {"state": "fine"}}, {KEY: {"qty": 1}}
    said = visit(care_checks={"add": checks}, materials={"add": materials})
    laptop.write("visit", "create", said)
    assert outcomes(laptop.send()) == ["applied"]
    field_lines.bring_up_to_date(any_centre.store, DISTRICT)
    assert values(any_centre, visit_checks.c.resident_id) == [KEY]
    assert values(any_centre, material_lines.c.material) == [KEY]


def test_a_record_whose_rows_cannot_be_stored_stops_no_other(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    ids = [laptop.write("visit", "create", visit())["record_id"] for _ in range(4)]
    laptop.send()
    rows_of = field_lines.rows_of

    def twice(record: Any) -> Any:
        yield from rows_of(record)
        if record["record_id"] == ids[1]:  # the same key again
            yield from rows_of(record)

    monkeypatch.setattr(field_lines, "rows_of", twice)
    assert field_lines.bring_up_to_date(any_centre.store, DISTRICT) == 4
    assert values(any_centre, visit_lines.c.visit_id) == sorted({*ids} - {ids[1]})
    assert ids[1] in caplog.text
    assert field_lines.bring_up_to_date(any_centre.store, DISTRICT) == 0


def test_a_request_that_cannot_be_stored_stops_no_other(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    ids = [laptop.write("service", "create", service())["record_id"] for _ in range(3)]
    laptop.send()
    row_of = service_cases._row
    monkeypatch.setattr(
        service_cases, "_row",
        lambda row, *more: row_of(row, *more)
        | ({"state": None} if row["record_id"] == ids[0] else {}),
    )  # fmt: skip
    service_cases.bring_up_to_date(any_centre.store, DISTRICT)
    assert values(any_centre, services.c.service_id) == sorted(ids[1:])


def test_other_trouble_is_no_items_fault(any_centre: Centre) -> None:
    def full(items: Any) -> None:
        raise sa.exc.OperationalError("", {}, Exception("disk is full"))

    with any_centre.store.reading() as connection, pytest.raises(sa.exc.OperationalError):
        poison.each_if_not_all(connection, [1, 2], full, str)


def test_a_change_that_cannot_be_judged_again_keeps_no_centre_from_starting(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    ids = [laptop.write("issue", "create", issue(), schema=99)["change_id"] for _ in range(3)]
    assert outcomes(laptop.send()) == ["quarantined"] * 3
    with any_centre.store.writing() as connection:  # stands for the upgrade
        here = changes.c.district == DISTRICT
        connection.execute(sa.update(changes).where(here).values(schema=1))
    take = Releasing.take

    def failing(self: Any, rows: Any) -> Any:
        if any(row["change_id"] == ids[1] for row in rows):
            raise ZeroDivisionError
        return take(self, rows)

    monkeypatch.setattr(Releasing, "take", failing)
    done = replay(any_centre.store, DISTRICT, any_centre.clock())
    assert (done.judged, done.released) == (2, 2)
    assert ids[1] in caplog.text
