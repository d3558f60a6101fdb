"""What one worker is asked, he alone answers, and he changes nothing else of it."""

from __future__ import annotations

from typing import Any

from schemas.seal import ZEROS, seal
from sync_server.domain.envelope import open_batch
from sync_server.domain.judging import Worker, judge

ASKED, ANOTHER, ID = (f"01998a00-0000-7000-8000-00000000{end}" for end in ("aaaa", "bbbb", "cccc"))
GRID = "990101100009003"
AT = "2026-09-30T09:14:03+08:00"
RECORD = {
    "kind": "correction", "grid": GRID, "author": ANOTHER, "version": 1, "voided": False,
    "fields": {"target_kind": "household", "target_id": ID, "change_id": ID, "asked_of": ASKED,
               "words": "请核对", "asked_by": ANOTHER, "asked_at": AT, "closed": False},
}  # fmt: skip


def codes(worker: str, fields: dict[str, Any], action: str = "update") -> list[str]:
    """Judge an answer and return why it is refused."""
    members = {
        "change_id": ID, "kind": "correction", "schema": 1, "record_id": ID, "action": action,
        "grid": GRID, "base_version": 1, "made_at": AT, "author": worker, "fields": fields,
    }  # fmt: skip
    (arrival,) = open_batch([seal(members, 1, ZEROS)])
    arrival.open()
    verdict = judge(arrival, Worker(worker, [GRID]), RECORD)
    return [one["code"] for one in verdict.problems]


def test_who_was_asked_answers():
    assert codes(ASKED, {"answer": "confirmed", "reply": "打过电话", "closed": True}) == []


def test_nobody_else_does():
    assert codes(ANOTHER, {"closed": True}) == ["not_allowed"]


def test_he_changes_nothing_of_what_was_asked():
    assert codes(ASKED, {"words": "不用改了"}) == ["not_allowed"]
    assert codes(ASKED, {"closed": True, "asked_of": ANOTHER}) == ["not_allowed"]
    assert codes(ASKED, {"reason": "错了"}, "void") == ["not_allowed"]
