"""Receipts 回执: what the centre confirmed of one round, or of everything made on one day.

A round's receipt says what the centre said then; a day's says how things stand now. The counts add
up to what was made, and the last confirmed number with its hash is the code to compare by.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from field_app.domain.accounting import UNSENT, state_of
from field_app.domain.errors import Trouble
from field_app.services.accounting import confirmed_head, confirmed_since, last_account, read_log
from field_app.services.outbox import ACTIONS
from field_app.services.photos import PHOTO, not_arrived
from field_app.services.titles import title_of
from field_app.services.workspace import CHANGES, ROUNDS, Workspace
from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.exchange import ACCOUNTED, ordinal
from schemas.labels import Label

OUTCOMES: dict[str, Label] = {
    "applied": Label("已入库", "Stored"),
    "merged": Label("已入库（与他人的修改合并）", "Stored, merged with others' changes"),
    "unchanged": Label("已入库（内容相同）", "Stored, the same as it stood"),
    "conflict": Label("待裁决", "To be decided"),
    "held": Label("已收到（等待前面的记录）", "Received, waits for its record"),
    "quarantined": Label("被退回", "Sent back"),
    UNSENT: Label("未上传", "Unsent"),
}
HEADINGS: dict[str, Label] = {
    "round": Label("同步回执", "Receipt of sync"),
    "day": Label("当日回执", "Receipt of the day"),
    "worker": Label("网格员", "Worker"),
    "device": Label("终端", "Device"),
    "centre": Label("服务器", "Centre"),
    "at": Label("时间", "Time"),
    "check": Label("校验码", "Check code"),
    "made": Label("合计", "Total"),
    "there": Label("服务器账上", "By the centre's account"),
    "since": Label("对账之后确认", "Confirmed since then"),
    "photos": Label("照片已到", "Photos arrived"),
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
CHECK_LETTERS = 16


@dataclass(frozen=True)
class Line:
    """One change of a receipt; ``title`` has personal values masked."""

    tail: str
    kind: str
    title: str
    action: str
    made_at: str
    outcome: str
    outcome_label: str
    version: int | None


@dataclass(frozen=True)
class Receipt:
    """One page of paper. ``day`` is empty for a round's, ``number`` for a day's.

    ``counts`` are by outcome, ``unsent`` among them, and add up to ``made``. ``there`` is what the
    centre counted for the day when it was last asked, at ``there_at``; None for a round. ``since``
    counts those confirmed later than that. ``photos`` were taken on the day; of so many,
    ``photos_there``, the centre has said that it has all bytes.
    """

    number: str
    day: str
    at: str
    device_name: str
    device_id: str
    worker: str
    worker_no: str
    centre: str
    counts: dict[str, int]
    lines: tuple[Line, ...]
    check: str
    confirmed: int
    there: int | None = None
    there_at: str | None = None
    since: int = 0
    photos: int = 0
    photos_there: int = 0

    @property
    def made(self) -> int:
        """How many changes the receipt speaks of."""
        return sum(self.counts.values())

    @property
    def lacking(self) -> bool:
        """Whether the centre counted fewer than it had confirmed by then."""
        return self.there is not None and self.there < self.confirmed - self.since


def round_receipt(ws: Workspace, number: str) -> Receipt:
    """Return the receipt of one sync round; raises Trouble ``not_found``.

    Its changes are those the round confirmed; what it left unsent is counted.
    """
    told = next((one for one in ws.table(ROUNDS) if str(one.doc_id) == number), None)
    if told is None or "receipts" not in told:
        raise Trouble("not_found")
    changes = _changes(ws, [one["change_id"] for one in told["receipts"]])
    lines = [_line(ws, one, changes.get(one["change_id"])) for one in told["receipts"]]
    counts = Counter(one.outcome for one in lines) + Counter({UNSENT: told["unsent"]})
    return _receipt(ws, counts, lines, told["head"], number=number,
                    at=told["ended_at"] or told["started_at"])  # fmt: skip


def last_round(ws: Workspace) -> str:
    """Return the number of the latest round that came to an end; raises Trouble
    ``nothing_sent_yet``."""
    numbers = [one.doc_id for one in ws.table(ROUNDS) if "receipts" in one]
    if not numbers:
        raise Trouble("nothing_sent_yet")
    return str(numbers[-1])


def day_receipt(ws: Workspace, day: str) -> Receipt:
    """Return the receipt of everything made on a day (2026-09-30, as the laptop's clock wrote it).

    Raises Trouble ``not_found`` for what is no day.
    """
    if not _DAY.match(day):
        raise Trouble("not_found")
    try:
        date.fromisoformat(day)
    except ValueError:
        raise Trouble("not_found") from None
    changes = [one for one in read_log(ws).changes if str(one["made_at"])[:10] == day]
    lines = [
        _line(ws, {"change_id": one["change_id"], "outcome": state_of(one),
                   "version": (one["receipt"] or {}).get("version")}, one)
        for one in changes
    ]  # fmt: skip
    kept = last_account(ws)
    there = sum(kept["by_day"].get(day, {}).values()) if kept else None
    return _receipt(ws, Counter(one.outcome for one in lines), lines, confirmed_head(ws), day=day,
                    at=written(ws.now()), there=there, there_at=kept.get("at"),
                    since=confirmed_since(ws, changes),
                    taken={one["record_id"] for one in changes if one["kind"] == PHOTO
                           and one["action"] == "create"})  # fmt: skip


def as_text(receipt: Receipt, lang: str) -> list[str]:
    """Return a receipt as the lines of a plain page."""
    words = {name: label.text(lang) for name, label in HEADINGS.items()}
    about = {
        "day" if receipt.day else "round": receipt.day or receipt.number,
        "worker": f"{receipt.worker} {receipt.worker_no}",
        "device": f"{receipt.device_name} …{receipt.device_id[-12:]}",
        "centre": receipt.centre,
        "at": receipt.at[:16].replace("T", " "),
        "check": receipt.check or "-",
    }
    lines = [f"{words[name]}: {value}" for name, value in about.items()]
    lines += [
        f"  {OUTCOMES[outcome].text(lang)}: {count}"
        for outcome, count in receipt.counts.items()
        if count
    ]
    lines.append(f"  {words['made']}: {receipt.made}")
    if receipt.there is not None:
        lines.append(f"  {words['there']}: {receipt.there}")
        if receipt.since:
            lines.append(f"  {words['since']}: {receipt.since}")
    if receipt.photos:
        lines.append(f"  {words['photos']}: {receipt.photos_there}/{receipt.photos}")
    return lines + [
        "  ".join(
            (one.tail, one.made_at[:16].replace("T", " "), one.kind, one.title, one.action,
             one.outcome_label, "" if one.version is None else f"v{ordinal(one.version)}")
        ).rstrip()
        for one in receipt.lines
    ]  # fmt: skip


def _receipt(
    ws: Workspace,
    counts: Mapping[str, int],
    lines: list[Line],
    head: Mapping[str, Any] | None,
    *,
    at: str,
    number: str = "",
    day: str = "",
    there: int | None = None,
    there_at: str | None = None,
    since: int = 0,
    taken: Set[str] = frozenset(),
) -> Receipt:
    identity = ws.identity
    ordered = {name: counts.get(name, 0) for name in (*ACCOUNTED, UNSENT)}
    return Receipt(
        number=number,
        day=day,
        at=at,
        device_name=identity.device_name,
        device_id=identity.device_id,
        worker=identity.worker_name,
        worker_no=identity.worker_no,
        centre=identity.server_url,
        counts=ordered,
        lines=tuple(lines),
        check=_check(head),
        confirmed=sum(ordered[name] for name in ACCOUNTED),
        there=there,
        there_at=there_at,
        since=since,
        photos=len(taken),
        photos_there=len(taken) - len(not_arrived(ws, taken)),
    )


def _check(head: Mapping[str, Any] | None) -> str:
    """Return the check code: the last confirmed number and the start of its hash, in fours."""
    if head is None:
        return ""
    letters = str(head["hash"])[:CHECK_LETTERS].upper()
    groups = [letters[at : at + 4] for at in range(0, len(letters), 4)]
    return f"{head['seq']} · {' '.join(groups)}"


def _changes(ws: Workspace, ids: list[str]) -> dict[str, Mapping[str, Any]]:
    found = ws.table(CHANGES).get(doc_ids=ids) if ids else []
    return {one["change_id"]: dict(one) for one in found}


def _line(ws: Workspace, told: Mapping[str, Any], change: Mapping[str, Any] | None) -> Line:
    """Return one line; a change that was forgotten since keeps its id and what became of it."""
    lang, outcome = ws.lang, told["outcome"]
    kind = title = action = made_at = ""
    if change is not None:
        kind = kind_of(change["kind"]).info.label.text(lang)
        title = title_of(ws, change["kind"], change["record_id"], lang)
        action = ACTIONS[change["action"]].text(lang)
        made_at = change["made_at"]
    return Line(
        tail=told["change_id"][-6:],
        kind=kind,
        title=title,
        action=action,
        made_at=made_at,
        outcome=outcome,
        outcome_label=OUTCOMES[outcome].text(lang),
        version=told["version"],
    )
