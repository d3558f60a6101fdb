"""Chinese first, English by a switch; times, spans and counts as people say them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, Flask, redirect, request
from flask_babel import Babel, gettext, ngettext
from werkzeug.wrappers import Response

from schemas.clock import SHANGHAI, read_moment
from schemas.exchange import ordinal
from schemas.labels import Lang
from sync_server.web.addresses import local_path
from sync_server.web.context import centre

blueprint = Blueprint("i18n", __name__)

COOKIE = "gridrounds_centre_lang"
"""Remembers the language of this browser; it says nothing else."""
YEAR_S = 365 * 24 * 3600


def register(app: Flask) -> None:
    """Teach the app both languages and the templates to show times."""
    Babel(app, default_locale="zh", locale_selector=language)
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"lang": language()})
    app.add_template_filter(moment, "moment")
    app.add_template_filter(written, "written")
    app.add_template_filter(ago, "ago")
    app.add_template_filter(clock_words, "clock_words")
    app.add_template_filter(number, "number")
    app.add_template_filter(ordinal, "ordinal")


def language() -> Lang:
    """Return the language of this request; Chinese unless this browser chose English."""
    asked = request.cookies.get(COOKIE, "zh")
    return "en" if asked == "en" else "zh"


@blueprint.post("/language")
def switch_language() -> Response:
    """Change the language and go back to the page."""
    lang = "en" if request.form.get("lang") == "en" else "zh"
    answer = redirect(local_path(request.form.get("next", "")), 303)
    answer.set_cookie(
        COOKIE,
        lang,
        max_age=YEAR_S,
        httponly=True,
        samesite="Lax",
        secure=centre().settings.behind_tls,
    )
    return answer


def today() -> date:
    """Return the present day in Shanghai."""
    return centre().clock().astimezone(SHANGHAI).date()


def read_day(text: str) -> date | None:
    """Return the day an address names, None for anything that is no day of our time."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and 1900 <= day.year <= 2200 else None


def moment(when: datetime | None) -> str:
    """Return a time as 2026-09-30 08:41 in Shanghai; empty for none."""
    return "" if when is None else when.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def written(text: str | None) -> str:
    """Return a time as a laptop wrote it, in Shanghai; unreadable text stays as it is."""
    try:
        return moment(read_moment(text or ""))
    except (ValueError, OverflowError):
        return text or ""


def ago(when: datetime | None) -> str:
    """Return how long ago a time is, in words: 刚刚, 5 分钟前, 3 小时前, 12 天前."""
    if when is None:
        return str(gettext("从未"))
    past = centre().clock() - when
    if past < timedelta(minutes=1):
        return str(gettext("刚刚"))
    if past < timedelta(hours=1):
        return str(ngettext("%(num)d 分钟前", "%(num)d 分钟前", past // timedelta(minutes=1)))
    if past < timedelta(days=1):
        return str(ngettext("%(num)d 小时前", "%(num)d 小时前", past // timedelta(hours=1)))
    return str(ngettext("%(num)d 天前", "%(num)d 天前", past.days))


def clock_words(offset_s: int | None) -> str:
    """Return how a laptop's clock goes, from its offset (positive: behind)."""
    if offset_s is None:
        return str(gettext("未测"))
    if abs(offset_s) < 60:
        return str(gettext("准"))
    span = _span(abs(offset_s))
    words = gettext("慢 %(span)s", span=span) if offset_s > 0 else gettext("快 %(span)s", span=span)
    return str(words)


def number(value: int) -> str:
    """Return a count with its thousands parted: 79,903."""
    return f"{value:,}"


def _span(seconds: int) -> str:
    if seconds < 3600:
        return str(ngettext("%(num)d 分钟", "%(num)d 分钟", seconds // 60))
    if seconds < 86_400:
        return str(ngettext("%(num)d 小时", "%(num)d 小时", seconds // 3600))
    return str(ngettext("%(num)d 天", "%(num)d 天", seconds // 86_400))
