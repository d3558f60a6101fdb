"""tus 1.0.0 at the real centre: a stock client, known bytes, cuts, crashes, two writers."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from werkzeug.serving import make_server

from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import photos
from sync_server.services.centre import Centre
from sync_server.services.photos import photo_store
from sync_server.store import photo_rows
from sync_server.store import photo_store as files_module
from sync_server.store.tables import photo_files
from tests.pictures import picture
from tests.sync_server.web.tus_wire import (
    BODY,
    PHOTO,
    PHOTOS,
    Wire,
    checksum,
    is_here,
    metadata,
    rows,
)
from tests.sync_server.world import Laptop, StillClock, add_worker, join


@pytest.fixture
def wire(client: FlaskClient, laptop: Laptop) -> Wire:
    return Wire(client, laptop)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The centre over a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


# A stock client ----------------------------------------------------------------------------------


def test_a_stock_client_uploads_and_resumes(address: str, centre: Centre, laptop: Laptop) -> None:
    content = picture(400, 300, noise=1)
    client = TusClient(address + PHOTOS, headers={"Authorization": f"Bearer {laptop.token}"})
    said = {"sha256": hashlib.sha256(content).hexdigest(), "filename": "门前.jpg"}
    first = client.uploader(
        file_stream=io.BytesIO(content), chunk_size=5_000, metadata=said, upload_checksum=True
    )
    first.upload(stop_at=10_000)
    assert not is_here(centre, content)

    again = client.uploader(file_stream=io.BytesIO(content), url=first.url, chunk_size=7_000)
    assert again.offset == 10_000
    again.upload()
    assert is_here(centre, content)
    assert client.uploader(file_stream=io.BytesIO(content), url=first.url).offset == len(content)

    stranger = TusClient(address + PHOTOS, headers={"Authorization": "Bearer 990101.nobody"})
    with pytest.raises(TusCommunicationError):
        stranger.uploader(file_stream=io.BytesIO(content), metadata=said).upload()


def test_capabilities_are_told_without_a_token(client: FlaskClient) -> None:
    told = client.options(PHOTOS)
    assert told.status_code == 204
    assert told.headers["Tus-Version"] == "1.0.0"
    assert set(told.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "checksum", "expiration", "termination",
    }  # fmt: skip
    assert told.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert told.headers["Tus-Max-Size"] == "1048576"


def test_a_photo_comes_with_its_creation(wire: Wire, centre: Centre) -> None:
    answer = wire.begin(body=PHOTO)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(PHOTO)))
    assert is_here(centre)


def test_head_tells_everything_of_an_upload(wire: Wire, clock: StillClock) -> None:
    place = wire.begin().headers["Location"]
    wire.send(place, 0, PHOTO[:10])
    told = wire.offset(place).headers
    assert (told["Upload-Offset"], told["Upload-Length"]) == ("10", str(len(PHOTO)))
    assert told["Upload-Metadata"] == metadata(PHOTO)
    assert told["Upload-Expires"] == "Fri, 30 Oct 2026 04:00:00 GMT"
    assert told["Cache-Control"] == "no-store"


def test_known_bytes_are_complete_at_once_for_the_same_device_alone(
    client: FlaskClient, centre: Centre, wire: Wire
) -> None:
    wire.bring()
    again = wire.begin()
    assert (again.status_code, again.headers["Upload-Offset"]) == (201, str(len(PHOTO)))
    assert wire.offset(again.headers["Location"]).headers["Upload-Offset"] == str(len(PHOTO))

    other = Wire(client, join(centre, add_worker(centre, "w2"), key="cd" * 32))
    assert other.begin().headers["Upload-Offset"] == "0"
    assert other.offset(again.headers["Location"]).status_code == 404
    assert other.bring().status_code == 204
    assert len(rows(centre, photo_files)) == 2


def test_a_photo_whose_file_was_lost_is_asked_for_again(wire: Wire, centre: Centre) -> None:
    wire.bring()
    (kept,) = (centre.settings.photos / "kept").rglob("?" * 64)
    kept.write_bytes(b"rot")
    assert wire.begin().headers["Upload-Offset"] == "0"
    assert wire.bring().status_code == 204
    assert is_here(centre)


# Cuts and crashes --------------------------------------------------------------------------------


def test_an_upload_cut_at_any_byte_goes_on_at_that_byte(
    address: str, centre: Centre, wire: Wire
) -> None:
    content = picture(16, 16, located=False)
    host, port = address.removeprefix("http://").split(":")
    cuts = [*range(1, len(content), max(1, len(content) // 12)), len(content) - 1]
    place = wire.begin(content).headers["Location"]
    sent = 0
    for cut in sorted(set(cuts)):
        head = f"PATCH {place} HTTP/1.1\r\nHost: {host}:{port}\r\nUpload-Offset: {sent}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in wire.always.items())
        head += f"Content-Type: {BODY}\r\nContent-Length: {len(content) - sent}\r\n\r\n"
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head.encode() + content[sent:cut])
            line.shutdown(socket.SHUT_WR)
            line.recv(1000)
        sent = int(wire.offset(place).headers["Upload-Offset"])
        assert sent == cut
    assert wire.send(place, sent, content[sent:]).status_code == 204
    assert is_here(centre, content)


def test_a_cut_body_with_a_checksum_counts_for_nothing(
    address: str, wire: Wire, laptop: Laptop
) -> None:
    place = wire.begin().headers["Location"]
    host, port = address.removeprefix("http://").split(":")
    line = HTTPConnection(host, int(port))
    line.putrequest("PATCH", place)
    for name, value in wire.always.items():
        line.putheader(name, value)
    line.putheader("Upload-Offset", "0")
    line.putheader("Content-Type", BODY)
    line.putheader("Content-Length", "100")
    line.putheader("Upload-Checksum", checksum(PHOTO[:100]))
    line.endheaders(PHOTO[:50])
    assert line.sock is not None
    line.sock.shutdown(socket.SHUT_WR)
    line.getresponse().read()
    line.close()
    assert wire.offset(place).headers["Upload-Offset"] == "0"


class Crash(BaseException):
    """The process ends here; nothing catches it."""


STEPS: dict[str, tuple[Any, str]] = {
    "bytes on disk, nothing looked at": (photos, "examine"),
    "looked at, photo not in its place": (files_module.PhotoStore, "keep"),
    "photo written under its other name": (files_module.os, "replace"),
    "photo in its place, no row": (photo_rows, "complete"),
    "row there, upload's bytes not dropped": (files_module.PhotoStore, "drop"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_between_any_two_steps_heals(
    step: str, wire: Wire, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any, **kwargs: Any) -> None:
        raise Crash

    place = wire.begin().headers["Location"]
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], die)
        with pytest.raises(Crash):
            wire.send(place, 0, PHOTO)
    assert wire.offset(place).headers["Upload-Offset"] == str(len(PHOTO))
    assert is_here(centre)
    assert len(rows(centre, photo_files)) == 1
    assert list((centre.settings.photos / "parts").glob("*.part")) == []


def test_a_laptop_is_never_told_complete_before_the_row_stands(
    wire: Wire, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = wire.begin().headers["Location"]
    with monkeypatch.context() as patch:
        patch.setattr(photo_rows, "complete", _refuse("unavailable"))
        assert wire.send(place, 0, PHOTO).status_code == 503
        assert wire.offset(place).status_code == 503
    assert wire.offset(place).headers["Upload-Offset"] == str(len(PHOTO))
    assert is_here(centre)


def _refuse(code: str) -> Callable[..., None]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise Refusal(code)

    return refuse


def test_a_full_disk_adds_nothing_and_breaks_nothing(
    wire: Wire, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = wire.begin().headers["Location"]
    wire.send(place, 0, PHOTO[:100])

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(files_module.os, "fsync", full)
        answer = wire.send(place, 100, PHOTO[100:])
    assert (answer.status_code, answer.get_json()["code"]) == (507, "photo_storage_full")
    assert wire.offset(place).headers["Upload-Offset"] == "100"
    assert wire.send(place, 100, PHOTO[100:]).status_code == 204
    assert is_here(centre)


# Two writers -------------------------------------------------------------------------------------


def test_two_writers_of_one_upload_are_told_apart(wire: Wire, centre: Centre) -> None:
    place = wire.begin().headers["Location"]
    upload_id = place.rpartition("/")[2]
    with photo_store(centre).writer(upload_id):
        answer = wire.send(place, 0, PHOTO)
        assert (answer.status_code, answer.get_json()["code"]) == (423, "upload_locked")
        assert "Retry-After" in answer.headers
        assert wire.client.delete(place, headers=wire.always).status_code == 423
    assert wire.send(place, 0, PHOTO).status_code == 204


def test_one_writer_also_across_processes(wire: Wire, centre: Centre) -> None:
    place = wire.begin().headers["Location"]
    upload_id = place.rpartition("/")[2]
    here, there = os.pipe()
    done, told = os.pipe()
    child = os.fork()
    if child == 0:  # another worker of the same server
        try:
            with photo_store(centre).writer(upload_id):
                os.write(there, b"x")
                os.read(done, 1)
        finally:
            os._exit(0)
    os.read(here, 1)
    assert wire.send(place, 0, PHOTO).status_code == 423
    os.write(told, b"x")
    os.waitpid(child, 0)
    for handle in (here, there, done, told):
        os.close(handle)
    assert wire.send(place, 0, PHOTO).status_code == 204


def test_many_writers_at_once_leave_one_whole_photo(app: Flask, centre: Centre, wire: Wire) -> None:
    place = wire.begin().headers["Location"]
    answers: list[int] = []

    def write() -> None:
        answers.append(Wire(app.test_client(), _Token(wire)).send(place, 0, PHOTO).status_code)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(204) == 1
    assert set(answers) <= {204, 409, 423, 503}
    assert is_here(centre)


class _Token:
    """A laptop as far as a wire needs it."""

    def __init__(self, wire: Wire) -> None:
        self.token = wire.always["Authorization"].partition(" ")[2]


def test_the_app_serves_photos_whatever_database(any_centre: Centre) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    wire = Wire(app_of(any_centre).test_client(), laptop)
    assert wire.bring().status_code == 204
    assert wire.begin().headers["Upload-Offset"] == str(len(PHOTO))
    with any_centre.store.writing() as connection:  # brought twice at the same moment
        row = dict(rows(any_centre, photo_files)[0])
        district = row.pop("district")
        photo_rows.complete(connection, district, "nothing", row)
    assert len(rows(any_centre, photo_files)) == 1
