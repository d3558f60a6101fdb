"""tus 1.0.0 under ``/api/v1/photos``: core, creation, creation-with-upload, checksum, expiration,
termination (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from flask import Blueprint, Flask, Response, current_app, request, url_for
from werkzeug.exceptions import ClientDisconnected

from schemas.exchange import API
from sync_server.domain import tus
from sync_server.domain.errors import Refusal
from sync_server.services import photos
from sync_server.services.devices import Device
from sync_server.services.photos import Upload
from sync_server.web.bearer import calling_device
from sync_server.web.context import centre, gate
from sync_server.web.gate import Gate

PIECE = 65_536
AT_ONCE = 3
"""Photos one process takes at a time: a lane of their own within the exchanges' gate, so that
records are never kept waiting by pictures."""
LANE = "gridrounds_photo_lane"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def register(app: Flask) -> Blueprint:
    """Add the addresses of uploads and return their blueprint (no session, no CSRF)."""
    api = Blueprint("uploads_of_photos", __name__, url_prefix=f"{API}/photos")
    options = {"methods": METHODS, "provide_automatic_options": False}
    api.add_url_rule("", "every", _every, **options)  # type: ignore[arg-type]
    api.add_url_rule("/<upload_id>", "one", _one, **options)  # type: ignore[arg-type]
    api.after_request(_named)
    app.extensions[LANE] = Gate(AT_ONCE)
    app.register_blueprint(api)
    return api


def _every() -> Response:
    return _dispatch({"OPTIONS": _capabilities, "POST": _begin})


def _one(upload_id: str) -> Response:
    return _dispatch(
        {
            "OPTIONS": _capabilities,
            "HEAD": partial(_tell, upload_id),
            "PATCH": partial(_continue, upload_id),
            "DELETE": partial(_end, upload_id),
        }
    )


def _dispatch(views: dict[str, Callable[[], Response]]) -> Response:
    """Answer by the method, or the one a client behind a narrow proxy names in a header."""
    method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
    view = views.get(method)
    if view is None:
        raise Refusal("not_possible")
    if method != "OPTIONS" and request.headers.get("Tus-Resumable") != tus.VERSION:
        raise Refusal("tus_version")
    return view()


def _named(response: Response) -> Response:
    """Say the version on every answer; a laptop knows the centre by it."""
    response.headers["Tus-Resumable"] = tus.VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = tus.VERSION
    return response


def _capabilities() -> Response:
    response = Response(status=204)
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Max-Size"] = str(centre().settings.photo_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)
    return response


def _begin() -> Response:
    device = calling_device()
    length = tus.whole(request.headers.get("Upload-Length"))
    if not length:  # a photo has bytes, and how many is known when it is taken
        raise _bad("Upload-Length", "a whole number above 0")
    try:
        said = tus.read_metadata(request.headers.get("Upload-Metadata"))
    except tus.BadMetadata as err:
        raise _bad(f"Upload-Metadata/{err.name}".rstrip("/"), err.detail) from None
    brings = bool(request.content_length) or "chunked" in request.headers.get(
        "Transfer-Encoding", ""
    )
    if brings and request.mimetype != tus.BODY_TYPE:
        raise Refusal("wrong_type")
    body = _Body() if brings else None
    upload = photos.begin_upload(centre(), device, length, said, centre().clock())
    if body is not None and not upload.done:
        upload = _receive(device, upload.upload_id, 0, body)
    response = _standing(upload, 201)
    response.headers["Location"] = url_for(".one", upload_id=upload.upload_id)
    return response


def _tell(upload_id: str) -> Response:
    found = photos.find_upload(centre(), calling_device(), upload_id, centre().clock())
    response = _standing(found, 200)
    response.headers["Upload-Length"] = str(found.length)
    response.headers["Upload-Metadata"] = found.header
    return response


def _continue(upload_id: str) -> Response:
    device = calling_device()
    if request.mimetype != tus.BODY_TYPE:
        raise Refusal("wrong_type")
    offset = tus.whole(request.headers.get("Upload-Offset"))
    if offset is None:
        raise _bad("Upload-Offset", "a whole number")
    return _standing(_receive(device, upload_id, offset, _Body()), 204)


def _end(upload_id: str) -> Response:
    photos.end_upload(centre(), calling_device(), upload_id, centre().clock())
    return Response(status=204)


def _receive(device: Device, upload_id: str, offset: int, body: _Body) -> Upload:
    """Add the request's body to an upload; with a checksum all of it or nothing."""
    with cast(Gate, current_app.extensions[LANE]).enter(), gate().enter():
        return _take(device, upload_id, offset, body)


def _take(device: Device, upload_id: str, offset: int, body: _Body) -> Upload:
    checksum = body.checksum
    pieces: Iterator[bytes] = body.pieces()
    if checksum is not None:
        content = b"".join(pieces)
        if body.cut or not checksum.fits(content):
            raise Refusal("checksum_mismatch")
        pieces = iter([content])
    return photos.receive(centre(), device, upload_id, offset, pieces, centre().clock())


class _Body:
    """What the request brings, bounded, read piece by piece; ``cut`` when it ended early."""

    def __init__(self) -> None:
        limit = centre().settings.photo_bytes
        request.max_content_length = limit
        if (request.content_length or 0) > limit:
            raise Refusal("too_large", limit=limit)
        self._left = limit
        self.cut = False
        self.checksum: tus.Checksum | None = None
        if (header := request.headers.get("Upload-Checksum")) is not None:
            try:
                self.checksum = tus.read_checksum(header)
            except ValueError as err:
                raise _bad("Upload-Checksum", str(err), code="bad_encoding") from None

    def pieces(self) -> Iterator[bytes]:
        """Yield the body; a line that breaks ends it, and what came before counts."""
        while True:
            try:
                piece = request.stream.read(PIECE)
            except (ClientDisconnected, OSError):
                self.cut = True
                return
            if not piece:
                return
            self._left -= len(piece)
            if self._left < 0:
                raise Refusal("too_large", limit=centre().settings.photo_bytes)
            yield piece


def _standing(upload: Upload, status: int) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(upload.offset)
    if not upload.done:
        response.headers["Upload-Expires"] = upload.expires
    response.headers["Cache-Control"] = "no-store"
    return response


def _bad(where: str, detail: str, *, code: str = "bad_request") -> Refusal:
    return Refusal(code, errors=[{"pointer": f"/{where}", "detail": detail}])
