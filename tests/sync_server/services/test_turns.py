"""Who writes, who waits, and what is written together."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from sync_server.domain.errors import Refusal
from sync_server.services import turns
from sync_server.services.turns import MOST_TOGETHER, OnlyAlone, Work, Writer

Gather = Callable[[], Sequence[Work]]


class Hall:
    """A writer whose first work stays at its place until it may gather what waits behind it."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.written: list[list[Work]] = []
        self.tried: list[list[Work]] = []
        self.fails: Callable[[Sequence[Work]], BaseException | None] = lambda works: None
        self.threads: dict[Work, int] = {}
        self._pool = ThreadPoolExecutor(16)
        self._come, self._may_go = threading.Event(), threading.Event()

    def write(self, gather: Gather) -> None:
        """Write what is gathered, or fail of it."""
        self._come.set()
        assert self._may_go.wait(10)
        works = list(gather())
        self.tried.append(works)
        if (error := self.fails(works)) is not None:
            raise error
        self.written.append(works)

    def _bring(self, work: Work) -> None:
        self.threads[work] = threading.get_ident()
        self.writer.bring_in(work, self.write)

    def crowd(self, *works: Work) -> list[Future[None]]:
        """Let the first come in, the others queue behind it in order, then let all go."""
        found = []
        for place, work in enumerate(works):
            found.append(self._pool.submit(self._bring, work))
            if place == 0:
                assert self._come.wait(10)
            else:
                self._until(lambda work=work: work in self.writer._waiting)
        self._may_go.set()
        return found

    @staticmethod
    def _until(said: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(2000):
            if said():
                return
            pause.wait(0.005)
        raise AssertionError("it never queued")


@pytest.fixture
def hall() -> Hall:
    return Hall()


def about(*names: str, size: int = 1) -> Work:
    return Work(size, {name.encode() for name in names})


def test_what_waits_is_written_with_whoever_is_first(hall: Hall):
    works = [about("a"), about("b"), about("c")]
    for one in hall.crowd(*works):
        one.result(10)
    assert hall.written == [works]


def test_what_speaks_of_the_same_is_written_one_after_another(hall: Hall):
    first, same, other, same_as_other = about("a"), about("a", "b"), about("c"), about("d", "c")
    for one in hall.crowd(first, same, other, same_as_other):
        one.result(10)
    assert hall.written == [[first, other], [same, same_as_other]]


def test_what_is_to_be_written_alone_is(hall: Hall):
    works = [about("a"), Work(1, None), about("b")]
    for one in hall.crowd(*works):
        one.result(10)
    assert hall.written == [[works[0], works[2]], [works[1]]]


def test_whoever_is_to_be_alone_takes_nobody_with_him(hall: Hall):
    works = [Work(1, None), about("a"), about("b")]
    for one in hall.crowd(*works):
        one.result(10)
    assert hall.written == [[works[0]], works[1:]]


def test_no_more_is_written_together_than_one_batch_may_hold(hall: Hall):
    large = MOST_TOGETHER - 10
    works = [about("a", size=large), about("b", size=11), about("c", size=10)]
    for one in hall.crowd(*works):
        one.result(10)
    assert hall.written == [[works[0], works[2]], [works[1]]]


@pytest.mark.parametrize("error", [Refusal("busy"), OnlyAlone(), RuntimeError("broken")])
def test_what_fails_together_is_tried_alone_and_each_learns_of_his_own(hall: Hall, error):
    bad = about("b")
    hall.fails = lambda works: error if bad in works else None
    works = [about("a"), bad, about("c")]
    found = hall.crowd(*works)
    with pytest.raises(type(error)):
        found[1].result(10)
    assert [one.exception(10) for one in (found[0], found[2])] == [None, None]
    assert hall.tried == [works, [works[0]], [bad], [works[2]]]
    assert hall.written == [[works[0]], [works[2]]]


def test_whoever_ends_the_thread_of_the_first_loses_nobody_behind_him(hall: Hall):
    works = [about("a"), about("b")]
    hall.fails = lambda works: SystemExit() if len(works) > 1 else None
    first, second = hall.crowd(*works)
    with pytest.raises(SystemExit):
        first.result(10)
    second.result(10)
    assert hall.written == [[works[1]]]


def test_a_thread_torn_away_while_another_writes_for_it_blocks_nobody(hall: Hall):
    torn, last = about("b"), about("c")

    def tear(works: Sequence[Work]) -> BaseException | None:
        if len(works) == 1:
            return None
        raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(hall.threads[torn]), ctypes.py_object(SystemExit)
        )
        assert raised == 1
        with hall.writer._changed:
            hall.writer._changed.notify_all()
        hall._until(lambda: torn.left)
        return Refusal("busy")

    hall.fails = tear
    first, gone, after = hall.crowd(about("a"), torn, last)
    with pytest.raises(SystemExit):
        gone.result(10)
    for one in (first, after):
        one.result(10)
    assert hall.written[-1] == [last]
    hall.writer.bring_in(about("d"), hall.write)


def test_a_thread_inside_may_bring_in_more_by_itself():
    writer, written = Writer(), []

    def write(gather: Gather) -> None:
        if not written:
            written.append("outer")
            writer.bring_in(about("a"), write)
        written.append(len(gather()))

    writer.bring_in(about("a"), write)
    assert written == ["outer", 1, 1]


def test_what_is_worked_out_ahead_waits_while_another_of_its_process_has_the_turn(monkeypatch):
    writer, done = Writer(), threading.Event()
    monkeypatch.setattr(turns, "LONGEST_AWAY_S", 20)

    def ahead() -> None:
        writer.give_way()
        done.set()

    def write(gather: Gather) -> None:
        writer.give_way()  # nobody has it yet
        gather()
        threading.Thread(target=ahead).start()
        assert not done.wait(0.2)

    writer.bring_in(about("a"), write)
    assert done.wait(10)


def test_it_waits_not_for_ever(monkeypatch):
    """Who has the turn may be waiting for a slow disk."""
    writer = Writer()
    monkeypatch.setattr(turns, "LONGEST_AWAY_S", 0.01)

    def write(gather: Gather) -> None:
        gather()
        writer.give_way()

    writer.bring_in(about("a"), write)
