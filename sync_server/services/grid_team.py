"""The team a grid should have in a district: reading it, and setting another one.

It stands on the district's own area record, like the other things a district says for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.domain.grid_team import POSTS, USUAL
from sync_server.services import audit
from sync_server.services.accounts import User, allowed
from sync_server.services.central import apply_central_change
from sync_server.services.level_labels import district_change
from sync_server.store.engine import Store
from sync_server.store.records_read import area_record
from sync_server.store.writing import lock_district

LIST, FIELD = "TEAM_POST", "team_posts"
MOST = 99


@dataclass(frozen=True)
class Line:
    """One post: its code and words, the usual number, what the district says (empty: the usual)."""

    code: str
    words: str
    usual: int
    text: str
    wrong: bool = False


@dataclass(frozen=True)
class Form:
    """The posts, and the version of the district's record they were read from (0: none)."""

    lines: tuple[Line, ...]
    version: int

    @property
    def wrong(self) -> bool:
        """Whether a number is none."""
        return any(line.wrong for line in self.lines)


def needed(connection: sa.Connection, district: str) -> dict[str, int]:
    """Return how many people of each post a grid should have."""
    row = area_record(connection, district, district)
    said = (row["fields"].get(FIELD) or {}) if row is not None else {}
    return {**USUAL, **{post: int(one["count"]) for post, one in said.items() if post in USUAL}}


def words_of(needed_: Mapping[str, int], lang: str) -> list[tuple[str, int]]:
    """Return the posts that are asked for in words, with their numbers."""
    words = code_list(LIST)
    return [(words.text(post, lang), needed_[post]) for post in POSTS if needed_.get(post)]


def may_set(person: User) -> bool:
    """Tell whether somebody may set the team for the whole district."""
    return allowed(person, "limits")


def open_form(connection: sa.Connection, person: User, lang: str) -> Form:
    """Return the team as it is set; raise Refusal ``not_allowed``."""
    if not may_set(person):
        raise Refusal("not_allowed")
    row = area_record(connection, person.district, person.district)
    said = (row["fields"].get(FIELD) or {}) if row else {}
    texts = {post: str(one["count"]) for post, one in said.items()}
    return _form(texts, row["version"] if row else 0, lang)


def set_team(
    store: Store, person: User, posted: Mapping[str, str], version: int, now: datetime, lang: str
) -> Form | None:
    """Set the numbers ``posted`` by post, an empty one being the usual again; return None when they
    stand now, else the form with what is wrong. ``version`` is the one the person looked at.

    Raises Refusal ``not_allowed``.
    """
    if not may_set(person):
        raise Refusal("not_allowed")
    texts = {post: posted.get(post, "").strip() for post in POSTS}
    counts = {post: _count(text) for post, text in texts.items() if text}
    wrong = frozenset(post for post, count in counts.items() if count is None)
    if wrong:
        return _form(texts, version, lang, wrong)
    kept = {post: {"count": count} for post, count in counts.items()}
    with store.writing() as connection:
        lock_district(connection, person.district)
        row = area_record(connection, person.district, person.district)
        change = district_change(connection, person, row, FIELD, kept, version, now)
        if change is not None:
            apply_central_change(connection, person.district, change, now)
            audit.note(
                connection, person.district, now, "grid_team", user_id=person.user_id,
                target=person.district,
                detail={f"team_{post}": count for post, count in counts.items()},
            )  # fmt: skip
    return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else None


def _form(
    texts: Mapping[str, str], version: int, lang: str, wrong: frozenset[str] = frozenset()
) -> Form:
    words = code_list(LIST)
    lines = tuple(
        Line(post, words.text(post, lang), USUAL[post], texts.get(post, ""), post in wrong)
        for post in POSTS
    )
    return Form(lines, version)
