"""The data-quality report (数据质量): what of the base data cannot be right, with links to it."""

from __future__ import annotations

from flask import Blueprint, render_template

from sync_server.services import quality
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("quality", __name__)


@blueprint.get("/quality")
@with_right("records")
def report() -> str:
    """Show every check with what it finds."""
    with centre().store.reading() as connection:
        found = quality.report(connection, person(), centre().clock(), language())
    return render_template("quality.html", found=found)


@blueprint.get("/quality/<code>")
@with_right("records")
def one(code: str) -> str:
    """Show all that one check finds, page by page."""
    with centre().store.reading() as connection:
        found = quality.list_of(
            connection, person(), code, asked_page(), centre().clock(), language()
        )
    return render_template("quality_list.html", found=found)
