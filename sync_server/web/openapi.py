"""The API described in OpenAPI 3.1, from the declarations the centre itself works by.

Request bodies come from the marshmallow schemas of ``schemas/exchange.py``, the fields of changes
and updates from the kinds, refusals from the table of codes; only the shapes of answers, which
nothing loads, are written down here.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Response, jsonify

import sync_server
from schemas.catalogue import kinds
from schemas.describe import object_schema
from schemas.exchange import (
    ACCOUNTED,
    API,
    MAX_BODY_BYTES,
    MAX_CHANGES,
    AsideSchema,
    ChangeSchema,
    JoinSchema,
    SyncSchema,
)
from sync_server.domain import tus
from sync_server.domain.errors import CODES
from sync_server.web.problems import STATUS

Schema = dict[str, Any]
PROBLEM = "application/problem+json"
TOKEN: list[dict[str, list[str]]] = [{"device": []}]
REFUSED = {
    "join": ("bad_json", "bad_request", "bad_code", "code_used", "too_large", "rate_limited"),
    "sync": (
        "bad_json", "bad_encoding", "bad_token", "device_revoked", "wrong_device", "busy",
        "sequence_gap", "stream_forked", "too_large", "wrong_type", "bad_envelope", "unexpected",
        "server_busy",
    ),
    "account": ("bad_token", "server_busy"),
    "photo": (
        "bad_token", "device_revoked", "tus_version", "offset_conflict", "upload_gone", "too_large",
        "not_a_photo", "bad_request", "upload_locked", "checksum_mismatch", "server_busy",
        "photo_storage_full", "not_found",
    ),
    "relay": (
        *(code for code in CODES if code.startswith("relay_") and code in STATUS),
        "not_allowed", "sign_in_needed",
    ),
}  # fmt: skip


def describe() -> Response:
    """GET /openapi.json: this description."""
    return jsonify(document())


@cache
def document() -> Schema:
    """Return the whole description as one OpenAPI 3.1 document."""
    spec = APISpec(
        title="GridRounds 网格巡访",
        version=sync_server.__version__,
        openapi_version="3.1.0",
        info={"description": "The exchange between laptops and the centre, protocol 1."},
        servers=[{"url": API}],
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
    )
    spec.components.security_scheme("device", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme(
        "staff", {"type": "apiKey", "in": "cookie", "name": "gridrounds_centre"}
    )
    spec.components.schema("Change", schema=ChangeSchema)
    spec.components.schema("Aside", schema=AsideSchema)
    for name, schema in _shapes().items():
        spec.components.schema(name, schema)
    for kind in kinds():
        spec.components.schema(f"fields.{kind.info.name}", object_schema(kind.declared()))
    for path, operations in _paths().items():
        spec.path(path, parameters=operations.pop("parameters", []), operations=operations)
    described = cast(Schema, _portable(spec.to_dict()))
    members = described["components"]["schemas"]["Exchange"]["properties"]
    members["changes"]["items"] = {"anyOf": [_ref("Change"), _ref("Aside")]}
    for by_change in ("former", "trails"):  # apispec takes what has a length for a text
        members[by_change]["maxProperties"] = members[by_change].pop("maxLength")
    return described


def _portable(value: Any) -> Any:
    """Return a description whose patterns every JSON Schema library reads as Python's are meant."""
    if isinstance(value, dict):
        return {
            name: f"^(?:{inner.removesuffix(chr(92) + 'Z')})$"
            if name == "pattern" and inner.endswith(chr(92) + "Z")
            else _portable(inner)
            for name, inner in value.items()
        }
    return [_portable(inner) for inner in value] if isinstance(value, list) else value


def _name(schema: Any) -> str:
    name = schema if isinstance(schema, str) else getattr(schema, "__name__", type(schema).__name__)
    return {"HeadSchema": "Head", "SyncSchema": "Exchange", "ChangeSchema": "Change"}.get(
        name, name.removesuffix("Schema")
    )


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(**more: Any) -> Schema:
    return {"type": "string", **more}


def _list(of: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": of, **more}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
    }


WHOLE: Schema = {"type": "integer", "minimum": 0}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"], "minimum": 0}
UUID: Schema = _text(format="uuid")
HEX64: Schema = _text(pattern="^[0-9a-f]{64}$")
TIME: Schema = _text(format="date-time")


def _shapes() -> dict[str, Schema]:
    """Return the shapes of answers."""
    limits = _object({"changes": WHOLE, "bytes": WHOLE})
    known = _object({"stream": UUID, "seq": WHOLE, "hash": HEX64})
    who = _object({"author": UUID, "made_at": TIME})
    counts = dict.fromkeys(ACCOUNTED, WHOLE)
    detail = _object({"pointer": _text(), "code": _text()}, {"zh": _text(), "en": _text()})
    became: dict[str, Schema] = {"outcome": _text(), "version": MAYBE_WHOLE}
    more = {"problem": _list(detail), "conflict_id": UUID}
    outcome = _text(enum=[*ACCOUNTED, "duplicate"])
    return {
        "Known": known,
        "Receipt": _object(
            {"seq": WHOLE, "change_id": UUID, "outcome": outcome, "version": MAYBE_WHOLE},
            more | {"first": _object(became, more), "stream": UUID},
        ),
        "Update": _object(
            {
                "kind": _text(), "schema": WHOLE, "record_id": UUID, "version": WHOLE,
                "change_no": WHOLE, "grid": _text(), "voided": {"type": "boolean"},
                "fields": {"type": "object"}, "first": who, "last": who,
            },
            {"merged_into": UUID, "trail": _list(WHOLE)},
        ),
        "Gone": _object({"record_id": UUID, "gone": {"const": True}}),
        "Reply": _object(
            {
                "protocol": {"const": 1}, "server_epoch": _text(), "server_time": TIME,
                "known": _list(_ref("Known")), "receipts": _list(_ref("Receipt")),
                "updates": _list({"anyOf": [_ref("Update"), _ref("Gone")]}), "cursor": _text(),
                "more": {"type": "boolean"},
                "people": {"type": "object", "additionalProperties": _text()},
                "scope": _object(
                    {"grids": _list(_text()), "keep_days": WHOLE, "kind": _text()}
                ),
                "limits": limits, "next_after_s": WHOLE,
            },
        ),
        "Joined": _object(
            {
                "device_id": UUID, "token": _text(), "district": _text(),
                "district_name": _text(), "synthetic": {"type": "boolean"}, "server_key": HEX64,
                "server_epoch": _text(), "limits": limits,
                "worker": _object(
                    {"user_id": UUID, "no": _text(), "name": _text(), "kind": _text(),
                     "role": _text(), "grids": _list(_text())}
                ),
            }
        ),
        "Account": _object(
            {
                "known": _list(_ref("Known")), "counts": _object(counts),
                "by_day": _list(_object({"day": _text()} | counts)),
                "streams": _list(_object({"stream": UUID} | counts)),
                "photos": _object({"expected": WHOLE, "present": WHOLE, "missing": _list(HEX64)}),
            }
        ),
        "Problem": _object(
            {"type": _text(), "title": _text(), "status": WHOLE, "code": _text(enum=[*CODES])},
            {
                "errors": _list(_object({"pointer": _text()}, {"detail": _text()})),
                "known": _list(_ref("Known")), "stream": UUID, "limit": WHOLE,
            },
        ),
    }  # fmt: skip


def _body(schema: Any, media: str = "application/json") -> Schema:
    return {"required": True, "content": {media: {"schema": schema}}}


def _answer(words: str, schema: Schema | None = None, media: str = "application/json") -> Schema:
    return {"description": words} | ({"content": {media: {"schema": schema}}} if schema else {})


def _refusals(names: tuple[str, ...]) -> dict[str, Schema]:
    """Return the answers that refuse, by status, each with the codes it may carry."""
    by_status: dict[str, list[str]] = {}
    for name in names:
        by_status.setdefault(str(STATUS[name]), []).append(name)
    return {
        status: _answer("; ".join(f"`{one}`: {CODES[one]}" for one in codes), _ref("Problem"),
                        PROBLEM)
        for status, codes in sorted(by_status.items())
    }  # fmt: skip


def _paths() -> dict[str, Schema]:
    anyone: list[dict[str, list[str]]] = []
    return {
        "/devices": {
            "post": {
                "operationId": "join", "security": anyone,
                "summary": "Make the device a one-time join code stands for",
                "requestBody": _body(JoinSchema),
                "responses": {"201": _answer("Joined", _ref("Joined"))}
                | _refusals(REFUSED["join"]),
            }
        },
        "/sync": {
            "post": {
                "operationId": "exchange", "security": TOKEN,
                "summary": f"Changes go up (at most {MAX_CHANGES}, {MAX_BODY_BYTES} bytes), "
                "receipts and updates come down",
                "requestBody": _body(SyncSchema),
                "responses": {"200": _answer("Durably received", _ref("Reply"))}
                | _refusals(REFUSED["sync"]),
            }
        },
        "/sync/account": {
            "get": {
                "operationId": "account", "security": TOKEN,
                "summary": "What the centre has of this device, in counts",
                "responses": {"200": _answer("The account", _ref("Account"))}
                | _refusals(REFUSED["account"]),
            }
        },
        "/kinds": _open("kinds", "Every kind with the address of its schema"),
        "/kinds/{name}": _open("kind", "The JSON schema of a kind's fields",
                               [_in("name", "path")], "application/schema+json"),
        "/codes": _open("codes", "Every code list"),
        "/openapi.json": _open("openapi", "This description"),
        "/photos": {"post": _upload("begin_upload", "Begin an upload (tus creation)", "201"),
                    "options": _capable()},
        "/photos/{upload_id}": {
            "parameters": [_in("upload_id", "path")],
            "head": _upload("tell_upload", "How much has come", "200"),
            "patch": _upload("continue_upload", "The next bytes, from the offset", "204"),
            "delete": _upload("end_upload", "Give an upload up", "204"),
            "options": _capable(),
        },
        "/relay": {
            "post": {
                "operationId": "relay", "security": [{"staff": []}],
                "summary": "Take in a .gridbatch; the answer is its .gridreceipt",
                "requestBody": _body(_text(format="binary"), "application/octet-stream"),
                "responses": {"200": _answer("The receipt", _text(format="binary"),
                                             "application/octet-stream")}
                | _refusals(REFUSED["relay"]),
            }
        },
    }  # fmt: skip


def _in(name: str, where: str, *, required: bool = True) -> Schema:
    return {"name": name, "in": where, "required": required, "schema": _text()}


def _open(
    name: str,
    summary: str,
    parameters: list[Schema] | None = None,
    media: str = "application/json",
) -> Schema:
    """Describe an address that anybody may read."""
    return {
        "get": {
            "operationId": name, "security": [], "summary": summary,
            "parameters": parameters or [],
            "responses": {"200": _answer("As described", {"type": "object"}, media)},
        }
    }  # fmt: skip


def _upload(name: str, summary: str, status: str) -> Schema:
    headers = [_in("Tus-Resumable", "header")]
    if name == "begin_upload":
        headers += [_in("Upload-Length", "header"), _in("Upload-Metadata", "header")]
    if name == "continue_upload":
        headers += [
            _in("Upload-Offset", "header"),
            _in("Upload-Checksum", "header", required=False),
        ]
    described: Schema = {
        "operationId": name, "security": TOKEN, "summary": summary, "parameters": headers,
        "responses": {status: _answer("Done")} | _refusals(REFUSED["photo"]),
    }  # fmt: skip
    if name == "continue_upload":
        described["requestBody"] = _body(_text(format="binary"), tus.BODY_TYPE)
    return described


def _capable() -> Schema:
    return {
        "security": [], "summary": "What of tus is spoken",
        "responses": {"204": _answer("In the headers")},
    }  # fmt: skip
