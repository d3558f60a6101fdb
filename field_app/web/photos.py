"""照片: add photos to a record from files or the camera, and show them from their sealed files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from field_app.domain.errors import Trouble
from field_app.services import drafts, photos
from field_app.services.workspace import Workspace
from field_app.store.photo_files import Part
from field_app.web.errors import say
from field_app.web.i18n import language
from field_app.web.session import find_workspace, workspace
from field_app.web.widgets import record_url
from schemas.codes import code_list

pages = Blueprint("photos", __name__)


@pages.post("/photos/of/<kind_name>/<record_id>")
def add(kind_name: str, record_id: str) -> BaseResponse:
    """Add the chosen pictures to a record; what is no photo is named and stops no other."""
    ws = workspace()
    chosen = [one for one in request.files.getlist("photo") if one.filename]
    if not chosen:
        flash(say(Trouble("no_photo_chosen")), "warning")
    added: set[str] = set()
    for one in chosen:
        try:
            content, use = one.stream.read(), request.form.get("use", "")
            added.add(photos.attach(ws, kind_name, record_id, content, use))
        except Trouble as trouble:
            flash(f"{one.filename}: {say(trouble)}", "danger")
    if added:
        flash(_("已加%(count)s张照片，同步时上传。", count=len(added)))
    return redirect(record_url(kind_name, record_id) + "#photos")


def take_photos(ws: Workspace, draft_id: str) -> bool:
    """Take the pictures a form brought into its draft; False when one of them could not be taken.

    Their controls are called ``_photo.<use>.<prefix of the part>``. When the draft was saved
    meanwhile they go to the record it became.
    """
    added, failed = 0, False
    for name, chosen in request.files.items(multi=True):
        mark, _dot, rest = name.partition(".")
        use, _dot, prefix = rest.partition(".")
        if mark != "_photo" or not chosen.filename:
            continue
        try:
            _take(ws, draft_id, prefix, chosen.stream.read(), use)
            added += 1
        except Trouble as trouble:
            failed = True
            flash(f"{chosen.filename}: {say(trouble)}", "danger")
    if added:
        flash(_("已加%(count)s张照片，同步时上传。", count=added))
    return not failed


def _take(ws: Workspace, draft_id: str, prefix: str, raw: bytes, use: str) -> None:
    try:
        drafts.add_photo(ws, draft_id, prefix, raw, use)
    except drafts.DraftSaved as done:
        kind, record_id = done.draft["became"].get(prefix) or ("", "")
        if not kind:
            raise Trouble("no_photo_here") from None
        photos.attach(ws, kind, record_id, raw, use)
    except drafts.DraftGone:
        raise Trouble("no_photo_here") from None


@pages.get("/photos/draft/<draft_id>/<photo_id>/<any(photo, small):part>.jpg")
def of_draft(draft_id: str, photo_id: str, part: Part) -> Response:
    """Show a photo of a form that is still open."""
    ws = workspace()
    draft = drafts.find(ws, draft_id)
    held = draft.get("photos", []) if draft else []
    taken = next((one for one in held if one["photo_id"] == photo_id), None)
    return _answer(photos.read_taken(ws, taken, part) if taken else None)


@pages.get("/photos/<photo_id>.jpg")
def full(photo_id: str) -> Response:
    """Show a photo."""
    return _picture(photo_id, "photo")


@pages.get("/photos/<photo_id>/small.jpg")
def small(photo_id: str) -> Response:
    """Show a photo's thumbnail."""
    return _picture(photo_id, "small")


def _picture(photo_id: str, part: Part) -> Response:
    try:
        content = photos.read_photo(workspace(), photo_id, part)
    except ValueError:
        content = None
    return _answer(content)


def _answer(content: bytes | None) -> Response:
    if content is None:
        abort(404)
    response = Response(content, mimetype="image/jpeg")
    response.headers["Content-Disposition"] = 'inline; filename="photo.jpg"'
    return response


@pages.app_context_processor
def _for_every_template() -> dict[str, Any]:
    """What the record pages show photos with."""
    return {
        "photos_of": _photos_of,
        "photo_shown": _photo_shown,
        "photo_use": lambda code: code_list("PHOTO_USE").text(code, language()),
        "photo_state": lambda state: _states()[state][0],
    }


def _photos_of(view: Mapping[str, Any]) -> dict[str, Any]:
    ws = workspace()
    return {
        "found": photos.of_record(ws, view["record_id"]),
        "may_add": photos.may_attach(ws, view),
        "uses": [(item.code, item.label.text(ws.lang)) for item in code_list("PHOTO_USE").items],
        "address": url_for("photos.add", kind_name=view["kind"], record_id=view["record_id"]),
        "states": _states(),
    }


def _states() -> dict[str, tuple[str, str]]:
    return {
        "waiting": (_("照片未传"), "warning"),
        "arrived": (_("照片已到"), "success"),
        "refused": (_("中心未接受这张照片"), "danger"),
        "lost": (_("照片文件缺失或损坏"), "danger"),
        "elsewhere": (_("照片不在本机"), "secondary"),
    }


def _photo_shown(view: Mapping[str, Any]) -> photos.Shown | None:
    ws = find_workspace()
    return photos.shown(ws, view) if ws is not None and view["kind"] == photos.PHOTO else None
