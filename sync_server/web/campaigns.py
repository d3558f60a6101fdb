"""Knock campaigns: what runs and how far it has come, making one, changing it, withdrawing it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.services import campaign_forms, campaign_results, campaigns, field_lines, places
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("campaigns", __name__)


@blueprint.get("/campaigns")
@with_right("records")
def all_of_them() -> str:
    """Show the campaigns with how far each has come."""
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = campaigns.list_campaigns(connection, person(), today(), language())
    return render_template("campaigns.html", found=found)


@blueprint.get("/campaigns/<uuid:record_id>")
@with_right("records")
def one(record_id: UUID) -> str:
    """Show one campaign: progress by grid, doors left, opinions, leaflets, questions."""
    return _campaign(str(record_id))


@blueprint.get("/campaigns/<uuid:record_id>/answers/<key>")
@with_right("records")
def answers(record_id: UUID, key: str) -> str:
    """Show what was answered to one question."""
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = campaigns.open_answers(
            connection, person(), str(record_id), key, asked_page(), language()
        )
    return render_template("campaign_answers.html", found=found, record_id=record_id, key=key)


@blueprint.route("/campaigns/new", methods=["GET", "POST"])
@with_right("campaigns")
def make() -> Response | str | tuple[str, int]:
    """Ask for a campaign and make it; what was typed comes back when something is wrong."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        return _form(campaign_forms.begin_campaign(me, now, lang))
    posted = request.form
    record_id = posted.get("record_id", "")
    form = campaign_forms.send_campaign(
        centre().store, me, record_id, posted.getlist, list(posted), now, lang
    )
    if form is not None:
        return _form(form), errors.status_of("bad_fields")
    flash(_("敲门行动已建立，各终端下次同步时会收到。"))
    return redirect(url_for("campaigns.one", record_id=record_id), 303)


@blueprint.route("/campaigns/<uuid:record_id>/change", methods=["GET", "POST"])
@with_right("campaigns")
def change(record_id: UUID) -> Response | str | tuple[str, int]:
    """Change what a campaign says; its area stays."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            return _form(campaign_forms.begin_change(connection, me, str(record_id), lang))
    posted = request.form
    version = posted.get("version", "")
    form = campaign_forms.send_campaign(
        centre().store, me, str(record_id), posted.getlist, list(posted), centre().clock(), lang,
        version=int(version) if version.isascii() and version.isdigit() else 0,
    )  # fmt: skip
    if form is not None:
        return _form(form), errors.status_of("bad_fields")
    flash(_("已修改，各终端下次同步时会收到。"))
    return redirect(url_for("campaigns.one", record_id=record_id), 303)


@blueprint.post("/campaigns/<uuid:record_id>/void")
@with_right("campaigns")
def void(record_id: UUID) -> Response | tuple[str, int]:
    """Withdraw a campaign for a reason."""
    reason = request.form.get("reason", "")
    try:
        campaign_forms.void_campaign(
            centre().store, person(), str(record_id), reason, centre().clock()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        words = errors.sentence(refusal)
        return _campaign(str(record_id), words, reason), errors.status_of(refusal.code)
    flash(_("已作废，各终端下次同步后不再列出；已有的走访记录不变。"))
    return redirect(url_for("campaigns.one", record_id=record_id), 303)


def _campaign(record_id: str, wrong: str = "", reason: str = "") -> str:
    area = request.args.get("area", "")
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = campaigns.open_campaign(
            connection, person(), record_id, today(), language(),
            area=area, shown=request.args.get("state", ""), page=asked_page(),
        )  # fmt: skip
        achieved = campaign_results.of_campaign(
            connection,
            person().district,
            found.row,
            campaigns.areas_of(person(), found.row, area),
            language(),
        )
    return render_template(
        "campaign.html",
        found=found,
        results_of=achieved,
        area=area,
        wrong=wrong,
        reason=reason,
        states=code_list("KNOCK_STATE"),
        listed=campaigns.LISTED,
    )


def _form(form: campaign_forms.Form) -> str:
    with centre().store.reading() as connection:
        areas = places.places_of(connection, person())
    return render_template("campaign_form.html", form=form, areas=areas)
