"""Whose pages these are: the seat in the session cookie and the guard of locked pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from field_app.services import photos
from field_app.services.desk import Desk
from field_app.services.records import unsent_count
from field_app.services.workspace import NotJoined, Workspace

pages = Blueprint("session", __name__)

View = TypeVar("View", bound=Callable[..., Any])
PASSIVE = "X-Passive"
"""The header of what a page asks by itself; it does not keep the desk unlocked."""


def while_locked(view: View) -> View:
    """Mark a page as open to everybody at this computer, also while all is locked."""
    view.while_locked = True  # type: ignore[attr-defined]
    return view


def desk() -> Desk:
    """Return the program's desk."""
    return cast(Desk, current_app.extensions["desk"])


def workspace() -> Workspace:
    """Return the unlocked worker of this request; only behind the guard."""
    return cast(Workspace, g.workspace)


def find_workspace() -> Workspace | None:
    """Return the unlocked worker, None while locked."""
    return cast("Workspace | None", g.get("workspace"))


def sit_down(seat: str) -> None:
    """Give this browser the seat; whatever the session held before is dropped."""
    session.clear()
    session["seat"] = seat


def local_path(target: str | None) -> str:
    """Return ``target`` when it is a path of this program, else the first page."""
    path = target or "/"
    own = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if own and not urlsplit(path).netloc else "/"


def guard(app: Flask) -> None:
    """Let only pages marked `while_locked` through while nobody has unlocked the desk."""
    app.before_request(_find_worker)
    app.context_processor(_on_every_page)


def _find_worker() -> BaseResponse | None:
    using = PASSIVE not in request.headers and request.endpoint != "static"
    g.workspace = desk().workspace(session.get("seat"), using=using)
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint in (None, "static") or getattr(view, "while_locked", False):
        return None
    if g.workspace is None:
        return _ask_to_unlock()
    if not g.workspace.joined:  # joining broke off half-way; the same code goes on with it
        return redirect(url_for("join.show"))
    return None


def _ask_to_unlock() -> BaseResponse:
    endpoint = "unlock.show" if desk().workers() else "join.show"
    if "HX-Request" in request.headers:
        # htmx would put the unlock page into the middle of this one.
        return Response(status=401, headers={"HX-Redirect": url_for(endpoint)})
    back = _way_back()
    return redirect(url_for(endpoint, next=back if back != "/" else None))


def _way_back() -> str | None:
    """Return the page to go on with once unlocked: the one asked for, or the form's own."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    adapter = current_app.create_url_adapter(request)
    if adapter is None or "GET" not in adapter.allowed_methods():
        return None
    if request.endpoint != "drafts.keep":  # what a page sends by itself
        flash(_("已锁定，刚才按的没有执行。解锁后请核对，再按一次。"), "warning")
    return request.path


def _on_every_page() -> dict[str, Any]:
    ws = find_workspace()
    shown: dict[str, Any] = {
        "worker": None, "unsent": 0, "photos_unsent": 0, "seconds_left": None, "synthetic": False,
    }  # fmt: skip
    if ws is None:
        return shown
    try:
        identity = ws.identity
    except NotJoined:
        return shown
    return shown | {
        "worker": identity,
        "unsent": unsent_count(ws),
        "photos_unsent": len(photos.waiting(ws)),
        "seconds_left": desk().seconds_left(),
        "synthetic": identity.synthetic,
    }


@pages.post("/lock")
@while_locked
def lock() -> BaseResponse:
    """Lock at once."""
    desk().lock()
    session.clear()
    flash(_("已锁定。未上传的记录都在本机。"))
    return redirect(url_for("unlock.show"))


@pages.get("/session")
@while_locked
def left() -> Response:
    """Tell a page how many seconds remain until the desk locks by itself (0: locked)."""
    return jsonify(seconds_left=desk().seconds_left() if find_workspace() else 0)


@pages.post("/session/keep")
def keep() -> Response:
    """A person is still here."""
    return jsonify(seconds_left=desk().seconds_left())
