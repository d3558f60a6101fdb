"""Any record of any kind: list, detail, form. What a kind declares is all these pages know."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from field_app.domain.typed import values_of
from field_app.services import base_data, drafts, likely
from field_app.services.care import alarms_left, finish_record, void_record
from field_app.services.choices import names
from field_app.services.draft_edits import begun_edit, reasons_of, refused_change
from field_app.services.drafts import MAIN, Finished, Typed, edit_part, open_draft
from field_app.services.record_forms import new_values
from field_app.services.records import get_view, parent_area, refused_create
from field_app.services.survivors import survivor_of
from field_app.services.workspace import Workspace
from field_app.web.drafts import Goto, draft_url, page_of
from field_app.web.errors import problem_text
from field_app.web.session import workspace
from field_app.web.visits import alarm_page, tell_alarms, tell_follow_ups, tell_left_open
from field_app.web.widgets import FormPage, record_url
from schemas.kind import Kind

pages = Blueprint("records", __name__)


def kind_or_404(name: str) -> type[Kind]:
    """Return a kind a worker browses; anything else is no page."""
    kind = base_data.find_kind(name)
    if kind is None:
        abort(404)
    return kind


@pages.get("/records/<kind_name>/")
def index(kind_name: str) -> str:
    """List the records of a kind, with a search."""
    ws, kind = workspace(), kind_or_404(kind_name)
    query = request.args.get("q", "")
    listing = base_data.listing(ws, kind, query, request.args.get("page", 1, type=int))
    return render_template(
        "record_list.html",
        kind=kind,
        listing=listing,
        query=query,
        may_create=base_data.may(ws, kind, "create"),
    )


@pages.get("/records/<kind_name>/new")
def new(kind_name: str) -> Response:
    """Open the form of a new record; values named in the address are filled in, and its grid is
    that of the parent named."""
    ws, kind = workspace(), kind_or_404(kind_name)
    if not base_data.may(ws, kind, "create"):
        abort(404)
    asked = {name: texts for name, texts in request.args.lists() if name in kind.declared()}
    part = drafts.new_part(kind_name, values=new_values(ws, kind))
    part["texts"] |= asked
    part["grid"] = parent_area(ws, kind, values_of(kind, part["texts"]))
    return redirect(url_for(".fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))


@pages.get("/records/<kind_name>/<record_id>")
def show(kind_name: str, record_id: str) -> str:
    """Show a record with its state, its history and what lies under it."""
    detail = base_data.detail(workspace(), kind_or_404(kind_name), record_id)
    if detail is None:
        abort(404)
    return render_template("record_show.html", detail=detail)


@pages.get("/records/<kind_name>/<record_id>/edit")
def edit(kind_name: str, record_id: str) -> Response:
    """Open the form of a change to a record, or the one begun earlier.

    ``?corrects=`` names a change the centre sent back, whose place the new one takes.
    """
    ws, kind = workspace(), kind_or_404(kind_name)
    corrects = request.args.get("corrects")
    refused = refused_change(ws, record_id, corrects) if corrects else None
    if corrects and refused is None:
        flash(_("这一条已经改正或撤回过了。"), "warning")
        return redirect(record_url(kind_name, record_id))
    if refused is not None and refused["action"] == "void":
        return redirect(
            url_for(".void", kind_name=kind_name, record_id=record_id, corrects=corrects)
        )
    if (into := survivor_of(ws, kind_name, record_id)) != record_id and refused is None:
        flash(_("这条记录已并入另一条，请改合并后的这一条。"), "warning")
        return redirect(url_for(".edit", kind_name=kind_name, record_id=into))
    view = get_view(ws, kind_name, record_id)
    if view is None or not (refused or base_data.offers(ws, kind, "update", view)):
        abort(404)
    begun = begun_edit(ws, record_id, corrects)
    if begun is not None:
        flash(_("这是上次没有保存完的修改。"), "warning")
        return redirect(draft_url(begun))
    part = edit_part(ws, kind_name, record_id, corrects=corrects)
    return redirect(url_for(".fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))


@pages.route("/records/draft/<draft_id>", methods=["GET", "POST"])
def fill_in(draft_id: str) -> Any:
    """The form of one record; one that may be held here already is asked about first."""
    return page_of(draft_id, "record", _form, _save, acts={"same": _same}, urgent=alarm_page)


def _save(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    draft = drafts.find(ws, draft_id)
    main = draft["parts"].get(MAIN) if draft else None
    before = get_view(ws, main["kind"], main["record_id"]) if main else None
    finished = finish_record(ws, draft_id, typed)
    tell_follow_ups(finished)
    if finished.saved:
        tell_left_open(alarms_left(ws, before))
    return finished


def _same(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    """Go on with what was typed as a change of the record it turned out to be."""
    draft = drafts.keep(ws, draft_id, typed)
    edited = likely.into_existing(ws, draft, about)
    flash(_("填的内容已放到已有的记录上，还没有保存，请核对后保存。"), "warning")
    return Goto(url_for(".fill_in", draft_id=edited))


def _form(page: FormPage) -> str:
    ws = workspace()
    part = page.main.part
    is_edit = part["action"] == "update"
    kind = kind_or_404(part["kind"])
    above = base_data.above(ws, kind, values_of(kind, part["texts"]))
    if is_edit:
        back = record_url(part["kind"], part["record_id"])
    elif above is not None:
        back = record_url(above.kind, above.record_id)
    else:
        back = url_for(".index", kind_name=part["kind"])
    return render_template(
        "record_form.html",
        page=page,
        is_edit=is_edit,
        title=names(ws)(part["kind"], part["record_id"]) if is_edit else "",
        back=back,
        grids=grids_to_ask(ws, page),
        reasons=reasons_of(ws, part["record_id"], part["corrects"]),
    )


def grids_to_ask(ws: Workspace, page: FormPage) -> tuple[str, ...]:
    """Return the grids a new record may belong to when the worker has several."""
    return ws.grids if page.main.part["action"] != "update" and len(ws.grids) > 1 else ()


@pages.route("/records/<kind_name>/<record_id>/void", methods=["GET", "POST"])
def void(kind_name: str, record_id: str) -> Any:
    """Ask for the reason, then void a record; it stays readable as voided. One the centre never
    took is withdrawn by it, and its page is gone: what was written stays with its change."""
    ws, kind = workspace(), kind_or_404(kind_name)
    detail = base_data.detail(ws, kind, record_id)
    corrects = request.values.get("corrects") or None
    refused = refused_change(ws, record_id, corrects) if corrects else None
    if detail is None or not (refused or detail.may_void):
        abort(404)
    reason, problems = request.form.get("reason", ""), []
    if request.method == "POST":
        before = get_view(ws, kind_name, record_id)
        saved, alarms = void_record(ws, kind_name, record_id, reason, corrects)
        at_once = tell_alarms(alarms)
        if saved.saved:
            tell_left_open(alarms_left(ws, before))
        if saved.change_id and get_view(ws, kind_name, record_id) is None:
            flash(_("已撤回。内容仍保留在本机和服务器的退回记录中。"))
            return redirect(at_once or url_for("outbox.detail", change_id=saved.change_id))
        if saved.saved:
            flash(_("已作废。记录仍可查看，同步后报给社区。"))
            shown = url_for(".show", kind_name=kind_name, record_id=record_id)
            return redirect(at_once or shown)
        problems = [problem_text(problem) for problem in saved.problems]
    page = render_template(
        "record_void.html",
        detail=detail,
        reason=reason,
        problems=problems,
        corrects=corrects or "",
        takes_back=not corrects and refused_create(ws, kind_name, record_id) is not None,
    )
    return page, 422 if problems else 200
