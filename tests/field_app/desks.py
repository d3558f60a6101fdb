"""Staff at the centre's desks, deciding what laptops sent."""

from __future__ import annotations

from typing import Any

from field_app.services.outbox import detail
from field_app.services.records import Saved, save_record
from sync_server.services import accounts, conflict_desk, decisions, holdings, refused
from sync_server.services.accounts import User
from sync_server.services.decisions import Pick
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import ISSUE, NEXT_GRID, Laptop
from tests.sync_server.world import COMMUNITY, DISTRICT

PHONE, OTHER_PHONE, THIRD = "13900001111", "13900002222", "13900003333"


class Desk:
    """One person of the community's staff, with the centre of a line."""

    def __init__(self, line: CentreLine) -> None:
        self.line = line
        self.store = line.centre.store
        with self.store.writing() as connection:
            self.person: User = accounts.add_user(
                connection, DISTRICT, no="s1", name="王社区", role="community",
                scope_codes=[COMMUNITY], now=line.hands(), kind="staff",
            )  # fmt: skip

    def decide(self, record_id: str, choice: Any, **more: Any) -> None:
        """Choose the same for every conflict of a record, decided ones too."""
        with self.store.reading() as connection:
            desk = conflict_desk.open_desk(connection, self.person, record_id, "zh")
        picks = {one.conflict_id: Pick(choice, one.seen, **more) for one in desk.entries}
        wrong = decisions.decide(
            self.store, self.person, record_id, picks, self.line.hands(), "zh"
        )  # fmt: skip
        assert wrong == {}

    def answers(self, record_id: str) -> list[tuple[str, str]]:
        """What workers answered to what they were asked about a record's conflicts."""
        with self.store.reading() as connection:
            desk = conflict_desk.open_desk(connection, self.person, record_id, "zh")
        return [(said.answer, said.reply) for one in desk.entries for said in one.asked]

    def send_back(self, change_id: str, words: str, **marked: str) -> None:
        """Ask the writer of a refused change to correct it."""
        refused.send_back(
            self.store, self.person, change_id, self._seen(change_id), words, marked,
            self.line.hands(),
        )  # fmt: skip

    def dismiss(self, change_id: str, words: str) -> None:
        """Do not take a refused change."""
        seen = self._seen(change_id)
        refused.dismiss(self.store, self.person, change_id, seen, words, self.line.hands())

    def release(self, change_id: str) -> None:
        """Let a refused change in as it is."""
        form = refused.release(
            self.store, self.person, change_id, self._seen(change_id), lambda name: [], [],
            self.line.hands(), "zh",
        )  # fmt: skip
        assert form is None

    def reassign(self, worker: User, *grids: str) -> None:
        """Give a worker these grids and no others."""
        with self.store.writing() as connection:
            holdings.reassign(connection, DISTRICT, worker.user_id, grids, self.line.hands())

    def _seen(self, change_id: str) -> str:
        with self.store.reading() as connection:
            return refused.open_case(connection, self.person, change_id, "zh").seen


def edit(laptop: Laptop, record_id: str, **values: Any) -> str:
    """Change a household on a laptop; return the change."""
    saved = save_record(laptop.ws, "household", "update", values, record_id=record_id)
    assert saved.change_id, saved.problems
    return saved.change_id


def refused_issue(laptop: Laptop) -> Saved:
    """Save a record the centre refuses: it lies in a grid that is not the worker's."""
    laptop.ws.keep_setting("identity", grids=[NEXT_GRID])
    saved = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    laptop.sync()
    return saved


def told(laptop: Laptop, change_id: str) -> tuple[str, list[str], list[tuple[str, str]]]:
    """State, what became of the phone, and who decided in which words."""
    found = detail(laptop.ws, change_id).item
    return (found.state, [pair.fate for pair in found.pairs],
            [(one.by, one.words) for one in found.rulings])  # fmt: skip


def line_worker(line: CentreLine, laptop: Laptop) -> User:
    """Return the worker of a laptop as the centre knows him."""
    with line.centre.store.reading() as connection:
        return accounts.get_user(connection, line.centre.code, laptop.ws.worker_id)
