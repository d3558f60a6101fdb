"""The first download of a grid over a poor line: 1 Mbit/s, cut again and again on the way."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest

from tests.journeys.agreement import check_agreement
from tests.journeys.line import Answer, Fault, Line, Talk
from tests.journeys.people import GridWorker
from tests.journeys.programs import PASSPHRASE, CentreProgram, ServedLaptop
from tests.journeys.world import PERSONA

pytestmark = pytest.mark.journey

BYTES_A_SECOND = 1_000_000 // 8
CUT = 0.02
"""The chance that an answer of a packet's size breaks off; a longer one breaks off likelier."""
PACKET = 4_096
LONG = 10_000


class Poor:
    """A line of 1 Mbit/s whose answers are cut by chance; counts what it carried."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.carried = self.whole = self.cuts = self.answers = 0

    def fault(self) -> Fault:
        """Return what befalls the next request."""

        def carry(talk: Talk) -> None:
            answer = talk.carry()
            self.answers += 1
            share = self._share(answer)
            size = int(len(answer.body) * share)
            self.carried += size
            if share == 1:
                self.whole += _length(answer)
            time.sleep(size / BYTES_A_SECOND)
            if share < 1:
                self.cuts += 1
            talk.reply(answer, share)

        return carry

    def _share(self, answer: Answer) -> float:
        """Return how much of an answer arrives; the first long one never does whole."""
        if self.cuts == 0 and len(answer.body) > LONG:
            return 0.5
        packets = max(1, -(-len(answer.body) // PACKET))
        for number in range(packets):
            if self.chance.random() < CUT:
                return number / packets
        return 1.0


def _length(answer: Answer) -> int:
    """Return the bytes of an answer's body, unpacked."""
    packed = ("content-encoding", "gzip") in [(n.lower(), v) for n, v in answer.headers]
    return len(gzip.decompress(answer.body) if packed else answer.body)


def test_a_grid_comes_whole_over_one_megabit_with_cuts(centre: CentreProgram, tmp_path: Path):
    poor = Poor(seed=3)
    with Line(centre.address) as line, ServedLaptop(tmp_path, "poor") as laptop:
        line.faults.extend(poor.fault() for _ in range(400))
        laptop.start()
        worker = GridWorker(laptop)
        worker.join(line.address, centre.join_code(PERSONA), PASSPHRASE, "三号机")
        began, rounds = time.monotonic(), 1
        end = worker.watch()
        while end.stage != "done" and rounds < 20:
            end, rounds = worker.sync(), rounds + 1
        assert end.stage == "done", end
        took = time.monotonic() - began
        line.wait_until_quiet()
        laptop.stop()
        with laptop.store() as ws:
            check_agreement(ws, centre.books)
    assert poor.cuts >= 1
    assert poor.whole > 700_000
    print(
        f"{poor.whole:,} bytes of answers, packed {poor.carried:,} carried, {poor.cuts} cuts in"
        f" {poor.answers} answers, {rounds} rounds, {took:.1f} s"
    )
