"""A made-up kind with five fields, and valid records of real kinds, for tests of every surface."""

from __future__ import annotations

from typing import Any

from schemas.fields import Code, Keyed, Line, Part, PersonName, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label

ID = "01998a00-0000-7000-8000-{:012d}"
GRID = "990101100009003"


class Feeding(Part):
    """One feeding of the made-up kind."""

    note = Line("说明", "Note", required=True)


class Pet(Kind):
    """A registered pet: a kind nobody has heard of."""

    info = KindInfo(
        name="pet",
        label=Label("宠物登记", "Pet"),
        group="people",
        title=("nickname",),
        laptop=frozenset({"create", "update", "void"}),
    )

    nickname = Line("宠物昵称", "Pet name", required=True, search=True, column=True)
    species = Code("宠物性别", "Pet sex", "SEX", required=True, column=True)
    age = Whole("宠物年龄", "Pet age", most=60, column=True)
    owner = PersonName("宠物主人", "Pet owner", search=True, column=True, policy="review")
    feedings = Keyed("喂养记录", "Feedings", Feeding)


def resident(**more: Any) -> dict[str, Any]:
    """Return a valid adult resident (stored form)."""
    return {
        "name": "林示例",
        "sex": "1",
        "birth": "1951-04",
        "relation": "02",
        "household_id": ID.format(1),
        "reside": "registered",
        "notice_version": "2026-1",
        "notice_at": "2026-09-30T08:41:00+08:00",
        "basis": "consent",
        **more,
    }
