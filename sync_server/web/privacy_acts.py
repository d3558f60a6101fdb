"""What the district does about a privacy request: each act comes back to the request's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import Response as Answer
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import (
    person_extract,
    privacy_acts,
    privacy_correction,
    privacy_requests,
    privacy_stopping,
)
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.privacy import LISTS, show
from sync_server.web.proving import proved

blueprint = Blueprint("privacy_acts", __name__)

SAID_ON_THE_PAGE = frozenset(
    {"answer_needed", "identity_first", "choose_worker", "out_of_date", "reason_needed"}
)
"""Refusals that are told above the request, with what was typed."""


@blueprint.post("/privacy/<uuid:request_id>/take")
@with_right("privacy_answer")
def take(request_id: UUID) -> Response | tuple[str, int]:
    """Take a request on oneself."""
    return _act(request_id, privacy_acts.take_on, _("由您办理。"))


@blueprint.post("/privacy/<uuid:request_id>/identity")
@with_right("privacy_answer")
def identity(request_id: UUID) -> Response | tuple[str, int]:
    """Say how it was made sure who asks."""
    return _act(request_id, privacy_acts.check_identity, _("已保存。"), "checked")


@blueprint.post("/privacy/<uuid:request_id>/answer")
@with_right("privacy_answer")
def answer(request_id: UUID) -> Response | tuple[str, int]:
    """Answer or refuse a request."""
    return _act(request_id, privacy_acts.answer, _("已办结。"), "outcome", "answer")


@blueprint.post("/privacy/<uuid:request_id>/reopen")
@with_right("privacy_answer")
def reopen(request_id: UUID) -> Response | tuple[str, int]:
    """Open a request again that is over."""
    return _act(request_id, privacy_acts.reopen, _("已重新打开。"), "reopen_reason")


@blueprint.post("/privacy/<uuid:request_id>/wanted")
@with_right("privacy_answer")
def wanted(request_id: UUID) -> Response | tuple[str, int]:
    """Keep what is to be corrected."""
    me, form, lang, key = person(), request.form, language(), str(request_id)
    name = form.get("field", "")
    try:
        problems = privacy_correction.want(
            centre().store, me, key, form.get("version", ""), name, form.getlist,
            form.get("why", ""), centre().clock(), lang,
        )  # fmt: skip
    except Refusal as refusal:
        return _again(key, refusal)
    if not problems:
        flash(_("已保存要更正的内容。"))
        return redirect(url_for("privacy.one", request_id=request_id), 303)
    with centre().store.reading() as connection:
        found = privacy_correction.correction_of(connection, me, key, name, lang)
    again = found and privacy_correction.with_problems(found, name, problems, form.getlist, lang)
    return show(key, correction=again, typed=form), errors.status_of("bad_fields")


@blueprint.post("/privacy/<uuid:request_id>/task")
@with_right("privacy_answer")
def task(request_id: UUID) -> Response | tuple[str, int]:
    """Ask the worker of the grid to correct."""
    lang = language()

    def send(store, me, key, version, worker, now):  # type: ignore[no-untyped-def]
        privacy_correction.send_task(store, me, key, version, worker, now, lang)

    return _act(request_id, send, _("已交给网格员，他的终端下次同步时收到。"), "worker")


@blueprint.route("/privacy/<uuid:request_id>/stop", methods=["GET", "POST"])
@with_right("privacy_answer")
def stop(request_id: UUID) -> Response | str | tuple[str, int]:
    """Say in plain words what stopping does, and do it once it is confirmed."""
    key, wrong, status = str(request_id), "", 200
    if request.method == "POST":
        form = request.form
        try:
            if form.get("sure") != "1":
                raise Refusal("confirm_needed")
            count = privacy_stopping.stop(
                centre().store, person(), key, form.get("version", ""), form.get("what", ""),
                centre().clock(),
            )  # fmt: skip
        except Refusal as refusal:
            if refusal.code not in (*SAID_ON_THE_PAGE, "confirm_needed", "bad_request"):
                raise
            wrong, status = errors.sentence(refusal), errors.status_of(refusal.code)
        else:
            flash(ngettext("已停止使用 %(num)d 条记录。请填写答复后办结。",
                           "已停止使用 %(num)d 条记录。请填写答复后办结。", count))  # fmt: skip
            return redirect(url_for("privacy.one", request_id=request_id), 303)
    with centre().store.reading() as connection:
        found = privacy_requests.open_request(connection, person(), key, today(), language())
        what = privacy_stopping.stopping_of(connection, person(), key, language())
    page = render_template(
        "privacy_stop.html", found=found, what=what, wrong=wrong, lists=LISTS,
        chosen=request.form.get("what", ""),
    )  # fmt: skip
    return page, status


@blueprint.post("/privacy/<uuid:request_id>/extract")
@with_right("privacy_answer")
@proved
def extract(request_id: UUID) -> str | Response | tuple[str, int]:
    """Show everything held about the person, in this answer only, after writing it down."""
    try:
        found = _extract(request_id, person_extract.PAGE)
    except Refusal as refusal:
        return _again(str(request_id), refusal)
    return render_template("privacy_extract.html", found=found, now=centre().clock())


@blueprint.post("/privacy/<uuid:request_id>/extract.json")
@with_right("privacy_answer")
@proved
def extract_file(request_id: UUID) -> Response | tuple[str, int]:
    """Send the same as a file that programs read."""
    try:
        found = _extract(request_id, person_extract.FILE)
    except Refusal as refusal:
        return _again(str(request_id), refusal)
    document = person_extract.as_document(found)
    text = json.dumps(document, ensure_ascii=False, indent=2)
    sent = Answer(text, mimetype="application/json")
    name = quote(f"{_('个人信息摘录')}-{found.no}.json")
    sent.headers["Content-Disposition"] = (
        f"attachment; filename=\"{found.no}.json\"; filename*=UTF-8''{name}"
    )
    return sent


@blueprint.get("/privacy/<uuid:request_id>/extract")
@blueprint.get("/privacy/<uuid:request_id>/extract.json")
@with_right("privacy_answer")
def back(request_id: UUID) -> Response:
    """Lead somebody who reloads an extract's address to its request."""
    return redirect(url_for("privacy.one", request_id=request_id))


def _extract(request_id: UUID, form: str) -> person_extract.Extract:
    return person_extract.make_extract(
        centre().store, person(), str(request_id), form, centre().clock(), language()
    )


def _act(
    request_id: UUID, act: Callable[..., None], done: str, *names: str
) -> Response | tuple[str, int]:
    """Do something about a request with what the form says; what was typed comes back when it
    cannot be done."""
    form = request.form
    said = [form.get(name, "") for name in names]
    try:
        act(centre().store, person(), str(request_id), form.get("version", ""), *said,
            centre().clock())  # fmt: skip
    except Refusal as refusal:
        return _again(str(request_id), refusal)
    flash(done)
    return redirect(url_for("privacy.one", request_id=request_id), 303)


def _again(request_id: str, refusal: Refusal) -> tuple[str, int]:
    if refusal.code not in SAID_ON_THE_PAGE:
        raise refusal
    words = errors.sentence(refusal)
    return show(request_id, wrong=words, typed=request.form), errors.status_of(refusal.code)
