"""事件: report one, see where each stands, add a note or take the step that is the worker's."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from field_app.services import base_data, issues
from field_app.services.choices import names
from field_app.services.drafts import MAIN, Draft, DraftGone
from field_app.web.drafts import page_of
from field_app.web.records import grids_to_ask, kind_or_404
from field_app.web.session import workspace
from field_app.web.widgets import FormPage
from schemas.codes import code_list

pages = Blueprint("issues", __name__)


@pages.get("/issues")
def index() -> str:
    """List the issues of the worker's grids with their states; ``?state=`` keeps one."""
    ws = workspace()
    held = issues.own_issues(ws)
    state = request.args.get("state", "")
    counts = {item.code: sum(1 for one in held if one.state == item.code)
              for item in code_list("ISSUE_STATE").items}  # fmt: skip
    return render_template(
        "issues.html",
        held=[one for one in held if state in ("", one.state)],
        total=len(held),
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
    return page_of(draft_id, "issue", _form)


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
        offered=issues.offered_steps(ws, found),
        source=issues.source_of(ws, found.view),
        name_of=names(ws),
        over=found.state in issues.OVER,
    )


@pages.post("/issues/<record_id>/step")
def step(record_id: str) -> Response:
    """Open the form of a step: a note, or what the issue's state lets the worker do."""
    try:
        draft_id = issues.start_step(workspace(), record_id, request.form.get("action", ""))
    except DraftGone:
        abort(404)
    return redirect(url_for(".fill_in_step", draft_id=draft_id))


@pages.route("/issues/step/<draft_id>", methods=["GET", "POST"])
def fill_in_step(draft_id: str) -> Any:
    """The form of a step of an issue."""
    return page_of(draft_id, "step", _step_form, issues.finish_step, after=_to_issue)


def _step_form(page: FormPage) -> str:
    ws = workspace()
    fixed = page.main.part["fixed"]
    found = issues.standing(ws, fixed["issue_id"])
    if found is None:
        abort(404)
    return render_template(
        "issue_step.html",
        page=page,
        standing=found,
        action=code_list("STEP_ACTION").text(fixed["action"], ws.lang),
        states=code_list("ISSUE_STATE"),
    )


def _to_issue(draft: Draft) -> str:
    step_id = draft["became"][MAIN][1]
    return url_for(".show", record_id=issues.issue_of_step(workspace(), step_id))
