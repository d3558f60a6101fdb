"""The second page of statistics: field work for a period and an area, and the households behind its
figures."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, render_template, request, url_for

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.services import (
    closed_months,
    field_figures,
    field_lines,
    field_lists,
    places,
    small_cells,
)
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.issue_figures import periods_until
from sync_server.web.paging import asked_page

blueprint = Blueprint("field_figures", __name__)
CARE_LISTS = {
    "care": ("care_in_time", "care_late"),
    "care_month": ("care_reached", "care_unreached"),
}
"""The lists behind each rate of care: of the households it counts, and of those it leaves out."""


@blueprint.get("/statistics/field")
@with_right("records")
def statistics() -> str | tuple[str, int]:
    """Show the figures of a period, this month's when none is asked for."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    area, wrong, found, frozen = request.args.get("area", ""), "", None, None
    phone = request.args.get("phone", "1") != "0"

    @cache
    def here(code: str) -> str:
        """Return the address of this page for another area; a year's page names each often."""
        return url_for(
            "field_figures.statistics", since=first.isoformat(), until=last.isoformat(),
            area=code, phone=None if phone else 0,
        )  # fmt: skip

    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me)
        closed = closed_months.closed(connection, me.district)
        try:
            found = field_figures.report(
                connection, me, first, last, area, centre().clock(), language(), phone=phone
            )
            frozen = closed_months.frozen(connection, me, first, last, area)
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(refusal)
    page = render_template(
        "field_statistics.html",
        found=found,
        hidden=small_cells.of_statistics(me, found) if found else None,
        frozen=frozen,
        frozen_hidden=small_cells.of_rates(me, frozen.rates) if frozen else None,
        care=small_cells.CARE,
        care_lists=CARE_LISTS,
        closed=closed,
        spans=closed_months.spans((one.name for one in found.months), first, last) if found else {},
        in_one_community=not small_cells.beyond_community(me),
        first=first,
        last=last,
        area=area,
        areas=areas,
        here=here,
        this_day=this_day,
        phone=phone,
        wrong=wrong,
        periods=periods_until(this_day),
        slots=code_list("SLOT"),
        risks=code_list("CARE_RISK"),
    )
    return (page, errors.status_of("bad_period")) if wrong else page


@blueprint.get("/statistics/field/households")
@with_right("records")
def households() -> str | tuple[str, int]:
    """Show the households that make one of the figures of a period."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    figure, area = request.args.get("figure", ""), request.args.get("area", "")
    figure = figure if figure in field_lists.FIGURES else next(iter(field_lists.FIGURES))
    phone, wrong, found = request.args.get("phone", "1") != "0", "", None
    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me)
        try:
            found = field_lists.households(
                connection, me, figure, first, last, area, asked_page(), centre().clock(),
                language(), phone=phone,
            )  # fmt: skip
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(refusal)
    cared, hidden = figure in field_lists.CARE, small_cells.NOTHING
    if found and cared:
        hidden = small_cells.of_rates(me, {one.name: one for one in found.care_rates})
    page = render_template(
        "field_households.html",
        found=found,
        figure=figure,
        figures=field_lists.CARE if cared else field_lists.HOMES,
        cared=cared,
        care_lists=CARE_LISTS,
        hidden=hidden,
        definitions=field_figures.DEFINITIONS,
        rates=small_cells.CARE if cared else ("visits",),
        first=first,
        last=last,
        area=area,
        areas=areas,
        phone=phone,
        wrong=wrong,
        risks=code_list("CARE_RISK"),
    )
    return (page, errors.status_of("bad_period")) if wrong else page
