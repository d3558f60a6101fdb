"""Privacy requests: the register, entering one, one request with what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain import privacy as rule
from sync_server.domain.errors import Refusal
from sync_server.services import places, privacy_correction, privacy_requests
from sync_server.services.privacy_correction import Correction
from sync_server.services.privacy_requests import Form, RequestPage
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("privacy", __name__)

SHOWN = (rule.OPEN, rule.LATE, rule.ANSWERED, rule.REFUSED)
LISTS: Mapping[str, Any] = {
    "asked": rule.ASKED, "askers": rule.ASKERS, "checks": rule.CHECKS, "roads": rule.ROADS,
    "states": rule.STATES, "stops": rule.STOPS,
}  # fmt: skip


@blueprint.get("/privacy")
@with_right("privacy")
def register() -> str:
    """Show the requests of one's areas, the late ones first."""
    me, lang = person(), language()
    area, asked = request.args.get("area", ""), request.args.get("asked", "")
    state = request.args.get("state", rule.OPEN)
    state, asked = state if state in SHOWN else "", asked if asked in rule.ASKED else ""
    with centre().store.reading() as connection:
        found = privacy_requests.register(
            connection, me, area=area, state=state, asked=asked, page=asked_page(), today=today(),
            lang=lang,
        )  # fmt: skip
        areas = places.places_of(connection, me)
    return render_template(
        "privacy_queue.html", found=found, areas=areas, area=area, state=state, kind=asked,
        shown=SHOWN, lists=LISTS,
    )  # fmt: skip


@blueprint.get("/privacy/find")
@with_right("privacy")
def find() -> str:
    """Look for the resident whom a request is about."""
    typed = request.args.get("q", "").strip()
    with centre().store.reading() as connection:
        found, total = privacy_requests.candidates(connection, person(), typed, language())
    return render_template("privacy_find.html", typed=typed, found=found, total=total)


@blueprint.route("/privacy/new", methods=["GET", "POST"])
@with_right("privacy")
def enter() -> Response | str | tuple[str, int]:
    """Enter a request, about a resident or somebody in no register."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        record_id = request.args.get("record_id", "")
        with centre().store.reading() as connection:
            return _form(privacy_requests.begin(connection, me, record_id, now, lang))
    form = request.form
    request_id = form.get("request_id", "")
    refused = privacy_requests.enter(
        centre().store, me, request_id, form.get("record_id", ""), form, now, lang
    )
    if refused is not None:
        return _form(refused), errors.status_of("bad_fields")
    flash(_("已登记。"))
    return redirect(url_for("privacy.one", request_id=request_id), 303)


def _form(form: Form) -> str:
    with centre().store.reading() as connection:
        areas = places.places_of(connection, person())
    return render_template("privacy_form.html", form=form, areas=areas, lists=LISTS)


@blueprint.get("/privacy/<uuid:request_id>")
@with_right("privacy")
def one(request_id: UUID) -> str:
    """Show one request, names and number masked, and what can be done about it."""
    return show(str(request_id))


@blueprint.post("/privacy/<uuid:request_id>/unmask")
@with_right("unmask")
def unmask(request_id: UUID) -> str | tuple[str, int]:
    """Show one request in full, in this answer only, after writing down the reason."""
    reason = request.form.get("reason", "")
    try:
        found = privacy_requests.unmask_request(
            centre().store, person(), str(request_id), reason, centre().clock(), language()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        words = errors.sentence(refusal)
        return show(str(request_id), wrong=words, reason=reason), errors.status_of(refusal.code)
    return show(str(request_id), found=found)


def show(
    request_id: str, *, wrong: str = "", reason: str = "", found: RequestPage | None = None,
    correction: Correction | None = None, typed: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """Draw one request's page; ``wrong`` is what an act lacked, ``typed`` what it was given."""
    me, lang = person(), language()
    with centre().store.reading() as connection:
        found = found or privacy_requests.open_request(connection, me, request_id, today(), lang)
        correction = correction or privacy_correction.correction_of(
            connection, me, request_id, request.args.get("field", ""), lang
        )
    return render_template(
        "privacy_request.html", found=found, correction=correction, wrong=wrong, reason=reason,
        typed=typed or {}, lists=LISTS,
    )  # fmt: skip
