"""Photos on the laptop: taken in, sealed, sent after the records, resumed, kept until confirmed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from field_app.domain.errors import Trouble
from field_app.domain.progress import Progress
from field_app.services import photos
from field_app.services.photos import Shown
from field_app.services.records import save_record
from field_app.services.workspace import PHOTO_BYTES
from field_app.store.errors import StoreDamaged, StoreFull
from sync_server.services.photos import photo_store
from tests.field_app.centres import Answer, CentreLine, answers, lost_reply, lost_request
from tests.field_app.laptops import GRID, PASSPHRASE, WORKER, Hands, Laptop, save_issue
from tests.pictures import corner, opened, picture

Carry = Callable[[], Answer]


def attach(laptop: Laptop, raw: bytes = b"", owner: str = "", use: str = "scene") -> str:
    owner = owner or save_issue(laptop.ws).record_id
    return photos.attach(laptop.ws, "issue", owner, raw or picture(), use)


def send(laptop: Laptop) -> Progress:
    """Run a round: the records, then the photos."""
    return laptop.sync()


def known(laptop: Laptop, photo_id: str) -> dict[str, Any]:
    return dict(laptop.ws.table(PHOTO_BYTES).get(doc_id=photo_id))


def shown(laptop: Laptop, photo_id: str) -> Shown:
    view = laptop.ws.table("photo").get(doc_id=photo_id)
    return photos.shown(laptop.ws, view)


def folder(laptop: Laptop) -> Path:
    (worker,) = (laptop.folder / "workers").iterdir()
    return worker / "photos"


def at_centre(line: CentreLine, laptop: Laptop, photo_id: str) -> bool:
    content = photos.read_photo(laptop.ws, photo_id)
    assert content is not None
    return photo_store(line.centre).photo(hashlib.sha256(content).hexdigest()) == content


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
            assert b"\xff\xd8\xff" not in raw or one not in files
            assert content[200:260] not in raw
            assert hashlib.sha256(content).hexdigest() not in one.name
            assert one.stat().st_mode & 0o077 == 0


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
    _age(folder(laptop), hands)
    assert len(list(folder(laptop).glob("*.photo"))) == 2
    for hours, left in ((23, 2), (2, 1)):
        hands.passes(hours * 3600)
        laptop.desk.lock()
        laptop.desk.unlock(WORKER, PASSPHRASE)
        assert len(list(folder(laptop).glob("*.photo"))) == left
    assert photos.read_photo(laptop.ws, kept)


def _age(place: Path, hands: Hands) -> None:
    """Make files as old as the test's clock says."""
    import os

    for one in place.iterdir():
        os.utime(one, (hands.wall.timestamp(), hands.wall.timestamp()))


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


# Sending -----------------------------------------------------------------------------------------


@pytest.fixture
def at_work(joined: Callable[..., Laptop]) -> Laptop:
    """A laptop that has joined the real centre."""
    laptop = joined()
    laptop.sync()
    return laptop


def test_photos_follow_their_records(at_work: Laptop, line: CentreLine) -> None:
    owner = save_issue(at_work.ws).record_id
    large = attach(at_work, picture(300, 200, noise=1), owner)
    little = attach(at_work, picture(), owner)
    assert {shown(at_work, one).state for one in (large, little)} == {"waiting"}
    line.paths.clear()
    progress = send(at_work)
    assert {shown(at_work, one).state for one in (large, little)} == {"arrived"}
    assert at_centre(line, at_work, large)
    assert at_centre(line, at_work, little)
    sizes = [known(at_work, one)["bytes"] for one in (little, large)]
    assert sizes[0] < sizes[1]
    assert (progress.photos, progress.photos_sent) == (2, 2)
    assert progress.photo_bytes == progress.photo_bytes_sent == sum(sizes)
    roads = [path.partition("/")[2].partition("/")[0] for path in line.paths]
    assert roads.index("photos") > roads.index("sync")
    assert at_work.ws.table("photo").get(doc_id=large)["state"] == "stored"

    line.paths.clear()
    send(at_work)
    assert not [path for path in line.paths if path.startswith("/photos")]


def test_a_cut_upload_goes_on_in_the_next_round(
    at_work: Laptop, line: CentreLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "FIRST", 10_000)
    photo_id = attach(at_work, picture(400, 300, noise=1))

    def through(carry: Carry) -> Answer:
        return carry()

    line.photo_faults.extend([through, through, *[lost_request] * 9])
    assert send(at_work).error == "unreachable"
    line.photo_faults.clear()
    assert shown(at_work, photo_id).state == "waiting"
    path = known(at_work, photo_id)["upload"]
    at_work.desk.lock()
    at_work.desk.unlock(at_work.desk.workers()[0].worker_id, PASSPHRASE)

    seen: list[tuple[str, str]] = []

    def watched(carry: Carry) -> Answer:
        answer = carry()
        seen.append((answer[1].get("Upload-Offset", ""), answer[1].get("Location", "")))
        return answer

    line.photo_faults.extend([watched] * 50)
    send(at_work)
    assert path is not None
    assert seen[0] == ("10000", "")  # asked where it stands, nothing begun anew
    assert shown(at_work, photo_id).state == "arrived"
    assert at_centre(line, at_work, photo_id)


@pytest.mark.parametrize("fault", [lost_request, lost_reply], ids=["request", "reply"])
def test_any_lost_message_of_an_upload_is_made_good(
    fault: Any, at_work: Laptop, line: CentreLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "FIRST", 3_000)
    photo_id = attach(at_work, picture(160, 120, noise=1))
    line.photo_faults.extend([fault, *[lambda carry: carry()] * 2] * 20)
    send(at_work)
    assert at_centre(line, at_work, photo_id)
    assert shown(at_work, photo_id).state == "arrived"


TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/problem+json"}


def says(status: int, **headers: str) -> Any:
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    body = '{"code": "x"}' if status > 299 else ""
    return lambda carry: (status, {**TUS, **kept}, body)


@pytest.mark.parametrize("status", [404, 410, 409, 423, 460, 500, 502])
def test_what_the_centre_says_of_an_upload_is_heeded(
    status: int, at_work: Laptop, line: CentreLine
) -> None:
    photo_id = attach(at_work)
    through = lambda carry: carry()  # noqa: E731
    line.photo_faults.extend([through, says(status)])
    send(at_work)
    assert at_centre(line, at_work, photo_id)
    assert shown(at_work, photo_id).state == "arrived"


@pytest.mark.parametrize("status", [413, 415])
def test_a_photo_the_centre_never_takes_stops_no_other(
    status: int, at_work: Laptop, line: CentreLine
) -> None:
    owner = save_issue(at_work.ws).record_id
    little, large = attach(at_work, picture(), owner), attach(at_work, picture(noise=1), owner)
    through = lambda carry: carry()  # noqa: E731
    line.photo_faults.extend([through, says(status)])
    progress = send(at_work)
    assert shown(at_work, little).state == "refused"
    assert shown(at_work, large).state == "arrived"
    assert progress.photos_sent == 1
    assert photos.read_photo(at_work.ws, little)  # and yet it is kept here


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (says(507, Retry_After="300"), "photo_storage_full"),
        (says(503, Retry_After="300"), "server_busy"),
        (says(401), "bad_token"),
        (says(403), "device_revoked"),
        (answers(200, "<html>Sign in</html>", Content_Type="text/html"), "not_our_server"),
        (answers(302, "", Location="http://portal/"), "not_our_server"),
        (says(200, Upload_Offset="99999999"), "bad_reply"),
        (says(200), "bad_reply"),
    ],
)
def test_nothing_is_marked_from_an_answer_that_is_none(
    fault: Any, code: str, at_work: Laptop, line: CentreLine
) -> None:
    photo_id = attach(at_work)
    through = lambda carry: carry()  # noqa: E731
    line.photo_faults.extend([through, *[fault] * 9])
    progress = send(at_work)
    assert (progress.stage, progress.error) == ("failed", code)
    line.photo_faults.clear()
    assert shown(at_work, photo_id).state == "waiting"
    send(at_work)
    assert at_centre(line, at_work, photo_id)


def test_a_damaged_file_is_told_and_stops_no_other(at_work: Laptop) -> None:
    owner = save_issue(at_work.ws).record_id
    first, second = attach(at_work, picture(), owner), attach(at_work, picture(noise=1), owner)
    (path,) = folder(at_work).glob(f"{first}.photo")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    send(at_work)
    assert shown(at_work, first).state == "lost"
    assert shown(at_work, second).state == "arrived"


def test_a_restored_centre_is_offered_every_photo_again(at_work: Laptop, line: CentreLine) -> None:
    photo_id = attach(at_work)
    send(at_work)
    line.paths.clear()
    at_work.ws.keep_setting("identity", server_epoch="another")
    progress = Progress()
    client = at_work.desk.rounds.connect(at_work.ws)
    photos.upload_waiting(at_work.ws, client, progress)
    client.close()
    assert line.paths == ["/photos"]  # the centre has it: one request
    assert shown(at_work, photo_id).state == "arrived"


def test_what_an_account_misses_is_sent_again(at_work: Laptop, line: CentreLine) -> None:
    photo_id = attach(at_work)
    send(at_work)
    (kept,) = (line.centre.settings.photos / "kept").rglob("?" * 64)
    kept.unlink()
    assert photos.offer_again(at_work.ws, {kept.name}) == 1
    send(at_work)
    assert at_centre(line, at_work, photo_id)


def test_an_older_copy_of_the_store_loses_no_photo(
    at_work: Laptop, line: CentreLine, hands: Hands
) -> None:
    copy = at_work.desk.back_up()
    assert copy is not None
    photo_id = attach(at_work)
    at_work.sync()
    worker = at_work.desk.workers()[0].worker_id
    at_work.desk.lock()
    _age(folder(at_work), hands)
    hands.passes(2 * 86400)
    at_work.desk.vault.restore_from_backup(worker, copy)
    at_work.desk.unlock(worker, PASSPHRASE)
    assert at_work.ws.table("photo").get(doc_id=photo_id) is None
    send(at_work)  # the record comes back, the bytes were never away
    assert shown(at_work, photo_id).state == "arrived"
    assert at_centre(line, at_work, photo_id)


def test_bytes_stay_ninety_days_and_while_their_record_is_here(
    at_work: Laptop, hands: Hands
) -> None:
    photo_id = attach(at_work)
    send(at_work)
    hands.passes(100 * 86400)
    assert photos.prune_photos(at_work.ws) == 0
    at_work.ws.table("photo").remove(doc_ids=[photo_id])  # it left this laptop's grids
    assert photos.prune_photos(at_work.ws) == 1
    assert list(folder(at_work).glob(f"{photo_id}.*")) == []
    assert GRID in at_work.ws.grids
