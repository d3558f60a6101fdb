"""Asking again who it is before the gravest acts: within ten minutes of the password they are done
at once, else it, or a code of one's phone, is asked for first, and the form comes back with what
was typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from flask_login import login_required
from werkzeug.wrappers import Response as AnyResponse

from sync_server.domain.errors import Refusal
from sync_server.domain.one_time_codes import is_code
from sync_server.services import accounts, second_factor
from sync_server.web import errors, kept_forms
from sync_server.web.account import PROVED_AT, person
from sync_server.web.addresses import local_path
from sync_server.web.context import centre, limiter

blueprint = Blueprint("proving", __name__)

WINDOW = timedelta(minutes=10)
"""So long it counts that somebody gave his password or code."""

P = ParamSpec("P")
R = TypeVar("R")


def recently() -> bool:
    """Tell whether who is asking showed who he is a short time ago."""
    at = session.get(PROVED_AT)
    now = int(centre().clock().timestamp())
    return isinstance(at, int) and abs(now - at) < WINDOW.total_seconds()


def proved(view: Callable[P, R]) -> Callable[P, R]:
    """Make a view whose form is taken only of somebody who showed a short time ago who he is; it
    stands below ``with_right``."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if request.method == "POST" and not recently():
            return cast(R, ask())
        return view(*args, **kwargs)

    return guarded


def proved_unmasked(view: Callable[P, R]) -> Callable[P, R]:
    """Make an export's view that is as ``proved`` where the form asks for full values."""
    asked, plain = proved(view), view

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        return (asked if request.form.get("unmask") == "1" else plain)(*args, **kwargs)

    return guarded


def ask() -> AnyResponse:
    """Answer a form by asking who it is; the form is carried along."""
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url_for("proving.prove")})
    form = kept_forms.posted()
    mine = form if form is not None and form.author() == person().user_id else None
    came_from = urlsplit(request.referrer or "")
    page = came_from.path if came_from.netloc == request.host else ""
    return make_response(
        _page(mine.page if mine else page, kept=mine), errors.status_of("prove_again")
    )


@blueprint.route("/prove", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def prove() -> AnyResponse | str | tuple[str, int]:
    """Ask for the password again, or for a code; give the form back that waited for it."""
    if person().password_given:
        return redirect(url_for("account.password"), 303)
    wanted = request.values.get("next", "")
    if request.method == "GET":
        return _page(wanted)
    me, store, now = person(), centre().store, centre().clock()
    said = request.form.get("proof", "")
    kept = kept_forms.read(request.form.get("kept", ""))
    try:
        with limiter().limit(f"{centre().settings.sign_ins_per_minute} per minute"):
            if me.second_factor and is_code(said):
                second_factor.check(store, centre().keys.factors, me, said, now, again=True)
            else:
                accounts.sign_in(store, centre().code, me.no, said, now, again=True)
    except Refusal as refusal:
        wrong = errors.sentence(refusal)
        if refusal.code == "sign_in_failed":
            wrong = errors.say("code_or_password_wrong" if me.second_factor else "password_wrong")
        return _page(wanted, wrong, kept), errors.status_of(refusal.code)
    session[PROVED_AT] = int(now.timestamp())
    if kept is not None and kept.author() == me.user_id:
        return kept_forms.again(kept)
    flash(_("已确认是您本人，请再做一次刚才要做的事。"))
    return redirect(local_path(wanted), 303)


def _page(wanted: str, wrong: str = "", kept: kept_forms.KeptForm | None = None) -> str:
    return render_template("prove.html", next=wanted, wrong=wrong, kept=kept)
