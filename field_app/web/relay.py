"""中转文件: writing what is unsent onto a stick, and reading the centre's receipt in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, cast

from flask import Blueprint, render_template, request, send_file

from field_app.domain.errors import Trouble
from field_app.services import relay
from field_app.services.relay_receipt import TakenReceipt, take_receipt, take_receipt_at
from field_app.services.troubles import trouble_of
from field_app.web.errors import say, status_of
from field_app.web.session import workspace
from field_app.web.sync import OUTCOMES

pages = Blueprint("relay", __name__, url_prefix="/relay")

FILE_TYPE = "application/octet-stream"


@pages.get("")
def show() -> str:
    """Show what a file would carry, the sticks, the receipts on them and the files so far."""
    return _page()


@pages.post("/write")
def write() -> Any:
    """Write a file into the folder asked for, and say when the stick may be taken out."""
    folder = request.form.get("folder", "").strip()
    try:
        if not folder:
            raise Trouble("no_folder")
        ready = relay.write_into(workspace(), Path(folder))
    except Exception as error:
        return _refused("write", error, folder=folder)
    return _page(ready=ready, folder=folder)


@pages.post("/fetch")
def fetch() -> Any:
    """Give the browser a file to keep wherever it keeps such."""
    ready, file = relay.write_to_fetch(workspace())
    return send_file(file, mimetype=FILE_TYPE, as_attachment=True, download_name=ready.name)


@pages.post("/take")
def take() -> Any:
    """Take in a receipt: one that lies on a stick, or one the browser was given."""
    agreed = request.form.get("agreed") == "1"
    try:
        told = _take(request.form.get("path", ""), agreed)
    except Exception as error:
        return _refused("take", error)
    return _page(told=told)


def _take(path: str, agreed: bool) -> TakenReceipt:
    if path:
        return take_receipt_at(workspace(), Path(path), agreed=agreed)
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Trouble("no_receipt_chosen")
    return take_receipt(workspace(), cast(BinaryIO, given.stream), agreed=agreed)


def _refused(section: str, error: Exception, **more: Any) -> Any:
    trouble = trouble_of(error)
    if trouble is None:
        raise error
    page = _page(section=section, words=say(trouble), code=trouble.code, **more)
    return page, status_of(trouble.code)


def _page(**more: Any) -> str:
    ws = workspace()
    places = relay.places()
    shown = {"section": "", "words": "", "code": "", "ready": None, "told": None, "folder": ""}
    return render_template(
        "relay.html",
        load=relay.load(ws),
        places=places,
        receipts=relay.receipts_in(
            ws, [*places, *([more["folder"]] if more.get("folder") else [])]
        ),
        files=relay.written_files(ws),
        outcomes=OUTCOMES,
        **shown | more,
    )
