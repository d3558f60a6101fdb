"""What the next exchange carries."""

from __future__ import annotations

from field_app.domain.batches import ENVELOPE_BYTES, Limits, envelope, heads, next_run
from schemas.exchange import SyncSchema
from schemas.seal import ZEROS

WIDE = Limits(500, 1_048_576)
FIRST, SECOND = "01998a00-0000-7000-8000-00000000aaaa", "01998a00-0000-7000-8000-00000000bbbb"


def change(seq, stream=FIRST, text=""):
    return {"seq": seq, "stream": stream, "change_id": f"{stream}-{seq}", "fields": {"text": text}}


def seqs(run):
    return [one["seq"] for one in run]


def test_changes_go_in_order_of_their_numbers():
    assert seqs(next_run([change(3), change(1), change(2)], [FIRST], WIDE)) == [1, 2, 3]


def test_nothing_unsent_is_an_empty_run():
    assert next_run([], [FIRST], WIDE) == []


def test_one_stream_at_a_time_the_oldest_first():
    unsent = [change(1, SECOND), change(4)]
    assert [one["stream"] for one in next_run(unsent, [FIRST, SECOND], WIDE)] == [FIRST]


def test_a_run_stops_before_a_missing_number():
    assert seqs(next_run([change(1), change(2), change(4)], [FIRST], WIDE)) == [1, 2]


def test_a_run_stays_within_its_limits():
    many = [change(number, text="x" * 1000) for number in range(1, 101)]
    assert len(next_run(many, [FIRST], Limits(7, 10**9))) == 7
    run = next_run(many, [FIRST], Limits(500, ENVELOPE_BYTES + 10_000))
    assert 5 < len(run) < 10


def test_a_change_that_is_too_long_alone_goes_alone():
    assert seqs(next_run([change(1, text="x" * 5000), change(2)], [FIRST], Limits(9, 100))) == [1]


def test_heads_leave_out_forked_streams_and_the_oldest_beyond_fifty():
    streams = {
        f"s{number}": {
            "acked_seq": 0,
            "acked_hash": ZEROS,
            "last_seq": number,
            "forked": number == 5,
        }
        for number in range(60)
    }
    told = [one["stream"] for one in heads(streams)]
    assert len(told) == 50
    assert told[-1] == "s59"
    assert "s5" not in told


def test_the_envelope_is_one_the_centre_reads():
    body = envelope(
        device_id=FIRST, batch_id=SECOND, server_epoch=None, cursor=None,
        sent_at="2026-09-30T08:41:00+08:00", app="0.1.0",
        streams={FIRST: {"acked_seq": 0, "acked_hash": ZEROS, "last_seq": 2}}, stream=FIRST,
        want=500,
    )  # fmt: skip
    assert SyncSchema().validate(body | {"changes": []}) == {}
