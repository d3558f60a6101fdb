"""Every form's road: kept while typing, refused with words, saved once, whatever its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from field_app.services import drafts
from field_app.services.draft_edits import add_entry, drop_entry
from field_app.services.drafts import Draft, DraftGone, DraftNewer, DraftSaved, Finished, Typed
from field_app.services.late_windows import reopen
from field_app.services.record_forms import html_id
from field_app.services.records import get_view
from field_app.services.today import draft_line
from field_app.services.workspace import Workspace
from field_app.web.photos import take_photos
from field_app.web.session import workspace
from field_app.web.widgets import (
    FormPage,
    clock_of,
    form_page,
    record_url,
    split_name,
    typed_now,
    with_typed,
)

pages = Blueprint("drafts", __name__)

Render = Callable[[FormPage], str]
Save = Callable[[Workspace, str, Typed], Finished]


@dataclass(frozen=True)
class Goto:
    """Where to go after an act: an address, or an anchor of the same page."""

    url: str = ""
    anchor: str = ""


Act = Callable[[Workspace, str, Typed, str], "Goto | Finished"]
"""Changes a draft, handed what follows the act's colon; returns where to go or what to refuse."""

JOURNEYS = {
    "record": "records.fill_in",
    "patrol": "patrols.fill_in",
    "visit": "visits.fill_in",
    "issue": "issues.fill_in",
    "step": "issues.fill_in_step",
    "service": "service_requests.fill_in",
    "service_step": "service_requests.fill_in_step",
}
"""The page on which a draft is filled in."""


def draft_url(draft: Draft) -> str:
    """Return the page on which a draft is filled in."""
    return url_for(JOURNEYS[draft["journey"]], draft_id=draft["draft_id"])


def page_of(
    draft_id: str,
    journey: drafts.Journey,
    render: Render,
    save: Save = drafts.finish,
    *,
    ways: Mapping[str, Save] | None = None,
    acts: Mapping[str, Act] | None = None,
    draw: Callable[[Workspace, Draft, Finished | None], FormPage] = form_page,
    after: Callable[[Draft], str] | None = None,
    urgent: Callable[[Draft], str | None] = lambda draft: None,
) -> Any:
    """Answer a request for a form's page: show it, keep it, change it or save it.

    ``save`` and ``acts`` are the services behind the page's buttons (``_act`` names the one
    pressed; ``ways`` are other ways of saving, by what follows its colon), ``draw`` arranges the
    form, ``after`` tells where to go when all is saved, ``urgent`` what comes before all that.
    """
    ws = workspace()
    if request.method == "GET":
        try:
            return render(draw(ws, drafts.opened(ws, draft_id, journey), None))
        except DraftSaved as done:
            return _to_record(done.draft, _("这份表已经保存过了。"))
        except DraftGone:
            return _no_draft()
    typed = typed_now()
    act, _colon, about = request.form.get("_act", "keep").partition(":")
    try:
        if not take_photos(ws, draft_id) and act == "save":
            act = "photo"  # what could not be taken is said first; nothing is saved without it
        if act == "save":
            chosen = (ways or {}).get(about, save)
            return _saved(ws, draft_id, typed, chosen, draw, render, after, urgent)
        drafts.bring_back(ws, draft_id)  # deleted elsewhere: what stands here is not lost with it
        outcome = {**ACTS, **(acts or {})}.get(act, _keep)(ws, draft_id, typed, about)
        if isinstance(outcome, Finished):
            return render(draw(ws, drafts.opened(ws, draft_id, journey), outcome)), 422
        anchor = f"#{outcome.anchor}" if outcome.anchor else ""
        return redirect((outcome.url or request.path) + anchor)
    except DraftNewer as late:
        return _newer(ws, late.draft, typed, draw, render)
    except DraftSaved as done:
        return _saved_elsewhere(ws, done.draft, typed)
    except DraftGone:
        return _no_draft()


def _saved(
    ws: Workspace,
    draft_id: str,
    typed: Typed,
    save: Save,
    draw: Callable[[Workspace, Draft, Finished | None], FormPage],
    render: Render,
    after: Callable[[Draft], str] | None,
    urgent: Callable[[Draft], str | None],
) -> Any:
    finished = save(ws, draft_id, typed)
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    if not finished.saved:
        return render(draw(ws, draft, finished)), 422
    flash(_("已保存在本机。"))
    doubtful = next((prefix for prefix, one in finished.results.items() if one.doubts), None)
    if at_once := urgent(draft):
        if doubtful is not None:
            flash(_("有的内容不常见，处理完急事后请打开记录再核对。"), "warning")
        return redirect(at_once)
    if doubtful is not None:
        # What is doubtful is marked on its record's page, wherever else the way would lead.
        flash(_("已保存。有的内容不常见，请再核对下面标出的各项。"), "warning")
        return redirect(record_url(*draft["became"][doubtful]))
    return redirect(after(draft) if after else record_url(*draft["became"][drafts.MAIN]))


def _newer(
    ws: Workspace,
    draft: Draft,
    typed: Typed,
    draw: Callable[[Workspace, Draft, Finished | None], FormPage],
    render: Render,
) -> Any:
    """Show what this window typed, with a word that another one kept something since."""
    page = draw(ws, with_typed(draft, typed), None)
    page.newer = clock_of(draft["kept_at"])
    return render(page), 409


def _saved_elsewhere(ws: Workspace, draft: Draft, typed: Typed) -> BaseResponse:
    """The other window saved first: say so, and offer what differs here as a correction or note."""
    again = reopen(ws, draft, typed)
    if not again:
        return _to_record(
            draft, _("这份表已在另一个窗口保存；这个窗口里没有填写别的内容，没有重复保存。")
        )
    offered = next((one for one in map(partial(drafts.find, ws), again.values()) if one), None)
    if offered is None:
        words = _("这份表已在另一个窗口保存，内容与这个窗口里的不同；这个窗口里的没有保存。")
        if get_view(ws, *draft["became"][drafts.MAIN]) is not None:
            return _to_record(draft, words)
        flash(words, "warning")
        return redirect(url_for("today.show"))
    if offered["journey"] == "record":
        words = _(
            "这份表已在另一个窗口保存。这个窗口里不同的内容还没有保存，列在下面：再按保存即作为更正。"
        )
    else:
        words = _(
            "这份表已在另一个窗口保存。这个窗口里不同的内容还没有保存，写在下面：再按保存即作为补充说明。"
        )
    flash(words, "warning")
    return redirect(draft_url(offered))


def _to_record(draft: Draft, words: str) -> BaseResponse:
    flash(words, "warning")
    return redirect(record_url(*draft["became"][drafts.MAIN]))


def _no_draft() -> BaseResponse:
    flash(_("这份草稿已不在本机（已删除，或从未填写）。"), "warning")
    return redirect(url_for("today.show"))


# What the buttons of every form do ---------------------------------------------------------------


def _keep(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    drafts.keep(ws, draft_id, typed)
    flash(_("草稿已保存。"))
    return Goto()


def _narrow(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    drafts.keep(ws, draft_id, typed)
    return Goto(anchor=html_id(about))


def _add(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    prefix, name = split_name(about)
    key = add_entry(ws, draft_id, typed, prefix, name)
    return Goto(anchor=html_id(f"row-{prefix}{name}.{key}"))


def _drop(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    prefix, entry = split_name(about)
    drop_entry(ws, draft_id, typed, prefix, entry)
    return Goto(anchor=html_id(prefix + entry.partition(".")[0]))


def _photo(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    drafts.keep(ws, draft_id, typed)
    return Goto(anchor="photos")


def _unphoto(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    drafts.drop_photo(ws, draft_id, typed, about)
    return Goto(anchor="photos")


ACTS: dict[str, Act] = {
    "photo": _photo,
    "unphoto": _unphoto,
    "keep": _keep,
    "find": _narrow,
    "add": _add,
    "drop": _drop,
}


# The draft itself --------------------------------------------------------------------------------


@pages.get("/drafts/<draft_id>")
def resume(draft_id: str) -> BaseResponse:
    """Go on filling in a draft."""
    draft = drafts.find(workspace(), draft_id)
    if draft is None or draft["state"] == "deleted":
        return _no_draft()
    if draft["state"] == "saved":
        return _to_record(draft, _("这份表已经保存过了。"))
    return redirect(draft_url(draft))


@pages.post("/drafts/<draft_id>")
def keep(draft_id: str) -> tuple[Response, int]:
    """Keep what was typed so far; answers with words for the form's status line."""
    ws, typed = workspace(), typed_now()
    try:
        draft = drafts.keep(ws, draft_id, typed)
    except DraftNewer as late:
        words = _("另一个窗口在%(clock)s改过这份草稿，这里暂停自动保存。",
                  clock=clock_of(late.draft["kept_at"]))  # fmt: skip
        return jsonify(code="draft_newer", words=words), 409
    except DraftSaved:
        words = _("这份表已在另一个窗口保存。这里若有不同，按“保存”可作为更正。")
        return jsonify(code="draft_saved", words=words), 410
    except DraftGone:
        words = _("这份草稿已在另一个窗口删除。按“保存”仍可保存这里的内容。")
        return jsonify(code="draft_gone", words=words), 410
    words = _("草稿已保存 %(clock)s", clock=clock_of(draft["kept_at"]))
    return jsonify(revision=draft["revision"], words=words), 200


@pages.route("/drafts/<draft_id>/discard", methods=["GET", "POST"])
def discard(draft_id: str) -> Any:
    """Ask whether to delete a draft, then delete it."""
    ws = workspace()
    draft = drafts.find(ws, draft_id)
    if draft is None or draft["state"] != "open":
        return _no_draft()
    if request.method == "POST":
        drafts.discard(ws, draft_id)
        flash(_("草稿已删除。"))
        return redirect(url_for("today.show"))
    return render_template("record_draft_discard.html", line=draft_line(ws, draft))
