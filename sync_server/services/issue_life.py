"""An issue's life: the case its steps make of it, and the steps as a timeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.cases import Case, Reading, fold
from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.codes import code_list
from schemas.steps_order import Step
from schemas.workflow import MERGED, SYSTEM_ID, VOIDED
from sync_server.services.accounts import User
from sync_server.services.titles import Titles
from sync_server.store.records_read import children_of

ISSUE, STEP = "issue", "issue_step"
Row = Mapping[Any, Any]


def touched_issues(rows: Collection[Row]) -> set[str]:
    """Return the ids of the issues that these written records are or belong to."""
    found = {row["record_id"] for row in rows if row["kind"] == ISSUE}
    return found | {row["parent_id"] for row in rows if row["kind"] == STEP} - {None}


@dataclass(frozen=True)
class Told:
    """One step in words: what was done, the states before and after it, who took it and what was
    said; ``reading`` tells whether it counted."""

    row: Row
    reading: Reading
    action: str
    before: str
    after: str
    author: str
    text: str

    @property
    def counted(self) -> bool:
        """False for a step the table did not allow where it met the issue: it stays as a note."""
        return self.reading.counted


@dataclass(frozen=True)
class IssueLife:
    """An issue's case, its state and how it began in words, and its steps as they count."""

    case: Case
    state: str
    opening: str
    steps: tuple[Told, ...]


def case_of(issue: Row, steps: Collection[Row]) -> Case:
    """Return the case of an issue's row and the rows of its steps."""
    return fold(
        issue["record_id"], issue["author"], issue["fields"], (step_of(row) for row in steps)
    )


def step_of(row: Row) -> Step:
    """Return a step's row as the fold knows one; its time is the corrected one."""
    return Step(
        row["record_id"], row["author"], written(row["happened_at"]), row["fields"],
        row["received_at"],
    )  # fmt: skip


def state_of(issue: Row, case: Case) -> str:
    """Return the state of an issue, also of one voided or merged as a record."""
    if issue["voided"]:
        return VOIDED
    return MERGED if issue["merged_into"] else case.state


def life_of(connection: sa.Connection, person: User, issue: Row, lang: str) -> IssueLife:
    """Return the life of an issue, in the order its steps count."""
    rows = children_of(connection, person.district, STEP, [issue["record_id"]])[issue["record_id"]]
    case = case_of(issue, rows)
    titles = Titles(connection, person, lang)
    titles.preload(("user", row["author"]) for row in rows)
    words = code_list("ISSUE_STATE")
    by_id = {row["record_id"]: row for row in rows}
    steps = (_told(by_id[one.step.step_id], one, titles, lang) for one in case.readings)
    opening = words.text(fold(case.issue_id, case.author, issue["fields"], ()).state, lang)
    return IssueLife(case, words.text(state_of(issue, case), lang), opening, tuple(steps))


def _told(row: Row, reading: Reading, titles: Titles, lang: str) -> Told:
    words, fields = code_list("ISSUE_STATE"), kind_of(STEP).declared()
    by_itself = row["author"] == SYSTEM_ID
    return Told(
        row=row,
        reading=reading,
        action=fields["action"].show(row["fields"].get("action"), lang),
        before=words.text(reading.before, lang),
        after=words.text(reading.after, lang),
        author=code_list("ROLE").text("system", lang)
        if by_itself
        else titles.lookup("user", row["author"]) or "",
        text=fields["text"].show_masked(row["fields"].get("text"), lang),
    )


def states_of(
    connection: sa.Connection, district: str, issues: Collection[Row], lang: str
) -> dict[str, str]:
    """Return the present state of many issues in words, by record id."""
    steps = children_of(connection, district, STEP, [row["record_id"] for row in issues])
    words = code_list("ISSUE_STATE")
    return {
        row["record_id"]: words.text(state_of(row, case_of(row, steps[row["record_id"]])), lang)
        for row in issues
    }
