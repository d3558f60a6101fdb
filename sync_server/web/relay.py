"""中转文件: taking in what laptops wrote onto a stick, and giving out the receipts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, cast

from flask import Blueprint, Flask, Response, current_app, render_template, request, send_file
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge

from schemas.clock import SHANGHAI
from schemas.exchange import API
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import relay
from sync_server.services.relay import TakenIn
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre

blueprint = Blueprint("relay", __name__)
api = Blueprint("relay_api", __name__, url_prefix=API)

_HASH = re.compile(r"[0-9a-f]{64}\Z")
FILE_TYPE = "application/octet-stream"


def register(app: Flask) -> None:
    """Add the page and the API's address. Both look at who asks before they read the body, and so
    check the form's token themselves."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(take)
    csrf.exempt(api)
    app.register_blueprint(blueprint)
    app.register_blueprint(api)


@blueprint.get("/relay")
@with_right("devices")
def show() -> str:
    """Show the form and the files taken in last."""
    return _page()


@blueprint.post("/relay")
@with_right("devices")
def take() -> tuple[str, int]:
    """Take a file in and show what became of it, with the receipt to be fetched."""
    request.max_content_length = centre().settings.relay_bytes
    try:
        current_app.extensions["csrf"].protect()
        given = request.files.get("file")
        if given is None or not given.filename:
            raise Refusal("relay_no_file")
        taken = relay.take_in_and_keep(
            centre(), cast(BinaryIO, given.stream), centre().clock(), by=person()
        )
    except RequestEntityTooLarge:
        return _refused(_too_large())
    except Refusal as refusal:
        if errors.status_of(refusal.code) >= 500:
            raise
        return _refused(refusal)
    return _page(taken=taken), 200


@blueprint.get("/relay/<sha256>/receipt")
@with_right("devices")
def receipt(sha256: str) -> Response:
    """Send the receipt for a file that was taken in."""
    path = relay.folder_of(centre()).receipt(sha256) if _HASH.match(sha256) else None
    if path is None:
        raise Refusal("not_found")
    return _file(path, centre().clock().astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S"))


@api.post("/relay")
def take_by_api() -> Response:
    """POST /relay: take the body in as a file and answer its receipt. For signed-in staff.

    The content type, which no form of another site can send, stands for a form's token.
    """
    if not current_user.is_authenticated:
        raise Refusal("sign_in_needed")
    if person().password_given or not may(person().role, "devices"):
        raise Refusal("not_allowed")  # who was given a password first chooses one of his own
    if request.mimetype != FILE_TYPE:
        raise Refusal("wrong_type")
    request.max_content_length = centre().settings.relay_bytes
    folder = relay.folder_of(centre())
    with folder.scratch() as file:
        try:
            while piece := request.stream.read(65_536):
                folder.put(file, piece)
        except RequestEntityTooLarge:
            raise _too_large() from None
        file.seek(0)
        taken = relay.take_in_and_keep(
            centre(), cast(BinaryIO, file), centre().clock(), by=person()
        )
    path = folder.receipt(taken.sha256)
    assert path is not None
    return _file(path, taken.sha256[:12])


def _too_large() -> Refusal:
    limit = centre().settings.relay_bytes
    return Refusal("relay_too_large", limit=limit, megabytes=limit // 1_048_576)


def _refused(refusal: Refusal) -> tuple[str, int]:
    return _page(wrong=errors.sentence(refusal)), errors.status_of(refusal.code)


def _page(*, taken: TakenIn | None = None, wrong: str = "") -> str:
    return render_template(
        "relay.html",
        taken=taken,
        wrong=wrong,
        files=relay.latest_files(centre(), person()),
        has_receipt=lambda sha256: relay.folder_of(centre()).receipt(sha256) is not None,
        megabytes=centre().settings.relay_bytes // 1_048_576,
    )


def _file(path: Path, stamp: str) -> Response:
    name = f"gridrounds-{stamp}.gridreceipt"
    return send_file(path.resolve(), mimetype=FILE_TYPE, as_attachment=True, download_name=name)
