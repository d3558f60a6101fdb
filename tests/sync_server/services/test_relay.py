"""Relay files at the centre: a good one counts once, of a bad one nothing is ever applied."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync_server.domain.errors import Refusal
from sync_server.services import accounts, devices, relay
from sync_server.services.centre import Centre, open_centre
from sync_server.services.devices import revoke_device
from sync_server.services.ids import new_id
from sync_server.settings import Settings
from sync_server.store.tables import batches, changes, conflicts, metadata, records
from tests.sync_server.relay_files import escaped, join_with_key, open_receipt, relay_file
from tests.sync_server.world import COMMUNITY, Laptop, add_worker, household, issue


@pytest.fixture
def laptop(centre: Centre) -> Laptop:
    """A laptop that has joined with a key of its own."""
    return join_with_key(centre, add_worker(centre))


def hand_in(laptop: Laptop, file: bytes) -> tuple[relay.TakenIn, Any, list[Any]]:
    out = io.BytesIO()
    taken = relay.take_in(
        laptop.centre, io.BytesIO(file), out, laptop.centre.clock(), sleep=lambda seconds: None
    )
    return taken, *open_receipt(laptop, out.getvalue())


def everything(centre: Centre) -> dict[str, Any]:
    with centre.store.reading() as connection:
        return {
            name: sorted(map(repr, connection.execute(sa.select(table))))
            for name, table in metadata.tables.items()
        }


def rows(centre: Centre, table: sa.Table) -> list[Any]:
    with centre.store.reading() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def test_a_file_is_taken_in_and_answered(laptop):
    for number in range(3):
        laptop.write("issue", "create", issue(title=f"第{number}件"))
    first = laptop.body(laptop.log[:2], want=0)
    head = {**first["heads"][0], "acked_seq": 2, "acked_hash": laptop.log[1]["hash"]}
    second = laptop.body(laptop.log[2:], heads=[head])
    file = relay_file(laptop, [first, second])
    taken, header, answers = hand_in(laptop, file)
    assert (taken.requests, taken.changes, taken.outcomes) == (2, 3, {"applied": 3})
    assert taken.known_since is None
    assert header.batch_sha256 == taken.sha256 == hashlib.sha256(file).hexdigest()
    assert header.device_state == "active"
    assert [meta["to"] for meta, _ in answers] == ["request", "request"]
    assert answers[0][1]["updates"] == []
    assert len(answers[1][1]["updates"]) == 3
    for _, answer in answers:
        laptop.keep(answer)
    assert laptop.acked == 3
    assert {row["road"] for row in rows(laptop.centre, batches)} == {"relay"}


def test_everything_that_waits_comes_down_in_further_pages(laptop):
    for number in range(7):
        laptop.write("issue", "create", issue(title=f"第{number}件"))
    laptop.send(laptop.body(want=0))
    laptop.cursor = None
    _, _, answers = hand_in(laptop, relay_file(laptop, [laptop.body(want=2)]))
    assert [meta["to"] for meta, _ in answers] == ["request", "pull"]  # whole pages after the first
    for _, answer in answers:
        laptop.keep(answer)
    assert len(laptop.records) == 7
    assert answers[-1][1]["more"] is False
    assert laptop.send()["updates"] == []


def test_the_same_file_again_changes_nothing_and_is_told(laptop, clock):
    laptop.write("issue", "create", issue())
    file = relay_file(laptop, [laptop.body()])
    first, _, _ = hand_in(laptop, file)
    before = {one.name: rows(laptop.centre, one) for one in (records, changes, conflicts)}
    clock.passes(days=1)
    again, _, answers = hand_in(laptop, file)
    assert again.known_since == clock() - timedelta(days=1)
    assert (first.outcomes, again.outcomes) == ({"applied": 1}, {"duplicate": 1})
    assert answers[0][1]["receipts"][0]["outcome"] == "duplicate"
    assert before == {one.name: rows(laptop.centre, one) for one in (records, changes, conflicts)}


def test_file_and_link_in_any_order_count_once(laptop):
    early = relay_file(laptop, [laptop.body()])
    laptop.write("issue", "create", issue(title="一"))
    middle = relay_file(laptop, [laptop.body()])
    laptop.write("issue", "create", issue(title="二"))
    laptop.send()
    late = relay_file(laptop, [laptop.body(laptop.log)])
    for file in (late, middle, early, middle):
        hand_in(laptop, file)
    found = rows(laptop.centre, changes)
    assert sorted(row["change_id"] for row in found) == sorted(
        change["change_id"] for change in laptop.log
    )
    assert {row["outcome"] for row in found} == {"applied"}


def test_days_on_a_stick_do_not_make_a_clock_wrong(laptop, clock):
    laptop.send()  # measured: right
    laptop.write("issue", "create", issue())
    file = relay_file(laptop, [laptop.body()])
    made = clock()
    clock.passes(days=5)
    hand_in(laptop, file)
    [row] = rows(laptop.centre, changes)
    assert (row["happened_at"], row["doubtful"], row["clock_offset_s"]) == (made, False, 0)
    with laptop.centre.store.reading() as connection:
        device = devices.find_device(connection, laptop.centre.code, laptop.device_id)
    assert device.clock_offset_s == 0


def test_gaps_and_forks_are_answered_and_the_other_requests_go_on(laptop):
    for _ in range(3):
        laptop.write("issue", "create", issue())
    gap = laptop.body(laptop.log[1:2])
    whole = laptop.body(laptop.log[:1])
    other = {**laptop.body([], stream=new_id()), "device_id": new_id()}
    broken = {**laptop.body(), "protocol": 9}
    taken, _, answers = hand_in(laptop, relay_file(laptop, [gap, whole, other, broken]))
    assert taken.refused == {"sequence_gap": 1, "wrong_device": 1, "bad_envelope": 1}
    assert taken.outcomes == {"applied": 1}
    refused = [(meta.get("refused"), body.get("code")) for meta, body in answers]
    assert refused[0] == ("sequence_gap", "sequence_gap")
    assert answers[0][1]["known"][0]["seq"] == 0
    assert refused[1:] == [(None, None), ("wrong_device",) * 2, ("bad_envelope",) * 2]
    assert sum(row["raw"] is not None for row in rows(laptop.centre, batches)) == 1


STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x44" * 32)
OTHER_CENTRE = X25519PrivateKey.from_private_bytes(b"\x66" * 32).public_key()


def spoilt(file: bytes, place: int) -> bytes:
    return file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]


def of_a_stranger(laptop: Laptop) -> bytes:
    stranger = Laptop(laptop.centre, new_id(), "", laptop.worker_id)
    return relay_file(stranger, [laptop.body() | {"device_id": stranger.device_id}])


BAD = {
    "one flipped byte": ("relay_damaged", lambda laptop, good: spoilt(good, len(good) // 2)),
    "a flipped byte in the last chunk": ("relay_damaged", lambda laptop, good: spoilt(good, -1)),
    "cut": ("relay_damaged", lambda laptop, good: good[:-20]),
    "cut to its head": ("relay_damaged", lambda laptop, good: good[:50]),
    "empty": ("relay_not_ours", lambda laptop, good: b""),
    "a picture": ("relay_not_ours", lambda laptop, good: b"\xff\xd8" + good),
    "a device nobody knows": ("relay_unknown_device", lambda laptop, good: of_a_stranger(laptop)),
    "signed by another": (
        "relay_unsigned",
        lambda laptop, good: relay_file(laptop, [laptop.body()], key=STRANGER),
    ),
    "sealed to another centre": (
        "relay_other_recipient",
        lambda laptop, good: relay_file(
            laptop, [laptop.body()], to=OTHER_CENTRE.public_bytes_raw().hex()
        ),
    ),
    "meant for another centre and sealed anew": (
        "relay_other_recipient",
        lambda laptop, good: relay_file(
            laptop, [laptop.body()], recipient=OTHER_CENTRE.public_bytes_raw().hex()
        ),
    ),
    "of another district": (
        "relay_other_recipient",
        lambda laptop, good: relay_file(laptop, [laptop.body()], district="990102"),
    ),
    "fewer parts than said": (
        "relay_damaged",
        lambda laptop, good: relay_file(laptop, [laptop.body()], batches=[new_id(), new_id()]),
    ),
    "an answer wanted that nobody can seal": (
        "relay_damaged",
        lambda laptop, good: relay_file(laptop, [laptop.body()], reply_key="0" * 64),
    ),
}


def test_of_a_bad_file_nothing_is_applied(laptop):
    laptop.write("issue", "create", issue())
    good = relay_file(laptop, [laptop.body()])
    before = everything(laptop.centre)
    for name, (code, make) in BAD.items():
        out = io.BytesIO()
        with pytest.raises(Refusal) as caught:
            relay.take_in(laptop.centre, io.BytesIO(make(laptop, good)), out, laptop.centre.clock())
        assert (name, caught.value.code) == (name, code)
        assert everything(laptop.centre) == before, name
        assert out.getvalue() == b"", name


def test_damage_in_the_last_part_leaves_the_first_unapplied(laptop):
    """The whole file is read before anything of it counts."""
    laptop.write("issue", "create", issue(text="长" * 4000))
    bodies = [laptop.body()] + [laptop.body([], batch_id=new_id()) for _ in range(300)]
    file = relay_file(laptop, bodies)
    assert len(file) > 2 * 65_536
    before = everything(laptop.centre)
    with pytest.raises(Refusal):
        hand_in(laptop, spoilt(file, len(file) - 40))
    assert everything(laptop.centre) == before


def test_what_a_revoked_laptop_brings_is_kept_for_staff_and_answered(laptop):
    home = laptop.write("household", "create", household())
    laptop.send()
    laptop.write("household", "update", {"size": 7}, home["record_id"], base_version=1)
    laptop.write("issue", "create", issue())
    with laptop.centre.store.writing() as connection:
        revoke_device(
            connection, laptop.centre.code, laptop.device_id, laptop.centre.clock(), by=None,
            state="lost",
        )  # fmt: skip
    taken, header, answers = hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert taken.revoked
    assert header.device_state == "revoked"
    assert taken.outcomes == {"quarantined": 2}
    [(_, answer)] = answers
    assert answer["updates"] == []
    assert answer["more"] is False
    for receipt in answer["receipts"]:
        assert receipt["outcome"] == "quarantined"
        assert receipt["problem"][0]["code"] == "device_revoked"
    kept = [row for row in rows(laptop.centre, changes) if row["outcome"] == "quarantined"]
    assert [row["fields"] for row in kept] == [change["fields"] for change in laptop.log[1:]]
    [record] = rows(laptop.centre, records)
    assert record["fields"]["size"] == 3


def test_a_laptop_at_the_link_is_waited_for(laptop):
    laptop.write("issue", "create", issue())
    file = relay_file(laptop, [laptop.body()])
    turn = laptop.centre.turns.take(laptop.centre.code, laptop.device_id)
    turn.__enter__()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            turn.__exit__(None, None, None)

    out = io.BytesIO()
    taken = relay.take_in(laptop.centre, io.BytesIO(file), out, laptop.centre.clock(), sleep=sleep)
    assert taken.outcomes == {"applied": 1}
    assert len(waits) == 3


def test_a_restored_centre_tells_how_far_it_knows_and_sends_everything_anew(laptop):
    laptop.write("issue", "create", issue())
    laptop.send()
    laptop.epoch = "of a centre before"
    taken, _, answers = hand_in(laptop, relay_file(laptop, [laptop.body([])]))
    assert taken.refused == {}
    assert answers[0][1]["receipts"] == []
    assert answers[0][1]["known"][0]["seq"] == 1
    assert [meta["to"] for meta, _ in answers] == ["request", "pull"]
    assert len(answers[1][1]["updates"]) == 1


def test_a_restored_centre_takes_no_change_before_the_laptop_knows(laptop):
    laptop.write("issue", "create", issue())
    laptop.epoch = "of a centre before"
    taken, _, answers = hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert (taken.changes, taken.outcomes, taken.refused) == (0, {}, {"other_epoch": 1})
    laptop.keep(answers[0][1])
    taken, _, _ = hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert (taken.changes, taken.outcomes, taken.refused) == (1, {"applied": 1}, {})


def test_a_change_the_centre_fails_at_holds_up_no_other(laptop, monkeypatch):
    titles = ["一", "二", "毒", "四", "五"]
    for title in titles:
        laptop.write("issue", "create", issue(title=title))
    real = relay.exchange

    def exchange(centre: Centre, device: Any, body: Any, now: Any, **more: Any) -> Any:
        if any(one.get("fields", {}).get("title") == "毒" for one in body["changes"]):
            raise ZeroDivisionError
        return real(centre, device, body, now, **more)

    monkeypatch.setattr(relay, "exchange", exchange)
    taken, _, answers = hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert taken.outcomes == {"applied": 4, "quarantined": 1}
    [(_, answer)] = answers
    assert [one["seq"] for one in answer["receipts"]] == [1, 2, 3, 4, 5]
    assert answer["known"][0]["seq"] == 5
    assert len(answer["updates"]) == 4


def test_a_change_sealed_over_other_json_holds_up_no_other(laptop):
    for title in ["一", "二", "异", "四", "五"]:
        laptop.write("issue", "create", issue(title=title))
        if title == "异":  # sealed over the text that its laptop wrote
            unsealed = {name: value for name, value in laptop.log[-1].items() if name != "hash"}
            laptop.log[-1]["hash"] = hashlib.sha256(escaped(unsealed)).hexdigest()
    taken, _, answers = hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert (taken.outcomes, taken.refused) == ({"applied": 4, "quarantined": 1}, {})
    [(_, answer)] = answers
    assert [one["seq"] for one in answer["receipts"]] == [1, 2, 3, 4, 5]
    assert answer["known"][0] == {
        "stream": laptop.stream, "seq": 5, "hash": laptop.log[-1]["hash"],
    }  # fmt: skip
    [kept] = [row for row in rows(laptop.centre, changes) if row["outcome"] == "quarantined"]
    assert kept["fields"]["text"] == escaped(unsealed).decode()


def test_of_a_change_that_fits_no_seal_it_is_told_where_it_stopped(laptop):
    for number in range(5):
        laptop.write("issue", "create", issue(title=f"第{number}件"))
    laptop.log[2]["fields"]["title"] = "改过的"
    body = laptop.body()
    taken, _, answers = hand_in(laptop, relay_file(laptop, [body]))
    assert (taken.changes, taken.outcomes) == (2, {"applied": 2})
    assert taken.refused == {"bad_envelope": 1}
    (_, answer), (more, _) = answers
    assert [one["seq"] for one in answer["receipts"]] == [1, 2]
    assert more == {"to": "pull"}
    [raw] = [row["raw"] for row in rows(laptop.centre, batches) if row["raw"] is not None]
    assert json.loads(raw) == body


def test_a_centre_that_fails_at_everything_takes_nothing(laptop, monkeypatch):
    laptop.write("issue", "create", issue())

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(relay, "exchange", broken)
    with pytest.raises(ZeroDivisionError):
        hand_in(laptop, relay_file(laptop, [laptop.body()]))
    assert rows(laptop.centre, changes) == []


def test_both_databases_take_files_in(any_centre):
    laptop = join_with_key(any_centre, add_worker(any_centre))
    laptop.write("issue", "create", issue())
    file = relay_file(laptop, [laptop.body()])
    assert hand_in(laptop, file)[0].outcomes == {"applied": 1}
    assert hand_in(laptop, file)[0].known_since == any_centre.clock()
    with any_centre.store.writing() as connection:
        staff = accounts.add_user(
            connection, any_centre.code, no="c1", name="社区", role="community",
            scope_codes=[COMMUNITY], now=any_centre.clock(), password="correct horse battery",
        )  # fmt: skip
    [listed] = relay.latest_files(any_centre, staff)
    assert (listed["changes"], listed["worker_name"]) == (1, "张w1")


def test_receipts_are_kept_for_a_while(laptop, clock, settings):
    file = relay_file(laptop, [laptop.body()])
    taken = relay.take_in_and_keep(laptop.centre, io.BytesIO(file), clock())
    folder = relay.folder_of(laptop.centre)
    kept = folder.receipt(taken.sha256)
    header, _ = open_receipt(laptop, kept.read_bytes())
    assert header.batch_sha256 == taken.sha256
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in folder.folder.iterdir()] == ["receipts"]
    assert len(list(kept.parent.iterdir())) == 1
    folder.drop_old(kept.stat().st_mtime + 1)
    assert folder.receipt(taken.sha256) is None


def test_two_centres_on_one_stick(laptop, tmp_path, clock):
    """The other centre's own file is refused here and taken there."""
    other = open_centre(Settings(tmp_path / "other", district="990101", testing=True), clock)
    theirs = join_with_key(other, add_worker(other))
    theirs.write("issue", "create", issue())
    file = relay_file(theirs, [theirs.body()])
    with pytest.raises(Refusal, match="relay_other_recipient"):
        hand_in(laptop, file)
    taken, _, _ = hand_in(theirs, file)
    assert taken.outcomes == {"applied": 1}
    other.store.close()
