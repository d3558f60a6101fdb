"""Forms that came when their session was over: what was typed is not lost.

A form names who it was drawn for, by its signed token. When nobody is signed in any more, the
sign-in page carries the fields along; once the same person is back (or was back already, in another
window), the form's own page is drawn anew with what was typed, to be looked at and sent again.
Nothing is done by itself, no password is carried, and nobody gets another's words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote_plus, urlsplit

from flask import Flask, current_app, render_template, request, session
from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder

from sync_server.services.ids import new_id
from sync_server.web.addresses import local_path
from sync_server.web.large_bodies import STEP_BYTES, STEP_PATH
from sync_server.web.refilling import Refilled

TOKEN = "csrf_token"
CARRYING = frozenset({"account.code", "proving.prove"})
"""Pages that carry somebody's form while they ask who he is."""
MOST_BYTES, MOST_FIELDS = 400_000, 900
"""Of a form as a browser sends it: the sign-in page has to get through with it."""
NOT_KEPT = frozenset({"account", "i18n", "proving", "second_factor"})
"""Blueprints whose forms hold passwords, or nothing worth keeping."""
MAIN = '<main id="main" tabindex="-1">'


@dataclass(frozen=True)
class KeptForm:
    """A form as it was sent: its signed token, where it went, its page, and its fields."""

    token: str
    to: str
    pages: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]

    @property
    def page(self) -> str:
        """Where the form stood."""
        return self.pages[0]

    def author(self) -> str | None:
        """Return the id of whom the form was drawn for, None when its token is not ours."""
        return _author(self.token)

    def written(self) -> str:
        """Return the form as a text for a hidden field."""
        return json.dumps([self.token, self.to, self.pages, self.fields], ensure_ascii=False)


def mark_session(user_id: str) -> None:
    """Let the forms of a new session name its person."""
    session[TOKEN] = f"{new_id()}{new_id()}.{user_id}"


def posted() -> KeptForm | None:
    """Return the form of this request when it is one that was drawn here for somebody, or the one
    that it carries."""
    if request.method != "POST" or request.headers.get("HX-Request"):
        return None
    if request.endpoint in CARRYING:
        return read(request.form.get("kept", ""))
    if request.blueprint in NOT_KEPT or request.blueprint is None:
        return None
    if STEP_PATH.match(request.path):  # its photos are not kept, its words are
        request.max_content_length = STEP_BYTES
    try:
        given = [(name, text) for name, text in request.form.items(multi=True) if name != TOKEN]
        token = request.form.get(TOKEN, "")
    except RequestEntityTooLarge:
        return None
    came_from = urlsplit(request.referrer or "")
    pages = [request.path]
    if came_from.netloc == request.host:
        pages.insert(0, came_from.path + (f"?{came_from.query}" if came_from.query else ""))
    to = request.full_path if request.query_string else request.path
    return _checked(token, to, pages, given)


def read(text: str) -> KeptForm | None:
    """Return the form a hidden field carries, None when there is none that holds together."""
    try:
        token, to, pages, given = json.loads(text)
        said = [(str(name), str(value)) for name, value in given]
        return _checked(str(token), str(to), [str(one) for one in pages], said)
    except (ValueError, TypeError):
        return None


def again(form: KeptForm) -> str:
    """Return the form's page with what was typed, or what was typed by itself where the page has
    no such form any more; for who is signed in now."""
    for page in dict.fromkeys(form.pages):
        filled = Refilled(page, form.to, form.fields)
        html = filled.fill(_drawn(page))
        if filled.found:
            return html.replace(MAIN, MAIN + _words(filled), 1)
    texts = [text for _name, text in form.fields if text.strip()]
    return render_template("kept_form.html", texts=texts, page=form.page)


def _words(filled: Refilled) -> str:
    words = _("还没有提交：您刚才填的内容已放回表单，请核对后再提交一次。")
    if filled.takes_files:
        words += _("照片和文件要重新选择。")
    missing = _("没有放回表单的内容：")
    rest = "".join(f"<li>{escape(text)}</li>" for text in filled.left)
    if rest:
        rest = f"<br>{escape(missing)}<ul>{rest}</ul>"
    return f'<div class="alert alert-warning" role="alert">{escape(words)}{rest}</div>'


def _drawn(page: str) -> str:
    """Return what the page looks like for who is signed in now, empty when it cannot be drawn."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    builder = EnvironBuilder(page, base_url=request.url_root, headers=_asked().items())
    known: dict[str, Any] = dict(session)
    # A page of its own: nothing that this request has looked up or drawn so far is used for it.
    with app.app_context(), app.request_context(builder.get_environ()):
        session.clear()
        session.update(known)
        answer = app.full_dispatch_request()
        whole = answer.status_code == 200 and answer.mimetype == "text/html"
        return answer.get_data(as_text=True) if whole else ""


def _asked() -> dict[str, str]:
    names = ("Cookie", "Accept-Language", "User-Agent")
    return {name: request.headers[name] for name in names if name in request.headers}


def _checked(
    token: str, to: str, pages: Sequence[str], given: Sequence[tuple[str, str]]
) -> KeptForm | None:
    known = tuple(one for one in pages if local_path(one) == one)
    if not known or local_path(to) != to or len(given) > MOST_FIELDS:
        return None
    form = KeptForm(token, to, known, tuple(given))
    if len(quote_plus(form.written())) > MOST_BYTES:
        return None
    return form if form.author() else None


def _author(token: str) -> str | None:
    """Return whom a signed token names; how old it is does not matter here."""
    serializer = URLSafeTimedSerializer(current_app.secret_key or "", salt="wtf-csrf-token")
    try:
        raw = serializer.loads(token)
    except BadData:
        return None
    return str(raw).partition(".")[2] or None
