"""A process that saves until it is killed, telling after each save that it was confirmed.

`test_kills.py` starts it once. Each line it reads names a job; the job runs in a fork, whose
process id is told first, and `end` is told when the fork is gone.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
from pathlib import Path

from field_app.store.keys import Argon2Profile
from field_app.store.rows import RowStore
from field_app.store.tables import Document, DurableDB
from field_app.store.vault import Vault


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def save_for_ever(path: Path, first: int) -> None:
    """Save view and log together, numbered from `first`; every 20th save is a large one."""
    db = DurableDB(RowStore.open(path, bytes(range(32))), document_id_class=str)
    view, log = db.table("household"), db.table("changes")
    rng = random.Random(first)
    for number in itertools.count(first):
        note = "网格巡访" * rng.randrange(200 if number % 20 else 20_000)
        with db.transaction():
            view.upsert(Document({"number": number, "note": note}, "latest"))
            view.insert(Document({"number": number, "note": note}, f"{number:09d}"))
            log.insert(Document({"seq": number, "size": len(note)}, f"{number:09d}"))
            if number % 7 == 0:
                view.remove(doc_ids=[f"{number - 3:09d}"])
                log.update({"removed": True}, doc_ids=[f"{number - 3:09d}"])
        tell(f"saved {number}")


def create_for_ever(folder: Path, first: int) -> None:
    """Create one worker after another."""
    vault = Vault(folder, argon=Argon2Profile(64, 1, 1))
    for number in itertools.count(first):
        store, _ = vault.create(f"worker-{number}", None, "correct horse")
        tell(f"saved {number}")
        store.close()


JOBS = {"save": save_for_ever, "create": create_for_ever}

if __name__ == "__main__":
    for line in sys.stdin:
        job, first, path = line.rstrip("\n").split(" ", 2)
        child = os.fork()
        if child == 0:
            try:
                JOBS[job](Path(path), int(first))
            finally:
                os._exit(1)
        tell(f"pid {child}")
        os.waitpid(child, 0)
        tell("end")
