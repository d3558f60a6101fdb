"""Power cuts: what a page confirmed is there afterwards, and arrives exactly once.

GRIDROUNDS_PAGE_KILLS sets the number of kills of the laptop (6 if unset); the centre is killed
half as often.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from demo.pages import Page, PageError, Visitor
from field_app.services.joining import Request
from field_app.services.records import save_record, unsent_count, views
from tests.field_app.laptops import Hands, Laptop
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.forks import Forked, ForkedCentre, ForkedLaptop, zygote
from tests.journeys.line import Line, Talk
from tests.journeys.people import ISSUE, Answers, GridWorker
from tests.journeys.programs import PASSPHRASE, ServedCentre
from tests.journeys.world import GRID, PERSONA, Books, World

ROUNDS = int(os.environ.get("GRIDROUNDS_PAGE_KILLS", "6"))
WINDOWS = 2
LONGEST_ROUND_S = 1.2

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.xdist_group("kills"),
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
]


class Window(threading.Thread):
    """A browser window that reports one issue after the other until the laptop is gone."""

    def __init__(self, worker: GridWorker, name: str) -> None:
        super().__init__(daemon=True)
        self._visitor = Visitor(worker.laptop.address)
        self._visitor._session.cookies.update(worker.visitor._session.cookies)
        self.name = name
        self.confirmed: list[str] = []
        self.drafted: list[str] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        """Type, keep as a draft, save; note what the pages confirmed."""
        number = 0
        try:
            while True:
                number += 1
                self._report(f"{self.name}-{number}")
        except requests.RequestException:
            pass  # the power is gone
        except Exception as error:
            self.failure = error

    def _report(self, title: str) -> None:
        page = self._visitor.open("/issues/new")
        self._press(page, ISSUE | {"title": title}, "keep")
        self.drafted.append(title)
        page = self._visitor.open(page.path)
        self._press(page, {}, "save")
        self.confirmed.append(title)

    def _press(self, page: Page, typed: Answers, act: str) -> None:
        """Press a button; the laptop has confirmed as soon as it leads to the next page."""
        form = page.form("_revision", "_act")
        fields = [(name, value) for name, value in form.fields if name not in typed]
        fields += [*typed.items(), ("_act", act)]
        answer = self._visitor._session.post(
            page.url,
            data=fields,
            headers={"Origin": self._visitor.base},
            allow_redirects=False,
            timeout=60,
        )
        if answer.status_code != 302:
            raise PageError(f"{act} at {page.url} answered {answer.status_code}")


@pytest.fixture(scope="module", autouse=True)
def _forks() -> Iterator[None]:
    """Let programs start at once."""
    with zygote() as Forked.zygote:
        yield


def test_what_a_page_confirmed_survives_a_kill_and_arrives_once(
    centre: ServedCentre, tmp_path: Path
) -> None:
    with ForkedLaptop(tmp_path) as laptop:
        laptop.start()
        cut_the_power(centre, GridWorker(laptop))


def cut_the_power(centre: ServedCentre, worker: GridWorker) -> None:
    rng = random.Random()
    worker.move_in(centre.address, centre.join_code(PERSONA))
    confirmed: list[str] = []
    drafted: list[str] = []
    rounds_with_saves = 0
    for number in range(ROUNDS):
        windows = [Window(worker, f"第{number}次断电{place}") for place in range(WINDOWS)]
        for window in windows:
            window.start()
        time.sleep(rng.uniform(0.05, LONGEST_ROUND_S))
        if rng.random() < 0.3:
            press_sync(worker)
        worker.laptop.kill()
        for window in windows:
            window.join()
            assert window.failure is None, window.failure
            confirmed += window.confirmed
            drafted += window.drafted
        rounds_with_saves += any(window.confirmed for window in windows)
        worker.come_back()
        check_there(worker, confirmed, drafted)
    assert rounds_with_saves > ROUNDS / 4

    end = worker.sync()
    assert end.stage == "done", end
    assert set(worker.states().values()) == {"stored"}
    arrived = titles(centre.books)
    assert set(confirmed) <= set(arrived)
    assert set(arrived.values()) == {1}
    worker.laptop.stop()
    check_effects(centre.books)
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)


def check_there(worker: GridWorker, confirmed: list[str], drafted: list[str]) -> None:
    """A saved issue is in the outbox, once; a kept draft is there or was saved meanwhile."""
    saved = Counter(line.text.split()[3] for line in worker.outbox())
    assert set(confirmed) <= set(saved)
    assert set(saved.values()) <= {1}
    today = worker.open("/").html
    missing = [one for one in drafted if one not in saved and one not in today]
    assert missing == []


def press_sync(worker: GridWorker) -> None:
    """Start a round without waiting for its end."""
    page = worker.open("/sync")
    form = next(form for form in page.forms if form.action.endswith("/sync"))
    worker.visitor.submit(page, form, {})


def titles(books: Books) -> Counter[str]:
    """Return how many issues of each title came from laptops."""
    rows = books.rows(
        "SELECT fields FROM records WHERE record_id IN"
        " (SELECT record_id FROM changes WHERE kind = 'issue' AND device_id IS NOT NULL)"
    )
    return Counter(json.loads(row["fields"])["title"] for row in rows)


def test_a_centre_killed_in_the_middle_of_exchanges_loses_nothing(
    world: World, tmp_path: Path
) -> None:
    with ForkedCentre(tmp_path, world) as centre:
        cut_exchanges(centre, tmp_path)


def cut_exchanges(centre: ForkedCentre, tmp_path: Path) -> None:
    rng = random.Random()
    centre.add_worker("W900001", "王小样", GRID)
    laptops = [Laptop(tmp_path / no, clock_of_now()) for no in (PERSONA, "W900001")]
    centre.start()
    for laptop, no in zip(laptops, (PERSONA, "W900001"), strict=True):
        asked = Request(centre.address, centre.join_code(no), PASSPHRASE, PASSPHRASE, no)
        laptop.desk.join(asked, laptop.call)
        assert laptop.sync().stage == "done"
    households = [view["record_id"] for view in views(laptops[0].ws, "household")][:20]
    made: list[str] = []
    broken_off = 0
    for _ in range(max(ROUNDS // 2, 1)):
        for laptop in laptops:
            for _ in range(40):
                made.append(change(laptop, rng.choice(households), len(made)))
            laptop.ws.keep_setting("identity", max_changes=3)  # many exchanges a round
        rounds = [threading.Thread(target=laptop.sync, daemon=True) for laptop in laptops]
        for one in rounds:
            one.start()
        time.sleep(rng.uniform(0.02, 0.5))
        centre.kill()
        for one in rounds:
            one.join()
        broken_off += any(unsent_count(laptop.ws) for laptop in laptops)
        centre.start()
    assert broken_off > 0

    for laptop in (*laptops, *laptops):
        told = laptop.sync()
        assert (told.stage, told.error) == ("done", "")
    assert sorted(row["change_id"] for row in centre.books.device_changes()) == sorted(made)
    check_effects(centre.books)
    for laptop in laptops:
        assert unsent_count(laptop.ws) == 0
        check_agreement(laptop.ws, centre.books)
        laptop.close()


def clock_of_now() -> Hands:
    hands = Hands()
    hands.wall = datetime.now(UTC)
    return hands


def change(laptop: Laptop, household: str, number: int) -> str:
    laptop.hands.passes(0.01)
    fields = {"phone": f"139{number:08d}"} if number % 2 else {"remarks": f"第{number}次"}
    saved = save_record(laptop.ws, "household", "update", fields, record_id=household)
    assert saved.saved, saved.problems
    return str(saved.change_id)


def test_a_laptop_killed_in_the_middle_of_a_round_tells_of_it_once(
    centre: ServedCentre, tmp_path: Path
) -> None:
    with Line(centre.address) as line, ForkedLaptop(tmp_path) as laptop:
        laptop.start()
        worker = GridWorker(laptop)
        worker.move_in(line.address, centre.join_code(PERSONA))
        assert cut_short(worker) == 0
        for number in (1, 2):
            worker.report(ISSUE)
            cut_in_the_middle(worker, line)
            assert cut_short(worker) == number
        worker.power_cut()
        assert worker.sync().stage == "done"
        assert cut_short(worker) == 2
        assert set(worker.states().values()) == {"stored"}


def cut_in_the_middle(worker: GridWorker, line: Line) -> None:
    """Kill the laptop while the centre's answer is on its way, and come back."""
    reached, gone = threading.Event(), threading.Event()

    def held_up(talk: Talk) -> None:
        talk.carry()
        reached.set()
        gone.wait(60)
        talk.hang_up()

    line.faults.append(held_up)
    press_sync(worker)
    assert reached.wait(60)
    worker.laptop.kill()
    gone.set()
    worker.come_back()


def cut_short(worker: GridWorker) -> int:
    """Return of how many rounds the history says that they were cut short."""
    return worker.open("/sync").html.partition('id="history"')[2].count(">被中断</td>")
