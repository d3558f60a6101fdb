"""The daily copies in a worker's folder: how they are named, which is the newest, which may go.

A copy is named after its day and its number, `store-2026-09-11-0008.db`. The number alone tells the
order, since it is one more than any there: a clock that was wrong falsifies the day, and the times
the system notes with a file too; the count of commits lies within the encryption, and goes back
when a copy is restored. Copies of earlier programs have no number and come before all that do.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

_NAME = re.compile(r"store-(\d{4}-\d\d-\d\d)(?:-(\d{4,}))?\.db", re.ASCII)
_PAGE_BYTES = 4096
_PIECE_BYTES = 1 << 20


def backups(folder: Path) -> list[Path]:
    """The daily copies in a folder, the one made last first; an absent folder has none."""
    found = [copy for copy in folder.glob("store-*.db") if _is_named(copy)]
    return sorted(found, key=lambda copy: (_number(copy), copy.name), reverse=True)


def backup_day(copy: Path) -> date:
    """The day a copy was made by the clock of then. Raises ValueError for another file's name."""
    return date.fromisoformat(copy.stem.removeprefix("store-")[:10])


def next_copy(folder: Path, day: date) -> Path:
    """Where the next copy belongs: behind all there are, whatever their days."""
    number = max(map(_number, backups(folder)), default=0) + 1
    return folder / f"store-{day.isoformat()}-{number:04d}.db"


def superfluous(folder: Path, made: Path, keep: int) -> list[Path]:
    """What may go now that `made` is there: all but the newest `keep`, and never `made` itself.

    An earlier copy of the same day goes when nothing was copied between the two. Where no number
    tells the order, copies dated after the day of `made` go first.
    """
    day = backup_day(made)
    others = [copy for copy in backups(folder) if copy != made]
    replaced = [copy for copy in others[:1] if backup_day(copy) == day]
    others = others[len(replaced) :]
    others.sort(key=lambda copy: not _number(copy) and backup_day(copy) > day)
    return replaced + others[max(keep - 1, 0) :]


def is_whole(copy: Path) -> bool:
    """Whether a copy can be read from end to end and ends where a page does.

    More cannot be told without the key: every page carries a seal that only the key can check.
    """
    size = 0
    try:
        with open(copy, "rb") as file:
            while piece := file.read(_PIECE_BYTES):
                size += len(piece)
    except OSError:
        return False
    return size > 0 and size % _PAGE_BYTES == 0


def _is_named(copy: Path) -> bool:
    try:
        return bool(_NAME.fullmatch(copy.name) and backup_day(copy))
    except ValueError:
        return False


def _number(copy: Path) -> int:
    named = _NAME.fullmatch(copy.name)
    return int(named[2] or 0) if named else 0
