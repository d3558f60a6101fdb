"""What a process asked of the system, in order: its writes, syncs, renames and confirmations.

``strace`` is attached to a fork before its work begins. From its lines come `Event`s with the
bytes themselves, enough to say what a disk could hold had the power gone at any of them.
"""

from __future__ import annotations

import ast
import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.torture.forks import Fork, Say, Told

CALLS = (
    "openat,open,creat,close,dup,dup2,dup3,lseek,write,pwrite64,writev,pwritev,pwritev2,fsync,"
    "fdatasync,sync_file_range,rename,renameat,renameat2,ftruncate,truncate,fallocate,unlink,"
    "unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,copy_file_range,sendfile"
)
# What would change files in a way the model does not know; seeing one under the root is an error.
UNKNOWN = frozenset(
    ("writev", "pwritev", "pwritev2", "fallocate", "symlink", "symlinkat", "copy_file_range",
     "sendfile", "truncate", "sync_file_range")
)  # fmt: skip
_LINE = re.compile(r"(?:\[pid\s+\d+\] |\d+ +)?(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*?)>)?(?: .*)?$", re.S)
_PR_SET_PTRACER = 0x59616D61
ATTACH_S = 20


@dataclass(frozen=True)
class Event:
    """One thing that happened: ``call`` is create, write, truncate, sync, rename, link, unlink,
    mkdir, or confirmed (then ``size`` is the number)."""

    call: str
    path: str = ""
    other: str = ""
    offset: int = 0
    data: bytes = b""
    size: int = 0


class NoStrace(Exception):
    """There is no strace here, or it may not attach."""


def strace() -> str:
    """Return the program; raises NoStrace."""
    found = shutil.which("strace")
    if found is None:
        raise NoStrace("strace is not installed")
    return found


def attached(job: Callable[[Say], None], *options: str, output: Path) -> Told:
    """Run ``job`` in a fork with strace attached from its first step; raises NoStrace."""

    def traced(say: Say) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, -1, 0, 0, 0)  # else only ancestors may attach
        say(b"R", 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        job(say)

    program = strace()
    fork = Fork(traced)
    os.waitpid(fork.pid, os.WUNTRACED)
    command = [program, "-q", "-y", "-o", str(output), *options, "-p", str(fork.pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if not _is_traced(fork.pid, tracer):
            os.kill(fork.pid, signal.SIGKILL)
            fork.finish()
            assert tracer.stderr is not None
            raise NoStrace(tracer.stderr.read().decode().strip() or "strace does not attach")
        os.kill(fork.pid, signal.SIGCONT)
        told = fork.finish()
    finally:
        tracer.wait()
        if tracer.stderr is not None:
            tracer.stderr.close()
    return told


def _is_traced(pid: int, tracer: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + ATTACH_S
    while time.monotonic() < deadline and tracer.poll() is None:
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"^TracerPid:\t(\d+)", status, re.M)
        if found and int(found[1]):
            return True
        time.sleep(0.001)
    return False


def trace(job: Callable[[Say], None], root: Path, scratch: Path) -> list[Event]:
    """Run ``job`` and return what it did below ``root``, with what it confirmed in between.

    Raises NoStrace, AssertionError when the job failed or did what the model does not know.
    """
    output = scratch / "strace"
    told = attached(job, "-s", "100000000", "-e", f"trace={CALLS}", output=output)
    assert not told.failure, told.failure
    events = list(Reader(str(root)).read(output))
    output.unlink()
    return events


class Reader:
    """Turns strace's lines into events, following where each file is being written."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._at: dict[int, int] = {}

    def read(self, output: Path) -> Iterator[Event]:
        """Give the events of a file of lines; raises AssertionError for what cannot be read."""
        with open(output, encoding="latin-1", newline="\n") as lines:
            for line in lines:
                if "(" not in line or line.rstrip().endswith("+++"):
                    continue
                if line.split(maxsplit=1)[0] in ("---", "+++"):
                    continue
                match = _LINE.match(line.rstrip("\n"))
                assert match, f"cannot read {line[:200]}"
                call, arguments, result = match[1], match[2], int(match[3])
                if result >= 0:
                    yield from self._event(call, arguments, result)

    def _event(self, call: str, arguments: str, result: int) -> Iterator[Event]:
        if call in ("openat", "open", "creat"):
            path = _strings(arguments)[0]
            self._at[result] = 0
            if self._inside(path) and "O_CREAT" in arguments:
                yield Event("create", self._name(path))
                if "O_TRUNC" in arguments:
                    yield Event("truncate", self._name(path))
            if "O_APPEND" in arguments:
                del self._at[result]  # nobody writes so; where would not be known
            return
        if call == "lseek":
            self._at[_handle(arguments)[0]] = result
        elif call in ("write", "pwrite64"):
            yield from self._write(call, arguments, result)
        elif call in ("fsync", "fdatasync"):
            path = _handle(arguments)[1]
            if self._inside(path):
                yield Event("sync", self._name(path))
        elif call == "ftruncate":
            path = _handle(arguments)[1]
            if self._inside(path):
                size = int(arguments.rsplit(",", 1)[1])
                yield Event("truncate", self._name(path), size=size)
        else:
            yield from self._names(call, arguments)

    def _write(self, call: str, arguments: str, result: int) -> Iterator[Event]:
        handle, path, rest = _handle(arguments)
        if path.startswith("pipe:"):
            frame = _bytes(rest)
            if frame[:1] == b"C":
                yield Event("confirmed", size=int.from_bytes(frame[1:5], "big"))
            return
        if call == "pwrite64":
            data, offset = _bytes(rest), int(rest.rsplit(",", 1)[1])
        else:
            data, offset = _bytes(rest), self._at.get(handle, -1)
            if offset >= 0:
                self._at[handle] = offset + result
        if self._inside(path) and not path.endswith("(deleted)"):
            assert offset >= 0, f"written somewhere in {path}"
            yield Event("write", self._name(path), offset=offset, data=data[:result])

    def _names(self, call: str, arguments: str) -> Iterator[Event]:
        paths = _strings(arguments)
        if not any(self._inside(path) for path in paths):
            assert not (call in UNKNOWN and self._root in arguments), f"{call}({arguments[:200]})"
            return
        if call in ("rename", "renameat", "renameat2"):
            yield Event("rename", self._name(paths[0]), self._name(paths[1]))
        elif call in ("link", "linkat"):
            yield Event("link", self._name(paths[0]), self._name(paths[1]))
        elif call in ("unlink", "unlinkat", "rmdir"):
            yield Event("unlink", self._name(paths[0]))
        elif call in ("mkdir", "mkdirat"):
            yield Event("mkdir", self._name(paths[0]))
        else:
            assert call not in UNKNOWN, f"{call}({arguments[:200]})"

    def _inside(self, path: str) -> bool:
        return path == self._root or path.startswith(self._root + "/")

    def _name(self, path: str) -> str:
        return path[len(self._root) + 1 :]


def _handle(arguments: str) -> tuple[int, str, str]:
    """The descriptor, what it stands for, and the other arguments."""
    match = re.match(r"(\d+)<([^>]*)>(?:\(deleted\))?(?:, )?(.*)$", arguments, re.S)
    assert match, arguments[:200]
    return int(match[1]), match[2], match[3]


def _strings(arguments: str) -> list[str]:
    return [_unescaped(one).decode() for one in re.findall(r'"(?:[^"\\]|\\.)*"', arguments)]


def _bytes(arguments: str) -> bytes:
    end = arguments.rindex('"')
    assert not arguments[end + 1 :].startswith("..."), "strace cut the bytes"
    return _unescaped(arguments[: end + 1])


def _unescaped(quoted: str) -> bytes:
    value = ast.literal_eval("b" + quoted)
    assert isinstance(value, bytes)
    return value
