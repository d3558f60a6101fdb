"""The first page: the day's figures, each a way to its list; a plain page for other roles."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from sync_server.domain.access import may
from sync_server.services import (
    daily_rounds,
    field_lines,
    issue_queue,
    privacy_requests,
    service_cases,
)
from sync_server.services.overview import overview
from sync_server.services.service_desk import waiting
from sync_server.web.account import person, signed_in
from sync_server.web.context import centre
from sync_server.web.i18n import language, today

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@signed_in
def today_page() -> Response | str:
    """Show the day's figures, or what somebody without records can do here."""
    me = person()
    if not may(me.role, "records"):
        if may(me.role, "handed"):
            return redirect(url_for("handed.everything"))
        if may(me.role, "audit"):
            return redirect(url_for("people.audit"))
        return render_template("nothing_yet.html")
    service_cases.bring_up_to_date(centre().store, me.district)
    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        figures = overview(connection, me, today(), centre().clock(), language())
        services = waiting(connection, me, centre().clock())
        late = issue_queue.late_for(connection, me, centre().clock())
        pressing = issue_queue.pressing_for(connection, me, centre().clock(), language())
        privacy = privacy_requests.waiting(connection, me, today())
        round_day = daily_rounds.last_duty_day(connection, me.district, today())
        gaps = daily_rounds.gaps_on(connection, me, round_day)
    return render_template(
        "home.html", figures=figures, services=services, late_issues=late, pressing=pressing,
        privacy=privacy, round_day=round_day, round_gaps=gaps,
    )  # fmt: skip
