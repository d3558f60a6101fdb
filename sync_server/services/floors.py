"""The highest number an epoch ever began above on this machine, remembered beside the database.

A database that was put back does not know what was given out after it was copied; this file does,
and so no number is given out twice for different things.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from sync_server.store.folders import sync_file, sync_folder

FILE = "epochs.json"


def remembered(folder: Path) -> int | None:
    """Return the highest number epochs began above here; None when nothing can be read."""
    try:
        highest = json.loads((folder / FILE).read_text(encoding="utf-8"))["highest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return highest if isinstance(highest, int) else None


def remember(folder: Path, number: int) -> None:
    """Write down that an epoch began above ``number``, unless a higher one is known."""
    if number <= (remembered(folder) or 0):
        return
    scratch = folder / f"{FILE}.part"
    scratch.write_text(json.dumps({"highest": number}) + "\n", encoding="utf-8")
    sync_file(scratch)
    os.replace(scratch, folder / FILE)
    sync_folder(folder)
