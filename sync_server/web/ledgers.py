"""Ledgers: saved views on pages and as spreadsheets; the columns of a list's spreadsheet."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import layouts, ledgers, listing, places, records, workbooks
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.imports import sheet
from sync_server.web.paging import asked_page
from sync_server.web.proving import proved_unmasked
from sync_server.web.records import without_reason

blueprint = Blueprint("ledgers", __name__)


@blueprint.get("/ledgers")
@with_right("records")
def all_of_them() -> str:
    """Show the ledgers there are."""
    return _all()


@blueprint.post("/ledgers")
@with_right("ledgers")
def add() -> Response | tuple[str, int]:
    """Add a ledger and lead to its columns."""
    name, kinds = request.form.get("name", ""), request.form.getlist("kind")
    try:
        with centre().store.writing() as connection:
            ledger_id = ledgers.add(connection, person(), name, kinds, centre().clock())
    except Refusal as refusal:
        if refusal.code not in ("ledger_name", "unknown_kind"):
            raise
        code = "ledger_name" if refusal.code == "ledger_name" else "ledger_kind"
        return _all(errors.say(code), name), errors.status_of(code)
    flash(_("已加入。请选择它的列。"))
    return redirect(url_for(".edit", ledger_id=ledger_id), 303)


@blueprint.get("/ledgers/<uuid:ledger_id>")
@with_right("records")
def one(ledger_id: UUID) -> str:
    """Show a page of a ledger."""
    return _one(str(ledger_id))


def _one(ledger_id: str, wrong: str = "", reason: str = "") -> str:
    area = request.values.get("area", "").strip()
    with centre().store.reading() as connection:
        found = ledgers.open_page(
            connection, person(), ledger_id, _part(), asked_page(), language(), area=area
        )
        areas = places.places_of(connection, person())
    return render_template(
        "ledger.html", found=found, area=area, areas=areas, wrong=wrong, reason=reason
    )


@blueprint.post("/ledgers/<uuid:ledger_id>/export")
@with_right("export")
@proved_unmasked
def export(ledger_id: UUID) -> Response | tuple[str, int]:
    """Send a ledger as a spreadsheet; its page comes back when full values are asked for without a
    reason."""
    with centre().store.reading() as connection:
        ledger = ledgers.get(connection, person(), str(ledger_id))
    reason = request.form.get("reason", "")
    try:
        file, name = workbooks.ledger_as_workbook(
            centre(), person(), ledger, language(), area=request.form.get("area", "").strip(),
            unmask=request.form.get("unmask") == "1", reason=reason,
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        page = _one(str(ledger_id), errors.sentence(refusal), reason)
        return page, errors.status_of(refusal.code)
    return sheet(file, name)


@blueprint.route("/ledgers/<uuid:ledger_id>/edit", methods=["GET", "POST"])
@with_right("ledgers")
def edit(ledger_id: UUID) -> Response | str | tuple[str, int]:
    """Ask for a ledger's name, filters and columns, and keep them."""
    part = _part()
    with centre().store.reading() as connection:
        ledger = ledgers.get(connection, person(), str(ledger_id))
    part = part if part < len(ledger.parts) else 0
    if request.method == "GET":
        return _edit(ledger, part)
    kind = ledger.parts[part].kind
    try:
        with centre().store.writing() as connection:
            ledgers.save(
                connection, person(), ledger.ledger_id, request.form.get("name", ""), part,
                ledgers.posted_filters(kind, request.form),
                layouts.posted(kind, request.form), centre().clock(),
            )  # fmt: skip
    except Refusal as refusal:
        if refusal.code != "ledger_name":
            raise
        return _edit(ledger, part, errors.say("ledger_name")), errors.status_of("ledger_name")
    flash(_("已保存。"))
    return redirect(url_for(".one", ledger_id=ledger_id, part=part), 303)


@blueprint.post("/ledgers/<uuid:ledger_id>/remove")
@with_right("ledgers")
def remove(ledger_id: UUID) -> Response:
    """Delete a ledger; the records stay."""
    with centre().store.writing() as connection:
        ledgers.remove(connection, person(), str(ledger_id), centre().clock())
    flash(_("台账已删除，记录都在。"))
    return redirect(url_for(".all_of_them"), 303)


@blueprint.post("/records/<kind>/export-xlsx")
@with_right("export")
@proved_unmasked
def list_as_sheet(kind: str) -> Response | tuple[str, int]:
    """Send a list as a spreadsheet in the district's own columns; the list comes back when full
    values are asked for without a reason."""
    declared = records.kind_for(person(), kind)
    asked = listing.read(declared, request.form)
    try:
        file, name = workbooks.list_as_workbook(
            centre(), person(), kind, asked, language(),
            unmask=request.form.get("unmask") == "1", reason=request.form.get("reason", ""),
        )  # fmt: skip
    except Refusal as refusal:
        return without_reason(declared, asked, refusal)
    return sheet(file, name)


@blueprint.route("/records/<kind>/columns", methods=["GET", "POST"])
@with_right("ledgers")
def columns(kind: str) -> Response | str:
    """Ask which columns a list's spreadsheet has, in which order, and keep it."""
    declared = records.kind_for(person(), kind)
    if request.method == "POST":
        chosen = () if request.form.get("usual") else layouts.posted(declared, request.form)
        with centre().store.writing() as connection:
            layouts.save_layout(connection, person(), declared, chosen, centre().clock())
        flash(_("已保存。"))
        return redirect(url_for("records.of_kind", kind=kind), 303)
    with centre().store.reading() as connection:
        layout = layouts.layout_for(connection, person().district, declared)
    offered = layouts.offered(declared, layout, language())
    return render_template("list_columns.html", kind=declared.info, offered=offered)


def _part() -> int:
    text = request.values.get("part", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0


def _all(wrong: str = "", name: str = "") -> str:
    with centre().store.reading() as connection:
        found = ledgers.every(connection, person())
    return render_template("ledgers.html", found=found, wrong=wrong, name=name)


def _edit(ledger: ledgers.Ledger, part: int, wrong: str = "") -> str:
    mine = ledger.parts[part]
    return render_template(
        "ledger_edit.html", ledger=ledger, part=part, wrong=wrong,
        offered=layouts.offered(mine.kind, mine.columns, language()),
        filters=ledgers.filter_choices(mine, language()),
    )  # fmt: skip
