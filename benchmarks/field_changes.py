"""What grid workers send on a day: changes of the real kinds in the real envelope, 1 KB each.

Of a hundred changes some 55 are visits, 30 patrols, 3 issues, 12 updates of the worker's own visits
and patrols: the day's mix of the domain's load tiers. Everything is drawn from a seed, ids and
times aside, so that two runs send alike.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.exchange import API
from schemas.seal import ZEROS, canonical, seal
from sync_server.services.ids import new_id

APP = "1.0.0"
SHARES = {"visit": 55, "patrol": 30, "issue": 3, "update": 12}
CHECK_ITEMS = ("environment", "fire_lane", "extinguisher", "ebike", "facility", "road_light")
WORDS = (
    "家中老人身体平稳，子女周末来过。",
    "厨房燃气软管已提醒更换，楼道无堆物。",
    "门口电动车已劝离。",
    "反映单元门禁偶尔失灵，已转物业。",
    "近期有外出计划，钥匙交邻居保管。",
    "出租房三人居住，证件齐全。",
    "已讲解反诈提示并留联系卡。",
    "消防通道畅通，灭火器压力正常。",
    "花坛边落叶较多，保洁下午清理。",
    "路灯一盏不亮，已记录编号。",
    "楼顶门已上锁，钥匙在监控室。",
    "请求帮助办理老年卡，已代为咨询。",
)
PIECES = sorted({one[at : at + 2] for one in WORDS for at in range(len(one) - 2)})
NAMES = ("王秀英", "李建国", "欧阳静", "张伟", "陈丽华", "阿卜杜拉·买买提", "刘洋", "赵敏")
PURPOSES = ("daily", "care", "safety", "policy", "service", "info")
CATEGORIES = ("ENV", "FAC", "VEH", "UTL")


def words(rng: random.Random, count: int) -> str:
    """Return so many sentences, new ones each time: of what workers write in twos of characters.

    Sentences that came again would be found in every cache, and packed into nothing.
    """
    return "".join("".join(rng.choices(PIECES, k=8)) + "。" for _ in range(count))


def visit(rng: random.Random, at: datetime) -> dict[str, Any]:
    """Return the fields of a visit on which somebody was met."""
    fields: dict[str, Any] = {
        "visited_at": written(at), "household_id": new_id(), "purposes": [rng.choice(PURPOSES)],
        "mode": "door", "result": "met", "met": rng.choice(NAMES), "notice_given": True,
        "findings": words(rng, 5), "confirm": "verbal", "rating": rng.randint(3, 5),
    }  # fmt: skip
    if rng.random() < 0.3:
        safety = {"gas": {"state": "ok"}, "ebike": {"state": "problem", "note": "飞线"}}
        fields["safety"] = {"add": safety}
    if rng.random() < 0.1:
        opinion = {new_id(): {"category": "facility", "text": words(rng, 1)}}
        fields["opinions"] = {"add": opinion}
    return fields


def patrol(rng: random.Random, at: datetime) -> dict[str, Any]:
    """Return the fields of a patrol with its checklist."""
    items: dict[str, Any] = {item: {"result": "ok"} for item in CHECK_ITEMS}
    items["parking"] = {"result": "problem_fixed", "note": "占道车辆已劝离"}
    return {
        "slot": rng.choice("123"), "started_at": written(at - timedelta(minutes=40)),
        "ended_at": written(at), "covered_ids": [new_id()], "items": {"add": items},
        "weather": "sunny",
        "summary": words(rng, 2),
    }  # fmt: skip


def issue(rng: random.Random, at: datetime) -> dict[str, Any]:
    """Return the fields of an issue found on the way."""
    return {
        "happened_at": written(at), "category": rng.choice(CATEGORIES), "title": "楼道堆物",
        "text": words(rng, 7), "level": "2", "urgency": "normal", "source": "patrol",
        "place": f"{rng.randint(1, 30)}号楼{rng.randint(1, 4)}单元", "people": rng.randint(1, 9),
    }  # fmt: skip


def edit(rng: random.Random, kind: str) -> dict[str, Any]:
    """Return what a worker adds to a visit or a patrol of his afterwards."""
    if kind == "visit":
        return {
            "findings": words(rng, 9),
            "rating": rng.randint(1, 5),
            "late_reason": words(rng, 1),
        }
    return {"summary": words(rng, 9), "weather": "cloudy", "late_reason": words(rng, 1)}


MAKERS = {"visit": visit, "patrol": patrol, "issue": issue}


@dataclass
class Laptop:
    """One laptop's stream: it seals changes and prepares the requests that carry them."""

    device_id: str
    token: str
    worker_id: str
    grid: str
    epoch: str
    cursor: str | None = None
    stream: str = field(default_factory=new_id)
    seq: int = 0
    prev: str = ZEROS
    acked: tuple[int, str] = (0, ZEROS)
    """Number and hash of the last change that earlier requests will have brought."""
    mine: list[tuple[str, str]] = field(default_factory=list)
    """Kind and id of the visits and patrols made lately, which may be added to."""

    def begin_stream(self) -> None:
        """Begin a new stream, as a laptop does whose store was restored."""
        self.stream, self.seq, self.prev, self.acked = new_id(), 0, ZEROS, (0, ZEROS)
        self.mine = []

    def change(self, kind: str, action: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Seal one change at the end of the stream and return it."""
        change = {
            "change_id": new_id(), "kind": kind, "schema": kind_of(kind).info.version,
            "record_id": new_id(), "action": action, "grid": self.grid, "base_version": None,
            "made_at": written(datetime.now(UTC)), "author": self.worker_id, "fields": fields,
            **more,
        }  # fmt: skip
        self.seq += 1
        sealed = seal(change, self.seq, self.prev)
        self.prev = sealed["hash"]
        return sealed

    def work(self, rng: random.Random) -> dict[str, Any]:
        """Do one of the things a worker does."""
        what = rng.choices(list(SHARES), list(SHARES.values()))[0]
        at = datetime.now(UTC) - timedelta(minutes=rng.randint(1, 500))
        if what == "update" and self.mine:
            kind, record_id = self.mine.pop(rng.randrange(len(self.mine)))
            return self.change(kind, "update", edit(rng, kind), record_id=record_id)
        kind = "visit" if what == "update" else what
        made = self.change(kind, "create", MAKERS[kind](rng, at))
        if kind != "issue":
            self.mine = [*self.mine[-50:], (kind, made["record_id"])]
        return made

    def body(self, changes: Sequence[dict[str, Any]], want: int) -> bytes:
        """Return the body of the exchange that brings ``changes``, and count them as brought."""
        acked_seq, acked_hash = self.acked
        envelope = {
            "protocol": 1, "device_id": self.device_id, "batch_id": new_id(),
            "server_epoch": self.epoch, "cursor": self.cursor,
            "sent_at": written(datetime.now(UTC)), "app": APP,
            "heads": [{"stream": self.stream, "acked_seq": acked_seq, "acked_hash": acked_hash,
                       "last_seq": self.seq}],
            "stream": self.stream, "want": want, "changes": list(changes),
        }  # fmt: skip
        if changes:
            self.acked = (changes[-1]["seq"], changes[-1]["hash"])
        return canonical(envelope)

    def batches(self, count: int, size: int, rng: random.Random, want: int) -> Iterator[bytes]:
        """Yield the bodies of so many exchanges of ``size`` changes each."""
        for _ in range(count):
            yield self.body([self.work(rng) for _ in range(size)], want)

    @property
    def headers(self) -> dict[str, str]:
        """The head of its requests."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


SYNC = f"{API}/sync"


def mean_bytes(bodies: Sequence[bytes]) -> float:
    """Return the mean size of a change as it travels in these bodies."""
    sizes = [len(canonical(change)) for body in bodies for change in json.loads(body)["changes"]]
    return statistics.mean(sizes)
