"""Lists of records by kind, one record with its history, unmasking for a reason."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from schemas.kind import Kind
from sync_server.domain.errors import Refusal
from sync_server.services import (
    exports,
    field_lines,
    listing,
    merge_desk,
    moves,
    people,
    places,
    privacy_requests,
    record_page,
    records,
)
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today

blueprint = Blueprint("records", __name__)


@blueprint.get("/records/<kind>")
@with_right("records")
def of_kind(kind: str) -> str:
    """Show a list of one kind with filters, search, order and pages."""
    declared = records.kind_for(person(), kind)
    return list_page(declared, listing.read(declared, request.args))


def without_reason(declared: type[Kind], asked: listing.Asked, refusal: Refusal) -> tuple[str, int]:
    """Show a list again whose export needs a reason, with what is missing; raise any other
    refusal."""
    if refusal.code != "reason_needed":
        raise refusal
    page = list_page(declared, asked, errors.sentence(refusal), request.form.get("reason", ""))
    return page, errors.status_of(refusal.code)


def list_page(declared: type[Kind], asked: listing.Asked, wrong: str = "", reason: str = "") -> str:
    """Draw a list; ``wrong`` is what its export lacks, ``reason`` what was given as one."""
    me, lang = person(), language()
    if asked.figure:
        field_lines.bring_up_to_date(centre().store, me.district)
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
        figure=listing.FIGURES[declared.info.name][asked.figure].text(lang) if asked.figure else "",
        has_positions=exports.position_of(declared) is not None,
        wrong=wrong,
        reason=reason,
    )


@blueprint.get("/records/<kind>/<record_id>")
@with_right("records")
def one(kind: str, record_id: str) -> str:
    """Show one record, masked, with everything that happened to it."""
    me, lang = person(), language()
    declared = records.kind_for(me, kind)
    with centre().store.reading() as connection:
        found = record_page.open_record(connection, me, kind, record_id, lang)
    return _record(declared, found)


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
        return _record(declared, found, words, reason), errors.status_of(refusal.code)
    return _record(declared, found)


def _record(
    declared: type[Kind], found: record_page.RecordPage, wrong: str = "", reason: str = ""
) -> str:
    with centre().store.reading() as connection:
        alike = merge_desk.panel_of(
            connection, person(), declared.info.name, found.row["record_id"], language()
        )
        asked = (
            privacy_requests.about_record(
                connection, person(), found.row["record_id"], today(), language()
            )
            if declared.info.name == privacy_requests.PERSON
            else ()
        )
    return render_template(
        "record.html",
        kind=declared.info,
        found=found,
        alike=alike,
        wrong=wrong,
        reason=reason,
        movable=moves.may_move(person(), declared.info),
        privacy_asked=asked,
    )


@blueprint.route("/records/<kind>/<record_id>/move", methods=["GET", "POST"])
@with_right("areas")
def move(kind: str, record_id: str) -> Response | str | tuple[str, int]:
    """Ask into which grid a record goes, with all that hangs below it and the open work
    about it, and put it there."""
    declared = records.kind_for(person(), kind)
    if request.method == "GET":
        return _move(declared, record_id)
    area = request.form.get("area", "")
    try:
        with centre().store.writing() as connection:
            count = moves.move_record(
                connection, person(), declared.info, record_id, area, centre().clock()
            )
    except Refusal as refusal:
        if refusal.code != "bad_scope":
            raise
        words = _("还没有移动：请选择一个网格。")
        return _move(declared, record_id, words), errors.status_of("bad_scope")
    flash(
        ngettext("已移动 %(num)d 条记录。", "已移动 %(num)d 条记录。", count)
        if count
        else _("没有变化。")
    )
    return redirect(url_for("records.one", kind=kind, record_id=record_id), 303)


def _move(declared: type[Kind], record_id: str, problem: str = "") -> str:
    with centre().store.reading() as connection:
        found = moves.open_move(
            connection, person(), declared.info, record_id, centre().clock(), language()
        )
    return render_template("move.html", kind=declared.info, found=found, problem=problem)


@blueprint.post("/records/<kind>/<record_id>/seen")
@with_right("records")
def seen(kind: str, record_id: str) -> tuple[str, int]:
    """Tell the record's author that somebody opened it."""
    record_page.open_seen(centre().store, person(), kind, record_id, centre().clock())
    return "", 204
