"""Duplicates: the queue of pairs, two records side by side, merging them and undoing it."""

from __future__ import annotations

import re
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from schemas.labels import Label
from sync_server.domain.errors import Refusal
from sync_server.services import care_doubles, duplicate_desk, duplicates, merge_desk, merging
from sync_server.services.duplicate_desk import PairPage
from sync_server.services.merging import Side, Wanted
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("duplicates", __name__)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@blueprint.get("/duplicates")
@with_right("records")
def queue() -> str:
    """Show the pairs that may be one, or those somebody said are two."""
    me, lang = person(), language()
    duplicates.catch_up(centre().store, centre().code, centre().clock())
    kind, state = request.args.get("kind", ""), request.args.get("state", "open")
    with centre().store.reading() as connection:
        found = duplicate_desk.open_queue(connection, me, kind, state, asked_page(), lang)
    return render_template("duplicates.html", found=found, kind=kind, state=state)


@blueprint.get("/duplicates/compare")
@with_right("records")
def compare() -> Response:
    """Go to two records side by side; the other one is named by the address of its page."""
    one, other = (ID.search(request.args.get(name, "")) for name in ("one", "other"))
    if one is None or other is None:
        flash(_("请填写另一条记录页面的网址。"))
        return redirect(url_for("duplicates.queue"), 303)
    return redirect(url_for("duplicates.pair", one=one[0], other=other[0]), 303)


@blueprint.get("/duplicates/<one>/<other>")
@with_right("records")
def pair(one: str, other: str) -> str:
    """Show two records side by side; ``keep`` names the one that is to survive."""
    return _page(_opened(one, other))


@blueprint.post("/duplicates/<one>/<other>/unmask")
@with_right("unmask")
def unmask(one: str, other: str) -> str | tuple[str, int]:
    """Show two records unmasked, after writing down the reason."""
    keep = request.form.get("keep", "")
    reason = request.form.get("reason", "")
    try:
        page = duplicate_desk.unmask_pair(
            centre().store, person(), one, other, reason, centre().clock(), language(), keep
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        words = errors.sentence(refusal)
        return _page(_opened(one, other), wrong=words, reason=reason), errors.status_of(
            refusal.code
        )
    return _page(page)


@blueprint.post("/duplicates/<one>/<other>/apart")
@with_right("merge")
def apart(one: str, other: str) -> Response:
    """Remember that two records are not the same."""
    words = request.form.get("words", "").strip()
    duplicate_desk.set_apart(centre().store, person(), one, other, words, centre().clock())
    flash(_("已记下：不是同一个。以后不再提示这一对。"))
    return redirect(url_for("duplicates.queue", kind=request.form.get("kind", "")), 303)


@blueprint.post("/duplicates/<one>/<other>/again")
@with_right("merge")
def again(one: str, other: str) -> Response:
    """Take back that two records are not the same."""
    duplicate_desk.look_again(centre().store, person(), one, other, centre().clock())
    return redirect(url_for("duplicates.pair", one=one, other=other), 303)


@blueprint.post("/duplicates/<one>/<other>/merge")
@with_right("merge")
def merge(one: str, other: str) -> Response | tuple[str, int]:
    """Merge one record into the other with the values chosen; what was chosen comes back when
    something is wrong."""
    form = request.form
    keep, merged = (one, other) if form.get("keep") != other else (other, one)
    picks = {
        name.removeprefix("pick-"): cast(Side, value)
        for name, value in form.items()
        if name.startswith("pick-") and value in ("survivor", "merged")
    }
    seen = tuple(_number(form.get(name, "")) for name in ("seen_merged", "seen_survivor"))
    words = form.get("words", "").strip().replace("\r\n", "\n")
    wanted = Wanted(merged, keep, picks, (seen[0], seen[1]), words)
    try:
        merge_id = merging.merge_records(centre().store, person(), wanted, centre().clock())
    except Refusal as refusal:
        if refusal.code not in ("out_of_date", "conflicts_first", "bad_fields"):
            raise
        said = errors.sentence(refusal)
        if problems := refusal.facts.get("problems"):
            said += " " + " ".join(
                Label(str(one["zh"]), str(one["en"])).text(language()) for one in problems
            )
        return _page(_opened(one, other), wrong=said, picks=picks, typed=words), 409
    flash(_("已合并。各终端下次同步时会收到；以后对被并入记录的改动会转到合并后的记录。"))
    with centre().store.reading() as connection:
        twice = care_doubles.waiting_for(connection, centre().code, keep)
    if twice is not None:
        flash(_("这位居民现在有两份关怀记录，请接着核对，合并成一份。"))
        return redirect(url_for("duplicates.pair", one=twice[0], other=twice[1]), 303)
    return redirect(url_for("duplicates.one_merge", merge_id=merge_id), 303)


@blueprint.get("/merges")
@with_right("records")
def merges() -> str:
    """Show what was merged, the newest first."""
    page = asked_page()
    with centre().store.reading() as connection:
        lines, total, pages = merge_desk.merges_page(connection, person(), page, language())
    return render_template("merges.html", lines=lines, total=total, page=page, pages=pages)


@blueprint.get("/merges/<merge_id>")
@with_right("records")
def one_merge(merge_id: str) -> str:
    """Show one merge and what undoing it would do."""
    with centre().store.reading() as connection:
        found = merge_desk.open_merge(connection, person(), merge_id, language())
    return render_template("merge.html", found=found)


@blueprint.post("/merges/<merge_id>/undo")
@with_right("merge")
def undo(merge_id: str) -> Response:
    """Undo a merge."""
    words = request.form.get("words", "").strip()
    merging.undo_merge(centre().store, person(), merge_id, words, centre().clock())
    flash(_("已撤销合并，两条记录都恢复了。各终端下次同步时会收到。"))
    return redirect(url_for("duplicates.one_merge", merge_id=merge_id), 303)


def _opened(one: str, other: str) -> PairPage:
    keep = request.values.get("keep", "")
    with centre().store.reading() as connection:
        return duplicate_desk.open_pair(connection, person(), one, other, language(), keep=keep)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 17 else -1


def _page(found: PairPage, **more: Any) -> str:
    told = {"wrong": "", "reason": "", "picks": {}, "typed": ""} | more
    return render_template("duplicate.html", found=found, **told)
