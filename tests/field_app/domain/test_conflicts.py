"""What became of a worker's values, whatever order receipts, copies and decisions come in."""

from __future__ import annotations

import copy as copying
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from field_app.domain.changes import Head, Occasion, sealed
from field_app.domain.conflicts import noted, unread
from field_app.domain.reconcile import Result, World, reconcile, unmarked
from field_app.domain.views import build_view, change_state
from schemas.catalogue import kind_of
from schemas.values import apply, get_path, set_path

AT = "2026-09-30T08:41:00+08:00"
ME, OTHER, STAFF = (f"01998a00-0000-7000-8000-00000000{end}" for end in ("aaaa", "bbbb", "5555"))
RECORD = "01998a00-0000-7000-8000-000000000001"
STREAM = "01998a00-0000-7000-8000-00000000eeee"
GRID, OTHER_GRID = "990101100009003", "990101100009004"
VISIT = kind_of("visit")
BASE = {"visited_at": AT, "purposes": ["routine"], "mode": "door", "result": "met"}
WIRING = {"state": "ok", "note": "一"}


class Laptop:
    """A laptop's documents of one record and of what is said about it."""

    def __init__(self) -> None:
        self.head = Head(STREAM)
        self.changes: dict[str, dict[str, Any]] = {}
        self.conflicts: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}

    def write(self, fields: dict[str, Any], action: str = "update", base: int | None = 1) -> Any:
        """Save a change and return it as it travels."""
        number = self.head.seq + 1
        occasion = Occasion(f"01998a00-0000-7000-9000-{number:012d}", RECORD, GRID, AT, ME, base)
        change = sealed(VISIT, action, fields, occasion, self.head)
        self.head = Head(STREAM, change["seq"], change["hash"])
        own = {"stream": STREAM, "acked": False, "settled": False, "outcome": None, "receipt": None}
        self.changes[change["change_id"]] = change | own
        view = build_view(self.views.get(RECORD, {}).get("copy"), list(self.changes.values()))
        assert view is not None
        self.views[RECORD] = view
        return change

    def answer(
        self,
        receipts: list[dict[str, Any]] = [],  # noqa: B006 (never changed)
        updates: list[dict[str, Any]] = [],  # noqa: B006
        grids: tuple[str, ...] = (GRID,),
    ) -> Result:
        """Take an answer in, as the service does."""
        sent = [one for one in self.changes.values() if not one["acked"]]
        world = World({RECORD: list(self.changes.values())}, dict(self.views),
                      conflicts={RECORD: list(self.conflicts.values())}, grids=grids)  # fmt: skip
        before = copying.deepcopy(world)
        result = reconcile(world, sent, receipts, updates, AT)
        assert before == world, "an answer changes no document in place"
        self.changes |= result.changes
        for documents, found in ((self.conflicts, result.conflicts), (self.views, result.views)):
            for name, document in found.items():
                documents.pop(name, None)
                if document is not None:
                    documents[name] = document
        return result

    def state(self, change: dict[str, Any]) -> str:
        return change_state(self.changes[change["change_id"]])


def receipt(change, outcome="applied", version=1, **more):
    return {"seq": change["seq"], "change_id": change["change_id"], "outcome": outcome,
            "version": version, **more}  # fmt: skip


def update(fields, version=1, kind="visit", record_id=RECORD, **more):
    return {"kind": kind, "schema": 1, "record_id": record_id, "version": version, "grid": GRID,
            "voided": False, "fields": dict(fields), "last": {"author": OTHER, "made_at": AT},
            **more}  # fmt: skip


def decision(change_id, outcome, version=1, *, path="met", subject="conflict", stood=None,
             name="d", at=AT, **more):  # fmt: skip
    said = {"subject": subject, "outcome": outcome, "target_kind": "visit", "target_id": RECORD,
            "change_id": change_id, "visible_change_id": stood, "path": path, "decided_by": STAFF,
            "decided_at": at, "words": "查过了", **more}  # fmt: skip
    fields = {name: value for name, value in said.items() if value is not None}
    return update(fields, version, "decision", f"01998a00-0000-7000-8000-dddddddd000{name}")


def gone(record_id=RECORD):
    return {"record_id": record_id, "gone": True}


def disputed(mine="王某", theirs="李某"):
    """A laptop whose value met another's; returns it, its change and the conflict's document."""
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": mine})
    theirs_now = BASE | {"met": theirs}
    laptop.answer([receipt(change, "conflict", 3, conflict_id="c")], [update(theirs_now, 3)])
    return laptop, change


def refused(action="update"):
    laptop = Laptop()
    if action == "update":
        laptop.answer([], [update(BASE)])
    change = laptop.write(BASE if action == "create" else {"met": "王某"}, action)
    laptop.answer([receipt(change, "quarantined", None, problem=[])])
    return laptop, change


def test_a_decision_settles_which_value_stands_and_says_who_made_it():
    laptop, change = disputed()
    assert laptop.state(change) == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept")])
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "李某"}]
    assert (document["decision"], document["fates"]) == ("kept", {"met": "kept"})
    (told,) = document["rulings"].values()
    assert (told["by"], told["words"], told["at"]) == (STAFF, "查过了", AT)
    assert laptop.state(change) == "declined"
    assert laptop.views[RECORD]["state"] == "stored"
    assert unread(document)


def test_a_decision_made_anew_is_unread_again():
    laptop, change = disputed()
    laptop.answer([], [decision(change["change_id"], "kept")])
    laptop.conflicts[change["change_id"]] = noted(laptop.conflicts[change["change_id"]])
    laptop.answer([], [decision(change["change_id"], "kept")])
    assert not unread(laptop.conflicts[change["change_id"]])
    again = decision(change["change_id"], "rewritten", 2)
    laptop.answer([], [update(BASE | {"met": "赵某"}, 4), again])
    document = laptop.conflicts[change["change_id"]]
    assert document["decision"] == "rewritten"
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "赵某"}]
    assert unread(document)
    laptop.answer([], [update(BASE | {"met": "王某"}, 5),
                       decision(change["change_id"], "replaced", 3)])  # fmt: skip
    assert laptop.conflicts[change["change_id"]]["decision"] == "replaced"
    assert laptop.state(change) == "stored"


def test_who_had_his_value_replaced_is_told_too():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某"})
    laptop.answer([receipt(change, "applied", 2)], [update(BASE | {"met": "王某"}, 2)])
    assert laptop.conflicts == {}
    told = decision(OTHER, "replaced", stood=change["change_id"])
    laptop.answer([], [update(BASE | {"met": "李某"}, 3), told])
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "李某"}]
    assert (document["decision"], unread(document)) == ("kept", True)
    assert laptop.state(change) == "stored"


def test_the_last_decision_counts_where_several_met_one_value():
    laptop, change = disputed()
    laptop.answer([], [
        update(BASE | {"met": "王某"}, 4), decision(change["change_id"], "replaced"),
        decision(OTHER, "replaced", stood=change["change_id"], name="e",
                 at="2026-09-30T09:00:00+08:00"),
        update(BASE | {"met": "钱某"}, 5),
    ])  # fmt: skip
    assert laptop.conflicts[change["change_id"]]["fates"] == {"met": "kept"}


def test_one_path_decided_leaves_the_other_open():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某", "rating": 2})
    laptop.answer([receipt(change, "conflict", 3)],
                  [update(BASE | {"met": "李某", "rating": 5}, 3)])  # fmt: skip
    laptop.answer([], [decision(change["change_id"], "kept")])
    document = laptop.conflicts[change["change_id"]]
    assert document["fates"] == {"met": "kept", "rating": None}
    assert (document["decision"], laptop.state(change)) == (None, "conflict")


def test_what_was_applied_and_changed_later_by_others_is_no_dispute():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某", "rating": 2})
    laptop.answer([receipt(change, "conflict", 3)],
                  [update(BASE | {"met": "李某", "rating": 2}, 3)])  # fmt: skip
    laptop.answer([], [update(BASE | {"met": "李某", "rating": 4}, 4)])
    assert [one["path"] for one in laptop.conflicts[change["change_id"]]["pairs"]] == ["met"]


def test_a_refused_change_let_in_is_settled_by_its_version():
    laptop, change = refused()
    told = decision(change["change_id"], "released", subject="refused", path=None, version=1)
    told["fields"]["version"] = 4
    laptop.answer([], [told])
    assert laptop.state(change) == "stored"
    assert laptop.views[RECORD]["fields"]["met"] == "王某"
    assert not laptop.changes[change["change_id"]]["settled"]
    laptop.answer([], [update(BASE | {"met": "王某"}, 4)])
    assert laptop.changes[change["change_id"]]["settled"]


def test_a_refused_change_let_in_that_meets_another_value_waits_for_a_decision():
    laptop, change = refused()
    laptop.answer([], [update(BASE | {"met": "李某"}, 4)])
    told = decision(change["change_id"], "released", subject="refused", path=None)
    told["fields"]["version"] = 4
    laptop.answer([], [told])
    assert laptop.state(change) == "conflict"
    assert laptop.views[RECORD]["fields"]["met"] == "李某"
    laptop.answer([], [update(BASE | {"met": "李某", "rating": 1}, 5)])
    assert laptop.state(change) == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept", name="e")])
    assert laptop.state(change) == "declined"
    assert laptop.conflicts[change["change_id"]]["decision"] == "kept"


def test_a_refused_change_let_in_with_other_values_shows_both():
    laptop, change = refused()
    told = decision(change["change_id"], "released_fixed", subject="refused", path=None)
    told["fields"]["version"] = 4
    laptop.answer([], [told, update(BASE | {"met": "王某甲"}, 4)])
    document = laptop.conflicts[change["change_id"]]
    assert document["decision"] == "released_fixed"
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "王某甲"}]


def test_a_refused_change_not_taken_is_settled_and_says_so():
    laptop, change = refused()
    laptop.answer([], [decision(change["change_id"], "dismissed", subject="refused", path=None)])
    assert laptop.state(change) == "declined"
    assert laptop.views[RECORD]["fields"] == BASE
    assert laptop.views[RECORD]["state"] == "stored"
    made, creation = refused("create")
    made.answer([], [decision(creation["change_id"], "dismissed", subject="refused", path=None)])
    assert RECORD not in made.views
    (told,) = made.conflicts[creation["change_id"]]["rulings"].values()
    assert told["words"] == "查过了"


def test_a_record_with_an_open_conflict_stays_until_it_is_decided():
    laptop, change = disputed()
    result = laptop.answer([], [gone()])
    assert (result.gone, result.staying) == (1, 1)
    assert laptop.views[RECORD]["state"] == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept")])
    assert RECORD not in laptop.views
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met"}]
    assert [one["words"] for one in document["rulings"].values()] == [""]


def test_a_record_that_comes_back_is_whole_again_and_what_was_noted_stays_noted():
    laptop, change = disputed()
    told = decision(change["change_id"], "kept")
    laptop.answer([], [told])
    laptop.conflicts[change["change_id"]] = noted(laptop.conflicts[change["change_id"]])
    before = copying.deepcopy((laptop.views, laptop.conflicts))
    laptop.answer([], [gone(told["record_id"])])
    laptop.answer([], [gone()])
    assert laptop.views == {}
    assert "李某" not in str(laptop.conflicts)
    laptop.answer([], [update(BASE | {"met": "李某"}, 3), told])
    assert (laptop.views, laptop.conflicts) == before


def test_work_taken_in_a_grid_the_worker_left_waits_for_no_copy():
    laptop = Laptop()
    change = laptop.write(BASE, "create", None)
    laptop.answer([receipt(change)], grids=(GRID,))
    assert RECORD in laptop.views
    laptop.answer([], grids=(OTHER_GRID,))
    assert laptop.views == {}
    assert laptop.changes[change["change_id"]]["settled"]


def test_a_change_offered_again_is_not_decided_any_more():
    laptop, change = disputed()
    laptop.answer([], [decision(change["change_id"], "kept")])
    again = unmarked(laptop.changes[change["change_id"]])
    assert change_state(again) == "local"
    assert not again["declined"]


# Property ---------------------------------------------------------------------------------------

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


@settings(max_examples=250, deadline=None)
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
