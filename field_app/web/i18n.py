"""Chinese first, English by a switch."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, request
from flask_babel import Babel
from werkzeug.wrappers import Response

from field_app.services.preferences import choose
from field_app.web.session import find_workspace, local_path, while_locked
from schemas.labels import LANGS

pages = Blueprint("i18n", __name__)

COOKIE = "gridrounds_field_lang"
"""Remembers the language where no worker is signed in; it says nothing else."""
YEAR_S = 365 * 24 * 3600


def init(app: Flask) -> None:
    """Teach the app both languages; Chinese is what the templates are written in."""
    Babel(app, default_locale="zh", locale_selector=language)
    app.context_processor(lambda: {"lang": language(), "here_path": _here()})


def language() -> str:
    """Return the language of this request: the worker's choice, else this browser's cookie."""
    ws = find_workspace()
    if ws is not None:
        return ws.lang
    asked = request.cookies.get(COOKIE, "zh")
    return asked if asked in LANGS else "zh"


def _here() -> str:
    """Return the path to come back to after the switch; a refused form goes back to its page."""
    if request.method == "GET":
        return request.full_path if request.query_string else request.path
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host:
        return "/"
    return local_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)


@pages.post("/language")
@while_locked
def switch() -> Response:
    """Change the language and go back to the page."""
    lang = "en" if request.form.get("lang") == "en" else "zh"
    ws = find_workspace()
    if ws is not None:
        choose(ws, lang=lang)
    answer = redirect(local_path(request.form.get("next")))
    answer.set_cookie(COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="Strict")
    return answer
