"""People with their roles and areas, and the audit."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain import privacy
from sync_server.domain.deadlines import UNIT_LABELS
from sync_server.domain.errors import Refusal
from sync_server.services import holdings, second_factor, time_limits
from sync_server.services import people as listing
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day
from sync_server.web.paging import asked_page
from sync_server.web.proving import proved

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
@with_right("people")
def everybody() -> str:
    """Show the accounts of the area."""
    with centre().store.reading() as connection:
        found = listing.list_people(connection, person(), language())
    return render_template("people.html", found=found)


@blueprint.route("/people/<user_id>/grids", methods=["GET", "POST"])
@with_right("people")
def grids(user_id: str) -> Response | str | tuple[str, int]:
    """Show what grids a worker holds and held, and give him others."""
    if request.method == "GET":
        return _grids_page(user_id)
    chosen = request.form.getlist("grid")
    try:
        with centre().store.writing() as connection:
            changed = holdings.reassign_as(connection, person(), user_id, chosen, centre().clock())
    except Refusal as refusal:
        if refusal.code != "bad_scope":
            raise
        words = errors.say("no_grid" if not chosen else "bad_scope")
        return _grids_page(user_id, chosen, words), errors.status_of("bad_scope")
    flash(_("已保存，从现在起生效。") if changed else _("没有变化。"))
    return redirect(url_for("people.grids", user_id=user_id), 303)


@blueprint.get("/people/<user_id>/account")
@with_right("accounts")
def account(user_id: str) -> str:
    """Show somebody's account: setting a password, switching it off and on."""
    with centre().store.reading() as connection:
        found = listing.open_account(connection, person(), user_id, language())
    return render_template("person.html", found=found)


@blueprint.post("/people/<user_id>/password")
@with_right("accounts")
@proved
def reset_password(user_id: str) -> str:
    """Set a new password and show it, in this answer only."""
    found, password = listing.reset_password(centre().store, person(), user_id, centre().clock())
    return render_template("password_set.html", found=found, password=password)


@blueprint.post("/people/<user_id>/active")
@with_right("accounts")
@proved
def switch(user_id: str) -> Response:
    """Let somebody in or keep him out; the address says which besides (``do``), so that a form
    kept while its session was over is never put into the other one."""
    said = request.form.get("active")
    if said not in ("yes", "no"):
        raise Refusal("bad_request")
    with centre().store.writing() as connection:
        listing.switch(connection, person(), user_id, said == "yes", centre().clock())
    flash(_("账号已启用。") if said == "yes" else _("账号已停用，登录和终端同步都不再接受。"))
    return redirect(url_for("people.account", user_id=user_id), 303)


@blueprint.post("/people/<user_id>/second-factor")
@with_right("accounts")
@proved
def remove_second_factor(user_id: str) -> Response:
    """Take somebody's second factor away, whose phone is lost."""
    with centre().store.writing() as connection:
        listing.account_of(connection, person(), user_id)
        second_factor.remove(connection, centre().code, user_id, centre().clock(), person().user_id)
    flash(_("第二重验证已解除，此人已退出登录；下次只凭密码登录，可重新设置。"))
    return redirect(url_for("people.account", user_id=user_id), 303)


def _grids_page(user_id: str, chosen: list[str] | None = None, problem: str = "") -> str:
    with centre().store.reading() as connection:
        found = holdings.open_grids(connection, person(), user_id)
    return render_template("grids.html", found=found, chosen=chosen, problem=problem)


@blueprint.get("/audit")
@with_right("audit")
def audit() -> str:
    """Show who did what, newest first."""
    typed = {name: request.args.get(name, "").strip() for name in _FILTERS}
    with centre().store.reading() as connection:
        found = listing.audit_page(
            connection,
            person(),
            action=typed["action"],
            user_id=typed["user"],
            since=read_day(typed["since"]),
            until=read_day(typed["until"]),
            page=asked_page(),
        )
    lang = language()
    return render_template(
        "audit.html",
        found=found,
        typed=typed,
        limit_words=lambda target: time_limits.words_of_target(target, lang),
        units={code: label.text(lang) for code, label in UNIT_LABELS.items()},
        group_words={one.code: one.label.text(lang) for one in code_list("FIELD_GROUP").items},
        request_words={
            code: label.text(lang)
            for labels in (privacy.ASKED, privacy.CHECKS, privacy.STOPS)
            for code, label in labels.items()
        },
    )


_FILTERS = ("action", "user", "since", "until")
