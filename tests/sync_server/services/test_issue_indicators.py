"""Rework, whistles, look-backs and ratings in the statistics: issues made by hand, counted by hand,
on each database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from schemas.clock import written
from sync_server.domain.working_calendar import midnight
from sync_server.services import accounts, area_figures, handed, issue_figures
from sync_server.services.casework import fold_missing
from sync_server.services.issue_queue import Asked, queue
from sync_server.services.issues import take_step
from sync_server.store import case_counts, units
from sync_server.store.migrate import differences
from sync_server.store.migrations.versions import step_0020_whistles_and_relapses
from tests.sync_server.services.desks import hire
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, OTHER_GRID, add_worker, join

UNITS = ("01998a00-0000-7000-8000-00000000d001", "01998a00-0000-7000-8000-00000000d002")
CALLED = {"add": {unit: {} for unit in UNITS}}
PERIOD = (date(2026, 9, 1), date(2026, 10, 31))
NEW = ("rework", "reporting_in", "reporting_in_on_time", "lookback_passed", "relapse",
       "issue_satisfied", "issue_rated")  # fmt: skip
SOLVED = ("resolve", {"result": "solved", "text": "已清理"})
CLOSED = (SOLVED, ("verify", {}))


def issue_fields(town):
    return {"happened_at": written(town.centre.clock()), "category": "FAC", "title": "路灯不亮",
            "text": "晚上看不见路。", "level": "2", "urgency": "normal", "source": "patrol",
            "place": "3号楼东侧"}  # fmt: skip


class Town:
    """A centre, a laptop and the people who handle issues."""

    def __init__(self, centre):
        self.centre, self.laptop = centre, join(centre, add_worker(centre))
        scopes = {"community": COMMUNITY, "street": COMMUNITY[:9], "district": DISTRICT}
        self.people = {role: hire(centre, role, (scope,)) for role, scope in scopes.items()}
        with centre.store.writing() as connection:
            for no, unit in enumerate(UNITS):
                self.people[unit] = accounts.add_user(
                    connection, centre.code, no=f"d{no}", name="经办", role="department",
                    scope_codes=(DISTRICT,), now=centre.clock(), unit_id=unit,
                )  # fmt: skip

    def issue(self, *steps):
        """Report an issue, accept it, handle it at the community and take these steps."""
        issue = self.laptop.write("issue", "create", issue_fields(self))["record_id"]
        self.laptop.send()
        self.community(issue, ("accept", {"level": "2"}), ("handle", {}), *steps)
        return issue

    def community(self, issue, *steps):
        for action, said in steps:
            self.do("community", issue, action, **said)

    def do(self, who, issue, action, **said):
        take_step(self.centre.store, self.people[who], issue, action, said, self.centre.clock())

    def look_back(self, issue, result):
        self.do("street", issue, "plan_lookback", until="2026-12-01")
        self.do("street", issue, "lookback", lookback=result, text="看过")

    def figures(self, area=""):
        with self.centre.store.reading() as connection:
            found = issue_figures.report(
                connection, self.people["district"], *PERIOD, area, self.centre.clock(), "zh"
            )
        return {one.name: (one.part, one.whole) for one in found.whole.rates if one.name in NEW}

    def listed(self, figure):
        since, until = (day.isoformat() for day in PERIOD)
        asked = Asked(figure=figure, since=since, until=until)
        with self.centre.store.reading() as connection:
            person = self.people["district"]
            return queue(connection, person, asked, self.centre.clock(), "zh").total


@pytest.fixture
def town(any_centre):
    return Town(any_centre)


@pytest.fixture
def busy(town):
    """Eight issues: what each is counted in stands beside it."""
    again, rate = ("rework", {"text": "没修好"}), lambda stars: ("rate", {"rating": stars})
    passed = town.issue(SOLVED, again, *CLOSED, rate(5))  # reworked, rated, satisfied, passed
    town.look_back(passed, "pass")
    back = town.issue(*CLOSED, rate(3))  # relapsed, then rated, satisfied and passed
    town.look_back(back, "relapse")
    town.community(back, *CLOSED, rate(4))
    town.look_back(back, "pass")
    town.issue(*CLOSED)  # may be rated
    partly = town.issue(*CLOSED, rate(3))  # rated; looked back at
    town.look_back(partly, "partial")
    town.issue(SOLVED)  # resolved, and nothing else
    town.issue(SOLVED, again)  # being done again: not resolved
    whistled = town.issue()  # four units called, three came, one of them in time
    town.do("street", whistled, "whistle", text="一起来看", calls=CALLED)
    town.do(UNITS[0], whistled, "report_in")
    town.centre.clock.passes(days=12)  # beyond the days off of early October
    town.do(UNITS[1], whistled, "report_in")
    town.do("street", whistled, "conclude", text="已看")
    town.do("street", whistled, "whistle", text="再来看", calls=CALLED)
    town.centre.clock.passes(days=2)
    town.do(UNITS[0], whistled, "report_in")
    merged = town.issue()  # not valid: its units count nowhere
    town.do("street", merged, "whistle", text="一起来看", calls=CALLED)
    town.do(UNITS[0], merged, "report_in")
    town.community(merged, ("merge", {"into_id": whistled}))
    return town


COUNTED = {
    "rework": (1, 5), "reporting_in": (3, 4), "reporting_in_on_time": (1, 4),
    "lookback_passed": (2, 3), "relapse": (1, 3), "issue_satisfied": (2, 3), "issue_rated": (3, 4),
}  # fmt: skip
LISTS = {
    "reworked": 1, "resolved": 5, "calls": 1, "reports": 1, "reports_on_time": 1, "looked_back": 3,
    "passed": 2, "relapsed": 1, "satisfied": 2, "rated": 3, "to_rate": 4,
}  # fmt: skip


def test_the_figures_are_those_counted_by_hand(busy):
    assert busy.figures() == busy.figures(GRID) == COUNTED
    with busy.centre.store.reading() as connection:
        found = area_figures.figures_by_area(
            connection, DISTRICT, (DISTRICT,), *PERIOD, busy.centre.clock()
        )
    areas = {one.code: {name: one.figures[name] for name in NEW} for one in found}
    assert areas[DISTRICT] == areas[GRID] == COUNTED
    assert set(areas.get(OTHER_GRID, dict.fromkeys(NEW, (0, 0))).values()) == {(0, 0)}


def test_each_of_them_leads_to_the_issues_that_make_it(busy):
    assert {figure: busy.listed(figure) for figure in LISTS} == LISTS
    assert {one for name in NEW for one in issue_figures.PARTS[name]} == set(LISTS)


def test_nothing_is_divided_by_nothing(town):
    town.issue()
    assert set(town.figures().values()) == {(0, 0)}


def test_a_database_from_before_them_counts_its_old_issues(busy):
    store = busy.centre.store
    with store.writing() as connection:
        for column in ("calls", "reports", "reports_on_time", "relapses"):
            connection.exec_driver_sql(f"ALTER TABLE cases DROP COLUMN {column}")
        with Operations.context(MigrationContext.configure(connection)):
            step_0020_whistles_and_relapses.upgrade()
    with store.reading() as connection:
        assert differences(connection) == []
        left = connection.scalar(sa.text("SELECT count(*) FROM cases WHERE calls = 0"))
    assert left == 3  # what nobody whistled for or looked back at stays as it was
    assert fold_missing(store, busy.centre.code, busy.centre.clock()) == 5
    assert busy.figures() == COUNTED


def test_figures_and_work_of_units_leave_out_what_was_recalled(town):
    first, second = UNITS
    done = town.issue()
    away = [("dispatch", {"target_id": first}), ("recall", {"text": "派错了"})]
    reported = []
    for steps in (away, [away[0]], [*away, ("dispatch", {"target_id": second})]):
        issue = town.laptop.write("issue", "create", issue_fields(town))["record_id"]
        town.laptop.send()
        town.community(issue, ("accept", {"level": "2"}), *steps)
        reported.append(issue)
    town.do(second, reported[2], "take")
    town.do(second, reported[2], "resolve", result="solved", text="换了灯泡")
    town.do("street", done, "whistle", text="一起来看", calls=CALLED)
    town.do(second, done, "report_in", text="到了")
    now, me = town.centre.clock(), town.people["district"]
    with town.centre.store.reading() as connection:
        since, before = midnight(PERIOD[0]), midnight(PERIOD[1] + timedelta(days=1))
        found = case_counts.count_by_unit(connection, DISTRICT, (DISTRICT,), since, before, now)
        of_unit = {
            unit: tuple(one[name] for name in ("valid", "resolved", "on_time", "overdue"))
            for unit, one in found.items()
        }
        assert of_unit == {first: (1, 0, 0, 0), second: (1, 1, 1, 0)}
        for unit, figures in of_unit.items():
            for figure, count in zip(("valid", "resolved", "on_time"), figures, strict=False):
                asked = Asked(figure=figure, unit=unit, since=PERIOD[0].isoformat())
                assert queue(connection, me, asked, now, "zh").total == count, (unit, figure)
        living = units.living_cases(connection, DISTRICT, (DISTRICT,))
        work = {unit: (one.has, one.called) for unit, one in living.items()}
        assert work == {first: (1, 1), second: (1, 0)}  # second's waits for verification
        asked = Asked(tab="open", called=first)
        assert queue(connection, me, asked, now, "zh").total == 1
        assert units.living_cases(connection, DISTRICT, (OTHER_GRID,)) == {}
        handed_out = handed.list_handed(connection, town.people[first], 1, now, "zh")
        assert {one.row["issue_id"] for one in handed_out.gone} == {reported[0], reported[2]}
        assert [one.row["issue_id"] for one in handed_out.waiting] == [reported[1]]
        assert handed_out.gone_total == 2
