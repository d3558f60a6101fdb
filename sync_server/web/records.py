"""Lists of records by kind, one record with its history, unmasking for a reason."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from sync_server.domain.errors import Refusal
from sync_server.services import listing, people, places, record_page, records
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("records", __name__)


@blueprint.get("/records/<kind>")
@with_right("records")
def of_kind(kind: str) -> str:
    """Show a list of one kind with filters, search, order and pages."""
    me, lang = person(), language()
    declared = records.kind_for(me, kind)
    asked = listing.read(declared, request.args)
    with centre().store.reading() as connection:
        found = records.list_records(connection, me, declared, asked, lang)
        areas = places.places_of(connection, me)
        authors = people.authors(connection, me)
    return render_template(
        "records.html",
        kind=declared.info,
        asked=asked,
        found=found,
        areas=areas,
        authors=authors,
        choices=records.choices(declared),
        states=listing.STATES,
        field_prefix=listing.FIELD,
    )


@blueprint.get("/records/<kind>/<record_id>")
@with_right("records")
def one(kind: str, record_id: str) -> str:
    """Show one record, masked, with everything that happened to it."""
    me, lang = person(), language()
    declared = records.kind_for(me, kind)
    with centre().store.reading() as connection:
        found = record_page.open_record(connection, me, kind, record_id, lang)
    return render_template("record.html", kind=declared.info, found=found, wrong="", reason="")


@blueprint.post("/records/<kind>/<record_id>/unmask")
@with_right("unmask")
def unmask(kind: str, record_id: str) -> str | tuple[str, int]:
    """Show one record unmasked, in this answer only, after writing down the reason."""
    me, lang = person(), language()
    reason = request.form.get("reason", "")
    declared = records.kind_for(me, kind)
    try:
        found = record_page.unmask_record(
            centre().store, me, kind, record_id, reason, centre().clock(), lang
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        with centre().store.reading() as connection:
            found = record_page.open_record(connection, me, kind, record_id, lang)
        words = errors.sentence(refusal)
        body = render_template(
            "record.html", kind=declared.info, found=found, wrong=words, reason=reason
        )
        return body, errors.status_of(refusal.code)
    return render_template("record.html", kind=declared.info, found=found, wrong="", reason="")


@blueprint.post("/records/<kind>/<record_id>/seen")
@with_right("records")
def seen(kind: str, record_id: str) -> tuple[str, int]:
    """Tell the record's author that somebody opened it."""
    record_page.open_seen(centre().store, person(), kind, record_id, centre().clock())
    return "", 204
