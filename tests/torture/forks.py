"""Running something in a fork that may die at any moment; through a pipe it tells how far it is."""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_FRAME = struct.Struct(">cI")
OPENED, CONFIRMED, FAILED, STARTED = b"O", b"C", b"F", b"S"

Say = Callable[[bytes, int], None]


@dataclass
class Told:
    """What a fork said before it ended."""

    opened: int | None = None
    """The last commit it found when it had opened and checked the store."""
    confirmed: list[int] = field(default_factory=list)
    failure: str = ""
    first_s: float | None = None
    """How long after its start the first commit was confirmed."""


class Fork:
    """A child process with a pipe to tell through; end it with `finish` or `kill`."""

    def __init__(self, job: Callable[[Say], None], *, wait: bool = False) -> None:
        """Start ``job`` in a fork; with ``wait`` only once `release` is called."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._read, write = os.pipe()
        gate_read, self._gate = os.pipe()
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            os.close(self._gate)
            _child(job, write, gate_read)
        os.close(write)
        os.close(gate_read)
        self._told = Told()
        self._rest = b""
        self._killed = False
        if not wait:
            self.release()

    def release(self) -> None:
        """Let a waiting child begin."""
        os.write(self._gate, b"!")
        self.started = time.monotonic()

    def kill_when_confirmed(self) -> Told:
        """End it by SIGKILL as soon as it has confirmed something."""
        while not self._told.confirmed and self._take():
            pass
        return self._kill()

    def kill_after(self, seconds: float) -> Told:
        """End it by SIGKILL that long after its start, unless it ends by itself before."""
        deadline = self.started + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._read], [], [], left)
            if ready and not self._take():
                break
        return self._kill()

    def _kill(self) -> Told:
        self._killed = True
        os.kill(self.pid, signal.SIGKILL)
        return self.finish()

    def finish(self) -> Told:
        """Wait for its end."""
        while self._take():
            pass
        os.close(self._read)
        os.close(self._gate)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code and not self._told.failure and not (self._killed and code == -signal.SIGKILL):
            self._told.failure = f"ended without a word: {code}"  # a crash, or out of memory
        return self._told

    def _take(self) -> bool:
        chunk = os.read(self._read, 65536)
        for kind, number in self._frames(chunk):
            if kind == OPENED:
                self._told.opened = number
            elif kind == CONFIRMED:
                if not self._told.confirmed:
                    self._told.first_s = time.monotonic() - self.started
                self._told.confirmed.append(number)
        return bool(chunk)

    def _frames(self, chunk: bytes) -> Iterator[tuple[bytes, int]]:
        self._rest += chunk
        while len(self._rest) >= _FRAME.size:
            kind, number = _FRAME.unpack_from(self._rest)
            end = _FRAME.size
            if kind == FAILED:  # a text follows, ``number`` bytes long
                end += number
                if len(self._rest) < end:
                    return
                self._told.failure = self._rest[_FRAME.size : end].decode("utf-8", "replace")
            self._rest = self._rest[end:]
            yield kind, number


def _child(job: Callable[[Say], None], write: int, gate: int) -> None:
    status = 0
    try:
        os.setpgid(0, 0)
        os.read(gate, 1)
        job(lambda kind, number: _write(write, _FRAME.pack(kind, number)))
    except BaseException as error:
        words = "".join(traceback.format_exception(error))[-3000:].encode()
        _write(write, _FRAME.pack(FAILED, len(words)) + words)
        status = 1
    finally:
        os._exit(status)


def _write(handle: int, frame: bytes) -> None:
    os.write(handle, frame)
