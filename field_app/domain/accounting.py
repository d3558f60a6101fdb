"""Comparing the laptop's log with what the centre says it has of this device.

Nothing is repaired from here: a difference is shown on both sides. Whatever has an ordinary reason
(a copy of this store sent too; staff settled a refused change since) is a note, not a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.exchange import ACCOUNTED, IN_STORE
from schemas.labels import Label

UNSENT = "unsent"
Counts = Mapping[str, int]

WORDS: dict[str, Label] = {
    "stream_missing": Label(
        "本机有{mine}条已确认的记录，服务器却没有这本流水（…{stream}）。",
        "{mine} changes are confirmed here, but the centre does not know their log (…{stream}).",
    ),
    "stream_behind": Label(
        "流水…{stream}：本机已确认到第{mine}条，服务器只有{theirs}条。",
        "Log …{stream}: confirmed here up to {mine}, the centre holds {theirs}.",
    ),
    "stream_ahead": Label(
        "流水…{stream}：服务器有{theirs}条，本机只写过{mine}条（可能有另一台电脑用着同一份数据）。",
        "Log …{stream}: the centre holds {theirs}, only {mine} were written here (another "
        "computer may carry the same data).",
    ),
    "stream_differs": Label(
        "流水…{stream}第{theirs}条，服务器与本机的校验码不同。",
        "Log …{stream}, entry {theirs}: the check codes here and at the centre differ.",
    ),
    "log_gap": Label(
        "流水…{stream}应有{theirs}条，本机只找到{mine}条。",
        "Log …{stream} should hold {theirs} entries; {mine} were found here.",
    ),
    "day_missing": Label(
        "{day}：本机有{mine}条已确认，服务器只有{theirs}条。",
        "{day}: {mine} confirmed here, {theirs} at the centre.",
    ),
    "day_more": Label(
        "{day}：服务器有{theirs}条，本机只有{mine}条。",
        "{day}: {theirs} at the centre, {mine} here.",
    ),
    "day_outcome": Label(
        "{day}：本机显示{mine}条已入库，服务器只有{theirs}条入库。",
        "{day}: {mine} shown as stored here, {theirs} stored at the centre.",
    ),
    "photo_missing": Label(
        "{mine}张照片本机记为已送达，服务器却没有。照片还在本机的，下次同步会重新上传。",
        "{mine} photos are marked as delivered here, but the centre does not have them. "
        "Those still on this laptop are sent again at the next sync.",
    ),
}
"""A difference in plain words."""
NOTES: dict[str, Label] = {
    "other_streams": Label(
        "服务器另有本终端的{theirs}条记录，不是从这份数据送出的（恢复过备份，或有一份拷贝）。",
        "The centre also holds {theirs} changes of this device that this store did not send (it "
        "was restored, or there is a copy).",
    ),
    "settled_since": Label(
        "{count}条记录在服务器上已有新的处理结果，以后的同步会带回。",
        "{count} changes have been settled at the centre since; later syncs bring it.",
    ),
    "photos_waiting": Label(
        "{count}张照片还没有到服务器。", "{count} photos have not reached the centre yet."
    ),
}
"""What is worth knowing and has an ordinary reason."""


@dataclass(frozen=True)
class Account:
    """What the centre has of this device: streams by name, counts by day and outcome, photos."""

    known: Mapping[str, tuple[int, str]]
    by_day: Mapping[str, Counts]
    by_stream: Mapping[str, Counts]
    photos_expected: int
    photos_present: int
    photos_missing: frozenset[str]


@dataclass(frozen=True)
class Log:
    """The laptop's own side: its streams and which is written now, its changes, how many of each
    stream were forgotten (confirmed long ago), on which days those were made, and the photos it
    knows delivered."""

    streams: Mapping[str, Mapping[str, Any]]
    changes: Collection[Mapping[str, Any]]
    open: str | None = None
    forgotten: Counts = field(default_factory=dict)
    forgotten_days: frozenset[str] = frozenset()
    photos_delivered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """One difference or note: its code in WORDS or NOTES and the facts of its sentence."""

    code: str
    facts: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"code": self.code, **self.facts}


@dataclass(frozen=True)
class Compared:
    """The outcome of a comparison. ``whole`` tells that the centre has every change of the log,
    also those whose confirmation never came, and every photo of its records."""

    differences: tuple[Found, ...]
    notes: tuple[Found, ...]
    whole: bool


def own_streams(streams: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> set[str]:
    """Return the streams of the present device: those in use, and those left that it began.

    A worker who joined again has streams of a former device too; its account is another one.
    """
    return {name for name, one in streams.items() if name in known or not one.get("forked")}


def state_of(change: Mapping[str, Any]) -> str:
    """Return a change's outcome, ``unsent`` while the centre has not confirmed it."""
    return str(change["outcome"]) if change["acked"] and change["outcome"] else UNSENT


def count_days(changes: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return the counts of changes by day (as written in ``made_at``) and state."""
    days: dict[str, Counter[str]] = {}
    for change in changes:
        days.setdefault(str(change["made_at"])[:10], Counter())[state_of(change)] += 1
    return days


def compare(account: Account, log: Log) -> Compared:
    """Compare what the centre says with the laptop's log."""
    mine = own_streams(log.streams, account.known)
    changes = [one for one in log.changes if one["stream"] in mine]
    others = _from_elsewhere(account, log)
    alone = not others and not any(log.streams[name].get("forked") for name in mine)
    differences: list[Found] = []
    notes: list[Found] = []
    for name in log.streams:
        if name in mine and not log.streams[name].get("forked"):
            differences += _of_stream(name, account, log)
    _of_days(account, log, changes, alone, differences, notes)
    _of_photos(account, log, differences, notes)
    if others:
        notes.insert(0, Found("other_streams", {"theirs": others}))
    return Compared(tuple(differences), tuple(notes), _is_whole(account, log, mine))


def _from_elsewhere(account: Account, log: Log) -> int:
    """Return how many places the centre knows of this device that this store did not write: in
    streams it has not, or beyond the end of one it has left (it was restored, or there is a copy).
    """
    count = 0
    for name, (seq, _) in account.known.items():
        if name not in log.streams:
            count += seq
        elif name != log.open:
            count += max(0, seq - int(log.streams[name]["last_seq"]))
    return count


def _of_stream(name: str, account: Account, log: Log) -> list[Found]:
    one, found = log.streams[name], []
    tail = {"stream": name[-6:]}
    last, acked = one["last_seq"], one["acked_seq"]
    held = sum(1 for change in log.changes if change["stream"] == name)
    held += log.forgotten.get(name, 0)
    if held != last:
        found.append(Found("log_gap", tail | {"mine": held, "theirs": last}))
    seq, hash_ = account.known.get(name, (0, ""))
    if name not in account.known:
        if acked:
            found.append(Found("stream_missing", tail | {"mine": acked}))
    elif seq < acked:
        found.append(Found("stream_behind", tail | {"mine": acked, "theirs": seq}))
    elif seq > last and name == log.open:
        found.append(Found("stream_ahead", tail | {"mine": last, "theirs": seq}))
    elif 0 < seq <= last and _hash_at(one, name, seq, log) not in (None, hash_):
        found.append(Found("stream_differs", tail | {"theirs": seq}))
    return found


def _hash_at(stream: Mapping[str, Any], name: str, seq: int, log: Log) -> str | None:
    """Return the hash at a place of a stream, None when it is not kept any more."""
    for at in ("acked", "last"):
        if stream[f"{at}_seq"] == seq:
            return str(stream[f"{at}_hash"])
    return next(
        (str(one["hash"]) for one in log.changes if one["stream"] == name and one["seq"] == seq),
        None,
    )


def _of_days(
    account: Account,
    log: Log,
    changes: list[Mapping[str, Any]],
    alone: bool,
    differences: list[Found],
    notes: list[Found],
) -> None:
    """Compare the days none of whose changes was forgotten.

    The centre may hold more than this log when it is not ``alone`` (another copy of the store sent
    too); it must never hold less.
    """
    ours, settled = count_days(changes), 0
    for day in sorted((set(ours) | set(account.by_day)) - log.forgotten_days):
        here, there = ours.get(day, Counter()), Counter(dict(account.by_day.get(day, {})))
        confirmed = sum(here.values()) - here[UNSENT]
        total = sum(there.values())
        stored, stored_there = _stored(here), _stored(there)
        if confirmed > total:
            found = Found("day_missing", {"day": day, "mine": confirmed, "theirs": total})
        elif alone and total > sum(here.values()) and not log.forgotten:
            found = Found("day_more", {"day": day, "mine": sum(here.values()), "theirs": total})
        elif stored > stored_there:
            found = Found("day_outcome", {"day": day, "mine": stored, "theirs": stored_there})
        else:
            if alone and confirmed == total:
                settled += stored_there - stored
            continue
        differences.append(found)
    if settled:
        notes.append(Found("settled_since", {"count": settled}))


def _stored(counts: Mapping[str, int]) -> int:
    return sum(counts.get(outcome, 0) for outcome in ACCOUNTED if outcome in IN_STORE)


def _of_photos(account: Account, log: Log, differences: list[Found], notes: list[Found]) -> None:
    lost = account.photos_missing & log.photos_delivered
    if lost:
        differences.append(Found("photo_missing", {"mine": len(lost)}))
    waiting = account.photos_expected - account.photos_present - len(lost)
    if waiting > 0:
        notes.append(Found("photos_waiting", {"count": waiting}))


def _is_whole(account: Account, log: Log, mine: Collection[str]) -> bool:
    """Whether every change this log holds is at the centre, confirmed here or not."""
    if account.photos_expected != account.photos_present:
        return False
    for name in mine:
        one = log.streams[name]
        if one.get("forked"):
            continue
        seq, hash_ = account.known.get(name, (0, ""))
        if seq < one["last_seq"] or (seq == one["last_seq"] and seq and hash_ != one["last_hash"]):
            return False
    return all(change["acked"] or not _left(log, change) for change in log.changes)


def _left(log: Log, change: Mapping[str, Any]) -> bool:
    stream = log.streams.get(change["stream"])
    return stream is None or bool(stream.get("forked"))
