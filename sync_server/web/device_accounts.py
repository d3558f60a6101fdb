"""终端对账: laptops that do not add up, are silent or may be copied; one's account by day."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from schemas.exchange import ACCOUNTED
from sync_server.services import device_accounts
from sync_server.services.device_pages import SILENT_DAYS
from sync_server.web.account import person, with_right
from sync_server.web.context import centre

blueprint = Blueprint("device_accounts", __name__)
TABS = ("trouble", *map(str, SILENT_DAYS), "all")


@blueprint.get("/accounts")
@with_right("records")
def all_of_them() -> str:
    """Show the devices of one tab, those to look after first of all."""
    asked = request.args.get("show", "")
    show = asked if asked in TABS else TABS[0]
    with centre().store.reading() as connection:
        lines = device_accounts.list_accounts(connection, person(), centre().clock())
    counts = {tab: len(device_accounts.narrowed(lines, tab)) for tab in TABS}
    return render_template(
        "device_accounts.html",
        lines=device_accounts.narrowed(lines, show),
        show=show,
        counts=counts,
        silent_days=SILENT_DAYS,
    )


@blueprint.get("/accounts/<device_id>")
@with_right("records")
def one(device_id: str) -> str:
    """Show one device's account by day, to be printed."""
    with centre().store.reading() as connection:
        found = device_accounts.open_account(
            connection,
            person(),
            device_id,
            centre().clock(),
            whole=request.args.get("days") == "all",
        )
    return render_template("device_account.html", found=found, outcomes=ACCOUNTED)
