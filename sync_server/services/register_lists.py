"""The compounds, organisations and areas behind a figure of the registers: listed by the condition
the figure counts by, page by page or whole for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.fields import Code
from schemas.labels import Label
from schemas.natural import natural
from sync_server.domain.errors import Refusal
from sync_server.domain.register_counts import CONDITIONS, SCHEMES, Compound, condition
from sync_server.services.accounts import User
from sync_server.services.places import names_for
from sync_server.services.register_figures import (
    COMPOUNDS,
    LEVELS,
    ORG,
    ORG_KINDS,
    ORGS,
    SAID_NOTHING,
    Registers,
    areas_of,
    day_of,
    registers,
)
from sync_server.store import base_read

PAGE = 50
YES, NO = Label("是", "yes"), Label("否", "no")
NAME, AREA, CODE, SINCE = (
    Label("名称", "Name"), Label("区域", "Area"), Label("区域代码", "Area code"),
    Label("生效日期", "Valid from"),
)  # fmt: skip
BRANCH = Label("登记的党支部", "Branch registered")
THREE_NONE = Label("三无", "Three-none")
COVERED = Label("覆盖小区", "Compounds covered")
ORG_LABEL = Label("组织", "Organisations")


@dataclass(frozen=True)
class Line:
    """One compound, organisation or area: what it is called, and what the columns say of it."""

    key: str
    title: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """A list: of which kind (compound, org or area), what it is called, its columns and lines."""

    of: str
    title: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def pages(self) -> int:
        """How many pages it takes."""
        return max(1, -(-len(self.lines) // PAGE))

    def on(self, page: int) -> Sequence[Line]:
        """Return the lines of a page."""
        return self.lines[(page - 1) * PAGE : page * PAGE]


def listed(
    connection: sa.Connection,
    person: User,
    what: str,
    area: str,
    kind: str,
    now: datetime,
    lang: str,
) -> Listed:
    """Return what a figure counts: ``what`` is the name of its count.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's or no such figure.
    """
    areas = areas_of(person, area)
    found = registers(connection, person.district, areas, day_of(now))
    field, told, code = what.partition("=")
    if what == ORGS or (field == ORG and told):
        return _orgs(connection, person.district, found, what, code, lang)
    if field == "level" and code in LEVELS:
        return _areas(found, code, lang)
    meets = condition("all" if what == COMPOUNDS else what)
    if meets is None:
        raise Refusal("unknown_record")
    wanted = [
        one for one in found.compounds
        if (what == COMPOUNDS or not kind or one.codes["kind"] == kind) and meets(one)
    ]  # fmt: skip
    return _compounds(connection, person.district, wanted, _title(what, lang), lang)


def _title(what: str, lang: str) -> str:
    if what == COMPOUNDS or what in CONDITIONS:
        return CONDITIONS.get(what, CONDITIONS["all"])[0].text(lang)
    field, _, code = what.partition("=")
    label = kind_of("compound").declared()[field].label.text(lang)
    return Label("小区，{label}：{words}", "Compounds, {label}: {words}").text(lang).format(
        label=label, words=_words(SCHEMES[field], code, lang)
    )  # fmt: skip


def _words(codes: str, code: str, lang: str) -> str:
    return code_list(codes).text(code, lang) if code else SAID_NOTHING.text(lang)


def _compounds(
    connection: sa.Connection, district: str, some: Sequence[Compound], title: str, lang: str
) -> Listed:
    told = base_read.whole_by_ids(connection, district, [one.record_id for one in some])
    names = names_for(connection, district, [one.area for one in some])
    declared = kind_of("compound").declared()
    fields = {name: declared[name] for name in SCHEMES}
    heads = (
        NAME, declared["code"].label, AREA, *(one.label for one in fields.values()), BRANCH,
        declared["eligible"].label, THREE_NONE,
    )  # fmt: skip

    def cells(one: Compound, said: Mapping[str, Any]) -> Iterator[str]:
        yield str(said.get("code") or "")
        yield names[one.area]
        for name, field in fields.items():
            assert isinstance(field, Code)
            code = one.codes[name]
            yield field.codes.text(code, lang) if code else ""
        yield YES.text(lang) if one.branch else ""
        yield "" if one.eligible is None else (YES if one.eligible else NO).text(lang)
        yield YES.text(lang) if one.three_none else ""

    lines = [
        (one.area, Line(one.record_id, str(told[one.record_id].get("name") or ""),
                        tuple(cells(one, told[one.record_id]))))
        for one in some
    ]  # fmt: skip
    lines.sort(key=lambda pair: (pair[0], natural(pair[1].title), pair[1].key))
    return Listed(
        "compound", title, tuple(one.text(lang) for one in heads),
        tuple(line for _, line in lines),
    )  # fmt: skip


def _orgs(
    connection: sa.Connection, district: str, found: Registers, what: str, code: str, lang: str
) -> Listed:
    rows = [
        row for row in found.orgs
        if what == ORGS or str(row["fields"].get("org_kind") or "") == code
    ]  # fmt: skip
    names = names_for(connection, district, [row["grid"] for row in rows])
    declared = kind_of(ORG).declared()
    heads = (NAME, AREA, declared["org_kind"].label, COVERED, declared["founded"].label)
    rows.sort(key=lambda row: (row["grid"], natural(str(row["fields"].get("name") or ""))))
    return Listed(
        ORG,
        ORG_LABEL.text(lang) if what == ORGS else _words(ORG_KINDS, code, lang),
        tuple(one.text(lang) for one in heads),
        tuple(
            Line(
                row["record_id"],
                str(row["fields"].get("name") or ""),
                (
                    names[row["grid"]],
                    _words(ORG_KINDS, str(row["fields"].get("org_kind") or ""), lang),
                    str(len(row["fields"].get("compound_ids") or ())),
                    str(row["fields"].get("founded") or ""),
                ),
            )
            for row in rows
        ),
    )


def _areas(found: Registers, level: str, lang: str) -> Listed:
    rows = [row for row in found.areas if len(row["grid"]) == LEVELS[level]]
    return Listed(
        "area",
        _words("AREA_LEVEL", level, lang),
        tuple(one.text(lang) for one in (NAME, CODE, SINCE)),
        tuple(
            Line(
                row["grid"],
                str(row["fields"].get("name") or row["grid"]),
                (row["grid"], str(row["fields"].get("valid_from") or "")),
            )
            for row in rows
        ),
    )
