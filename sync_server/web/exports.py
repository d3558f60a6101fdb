"""Exporting a list of records as CSV or GeoJSON, with the list's filters."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from sync_server.domain.errors import Refusal
from sync_server.services import exports, listing, records
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.proving import proved_unmasked
from sync_server.web.records import without_reason

blueprint = Blueprint("exports", __name__)


@blueprint.post("/records/<kind>/export")
@with_right("export")
@proved_unmasked
def as_csv(kind: str) -> Response | tuple[str, int]:
    """Send the whole list, row by row as it is read; the list comes back when full values are asked
    for without a reason."""
    return _send(kind, "csv", "text/csv")


@blueprint.post("/records/<kind>/export-geojson")
@with_right("export")
@proved_unmasked
def as_geojson(kind: str) -> Response | tuple[str, int]:
    """Send the list of a kind with positions to be laid on a map, as ``as_csv``."""
    return _send(kind, "geojson", "application/geo+json")


def _send(kind: str, form: str, mimetype: str) -> Response | tuple[str, int]:
    declared = records.kind_for(person(), kind)
    asked = listing.read(declared, request.form)
    try:
        export = exports.begin_export(
            centre().store,
            person(),
            declared,
            asked,
            centre().clock(),
            language(),
            _words(),
            unmask=request.form.get("unmask") == "1",
            reason=request.form.get("reason", ""),
            form=form,
        )
    except Refusal as refusal:
        return without_reason(declared, asked, refusal)
    write = exports.features if form == "geojson" else exports.lines
    answer = Response(write(centre().store, export), mimetype=mimetype)
    answer.headers["Content-Disposition"] = (
        f"attachment; filename=\"{kind}.{form}\"; filename*=UTF-8''{quote(export.file_name)}"
    )
    return answer


@blueprint.get("/records/<kind>/export")
@with_right("export")
def back_to_list(kind: str) -> AnyResponse:
    """Lead somebody who reloads an export's address to the list."""
    records.kind_for(person(), kind)
    return redirect(url_for("records.of_kind", kind=kind))


def _words() -> exports.Words:
    return exports.Words(
        record_id=_("记录号"),
        area_code=_("区域代码"),
        area=_("区域"),
        author=_("填报人"),
        happened_at=_("发生时间"),
        received_at=_("收到时间"),
        version=_("版本"),
        state=_("状态"),
        conflict=_("有冲突"),
        doubtful=_("时间存疑"),
        voided=_("已作废"),
        merged=_("已并入"),
    )
