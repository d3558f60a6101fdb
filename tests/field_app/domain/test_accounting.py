"""Comparing accounts: equal logs show nothing, every loss shows, ordinary drift is a note."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_app.domain.accounting import (
    NOTES,
    WORDS,
    Account,
    Log,
    compare,
    count_days,
    own_streams,
    state_of,
)
from schemas.exchange import ACCOUNTED

STREAM, OTHER = "s-000001", "s-000002"


def made(seq, *, day="2026-09-30", outcome="applied", acked=True, stream=STREAM) -> dict[str, Any]:
    return {"stream": stream, "seq": seq, "hash": f"h{seq}", "made_at": f"{day}T08:00:00+08:00",
            "acked": acked, "outcome": outcome if acked else None}  # fmt: skip


def log_of(changes, **more) -> Log:
    """The log of one stream, as a laptop that numbered these changes has it."""
    acked = max((one["seq"] for one in changes if one["acked"]), default=0)
    last = max((one["seq"] for one in changes), default=0)
    head = {"last_seq": last, "last_hash": f"h{last}", "acked_seq": acked,
            "acked_hash": f"h{acked}"}  # fmt: skip
    return Log({STREAM: head}, changes, STREAM, **more)


def centre_of(changes, **more) -> Account:
    """What a centre that received these changes says of them."""
    last = max((one["seq"] for one in changes), default=0)
    days = {day: dict(counts) for day, counts in count_days(changes).items()}
    total = Counter(state_of(one) for one in changes)
    known = {STREAM: (last, f"h{last}")} if last else {}
    return replace(Account(known, days, {STREAM: total}, 0, 0, frozenset()), **more)


def codes(compared):
    return [one.code for one in compared.differences], [one.code for one in compared.notes]


def test_equal_logs_show_nothing_and_are_whole():
    changes = [made(1), made(2, outcome="held"), made(3, day="2026-10-01", outcome="quarantined")]
    compared = compare(centre_of(changes), log_of(changes))
    assert codes(compared) == ([], [])
    assert compared.whole


def test_what_is_unsent_is_no_difference_but_not_whole():
    changes = [made(1), made(2, acked=False)]
    compared = compare(centre_of(changes[:1]), log_of(changes))
    assert codes(compared) == ([], [])
    assert not compared.whole


def test_received_but_never_confirmed_here_is_no_difference_and_whole():
    sent = [made(1), made(2)]
    compared = compare(centre_of(sent), log_of([sent[0], made(2, acked=False)]))
    assert codes(compared) == ([], [])
    assert compared.whole


def test_an_empty_laptop_and_an_empty_centre_agree():
    assert compare(centre_of([]), Log({}, [])).whole


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (lambda mine: centre_of([]), ["stream_missing", "day_missing"]),
        (lambda mine: centre_of(mine[:1]), ["stream_behind", "day_missing"]),
        (lambda mine: centre_of([*mine, made(3), made(4)]), ["stream_ahead", "day_more"]),
        (lambda mine: centre_of(mine, known={STREAM: (2, "other")}), ["stream_differs"]),
        (lambda mine: centre_of([mine[0], made(2, outcome="quarantined")]), ["day_outcome"]),
    ],
    ids=["nothing there", "less there", "more there", "another hash", "not stored there"],
)
def test_what_does_not_add_up_is_named(there, found):
    changes = [made(1), made(2)]
    assert codes(compare(there(changes), log_of(changes)))[0] == found


def test_a_log_that_lost_a_change_says_so():
    changes = [made(1), made(2), made(3)]
    log = replace(log_of(changes), changes=[changes[0], changes[2]])
    assert "log_gap" in codes(compare(centre_of(changes), log))[0]


def test_what_staff_settled_since_is_a_note():
    mine = [made(1, outcome="held"), made(2, outcome="quarantined"), made(3, outcome="conflict")]
    there = [made(1), made(2, outcome="merged"), made(3, outcome="conflict")]
    compared = compare(centre_of(there), log_of(mine))
    assert codes(compared) == ([], ["settled_since"])
    assert compared.notes[0].facts == {"count": 2}


def test_a_copy_of_the_store_that_sent_too_is_a_note_and_hides_no_loss():
    mine = [made(1), made(2)]
    there = centre_of([*mine, made(1, stream=OTHER)])
    both = {STREAM: (2, "h2"), OTHER: (1, "h1")}
    there = replace(there, known=both, by_stream={OTHER: {"applied": 1}})
    assert codes(compare(there, log_of(mine))) == ([], ["other_streams"])
    lost = replace(there, by_day={"2026-09-30": {"applied": 1}})
    assert codes(compare(lost, log_of(mine)))[0] == ["day_missing"]


def test_a_stream_left_by_a_restore_may_be_longer_at_the_centre():
    mine = [made(1), made(1, stream=OTHER)]
    log = log_of(mine[:1])
    fresh = {"last_seq": 1, "last_hash": "h1", "acked_seq": 1, "acked_hash": "h1", "forked": False}
    log = replace(log, streams={**log.streams, OTHER: fresh}, changes=mine, open=OTHER)
    there = centre_of([*mine, made(2)], known={STREAM: (2, "h2"), OTHER: (1, "h1")})
    compared = compare(there, log)
    assert codes(compared) == ([], ["other_streams"])
    assert compared.notes[0].facts == {"theirs": 1}
    assert compared.whole


def test_changes_of_a_former_device_are_left_out():
    mine = [made(1), made(1, stream=OTHER, day="2026-01-01")]
    log = log_of(mine[:1])
    log = replace(log, changes=mine, streams={
        **log.streams, OTHER: {"last_seq": 1, "last_hash": "h1", "acked_seq": 1,
                               "acked_hash": "h1", "forked": True}})  # fmt: skip
    assert codes(compare(centre_of(mine[:1]), log)) == ([], [])
    assert own_streams(log.streams, {STREAM}) == {STREAM}


def test_days_that_were_forgotten_are_not_compared():
    kept = [made(2, day="2026-09-30")]
    everything = [made(1, day="2026-06-01"), *kept]
    log = replace(log_of(everything), changes=kept, forgotten={STREAM: 1},
                  forgotten_days=frozenset({"2026-06-01"}))  # fmt: skip
    compared = compare(centre_of(everything), log)
    assert codes(compared) == ([], [])
    assert compared.whole


def test_photos_marked_delivered_that_are_not_there_are_a_difference():
    changes = [made(1), made(2)]
    account = centre_of(changes, photos_expected=3, photos_present=1,
                        photos_missing=frozenset({"aa", "bb"}))  # fmt: skip
    log = log_of(changes, photos_delivered=frozenset({"aa", "cc"}))
    compared = compare(account, log)
    assert codes(compared) == (["photo_missing"], ["photos_waiting"])
    assert not compared.whole


@pytest.mark.parametrize("table", [WORDS, NOTES])
def test_every_sentence_can_be_filled(table):
    facts = {"stream": "abc", "mine": 1, "theirs": 2, "day": "2026-09-30", "count": 3}
    for label in table.values():
        for lang in ("zh", "en"):
            assert "{" not in label.text(lang).format(**facts)


logs = st.lists(
    st.tuples(st.sampled_from(["2026-09-29", "2026-09-30"]), st.sampled_from(ACCOUNTED)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(logs, st.integers(0, 12))
def test_honest_sides_never_differ(story, sent):
    """Whatever a laptop made, and however much of it was sent, an honest centre agrees."""
    changes = [
        made(seq, day=day, outcome=outcome, acked=seq <= sent)
        for seq, (day, outcome) in enumerate(story, 1)
    ]
    received = [one for one in changes if one["acked"]]
    compared = compare(centre_of(received), log_of(changes))
    assert codes(compared) == ([], [])
    assert compared.whole == (len(received) == len(changes))
    days = count_days(changes)
    assert sum(sum(counts.values()) for counts in days.values()) == len(changes)


@given(logs, st.data())
def test_a_centre_that_lost_or_changed_anything_confirmed_is_found_out(story, data):
    """Every way of losing one confirmed change, or of holding another one in its place, shows."""
    changes = [made(seq, day=day, outcome=outcome) for seq, (day, outcome) in enumerate(story, 1)]
    at = data.draw(st.integers(0, len(changes) - 1))
    victim = changes[at]
    how = data.draw(st.sampled_from(["row", "tail", "hash", "day"]))
    account = centre_of(changes)
    if how == "row":
        less = Counter(account.by_day[victim["made_at"][:10]])
        less[victim["outcome"]] -= 1
        account = replace(account, by_day={**account.by_day, victim["made_at"][:10]: dict(less)})
    elif how == "tail":
        account = centre_of(changes[:at])
    elif how == "hash":
        account = replace(account, known={STREAM: (len(changes), "another")})
    else:
        rest = {day: n for day, n in account.by_day.items() if day != victim["made_at"][:10]}
        account = replace(account, by_day=rest)
    assert compare(account, log_of(changes)).differences
