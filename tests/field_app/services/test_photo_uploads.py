"""Photos go after their records, resumed at the byte, and are kept until they are confirmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from field_app.domain.progress import Progress
from field_app.services import photo_uploads, photos
from field_app.services.accounting import last_account, photos_lost
from field_app.services.records import get_view
from field_app.services.workspace import put_all
from schemas.clock import written
from sync_server.timer import Timer
from tests.field_app.centres import Answer, CentreLine, answers, lost_reply, lost_request
from tests.field_app.laptops import GRID, PASSPHRASE, Hands, Laptop, save_issue
from tests.field_app.photo_hands import age, at_centre, attach, folder, known, send, shown
from tests.pictures import picture

Carry = Callable[[], Answer]


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
    monkeypatch.setattr(photo_uploads, "FIRST", 10_000)
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
    monkeypatch.setattr(photo_uploads, "FIRST", 3_000)
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
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    send(at_work)
    assert shown(at_work, first).state == "lost"
    assert shown(at_work, second).state == "arrived"


@pytest.mark.parametrize("case", ["gone", "gone and called lost", "not to be read"])
def test_a_photo_whose_file_is_gone_goes_from_its_copy(
    case: str, at_work: Laptop, line: CentreLine, tmp_path: Path
) -> None:
    photo_id = attach(at_work)
    at_work.desk.back_up()
    copies = folder(at_work).with_name("backups") / "photos"
    (folder(at_work) / f"{photo_id}.photo").unlink()
    if case == "not to be read":
        (folder(at_work) / f"{photo_id}.photo").mkdir()
    if case == "gone and called lost":
        copies.rename(tmp_path / "away")
        send(at_work)
        assert shown(at_work, photo_id).state == "lost"
        (tmp_path / "away").rename(copies)
    send(at_work)
    assert shown(at_work, photo_id).state == "arrived"
    assert at_centre(line, at_work, photo_id)


def test_a_restored_centre_is_offered_every_photo_again(at_work: Laptop, line: CentreLine) -> None:
    photo_id = attach(at_work)
    send(at_work)
    line.paths.clear()
    at_work.ws.keep_setting("identity", server_epoch="another")
    progress = Progress()
    client = at_work.desk.rounds.connect(at_work.ws)
    photo_uploads.upload_waiting(at_work.ws, client, progress)
    client.close()
    assert line.paths == ["/photos"]  # the centre has it: one request
    assert shown(at_work, photo_id).state == "arrived"


def test_a_photo_the_centres_disk_lost_is_sent_again(at_work: Laptop, line: CentreLine) -> None:
    photo_id = attach(at_work)
    send(at_work)
    (kept,) = (line.centre.settings.photos / "kept").rglob("?" * 64)
    kept.unlink()
    Timer(line.centre).tick()
    send(at_work)
    codes = [one["code"] for one in last_account(at_work.ws)["differences"]]
    assert codes == ["photo_missing"]
    assert shown(at_work, photo_id).state == "waiting"
    send(at_work)
    assert at_centre(line, at_work, photo_id)
    assert shown(at_work, photo_id).state == "arrived"
    assert last_account(at_work.ws)["differences"] == []


def test_a_lost_photo_that_is_not_here_either_stays_a_difference(
    at_work: Laptop, line: CentreLine
) -> None:
    photo_id = attach(at_work)
    send(at_work)
    (kept,) = (line.centre.settings.photos / "kept").rglob("?" * 64)
    kept.unlink()
    Timer(line.centre).tick()
    assert at_work.ws.photos is not None
    at_work.ws.photos.remove(photo_id)
    send(at_work)
    send(at_work)
    codes = [one["code"] for one in last_account(at_work.ws)["differences"]]
    assert codes == ["photo_missing"]
    assert len(photos_lost(at_work.ws)) == 1  # the page says to tell the administrator
    assert shown(at_work, photo_id).state == "arrived"


def test_an_older_copy_of_the_store_loses_no_photo(
    at_work: Laptop, line: CentreLine, hands: Hands
) -> None:
    copy = at_work.desk.back_up()
    assert copy is not None
    photo_id = attach(at_work)
    at_work.sync()
    worker = at_work.desk.workers()[0].worker_id
    at_work.desk.lock()
    age(folder(at_work), hands)
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


def test_bytes_of_a_photo_long_void_are_dropped(at_work: Laptop, hands: Hands) -> None:
    photo_id = attach(at_work)
    send(at_work)
    view = get_view(at_work.ws, "photo", photo_id)
    assert view is not None
    made_at = written(at_work.ws.true_now())

    def pruned(state: str, last_made_at: str, *, voided: bool = True) -> int:
        said = {"voided": voided, "state": state, "last_made_at": last_made_at}
        put_all(at_work.ws.db, "photo", {photo_id: {**view, **said}})
        return photos.prune_photos(at_work.ws)

    hands.passes(100 * 86400)
    assert pruned("stored", written(at_work.ws.true_now())) == 0  # void since today
    assert pruned("local", made_at) == pruned("conflict", made_at) == 0
    assert pruned("stored", made_at, voided=False) == 0
    assert pruned("stored", made_at) == 1
    assert list(folder(at_work).glob(f"{photo_id}.*")) == []
    assert photos.not_arrived(at_work.ws, {photo_id}) == set()


def test_a_clock_put_right_or_wrong_drops_no_bytes_early(at_work: Laptop, hands: Hands) -> None:
    photo_id = attach(at_work)
    send(at_work)
    at_work.ws.table("photo").remove(doc_ids=[photo_id])
    years = 3 * 365 * 86400
    hands.passes(years)
    at_work.ws.keep_setting("identity", clock_offset_s=-years)
    assert photos.prune_photos(at_work.ws) == 0
    hands.passes(91 * 86400)
    assert photos.prune_photos(at_work.ws) == 1
