"""巡查: start, checklist, report on the spot, finish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from field_app.domain.duty import slot_at
from field_app.services import patrols
from field_app.services.choices import names
from field_app.services.draft_edits import check_part
from field_app.services.drafts import MAIN, Draft, DraftGone, Finished, Typed
from field_app.services.record_forms import html_id
from field_app.services.records import get_view
from field_app.services.workspace import Workspace
from field_app.web.drafts import Goto, page_of
from field_app.web.records import grids_to_ask
from field_app.web.session import workspace
from field_app.web.widgets import FormPage, form_page
from schemas.clock import local_day
from schemas.codes import code_list

pages = Blueprint("patrols", __name__)

SURE = "_sure"
"""Sent by a page that has asked already whether to finish with most items unanswered."""


@pages.get("/patrols")
def index() -> str:
    """Show today's slots, a button to start, and the worker's patrols."""
    ws = workspace()
    return render_template(
        "patrols.html",
        today_slots=patrols.slots_of(ws, local_day(ws.now())),
        missed=patrols.missing_slots(ws, 3),
        present_slot=slot_at(ws.now()),
        slots={item.code: item.label.text(ws.lang) for item in code_list("SLOT").items},
        mine=patrols.my_patrols(ws),
        name_of=names(ws),
    )


@pages.post("/patrols/start")
def start() -> Response:
    """Begin a patrol now, or the late entry of a missed one."""
    form = request.form
    try:
        draft_id = patrols.start(workspace(), form.get("grid"), form.get("slot"), form.get("day"))
    except (DraftGone, ValueError):
        abort(404)
    return redirect(url_for(".fill_in", draft_id=draft_id))


@pages.route("/patrols/draft/<draft_id>", methods=["GET", "POST"])
def fill_in(draft_id: str) -> Any:
    """The checklist of a patrol."""
    return page_of(
        draft_id,
        "patrol",
        _checklist,
        _finish,
        acts={"all_ok": _all_ok, "report": _report, "withdraw": _withdraw},
    )


def _finish(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the patrol, and say how many items have no result: 完成巡查 is soon pressed. Where that
    is most of them, it is asked about first."""
    finished = patrols.finish_or_ask(ws, draft_id, typed, sure=SURE in request.form)
    saved = get_view(ws, "patrol", draft_id) if finished.saved else None
    if saved is not None:
        checked = saved["fields"].get("items") or {}
        left = [item for item in code_list("CHECK_ITEM").active if item.code not in checked]
        if left:
            words = _("有%(count)s项没有选结果。要补的话，按“修改”。", count=len(left))
            flash(words, "warning")
    return finished


def _checklist(page: FormPage) -> str:
    draft = page.draft
    earlier = patrols.needs_end(workspace(), draft)
    # An empty end means now, so nobody has to fill it in who has just come back.
    page.main.boxes = [
        replace(box, required=earlier) if box.name == "ended_at" else box for box in page.main.boxes
    ]
    return render_template(
        "patrol_form.html",
        page=page,
        earlier=earlier,
        left=patrols.unanswered(draft["parts"][MAIN]["texts"]),
        reported={prefix: part for prefix, part in draft["parts"].items() if prefix != MAIN},
        every=len(code_list("CHECK_ITEM").active),
        sure=SURE in request.form,
        prefix_of=patrols.prefix_of,
        grids=grids_to_ask(workspace(), page),
    )


def _all_ok(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    patrols.all_in_order(ws, draft_id, typed)
    return Goto(anchor=html_id("items"))


def _report(ws: Workspace, draft_id: str, typed: Typed, item: str) -> Goto:
    patrols.report(ws, draft_id, typed, item)
    # The issue has a page of its own; the checklist is kept meanwhile.
    return Goto(url_for("patrols.issue", draft_id=draft_id, item=item))


def _withdraw(ws: Workspace, draft_id: str, typed: Typed, item: str) -> Goto:
    patrols.withdraw(ws, draft_id, typed, item)
    return Goto(anchor=html_id(f"row-items.{item}"))


@pages.route("/patrols/draft/<draft_id>/issue/<item>", methods=["GET", "POST"])
def issue(draft_id: str, item: str) -> Any:
    """The form of an issue reported on the spot; saved together with the patrol."""
    prefix = patrols.prefix_of(item)

    def draw(ws: Workspace, draft: Draft, finished: Finished | None) -> FormPage:
        if prefix not in draft["parts"]:
            raise DraftGone(prefix)
        return form_page(ws, draft, finished, only=prefix)

    def render(page: FormPage) -> str:
        words = code_list("CHECK_ITEM").text(item, workspace().lang)
        return render_template("patrol_issue.html", page=page, paper=page.papers[prefix], item=item,
                               words=words, first_box=f"{prefix}text")  # fmt: skip

    def back(ws: Workspace, kept_id: str, typed: Typed, about: str) -> Goto | Finished:
        checked = check_part(ws, kept_id, typed, prefix)
        if not checked.saved:
            return checked
        return Goto(url_for(".fill_in", draft_id=kept_id), html_id(f"row-items.{item}"))

    def withdraw(ws: Workspace, kept_id: str, typed: Typed, about: str) -> Goto:
        patrols.withdraw(ws, kept_id, typed, item)
        return Goto(url_for(".fill_in", draft_id=kept_id), html_id(f"row-items.{item}"))

    return page_of(draft_id, "patrol", render, acts={"back": back, "withdraw": withdraw}, draw=draw)
