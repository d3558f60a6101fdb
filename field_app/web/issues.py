"""事件: report one, see where each stands, add a note or take the step that is the worker's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from field_app.services import base_data, issue_timeline, issue_work, issues
from field_app.services.choices import Choice, names
from field_app.services.corrections import corrections_about
from field_app.services.drafts import MAIN, Draft, DraftGone
from field_app.services.record_forms import Box
from field_app.services.titles import lookup
from field_app.web.drafts import page_of
from field_app.web.i18n import language
from field_app.web.records import grids_to_ask, kind_or_404
from field_app.web.session import workspace
from field_app.web.widgets import FormPage
from schemas.codes import code_list
from schemas.labels import Label

pages = Blueprint("issues", __name__)

TAKES: dict[str, tuple[str, ...]] = {"resolve": ("before", "after"), "rate": ()}
"""Which photos the form of a step asks for; one of the scene where nothing is named."""
RATINGS = (
    ("5", Label("5 很满意", "5 very satisfied")),
    ("4", Label("4 满意", "4 satisfied")),
    ("3", Label("3 一般", "3 fair")),
    ("2", Label("2 不满意", "2 dissatisfied")),
    ("1", Label("1 很不满意", "1 very dissatisfied")),
)


@pages.get("/issues")
def index() -> str:
    """List the issues of the worker's grids with their states and due times; ``?who=``, ``?state=``
    and ``?late=1`` keep some."""
    ws = workspace()
    asked = request.args
    who, state, late = asked.get("who", "all"), asked.get("state", ""), bool(asked.get("late"))
    rows = issue_work.listed(ws, who, late=late)
    counts = {item.code: sum(1 for row in rows if row.standing.state == item.code)
              for item in code_list("ISSUE_STATE").items}  # fmt: skip
    return render_template(
        "issues.html",
        held=[row for row in rows if state in ("", row.standing.state)],
        total=len(rows),
        who=who,
        late=late,
        counts=counts,
        state=state,
        states=code_list("ISSUE_STATE"),
        levels=code_list("ISSUE_LEVEL"),
        categories=code_list("ISSUE_CAT"),
    )


@pages.get("/issues/new")
def new() -> Response:
    """Open the form of an issue found just now."""
    return redirect(url_for(".fill_in", draft_id=issues.start_issue(workspace())))


@pages.route("/issues/draft/<draft_id>", methods=["GET", "POST"])
def fill_in(draft_id: str) -> Any:
    """The form of an issue."""
    return page_of(draft_id, "issue", _form, issues.finish_issue)


def _form(page: FormPage) -> str:
    grids = grids_to_ask(workspace(), page)
    return render_template("issue_form.html", page=page, paper=page.main, grids=grids)


@pages.get("/issues/<record_id>")
def show(record_id: str) -> str:
    """Show an issue with its whole timeline and what the worker may do next."""
    ws = workspace()
    found = issues.standing(ws, record_id)
    detail = base_data.detail(ws, kind_or_404("issue"), record_id)
    if found is None or detail is None:
        abort(404)
    return render_template(
        "issue_show.html",
        standing=found,
        detail=detail,
        states=code_list("ISSUE_STATE"),
        actions=code_list("STEP_ACTION"),
        levels=code_list("ISSUE_LEVEL"),
        categories=code_list("ISSUE_CAT"),
        offered=issues.offered_steps(ws, found),
        source=issues.source_of(ws, found.view),
        name_of=names(ws),
        over=found.state in issues.OVER,
        story=issue_timeline.story_of(ws, found),
        stages=issue_timeline.stages_of(found),
        author=lookup(ws, ws.lang)("user", found.view["author"]) or "…",
    )


@pages.post("/issues/<record_id>/step")
def step(record_id: str) -> Response:
    """Open the form of a step: a note, or what the issue's state lets the worker do."""
    try:
        draft_id = issues.start_step(workspace(), record_id, request.form.get("action", ""))
    except DraftGone:
        if issues.standing(workspace(), record_id) is None:
            abort(404)
        flash(_("情况已有变化，这一步现在不能做。请看下面的经过。"), "warning")
        return redirect(url_for(".show", record_id=record_id))
    return redirect(url_for(".fill_in_step", draft_id=draft_id))


@pages.route("/issues/step/<draft_id>", methods=["GET", "POST"])
def fill_in_step(draft_id: str) -> Any:
    """The form of a step of an issue."""
    ways = {"note": issues.finish_as_note}
    return page_of(draft_id, "step", _step_form, issues.finish_step, ways=ways, after=_to_issue)


def _step_form(page: FormPage) -> str:
    ws = workspace()
    fixed = page.main.part["fixed"]
    found = issues.standing(ws, fixed["issue_id"])
    if found is None:
        abort(404)
    needs = issues.needs_of(ws, fixed["action"], found.case.state)
    return render_template(
        "issue_step.html",
        page=page,
        standing=found,
        action=code_list("STEP_ACTION").text(fixed["action"], ws.lang),
        states=code_list("ISSUE_STATE"),
        still=fixed["action"] in issues.offered_steps(ws, found),
        issue=page.papers.get(issues.ISSUE),
        boxes=[_box(box, needs, ws.lang) for box in page.main.boxes],
        takes=TAKES.get(fixed["action"], ("scene",)),
        marked=[one for one in corrections_about(ws, fixed["issue_id"]) if one.open],
    )


def _box(box: Box, needs: tuple[str, ...], lang: str) -> Box:
    """Return a box of a step's form: marked where the table needs it, a rating in words."""
    box = replace(box, required=box.name in needs)
    if box.name != "rating":
        return box
    choices = [Choice(code, label.text(lang), code in box.texts) for code, label in RATINGS]
    return replace(box, widget="radios", choices=tuple(choices))


@pages.post("/issues/overtaken/<step_id>")
def noted(step_id: str) -> Response:
    """Take note of a step that did not count."""
    if not issue_work.note_overtaken(workspace(), step_id):
        abort(404)
    return redirect(url_for("today.show"))


@pages.app_context_processor
def _for_every_template() -> dict[str, Any]:
    """What the lists of issues are told with."""
    return {
        "step_words": lambda action: code_list("STEP_ACTION").text(action, language()),
        "why_words": lambda why: issue_timeline.why_words(why, language()),
        "instead_of": lambda one: issue_timeline.instead_words(workspace(), one.instead),
    }


def _to_issue(draft: Draft) -> str:
    step_id = draft["became"][MAIN][1]
    return url_for(".show", record_id=issues.issue_of_step(workspace(), step_id))
