"""Devices: who has one and when it last synced, join codes, revoking."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sync_server.domain.access import narrowed
from sync_server.services import device_pages, device_persons, devices, places
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.proving import proved

blueprint = Blueprint("devices", __name__)


@blueprint.get("/devices")
@with_right("records")
def all_of_them() -> str:
    """Show the devices, all of them or those silent or with a doubtful clock; of one area."""
    asked = request.args.get("silent", "")
    silent = int(asked) if asked in {str(days) for days in device_pages.SILENT_DAYS} else 0
    clock = request.args.get("clock") == "doubtful"
    me, area = person(), request.args.get("area", "").strip()
    areas = narrowed(me.scope_codes, area) if area else None
    with centre().store.reading() as connection:
        found = device_pages.list_devices(connection, me, centre().clock(), areas)
        name = places.names_for(connection, me.district, areas or ()).get(area, area)
    if not_today := request.args.get("today") == "no":
        found = device_pages.not_on(found, today())
    return render_template(
        "devices.html",
        not_today=not_today,
        found=device_pages.narrowed_devices(found, silent=silent, clock=clock),
        total=len(found),
        silent=silent,
        clock=clock,
        area=area,
        area_name=name,
        silent_days=device_pages.SILENT_DAYS,
    )


@blueprint.get("/devices/<device_id>")
@with_right("records")
def one(device_id: str) -> str:
    """Show one device with its streams and last batches."""
    with centre().store.reading() as connection:
        found = device_pages.open_device(connection, person(), device_id, centre().clock())
    return render_template("device.html", found=found)


@blueprint.route("/devices/<device_id>/persons", methods=["GET", "POST"])
@with_right("records")
def persons(device_id: str) -> str:
    """Show whose data lay on a device, masked; in full to somebody who posts a reason."""
    now = centre().clock()
    if request.method == "POST":
        reason = request.form.get("reason", "")
        found = device_persons.unmask_persons(
            centre().store, person(), device_id, reason, now, language()
        )
    else:
        with centre().store.reading() as connection:
            found = device_persons.list_persons(connection, person(), device_id, now, language())
    return render_template("device_persons.html", found=found)


@blueprint.post("/devices/<device_id>/revoke")
@with_right("devices")
@proved
def revoke(device_id: str) -> Response:
    """Refuse a device from now on, as lost or revoked."""
    me = person()
    state = "lost" if request.form.get("state") == "lost" else "revoked"
    with centre().store.writing() as connection:
        device_pages.require_device(connection, me, device_id)
        devices.revoke_device(
            connection, centre().code, device_id, centre().clock(), by=me.user_id, state=state
        )
    return redirect(url_for("devices.one", device_id=device_id), 303)


@blueprint.get("/join-codes")
@with_right("devices")
def workers() -> str:
    """Show the people a join code can be made for."""
    with centre().store.reading() as connection:
        found = device_pages.workers_of(connection, person())
    return render_template("join_codes.html", found=found)


@blueprint.post("/join-codes/<user_id>")
@with_right("devices")
@proved
def issue(user_id: str) -> str:
    """Make a join code and show it, in this answer only."""
    me = person()
    with centre().store.writing() as connection:
        worker = device_pages.require_worker(connection, me, user_id)
        code = devices.issue_join_code(
            connection, centre().code, user_id, centre().clock(), by=me.user_id
        )
    hours = int(devices.VALID.total_seconds() // 3600)
    return render_template("join_code.html", worker=worker, code=code, hours=hours)
