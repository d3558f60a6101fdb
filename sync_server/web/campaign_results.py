"""Results of campaigns: totals of an area and period, noting one, correcting it, taking it back."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.services import campaign_results, places
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("campaign_results", __name__)


@blueprint.get("/campaigns/results")
@with_right("records")
def totals() -> str:
    """Show what campaigns achieved in an area and period, this year's when none is asked for."""
    args, this_day = request.args, today()
    last = read_day(args.get("until", "")) or this_day
    first = read_day(args.get("since", "")) or last.replace(month=1, day=1)
    area = args.get("area", "")
    with centre().store.reading() as connection:
        found = campaign_results.over_campaigns(
            connection, person(), area=area, first=first, last=last, page=asked_page(),
            lang=language(),
        )  # fmt: skip
        areas = places.places_of(connection, person())
    return render_template(
        "campaign_results.html", found=found, areas=areas, area=area, first=first, last=last
    )


@blueprint.route("/campaigns/<uuid:record_id>/results/new", methods=["GET", "POST"])
@with_right("campaigns")
def add(record_id: UUID) -> Response | str | tuple[str, int]:
    """Ask for a result and note it; what was typed comes back when something is wrong."""
    if request.method == "GET":
        return _begin(record_id, "")
    return _send(record_id, request.form.get("key", ""), new=True)


@blueprint.route("/campaigns/<uuid:record_id>/results/<key>", methods=["GET", "POST"])
@with_right("campaigns")
def change(record_id: UUID, key: str) -> Response | str | tuple[str, int]:
    """Correct a result; what it said before stays in the campaign's history."""
    if request.method == "GET":
        return _begin(record_id, key)
    return _send(record_id, key, new=False)


@blueprint.post("/campaigns/<uuid:record_id>/results/<key>/remove")
@with_right("campaigns")
def remove(record_id: UUID, key: str) -> Response:
    """Take a result back."""
    campaign_results.take_back(centre().store, person(), str(record_id), key, centre().clock())
    flash(_("已去掉这一条成果，历史里仍可查。"))
    return _back(record_id)


def _begin(record_id: UUID, key: str) -> str:
    with centre().store.reading() as connection:
        form = campaign_results.begin_result(
            connection, person(), str(record_id), key, centre().clock(), language()
        )
    return render_template("campaign_result.html", form=form)


def _send(record_id: UUID, key: str, *, new: bool) -> Response | tuple[str, int]:
    posted = request.form
    version = posted.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    saved = campaign_results.send_result(
        centre().store, person(), str(record_id), key, posted.getlist, seen, centre().clock(),
        language(), new=new,
    )  # fmt: skip
    if isinstance(saved, campaign_results.Form):
        return render_template("campaign_result.html", form=saved), errors.status_of("bad_fields")
    if saved:
        flash(_("已保存，但别人同时也改了这一条，两种内容都留着，请在“冲突”里裁决。"))
    else:
        flash(_("成果已保存。"))
    return _back(record_id)


def _back(record_id: UUID) -> Response:
    return redirect(url_for("campaigns.one", record_id=record_id, _anchor="results"), 303)
