"""People with their roles and areas, and the audit."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from sync_server.services import people as listing
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day
from sync_server.web.paging import asked_page

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
@with_right("people")
def everybody() -> str:
    """Show the accounts of the area."""
    with centre().store.reading() as connection:
        found = listing.list_people(connection, person(), language())
    return render_template("people.html", found=found)


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
    return render_template("audit.html", found=found, typed=typed)


_FILTERS = ("action", "user", "since", "until")
