"""What the demo is asked to do, read once from the environment, and where it keeps its data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MARK = ".gridrounds-demo"
"""Marks a folder as the demo's own, which the next demo puts aside, and the one after removes."""


class BadPlan(Exception):
    """The environment asks for something that cannot be done; the text says what."""


@dataclass(frozen=True)
class Plan:
    """One demo: which world, its seed, two ports, and the folder for everything it writes."""

    world: str
    seed: int
    server_port: int
    laptop_port: int
    folder: Path

    @property
    def server(self) -> str:
        """The centre's address."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def laptop(self) -> str:
        """The laptop's address."""
        return f"http://127.0.0.1:{self.laptop_port}"


def read_plan(environ: Mapping[str, str] = os.environ) -> Plan:
    """Return the plan the environment asks for; raise BadPlan."""
    world = environ.get("WORLD") or "S"
    if world not in ("S", "A", "B"):
        raise BadPlan(f"WORLD={world}: S, A or B")
    plan = Plan(
        world=world,
        seed=_number(environ, "SEED", 1, 2**31),
        server_port=_number(environ, "SERVER_PORT", 8000, 65535),
        laptop_port=_number(environ, "LAPTOP_PORT", 5050, 65535),
        folder=Path(environ.get("DEMO_DIR") or ".demo"),
    )
    if plan.server_port == plan.laptop_port:
        raise BadPlan("SERVER_PORT and LAPTOP_PORT must differ")
    return plan


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise BadPlan(f"{name}={text}: 1 to {most}")
    return int(text)


def empty_folder(folder: Path) -> Path | None:
    """Make ``folder`` the demo's own and empty; return where an earlier demo's data went, if there
    was one. The last one is kept, beside the folder.

    Only folders that a demo marked are ever touched; raises BadPlan when others are in the way.
    """
    before = None
    if folder.exists() and any(folder.iterdir()):
        before = folder.absolute().with_name(f"{folder.absolute().name}-before")
        for one in (folder, before):
            if one.exists() and not (one / MARK).exists():
                raise BadPlan(f"DEMO_DIR={folder}: {one} holds other files; name an empty folder")
        if before.exists():
            shutil.rmtree(before)
        folder.rename(before)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("synthetic data, remade by every demo\n", encoding="ascii")
    return before
