"""Registers as spreadsheets: upload, columns, check, import, take back."""

from __future__ import annotations

from typing import IO, BinaryIO, cast
from uuid import UUID

from flask import (
    Blueprint,
    Flask,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.columns import ORDER
from sync_server.domain.sheets.plan import LIKELY, Plan
from sync_server.services import import_pages, import_sheets, imports, places
from sync_server.services.import_pages import OUTCOMES
from sync_server.store.imports import AT_WORK
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.large_bodies import IMPORT_BYTES
from sync_server.web.paging import asked_page
from sync_server.web.proving import proved

blueprint = Blueprint("imports", __name__)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def register(app: Flask) -> None:
    """Add the pages; the upload checks its form's token itself, once its size is allowed."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(take)
    app.register_blueprint(blueprint)


@blueprint.get("/imports")
@with_right("imports")
def all_of_them() -> str:
    """Show the form for a file and the imports there were."""
    return _list()


@blueprint.post("/imports")
@with_right("imports")
def take() -> Response | tuple[str, int]:
    """Take a file in and lead to its import."""
    request.max_content_length = IMPORT_BYTES
    try:
        current_app.extensions["csrf"].protect()
        given = request.files.get("file")
        if given is None or not given.filename:
            raise Refusal("sheet_missing")
        ids = imports.take_file(
            centre(), imports.importer(person()), given.filename, cast(BinaryIO, given.stream)
        )
    except RequestEntityTooLarge:
        too_large = Refusal("sheet_too_large", megabytes=IMPORT_BYTES // 1_048_576)
        return _list(errors.sentence(too_large)), errors.status_of("sheet_too_large")
    except Refusal as refusal:
        if errors.status_of(refusal.code) >= 500:
            raise
        return _list(errors.sentence(refusal)), errors.status_of(refusal.code)
    if len(ids) > 1:
        flash(_("文件有 %(count)s 个工作表，每个分别导入。", count=len(ids)))
        return redirect(url_for(".all_of_them"), 303)
    return redirect(url_for(".one", import_id=ids[0]), 303)


@blueprint.get("/imports/<uuid:import_id>")
@with_right("imports")
def one(import_id: UUID) -> str:
    """Show an import at the stage it has reached."""
    return _page(str(import_id))


@blueprint.post("/imports/<uuid:import_id>/columns")
@with_right("imports")
def columns(import_id: UUID) -> Response | str | tuple[str, int]:
    """Keep the chosen columns and have the file checked, or propose them anew for another kind."""
    who, key = imports.importer(person()), str(import_id)
    with centre().store.reading() as connection:
        present = imports.plan_of(imports.get_own(connection, who, key))
    posted = request.form
    if posted.get("again"):
        kind = posted.get("kind", "") if posted.get("kind") in ORDER else present.kind
        plan = imports.propose_anew(
            centre(), who, key, kind, _number("first", present.first), _number("lines", 1)
        )
        return _page(key, plan)
    # Of which kind and heads the form was, whatever is stored by now.
    kind = posted.get("was_kind", present.kind)
    if kind != present.kind or _number("was_first", present.first) != present.first:
        present = imports.propose_anew(
            centre(), who, key, kind if kind in ORDER else present.kind,
            _number("was_first", present.first), _number("was_lines", present.lines),
        )  # fmt: skip
    plan = import_pages.posted_plan(present, posted)
    try:
        imports.check_file(centre(), who, key, plan)
    except Refusal as refusal:
        if refusal.code != "columns_missing":
            raise
        return _page(key, plan, refusal.facts["columns"]), errors.status_of("columns_missing")
    return redirect(url_for(".one", import_id=import_id), 303)


@blueprint.post("/imports/<uuid:import_id>/choices")
@with_right("imports")
def choose(import_id: UUID) -> Response:
    """Keep what was chosen about rows that are likely there already."""
    choices = {
        int(name[7:]): text
        for name, text in request.form.items()
        if name.startswith("choice-") and name[7:].isdecimal() and text in ("", *LIKELY)
    }
    imports.choose(centre(), imports.importer(person()), str(import_id), choices)
    flash(_("已保存选择。"))
    return redirect(
        url_for(".one", import_id=import_id, show="likely", page=_number("page", 1)), 303
    )


@blueprint.post("/imports/<uuid:import_id>/run")
@with_right("imports")
@proved
def run(import_id: UUID) -> Response:
    """Import a file that was checked."""
    likely = request.form.get("likely", "")
    likely = likely if likely in LIKELY else LIKELY[0]
    imports.run_checked(centre(), imports.importer(person()), str(import_id), likely)
    return redirect(url_for(".one", import_id=import_id), 303)


@blueprint.post("/imports/<uuid:import_id>/undo")
@with_right("imports")
@proved
def undo(import_id: UUID) -> Response:
    """Have an import taken back."""
    imports.undo(centre(), imports.importer(person()), str(import_id))
    return redirect(url_for(".one", import_id=import_id), 303)


@blueprint.post("/imports/<uuid:import_id>/discard")
@with_right("imports")
def discard(import_id: UUID) -> Response:
    """Drop a file that was not imported."""
    imports.discard(centre(), imports.importer(person()), str(import_id))
    flash(_("已放弃，文件已删除，什么都没有导入。"))
    return redirect(url_for(".all_of_them"), 303)


@blueprint.get("/imports/<uuid:import_id>/faults")
@with_right("imports")
def faults(import_id: UUID) -> Response:
    """Send the rows that were refused, with their reasons."""
    file = import_sheets.faults(centre(), person(), str(import_id), language())
    return sheet(file, f"{_('未导入的行')}.xlsx")


@blueprint.get("/imports/template/<kind>")
@with_right("imports")
def template(kind: str) -> Response:
    """Send an empty register of a kind."""
    file = import_sheets.template(centre(), kind, language())
    return sheet(file, f"{import_pages.kind_words(kind, language())}.xlsx")


def sheet(file: IO[bytes], name: str) -> Response:
    """Return a workbook as a download."""
    return send_file(file, mimetype=XLSX, as_attachment=True, download_name=name)


def _number(name: str, otherwise: int) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else otherwise


def _list(wrong: str = "") -> str:
    with centre().store.reading() as connection:
        found = import_pages.list_imports(connection, person(), asked_page(), language())
    kinds = [(kind, import_pages.kind_words(kind, language())) for kind in ORDER]
    return render_template(
        "imports.html", found=found, wrong=wrong, kinds=kinds, at_work=AT_WORK,
        megabytes=IMPORT_BYTES // 1_048_576,
    )  # fmt: skip


def _page(import_id: str, plan: Plan | None = None, missing: tuple[str, ...] = ()) -> str:
    me, lang = person(), language()
    with centre().store.reading() as connection:
        row = imports.get(connection, imports.importer(me), import_id)
        areas = places.places_of(connection, me)
    form, rows, failed = None, None, ""
    mine = row["made_by"] == me.user_id
    if plan is not None or (row["state"] == "columns" and mine):
        form = import_pages.columns_form(
            centre(), me, row, plan or imports.plan_of(row), lang, missing
        )
    elif row["state"] in ("checked", "done", "undone"):
        offered = [*(("kept",) if row["state"] == "undone" else ()), *OUTCOMES]
        some = [name for name in offered if row["counts"].get(name)]
        show = request.args.get("show", "")
        show = show if show in some else (some[0] if some else "new")
        rows = import_pages.rows_page(centre(), me, row, show, asked_page(), lang, centre().clock())
    elif row["state"] == "failed":
        failed = errors.say((row["problem"] or {}).get("code", "unexpected"))
    return render_template(
        "import.html", row=row, form=form, rows=rows, areas=areas, failed=failed,
        kind=import_pages.kind_words(row["kind"], lang), at_work=row["state"] in AT_WORK,
        outcomes=OUTCOMES,
    )  # fmt: skip
