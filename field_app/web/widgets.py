"""Between posted forms and drafts: reading what a window sent, drawing the parts of a draft."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from jinja2.filters import do_filesizeformat
from werkzeug.datastructures import MultiDict

from field_app.domain.shown_texts import shown_marks
from field_app.domain.taken_back import mark_of
from field_app.domain.typed import Texts, asked
from field_app.services import outbox
from field_app.services.areas import area_name
from field_app.services.base_data import may
from field_app.services.corrections import Asked, corrections_about, marks_for
from field_app.services.drafts import MAIN, Draft, Finished, Part, Typed
from field_app.services.given_entries import given_entries
from field_app.services.issues import PHOTO_WANTED
from field_app.services.likely import Likely
from field_app.services.record_forms import (
    FIND,
    Box,
    Sheet,
    boxes,
    html_id,
    problems_by_control,
)
from field_app.services.titles import title_of
from field_app.services.workspace import Workspace
from field_app.web.i18n import language
from field_app.web.session import workspace
from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI, read_moment
from schemas.exchange import ordinal
from schemas.fields.base import UUID
from schemas.kind import Kind
from schemas.messages import Problem

pages = Blueprint("widgets", __name__)

TONES = {
    "local": "warning", "received": "info", "stored": "success", "seen": "success",
    "conflict": "danger", "refused": "danger", "declined": "dark",
}  # fmt: skip
HOME_PAGES = {
    "household": "base_data.household",
    "building": "base_data.building",
    "compound": "base_data.compound",
    "issue": "issues.show",
    "service": "service_requests.show",
}
"""Kinds with a page of their own; every other record has the general one."""
GRID_MENU = html_id("_grid")
"""The html id of the menu that asks for a new record's grid."""


@dataclass
class Paper:
    """One part of a draft as a template draws it; ``general`` is about the part as a whole."""

    prefix: str
    part: Part
    kind: type[Kind]
    boxes: list[Box]
    general: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Box:
        """Return the box of a field."""
        return next(box for box in self.boxes if box.name == self.prefix + name)

    def get(self, name: str) -> Box | None:
        """Return the box of a field, None when this form does not ask it."""
        return next((box for box in self.boxes if box.name == self.prefix + name), None)

    def pick(self, *names: str) -> list[Box]:
        """Return the boxes of these fields, in this order."""
        return [box for name in names if (box := self.get(name)) is not None]

    def rest(self, *names: str) -> list[Box]:
        """Return the boxes of all other fields."""
        taken = {self.prefix + name for name in names}
        return [box for box in self.boxes if box.name not in taken]


@dataclass
class FormPage:
    """What a form's template is given besides its own facts."""

    draft: Draft
    papers: dict[str, Paper]
    faults: list[tuple[str, str, str]]
    """What was refused: html id of the control, its label, the sentence."""
    tab: str
    shown: str = ""
    """Marks of what this window was drawn with, as the form sends them back."""
    late: tuple[tuple[str, str, str], ...] = ()
    """Where a window that came too late says otherwise than the record: html id, label, what the
    record says."""
    newer: str | None = None
    """When another window kept a newer content (hh:mm), None when not."""
    overtaken: bool = False
    asks_why: bool = False
    """Whether a photo that is usual is missing, so that the reason is asked for."""
    asked: tuple[Asked, ...] = ()
    """What staff ask about the first part's record."""
    likely: dict[str, tuple[Likely, ...]] = field(default_factory=dict)
    """By part, the records a new one may be."""
    left_out: int = 0
    """How many items have no answer, where that is asked about before anything is saved."""

    @property
    def main(self) -> Paper:
        """The first part."""
        return self.papers[MAIN]


def typed_now() -> Typed:
    """Return what the present request posted."""
    form = request.form
    revision = form.get("_revision", "0")
    return Typed(
        texts=_by_part(form),
        revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
        tab=form.get("_tab", "")[:64],
        force=form.get("_force") == "1",
        finds=_finds(form),
        grid=form.get("_grid"),
        no_photo=form["_no_photo"].strip() if "_no_photo" in form else None,
        apart=tuple(one for one in form.getlist("_apart") if UUID.match(one))[:50],
        shown=_shown(form.get("_shown", "")),
    )


def _shown(posted: str) -> dict[str, dict[str, str]]:
    """Return marks by part from what a form sends back; a part without texts is there too."""
    marks: dict[str, dict[str, str]] = {}
    for one in posted.split():
        full, _sign, mark = one.rpartition("=")
        prefix, name = split_name(full)
        marks.setdefault(prefix, {}).update({name: mark} if name else {})
    return marks


def _drawn(draft: Draft) -> str:
    """Return the marks a form carries. A window that is drawn again keeps those it began with:
    what was typed in it since goes on being its own."""
    carried = request.form.get("_shown", "")
    known = _shown(carried)
    written = [carried] if carried else []
    for prefix, part in draft["parts"].items():
        if prefix in known:
            continue
        marks = shown_marks(draft["draft_id"], part["texts"])
        if prefix == MAIN and part["grid"]:
            marks["_grid"] = mark_of(draft["draft_id"], [part["grid"]])
        written += [f"{prefix}=", *(f"{prefix}{name}={mark}" for name, mark in marks.items())]
    return " ".join(written)


def split_name(name: str) -> tuple[str, str]:
    """Return ``(prefix, control)`` of a posted control's name."""
    end = name.rfind(":") + 1
    return name[:end], name[end:]


def _by_part(form: MultiDict[str, str]) -> dict[str, Texts]:
    texts: dict[str, Texts] = {}
    for full, posted in form.lists():
        if full.startswith("_") or full == "csrf_token":
            continue
        prefix, name = split_name(full)
        texts.setdefault(prefix, {})[name] = list(posted)
    return texts


def _finds(form: MultiDict[str, str]) -> dict[str, dict[str, str]]:
    finds: dict[str, dict[str, str]] = {}
    for full, posted in form.items():
        if full.startswith(FIND):
            prefix, name = split_name(full[len(FIND) :])
            finds.setdefault(prefix, {})[name] = posted[:80]
    return finds


def form_page(
    ws: Workspace,
    draft: Draft,
    finished: Finished | None = None,
    *,
    only: str | None = None,
) -> FormPage:
    """Return the form of a draft, with what ``finished`` says was refused.

    ``only`` draws one part alone.
    """
    papers = {
        prefix: _paper(ws, prefix, part, finished)
        for prefix, part in draft["parts"].items()
        if only is None or prefix == only
    }
    # Records that are saved together lack the same grid: that is said once.
    faults = list(dict.fromkeys(fault for paper in papers.values() for fault in _faults(paper)))
    return FormPage(
        draft=draft,
        papers=papers,
        faults=faults,
        tab=request.form.get("_tab") or secrets.token_hex(8),
        shown=_drawn(draft),
        late=tuple(spot for paper in papers.values() for spot in _late(paper)),
        overtaken=bool(finished and finished.overtaken),
        asks_why=_asks_why(finished),
        asked=_asked(ws, draft["parts"][MAIN]),
        likely=finished.likely if finished else {},
        left_out=finished.left_out if finished else 0,
    )


def _asks_why(finished: Finished | None) -> bool:
    said = finished.problems.get(MAIN, []) if finished else []
    return any(one.problem.code == PHOTO_WANTED for one in said)


def _asked(ws: Workspace, part: Part) -> tuple[Asked, ...]:
    """Return the open corrections about a part's record; there is none about a new one."""
    if part["action"] != "update":
        return ()
    return tuple(one for one in corrections_about(ws, part["record_id"]) if one.open)


def _paper(ws: Workspace, prefix: str, part: Part, finished: Finished | None) -> Paper:
    kind = kind_of(part["kind"])
    problems = (
        problems_by_control(kind, finished.problems.get(prefix, []), ws.lang) if finished else {}
    )
    if finished:
        for path in finished.overtaken.get(prefix, []):
            problems.setdefault(path, []).append(
                _("填写期间此项已有新的内容，请核对；再按保存则以您填的为准。")
            )
    updates = part["action"] == "update"
    drawn = boxes(
        ws,
        Sheet(
            kind,
            part["texts"],
            prefix,
            problems,
            asked=marks_for(ws, part["record_id"], kind.declared()) if updates else {},
            only=part["only"],
            given=given_entries(ws, part),
            spare=part["spare"],
            last=part["last"],
            finds=part["finds"],
            late=part.get("late", ()),
            base=part["base"],
        ),
    )
    general = list(problems.get("", []))
    shown = {one for box in drawn for one in _names(box)}
    for name, said in problems.items():
        # What is wrong with a field this form does not ask is said above it.
        if name and prefix + name not in shown and prefix + name.partition(".")[0] not in shown:
            declared = kind.declared().get(name.partition(".")[0])
            label = declared.label.text(ws.lang) if declared else name
            general += [f"{label}: {one}" for one in said]
    return Paper(prefix, part, kind, drawn, general)


def _names(box: Box) -> Iterator[str]:
    yield box.name
    for row in box.rows:
        for inner in row.boxes:
            yield inner.name


ELSEWHERE = {
    Problem(code).text(lang): place
    for code, place in (
        (PHOTO_WANTED, "photos"), ("photo_not_saved", "photos"), ("grid_required", GRID_MENU)
    )
    for lang in ("zh", "en")
}  # fmt: skip
"""Where on the page the control stands that a sentence about a whole record asks for."""


def _faults(paper: Paper) -> Iterator[tuple[str, str, str]]:
    """Yield what the summary above a form lists."""
    for said in paper.general:
        yield ELSEWHERE.get(said, html_id(paper.prefix + "form")), "", said
    for box in paper.boxes:
        for said in box.problems:
            yield box.focus_id, box.label, said
        for row in box.rows:
            for inner in row.boxes:
                for said in inner.problems:
                    label = " · ".join(word for word in (box.label, row.title, inner.label) if word)
                    yield inner.focus_id, label, said


def _late(paper: Paper) -> Iterator[tuple[str, str, str]]:
    """Yield what the words about a late window list."""
    for box in paper.boxes:
        if box.stands:
            yield box.focus_id, box.label, box.stands
        for row in box.rows:
            for inner in row.boxes:
                if inner.stands:
                    label = " · ".join(word for word in (box.label, row.title, inner.label) if word)
                    yield inner.focus_id, label, inner.stands


def with_typed(draft: Draft, typed: Typed) -> Draft:
    """Return a draft as it would be with what a late window typed, nothing stored.

    Its revision is the one that window has seen: drawing the page again shows it nothing newer, so
    it goes on being refused until the worker chooses.
    """
    parts = {prefix: Part(**part) for prefix, part in draft["parts"].items()}
    for prefix, texts in typed.texts.items():
        if prefix in parts:
            parts[prefix]["texts"] = asked(kind_of(parts[prefix]["kind"]), texts)
            parts[prefix]["finds"] = dict(typed.finds.get(prefix, {}))
    if typed.grid is not None and parts[MAIN]["action"] != "update":
        parts[MAIN]["grid"] = typed.grid or None
    late = Draft(**{**draft, "parts": parts, "revision": typed.revision})
    if typed.no_photo is not None:
        late["no_photo"] = typed.no_photo
    return late


def clock_of(text: str | None) -> str:
    """Return the Shanghai clock time of an RFC 3339 text as 08:41, empty for none."""
    if not text:
        return ""
    return read_moment(text).astimezone(SHANGHAI).strftime("%H:%M")


def record_url(kind: str, record_id: str) -> str:
    """Return the page of a record."""
    endpoint = HOME_PAGES.get(kind)
    if endpoint is not None:
        return url_for(endpoint, record_id=record_id)
    return url_for("records.show", kind_name=kind, record_id=record_id)


@pages.app_context_processor
def _for_every_template() -> dict[str, Any]:
    """What templates may call besides their own facts."""
    return {
        "record_url": record_url,
        "state_words": _state_words,
        "state_tones": TONES,
        "html_id": html_id,
        "kind_label": _kind_label,
        "tab_name": _tab_name,
        "worker_may": _worker_may,
        "FIND": FIND,
    }


def _worker_may(action: str, kind: str) -> bool:
    """Whether the worker may take ``action`` on records of a kind at all."""
    return may(workspace(), kind_of(kind), action)


def _tab_name(kind: str, record_id: str) -> str:
    """Return what a record's page is called in its tab, masked: browsers keep the names of pages in
    their history, which is not encrypted."""
    return title_of(workspace(), kind, record_id, language()) or _kind_label(kind)


def _kind_label(name: str) -> str:
    return kind_of(name).info.label.text(language())


def _state_words(state: str) -> str:
    return outbox.STATES[state].text(language())


@pages.app_template_filter("moment")
def moment_words(text: str | None) -> str:
    """Show a time as 2026-09-30 08:41 in Shanghai's time, empty for none."""
    if not text:
        return ""
    try:
        return read_moment(text).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


@pages.app_template_filter("due")
def due_words(text: str | None) -> str:
    """Show a due time as `moment_words` does; midnight is the 24:00 of the day before."""
    words = moment_words(text)
    if text and words.endswith(" 00:00"):
        day_before = read_moment(text).astimezone(SHANGHAI) - timedelta(days=1)
        return f"{day_before:%Y-%m-%d} 24:00"
    return words


pages.app_template_filter("ordinal")(ordinal)


@pages.app_template_filter("clock")
def clock_words(text: str | None) -> str:
    """Show a time as 08:41 in Shanghai's time, empty for none."""
    return clock_of(text)


@pages.app_template_filter("size")
def size_words(count: int) -> str:
    """Show a number of bytes as 620字节, 1.2 kB or 3.4 MB."""
    return do_filesizeformat(count) if count >= 1000 else _("%(count)s字节", count=count)


@pages.app_template_filter("area")
def area_words(code: str, within: Sequence[str] = ()) -> str:
    """Show an area by its name, with its code besides where another one ``within`` is called so."""
    ws = workspace()
    name = area_name(ws, code)
    doubled = any(one != code and area_name(ws, one) == name for one in within)
    return f"{name} {code}" if doubled else name
