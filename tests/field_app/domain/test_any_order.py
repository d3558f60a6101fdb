"""Whatever order receipts, copies, decisions and departures come in, the laptop ends the same."""

from __future__ import annotations

import copy as copying
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.values import apply, get_path, set_path
from tests.field_app.domain.one_record import (
    BASE,
    ME,
    OTHER,
    RECORD,
    VISIT,
    Laptop,
    decision,
    gone,
    receipt,
    update,
)

WIRING = {"state": "ok", "note": "一"}
WRITES = (
    {"met": "王某", "rating": 2},
    {"mode": "phone"},
    {"safety": {"add": {"wiring": WIRING}}},
)
PATHS = (("met", "rating"), ("mode",), ("safety.wiring",))
OTHERS = {"met": "李某", "rating": 5, "mode": "video", "safety.wiring": {"state": "bad"}}
FIXED = {"met": "赵某", "rating": 3, "mode": "doorbell", "safety.wiring": {"state": "todo"}}


class Centre:
    """Plays the centre for one record: what it tells, in order, and what it says of a change
    today."""

    def __init__(self, changes: list[dict[str, Any]]) -> None:
        self.changes = changes
        self.fields: dict[str, Any] = dict(BASE)
        self.version = 1
        self.here = True
        self.clock = 0
        self.told: list[dict[str, Any]] = []
        self.outcomes: dict[str, tuple[str, int | None]] = {}
        self.said: dict[str, dict[str, Any]] = {}
        self.disputes: list[tuple[str, str, str | None]] = []

    def _tell(self, one: dict[str, Any]) -> None:
        self.said[one["record_id"]] = one
        if self.here:
            self.told.append(one)

    def _record(self, path: str | None = None, value: Any = None) -> None:
        if path is not None:
            fields = dict(self.fields)
            set_path(fields, path, value)
            self.fields = fields
        self.version += 1
        self._tell(update(self.fields, self.version))

    def receive(self, outcome: str) -> None:
        """Take the next change in; of one in conflict, each path meets another's value."""
        place = len(self.outcomes)
        if place == len(self.changes):
            return
        change = self.changes[place]
        if outcome == "conflict":
            for path in PATHS[place]:
                self._record(path, OTHERS[path])
                self.disputes.append((change["change_id"], path, None))
        elif outcome == "applied":
            self.fields = apply(VISIT, self.fields, change["fields"])
            self._record()
            self.disputes += [(OTHER, path, change["change_id"]) for path in PATHS[place]]
        version = None if outcome == "quarantined" else self.version
        self.outcomes[change["change_id"]] = (outcome, version)

    def decide(self, number: int, outcome: str) -> None:
        """Settle a conflict, or settle it anew."""
        if not self.disputes:
            return
        change_id, path, stood = self.disputes[number % len(self.disputes)]
        mine = next(get_path(apply(VISIT, {}, one["fields"]), path) for one in self.changes
                    if one["change_id"] in (change_id, stood))  # fmt: skip
        wins = {"kept": stood is not None, "replaced": stood is None}
        values = {True: mine, False: OTHERS[path], None: FIXED[path]}
        value = values[wins.get(outcome)]
        if get_path(self.fields, path) != value:
            self._record(path, value)
        name = f"{number % len(self.disputes):01d}"
        self._rule(change_id, outcome, name, path=path, stood=stood)

    def judge(self, number: int, outcome: str) -> None:
        """Settle a refused change; one that was let in stays so."""
        refused = [name for name, one in self.outcomes.items() if one[0] == "quarantined"]
        if not refused:
            return
        change_id = refused[number % len(refused)]
        place = [one["change_id"] for one in self.changes].index(change_id)
        version = None
        if outcome != "dismissed":
            for path in PATHS[place]:
                mine = get_path(apply(VISIT, {}, self.changes[place]["fields"]), path)
                self._record(path, mine if outcome == "released" else FIXED[path])
            version = self.version
            self.outcomes[change_id] = ("applied", version)
        self._rule(change_id, outcome, chr(ord("a") + place), subject="refused", path=None,
                   reached=version)  # fmt: skip

    def _rule(self, change_id: str, outcome: str, name: str, *, reached: Any = None,
              **more: Any) -> None:  # fmt: skip
        self.clock += 1
        at = f"2026-10-{self.clock:02d}T08:00:00+08:00"
        before = self.said.get(decision("", "", name=name)["record_id"], {"version": 0})
        told = decision(change_id, outcome, before["version"] + 1, name=name, at=at, **more)
        if reached:
            told["fields"]["version"] = reached
        self._tell(told)

    def ask(self) -> None:
        """Ask the worker something, or close it."""
        name = "01998a00-0000-7000-8000-cccccccc0001"
        before = self.said.get(name, {"version": 0, "fields": {"closed": True}})
        said = {"target_kind": "visit", "target_id": RECORD, "asked_of": ME, "words": "请核对",
                "change_id": self.changes[0]["change_id"],
                "closed": not before["fields"]["closed"]}  # fmt: skip
        self._tell(update(said, before["version"] + 1, "correction", name))

    def move(self) -> None:
        """The record and all that is said about it leave the worker's grids, or come back."""
        self.here = not self.here
        for name, one in {RECORD: update(self.fields, self.version), **self.said}.items():
            self.told.append(one if self.here else gone(name))

    def receipts(self, upto: dict[str, Any]) -> list[dict[str, Any]]:
        """What the centre said of its changes at a moment, to a laptop that asks again."""
        by_id = {one["change_id"]: one for one in self.changes}
        return [receipt(by_id[name], *one) for name, one in upto.items()]


ACT = st.one_of(
    st.tuples(st.just("receive"), st.just(0), st.sampled_from(["applied", "conflict",
                                                             "quarantined"])),
    st.tuples(st.just("decide"), st.integers(0, 5), st.sampled_from(["kept", "replaced",
                                                                     "rewritten"])),
    st.tuples(st.just("judge"), st.integers(0, 2), st.sampled_from(["released", "dismissed",
                                                                    "released_fixed"])),
    st.tuples(st.sampled_from(["edit", "ask", "move"]), st.just(0), st.just("")),
)  # fmt: skip


def play(acts):
    """Play the centre's side; return after each act how much it had told, and all it had said of
    the changes by then."""
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    changes = [laptop.write(fields) for fields in WRITES]
    centre = Centre(changes)
    moments = []
    for what, number, outcome in acts:
        match what:
            case "receive":
                centre.receive(outcome)
            case "decide":
                centre.decide(number, outcome)
            case "judge":
                centre.judge(number, outcome)
            case "edit":
                centre._record("findings", f"第{len(moments)}次")
            case "ask":
                centre.ask()
            case "move":
                centre.move()
        moments.append((len(centre.told), dict(centre.outcomes)))
    if not centre.here:
        centre.move()
    moments.append((len(centre.told), dict(centre.outcomes)))
    return laptop, centre, moments


def ends(laptop):
    """What the laptop holds, but for the last other value it happened to see where the worker's
    stands now, and for how its receipts came."""
    conflicts = copying.deepcopy(laptop.conflicts)
    for document in conflicts.values():
        for pair in document["pairs"]:
            if document["fates"][pair["path"]] == "replaced":
                pair.pop("theirs", None)
    changes = {
        name: [change[key] for key in ("acked", "settled", "outcome")]
        + [bool(change.get(key)) for key in ("decided", "declined")]
        for name, change in laptop.changes.items()
    }
    return laptop.views, conflicts, changes


def pull(laptop, centre, begin, end, page):
    """Give what was told between two places in pages, only the last word on each record."""
    last = {one["record_id"]: place for place, one in enumerate(centre.told[begin:end])}
    told = [centre.told[begin + place] for place in sorted(last.values())]
    for start in range(0, len(told), page):
        laptop.answer([], told[start : start + page])


@settings(max_examples=150, deadline=None)
@given(st.lists(ACT, max_size=14), st.data())
def test_any_order_of_arrival_ends_the_same(acts, data):
    timely, centre, moments = play(acts)
    place = 0
    for end, outcomes in moments:
        timely.answer(centre.receipts(outcomes))
        pull(timely, centre, place, end, 100)
        place = end
    late, _, _ = play(acts)
    place = 0
    for end, outcomes in moments[:-1]:
        step = data.draw(st.sampled_from(["nothing", "pull", "again", "exchange", "confirm"]))
        if step in ("confirm", "exchange"):
            late.answer(centre.receipts(outcomes))
        if step == "again":  # an answer was stored, its cursor not: all comes once more
            place = data.draw(st.integers(0, place))
        if step in ("pull", "again", "exchange"):
            pull(late, centre, place, end, data.draw(st.integers(1, 4)))
            place = end
    end, outcomes = moments[-1]
    if data.draw(st.booleans()):
        pull(late, centre, place, end, data.draw(st.integers(1, 4)))
        late.answer(centre.receipts(outcomes))
    else:
        late.answer(centre.receipts(outcomes))
        pull(late, centre, place, end, data.draw(st.integers(1, 4)))
    assert ends(late) == ends(timely)
