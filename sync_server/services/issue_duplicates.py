"""Issues that may be one matter reported twice: suggesting them, and merging one into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.codes import code_list
from schemas.labels import Label
from schemas.workflow import MERGED, VOIDED
from sync_server.domain.areas import inside
from sync_server.domain.duplicate_issues import alike, metres
from sync_server.services.accounts import User
from sync_server.services.issue_life import ISSUE
from sync_server.services.places import names_for
from sync_server.services.step_forms import Option
from sync_server.store import case_lists, cases, records_read

NOT_FOUND = Label("没有找到这个编号的事件，或不在您的辖区内。", "Your areas have no such issue.")
ITSELF = Label("不能并入它自己。", "It cannot be merged into itself.")
GONE = Label(
    "那件事已并案或作废，不能再并入。", "That issue was merged or voided; nothing goes into it."
)
UNLIKE = Label(
    "{no}“{title}”是另外的{what}：{category}，{grid}。确实是同一件事，就再提交一次。",
    "{no} “{title}” is of another {what}: {category}, {grid}. If it is one matter, submit again.",
)
KINDS = {"category": Label("类别", "category"), "grid": Label("网格", "grid")}
CHOOSE = Label("请选择并入哪一件，或填它的编号。", "Choose the issue it goes into, or its number.")


@dataclass(frozen=True)
class Similar:
    """An issue that may be the same matter: its case row, title, and how far away it is."""

    row: dict[str, Any]
    title: str
    place: str
    state: str
    metres: int | None


def similar_to(
    connection: sa.Connection, person: User, issue_id: str, lang: str
) -> tuple[Similar, ...]:
    """Return issues of the person's areas, not over, that may be the same matter, the oldest
    first."""
    mine = cases.case_rows(connection, person.district, [issue_id]).get(issue_id)
    if mine is None or mine["state"] in (MERGED, VOIDED):
        return ()
    near = case_lists.near(connection, person.district, person.scope_codes, mine)
    found = [one for one in near if alike(mine, one)]
    rows = records_read.by_ids(connection, person.district, [one["issue_id"] for one in found])
    states = code_list("ISSUE_STATE")
    return tuple(
        Similar(
            one,
            str(rows[one["issue_id"]]["fields"].get("title") or ""),
            str(rows[one["issue_id"]]["fields"].get("place") or ""),
            states.text(one["state"], lang),
            None if (away := metres(mine, one)) is None else round(away),
        )
        for one in found
        if one["issue_id"] in rows
    )


def options_of(similar: tuple[Similar, ...]) -> tuple[Option, ...]:
    """Return suggestions as something to choose."""
    return tuple(
        Option(
            one.row["issue_id"],
            one.title,
            " · ".join(filter(None, [one.row["no"], one.place, one.state])),
        )
        for one in similar
    )


def goes_into(
    connection: sa.Connection, person: User, issue_id: str, chosen: str, no: str
) -> str | Label:
    """Return the id of the issue that another goes into, chosen or named by its number, or what is
    wrong with it."""
    if not chosen and not no:
        return CHOOSE
    into = chosen or cases.issue_of_no(connection, person.district, no) or ""
    row = records_read.get(connection, person.district, into) if into else None
    if row is None or row["kind"] != ISSUE or not inside(row["grid"], person.scope_codes):
        return NOT_FOUND
    if into == issue_id:
        return ITSELF
    case = cases.case_rows(connection, person.district, [into]).get(into)
    if case is None or case["state"] in (MERGED, VOIDED) or row["voided"] or row["merged_into"]:
        return GONE
    return into


def unlike(connection: sa.Connection, person: User, issue_id: str, into: str, lang: str) -> str:
    """Return a question for who merges issues of different categories or grids, empty for others.

    ``into`` is an issue that ``goes_into`` has returned.
    """
    rows = cases.case_rows(connection, person.district, [issue_id, into])
    mine, other = rows.get(issue_id), rows[into]
    differs = [name for name in KINDS if mine is not None and mine[name] != other[name]]
    if not differs:
        return ""
    row = records_read.get(connection, person.district, into)
    grid = other["grid"]
    return UNLIKE.text(lang).format(
        no=other["no"] or "", title=(row["fields"].get("title") or "") if row else "",
        what=(" and " if lang == "en" else "和").join(KINDS[one].text(lang) for one in differs),
        category=code_list("ISSUE_CAT").text(other["category"], lang),
        grid=names_for(connection, person.district, [grid])[grid],
    )  # fmt: skip
