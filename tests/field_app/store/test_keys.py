"""The key envelope: what opens it, what does not, and how long one has to wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from field_app.store import keys
from field_app.store.errors import (
    MistypedRecoveryKey,
    StoreDamaged,
    TooManyAttempts,
    WeakPassphrase,
    WrongPassphrase,
)
from field_app.store.keys import KeyRing
from tests.field_app.store.conftest import QUICK, FakeTime

WORD = "网格巡访一二三四"


def ring_at(folder: Path, fake_time: FakeTime, worker_id: str = "w-1") -> KeyRing:
    return KeyRing(folder, worker_id, QUICK, fake_time.clock)


@pytest.fixture
def ring(tmp_path: Path, fake_time: FakeTime) -> KeyRing:
    return ring_at(tmp_path, fake_time)


def fail(ring: KeyRing, times: int, fake_time: FakeTime) -> float:
    """Fail so often, waiting as told each time; return the last wait asked for."""
    wait = 0.0
    for _ in range(times):
        fake_time.passes(wait)
        with pytest.raises(WrongPassphrase) as caught:
            ring.unlock("wrong passphrase")
        wait = caught.value.retry_after_s
    return wait


def test_the_passphrase_opens_the_key(ring: KeyRing) -> None:
    key, _ = ring.create(WORD)
    assert ring.unlock(WORD) == key
    assert len(key) == 32


def test_the_defaults_are_costly(tmp_path: Path) -> None:
    KeyRing(tmp_path, "w-1").create(WORD)
    envelope = json.loads((tmp_path / "key.json").read_text())["passphrase"]
    assert (envelope["kdf"], envelope["memory_kib"], envelope["iterations"]) == (
        "argon2id",
        65536,
        3,
    )


def test_a_full_width_passphrase_is_the_same(ring: KeyRing) -> None:
    key, _ = ring.create("Grid2026!")
    assert ring.unlock("Ｇｒｉｄ２０２６！") == key


@pytest.mark.parametrize("weak", ["", "1234567", "网格网格网格网"])
def test_a_short_passphrase_is_refused(ring: KeyRing, weak: str) -> None:
    with pytest.raises(WeakPassphrase):
        ring.create(weak)
    key, _ = ring.create(WORD)
    with pytest.raises(WeakPassphrase):
        ring.set_passphrase(key, weak)
    assert ring.unlock(WORD) == key


def test_a_new_passphrase_voids_the_old_one(ring: KeyRing) -> None:
    key, recovery_key = ring.create(WORD)
    ring.set_passphrase(key, "another one")
    assert ring.unlock("another one") == key
    assert ring.unlock_with_recovery(recovery_key) == key
    with pytest.raises(WrongPassphrase):
        ring.unlock(WORD)


def test_a_new_recovery_key_voids_the_old_one(ring: KeyRing) -> None:
    key, old = ring.create(WORD)
    new = ring.new_recovery_key(key)
    assert ring.unlock_with_recovery(new) == key
    assert ring.unlock(WORD) == key
    with pytest.raises(WrongPassphrase):
        ring.unlock_with_recovery(old)


def test_a_recovery_key_may_be_typed_carelessly(ring: KeyRing) -> None:
    key, recovery_key = ring.create(WORD)
    assert len(recovery_key.split("-")) == 8
    for typed in (
        recovery_key.lower(),
        recovery_key.replace("-", ""),
        " " + recovery_key.replace("-", " － ") + "\n",
        recovery_key.replace("0", "o").replace("1", "l"),
    ):
        assert ring.unlock_with_recovery(typed) == key


def test_a_slip_in_the_recovery_key_is_noticed_and_not_counted(ring: KeyRing) -> None:
    _, recovery_key = ring.create(WORD)
    other = "A" if recovery_key[0] != "A" else "B"
    swapped = recovery_key[:5] + recovery_key[6] + recovery_key[5] + recovery_key[7:]
    slips = [other + recovery_key[1:], recovery_key[:-1], recovery_key + "A", "", "U" * 32]
    for slip in slips + ([swapped] if swapped != recovery_key else []):
        for _ in range(5):
            with pytest.raises(MistypedRecoveryKey):
                ring.unlock_with_recovery(slip)


def test_the_key_file_is_bound_to_its_worker(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime
) -> None:
    ring.create(WORD)
    with pytest.raises(StoreDamaged):
        ring_at(tmp_path, fake_time, "w-2").unlock(WORD)
    for path in (tmp_path / "key.json", tmp_path / "key.copy.json"):
        content = json.loads(path.read_text())
        del content["checksum"]
        content["worker_id"] = "w-2"
        path.write_text(json.dumps(content | {"checksum": keys._checksum(content)}))
    with pytest.raises(WrongPassphrase):
        ring_at(tmp_path, fake_time, "w-2").unlock(WORD)


@pytest.mark.parametrize("name", ["key.json", "key.copy.json"])
def test_one_damaged_key_file_is_mended_from_its_twin(
    ring: KeyRing, tmp_path: Path, name: str
) -> None:
    key, _ = ring.create(WORD)
    good = (tmp_path / name).read_bytes()
    for spoilt in (b"", good[:-9], good.replace(b"A", b"B", 1), b"[1]", None):
        if spoilt is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_bytes(spoilt)
        assert ring.unlock(WORD) == key
        assert (tmp_path / name).read_bytes() == good


def test_two_damaged_key_files_are_damage_and_no_wrong_attempt(
    ring: KeyRing, tmp_path: Path
) -> None:
    ring.create(WORD)
    for name in ("key.json", "key.copy.json"):
        content = bytearray((tmp_path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / name).write_bytes(content)
    for _ in range(5):
        with pytest.raises(StoreDamaged):
            ring.unlock(WORD)


# Waiting


def test_three_attempts_are_free_then_the_wait_doubles(ring: KeyRing, fake_time: FakeTime) -> None:
    key, _ = ring.create(WORD)
    waits = []
    wait = 0.0
    for _ in range(12):
        fake_time.passes(wait)
        wait = fail(ring, 1, fake_time)
        waits.append(wait)
    assert waits == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    with pytest.raises(TooManyAttempts) as caught:
        ring.unlock(WORD)
    assert caught.value.retry_after_s == 300
    fake_time.passes(300)
    assert ring.unlock(WORD) == key
    assert fail(ring, 2, fake_time) == 0


def test_recovery_attempts_count_as_well(ring: KeyRing, fake_time: FakeTime) -> None:
    ring.create(WORD)
    stranger = keys._new_recovery_key()
    for _ in range(3):
        with pytest.raises(WrongPassphrase):
            ring.unlock_with_recovery(stranger)
    for attempt in (lambda: ring.unlock_with_recovery(stranger), lambda: ring.unlock(WORD)):
        with pytest.raises(TooManyAttempts):
            attempt()


def test_the_count_survives_a_restart(ring: KeyRing, tmp_path: Path, fake_time: FakeTime) -> None:
    ring.create(WORD)
    assert fail(ring, 5, fake_time) == 8
    fake_time.steady = 0.0  # the machine was started again
    again = ring_at(tmp_path, fake_time)
    with pytest.raises(TooManyAttempts) as caught:
        again.unlock(WORD)
    assert caught.value.retry_after_s == 8
    fake_time.passes(8)
    assert fail(again, 1, fake_time) == 16


def test_turning_the_clock_gains_nothing(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime
) -> None:
    ring.create(WORD)
    assert fail(ring, 5, fake_time) == 8
    fake_time.wall += 86_400
    with pytest.raises(TooManyAttempts):
        ring.unlock(WORD)
    fake_time.wall -= 10 * 86_400
    with pytest.raises(TooManyAttempts):
        ring_at(tmp_path, fake_time).unlock(WORD)
    with pytest.raises(TooManyAttempts):
        ring.unlock(WORD)


def test_a_clock_set_back_locks_nobody_out(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime
) -> None:
    key, _ = ring.create(WORD)
    wait = fail(ring, 5, fake_time)
    fake_time.wall -= 10 * 86_400
    again = ring_at(tmp_path, fake_time)
    fake_time.passes(wait)
    assert again.unlock(WORD) == key


def test_a_wait_that_passed_while_the_program_was_off_is_over(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime
) -> None:
    key, _ = ring.create(WORD)
    fail(ring, 9, fake_time)
    fake_time.wall += 86_400
    fake_time.steady = 5.0
    assert ring_at(tmp_path, fake_time).unlock(WORD) == key


def test_an_attempt_is_counted_before_it_is_tried(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.create(WORD)
    counts = []

    def look(*_: object) -> bytes:
        counts.append(json.loads((tmp_path / "attempts.json").read_text())["failed"])
        return bytes(32)

    monkeypatch.setattr(keys, "_argon2", look)
    fail(ring, 3, fake_time)
    assert counts == [1, 2, 3]


def test_spoiling_the_count_does_not_reset_it(
    ring: KeyRing, tmp_path: Path, fake_time: FakeTime
) -> None:
    ring.create(WORD)
    fail(ring, 5, fake_time)
    (tmp_path / "attempts.json").write_text("{}")
    with pytest.raises(TooManyAttempts):
        ring_at(tmp_path, fake_time).unlock(WORD)
