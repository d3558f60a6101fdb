"""同步: start a round, watch it honestly, and read how the last ones went."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from field_app.domain.errors import sentence
from field_app.services import accounting
from field_app.services.outbox import open_conflicts
from field_app.services.receiving import CLOCK_DOUBT_S
from field_app.services.sync import last_rounds
from field_app.web.session import desk, workspace
from schemas.clock import written

pages = Blueprint("sync", __name__, url_prefix="/sync")

OUTCOMES = {
    "applied": _l("已入库"),
    "merged": _l("已入库（与他人的修改合并）"),
    "unchanged": _l("已入库（内容相同）"),
    "conflict": _l("待裁决"),
    "held": _l("已收到（等待前面的记录）"),
    "quarantined": _l("被退回"),
    "duplicate": _l("服务器已有（重复发送）"),
}
STAGES = {
    "idle": _l("还没有同步过。"),
    "connecting": _l("正在连接服务器……"),
    "sending": _l("正在上传……"),
    "receiving": _l("正在下载……"),
    "checking": _l("正在与服务器对账……"),
    "photos": _l("正在上传照片……"),
    "done": _l("同步完成。"),
    "failed": _l("同步没有完成。"),
    "stopped": _l("同步已暂停，等您确认。"),
    "interrupted": _l("上次同步被中断。"),
}


@pages.get("")
def show() -> Any:
    """Show the running or last round, the history, the clocks and the open conflicts."""
    ws = workspace()
    identity = ws.identity
    clock = ws.setting("clock")
    differences, notes = accounting.sentences(ws)
    return render_template(
        "sync.html",
        account=accounting.last_account(ws),
        differences=differences,
        notes=notes,
        photos_lost=accounting.photos_lost(ws),
        today=written(ws.now())[:10],
        rounds=last_rounds(ws),
        conflicts=open_conflicts(ws),
        identity=identity,
        clock=clock,
        clock_doubtful=abs(clock.get("offset_s") or 0) > CLOCK_DOUBT_S,
        error_words=error_words,
        **_state(),
    )


@pages.get("/progress")
def progress() -> Any:
    """Show how far the round is; a page asks for this by itself while one runs.

    When it is over the whole page is asked to come anew: its history and counts have changed.
    """
    answer = make_response(render_template("sync_progress.html", **_state()))
    if not desk().rounds.running:
        answer.headers["HX-Refresh"] = "true"
    return answer


@pages.post("")
def start() -> Any:
    """Start a round; one that runs already is shown instead."""
    agreed = request.form.get("agreed") == "1"
    if not desk().start_round(agreed=agreed):
        flash(sentence("other_round", workspace().lang), "warning")
    return redirect(url_for("sync.show"))


@pages.get("/progress.json")
def progress_json() -> Any:
    """Return how far the round is, as plain values: counts, bytes up and down, rate, time left."""
    return jsonify(desk().rounds.progress.document() | {"running": desk().rounds.running})


def error_words(told: Any) -> str:
    """Return the sentence of what ended a round early, empty when it ended well."""
    if not told["error"]:
        return ""
    return sentence(told["error"], workspace().lang, **told["facts"])


def _state() -> dict[str, Any]:
    rounds = desk().rounds
    told: dict[str, Any] = rounds.progress.document()
    if told["stage"] == "idle":  # since the program was started; the history knows more
        told = dict(next(iter(last_rounds(workspace(), 1)), told))
    return {
        "told": told,
        "running": rounds.running,
        "stage": STAGES[told["stage"]],
        "outcomes": OUTCOMES,
        "words": error_words(told),
        "asks": _asks(told),
        "left_words": _left_words(told.get("left_s")),
    }


def _asks(told: dict[str, Any]) -> str:
    """Return what the worker is asked beside what went wrong after it, empty for nothing."""
    asks = told.get("asks")
    if not asks or told["error"] == "scope_shrinks":
        return ""
    return sentence("scope_shrinks", workspace().lang, **asks)


def _left_words(seconds: int | None) -> str:
    """Return a span as people say it."""
    if seconds is None or seconds < 60:
        return str(_("%(count)s秒", count=seconds or 0))
    return str(_("%(count)s分钟", count=round(seconds / 60)))
