"""Uploads of photos that are refused, forgotten or cleaned up, and headers that make no sense."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_server.services import accounts, photos
from sync_server.services.centre import Centre
from sync_server.store.tables import photo_files, photo_uploads
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
from tests.sync_server.world import Laptop, StillClock


@pytest.fixture
def wire(client: FlaskClient, laptop: Laptop) -> Wire:
    return Wire(client, laptop)


# What is refused ---------------------------------------------------------------------------------


def test_other_bytes_than_announced_are_dropped(wire: Wire, centre: Centre) -> None:
    place = wire.begin().headers["Location"]
    answer = wire.send(place, 0, bytes(len(PHOTO)))
    assert (answer.status_code, answer.get_json()["code"]) == (460, "checksum_mismatch")
    assert wire.offset(place).status_code == 404
    assert rows(centre, photo_uploads) == rows(centre, photo_files) == []
    assert list((centre.settings.photos / "parts").glob("*.part")) == []


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_guards_one_request(algorithm: str, wire: Wire) -> None:
    place = wire.begin().headers["Location"]
    wrong = wire.send(place, 0, PHOTO[:40], Upload_Checksum=checksum(b"other", algorithm))
    assert wrong.status_code == 460
    assert wire.offset(place).headers["Upload-Offset"] == "0"
    right = wire.send(place, 0, PHOTO[:40], Upload_Checksum=checksum(PHOTO[:40], algorithm))
    assert (right.status_code, right.headers["Upload-Offset"]) == (204, "40")
    assert wire.send(place, 40, b"x", Upload_Checksum="md5 AAAA").status_code == 400


def _bomb() -> bytes:
    """A small PNG of 49 million pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("1", (7000, 7000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"no picture at all", picture(form="GIF"), PHOTO[: len(PHOTO) * 2 // 3],
     b"<svg xmlns='http://www.w3.org/2000/svg'/>", _bomb()],
    ids=["text", "gif", "torn", "svg", "bomb"],
)  # fmt: skip
def test_what_is_no_photo_is_refused_and_dropped(
    content: bytes, wire: Wire, centre: Centre
) -> None:
    place = wire.begin(content).headers["Location"]
    answer = wire.send(place, 0, content)
    assert (answer.status_code, answer.get_json()["code"]) == (415, "not_a_photo")
    assert rows(centre, photo_uploads) == rows(centre, photo_files) == []


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_three_kinds_of_pictures_are_taken_by_content(
    form: str, wire: Wire, centre: Centre
) -> None:
    assert wire.bring(picture(form=form)).status_code == 204
    (row,) = rows(centre, photo_files)
    assert row["media_type"] == f"image/{form.lower()}"
    assert (row["width"], row["height"]) == (64, 48)


def test_wrong_requests_are_told_what_is_wrong(wire: Wire, client: FlaskClient) -> None:
    place = wire.begin().headers["Location"]
    headers = {**wire.always, "Content-Type": BODY, "Upload-Offset": "0"}
    no_version = {name: value for name, value in headers.items() if name != "Tus-Resumable"}
    answer = client.patch(place, headers=no_version, data=b"x")
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert client.patch(place, headers={**headers, "Content-Type": "text/plain"}).status_code == 415
    assert wire.send(place, 5, b"x").status_code == 409
    assert wire.send(place, 0, PHOTO + b"x").status_code == 413
    assert wire.offset(place).headers["Upload-Offset"] == "0"
    assert wire.begin(Upload_Length="1048577").status_code == 413
    assert wire.begin(Upload_Length="0").status_code == 422
    assert wire.begin(Upload_Metadata="sha256 AAAA").status_code == 422
    assert wire.begin(body=PHOTO, Content_Type="image/jpeg").status_code == 415
    assert client.get(PHOTOS, headers=wire.always).status_code == 405
    assert client.head(f"{PHOTOS}/nonsense", headers=wire.always).status_code == 404
    assert client.post(PHOTOS, headers={"Tus-Resumable": "1.0.0"}).status_code == 401


def test_a_laptop_whose_worker_was_kept_out_brings_no_photo(
    wire: Wire, centre: Centre, laptop: Laptop
) -> None:
    place = wire.begin().headers["Location"]
    with centre.store.writing() as connection:
        accounts.set_active(connection, centre.code, laptop.worker_id, False, centre.clock())
    for answer in (wire.send(place, 0, PHOTO), wire.begin()):
        assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")


def test_a_method_in_a_header_counts_for_the_method(wire: Wire, centre: Centre) -> None:
    place = wire.begin().headers["Location"]
    headers = {
        **wire.always,
        "X-HTTP-Method-Override": "PATCH",
        "Upload-Offset": "0",
        "Content-Type": BODY,
    }
    assert wire.client.post(place, headers=headers, data=PHOTO).status_code == 204
    assert is_here(centre)


def test_an_upload_is_forgotten_when_asked_but_a_photo_stays(wire: Wire, centre: Centre) -> None:
    place = wire.begin().headers["Location"]
    wire.send(place, 0, PHOTO[:10])
    assert wire.client.delete(place, headers=wire.always).status_code == 204
    assert wire.offset(place).status_code == 404
    assert list((centre.settings.photos / "parts").glob("*.part")) == []
    wire.bring()
    done = wire.begin().headers["Location"]
    assert wire.client.delete(done, headers=wire.always).status_code == 204
    assert is_here(centre)


def test_uploads_end_after_thirty_days_and_are_cleaned_up(
    wire: Wire, centre: Centre, clock: StillClock
) -> None:
    place = wire.begin().headers["Location"]
    wire.send(place, 0, PHOTO[:10])
    clock.passes(days=30)
    assert wire.offset(place).status_code == 410
    wire.begin(picture(32, 32))  # whoever begins another one cleans up
    assert wire.offset(place).status_code == 404
    assert not list((centre.settings.photos / "parts").glob(f"{place.rpartition('/')[2]}*"))


def test_bytes_without_an_upload_are_cleaned_up_after_a_day(
    wire: Wire, centre: Centre, clock: StillClock
) -> None:
    place = wire.begin().headers["Location"]
    wire.send(place, 0, PHOTO[:10])
    parts: Path = centre.settings.photos / "parts"
    stray = parts / "01998a00-0000-7000-8000-000000000001.part"
    stray.write_bytes(b"left over")
    for one in parts.glob("*.part"):
        os.utime(one, (clock.now.timestamp(), clock.now.timestamp()))
    clock.passes(hours=2)
    assert photos.sweep(centre, clock()) == 0
    clock.passes(days=2)
    assert photos.sweep(centre, clock()) == 1
    assert not stray.exists()
    assert wire.offset(place).headers["Upload-Offset"] == "10"


def test_the_oldest_of_too_many_uploads_is_forgotten(
    wire: Wire, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "MOST_BEGUN", 3)
    first = wire.begin().headers["Location"]
    for _ in range(photos.MOST_BEGUN):
        wire.begin()
    assert wire.offset(first).status_code == 404
    assert len(rows(centre, photo_uploads)) == photos.MOST_BEGUN


def test_a_revoked_device_is_refused(wire: Wire, centre: Centre, laptop: Laptop) -> None:
    from sync_server.services.devices import revoke_device

    with centre.store.writing() as connection:
        revoke_device(connection, centre.code, laptop.device_id, centre.clock(), by=None)
    assert wire.begin().status_code == 403


# Nothing a header can say brings the centre down -------------------------------------------------

TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80),
    st.sampled_from(["-1", "0", "1" * 30, "1e3", "٣", "sha256 ", "sha256 AAAA", "sha1 !!!", ", ,",
                     "sha256", metadata(PHOTO, use="<b>"), metadata(PHOTO, record_id="../../x"),
                     metadata(PHOTO) + "," + metadata(PHOTO), "1.0.0", "HEAD", "PATCH", "BREW"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def quiet_wire(quiet_app: Flask, quiet_town: Any) -> Wire:
    return Wire(quiet_app.test_client(), quiet_town.here.laptop)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["POST", "PATCH", "HEAD", "DELETE", "OPTIONS"]),
    headers=st.dictionaries(
        st.sampled_from(["Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Checksum",
                         "Content-Type", "Tus-Resumable", "X-HTTP-Method-Override",
                         "Upload-Defer-Length", "Content-Encoding", "Authorization"]),
        TEXTS, max_size=4,
    ),
    body=st.binary(max_size=40),
    where=st.sampled_from(["", "/x", "/%00", "/01998a00-0000-7000-8000-000000000001", "/../sync"]),
)  # fmt: skip
def test_no_header_makes_a_server_error(
    quiet_wire: Wire, method: str, headers: dict[str, str], body: bytes, where: str
) -> None:
    usual = {"Upload-Length": "100", "Upload-Offset": "0", "Content-Type": BODY,
             "Upload-Metadata": metadata(PHOTO)}  # fmt: skip
    answer = quiet_wire.client.open(
        PHOTOS + where, method=method, headers={**usual, **quiet_wire.always, **headers}, data=body
    )
    assert answer.status_code < 500, answer.text
