"""退回修改: what staff ask the worker to correct or to check, and how he answers.

A refused change is answered by correcting or withdrawing it, a question about a value by changing
the record (the fields that were marked) or by confirming what stands. The answer travels as a
change of the correction itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services import rulings
from field_app.services.records import (
    CORRECTION,
    Saved,
    get_view,
    is_asked,
    save_record,
)
from field_app.services.titles import lookup, title_of
from field_app.services.workspace import CHANGES, Workspace
from schemas.catalogue import UnknownKind, kind_of
from schemas.codes import code_list
from schemas.labels import Label

CONFIRMED, WITHDRAWN = "confirmed", "withdrawn"
STAFF = Label("工作人员", "Staff")


@dataclass(frozen=True)
class Mark:
    """What is wrong with one field; ``name`` is the field's or its entry's, ``label`` in words."""

    name: str
    label: str
    words: str


@dataclass(frozen=True)
class Asked:
    """One correction as the worker reads it.

    ``corrects`` is the refused change to be corrected, None when a record is to be looked at.
    ``held`` tells whether the record is on this laptop; ``answer`` is empty while it is open.
    """

    correction_id: str
    kind: str
    kind_label: str
    record_id: str
    title: str
    words: str
    marks: tuple[Mark, ...]
    by: str
    at: str
    change_id: str
    corrects: str | None
    held: bool
    open: bool
    answer: str
    reply: str


def open_corrections(ws: Workspace) -> list[Asked]:
    """Return what the worker is asked and has not answered, the oldest first."""
    found = [_asked(ws, view) for view in ws.table(CORRECTION) if is_open(ws, view)]
    return sorted(found, key=lambda one: one.at)


def corrections_about(ws: Workspace, record_id: str) -> list[Asked]:
    """Return everything the worker was ever asked about a record, the oldest first."""
    views = ws.table(CORRECTION).find_by("parent_id", record_id)
    mine = (view for view in views if view["fields"].get("asked_of") == ws.worker_id)
    return sorted((_asked(ws, view) for view in mine), key=lambda one: one.at)


def is_open(ws: Workspace, view: Mapping[str, Any]) -> bool:
    """Whether a correction waits for this worker's answer."""
    if not is_asked(ws, view):
        return False
    refused = ws.table(CHANGES).get(doc_id=view["fields"]["change_id"])
    return refused is None or not (refused.get("corrected_by") or refused.get("withdrawn"))


def _asked(ws: Workspace, view: Mapping[str, Any]) -> Asked:
    fields, lang = view["fields"], ws.lang
    kind, record_id = fields["target_kind"], fields["target_id"]
    refused = ws.table(CHANGES).get(doc_id=fields["change_id"])
    still = refused is not None and refused["outcome"] == "quarantined" and not refused["settled"]
    answer = fields.get("answer")
    try:
        label, title = kind_of(kind).info.label.text(lang), title_of(ws, kind, record_id, lang)
        held = get_view(ws, kind, record_id) is not None
    except UnknownKind:
        label, title, held = kind, "", False
    return Asked(
        correction_id=view["record_id"],
        kind=kind,
        kind_label=label,
        record_id=record_id,
        title=title or f"…{record_id[-6:]}",
        words=fields.get("words", ""),
        marks=tuple(_marks(view, lang)),
        by=lookup(ws, lang)("user", fields["asked_by"]) or STAFF.text(lang),
        at=fields["asked_at"],
        change_id=fields["change_id"],
        corrects=fields["change_id"] if still else None,
        held=held,
        open=is_open(ws, view),
        answer=code_list("CORRECTION_ANSWER").text(answer, lang) if answer else "",
        reply=fields.get("reply") or "",
    )


def _marks(view: Mapping[str, Any], lang: str) -> Iterator[Mark]:
    try:
        kind = kind_of(view["fields"]["target_kind"])
    except UnknownKind:
        return
    for name, entry in (view["fields"].get("marked") or {}).items():
        yield Mark(name, rulings.path_name(kind, name, lang) or name, entry.get("words", ""))


def confirm(ws: Workspace, correction_id: str, reply: str = "") -> Saved | None:
    """Answer that what stands is right, with the worker's ``reply``; the record is not changed.

    None when there is no such open question; a refused change cannot be answered so.
    """
    view = ws.table(CORRECTION).get(doc_id=correction_id)
    if view is None or not is_open(ws, view) or _asked(ws, view).corrects:
        return None
    return _answer(ws, correction_id, CONFIRMED, reply)


def withdrawn(ws: Workspace, change_id: str) -> None:
    """Answer what was asked about a refused change that the worker has just given up."""
    for view in list(ws.table(CORRECTION)):
        if view["fields"].get("change_id") == change_id and is_asked(ws, view):
            _answer(ws, view["record_id"], WITHDRAWN)


def _answer(ws: Workspace, correction_id: str, answer: str, reply: str = "") -> Saved:
    said: dict[str, Any] = {"answer": answer, "closed": True}
    if reply.strip():
        said["reply"] = reply
    return save_record(ws, CORRECTION, "update", said, record_id=correction_id)


def marks_for(ws: Workspace, record_id: str, names: Collection[str]) -> dict[str, list[str]]:
    """Return the words of open corrections by the control of a form they are about.

    ``names`` are the form's fields; what is marked elsewhere is read above the form.
    """
    found: dict[str, list[str]] = {}
    for asked in corrections_about(ws, record_id):
        for mark in asked.marks if asked.open else ():
            name, _, key = mark.name.partition(".")
            if name in names:
                found.setdefault(name, []).append(
                    f"{mark.label}: {mark.words}" if key else mark.words
                )
    return found
