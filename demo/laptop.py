"""A worker at the laptop: what they click, step by step, on the real pages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape

from demo.pages import Form, Page, PageError, Visitor

SYNC_S = 600
Told = Callable[[int, int, int], None]
"""Told how a sync goes: confirmed, total, updates received."""


@dataclass(frozen=True)
class Joined:
    """What the worker has to remember: the passphrase and the recovery key on paper."""

    passphrase: str
    recovery_key: str


@dataclass(frozen=True)
class SyncEnd:
    """How a sync round ended, as its page says."""

    stage: str
    confirmed: int
    total: int
    words: str


class Worker:
    """One worker in front of one laptop program."""

    def __init__(self, address: str, visitor: Visitor | None = None) -> None:
        self._visitor = visitor or Visitor(address)

    def join(self, centre: str, code: str, passphrase: str, device: str) -> Joined:
        """Join by code, copy the recovery key and prove it; raise PageError."""
        page = self._visitor.open("/join")
        typed: dict[str, str | list[str]] = {
            "server_url": centre,
            "code": code,
            "device_name": device,
            "passphrase": passphrase,
            "repeated": passphrase,
        }
        page = self._visitor.submit(page, page.form("code", "passphrase"), typed)
        found = re.search(r'id="recovery-key"[^>]*>([^<]+)<', page.html)
        if not found:
            raise PageError(f"{page.url} shows no recovery key")
        groups = found.group(1).strip().split("-")
        form = next(form for form in page.forms if any(n.startswith("group") for n in form.names))
        asked = [name for name in form.names if name.startswith("group")]
        answer: dict[str, str | list[str]] = {name: groups[int(name[5:])] for name in asked}
        self._visitor.submit(page, form, answer)
        return Joined(passphrase, "-".join(groups))

    def unlock(self, passphrase: str) -> None:
        """Unlock after a restart; raise PageError."""
        page = self._visitor.open("/unlock")
        form = page.form("worker_id", "passphrase")
        page = self._visitor.submit(page, form, {"passphrase": passphrase})
        if page.path == "/unlock":
            raise PageError("the passphrase does not unlock")

    def sync(self, told: Told = lambda confirmed, total, received: None) -> SyncEnd:
        """Press the button unless a round runs already, and watch it to its end."""
        page = self._visitor.open("/sync")
        if not _progress(page)["running"]:
            form = next(form for form in page.forms if form.action.endswith("/sync"))
            page = self._visitor.submit(page, form, {})
        return self.watch(told)

    def watch(self, told: Told = lambda confirmed, total, received: None) -> SyncEnd:
        """Watch the running round to its end; raise PageError after ten minutes."""
        deadline = time.monotonic() + SYNC_S
        while time.monotonic() < deadline:
            page = self._visitor.open("/sync/progress")
            state = _progress(page)
            told(int(state["confirmed"]), int(state["total"]), int(state["received"]))
            if not state["running"]:
                words = re.findall(r'role="alert">(.*?)</p>', page.html, re.DOTALL)
                return SyncEnd(
                    str(state["stage"]),
                    int(state["confirmed"]),
                    int(state["total"]),
                    unescape(" ".join(word.strip() for word in words)),
                )
            time.sleep(0.3)
        raise PageError("the sync round did not end")

    def unsent(self) -> int:
        """Return the number beside 未上传."""
        found = re.search(r'id="unsent-count">(\d+)<', self._visitor.open("/outbox").html)
        return int(found.group(1)) if found else 0

    def patrol(self, item: str, issue: dict[str, str], fixed: str, note: str) -> None:
        """Walk a patrol: report ``item`` as ``issue`` on the spot, ``fixed`` was put right."""
        page = self._visitor.open("/")
        page = self._visitor.submit(page, _form_to(page, "/patrols/start"), {})
        page = self._visitor.submit(page, _paper(page), {}, f"_act=report:{item}")
        page = self._visitor.submit(
            page,
            _paper(page),
            {f"issue-{item}:{name}": value for name, value in issue.items()},
            "_act=back",
        )
        done: dict[str, str | list[str]] = {
            f"items.{fixed}.result": "problem_fixed",
            f"items.{fixed}.note": note,
        }
        page = self._visitor.submit(page, _paper(page), done, "_act=all_ok")
        page = self._visitor.submit(
            page, _paper(page), {"summary": "全程无异常，一处已上报。"}, "_act=save"
        )
        _expect_saved(page)

    def visit_due(self, answers: dict[str, str | list[str]]) -> None:
        """Visit the last of those whose care visit is due soon: who is due today is left to the
        spectators (docs/demo-day.md)."""
        page = self._visitor.open("/visits")
        due = [form for form in page.forms if ("purpose", "care") in form.fields]
        if not due:
            raise PageError("no care visit is due")
        self._visit(self._visitor.submit(page, due[-1], {}), answers)

    def visit_found(
        self,
        search: str,
        answers: dict[str, str | list[str]],
        *,
        at: int = 0,
        household: dict[str, str] | None = None,
    ) -> None:
        """Search for a household, visit the hit number ``at``, changing its facts on the way."""
        page = self._visitor.open(f"/visits?q={search}")
        hits = [
            form
            for form in page.forms
            if "household_id" in form.names and ("purpose", "care") not in form.fields
        ]
        if len(hits) <= at:
            raise PageError(f"{search} finds only {len(hits)}")
        page = self._visitor.submit(page, hits[at], {})
        if household:
            page = self._visitor.submit(page, _paper(page), answers, "_act=household")
            prefix = next(n for n in _paper(page).names if n.endswith(":phone")).split(":")[0]
            answers = {f"{prefix}:{name}": value for name, value in household.items()}
        self._visit(page, answers)

    def _visit(self, page: Page, answers: dict[str, str | list[str]]) -> None:
        form = _paper(page)
        checks = [name for name in form.names if re.match(r"care_checks\..*\.state$", name)]
        ticks: dict[str, str | list[str]] = dict.fromkeys(checks, "well")
        _expect_saved(self._visitor.submit(page, form, ticks | answers, "_act=save"))

    def report(self, answers: dict[str, str | list[str]]) -> None:
        """Report an issue found on the way."""
        page = self._visitor.open("/issues/new")
        _expect_saved(self._visitor.submit(page, _paper(page), answers, "_act=save"))


def _progress(page: Page) -> dict[str, str | int | bool]:
    found = dict(re.findall(r'data-(stage|running|confirmed|total|received)="([^"]*)"', page.html))
    if "stage" not in found:
        raise PageError(f"{page.url} shows no progress")
    return {**found, "running": found["running"] == "1"}


def _form_to(page: Page, action: str) -> Form:
    for form in page.forms:
        if form.action == action:
            return form
    raise PageError(f"{page.url} has no form to {action}")


def _paper(page: Page) -> Form:
    """Return the form of a draft; its revision tells it from the page's other forms."""
    return page.form("_revision", "_act")


def _expect_saved(page: Page) -> None:
    if "/draft" in page.path or "_revision" in page.html:
        wrong = re.findall(r'class="problem"[^>]*>([^<]+)<', page.html)
        raise PageError(f"{page.url} was not saved: {' '.join(wrong[:3])}")
