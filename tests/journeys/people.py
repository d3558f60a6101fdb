"""Who uses the programs: a grid worker at a laptop, staff at the centre, both on real pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote

from demo.laptop import SyncEnd, Worker
from demo.pages import Page, Visitor
from tests.journeys.programs import PASSPHRASE, CentreProgram, LaptopProgram

Answers = dict[str, str | list[str]]

MET: Answers = {"mode": "door", "result": "met", "notice_given": "1"}
CHARGING = {
    "text": "三楼窗户拉线给电动车充电。",
    "place": "二单元门前",
    "level": "2",
    "urgency": "urgent",
}
ISSUE: Answers = {
    "category": "ENV",
    "title": "楼道口堆放旧沙发",
    "text": "旧沙发挡住单元门。",
    "place": "二单元门口",
    "level": "2",
    "urgency": "normal",
    "source": "patrol",
}


def words(html: str) -> str:
    """Return what a person reads of a page or a part of one, in one line."""
    visible = re.sub(r"<(script|style|head)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", visible)).split())


@dataclass(frozen=True)
class Sent:
    """One line of the outbox."""

    change_id: str
    state: str
    text: str


class GridWorker(Worker):
    """A worker at one laptop, who can do more than the demo shows."""

    def __init__(self, laptop: LaptopProgram, visitor: Visitor | None = None) -> None:
        super().__init__(laptop.address, visitor)
        self.laptop = laptop
        self.visitor: Visitor = self._visitor
        self.recovery_key = ""

    def move_in(self, centre: str, code: str, device: str = "三号机") -> SyncEnd:
        """Join, confirm the recovery key and wait for the first sync."""
        self.recovery_key = self.join(centre, code, PASSPHRASE, device).recovery_key
        end = self.watch()
        assert end.stage == "done", end
        return end

    def power_cut(self) -> None:
        """Kill the laptop, start it again and unlock."""
        self.laptop.kill()
        self.come_back()

    def come_back(self) -> None:
        """Start the laptop after it ended and unlock."""
        self.laptop.start()
        self.unlock(PASSPHRASE)

    def unlock_as(self, name: str) -> None:
        """Unlock a laptop that several workers share."""
        page = self.open("/unlock")
        known = re.findall(r'value="([0-9a-f-]{36})"[^>]*>\s*([^<]+?)\s*<', page.html)
        chosen = next(worker_id for worker_id, label in known if label == name)
        typed: Answers = {"worker_id": chosen, "passphrase": PASSPHRASE}
        page = self.visitor.submit(page, page.form("worker_id", "passphrase"), typed)
        assert page.path == "/", words(page.html)

    def open(self, path: str) -> Page:
        """Open a page of the laptop."""
        return self.visitor.open(path)

    def households(self, search: str) -> list[str]:
        """Return the ids of the households a search finds, in its order."""
        page = self.open(f"/visits?q={quote(search)}")
        hits = [
            value
            for form in page.forms
            if ("purpose", "care") not in form.fields
            for name, value in form.fields
            if name == "household_id"
        ]
        return list(dict.fromkeys(hits))

    def edit(self, kind: str, record_id: str, values: Answers) -> Page:
        """Change a record through its form."""
        page = self.open(f"/records/{kind}/{record_id}/edit")
        page = self.visitor.submit(page, page.form("_revision", "_act"), values, "_act=save")
        assert "已保存在本机" in page.html, words(page.html)
        return page

    def void(self, kind: str, record_id: str, reason: str) -> None:
        """Void a record, saying why."""
        page = self.open(f"/records/{kind}/{record_id}/void")
        page = self.visitor.submit(page, page.form("reason"), {"reason": reason})
        assert "已作废" in page.html, words(page.html)

    def photograph(self, path: str, *pictures: bytes) -> Page:
        """Add photos on a record's page; return the page it leads to."""
        page = self.open(path)
        form = next(form for form in page.forms if form.action.startswith("/photos/of/"))
        files = [("photo", (f"{number}.jpg", one)) for number, one in enumerate(pictures)]
        return self.visitor.submit(page, form, {"use": "scene"}, files=files)

    def outbox(self) -> list[Sent]:
        """Return the lines of the outbox, newest first."""
        _list, *lines = self.open("/outbox").html.split('<li data-change="')
        found = []
        for line in lines:  # a line may hold a list or a table of its own
            change_id, state, rest = re.split(r'" data-state="|">', line, maxsplit=2)
            found.append(Sent(change_id, state, words(rest.partition("</main>")[0])))
        return found

    def states(self) -> dict[str, str]:
        """Return the state of every change in the outbox."""
        return {line.change_id: line.state for line in self.outbox()}


class Staff:
    """Somebody at the centre's pages, of the community unless told otherwise."""

    def __init__(
        self, centre: CentreProgram, no: str = "demo-community", visitor: Visitor | None = None
    ) -> None:
        self.visitor = visitor or Visitor(centre.address)
        page = self.visitor.open("/sign-in")
        typed: Answers = {"no": no, "password": centre.world.password(no)}
        page = self.visitor.submit(page, page.form("no", "password"), typed)
        assert page.path in ("/", "/handed"), words(page.html)

    def open(self, path: str) -> Page:
        """Open a page of the centre."""
        return self.visitor.open(path)

    def read(self, path: str) -> str:
        """Return what stands on a page."""
        return words(self.open(path).html)

    @property
    def name(self) -> str:
        """What the person is called on every page."""
        found = re.search(r'class="who">\s*(.*?)</', self.visitor.open("/").html, re.DOTALL)
        assert found
        return words(found[1]).split()[0]

    def decide(self, record_id: str, choice: str, why: str) -> None:
        """Decide the one conflict of a record on the desk."""
        page = self.visitor.open(f"/conflicts/{record_id}")
        (conflict_id,) = set(re.findall(r'id="e-([0-9a-f-]{36})"', page.html))
        picked: Answers = {f"choice-{conflict_id}": choice, f"words-{conflict_id}": why}
        form = page.form(f"seen-{conflict_id}")
        page = self.visitor.submit(page, form, picked)
        assert page.status == 200, words(page.html)

    def changes_of_today(self) -> dict[str, str]:
        """Return every change uploaded today as its line says it, by change id."""
        uploads = self.visitor.open("/uploads")
        batches = dict.fromkeys(re.findall(r'href="(/uploads/[0-9a-f-]{36})"', uploads.html))
        found: dict[str, str] = {}
        for address in batches:
            page = self.visitor.open(address)
            rows = re.findall(r'<tr id="c-([^"]+)">(.*?)</tr>', page.html, re.DOTALL)
            found |= {change_id: words(row) for change_id, row in rows}
        return found
