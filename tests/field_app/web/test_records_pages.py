"""Every record page in both languages: nothing untranslated, all labelled, nothing inline."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from field_app.services.records import save_record
from schemas.catalogue import extended
from tests.field_app.forms import Paper
from tests.field_app.laptops import Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import fill, pull_in, rid
from tests.schemas.samples import Pet

HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
HOME = rid("household", 1)


def latin(text: str) -> str:
    """Write a text of the small grid without Chinese characters."""
    return HAN.sub("q", text)


class Outline(HTMLParser):
    """What keyboards and screen readers need of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.controls: list[dict[str, str]] = []
        self.described: list[str] = []
        self.inline: list[str] = []
        self._labels = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if "id" in at:
            self.ids.append(at["id"])
        self.described += at.get("aria-describedby", "").split()
        self.inline += [name for name in at if name == "style" or re.match("on[a-z]", name)]
        if tag in ("style", "script") and "src" not in at:
            self.inline.append(tag)
        if tag == "label":
            self._labels += 1
            self.targets.append(at.get("for", ""))
        if tag in ("input", "select", "textarea") and at.get("type") != "hidden":
            self.controls.append(at | {"wrapped": "yes" if self._labels else ""})

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._labels -= 1


def problems_of(page: str) -> list[str]:
    """Return what is wrong with a page for somebody without a mouse or without sight."""
    outline = Outline()
    outline.feed(page)
    found = [f"{tag}: {outline.tags[tag]}" for tag in ("h1", "main") if outline.tags[tag] != 1]
    found += [f"id twice: {one}" for one, times in Counter(outline.ids).items() if times > 1]
    found += [f"inline {one}" for one in outline.inline]
    for one in outline.controls:
        labelled = one["wrapped"] or "aria-label" in one or one.get("id") in outline.targets
        if not labelled:
            found.append(f"no label: {one.get('name')}")
    missing = set(outline.described) - set(outline.ids)
    return found + [f"described by nothing: {one}" for one in missing]


def every_page(at: Laptop) -> dict[str, str]:
    """Return every record page by name, forms refused and forms with entries among them."""
    browser, ws = at.browser, at.ws

    def text_of(path: str) -> str:
        answer = browser.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        return answer.text

    pages = {
        path: text_of(path)
        for path in (
            "/", "/patrols", "/visits?q=1-1-201", "/visits?q=zzz", "/issues", "/base", "/base?q=q",
            f"/base/compounds/{rid('compound', 1)}", f"/base/buildings/{rid('building', 1)}",
            f"/base/households/{HOME}", f"/records/household/{HOME}/void", "/records/household/",
            "/records/resident/?page=2", f"/records/resident/{rid('resident', 1)}",
            f"/records/compound/{rid('compound', 1)}/edit", "/records/household/new",
            "/records/care/new", "/records/building/new", "/records/pet/", "/records/pet/new",
        )
    }  # fmt: skip
    patrol = Paper.open(browser, browser.post("/patrols/start").location)
    pages["patrol"] = patrol.page.text
    issue = patrol.press_on("report:ebike")
    pages["patrol issue"] = issue.press("back").text
    pages["patrol reported"] = text_of(patrol.action)
    pages["patrol late"] = Paper.open(
        browser, browser.post("/patrols/start", {"slot": "1", "day": "2026-09-29"}).location
    ).press().text  # fmt: skip
    visit = Paper.open(browser, browser.post("/visits/start", {"household_id": HOME}).location)
    for act in ("issue", "household", "resident", f"moved:{rid('resident', 2)}", "add:opinions"):
        visit = visit.press_on(act)
    pages["visit"] = visit.page.text
    pages["visit refused"] = visit.press().text
    pages["issue refused"] = Paper.open(browser, "/issues/new").press().text
    pages["pet refused"] = (
        Paper.open(browser, "/records/pet/new").press_on("add:feedings").press().text
    )
    number = save_record(ws, "household", "update", {"phone": "12345"}, record_id=HOME)
    assert number.saved
    pages["household changed"] = text_of(f"/base/households/{HOME}")
    issue_id = rid("issue", 1)
    pull_in(ws, "issue", issue_id, {
        "title": "t", "category": "ENV", "level": "1", "urgency": "normal", "source": "patrol",
    }, author=ws.worker_id)  # fmt: skip
    step = {
        "issue_id": issue_id,
        "action": "return",
        "at": "2026-09-30T08:00:00+08:00",
        "text": "t",
    }
    pull_in(ws, "issue_step", rid("issue_step", 1), step)
    pages["issue"] = text_of(f"/issues/{issue_id}")
    start = browser.post(f"/issues/{issue_id}/step", {"action": "resend"})
    pages["step"] = text_of(start.location)
    draft = Paper.open(browser, "/records/shop/new").fill(name="n")
    other = Paper.open(browser, f"/drafts/{draft.draft_id}")
    other.fill(name="m").keep()
    pages["overtaken draft"] = draft.press().text
    pages["discard"] = text_of(f"/drafts/{draft.draft_id}/discard")
    pages["today again"] = text_of("/")
    return pages


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_labelled_and_speaks_one_language(laptop: Laptop, lang: str) -> None:
    sign_in(laptop, latin)
    laptop.ws.keep_setting("identity", worker_name="Lin")
    laptop.browser.post("/language", {"lang": lang, "next": "/"}, seen="/")
    with extended(Pet):
        pages = every_page(laptop)
    assert {name: found for name, page in pages.items() if (found := problems_of(page))} == {}
    if lang == "en":
        left = {name: found for name, page in pages.items() if (found := chinese(page))}
        assert left == {}


def chinese(page: str) -> set[str]:
    """Return the Chinese left in a page besides the switch and what workers typed in Chinese."""
    body = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", page)
    # The title of an issue is content: it is guessed in the language records are written in.
    body = body.replace("电动车飞线充电", "")
    return set(re.findall("[\u3400-\u9fff]+", body))


def test_the_small_grid_can_be_written_in_latin_letters(laptop: Laptop) -> None:
    fill(laptop.ws.db, latin)
    assert not HAN.search(str(laptop.ws.table("resident").all()))
