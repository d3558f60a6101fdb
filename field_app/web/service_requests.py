"""服务单: take a request at the door, take one on, do it, have it rated; all of it offline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from field_app.services import base_data
from field_app.services import service_requests as services
from field_app.services.choices import Choice, names
from field_app.services.drafts import MAIN, Draft, DraftGone
from field_app.services.record_forms import Box
from field_app.web.drafts import page_of
from field_app.web.errors import problem_text
from field_app.web.i18n import language
from field_app.web.records import grids_to_ask, kind_or_404
from field_app.web.session import workspace
from field_app.web.widgets import FormPage
from schemas.codes import code_list
from schemas.kinds.service_step import NEEDED
from schemas.labels import Label
from schemas.service_clocks import LABELS, STATE_LABELS, Clock

pages = Blueprint("service_requests", __name__)

FIRST = ("kind", "item", "words", "applicant", "phone")
"""What every request is asked first."""
TONES = {"met": "success", "late": "danger", "running": "info", "waived": "secondary"}
STATE_TONES = {
    "requested": "secondary", "accepted": "warning", "assigned": "warning", "doing": "primary",
    "solved": "info", "rated": "success", "cancelled": "dark",
}  # fmt: skip
RATINGS = (
    ("5", Label("5 很满意", "5 very satisfied")),
    ("4", Label("4 满意", "4 satisfied")),
    ("3", Label("3 一般", "3 so-so")),
    ("2", Label("2 不满意", "2 dissatisfied")),
    ("1", Label("1 很不满意", "1 very dissatisfied")),
)
SHOWN = 200


@pages.app_context_processor
def _words() -> dict[str, Any]:
    """What the templates say about clocks, wherever they are shown."""
    return {"clock_tone": clock_tone, "clock_words": clock_words, "service_tones": STATE_TONES}


def clock_tone(clock: Clock) -> str:
    """Return the colour of a clock; what may yet turn out to be in time is not red."""
    if clock.state == "late" and not clock.certain:
        return "warning"
    return TONES[clock.state]


def clock_words(clock: Clock) -> str:
    """Return a clock in words: 响应 达标."""
    lang = language()
    return f"{LABELS[clock.name].text(lang)} {STATE_LABELS[clock.state].text(lang)}"


def _lists() -> dict[str, Any]:
    return {
        "states": code_list("SERVICE_STATE"),
        "kinds": code_list("SERVICE_KIND"),
        "items": code_list("SERVICE_ITEM"),
        "actions": code_list("SERVICE_ACTION"),
        "results": code_list("RESULT"),
    }


@pages.get("/services")
def index() -> str:
    """List the requests of the worker's grids: his own, those to take on, all by state."""
    ws = workspace()
    held = services.held_requests(ws)
    state = request.args.get("state", "")
    counts = {item.code: sum(1 for one in held if one.case.state == item.code)
              for item in code_list("SERVICE_STATE").items}  # fmt: skip
    mine = [one for one in held if one.open and one.case.taker_id == ws.worker_id]
    return render_template(
        "services.html",
        held=[one for one in held if state in ("", one.case.state)][:SHOWN],
        total=len(held),
        counts=counts,
        state=state,
        mine=mine if not state else [],
        free=services.claimable(ws) if not state else [],
        name_of=names(ws),
        **_lists(),
    )


@pages.post("/services/new")
def new() -> Response:
    """Open the form of a request made just now, of a household when one is named."""
    try:
        draft_id = services.start_request(workspace(), request.form.get("household_id") or None)
    except DraftGone:
        abort(404)
    return redirect(url_for(".fill_in", draft_id=draft_id))


@pages.route("/services/draft/<draft_id>", methods=["GET", "POST"])
def fill_in(draft_id: str) -> Any:
    """The form of a request; it is saved as taken on, or for the community to assign."""
    return page_of(
        draft_id,
        "service",
        _form,
        services.finish_and_take,
        ways={"hand_over": services.finish_and_hand_over},
    )


def _form(page: FormPage) -> str:
    ws = workspace()
    part = page.main.part
    household = part["fixed"].get("household_id")
    return render_template(
        "service_form.html",
        page=page,
        paper=page.main,
        first=page.main.pick(*FIRST),
        more=page.main.rest(*FIRST, *(("household_id",) if household else ())),
        grids=grids_to_ask(ws, page) if not household else (),
        door=names(ws)("household", household) if household else "",
    )


@pages.get("/services/<record_id>")
def show(record_id: str) -> str:
    """Show a request with its clocks, its timeline and what the worker may do next."""
    ws = workspace()
    found = services.standing(ws, record_id)
    detail = base_data.detail(ws, kind_or_404(services.KIND), record_id)
    if found is None or detail is None:
        abort(404)
    return render_template(
        "service_show.html",
        found=found,
        detail=detail,
        offered=services.offered_steps(ws, found),
        me=ws.worker_id,
        **_lists(),
    )


@pages.post("/services/<record_id>/step")
def step(record_id: str) -> Response:
    """Take a step that needs no words at once, open the form of another one."""
    ws, action = workspace(), request.form.get("action", "")
    back = redirect(url_for(".show", record_id=record_id))
    try:
        if action not in services.AT_ONCE:
            draft_id = services.start_step(ws, record_id, action)
            return redirect(url_for(".fill_in_step", draft_id=draft_id))
        saved = services.take_at_once(ws, record_id, action)
    except DraftGone:
        if services.standing(ws, record_id) is None:
            abort(404)
        flash(_("情况已有变化，这一步现在不能做。请看下面的经过。"), "warning")
        return back
    if saved.saved:
        flash(_("已保存在本机。"))
    else:
        flash(" ".join(problem_text(one) for one in saved.problems), "error")
    return back


@pages.route("/services/step/<draft_id>", methods=["GET", "POST"])
def fill_in_step(draft_id: str) -> Any:
    """The form of a step of a request."""
    return page_of(draft_id, "service_step", _step_form, services.finish_step, after=_to_request)


def _step_form(page: FormPage) -> str:
    ws = workspace()
    fixed = page.main.part["fixed"]
    found = services.standing(ws, fixed["service_id"])
    if found is None:
        abort(404)
    return render_template(
        "service_step.html",
        page=page,
        found=found,
        boxes=[
            _asked(box, fixed["action"], ws.lang)
            for box in page.main.pick(*services.ASKED.get(fixed["action"], ["text"]))
        ],
        action=code_list("SERVICE_ACTION").text(fixed["action"], ws.lang),
        code=fixed["action"],
        **_lists(),
    )


def _asked(box: Box, action: str, lang: str) -> Box:
    """Return a box of a step's form: marked where its action needs it, a rating in words."""
    box = replace(box, required=box.name in NEEDED.get(action, ()))
    if box.name != "rating":
        return box
    choices = [Choice(code, label.text(lang), code in box.texts) for code, label in RATINGS]
    return replace(box, widget="radios", choices=tuple(choices))


def _to_request(draft: Draft) -> str:
    step_id = draft["became"][MAIN][1]
    return url_for(".show", record_id=services.request_of_step(workspace(), step_id))
