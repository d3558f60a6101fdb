"""What a window still holds of a form that another one has saved: nothing of it is lost silently.

A record that may be changed gets a draft of its correction; a step, which nobody changes, a draft
of a note on the same case. What means the same is not different: a value typed otherwise than it is
stored, or one that saving itself filled in. Nor is what the window only shows since it was opened:
else correcting a title would empty, or set back, what the other window entered. What was typed in
the window, kept with the draft and set back since is not only shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.domain.changes import propose
from field_app.domain.shown_texts import left_alone
from field_app.domain.taken_back import mark_of, says_more
from field_app.domain.typed import Texts, asked, changed_paths, laid_over, rebased, texts_of
from field_app.services import issues, service_requests
from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Typed,
    edit_part,
    keep,
    new_part,
    open_draft,
)
from field_app.services.records import get_view
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.kind import Kind

NOWHERE = ""
"""Stands for the draft of what differs where there is none: nothing to keep, or nowhere."""

_GRID = "_grid"
"""In the place of a prefix: the grid chosen, which no correction changes."""


def reopen(ws: Workspace, saved: Draft, typed: Typed) -> dict[str, str]:
    """Open what another window typed into a draft that was saved meanwhile.

    Returns a new draft's id by prefix for each part that says something else than what was saved,
    ``NOWHERE`` for one that gets none (its record left the laptop, its part was taken back, it says
    less of a step, it was for another grid); nothing for those in which nothing else was typed.
    """
    opened_again = {_GRID: NOWHERE} if _other_grid(ws, saved, typed) else {}
    for prefix, sent in typed.texts.items():
        if prefix not in saved["became"]:
            if _says_more(saved, prefix, sent):
                opened_again[prefix] = NOWHERE
            continue
        kind_name, record_id = saved["became"][prefix]
        kind, view = kind_of(kind_name), get_view(ws, kind_name, record_id)
        texts = asked(kind, sent)
        if view is None:
            opened_again[prefix] = NOWHERE
            continue
        filled = saved.get("filled", {}).get(prefix, {})
        seen = typed.revision > saved.get("forced_over", -1)
        shown, own = typed.shown.get(prefix), _last_sent(saved, typed, prefix)
        paths = [
            path
            for path in _differing(kind, view["fields"], texts, filled)
            if not left_alone(saved["draft_id"], shown, texts, path, seen=seen, sent=own)
        ]
        if paths:
            said = rebased(kind, view["fields"], texts, paths)
            opened_again[prefix] = _open(ws, kind, record_id, view["fields"], said, paths)
    return opened_again


def _says_more(saved: Draft, prefix: str, sent: Mapping[str, list[str]]) -> bool:
    """Tell whether a part that was not saved says anything beside what was taken back with it."""
    kind_name, marks = saved.get("taken_back", {}).get(prefix, ("", {}))
    if kind_name:
        return says_more(saved["draft_id"], kind_of(kind_name), marks, sent)
    return any(text.strip() for texts in sent.values() for text in texts)


def _last_sent(saved: Draft, typed: Typed, prefix: str) -> list[str]:
    """Return the controls of a part at which this window last sent something of its own."""
    return saved.get("sent", {}).get(typed.tab, {}).get(prefix, [])


def _other_grid(ws: Workspace, saved: Draft, typed: Typed) -> bool:
    """Tell whether the window chose another grid for the new record than it was saved under."""
    view = get_view(ws, *saved["became"][MAIN])
    shown = typed.shown.get(MAIN, {}).get("_grid")
    untouched = shown == mark_of(saved["draft_id"], [typed.grid or ""])
    if not typed.grid or (untouched and _GRID not in _last_sent(saved, typed, MAIN)):
        return False
    return view is not None and view["grid"] != typed.grid


def _differing(
    kind: type[Kind], current: Mapping[str, Any], texts: Texts, filled: Texts
) -> list[str]:
    """Return the paths at which ``texts`` mean something else than the record says; ``filled`` are
    the texts as they stood before saving filled them in."""
    shown = texts_of(kind, current)
    before = changed_paths(kind, {**shown, **filled}, texts)
    paths = [path for path in changed_paths(kind, shown, texts) if path in before]
    if not paths:
        return []
    checked = propose(kind, "update", laid_over(kind, current, texts, paths), current)
    if not checked.ok:
        return paths
    return [path for path in paths if path.partition(".")[0] in checked.fields]


def _open(
    ws: Workspace,
    kind: type[Kind],
    record_id: str,
    fields: Mapping[str, Any],
    texts: Texts,
    paths: list[str],
) -> str:
    name = kind.info.name
    if "update" in kind.info.laptop:
        part = edit_part(ws, name, record_id)
        part["texts"], part["late"] = texts, paths
        return open_draft(ws, "record", {MAIN: part}, kept=True)
    words = _words(ws, name, fields, texts)
    try:
        if not words:
            return NOWHERE
        if name == issues.STEP:
            note = issues.start_step(ws, fields["issue_id"], issues.NOTE)
        elif name == service_requests.STEP:
            note = service_requests.start_step(ws, fields["service_id"], issues.NOTE)
        else:
            return NOWHERE
    except DraftGone:
        return NOWHERE
    keep(ws, note, Typed({MAIN: {"text": [words]}}))
    return note


def _words(ws: Workspace, name: str, fields: Mapping[str, Any], texts: Texts) -> str:
    """Return what was typed for a step, as a note says it: its words where they differ, and below
    them what it was meant as with the answers that do; empty when all of it is."""
    words = "".join(texts.get("text", ())).strip()
    if words == fields.get("text"):
        words = ""
    part = new_part(name, action="step")
    part["base"], part["texts"] = dict(fields), texts
    answers = issues.answers_of(ws, part)
    if not answers and (not words or fields["action"] == issues.NOTE):
        return words
    actions = "STEP_ACTION" if name == issues.STEP else "SERVICE_ACTION"
    meant = f"（{code_list(actions).text(fields['action'], ws.lang)}）"
    return "\n".join(one for one in (words, " · ".join([meant, *answers])) if one)
