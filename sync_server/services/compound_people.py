"""The people and organisations of a compound, as its file names them: local roles, the five who
stand by it, organisations with their members; and what it was tagged with over time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.fields import Declared, Keyed
from schemas.kinds.compound import tag_spans
from schemas.natural import natural
from sync_server.domain.areas import above, holds, inside
from sync_server.domain.merge import origin_of
from sync_server.services.accounts import User
from sync_server.services.titles import Titles
from sync_server.store import records_read
from sync_server.store.duplicates import gathered
from sync_server.store.records_read import Row

COMPOUND = "compound"


@dataclass(frozen=True)
class Role:
    """Somebody to turn to: what he is, where, his name and phone, masked or not."""

    role: str
    name: str
    phone: str
    place: str = ""


@dataclass(frozen=True)
class Group:
    """An organisation that covers the compound, with its members."""

    record_id: str
    name: str
    kind: str
    opens: bool
    members: tuple[tuple[Role, str], ...]
    """Each with where he comes from (物业, 业委会 …)."""


@dataclass(frozen=True)
class TagSince:
    """One stretch of the compound's tag: its words, from what day until before which (empty:
    still), why, who set it."""

    tag: str
    since: str
    until: str = ""
    why: str = ""
    by: str = ""


class CompoundPeople:
    """Reads and shows whoever a compound's record and its organisations name; ``masked`` tells
    afterwards whether masking hid anything."""

    def __init__(
        self, connection: sa.Connection, person: User, row: Row, titles: Titles, today: str,
        lang: str, *, unmask: bool,
    ) -> None:  # fmt: skip
        self.connection, self.person, self.row, self.titles = connection, person, row, titles
        self.today, self.lang, self.unmask = today, lang, unmask
        self.masked = False

    def roles(self, buildings: Sequence[Row]) -> Iterator[Role]:
        """Yield the compound's own contacts, then the heads of buildings and entrances."""
        contacts = kind_of(COMPOUND).declared()["contacts"]
        assert isinstance(contacts, Keyed)
        roles, inner = code_list("ROLE_LOCAL"), contacts.entry_fields
        order = {item.code: place for place, item in enumerate(roles.items)}
        said = contacts.in_order(self.row["fields"].get("contacts"))
        for _, entry in sorted(said, key=lambda pair: order.get(str(pair[1].get("role")), 99)):
            yield Role(
                roles.text(str(entry.get("role") or ""), self.lang),
                self._shown(inner["name"], entry.get("name")),
                self._shown(inner["phone"], entry.get("phone")),
            )
        building = kind_of("building").declared()
        entrances = building["entrance_heads"]
        assert isinstance(entrances, Keyed)
        for one in sorted(buildings, key=by_number):
            fields, no = one["fields"], str(one["fields"].get("no") or "")
            if fields.get("head"):
                yield Role(
                    roles.text("building_head", self.lang),
                    self._shown(building["head"], fields["head"]),
                    self._shown(building["head_phone"], fields.get("head_phone")),
                    no,
                )
            for key, entry in entrances.in_order(fields.get("entrance_heads")):
                yield Role(
                    roles.text("unit_head", self.lang),
                    self._shown(entrances.entry_fields["head"], entry.get("head")),
                    self._shown(entrances.entry_fields["phone"], entry.get("phone")),
                    f"{no}-{key}" if len(key) <= 4 else no,
                )

    def linked(self) -> Iterator[Role]:
        """Yield the five who stand by the compound, as far as they are named."""
        declared = kind_of(COMPOUND).declared()["linked"]
        assert isinstance(declared, Keyed)
        inner = declared.entry_fields
        for key, entry in declared.in_order(self.row["fields"].get("linked")):
            yield Role(
                declared.entry_name(key, self.lang),
                self._shown(inner["name"], entry.get("name")),
                self._shown(inner["phone"], entry.get("phone")),
            )

    def groups(self) -> Iterator[Group]:
        """Yield the organisations that name the compound among those they cover."""
        scope = self.person.scope_codes
        district, record_id = self.person.district, self.row["record_id"]
        ids = (record_id, *gathered(self.connection, district, [record_id]))
        named, _ = records_read.referring(
            self.connection, district, ids, kind="org", field="compound_ids", how="many",
            areas=(*scope, *above(scope)), size=50,
        )  # fmt: skip
        rows = [row for row in named if holds(scope, row["grid"], "community")]
        members = kind_of("org").declared()["members"]
        assert isinstance(members, Keyed)
        inner, kinds = members.entry_fields, code_list("ORG_KIND")
        order = {item.code: place for place, item in enumerate(kinds.items)}
        for row in sorted(rows, key=lambda one: order.get(str(one["fields"].get("org_kind")), 99)):
            fields = row["fields"]
            present = (
                entry
                for _, entry in members.in_order(fields.get("members"))
                if not entry.get("until") or entry["until"] >= self.today
            )
            yield Group(
                record_id=row["record_id"],
                name=str(fields.get("name") or ""),
                kind=kinds.text(str(fields.get("org_kind") or ""), self.lang),
                opens=inside(row["grid"], scope),
                members=tuple(
                    (
                        Role(
                            str(entry.get("post") or ""),
                            self._shown(inner["name"], entry.get("name")),
                            self._shown(inner["phone"], entry.get("phone")),
                        ),
                        inner["source"].show(entry.get("source"), self.lang),
                    )
                    for entry in present
                ),
            )

    def tags(self) -> Iterator[TagSince]:
        """Yield what the compound was tagged with, from when until when, the newest first."""
        codes, row = code_list("COMPOUND_TAG"), self.row
        spans = tag_spans(row["fields"])
        origins = {
            span.key: origin_of(row["fields"], row["origins"], f"tags.{span.key}") for span in spans
        }
        self.titles.preload(("user", one["author"]) for one in origins.values() if one)
        for span in spans:
            origin = origins[span.key]
            by = self.titles.lookup("user", origin["author"]) if origin else ""
            yield TagSince(codes.text(span.tag, self.lang), span.since, span.until, span.why,
                           by or "")  # fmt: skip
        if not spans and row["fields"].get("tag"):  # said the old way, not listed yet
            yield TagSince(codes.text(row["fields"]["tag"], self.lang),
                           str(row["fields"].get("tag_from") or ""))  # fmt: skip

    def _shown(self, declared: Declared, value: Any) -> str:
        if value in (None, "", [], {}):
            return ""
        full = declared.show(value, self.lang, self.titles.lookup)
        text = full if self.unmask else declared.show_masked(value, self.lang, self.titles.lookup)
        self.masked = self.masked or text != full
        return text


def by_number(row: Mapping[Any, Any]) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts buildings 2 before 10."""
    return natural(str(row["fields"].get("no") or ""))
