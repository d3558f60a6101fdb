"""The exchange API under ``/api/v1``: for laptops, without a session."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from flask import Blueprint, Flask, Response, jsonify, request
from marshmallow import ValidationError

from schemas.catalogue import UnknownKind, kind_of, kinds
from schemas.codes import CodeList, all_lists
from schemas.describe import code_lists, json_schema
from schemas.exchange import API, MAX_BODY_BYTES, JoinSchema, pointers
from schemas.kind import Kind
from sync_server.domain.envelope import BadEnvelope, Inexact
from sync_server.domain.errors import Refusal
from sync_server.domain.json_text import read_object, read_quickly
from sync_server.services.account import account_of
from sync_server.services.centre import Centre
from sync_server.services.devices import Device, Joined, join_device
from sync_server.services.sync import Reply, exchange, keep_unusable, limits
from sync_server.web.bearer import calling_device
from sync_server.web.bodies import compressed, read_json, read_raw
from sync_server.web.context import CENTRE, LIMITER, centre, gate
from sync_server.web.gate import require_length
from sync_server.web.metrics import figures
from sync_server.web.openapi import describe

_join = JoinSchema()


def register(app: Flask) -> Blueprint:
    """Add the API's addresses to the app and return its blueprint (no session, no CSRF)."""
    api = Blueprint("api", __name__, url_prefix=API)
    opened: Centre = app.extensions[CENTRE]
    limit = app.extensions[LIMITER].limit(f"{opened.settings.joins_per_minute} per minute")
    joining = limit(join)
    api.add_url_rule("/devices", "join", joining, methods=["POST"])
    api.add_url_rule("/sync", "sync", sync, methods=["POST"])
    api.add_url_rule("/sync/account", "account", account)
    api.add_url_rule("/kinds", "list_kinds", list_kinds)
    api.add_url_rule("/kinds/<name>", "describe_kind", describe_kind)
    api.add_url_rule("/codes", "list_codes", list_codes)
    api.add_url_rule("/openapi.json", "openapi", describe)
    api.after_request(lambda response: compressed(request, response))
    app.register_blueprint(api)
    return api


def join() -> tuple[Response, int]:
    """POST /devices: make the device a join code stands for."""
    body, _ = read_json(request)
    try:
        asked = _join.load(body)
    except ValidationError as err:
        raise Refusal("bad_request", errors=pointers(err.messages)) from None
    joined = join_device(
        centre(), asked["code"], asked["device_name"], asked["public_key"], asked["app"],
        centre().clock(),
    )  # fmt: skip
    return jsonify(_joined(joined)), 201


def sync() -> Response:
    """POST /sync: the exchange."""
    now = centre().clock()
    device = calling_device()
    require_length(request, MAX_BODY_BYTES)
    with gate().enter():
        reply = _exchanged(device, read_raw(request), now)
    outcomes = (receipt["outcome"] for receipt in reply.members["receipts"])
    figures().count_exchange(outcomes, len(reply.updates))
    return Response(reply.as_json(), mimetype="application/json")


def _exchanged(device: Device, raw: bytes, now: datetime) -> Reply:
    """Exchange, read in the quick way, and where that will not do in the exact one."""
    quick = read_quickly(raw)
    if quick is not None:
        with suppress(Inexact, BadEnvelope):
            return exchange(centre(), device, quick, now, exact=False)
    body, text = read_object(raw)
    try:
        return exchange(centre(), device, body, now)
    except BadEnvelope:
        keep_unusable(centre(), device, text, now)
        raise


def account() -> Response:
    """GET /sync/account: what the centre has of this device, in counts.

    A revoked device is answered too: it may destroy its store only once all is known to be here.
    """
    device = calling_device(revoked=True)
    with gate().enter(), centre().store.reading() as connection:
        found = account_of(connection, device.district, device.device_id)
    return jsonify(found.as_json())


def list_kinds() -> Response:
    """GET /kinds: every kind with the address of its schema."""
    return jsonify(
        kinds=[
            {
                "name": kind.info.name,
                "version": kind.info.version,
                "title": kind.info.label.zh,
                "title_en": kind.info.label.en,
                "href": f"{API}/kinds/{kind.info.name}",
            }
            for kind in kinds()
        ]
    )


def describe_kind(name: str) -> Response:
    """GET /kinds/<name>: the JSON schema of a kind's fields, with the code lists it uses."""
    try:
        kind = kind_of(name)
    except UnknownKind:
        raise Refusal("unknown_kind") from None
    response = jsonify(json_schema(kind) | {"x-codes": _codes_of(kind)})
    response.mimetype = "application/schema+json"
    return response


def list_codes() -> Response:
    """GET /codes: every code list."""
    return jsonify({name: _entries(codes) for name, codes in all_lists().items()})


def _codes_of(kind: type[Kind]) -> dict[str, list[dict[str, object]]]:
    return {name: _entries(all_lists()[name]) for name in sorted(code_lists(kind))}


def _entries(codes: CodeList) -> list[dict[str, object]]:
    return [
        {
            "code": item.code,
            "zh": item.label.zh,
            "en": item.label.en,
            "active": item.active,
            "std_map": item.std_map,
        }
        for item in codes.items
    ]


def _joined(joined: Joined) -> dict[str, object]:
    worker = joined.worker
    return {
        "device_id": joined.device.device_id,
        "token": joined.token,
        "worker": {
            "user_id": worker.user_id,
            "no": worker.no,
            "name": worker.name,
            "kind": worker.kind,
            "role": worker.role,
            "grids": list(worker.scope_codes),
        },
        "district": joined.device.district,
        "district_name": centre().district.name,
        "synthetic": centre().district.synthetic,
        "server_key": centre().keys.server_key,
        "server_epoch": joined.server_epoch,
        "limits": limits(),
    }
