"""Photos on the laptop: taken in, made small, sealed, copied, tidied."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

import pytest

from field_app.domain.errors import Trouble
from field_app.services import photos
from field_app.services.records import save_record
from field_app.store.errors import StoreDamaged, StoreFull
from tests.field_app.laptops import PASSPHRASE, WORKER, Hands, Laptop, save_issue
from tests.field_app.photo_hands import age, attach, folder
from tests.pictures import corner, opened, picture

# Taking in ---------------------------------------------------------------------------------------


def test_a_photo_is_upright_small_and_without_its_position(laptop: Laptop) -> None:
    # 6: the camera was held on its side; shown upright, what is stored top left is top right.
    photo_id = attach(laptop, picture(2400, 1800, orientation=6, noise=3))
    content = photos.read_photo(laptop.ws, photo_id)
    small = photos.read_photo(laptop.ws, photo_id, "small")
    assert content is not None
    assert small is not None
    image = opened(content)
    assert image.size == (1200, 1600)
    assert image.format == "JPEG"
    assert [corner(image, one) for one in ("top left", "top right")] == ["blue", "red"]
    for one in (content, small):
        assert dict(opened(one).getexif()) == {}
        assert b"Exif" not in one
        assert b"ACME" not in one
    assert len(content) <= 500_000
    assert max(opened(small).size) == 320
    fields = laptop.ws.table("photo").get(doc_id=photo_id)["fields"]
    assert fields["sha256"] == hashlib.sha256(content).hexdigest()
    assert (fields["bytes"], fields["width"], fields["height"]) == (len(content), 1200, 1600)
    assert fields["taken_at"] == "2026-09-30T08:15:00+08:00"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pictures_of_three_kinds_become_photos(form: str, laptop: Laptop) -> None:
    content = photos.read_photo(laptop.ws, attach(laptop, picture(form=form)))
    assert content is not None
    assert opened(content).format == "JPEG"


@pytest.mark.parametrize(
    "raw", [b"", b"no picture", picture()[:400], picture(form="GIF")],
    ids=["empty", "text", "torn", "gif"],
)  # fmt: skip
def test_what_is_no_photo_is_refused_and_nothing_is_kept(raw: bytes, laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    with pytest.raises(Trouble, match="bad_photo"):
        photos.attach(laptop.ws, "issue", owner, raw, "scene")
    assert not folder(laptop).exists()
    assert len(laptop.ws.table("photo")) == 0


def test_a_time_that_cannot_be_is_not_taken_over(laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    for taken in ("2099:01:01 00:00:00", "0000:00:00 00:00:00", "nonsense"):
        photo_id = attach(laptop, picture(taken=taken, noise=len(taken) + ord(taken[0])), owner)
        assert laptop.ws.table("photo").get(doc_id=photo_id)["fields"].get("taken_at") is None


def test_the_same_picture_twice_is_one_photo(laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    assert attach(laptop, owner=owner) == attach(laptop, owner=owner)
    assert len(photos.of_record(laptop.ws, owner)) == 1


def test_two_windows_adding_one_picture_at_once_make_one_photo(laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    found: list[str] = []
    hands = [
        threading.Thread(target=lambda: found.append(attach(laptop, owner=owner))) for _ in range(4)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(list(folder(laptop).glob("*.photo"))) == 1


def test_a_record_has_at_most_twenty_photos(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "MOST_OF_ONE", 2)
    owner = save_issue(laptop.ws).record_id
    for noise in (1, 2):
        attach(laptop, picture(noise=noise), owner)
    with pytest.raises(Trouble, match="too_many_photos"):
        attach(laptop, picture(noise=3), owner)
    assert len(list(folder(laptop).glob("*.photo"))) == 2


def test_a_voided_or_foreign_record_takes_no_photo(laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    assert save_record(laptop.ws, "issue", "void", {"reason": "误报"}, record_id=owner).saved
    for kind, record_id in (("issue", owner), ("household", owner), ("issue", "nothing")):
        with pytest.raises(Trouble, match="no_photo_here"):
            photos.attach(laptop.ws, kind, record_id, picture(), "scene")


# At rest -----------------------------------------------------------------------------------------


def test_nothing_of_a_photo_lies_open_on_the_disk(laptop: Laptop) -> None:
    photo_id = attach(laptop, picture(200, 150, noise=5))
    content = photos.read_photo(laptop.ws, photo_id)
    assert content is not None
    files = list(folder(laptop).iterdir())
    assert {one.suffix for one in files} == {".photo", ".small"}
    for one in laptop.folder.rglob("*"):
        if one.is_file():
            raw = one.read_bytes()
            assert b"JFIF" not in raw
            assert content[200:260] not in raw
            assert hashlib.sha256(content).hexdigest() not in one.name
            assert os.name == "nt" or one.stat().st_mode & 0o077 == 0


def test_files_cannot_be_exchanged_or_altered(laptop: Laptop) -> None:
    owner = save_issue(laptop.ws).record_id
    first, second = (attach(laptop, picture(noise=n), owner) for n in (1, 2))
    place = folder(laptop)
    (place / f"{first}.photo").write_bytes((place / f"{second}.photo").read_bytes())
    (place / f"{second}.photo").write_bytes((place / f"{second}.small").read_bytes())
    for one in (first, second):
        with pytest.raises(StoreDamaged):
            photos.read_photo(laptop.ws, one)


def test_a_full_disk_saves_neither_photo_nor_record(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = save_issue(laptop.ws).record_id

    def full(*args: Any) -> None:
        raise StoreFull

    with monkeypatch.context() as patch:
        patch.setattr("field_app.store.photo_files.write_atomically", full)
        with pytest.raises(StoreFull):
            attach(laptop, owner=owner)
    assert photos.of_record(laptop.ws, owner) == []


def test_a_new_passphrase_opens_old_photos(laptop: Laptop) -> None:
    photo_id = attach(laptop)
    content = photos.read_photo(laptop.ws, photo_id)
    laptop.desk.change_passphrase(PASSPHRASE, "another one 电池")
    laptop.desk.lock()
    laptop.desk.unlock(WORKER, "another one 电池")
    assert photos.read_photo(laptop.ws, photo_id) == content


class Crash(BaseException):
    """The program ends here."""


def test_a_file_whose_record_was_never_saved_goes_after_a_day(
    laptop: Laptop, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any, **kwargs: Any) -> None:
        raise Crash

    kept = attach(laptop)
    with monkeypatch.context() as patch:
        patch.setattr(photos, "save_record", die)
        with pytest.raises(Crash):
            attach(laptop, picture(noise=9))
    age(folder(laptop), hands)
    assert len(list(folder(laptop).glob("*.photo"))) == 2
    for hours, left in ((23, 2), (2, 1)):
        hands.passes(hours * 3600)
        laptop.desk.lock()
        laptop.desk.unlock(WORKER, PASSPHRASE)
        assert len(list(folder(laptop).glob("*.photo"))) == left
    assert photos.read_photo(laptop.ws, kept)


def test_the_daily_copy_brings_photos_back(laptop: Laptop) -> None:
    photo_id = attach(laptop)
    content = photos.read_photo(laptop.ws, photo_id)
    copy = laptop.desk.back_up()
    assert copy is not None
    laptop.desk.lock()
    for one in folder(laptop).iterdir():
        one.unlink()
    laptop.desk.vault.restore_from_backup(WORKER, copy)
    laptop.desk.unlock(WORKER, PASSPHRASE)
    assert photos.read_photo(laptop.ws, photo_id) == content
