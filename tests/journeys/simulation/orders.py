"""The same changes brought in another order, once by stick first: the same values must be kept."""

from __future__ import annotations

from typing import Any

from tests.journeys.simulation.book import VOIDED, Entry, value_at
from tests.journeys.simulation.district import District
from tests.journeys.simulation.verdict import Verdict, kept_beside

OFFLINE_STEPS, ROUNDS_IN_DISORDER = 30, 24
Kept = dict[tuple[str, str], set[str]]


def offline_day(run: District) -> None:
    """Give all laptops the same records; then they work on, copied and set back, without a line."""
    run.first_records()
    for _ in range(OFFLINE_STEPS):
        run.pass_time(run.chance.uniform(1, 900))
        machine, draw = run.chance.choice(run.machines), run.chance.random()
        if draw < 0.06:
            machine.snapshot()
        elif draw < 0.12 and machine.copies:
            machine.go_back_to(run.chance.choice(machine.copies))
        elif draw < 0.16:
            run.clone(machine)
        else:
            run.hand.work(machine, None)


def deliver(run: District, order: str, *, stick: bool = False) -> None:
    """Bring everything to the centre through trouble, in an order that follows from ``order``.

    ``stick``: what was unsent comes by stick first, a file of each laptop handed in once or twice;
    half of the receipts go home before the laptops come over the link.
    """
    run.chance.seed(order)
    if stick:
        _carry(run)
    run.net.trouble, run.net.danger, run.at_once = 0.3, 0.05, 0.05
    for _ in range(ROUNDS_IN_DISORDER):
        run.pass_time(60)
        run.chance.choice(run.machines).sync(run.accident())
    run.peace()


def _carry(run: District) -> None:
    """Bring a file of each laptop to the centre, and some receipts back."""
    machines = run.chance.sample(run.machines, len(run.machines))
    for machine in machines:
        run.sticks.write(machine, None)
        file = run.sticks.batches[-1]
        receipt = run.sticks.take_in(file, 0.0)
        if run.chance.random() < 0.3:
            receipt = run.sticks.take_in(file, 0.0)
        assert receipt, machine.name
        if run.chance.random() < 0.5:
            run.sticks.hand_out(machine, receipt)
    assert run.listener.by_stick


def kept_values(run: District) -> Kept:
    """Return what the centre shows or keeps beside it, by record and path.

    A value somebody replaced who knew it does not count: whether it is still found in some row
    depends on who came first. Of a void only that it was said.
    """
    verdict = Verdict(run)
    beside = kept_beside(verdict.conflicts)
    kept: Kept = {}
    for record_id, entries in verdict.reached_by_record().items():
        record = verdict.records[record_id]
        for path in {path for entry in entries for path in entry.writes}:
            writers = [entry for entry in entries if path in entry.writes]
            found = beside[record_id, path]
            if path == VOIDED:
                said = record["voided"] or any(found)
                kept[record_id, path] = {"void"} if said else set()
            else:
                found = [*found, value_at(record["fields"], path)]
                kept[record_id, path] = {
                    repr(value) for value in found if _last_of(value, path, writers)
                }
    return kept


def _last_of(value: Any, path: str, writers: list[Entry]) -> bool:
    """Whether somebody wrote the value whom nobody followed that knew it."""
    return any(
        entry.writes[path] == value
        and not any(other is not entry and other.knew(entry, path) for other in writers)
        for entry in writers
    )
