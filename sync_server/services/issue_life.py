"""An issue's life: its state as the fold of its steps, and the steps as a timeline."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.workflow import fold, next_state, opening_state
from sync_server.services.accounts import User
from sync_server.services.titles import Titles
from sync_server.store.records_read import Row, children_of

ISSUE, STEP = "issue", "issue_step"


@dataclass(frozen=True)
class Step:
    """One step: its action, the states before and after it, who took it and what was said.

    ``counted`` is false for a step the table did not allow in the state it met: it stays as a note.
    """

    row: Row
    action: str
    before: str
    after: str
    author: str
    text: str
    counted: bool


@dataclass(frozen=True)
class IssueLife:
    """The present state of an issue, how it began, and its steps, oldest first."""

    state: str
    opening: str
    steps: tuple[Step, ...]


def life_of(connection: sa.Connection, person: User, issue: Row, lang: str) -> IssueLife:
    """Return the life of an issue; steps count in the order the centre took them in."""
    rows = children_of(connection, person.district, STEP, [issue["record_id"]])[issue["record_id"]]
    titles = Titles(connection, person, lang)
    titles.preload(("user", row["author"]) for row in rows)
    fields = kind_of(STEP).declared()
    words = code_list("ISSUE_STATE")
    state = opening_state(issue["fields"])
    steps = []
    for row in rows:
        said = row["fields"]
        after = next_state(state, str(said.get("action")))
        steps.append(
            Step(
                row=row,
                action=fields["action"].show(said.get("action"), lang),
                before=words.text(state, lang),
                after=words.text(after or state, lang),
                author=titles.lookup("user", row["author"]) or "",
                text=fields["text"].show_masked(said.get("text"), lang),
                counted=after is not None,
            )
        )
        state = after or state
    opening = words.text(opening_state(issue["fields"]), lang)
    return IssueLife(words.text(state, lang), opening, tuple(steps))


def states_of(
    connection: sa.Connection, district: str, issues: Collection[Row], lang: str
) -> dict[str, str]:
    """Return the present state of many issues in words, by record id."""
    steps = children_of(connection, district, STEP, [row["record_id"] for row in issues])
    words = code_list("ISSUE_STATE")
    return {
        row["record_id"]: words.text(
            fold(row["fields"], [step["fields"] for step in steps[row["record_id"]]]), lang
        )
        for row in issues
    }
