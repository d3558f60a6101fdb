"""What became of the worker's values, in words: reasons, both values, who decided what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.conflicts import is_let_in
from field_app.services.titles import lookup
from field_app.services.workspace import CHANGES, CONFLICTS, Workspace
from schemas.fields import Keyed
from schemas.kind import Kind
from schemas.labels import Label

FATES: dict[str, Label] = {
    "kept": Label("没有采用您填的，以现有的为准", "Not yours: the other value stands"),
    "replaced": Label("采用了您填的", "Yours was taken"),
    "both": Label("两者都保留", "Both were kept"),
    "rewritten": Label("另定了新的内容", "A new value was written"),
    "superseded": Label("以您后来填的为准", "Your own later value stands"),
    "released": Label("放行入库", "Let in"),
    "released_fixed": Label("修改后放行入库", "Let in with other values"),
    "dismissed": Label("不予采纳", "Not taken"),
}
VOID = Label("作废", "Voided")
BY_RULE = Label("系统按时间先后", "The system, by time")
SOMEBODY = Label("工作人员", "Staff")


@dataclass(frozen=True)
class Reason:
    """Why the centre sent a change back: the field's label and what is wrong with it."""

    field: str
    words: str


@dataclass(frozen=True)
class Pair:
    """Two values that met, as words, personal ones masked.

    ``theirs`` is None where the worker's own stands and no other one was ever seen here. ``fate``
    says what became of the worker's, empty while it is open.
    """

    field: str
    mine: str
    theirs: str | None
    fate: str


@dataclass(frozen=True)
class Ruling:
    """One decision: about which field (empty: the whole change), what, by whom, when, in which
    words."""

    field: str
    outcome: str
    by: str
    at: str
    words: str


def let_in(ws: Workspace) -> list[str]:
    """Return the refused changes that were let in since, of which the centre has not told yet what
    exactly became of them: it is asked."""
    ruled = [one["change_id"] for one in ws.table(CONFLICTS) if one.get("rulings")]
    found = ws.table(CHANGES).get(doc_ids=ruled) if ruled else []
    return [one["change_id"] for one in found if is_let_in(one)]


def reasons(kind: type[Kind], change: Mapping[str, Any], lang: str) -> Iterator[Reason]:
    """Yield why the centre refused a change."""
    told = (change["receipt"] or {}).get("problem")
    for problem in told if isinstance(told, list) else []:
        words = problem.get("en" if lang == "en" else "zh") or problem.get("code") or "?"
        path = str(problem.get("pointer") or "").strip("/").split("/")[0]
        yield Reason(path_name(kind, path, lang), str(words))


def pairs(ws: Workspace, kind: type[Kind], document: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield the values of a conflict document; those of a record that left have none."""
    fates = document.get("fates", {})
    for pair in document["pairs"]:
        if "mine" not in pair:
            continue
        path, fate = pair["path"], fates.get(pair["path"])
        yield Pair(
            path_name(kind, path, ws.lang),
            value_words(ws, kind, path, pair["mine"]),
            value_words(ws, kind, path, pair["theirs"]) if "theirs" in pair else None,
            FATES[fate].text(ws.lang) if fate in FATES else "",
        )


def rulings(ws: Workspace, kind: type[Kind], document: Mapping[str, Any]) -> Iterator[Ruling]:
    """Yield the decisions of a conflict document, the first one first."""
    name_of = lookup(ws, ws.lang)
    made = document.get("rulings", {}).values()
    for one in sorted(made, key=lambda ruling: (ruling["at"], ruling["path"])):
        by = (BY_RULE if one["automatic"] else SOMEBODY).text(ws.lang)
        if one["by"] and not one["automatic"]:
            by = name_of("user", one["by"]) or by
        fate = one["outcome"]
        if one["subject"] == "conflict":
            fate = document.get("fates", {}).get(one["path"]) or fate
        yield Ruling(
            path_name(kind, one["path"], ws.lang),
            FATES[fate].text(ws.lang) if fate in FATES else str(fate),
            by,
            one["at"],
            one["words"],
        )


def path_name(kind: type[Kind], path: str, lang: str) -> str:
    """Return what a merge path or a field is called; empty for the whole record."""
    if path == "voided":
        return VOID.text(lang)
    name, _, key = path.partition(".")
    field = kind.declared().get(name)
    if field is None:
        return ""
    entry = field.entry_name(key, lang) if isinstance(field, Keyed) and key else ""
    return " ".join(word for word in (field.label.text(lang), entry) if word)


def value_words(ws: Workspace, kind: type[Kind], path: str, value: Any) -> str:
    """Return a value at a path as words, masked; empty for none."""
    if path == "voided":
        return (Label("是", "Yes") if value else Label("否", "No")).text(ws.lang)
    name, _, key = path.partition(".")
    field = kind.declared().get(name)
    if field is None or value is None:
        return ""
    whole = {key: value} if isinstance(field, Keyed) and key else value
    return field.show_masked(whole, ws.lang, lookup(ws, ws.lang))
