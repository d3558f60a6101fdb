"""The statistics page: the figures of issues for a period and an area."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.services import closed_months, issue_figures, issue_origins, places, small_cells
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today

blueprint = Blueprint("issue_figures", __name__)

COMMUNITY_LENGTH = 12


@blueprint.get("/statistics")
@with_right("records")
def statistics() -> str | tuple[str, int]:
    """Show the figures of a period, this year's when none is asked for."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(month=1, day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    area, wrong, found, frozen = request.args.get("area", ""), "", None, None
    source, origins = request.args.get("source", ""), None
    source = source if source in code_list("ISSUE_SOURCE") else ""
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me, longest=COMMUNITY_LENGTH)
        closed = closed_months.closed(connection, me.district)
        try:
            found = issue_figures.report(
                connection, me, first, last, area, centre().clock(), language(), source
            )
            origins = issue_origins.origins(
                connection, me, first, last, area, centre().clock(), language(), source
            )
            if not source:
                frozen = closed_months.frozen(connection, me, first, last, area)
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(refusal)
    page = render_template(
        "statistics.html",
        found=found,
        frozen=frozen,
        closed={} if source else closed,
        source=source,
        sources=code_list("ISSUE_SOURCE").active,
        origins=origins,
        origin_words=issue_origins.DEFINITIONS,
        spans=closed_months.spans((name for name, _ in found.months), first, last) if found else {},
        in_one_community=not small_cells.beyond_community(me),
        first=first,
        last=last,
        area=area,
        areas=areas,
        wrong=wrong,
        periods=periods_until(this_day),
        parts=issue_figures.PARTS,
        of_units=issue_figures.OF_UNITS,
        months=[(None, *month) for month in found.months] if found else [],
    )
    return (page, errors.status_of("bad_period")) if wrong else page


def periods_until(day: date) -> list[tuple[str, date, date]]:
    """Return the periods people ask for most: their name, first and last day."""
    month, year = day.replace(day=1), day.replace(month=1, day=1)
    before = month - timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    return [
        (_("本周"), monday, day),
        (_("上周"), monday - timedelta(days=7), monday - timedelta(days=1)),
        (_("本月"), month, day),
        (_("上月"), before.replace(day=1), before),
        (_("今年"), year, day),
        (_("去年"), date(day.year - 1, 1, 1), date(day.year - 1, 12, 31)),
    ]
