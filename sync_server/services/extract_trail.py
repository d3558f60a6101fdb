"""What happened to a person's data, for his extract: who changed it, who holds a copy, who looked.

Values of changes are left out; the extract holds what stands. Staff are named: they acted for the
office. Everything comes as ``(title, ((name, label, text), …))``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI
from schemas.labels import Label, Lang
from sync_server.domain import privacy as rule
from sync_server.domain.areas import inside
from sync_server.domain.own_data import Own
from sync_server.services.accounts import LAPTOP_ROLES, User
from sync_server.services.values import label_of, understood
from sync_server.store import devices_read, history_read, people_read, person_read, privacy

Row = sa.RowMapping
Found = tuple[str, tuple[tuple[str, str, str], ...]]
LOOKED: Mapping[str, Label] = {
    "unmask": Label("查看完整个人信息", "Looked at the data in full"),
    "privacy_extract": Label("做个人信息摘录", "Made an extract"),
}
ACTIONS: Mapping[str, Label] = {
    "create": Label("新建", "Created"), "update": Label("修改", "Changed"),
    "void": Label("作废", "Voided"), "restore": Label("恢复有效", "Made valid again"),
    "merge": Label("并入另一条", "Merged"), "unmerge": Label("撤销合并", "Merge undone"),
    "empty": Label("按保存期限清空", "Emptied by its retention period"),
}  # fmt: skip
WHO, WHAT = Label("何人", "Who"), Label("动作", "What")
FIELDS, WHY, HOW_MANY = Label("填报项", "Fields"), Label("原因", "Reason"), Label("条数", "Records")
ASKED, STATE, DUE = Label("请求", "Asked"), Label("状态", "State"), Label("应于", "Due")
LAPTOPS = Label("终端数", "Laptops")
SPOKEN = frozenset({"resident", "care", "household", "visit", "service"})
"""Kinds whose lists hold data of residents."""


@dataclass(frozen=True)
class Trail:
    """The trail of one person's data."""

    connection: sa.Connection
    person: User
    record: Row
    cares: Sequence[Row]
    own: Own
    lang: Lang

    def parts(self, home_id: str) -> dict[str, list[Found]]:
        """Return the parts of the extract by name."""
        return {
            "request": list(self._requests()),
            "history": list(self._changes()),
            "holder": list(self._holders()),
            "looked": list(self._looked(home_id)),
            "export": list(self._exports()),
        }

    @property
    def _ids(self) -> list[str]:
        return [*sorted(self.own.ids), *(row["record_id"] for row in self.cares)]

    def _since(self) -> datetime:
        earliest: datetime = min(row["received_at"] for row in (self.record, *self.cares))
        return earliest

    def _names(self, user_ids: set[str]) -> dict[str, str]:
        return people_read.names_of(self.connection, self.person.district, user_ids)

    def _fact(self, name: str, label: Label, text: str) -> tuple[str, str, str]:
        return name, label.text(self.lang), text

    def _requests(self) -> Iterator[Found]:
        rows = privacy.about(self.connection, self.person.district, self.own.ids)
        for row in rows:
            yield (
                row["no"],
                (
                    self._fact("asked", ASKED, rule.ASKED[row["asked"]].text(self.lang)),
                    self._fact(
                        "received_on", Label("提出", "Made on"), row["received_on"].isoformat()
                    ),
                    self._fact("due_on", DUE, row["due_on"].isoformat()),
                    self._fact("state", STATE, rule.STATES[row["state"]].text(self.lang)),
                    self._fact(
                        "answer", Label("答复", "Answer"), self.own.scrub(row["answer"], ())
                    ),
                ),
            )

    def _changes(self) -> Iterator[Found]:
        """Yield every change of the person's records that was taken, the newest first."""
        district, found = self.person.district, dict[str, Row]()
        for record_id in self._ids:
            for row in history_read.changes_of(self.connection, district, record_id):
                if row["outcome"] not in ("quarantined", "held"):
                    found[row["change_id"]] = row
        names = self._names({row["author"] for row in found.values()})
        for row in sorted(found.values(), key=lambda one: one["happened_at"], reverse=True):
            kind, fields = understood(row)
            named = (
                []
                if row["action"] in ("void", "merge", "unmerge", "restore", "empty")
                else list(fields)
            )
            action = ACTIONS.get(row["action"], WHAT).text(self.lang)
            label = kind.info.label.text(self.lang) if kind else row["kind"]
            labels = (", " if self.lang == "en" else "、").join(
                label_of(kind, name, self.lang) for name in named
            )
            yield (
                _moment(row["happened_at"]),
                (
                    self._fact("author", WHO, names.get(row["author"], "")),
                    self._fact("action", WHAT, f"{action} {label}"),
                    self._fact("fields", FIELDS, labels),
                ),
            )

    def _holders(self) -> Iterator[Found]:
        rows = devices_read.workers_in(
            self.connection, self.person.district, (self.record["grid"],), LAPTOP_ROLES
        )
        for row in rows:
            if row["devices"]:
                yield row["name"], (self._fact("devices", LAPTOPS, str(row["devices"])),)

    def _looked(self, home_id: str) -> Iterator[Found]:
        rows = person_read.looked(
            self.connection, self.person.district, self._since(), LOOKED, {*self._ids, home_id}
        )
        names = self._names({row["user_id"] or "" for row in rows})
        for row in rows:
            detail = row["detail"] or {}
            yield (
                _moment(row["at"]),
                (
                    self._fact("user", WHO, names.get(row["user_id"] or "", "")),
                    self._fact("action", WHAT, LOOKED[row["action"]].text(self.lang)),
                    self._fact("reason", WHY, self.own.scrub(str(detail.get("reason") or ""), ())),
                ),
            )

    def _exports(self) -> Iterator[Found]:
        """Yield exports in full whose area holds the person, by somebody who sees him."""
        rows = person_read.exports(self.connection, self.person.district, self._since())
        people = {
            row["user_id"]: row
            for row in people_read.everybody(self.connection, self.person.district)
        }
        for row in rows:
            detail, user = row["detail"] or {}, people.get(row["user_id"] or "")
            if user is None or detail.get("masked") is not False:
                continue
            if "ledger" not in detail and detail.get("kind") not in SPOKEN:
                continue
            area = detail.get("area") or (detail.get("filters") or {}).get("area") or ""
            grid = self.record["grid"]
            if not inside(grid, user["scope_codes"]) or (area and not inside(grid, [area])):
                continue
            yield (
                _moment(row["at"]),
                (
                    self._fact("user", WHO, str(user["name"])),
                    self._fact(
                        "what", WHAT, str(detail.get("ledger") or _label(detail, self.lang))
                    ),
                    self._fact("rows", HOW_MANY, str(detail.get("rows", ""))),
                    self._fact("reason", WHY, self.own.scrub(str(detail.get("reason") or ""), ())),
                ),
            )


def _label(detail: Mapping[str, object], lang: Lang) -> str:
    return kind_of(str(detail["kind"])).info.label.text(lang)  # one of SPOKEN


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
