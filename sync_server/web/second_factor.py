"""A person's second factor: setting it up, and which roles have to."""

from __future__ import annotations

import segno
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_required
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.domain.one_time_codes import address_for
from sync_server.services import second_factor
from sync_server.services.accounts import User
from sync_server.web import account, errors
from sync_server.web.account import PROVED_AT, person, with_right
from sync_server.web.context import centre, limiter
from sync_server.web.i18n import language
from sync_server.web.proving import proved

blueprint = Blueprint("second_factor", __name__)


@blueprint.get("/second-factor")
@login_required  # type: ignore[untyped-decorator]
def mine() -> Response | str:
    """Show how one's second factor stands."""
    if person().password_given:
        return redirect(url_for("account.password"), 303)
    with centre().store.reading() as connection:
        found = second_factor.standing(connection, person())
        due = second_factor.due(connection, person())
    return render_template("second_factor.html", found=found, due=due)


@blueprint.post("/second-factor/begin")
@login_required  # type: ignore[untyped-decorator]
@proved
def begin() -> Response | str:
    """Make a new secret and show it, in this answer only."""
    if person().password_given:
        return redirect(url_for("account.password"), 303)
    key, now = centre().keys.factors, centre().clock()
    secret = second_factor.begin(centre().store, key, person(), now)
    return _secret_page(person(), secret)


@blueprint.post("/second-factor/confirm")
@login_required  # type: ignore[untyped-decorator]
def confirm() -> str | tuple[str, int]:
    """Take the first code of the phone; show the recovery codes, in this answer only."""
    me, key = person(), centre().keys.factors
    try:
        with limiter().limit(f"{centre().settings.sign_ins_per_minute} per minute"):
            changed, recovery = second_factor.confirm(
                centre().store, key, me, request.form.get("code", ""), centre().clock()
            )
    except Refusal as refusal:
        if refusal.code != "code_wrong":
            raise
        with centre().store.reading() as connection:
            secret = second_factor.begun_secret(connection, key, me)
        if secret is None:
            raise
        page = _secret_page(me, secret, errors.sentence(refusal))
        return page, errors.status_of(refusal.code)
    proved_at = session.get(PROVED_AT)
    account.begin_session(changed)
    session[PROVED_AT] = proved_at
    return render_template("recovery_codes.html", recovery=recovery)


@blueprint.route("/second-factor/roles", methods=["GET", "POST"])
@with_right("guard")
@proved
def roles() -> Response | str:
    """Ask which roles have to have a second factor, and keep it."""
    if request.method == "POST":
        chosen = request.form.getlist("role")
        changed = second_factor.require_of(centre().store, person(), chosen, centre().clock())
        flash(_("已保存，从下一次点击起生效。") if changed else _("没有变化。"))
        return redirect(url_for(".roles"), 303)
    names = code_list("ROLE")
    with centre().store.reading() as connection:
        required = second_factor.required_roles(connection, person().district)
    offered = [(role, names.text(role, language())) for role in second_factor.roles()]
    return render_template("second_factor_roles.html", offered=offered, required=required)


def _secret_page(me: User, secret: str, wrong: str = "") -> str:
    picture = segno.make(address_for(secret, f"{me.no}@{me.district}"), error="m")
    parts = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    return render_template(
        "second_factor_begin.html",
        picture=picture.svg_data_uri(scale=5, border=4, light="#fff"),
        secret=" ".join(parts),
        wrong=wrong,
    )
