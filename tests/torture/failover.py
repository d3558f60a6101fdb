"""The primary killed at random moments of a rush, the standby promoted, again and again.

Two PostgreSQL servers with everything on that keeps data, a centre in two processes, laptops whose
workers save without a pause and that sync, wait and come back by themselves, as long as they do
anywhere. After each kill the dead server is made the new standby.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from demo import processes
from tests.journeys.failover import rush
from tests.replicas import replicas

KILLS, LAPTOPS = 5, 8
PATIENCE_S = 240
"""So long the centre may take to start on a machine that does a lot besides."""
MOST_S = 30
"""So soon after the promotion every laptop has to be back."""


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Kill; return the figures, with ``violations`` in words."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-failover-"))
    rng = random.Random()
    kills = max(round(KILLS * scale), 1)
    figures: dict[str, Any] = {"laptops": LAPTOPS, "violations": []}
    processes.START_S = PATIENCE_S
    with replicas(durable=True) as pair, rush(pair, folder, LAPTOPS, haste=1) as failover:
        for number in range(1, kills + 1):
            told = failover.kill(rng)
            figures[f"kill_{number}"] = told.document()
            if told.all_s > MOST_S:
                figures["violations"].append(f"laptops were back after {told.all_s:.1f} s")
            if number < kills:
                pair.follow()
        figures["violations"] += list(failover.violations())
        changes = sum(len(one.sealed()) for one in failover.rushers)
    figures |= {
        "kills": kills,
        "changes": changes,
        "acknowledged_at_last_kill": failover.told[-1].acknowledged,
        "lost": sum(one.lost for one in failover.told),
        "longest_back_s": round(max(one.all_s for one in failover.told), 2),
    }
    shutil.rmtree(folder, ignore_errors=True)
    return figures
