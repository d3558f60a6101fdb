"""Who uses a data folder at the moment: many programs together, or one alone to replace its data.

A lock of the operating system on a small file: it ends with its program, however that ends.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from sync_server.domain.errors import Refusal
from sync_server.store.folders import make_folder

FILE = "in-use"
SEATS = 64
"""Windows knows no shared locks: there every program takes one byte of so many."""
TRIES, PAUSE_S = 10, 0.02


class Occupancy:
    """A program's hold on a data folder, until ``release``; ``first``: nobody else was there."""

    def __init__(self, handle: int, *, first: bool) -> None:
        self._handle = handle
        self.first = first

    def release(self) -> None:
        """Let go; more than once does no harm."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def occupy(folder: Path, *, alone: bool = False) -> Occupancy:
    """Take a data folder, made when missing, together with others or ``alone``.

    Raises Refusal: folder_unusable; server_running (others are there), being_restored (somebody
    has it alone).
    """
    try:
        make_folder(folder)
        handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as err:
        raise Refusal("folder_unusable", folder=str(folder)) from err
    try:
        first = _enter(handle, alone)
    except OSError as err:
        os.close(handle)
        code = "server_running" if alone else "being_restored"
        raise Refusal(code, folder=str(folder)) from err
    return Occupancy(handle, first=first)


def take_duty(folder: Path, duty: str) -> Occupancy | None:
    """Take a duty that one program of a data folder does for all; None when another one has it.

    It becomes free when it is released or its program ends, however that ends.
    """
    try:
        handle = os.open(folder / f"{FILE}-{duty}", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        _lock(handle, alone=True)
    except OSError:
        os.close(handle)
        return None
    return Occupancy(handle, first=True)


def _enter(handle: int, alone: bool) -> bool:
    """Take the lock; return whether nobody else was there. Raises OSError.

    Whoever comes together with others looks first whether he is alone, for a moment in which
    another one is kept out: he tries again.
    """
    for tries_left in reversed(range(1 if alone else TRIES)):
        try:
            _lock(handle, alone=True)
            if not alone:
                _share(handle)
            return True
        except OSError:
            if alone:
                raise
        try:
            _lock(handle, alone=False)
            return False
        except OSError:
            if not tries_left:
                raise
        time.sleep(PAUSE_S)
    raise AssertionError


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, alone: bool) -> None:
        if alone:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, SEATS)
            return
        for seat in range(SEATS):
            os.lseek(handle, seat, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError:
                continue
            return
        raise OSError("no seat is free")

    def _share(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, SEATS)
        _lock(handle, alone=False)

else:
    import fcntl

    def _lock(handle: int, alone: bool) -> None:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)

    def _share(handle: int) -> None:
        _lock(handle, alone=False)
