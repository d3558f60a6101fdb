"""Service requests at the desk: taking one in, the queue, one request with its steps, figures."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from schemas.clock import SHANGHAI
from schemas.codes import code_list
from schemas.service_clocks import LABELS, STATE_LABELS, Clock
from schemas.service_flow import CANCELLED, STATES
from sync_server.domain.errors import Refusal
from sync_server.services import (
    area_figures,
    closed_months,
    places,
    service_cases,
    service_desk,
    service_steps,
    small_cells,
)
from sync_server.services.service_steps import Intake, StepForm
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("service_requests", __name__)

TAGS = {"met": "applied", "late": "quarantined", "running": "held", "waived": "unchanged"}
"""The colours of clocks, which carry words besides."""
STATES_SHOWN = (service_desk.OPEN, service_desk.LATE, *STATES)


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    """What templates say about clocks."""
    return {"service_clock_tag": lambda one: TAGS[one.state], "service_clock_words": clock_words}


def clock_words(clock: Clock) -> str:
    """Return a clock in words: 响应 达标."""
    return f"{LABELS[clock.name].text(language())} {STATE_LABELS[clock.state].text(language())}"


@blueprint.get("/services")
@with_right("services")
def queue() -> str:
    """Show the requests by area and state with their clocks."""
    me, lang = person(), language()
    area, kind = request.args.get("area", ""), request.args.get("kind", "")
    state = request.args.get("state", service_desk.OPEN)
    state = state if state in (*STATES_SHOWN, service_desk.COUNTED, service_desk.DONE) else ""
    since, until = (read_day(request.args.get(name, "")) for name in ("since", "until"))
    item, point = request.args.get("item", ""), request.args.get("point", "")[:80]
    figure = request.args.get("figure", "")
    figure = figure if figure in service_desk.FIGURES else ""
    if figure and "state" not in request.args:
        state = ""
    service_cases.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        found = service_desk.queue(
            connection, me, area=area, state=state, kind=kind, page=asked_page(),
            now=centre().clock(), lang=lang, item=item, point=point,
            since=_begins(since) if since else None,
            before=_begins(until + timedelta(days=1)) if until else None,
            figure=figure,
        )  # fmt: skip
        areas = places.places_of(connection, me)
    return render_template(
        "service_queue.html",
        found=found,
        areas=areas,
        area=area,
        kind=kind,
        state=state,
        kinds=code_list("SERVICE_KIND"),
        states=code_list("SERVICE_STATE"),
        shown=STATES_SHOWN,
        since=since,
        until=until,
        item=item,
        point=point,
        items=code_list("SERVICE_ITEM"),
        figure=service_desk.FIGURES[figure].text(lang) if figure else "",
        # What the figures narrowed the list by, carried along by its tabs, pages and filters.
        counted={
            name: value
            for name, value in (
                ("item", item),
                ("point", point),
                ("figure", figure),
                ("since", since.isoformat() if since else ""),
                ("until", until.isoformat() if until else ""),
            )
            if value
        },
    )


@blueprint.route("/services/new", methods=["GET", "POST"])
@with_right("services")
def take_in() -> Response | str | tuple[str, int]:
    """Take a request in at the desk; what was typed comes back when something is wrong."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        household = request.args.get("household_id", "")
        with centre().store.reading() as connection:
            return _intake(service_steps.begin_intake(connection, me, household, now, lang))
    form = request.form
    record_id = form.get("record_id", "")
    refused = service_steps.take_in(
        centre().store, me, record_id, form.get("area", ""), form.get("household_id", ""),
        form.getlist, list(form), now, lang,
    )  # fmt: skip
    if refused is not None:
        return _intake(refused), 422
    flash(_("已登记并受理。"))
    return redirect(url_for("service_requests.one", record_id=record_id), 303)


def _intake(form: Intake) -> str:
    with centre().store.reading() as connection:
        areas = [
            one
            for one in places.places_of(connection, person())
            if len(one.code) >= service_steps.COMMUNITY_DIGITS
        ]
        points = service_desk.known_points(connection, person())
    return render_template("service_intake.html", form=form, areas=areas, points=points)


@blueprint.get("/services/<record_id>")
@with_right("services")
def one(record_id: str) -> str:
    """Show one request with its clocks, its steps, and the steps to take."""
    return _case(record_id)


@blueprint.post("/services/<record_id>/step")
@with_right("services")
def step(record_id: str) -> Response | tuple[str, int]:
    """Take a step; what was typed comes back when something is wrong or somebody was faster.

    The address names the step besides (``do``), so that a form kept while its session was over
    comes back into the form of this step.
    """
    form = request.form
    try:
        refused = service_steps.take_step(
            centre().store, person(), record_id, form.get("step_id", ""), form.get("action", ""),
            form.getlist, list(form), centre().clock(), language(),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code != "step_overtaken":
            raise
        typed = form.get("text", "")
        return _case(record_id, wrong=errors.sentence(refusal), typed=typed), 409
    if refused is not None:
        return _case(record_id, refused), 422
    flash(_("已办理：%(action)s。", action=code_list("SERVICE_ACTION").text(
        form.get("action", ""), language())))  # fmt: skip
    return redirect(url_for("service_requests.one", record_id=record_id), 303)


def _case(
    record_id: str, refused: StepForm | None = None, *, wrong: str = "", typed: str = ""
) -> str:
    with centre().store.reading() as connection:
        found = service_desk.open_case(
            connection, person(), record_id, centre().clock(), language()
        )
    forms = [refused if refused and one.action == refused.action else one for one in found.forms]
    return render_template(
        "service_case.html",
        found=found,
        forms=forms,
        refused=refused.action if refused else "",
        wrong=wrong,
        typed=typed,
        roles=code_list("ROLE"),
    )


@blueprint.get("/services/figures")
@with_right("services")
def figures() -> str:
    """Show the figures of a period, with their definitions."""
    me, lang = person(), language()
    until = read_day(request.args.get("until", "")) or today()
    since = read_day(request.args.get("since", "")) or until.replace(day=1)
    area = request.args.get("area", "")
    service_cases.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        found = service_desk.figures(
            connection, me, area=area, since=_begins(since),
            before=_begins(until + timedelta(days=1)), now=centre().clock(), lang=lang,
        )  # fmt: skip
        areas = places.places_of(connection, me)
        frozen = closed_months.frozen(connection, me, since, until, area)
    return render_template(
        "service_figures.html",
        found=found,
        frozen=frozen,
        rates=area_figures.rates_of_services(found.whole),
        in_one_community=not small_cells.beyond_community(me),
        areas=areas,
        area=area,
        since=since,
        until=until,
        now=centre().clock(),
        labels=LABELS,
        cancelled=CANCELLED,
    )


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
