"""Room in memory: one heap for all threads, a bounded cache of the store, no harm elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from field_app import app
from field_app.settings import Settings
from field_app.store import room
from field_app.store.cipher import CACHE_KIB, connect
from field_app.store.files import create_private_file
from tests.field_app.store.conftest import KEY

HEAPS = """
import ctypes, sys, threading
from field_app.store.room import share_room

if sys.argv[1] == "shared":
    share_room()
libc = ctypes.CDLL(None)
libc.open_memstream.restype = ctypes.c_void_p
text, size = ctypes.c_char_p(), ctypes.c_size_t()
stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
together = threading.Barrier(5)
held = []

def work():
    held.append(bytearray(10_000))
    together.wait()
    together.wait()

for _ in range(4):
    threading.Thread(target=work).start()
together.wait()
libc.malloc_info(0, stream)
libc.fclose(stream)
together.wait()
print(text.value.count(b"<heap "))
"""


def heaps(how: str) -> int:
    """How many heaps a process with four threads has that took memory."""
    done = subprocess.run(
        [sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(room._tune is None, reason="another allocator is at work")
def test_threads_share_one_heap() -> None:
    assert heaps("shared") == 1
    assert heaps("apart") > 1


def test_where_another_allocator_is_at_work_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for system in ("win32", "darwin"):
        monkeypatch.setattr(sys, "platform", system)
        assert room._found("mallopt") is None
    monkeypatch.undo()
    if sys.platform.startswith("linux"):
        assert room._found("no_such_call") is None
    monkeypatch.setattr(room, "_trim", None)
    monkeypatch.setattr(room, "_tune", None)
    room.give_back()
    room.share_room()


def test_the_program_shares_its_heap_before_it_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Listening(Exception):
        pass

    done: list[str] = []

    def listen(*_: object) -> None:
        raise Listening

    monkeypatch.setattr(app, "share_room", lambda: done.append("shared"))
    monkeypatch.setattr(app, "_listen", listen)
    with pytest.raises(Listening):
        app.serve(Settings(tmp_path))
    assert done == ["shared"]


def test_a_connection_holds_little_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    create_private_file(path)
    connection = connect(path, KEY)
    try:
        assert connection.execute("PRAGMA cache_size").fetchone() == (-CACHE_KIB,)
    finally:
        connection.close()
    assert CACHE_KIB <= 2048
