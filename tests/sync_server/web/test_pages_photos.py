"""Photos on the staff's pages: shown upright without their position, or as not come yet."""

from __future__ import annotations

import hashlib
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_server.app import app_of
from sync_server.services import lost_photos
from sync_server.services.account import account_of
from sync_server.services.devices import authenticate
from sync_server.services.lost_photos import LOOK_EVERY, Watch, look_for_photos
from sync_server.services.photos import photo_store
from sync_server.store.photo_store import PhotoStore
from sync_server.store.tables import photo_files
from sync_server.timer import Timer
from tests.pictures import corner, opened, picture
from tests.sync_server.web.photo_hands import SIDEWAYS, bring, take
from tests.sync_server.web.staff import READERS, Town, sign_in


@pytest.fixture
def staff_app(town: Town) -> Flask:
    return app_of(town.centre)


def test_a_photo_is_missing_until_its_bytes_come(town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "visit")
    client = sign_in(staff_app, "community")
    record, one = f"/records/visit/{town.here.ids['visit']}", f"/photos/{photo_id}"
    assert "照片未到" in client.get(record).text.partition("<main")[2]
    assert client.get(f"{one}/full.jpg").status_code == 404
    missing = client.get("/photos/missing").text
    assert record in missing
    assert f"/records/photo/{photo_id}" in missing

    bring(town.here)
    assert "，1 张照片" in client.get("/uploads?day=2026-09-30").text
    assert "张照片" not in sign_in(staff_app, "neighbour").get("/uploads?day=2026-09-30").text
    page = client.get(record).text.partition("<main")[2]
    assert "照片未到" not in page
    assert f'src="{one}/small.jpg"' in page
    assert "没有缺少的照片" in client.get("/photos/missing").text
    assert f"{one}/full.jpg" in client.get(f"/records/photo/{photo_id}").text


@pytest.mark.parametrize("address", ["{}/full.jpg", "{}/small.jpg"])
def test_staff_see_pixels_alone_and_upright(address: str, town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "issue")
    bring(town.here)
    client = sign_in(staff_app, "community")
    for _ in range(2):  # made, then taken from what was made
        answer = client.get("/photos/" + address.format(photo_id))
        assert answer.mimetype == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"] == 'inline; filename="photo.jpg"'
        image = opened(answer.data)
        assert dict(image.getexif()) == {}
        assert b"ACME" not in answer.data
        assert image.size == (60, 80)
        assert [corner(image, one) for one in ("top left", "top right")] == ["blue", "red"]


def test_a_photo_is_seen_where_its_record_is_seen(town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "household")
    # Of a compound, which lies above grids: its file is shown to who answers for one of them.
    above = take(town.here, "compound", picture(noise=4))
    bring(town.here)
    bring(town.here, picture(noise=4))
    for role in READERS:
        assert sign_in(staff_app, role).get(f"/photos/{photo_id}/full.jpg").status_code == 200
    for role in ("neighbour", "auditor", "company"):
        client = sign_in(staff_app, role)
        ends = (f"{photo_id}/full.jpg", f"{photo_id}/small.jpg", f"{above}/full.jpg")
        for address in (f"/photos/{one}" for one in ends):
            assert client.get(address).status_code in (403, 404)
        assert photo_id not in client.get("/photos/missing").text
    leader = sign_in(staff_app, "leader")
    file = leader.get(f"/compounds/{town.here.ids['compound']}/file").text
    (address,) = re.findall(rf'src="(/photos/{above}/small.jpg)"', file)
    assert leader.get(address).status_code == 200
    assert sign_in(staff_app, "community").get(f"/photos/{above}/full.jpg").status_code == 200
    assert staff_app.test_client().get(f"/photos/{photo_id}/full.jpg").status_code == 302


def test_a_known_hash_shows_nobody_another_workers_photo(town: Town, staff_app: Flask) -> None:
    bring(town.there)
    photo_id = take(town.here, "visit")  # names bytes that only next door has brought
    client = sign_in(staff_app, "community")
    assert client.get(f"/photos/{photo_id}/full.jpg").status_code == 404
    assert f"/records/photo/{photo_id}" in client.get("/photos/missing").text


def lose(town: Town) -> bytes:
    """Take the file of the only photo away, its thumbnails too; return what it held."""
    for one in (town.centre.settings.photos / "small").rglob("*.jpg"):
        one.unlink()
    (kept,) = (town.centre.settings.photos / "kept").rglob("?" * 64)
    content = kept.read_bytes()
    kept.unlink()
    return content


def test_a_photo_whose_file_is_gone_is_missing_until_it_is_back(
    town: Town, staff_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    photo_id = take(town.here, "visit")
    bring(town.here)
    content = lose(town)
    assert Timer(town.centre).tick() == 0
    assert "a photo sent by staff" not in caplog.text
    client, laptop = sign_in(staff_app, "community"), town.here.laptop
    assert f"/records/photo/{photo_id}" in client.get("/photos/missing").text
    assert laptop is not None
    device = authenticate(town.centre.store, laptop.token)
    with town.centre.store.reading() as connection:
        account = account_of(connection, device.district, device.device_id)
    assert account.photos_missing == (hashlib.sha256(content).hexdigest(),)

    photo_store(town.centre).keep(hashlib.sha256(content).hexdigest(), content)  # from a copy
    Timer(town.centre).tick()
    assert "没有缺少的照片" in client.get("/photos/missing").text
    assert client.get(f"/photos/{photo_id}/small.jpg").status_code == 200


def test_a_folder_that_is_back_is_read_in_portions_and_keeps_nobody_from_writing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_photos, "RUN", 2)
    monkeypatch.setattr(lost_photos, "READ_AT_ONCE", 1)
    for noise in (1, 2, 3):
        bring(town.here, picture(noise=noise))
    kept, away = (town.centre.settings.photos / one for one in ("kept", "away"))
    watch, now = Watch(), town.centre.clock()
    kept.rename(away)
    assert look_for_photos(town.centre, watch, now) == 3
    away.rename(kept)
    whole = PhotoStore.photo

    def read(files: PhotoStore, sha256: str) -> bytes | None:
        with town.centre.store.writing():  # a laptop that syncs meanwhile
            return whole(files, sha256)

    monkeypatch.setattr(PhotoStore, "photo", read)
    looks = [look_for_photos(town.centre, watch, now + LOOK_EVERY) for _ in range(4)]
    assert looks == [1, 1, 1, 0]
    assert watch == Watch("", now + LOOK_EVERY)


def test_a_lost_photo_is_here_again_whoever_brings_it(town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "visit")
    bring(town.here)
    lose(town)
    Timer(town.centre).tick()
    client = sign_in(staff_app, "community")
    assert f"/records/photo/{photo_id}" in client.get("/photos/missing").text
    bring(town.there)  # the same bytes, for the first time from there
    assert "没有缺少的照片" in client.get("/photos/missing").text


def test_a_photo_nobody_can_be_asked_for_is_logged(
    town: Town, staff_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    take(town.here, "visit")
    bring(town.here)
    with town.centre.store.writing() as connection:
        connection.execute(sa.update(photo_files).values(device_id="somebody"))
    content = lose(town)
    Timer(town.centre).tick()
    assert hashlib.sha256(content).hexdigest() in caplog.text


def test_a_photo_found_damaged_by_who_looks_at_it_is_missing(town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "visit")
    bring(town.here)
    (kept,) = (town.centre.settings.photos / "kept").rglob("?" * 64)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    client = sign_in(staff_app, "community")
    assert client.get(f"/photos/{photo_id}/full.jpg").status_code == 404
    Timer(town.centre).tick()  # a file of the same size is no proof
    assert f"/records/photo/{photo_id}" in client.get("/photos/missing").text
    bring(town.here)
    assert "没有缺少的照片" in client.get("/photos/missing").text


def test_a_thumbnail_that_was_lost_is_made_again(town: Town, staff_app: Flask) -> None:
    photo_id = take(town.here, "visit")
    bring(town.here)
    client = sign_in(staff_app, "community")
    first = client.get(f"/photos/{photo_id}/small.jpg").data
    for one in (town.centre.settings.photos / "small").rglob("*.jpg"):
        one.unlink()
    assert client.get(f"/photos/{photo_id}/small.jpg").data == first
    assert photo_store(town.centre).thumbnail(hashlib.sha256(SIDEWAYS).hexdigest()) == first
