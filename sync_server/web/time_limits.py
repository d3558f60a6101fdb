"""The time limits: the table of them, changing one, and a rule of the district's own."""

from __future__ import annotations

from itertools import groupby

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.deadlines import UNIT_LABELS
from sync_server.domain.errors import Refusal
from sync_server.domain.time_limits import ANY, Key
from sync_server.services import time_limits
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("limits", __name__)

WRONG = ("bad_limit", "bad_rule")


@blueprint.get("/limits")
@with_right("records")
def table() -> str:
    """Show every limit, with what differs from the defaults."""
    with centre().store.reading() as connection:
        rules = time_limits.list_rules(connection, person(), language())
    groups = [(clock, list(some)) for clock, some in groupby(rules, lambda one: one.clock)]
    return render_template("limits.html", groups=groups)


@blueprint.route("/limits/rule", methods=["GET", "POST"])
@with_right("limits")
def rule() -> Response | str | tuple[str, int]:
    """Show the rule the address names, and set or reset its limit."""
    key = Key(*(request.args.get(name, ANY) for name in Key._fields))
    posted = request.form
    if request.method == "GET":
        return _rule_page(key)
    if posted.get("reset"):
        changed = time_limits.reset_limit(centre().store, person(), key, centre().clock())
        return _done(changed)
    typed = {name: posted.get(name, "") for name in ("amount", "unit")}
    try:
        return _done(_set(key, typed))
    except Refusal as refusal:
        if refusal.code != "bad_limit":
            raise
        return _rule_page(key, typed, errors.sentence(refusal)), errors.status_of(refusal.code)


@blueprint.route("/limits/new", methods=["GET", "POST"])
@with_right("limits")
def new() -> Response | str | tuple[str, int]:
    """Ask for a rule of the district's own, and keep it."""
    if request.method == "GET":
        return _new_page({}, "")
    typed = {name: request.form.get(name, "") for name in (*Key._fields, "amount", "unit")}
    key = Key(*(typed[name] or ANY for name in Key._fields))
    try:
        return _done(_set(key, typed))
    except Refusal as refusal:
        if refusal.code not in WRONG:
            raise
        return _new_page(typed, errors.sentence(refusal)), errors.status_of(refusal.code)


def _set(key: Key, typed: dict[str, str]) -> bool:
    return time_limits.set_limit(
        centre().store, person(), key, typed["amount"], typed["unit"], centre().clock()
    )


def _done(changed: bool) -> Response:
    flash(_("已保存。") if changed else _("没有变化。"))
    return redirect(url_for("limits.table"), 303)


def _rule_page(key: Key, typed: dict[str, str] | None = None, wrong: str = "") -> str:
    with centre().store.reading() as connection:
        found = time_limits.open_rule(connection, person(), key, language())
    stands = {"amount": f"{found.limit.amount:g}", "unit": found.limit.unit}
    return render_template(
        "limit.html", found=found, typed=typed or stands, wrong=wrong, units=UNIT_LABELS
    )


def _new_page(typed: dict[str, str], wrong: str) -> str:
    lang = language()
    return render_template(
        "limit_new.html",
        typed=typed,
        wrong=wrong,
        units=UNIT_LABELS,
        clocks=time_limits.clocks_by_issue(lang),
        lists={name: code_list(known) for name, known in time_limits.CODE_LISTS.items()},
    )
