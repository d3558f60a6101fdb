"""What must be true when the faults are over (the invariants I1 to I15), by an own book."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from field_app.services.accounting import last_account
from field_app.services.records import kind_names
from field_app.services.streams import all_streams
from field_app.services.workspace import CHANGES, CONFLICTS, Workspace, plain
from schemas.catalogue import kind_of
from sync_server.services.account import account_of
from sync_server.services.places import GRID_LENGTH
from tests.journeys.simulation.book import VOIDED, Entry, said_by, seal_of, value_at
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.district import District
from tests.journeys.simulation.listener import in_scope
from tests.journeys.simulation.machines import Machine
from tests.sync_server.world import DISTRICT

ZEROS = "0" * 64
EPOCH_STEP = 1_000_000
"""How far apart the versions of two epochs of the centre are."""
REACHED = {"applied", "merged", "unchanged", "conflict"}
OUTCOMES = REACHED | {"held", "quarantined"}
ALTERED = ("records", "changes", "conflicts", "aliases", "streams", "reseals")
"""Everything a change can alter."""
FOLLOWING = ("record_voided", "out_of_area", "already_exists", "record_not_taken")
"""Why a change may be refused that nobody planted."""
MOST_AGAIN = 40
"""How many old requests are brought again at the end."""
Row = dict[str, Any]


class Verdict:
    """Everything the centre has written down, read once."""

    def __init__(self, run: District) -> None:
        self.run = run
        every = run.house.rows("changes")
        self.changes = sorted(
            (row for row in every if row["device_id"] is not None),
            key=lambda row: (row["stream"], row["seq"]),
        )
        self.staff_changes = [row for row in every if row["device_id"] is None]
        reached = {row["change_id"] for row in every if row["outcome"] in REACHED}
        self.without_effect = set(run.book.entries) - reached
        """What was done and has no effect: neither a living disk nor the centre, gone back, knows
        of it, or the centre keeps it aside: refused (gone back, it forgets who held a grid), or
        waiting. Others may have built on it while it stood."""
        self.by_id = {row["change_id"]: row for row in self.changes}
        self.records = {row["record_id"]: row for row in run.house.rows("records")}
        self.conflicts = run.house.rows("conflicts")
        self.places: dict[str, dict[int, Row]] = defaultdict(dict)
        for row in [*self.changes, *run.house.rows("reseals")]:
            assert row["seq"] not in self.places[row["stream"]], row
            self.places[row["stream"]][row["seq"]] = row

    def check(self) -> None:
        """Check all but what a second sync does."""
        self.received_once()
        self.confirmed_kept()
        self.nothing_let_out()
        self.streams_whole()
        self.no_effect_twice()
        self.refused_alone()
        self.values_kept()
        self.no_needless_conflict()
        self.decisions_told()
        for machine in self.run.machines:
            self.laptop_settled(machine)
            self.laptop_equals(machine)
            self.accounts_agree(machine)

    def received_once(self) -> None:
        """I1: what was saved on a living disk is at the centre, once and as it was saved, whatever
        became of it: every row says what was entered, and its seal is that of what it says.

        The one thing that may differ is the place: a log left after a fork is sealed anew, and
        perhaps nothing but its new place ever arrives. The protocol keeps a change otherwise in two
        ways only, neither of which a district comes to: as text (``quarantine_me``), which
        `refused_alone` would tell of, and, where an id was used twice for different things, under
        an id of the centre's own, which would not be in the book.
        """
        entries = self.run.book.entries
        for machine in self.run.machines:
            missing = set(machine.disk) - set(self.by_id)
            assert not missing, f"{machine.name}: never arrived {missing}"
        assert set(self.by_id) <= set(entries), "the centre has what nobody entered"
        assert len(self.by_id) == len(self.changes)
        for change_id, row in self.by_id.items():
            entered = entries[change_id].sealed
            assert said_by(row) == said_by(entered), (row, entered)
            assert seal_of(row, row["seq"], row["prev"]) == row["hash"], row
            if (row["seq"], row["prev"]) == (entered["seq"], entered["prev"]):
                assert row["hash"] == entered["hash"], (row, entered)

    def confirmed_kept(self) -> None:
        """I13: what was ever confirmed, over the link or on a stick, is there, but for what an
        older copy of the centre lacked and no living disk has; and whatever the link confirmed was
        stored by then."""
        assert not self.run.listener.unstored, f"confirmed before {self.run.listener.unstored}"
        missing = self.run.listener.confirmed - set(self.by_id) - self.run.house.lost
        assert not missing, f"confirmed and gone {missing}"

    def nothing_let_out(self) -> None:
        """I11: no answer, over the link or on a stick, told a laptop of what is not its worker's;
        and no spoilt request was taken for good."""
        assert not self.run.listener.wrong, self.run.listener.wrong
        assert not self.run.net.wrong, self.run.net.wrong

    def streams_whole(self) -> None:
        """I10, I15: numbers without a gap, a chain of hashes without a break, every one counted.

        What was sealed anew bears at its new place the seal of what the centre has of it.
        """
        for stream in self.run.house.rows("streams"):
            rows = self.places[stream["stream"]]
            assert sorted(rows) == list(range(1, stream["known_seq"] + 1)), stream
            assert rows[stream["known_seq"]]["hash"] == stream["known_hash"]
            for seq, row in rows.items():
                before = rows[seq - 1]["hash"] if seq > 1 else ZEROS
                assert row.get("prev", before) == before, (stream, seq)
                if "prev" not in row:
                    assert seal_of(self.by_id[row["change_id"]], seq, before) == row["hash"], row
            outcomes = Counter(row.get("outcome", "duplicate") for row in rows.values())
            assert set(outcomes) <= OUTCOMES | {"duplicate"}
            assert sum(outcomes.values()) == stream["known_seq"]

    def no_effect_twice(self) -> None:
        """I2: a record has as many versions as changes that made one, a create and a step once.

        A new epoch of the centre goes on counting above a multiple of a million.
        """
        made: dict[str, list[int]] = defaultdict(list)
        moved: dict[str, set[int]] = defaultdict(set)
        for row in [*self.changes, *self.staff_changes]:
            if row["outcome"] == "applied":
                made[row["record_id"]].append(row["version"])
            if row["outcome"] in REACHED:
                moved[row["record_id"]].add(row["version"])
        for record_id, record in self.records.items():
            counted = {version % EPOCH_STEP for version in moved[record_id]}
            assert len(counted) == len(moved[record_id]), record
            assert counted == set(range(1, record["version"] % EPOCH_STEP + 1)), record
            assert max(moved[record_id]) == record["version"], record
            assert len(made[record_id]) == len(set(made[record_id])), record

    def refused_alone(self) -> None:
        """I8: refused is what was planted, and what can only follow from it."""
        for row in self.changes:
            entry = self.run.book.entries[row["change_id"]]
            codes = [one["code"] for one in row["problem"] or []]
            if row["desk"] == "released":
                continue
            if codes == ["device_revoked"]:  # handed in on a stick, kept for staff unread
                assert row["outcome"] == "quarantined", row
                assert row["device_id"] in self.run.staff.revoked, row
                assert row["desk"] or not self._brought_again(row["change_id"]), row
            elif entry.planted:
                assert row["outcome"] == "quarantined", row
                assert entry.planted in codes, row
            elif row["outcome"] == "quarantined":
                assert len(codes) == 1, row
                assert codes[0] in FOLLOWING, row
                if codes == ["already_exists"]:  # two copies of a store corrected one create
                    maker = self.records[row["record_id"]]["origins"][""]["change_id"]
                    assert row["corrects"] not in (None, maker), row
                elif codes == ["record_not_taken"]:  # what was to make it was dismissed, given up
                    assert row["desk"] == "dismissed", row
                elif codes == ["out_of_area"]:
                    assert self._not_his(entry, row), row
                else:
                    assert self._was_voided(row["record_id"]), row
            elif row["outcome"] == "held":
                assert row["waits_for"] not in self.records, row

    def _brought_again(self, change_id: str) -> bool:
        """Whether a laptop that may take part brought a change that had come before."""
        active = self.run.staff.active_devices()
        streams = {
            one["stream"] for one in self.run.house.rows("streams") if one["device_id"] in active
        }
        return any(
            one["change_id"] == change_id and one["stream"] in streams
            for one in self.run.house.rows("reseals")
        )

    def _was_voided(self, record_id: str) -> bool:
        every = [*self.changes, *self.staff_changes]
        return any(one["record_id"] == record_id and one["action"] == "void" for one in every)

    def _not_his(self, entry: Entry, row: Row) -> bool:
        """Whether the writer did not hold the grid, or that of what his record hangs on, which
        counts whatever he claims; the centre may have forgotten that he did."""
        held = self.run.staff.surely_held(entry.worker, entry.at) if entry.at else set()
        named = row["fields"].get(kind_of(row["kind"]).info.parent or "")
        above = self.records.get(named) if isinstance(named, str) else None
        grids = {row["grid"], *([above["grid"]] if above else [])}
        return (
            any(len(one) >= GRID_LENGTH and one not in held for one in grids)
            or self.run.house.goings_back > 0
        )

    def decisions_told(self) -> None:
        """What staff decided about a conflict is told by a record of its own, to all who see it."""
        for row in self.conflicts:
            if row["decided_by"] is not None:
                told = self.records.get(row["conflict_id"])
                assert told is not None, row
                assert told["fields"]["outcome"] == row["decision"], (row, told)

    def values_kept(self) -> None:
        """I4, I5: a value is visible, in a conflict, or followed by one whose writer knew it."""
        beside = kept_beside(self.conflicts)
        for record_id, entries in self.reached_by_record().items():
            others = [one for one in self.run.book.entries.values() if one.record_id == record_id]
            for entry in entries:
                for path, value in entry.writes.items():
                    assert self._kept(entry, path, value, others, beside), (entry, path)

    def no_needless_conflict(self) -> None:
        """Who had the other's value on his screen and says so makes no conflict with it, nor does
        what his own log held before, whenever that is let in.

        Of values that were written once only: of others, and of what was emptied, the screen does
        not tell whose they are. A centre that went back may ask once too often, and beside a void
        everything is kept.
        """
        if self.run.house.goings_back:
            return
        entries = self.run.book.entries
        written = Counter(
            (one.record_id, path, repr(value))
            for one in entries.values()
            for path, value in one.writes.items()
        )
        for row in self.conflicts:
            other, stood = entries.get(row["change_id"]), entries.get(row["visible_change_id"])
            path = row["path"]
            if other is None or stood is None or path not in other.writes.keys() & stood.writes:
                continue
            if path != VOIDED:
                assert other.change_id not in stood.own, (row, other, stood)
            value = stood.writes[path]
            once = value is not None and written[row["record_id"], path, repr(value)] == 1
            if once and path != VOIDED and not self._was_voided(row["record_id"]):
                assert not other.looked_at(stood, path), (row, other, stood)

    def reached_by_record(self) -> dict[str, list[Entry]]:
        """Return the changes that reached their record, by record."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for row in [*self.changes, *self.staff_changes]:
            if row["outcome"] in REACHED and row["change_id"] in self.run.book.entries:
                found[row["record_id"]].append(self.run.book.entries[row["change_id"]])
        return found

    def _kept(
        self,
        entry: Entry,
        path: str,
        value: Any,
        others: list[Entry],
        beside: dict[tuple[str, str], list[Any]],
    ) -> bool:
        record = self.records[entry.record_id]
        if path == VOIDED:
            said = {"voided": True, "reason": value}
            stands = bool(record["voided"]) == (value is not None)
            if stands or said in beside[entry.record_id, path]:
                return True
        elif value_at(record["fields"], path) == value or value in beside[entry.record_id, path]:
            return True
        return any(
            other is not entry
            and path in other.writes
            and other.knew(entry, path)
            and (
                other.change_id not in self.without_effect
                or self._kept(
                    other,
                    path,
                    other.writes[path],
                    [one for one in others if one is not entry],
                    beside,
                )
            )
            for other in others
        )

    def laptop_settled(self, machine: Machine) -> None:
        """I10, I12, I15: the laptop has nothing unsent and its log is the centre's."""
        logs = all_streams(machine.ws)
        for change_id, change in machine.stored().items():
            assert change["acked"], (machine.name, change_id)
            at = self.places[change["stream"]][change["seq"]]
            assert (at["change_id"], at["hash"]) == (change_id, change["hash"])
            assert change["outcome"] == self.by_id[change_id]["outcome"], change
        for name, log in logs.items():
            if not log.get("forked"):
                # (Another laptop that carries the same store may have written on in the stream.)
                assert log["acked_seq"] == log["last_seq"] <= len(self.places[name]), log
                last = self.places[name][log["last_seq"]]["hash"] if log["last_seq"] else ZEROS
                assert log["acked_hash"] == log["last_hash"] == last

    def accounts_agree(self, machine: Machine) -> None:
        """I15: the centre's account of a device is its log by outcome, and the laptop agrees."""
        device_id = machine.device_id
        with self.run.house.centre.store.reading() as connection:
            told = account_of(connection, DISTRICT, device_id)
        mine = Counter(row["outcome"] for row in self.changes if row["device_id"] == device_id)
        for stream in self.run.house.rows("streams"):
            if stream["device_id"] == device_id:
                for place in self.places[stream["stream"]].values():
                    first = self.by_id[place["change_id"]]
                    mine[first["outcome"]] += first["device_id"] != device_id
        mine = +mine
        assert {name: n for name, n in told.counts.items() if n} == dict(mine), machine.name
        if machine.alone and not self.run.house.goings_back:
            assert not last_account(machine.ws)["differences"], machine.name

    def laptop_equals(self, machine: Machine) -> None:
        """I3: the laptop has the centre's records of its grids, no other, and shows them so."""
        grids = self.run.staff.grids[machine.worker]
        assert sorted(machine.ws.grids) == sorted(grids), machine.name
        expected = {
            key for key, row in self.records.items() if in_scope(row["kind"], row["grid"], grids)
        }
        present = set()
        for name in kind_names():
            for view in plain(machine.ws.table(name)):
                if view["copy"] is None:
                    assert view["state"] in ("refused", "received"), view
                    continue
                if view["copy"].get("gone"):  # the worker's own is not settled there
                    assert view["state"] in ("refused", "conflict", "received"), view
                    continue
                if view["copy"].get("old"):
                    # Perhaps the last copy there is of it, or, where a lost history had moved it
                    # into these grids, one of a record that the centre never gave this laptop.
                    assert view["record_id"] not in expected, view
                    assert in_scope(name, view["copy"]["grid"], grids), view
                    assert self.run.house.goings_back, view
                    continue
                present.add(view["record_id"])
                assert view["record_id"] in self.records, view
                row = self.records[view["record_id"]]
                copy = view["copy"]
                assert (copy["version"], copy["voided"]) == (row["version"], bool(row["voided"]))
                assert copy["fields"] == row["fields"], (machine.name, view)
                if view["state"] != "refused":
                    assert view["fields"] == row["fields"], (machine.name, view)
                    assert view["voided"] == bool(row["voided"]), (machine.name, view)
        assert present == expected, machine.name


def kept_beside(conflicts: list[Row]) -> dict[tuple[str, str], list[Any]]:
    """Return all values that were kept beside another or stood against one, by record and path."""
    beside: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in conflicts:
        beside[row["record_id"], row["path"]] += [row["visible"], row["other"]]
    return beside


def check_quiet(run: District) -> None:
    """I7: another sync sends nothing; neither it nor any old request again changes a row."""
    before = dump(run.house)
    shown = {machine.name: _rows_of(machine.ws) for machine in run.machines}
    for machine in run.machines:
        progress = machine.sync()
        assert progress is not None
        assert (progress.stage, progress.confirmed, progress.total) == ("done", 0, 0)
        assert _rows_of(machine.ws) == shown[machine.name], machine.name
    arrived = run.net.arrived
    for sent in run.chance.sample(arrived, min(len(arrived), MOST_AGAIN)):
        run.net.bring(sent)
    assert dump(run.house) == before


def dump(house: House) -> dict[str, list[str]]:
    """Return everything that a change can alter, to compare before and after."""
    return {name: sorted(map(repr, house.rows(name))) for name in ALTERED}


def _rows_of(ws: Workspace) -> dict[str, list[dict[str, Any]]]:
    return {name: plain(ws.table(name)) for name in [*kind_names(), CHANGES, CONFLICTS]}


def judge(run: District, *, again: bool = True) -> None:
    """Live through the run's trouble, make peace, and check everything; ``again``: also that
    nothing is done twice."""
    run.trouble()
    run.peace()
    Verdict(run).check()
    if again:
        check_quiet(run)
