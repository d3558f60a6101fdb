"""Retention: for how long what has ended is kept, the runs by which it is emptied, one of them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from schemas.retention import MOST_YEARS
from sync_server.domain.errors import Refusal
from sync_server.services import retention
from sync_server.services.accounts import User
from sync_server.services.ids import new_id
from sync_server.store.engine import Store
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page
from sync_server.web.proving import proved

blueprint = Blueprint("retention", __name__)

SAID_ON_THE_PAGE = frozenset(
    {
        "retention_years", "retention_no_period", "retention_under_way", "retention_nothing",
        "retention_same_person", "retention_unsure", "out_of_date",
    }
)  # fmt: skip


@blueprint.get("/retention")
@with_right("retention")
def overview() -> str:
    """Show every class with its period, and the runs."""
    return _overview()


@blueprint.post("/retention/period")
@with_right("retention")
def period() -> Response | tuple[str, int]:
    """Set for how many years a class is kept after its end; empty: for good."""
    name, years = request.form.get("name", ""), request.form.get("years", "")
    try:
        changed = retention.set_period(centre().store, person(), name, years, centre().clock())
    except Refusal as refusal:
        return _said(refusal, lambda words: _overview(words, years))
    flash(_("已保存。") if changed else _("没有变化。"))
    return redirect(url_for("retention.overview"), 303)


@blueprint.post("/retention/propose")
@with_right("retention")
def propose() -> Response | tuple[str, int]:
    """List what has come to its end, for somebody else to confirm."""
    name, run_id = request.form.get("name", ""), request.form.get("run_id", "")
    try:
        UUID(run_id)
    except ValueError:
        raise Refusal("bad_request") from None
    store, now = centre().store, centre().clock()
    try:
        persons = retention.propose(store, person(), name, run_id, now)
    except Refusal as refusal:
        return _said(refusal, _overview)
    flash(ngettext("清单里有 %(num)d 人，请另一位逐条看过再确认。",
                   "清单里有 %(num)d 人，请另一位逐条看过再确认。", persons))  # fmt: skip
    return redirect(url_for("retention.one", run_id=run_id), 303)


@blueprint.get("/retention/<uuid:run_id>")
@with_right("retention")
def one(run_id: UUID) -> str:
    """Show one run with the records it lists."""
    return _one(str(run_id))


@blueprint.post("/retention/<uuid:run_id>/confirm")
@with_right("retention")
@proved
def confirm(run_id: UUID) -> Response | tuple[str, int]:
    """Let a run be done."""
    if request.form.get("sure") != "1":
        return _said(Refusal("retention_unsure"), lambda words: _one(str(run_id), words))
    return _act(run_id, retention.confirm, _("已确认，接下来几分钟内逐条清空。"))


@blueprint.post("/retention/<uuid:run_id>/drop")
@with_right("retention")
def drop(run_id: UUID) -> Response | tuple[str, int]:
    """Give a proposed run up."""
    return _act(run_id, retention.drop, _("已撤回，什么都没有清空。"))


def _act(
    run_id: UUID, act: Callable[..., None], done: str
) -> Response | tuple[str, int]:  # fmt: skip
    store: Store = centre().store
    me: User = person()
    try:
        act(store, me, str(run_id), centre().clock())
    except Refusal as refusal:
        return _said(refusal, lambda words: _one(str(run_id), words))
    flash(done)
    return redirect(url_for("retention.one", run_id=run_id), 303)


def _said(refusal: Refusal, page: Callable[[str], str]) -> tuple[str, int]:
    """Return a page that says what was refused, where its form is."""
    if refusal.code not in SAID_ON_THE_PAGE:
        raise refusal
    return page(errors.sentence(refusal)), errors.status_of(refusal.code)


def _overview(wrong: str = "", typed: str | None = None) -> str:
    me, lang = person(), language()
    with centre().store.reading() as connection:
        held = retention.held(connection, me, lang)
        runs = retention.runs(connection, me, lang)
    return render_template(
        "retention.html", held=held, runs=runs, wrong=wrong, typed=typed, most=MOST_YEARS,
        at_most=retention.MOST, run_id=new_id(),
    )  # fmt: skip


def _one(run_id: str, wrong: str = "") -> str:
    with centre().store.reading() as connection:
        found = retention.open_run(connection, person(), run_id, asked_page(), language())
    return render_template("retention_run.html", found=found, wrong=wrong)
