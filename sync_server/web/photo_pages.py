"""Photos for staff: the picture of a record, its thumbnail, and the list of those not come yet."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from sync_server.services import photo_pages
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("photos", __name__)


@blueprint.get("/photos/missing")
@with_right("records")
def missing() -> str:
    """Show the photos whose record came without its bytes."""
    with centre().store.reading() as connection:
        found = photo_pages.missing_photos(connection, person(), asked_page(), language())
    return render_template("photos_missing.html", found=found)


@blueprint.get("/photos/<record_id>/full.jpg")
@with_right("records")
def full(record_id: str) -> Response:
    """Show a photo."""
    return _picture(record_id, small=False)


@blueprint.get("/photos/<record_id>/small.jpg")
@with_right("records")
def small(record_id: str) -> Response:
    """Show a photo's thumbnail."""
    return _picture(record_id, small=True)


def _picture(record_id: str, *, small: bool) -> Response:
    content = photo_pages.picture(centre(), person(), record_id, small=small)
    response = Response(content, mimetype="image/jpeg")
    response.headers["Content-Disposition"] = 'inline; filename="photo.jpg"'
    return response
