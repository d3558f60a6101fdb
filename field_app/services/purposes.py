"""What the worker's district collects personal data for, as the centre last sent it: the words on
forms, and what a new record says of notice and legal basis."""

from __future__ import annotations

from typing import Any

from field_app.services.level_labels import district_fields
from field_app.services.workspace import Workspace
from schemas.codes import code_list
from schemas.kind import Kind
from schemas.labels import Label
from schemas.purposes import BASIC, CARE, purposes, unused

NOT_COLLECTED = Label("本区县已不采集，请清空。", "No longer collected here: please empty it.")
SAID = Label("用途：{words}（{basis}）。", "For: {words} ({basis}).")
TELLS = {"resident": BASIC, "care": CARE}
"""By kind, the group whose notice and basis a new record begins with."""


def left_out(ws: Workspace) -> frozenset[str]:
    """Return the groups of fields that the district does not collect."""
    return unused(district_fields(ws))


def told_of(ws: Workspace) -> dict[str, str]:
    """Return by group what a form says of its fields: that they are not collected, or what they are
    for where the district says so."""
    basis = code_list("BASIS")
    found = {}
    for group, one in purposes(district_fields(ws)).items():
        if not one.asked:
            found[group] = NOT_COLLECTED.text(ws.lang)
        elif one.own:
            words, by = one.words.text(ws.lang), basis.text(one.basis, ws.lang)
            found[group] = SAID.text(ws.lang).format(words=words, basis=by)
    return found


def begun_with(ws: Workspace, kind: type[Kind]) -> dict[str, Any]:
    """Return the notice's version and the legal basis a new record begins with, where the district
    has set them."""
    said = district_fields(ws).get("field_groups") or {}
    entry = said.get(TELLS.get(kind.info.name, "")) or {}
    found = {"notice_version": entry.get("notice"), "basis": entry.get("basis")}
    known = kind.declared()
    return {name: value for name, value in found.items() if value and name in known}
