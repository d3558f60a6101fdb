"""Conflicts: which records have one, and deciding those of one record together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from sync_server.domain.deciding import Choice
from sync_server.domain.errors import Refusal
from sync_server.services import conflict_desk, decisions, uploads
from sync_server.services.decisions import Pick, Trouble
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("conflicts", __name__)


@blueprint.get("/conflicts")
@with_right("records")
def all_of_them() -> str:
    """Show the records with open conflicts, or what was decided."""
    me, lang = person(), language()
    with centre().store.reading() as connection:
        if request.args.get("state") == "decided":
            found = uploads.disputes(connection, me, "decided", asked_page(), lang)
            return render_template("conflicts_decided.html", found=found)
        groups = conflict_desk.open_groups(connection, me, asked_page(), lang)
    return render_template("conflicts.html", found=groups)


@blueprint.get("/conflicts/<record_id>")
@with_right("records")
def one(record_id: str) -> str:
    """Show the conflicts of one record."""
    with centre().store.reading() as connection:
        desk = conflict_desk.open_desk(connection, person(), record_id, language())
    return _page(desk)


@blueprint.post("/conflicts/<record_id>/unmask")
@with_right("unmask")
def unmask(record_id: str) -> str | tuple[str, int]:
    """Show the conflicts of one record unmasked, after writing down the reason."""
    me, lang, reason = person(), language(), request.form.get("reason", "")
    try:
        desk = conflict_desk.unmask_desk(
            centre().store, me, record_id, reason, centre().clock(), lang
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        with centre().store.reading() as connection:
            desk = conflict_desk.open_desk(connection, me, record_id, lang)
        words = errors.sentence(refusal)
        return _page(desk, wrong=words, reason=reason), errors.status_of(refusal.code)
    return _page(desk)


@blueprint.post("/conflicts/<record_id>")
@with_right("decide")
def decide(record_id: str) -> Response | tuple[str, int]:
    """Carry out what was chosen about one record's conflicts; what was typed comes back when
    something is wrong."""
    me, lang, posted = person(), language(), request.form
    with centre().store.reading() as connection:
        desk = conflict_desk.open_desk(connection, me, record_id, lang)
        kind = conflict_desk.known_kind(desk.record["kind"])
    chosen = _for_all(desk, posted)
    picks = decisions.read_picks(kind, desk.entries, chosen.getlist, list(chosen))
    if not picks:
        return _again(record_id, picks, {}, errors.say("choose_one"), 422)
    try:
        troubles = decisions.decide(centre().store, me, record_id, picks, centre().clock(), lang)
    except Refusal as refusal:
        if refusal.code != "out_of_date":
            raise
        return _again(record_id, picks, {}, errors.say("moved_on"), 409)
    if troubles:
        only_doubts = all(one.doubt for one in troubles.values())
        words = errors.say("doubted" if only_doubts else "not_decided")
        return _again(record_id, picks, troubles, words, 422)
    asked = sum(one.choice == "ask" for one in picks.values())
    flash(_("已裁决 %(count)s 项，请人核实 %(asked)s 项。各终端下次同步时会收到。",
            count=len(picks) - asked, asked=asked))  # fmt: skip
    waiting = {one.conflict_id for one in desk.open_entries}
    if waiting <= {cid for cid, pick in picks.items() if pick.choice != "ask"}:
        return redirect(url_for("conflicts.all_of_them"), 303)
    return redirect(url_for("conflicts.one", record_id=record_id), 303)


def _for_all(desk: conflict_desk.Desk, posted: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the form with one choice for every open entry where its buttons asked for that."""
    every = posted.get("all", "")
    if every not in get_args(Choice):
        return posted
    chosen = MultiDict(posted)
    for entry in desk.open_entries:
        name = f"choice-{entry.conflict_id}"
        chosen.poplist(name)
        if cast(Choice, every) in entry.choices:
            chosen[name] = every
    return chosen


def _again(
    record_id: str,
    picks: Mapping[str, Pick],
    troubles: Mapping[str, Trouble],
    words: str,
    status: int,
) -> tuple[str, int]:
    """Draw the page anew with what was chosen and what is wrong with it."""
    with centre().store.reading() as connection:
        desk = conflict_desk.open_desk(connection, person(), record_id, language())
    said = {
        conflict_id: trouble.text or errors.say(trouble.code)
        for conflict_id, trouble in troubles.items()
    }
    doubted = {conflict_id for conflict_id, trouble in troubles.items() if trouble.doubt}
    return _page(desk, wrong=words, picks=picks, troubles=said, doubted=doubted), status


def _page(
    desk: conflict_desk.Desk,
    *,
    wrong: str = "",
    reason: str = "",
    picks: Mapping[str, Pick] | None = None,
    troubles: Mapping[str, str] | None = None,
    doubted: Collection[str] = (),
) -> str:
    return render_template(
        "conflict.html",
        desk=desk,
        wrong=wrong,
        reason=reason,
        picks=picks or {},
        troubles=troubles or {},
        doubted=doubted,
    )
