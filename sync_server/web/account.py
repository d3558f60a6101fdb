"""Signing in and out; who is asking. A session ends after half an hour without a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import (
    Blueprint,
    Flask,
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
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as AnyResponse

from schemas.codes import code_list
from sync_server.domain.access import Right
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, second_factor
from sync_server.services.accounts import IDLE, User, allowed, require
from sync_server.services.ids import new_id
from sync_server.web import errors, kept_forms
from sync_server.web.addresses import local_path
from sync_server.web.context import centre, limiter
from sync_server.web.i18n import language

blueprint = Blueprint("account", __name__)

SESSION_ID = "session_id"
"""Tells a session from others of the same person; what signing out ends at the centre."""
PROVED_AT = "proved_at"
"""When its person last gave his password or a code, likewise."""
HALF = "half_signed_in"
"""Who gave the right password and is asked for a code: his id, his mark, and since when."""
CODE_WITHIN_S = 300
LAST_SEEN = "seen_at"
"""When the session was last used, in whole seconds of the centre's clock."""

P = ParamSpec("P")
R = TypeVar("R")


class SignedIn(UserMixin):  # type: ignore[misc]
    """Somebody's session, as Flask-Login knows one."""

    def __init__(self, person: User, second_factor_due: bool = False) -> None:
        self.person = person
        self.second_factor_due = second_factor_due

    def get_id(self) -> str:
        """Return what the session keeps: the person and the mark that a new password changes."""
        return f"{self.person.user_id}.{self.person.session_mark}"


def register(app: Flask) -> None:
    """Add signing in and out, and let templates know who is asking."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(_ask_to_sign_in)
    # A change of address or browser must not end a session; the cookie is bound by its mark.
    manager.session_protection = None
    app.register_blueprint(blueprint)
    app.context_processor(_about_me)
    app.register_error_handler(CSRFError, _late_form)


def person() -> User:
    """Return who is asking; only inside a view behind ``with_right`` or ``signed_in``."""
    return cast(User, current_user.person)


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """Make a view for anybody who is signed in, by a password of his own: who came with one that
    was set for him is asked for another first, and for a second factor who has to have one."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if person().password_given:
            return cast(R, _ask_for_own_password())
        if current_user.second_factor_due:
            return cast(R, _ask_for_second_factor())
        return view(*args, **kwargs)

    return cast(Callable[P, R], login_required(guarded))


def with_right(right: Right) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: a view for somebody signed in whose role has ``right``."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            require(person(), right)
            return view(*args, **kwargs)

        return signed_in(guarded)

    return decorate


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse | str | tuple[str, int]:
    """Ask for number and password; go on to the page that was asked for."""
    wanted = request.values.get("next", "")
    kept = kept_forms.read(request.form.get("kept", ""))
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(local_path(wanted))
        # Somebody was signed in here: tell him why he has to sign in again.
        words = errors.say("session_ended") if "_user_id" in session else ""
        return render_template("sign_in.html", no="", next=wanted, notice=words, wrong="")
    no = request.form.get("no", "")
    try:
        with limiter().limit(f"{centre().settings.sign_ins_per_minute} per minute"):
            found = accounts.sign_in(
                centre().store, centre().code, no, request.form.get("password", ""), _now()
            )
    except Refusal as refusal:
        body = render_template(
            "sign_in.html", no=no, next=wanted, notice="", wrong=errors.sentence(refusal), kept=kept
        )
        return body, errors.status_of(refusal.code)
    if found.second_factor:
        session.clear()
        session[HALF] = [found.user_id, found.session_mark, int(_now().timestamp())]
        return _code_page(wanted, kept)
    return _enter(found, wanted, kept)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def code() -> AnyResponse | str | tuple[str, int]:
    """Ask whoever gave the right password for a code of his phone."""
    wanted = request.form.get("next", "")
    kept = kept_forms.read(request.form.get("kept", ""))
    found = _half_signed_in()
    if found is None or request.method == "GET":
        return redirect(url_for("account.sign_in", next=wanted or None), 303)
    try:
        with limiter().limit(f"{centre().settings.sign_ins_per_minute} per minute"):
            said, key = request.form.get("code", ""), centre().keys.factors
            second_factor.check(centre().store, key, found, said, _now())
    except Refusal as refusal:
        if refusal.code == "locked_out":
            session.clear()
        return _code_page(wanted, kept, errors.sentence(refusal)), errors.status_of(refusal.code)
    return _enter(found, wanted, kept)


def _half_signed_in() -> User | None:
    """Return who gave the right password a short time ago and has still to give a code."""
    user_id, mark, at = session.get(HALF) or ("", "", 0)
    if abs(int(_now().timestamp()) - at) >= CODE_WITHIN_S:
        return None
    with centre().store.reading() as connection:
        found = accounts.find_user(connection, centre().code, user_id)
    usable = found is not None and found.active and found.second_factor
    return found if usable and found is not None and found.session_mark == mark else None


def _code_page(wanted: str, kept: kept_forms.KeptForm | None, wrong: str = "") -> str:
    return render_template("sign_in_code.html", next=wanted, kept=kept, wrong=wrong)


def _enter(found: User, wanted: str, kept: kept_forms.KeptForm | None) -> AnyResponse | str:
    """Begin a session and go on to what was asked for, or to the form that waited."""
    begin_session(found)
    mine = kept if kept is not None and kept.author() == found.user_id else None
    if kept is not None and mine is None:
        flash(_("刚才的内容是另一个人填的，没有保留。"))
    if mine is not None:
        return _password_page(kept=mine) if found.password_given else kept_forms.again(mine)
    first = url_for("account.password") if found.password_given else local_path(wanted)
    return redirect(first, 303)


@blueprint.route("/password", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def password() -> AnyResponse | str | tuple[str, int]:
    """Change one's own password; whoever else is signed in as oneself is out."""
    if request.method == "GET":
        return _password_page()
    new, me = request.form.get("new", ""), person()
    kept = kept_forms.read(request.form.get("kept", ""))
    try:
        if new != request.form.get("again", ""):
            raise Refusal("passwords_differ")
        with limiter().limit(f"{centre().settings.sign_ins_per_minute} per minute"):
            changed = accounts.change_password(
                centre().store, centre().code, me.user_id, request.form.get("old", ""), new, _now()
            )
    except Refusal as refusal:
        wrong = errors.sentence(refusal)
        if refusal.code == "sign_in_failed":
            wrong = errors.say("old_password_wrong")
        return _password_page(wrong, kept), errors.status_of(refusal.code)
    begin_session(changed)
    flash(_("密码已修改，别处的登录都已退出。"))
    if kept is not None and kept.author() == me.user_id:
        return kept_forms.again(kept)
    return redirect(url_for("home.today_page"), 303)


@blueprint.post("/sign-out")
@login_required  # type: ignore[untyped-decorator]
def sign_out() -> AnyResponse:
    """End the session, in this browser and wherever its cookie was copied to."""
    with centre().store.writing() as connection:
        accounts.end_session(
            connection, centre().code, person().user_id, session[SESSION_ID], _now()
        )
    logout_user()
    session.clear()
    return redirect(url_for("account.sign_in"), 303)


def _password_page(wrong: str = "", kept: kept_forms.KeptForm | None = None) -> str:
    return render_template("password.html", wrong=wrong, kept=kept)


def _ask_for_second_factor() -> AnyResponse:
    """Lead who has to have a second factor to where it is set up; the words of a form are shown to
    be copied."""
    if (form := kept_forms.posted()) and form.author() == person().user_id:
        return make_response(kept_forms.again(form), errors.status_of("form_expired"))
    address = url_for("second_factor.mine")
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _ask_for_own_password() -> AnyResponse | str:
    """Answer what was asked with a password that somebody else knows; a form is carried along."""
    if (form := kept_forms.posted()) and form.author() == person().user_id:
        return make_response(_password_page(kept=form), errors.status_of("form_expired"))
    address = url_for("account.password")
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def begin_session(found: User) -> None:
    """Begin a session: nothing of what stood before, CSRF token included, serves it."""
    session.clear()
    login_user(SignedIn(found))
    session[SESSION_ID] = new_id()
    session[LAST_SEEN] = session[PROVED_AT] = int(_now().timestamp())
    kept_forms.mark_session(found.user_id)


def _late_form(error: CSRFError) -> AnyResponse:
    """Answer a form whose token serves no more: with itself again, or by asking to sign in."""
    try:
        return _again_or_sign_in()
    except Refusal as trouble:  # who is asking could not be looked up
        return errors.page(trouble.code)


def _again_or_sign_in() -> AnyResponse:
    if request.endpoint == "account.sign_in":
        return _late_sign_in()
    if request.endpoint == "account.code" and _half_signed_in() is not None:
        body = _code_page(request.form.get("next", ""), kept_forms.posted())
        return make_response(body, errors.status_of("form_expired"))
    form = kept_forms.posted()
    if form is not None and not current_user.is_authenticated:
        return _ask_with(form)
    if form is not None and form.author() == person().user_id:
        given = person().password_given
        body = _password_page(kept=form) if given else kept_forms.again(form)
        return make_response(body, errors.status_of("form_expired"))
    return errors.page("form_expired")


def _late_sign_in() -> AnyResponse:
    """Answer a sign-in page that stood open while somebody signed in or out in another window."""
    wanted, kept = request.form.get("next", ""), kept_forms.read(request.form.get("kept", ""))
    if not current_user.is_authenticated:
        no, notice = request.form.get("no", ""), errors.say("sign_in_again")
        body = render_template(
            "sign_in.html", no=no, next=wanted, notice=notice, wrong="", kept=kept
        )
        return make_response(body, errors.status_of("form_expired"))
    if kept is not None and kept.author() == person().user_id:
        return make_response(kept_forms.again(kept))
    return redirect(local_path(wanted), 303)


def _ask_with(form: kept_forms.KeptForm) -> AnyResponse:
    """Return the sign-in page that carries a form along."""
    notice = f"{errors.say('session_ended')}{errors.say('form_kept')}"
    body = render_template(
        "sign_in.html", no="", next=form.page, notice=notice, wrong="", kept=form
    )
    return make_response(body, errors.status_of("session_ended"))


def _now() -> datetime:
    return centre().clock()


def _load(who: str) -> SignedIn | None:
    """Return who a session belongs to, None when it ended.

    One from long after now was used under a clock that was ahead: it lives no longer than others.
    """
    now = int(_now().timestamp())
    seen, session_id = session.get(LAST_SEEN), session.get(SESSION_ID)
    if not isinstance(seen, int) or abs(now - seen) >= IDLE.total_seconds() or not session_id:
        return None
    user_id, _, mark = who.partition(".")
    with centre().store.reading() as connection:
        found = accounts.user_of_session(connection, centre().code, user_id, mark, session_id)
        due = found is not None and second_factor.due(connection, found)
    if found is None:
        return None
    session[LAST_SEEN] = now
    return SignedIn(found, due)


def _ask_to_sign_in() -> AnyResponse:
    if form := kept_forms.posted():
        return _ask_with(form)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    address = url_for("account.sign_in", next=wanted) if wanted not in ("", "/") else url_for(
        "account.sign_in"
    )  # fmt: skip
    if request.headers.get("HX-Request"):
        # htmx would put the sign-in page into a corner of the page; this makes the whole page go.
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def _about_me() -> dict[str, object]:
    known = current_user if current_user and current_user.is_authenticated else None
    me = cast(User, known.person) if known else None
    return {
        "me": me,
        "my_role": code_list("ROLE").text(me.role, language()) if me else "",
        "i_may": (lambda right: allowed(me, right)) if me else (lambda right: False),
        "district": centre().district,
    }
