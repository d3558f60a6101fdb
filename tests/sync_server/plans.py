"""How SQLite answers the centre's statements: which of them read a whole district."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

LARGE = frozenset({
    "batches", "cases", "case_units", "changes", "deliveries", "likeness_keys", "material_lines",
    "patrol_lines", "patrol_points", "photo_files", "record_keys", "records", "visit_answers",
    "visit_checks", "visit_lines", "visit_opinions",
})  # fmt: skip
"""Tables that grow with the work of a district."""
_STEP = re.compile(r"(?P<how>SCAN|SEARCH) (?P<table>\w+)(?P<rest>.*)")
_ALIAS = re.compile(r"_\d+\Z")


class Plans:
    """Asks SQLite for the plan of every different statement that an engine runs."""

    def __init__(self, engine: sa.Engine) -> None:
        self.steps: dict[str, list[str]] = {}
        self._engine = engine

    def __enter__(self) -> Plans:
        sa.event.listen(self._engine, "before_cursor_execute", self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._see)

    def _see(self, connection: Any, _u: Any, text: str, given: Any, _x: Any, many: bool) -> None:
        asked = " ".join(text.split())
        if asked in self.steps or not asked.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            return
        file = connection.connection.driver_connection
        plan = file.execute(f"EXPLAIN QUERY PLAN {text}", given[0] if many else given)
        self.steps[asked] = [step for *_, step in plan]

    def reading_all(self) -> dict[str, list[str]]:
        """Return by statement the steps that go through every row of a large table, or of one that
        a whole district has in it."""
        found = {asked: list(filter(reads_all, plan)) for asked, plan in self.steps.items()}
        return {asked: steps for asked, steps in found.items() if steps}


def reads_all(step: str) -> bool:
    """Whether a step of a plan finds rows of a large table by nothing but the district."""
    read = _STEP.match(step)
    if read is None or _ALIAS.sub("", read["table"]) not in LARGE:
        return False
    return read["how"] == "SCAN" or read["rest"].rstrip().endswith("(district=?)")
