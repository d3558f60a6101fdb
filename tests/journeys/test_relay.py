"""A week without a link: records travel on sticks, beside the link and instead of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.pages import Page
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import CHARGING, MET, GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import NAME

pytestmark = pytest.mark.journey

DAYS = 7


class Stick:
    """A stick that goes from a laptop to the community's office and back."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def files(self, suffix: str) -> list[Path]:
        """Return the files of a kind, the oldest first."""
        return sorted(self.folder.glob(f"*{suffix}"), key=lambda one: one.stat().st_mtime_ns)

    def write(self, worker: GridWorker) -> Path:
        """Have the laptop write what is unsent; return the file."""
        before = set(self.files(".gridbatch"))
        page = worker.open("/relay")
        page = worker.visitor.submit(page, page.form("folder"), {"folder": str(self.folder)})
        assert "可以拔出U盘" in page.html, words(page.html)
        [file] = set(self.files(".gridbatch")) - before
        return file

    def hand_in(self, staff: Staff, file: Path) -> tuple[Path, Page]:
        """Have somebody take the file in on the staff's page and save the receipt."""
        visitor = staff.visitor
        form = visitor.open("/relay").form("csrf_token", "file")
        with open(file, "rb") as content:
            answer = visitor._session.post(
                f"{visitor.base}/relay", data=form.fields, files={"file": (file.name, content)},
                headers={"Referer": f"{visitor.base}/relay"}, timeout=60,
            )  # fmt: skip
        page = visitor._page(answer)
        [link] = re.findall(r'id="receipt" href="([^"]+)"', page.html)
        fetched = visitor._session.get(visitor.base + link, timeout=60)
        receipt = file.with_suffix(".gridreceipt")
        receipt.write_bytes(fetched.content)
        return receipt, page

    def read_in(self, worker: GridWorker, receipt: Path) -> str:
        """Have the laptop read a receipt in; return what it says."""
        page = worker.open("/relay")
        visitor = worker.visitor
        form = page.form("csrf_token", "file")
        with open(receipt, "rb") as content:
            answer = visitor._session.post(
                f"{visitor.base}/relay/take", data=form.fields,
                files={"file": (receipt.name, content)},
                headers={"Origin": visitor.base.rstrip("/")}, timeout=60,
            )  # fmt: skip
        return words(answer.text)


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    """An empty stick."""
    return Stick(tmp_path / "stick")


def work(worker: GridWorker, day: int) -> None:
    """Do one day's work."""
    if day == 0:
        worker.patrol("ebike", CHARGING, "environment", "垃圾已清理。")
    if day == 1:
        worker.visit_found("502", MET | {"findings": "一切都好。"}, at=0)
    household = worker.households("502")[1]
    worker.edit("household", household, {"phone": f"1380000{day:04d}"})


def compare(centre: CentreProgram, worker: GridWorker) -> None:
    """Nothing is unsent, every figure of the laptop is the centre's, and every record is equal."""
    assert worker.unsent() == 0
    check_effects(centre.books)
    worker.laptop.stop()
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)
    worker.come_back()


def test_a_week_by_stick_alone(
    centre: CentreProgram, new_worker: Callable[..., GridWorker], stick: Stick
) -> None:
    worker, staff = new_worker(), Staff(centre)
    made = 0
    for day in range(DAYS):
        work(worker, day)
        unsent = worker.unsent()
        assert unsent > 0
        file = stick.write(worker)
        assert worker.unsent() == unsent
        assert set(worker.states().values()) <= {"local", "stored"}
        receipt, page = stick.hand_in(staff, file)
        assert "已收入" in page.html
        assert NAME in page.html
        assert centre.books.outcomes() == {"applied": made + unsent}
        told = stick.read_in(worker, receipt)
        assert f"确认{unsent}条记录" in told
        made += unsent
        assert set(worker.states().values()) == {"stored"}
    compare(centre, worker)
    assert centre.books.outcomes() == {"applied": made}
    roads = {row["road"] for row in centre.books.rows("SELECT road FROM batches")}
    assert roads == {"relay"}
    dumped = centre.books.dump()
    assert worker.sync().confirmed == 0  # the link has nothing to add
    assert centre.books.dump() == dumped


def test_sticks_and_link_in_any_order(
    centre: CentreProgram, new_worker: Callable[..., GridWorker], stick: Stick
) -> None:
    worker, colleague = new_worker(), new_worker("W900001", "王小样")
    staff = Staff(centre)
    work(worker, 1)
    first = stick.write(worker)  # lost for two days
    work(worker, 2)
    assert worker.sync().stage == "done"
    household = colleague.households("502")[1]
    colleague.edit("household", household, {"phone": "13911112222"})
    assert colleague.sync().stage == "done"
    old, page = stick.hand_in(staff, first)
    assert "重复" in page.html
    work(worker, 3)
    second = stick.write(worker)
    work(worker, 4)
    assert worker.sync().stage == "done"
    newer, _ = stick.hand_in(staff, second)
    again, page = stick.hand_in(staff, first)
    assert "已经收过，没有重复入库" in page.html
    changes = Counter(row["change_id"] for row in centre.books.device_changes())
    assert set(changes.values()) == {1}
    before = worker.states()
    for receipt in (newer, old):
        assert "较旧的更新没有采用" in stick.read_in(worker, receipt)
    assert "已经在" in stick.read_in(worker, again)
    assert "不是给本机这位网格员的" in stick.read_in(colleague, newer)
    assert worker.states() == before
    for one in (worker, colleague, worker):
        assert one.sync().stage == "done"
    compare(centre, worker)
    compare(centre, colleague)


def test_by_command_on_both_sides(
    centre: CentreProgram, new_worker: Callable[..., GridWorker], stick: Stick
) -> None:
    worker = new_worker()
    work(worker, 1)
    made = worker.unsent()
    worker.laptop.stop()
    said = worker.laptop.command("relay-out", str(stick.folder))
    assert said.status == 0, said.err
    assert "可以拔出" in said.out
    [file] = stick.files(".gridbatch")
    receipt = stick.folder / "back.gridreceipt"
    assert re.search(
        rf"applied +{made}\b", centre.command("relay", str(file), "--out", str(receipt))
    )
    spoilt = stick.folder / "spoilt.gridreceipt"
    spoilt.write_bytes(receipt.read_bytes()[:-1])
    said = worker.laptop.command("relay-in", str(spoilt))
    assert (said.status, "没有记下任何内容" in said.err) == (1, True)
    said = worker.laptop.command("relay-in", str(receipt))
    assert said.status == 0, said.err
    assert f"confirmed: {made}" in said.out
    worker.come_back()
    compare(centre, worker)


def test_a_revoked_laptop_hands_over_what_it_has(
    centre: CentreProgram, new_worker: Callable[..., GridWorker], stick: Stick
) -> None:
    """F15: revoked while work is unsent. It is kept for staff, the laptop is told so, and only then
    can its data be destroyed, by words typed on purpose."""
    worker, staff = new_worker(), Staff(centre)
    work(worker, 1)
    made = worker.unsent()
    [device] = centre.books.rows("SELECT device_id FROM devices")
    page = staff.visitor.open(f"/devices/{device['device_id']}")
    staff.visitor.submit(page, page.form("state"), {"state": "revoked"})
    assert "停用" in worker.sync().words
    page = worker.open("/revoked")
    assert f"还有{made}条记录" in words(page.html)
    assert 'name="words"' not in page.html
    receipt, page = stick.hand_in(staff, stick.write(worker))
    assert "这台终端已停用" in page.html
    assert f"确认{made}条记录" in stick.read_in(worker, receipt)
    assert worker.unsent() == 0
    assert centre.books.outcomes() == {"quarantined": made}
    assert "停用" in words(worker.open("/sync").html)
    page = worker.open("/revoked")
    assert "都已确认到达服务器" in words(page.html)
    page = worker.visitor.submit(page, page.form("words"), {"words": "销毁本机数据"})
    assert "本机数据已销毁" in words(page.html)
    assert list((worker.laptop.data / "workers").iterdir()) == []
    assert centre.books.outcomes() == {"quarantined": made}
