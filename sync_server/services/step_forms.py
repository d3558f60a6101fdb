"""The form of a step of an issue: what an action asks, what was typed, what is wrong with it.

A form asks what the action's row in the table needs and what may be said besides. What was typed
comes back even when it is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Case
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import local_day, read_moment, written
from schemas.codes import code_list
from schemas.fields import Declared, Moment, Paragraph
from schemas.forms import GetList
from schemas.guards import owning_level
from schemas.kinds.issue_step import INSIDE, label_of
from schemas.labels import Label
from schemas.messages import Problem
from sync_server.domain import deadlines
from sync_server.domain.areas import above
from sync_server.services.ids import new_id
from sync_server.services.step_words import HINTS, STEP, TEXTS, words_of_action
from sync_server.store import cases, devices_read

Row = Mapping[str, Any]
MOST_PHOTOS = 9
PHOTO = "photo"
ASKED: Mapping[str, tuple[str, ...]] = {
    "accept": ("level", "category", "urgency", "path", "std_code", "text"),
    "return": ("text",),
    "ask_void": ("text",),
    "void": ("text",),
    "decline": ("declines", "text"),
    "classify": ("level", "category", "urgency", "path", "std_code", "text"),
    "handle": ("assignee_id", "mode", "due_at", "text"),
    "dispatch": ("target_id", "mode", "due_at", "text"),
    "take": ("text",),
    "refuse": ("refuse", "text"),
    "recall": ("text",),
    "ask_escalate": ("text",),
    "escalate": ("text",),
    "whistle": ("calls", "text"),
    "report_in": ("text",),
    "conclude": ("scores", "text"),
    "ask_suspend": ("until", "text"),
    "suspend": ("until", "text"),
    "ask_extend": ("due_at", "text"),
    "extend": ("due_at", "text"),
    "resume": ("text",),
    "resolve": ("result", "text", "resolved_level", PHOTO),
    "verify": ("text",),
    "rework": ("text",),
    "rate": ("rating", "rated_by", "text"),
    "close": ("text",),
    "plan_lookback": ("until", "assignee_id", "text"),
    "lookback": ("lookback", "text"),
    "reopen": ("text",),
    "merge": ("into_id", "into_no", "text"),
    "unmerge": ("text",),
    "remind": ("remind", "text"),
    "note": ("text", PHOTO),
}
"""What each action asks, in the order of the form."""
NEEDED = {"note": ("text",), "remind": ("remind", "text"), "conclude": ("scores", "text")}
"""What a form cannot do without beyond what the table needs."""
MODES = {"handle": ("onsite", "self"), "dispatch": ("department", "property_order", "onsite")}
DANGEROUS = frozenset({"void", "ask_void", "refuse", "recall", "reopen", "unmerge", "merge"})


@dataclass(frozen=True)
class Option:
    """One thing to choose; ``note`` says more about it."""

    value: str
    words: str
    note: str = ""


@dataclass(frozen=True)
class StepControl:
    """One control: ``widget`` is choice, choices, scores or photos where the field's own does not
    fit; ``options`` are what may be chosen."""

    name: str
    field: Declared
    widget: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class StepForm:
    """A step being written. ``step_id`` makes sending twice take one step; ``seen`` marks how the
    case stood when the form was made; ``values`` are what the controls show; ``sure`` is the record
    that was doubted once, so that sending the form again means it."""

    action: str
    words: str
    controls: tuple[StepControl, ...]
    values: Mapping[str, Any]
    step_id: str
    seen: str
    danger: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    general: str = ""
    sure: str = ""

    @property
    def has_photos(self) -> bool:
        """Whether files may be sent with it."""
        return any(one.widget == "photos" for one in self.controls)


@dataclass(frozen=True)
class Around:
    """What a form offers to choose from, read once for a page."""

    units: Sequence[Row]
    workers: Sequence[Row]
    similar: tuple[Option, ...] = ()


def load_around(
    connection: sa.Connection, district: str, area: str, similar: tuple[Option, ...] = ()
) -> Around:
    """Read the units an issue of ``area`` may go to, and the workers of its grid."""
    areas = {area, *above([area])}
    workers = devices_read.workers_in(connection, district, [area], flow.WORKERS)
    return Around(
        cases.units_around(connection, district, areas), [dict(one) for one in workers], similar
    )


def mark_of(case: Case) -> str:
    """Return a mark that changes with every step that did something."""
    done = [one for one in case.readings if one.counted and one.step.action not in flow.SPEAKING]
    return done[-1].step.step_id if done else "0"


def form_of(case: Case, row: flow.Transition, around: Around, now: datetime, lang: str) -> StepForm:
    """Return the empty form of an action as the case stands."""
    asked = ASKED.get(row.action, ("text",))
    needed = {*row.needs, *NEEDED.get(row.action, ())}
    controls = tuple(
        _control(row.action, name, name in needed, case, around, lang) for name in asked
    )
    return StepForm(
        action=row.action,
        words=words_of_action(row.action, row.source, lang),
        controls=controls,
        values=_begin(row.action, case, controls, now),
        step_id=new_id(),
        seen=mark_of(case),
        danger=row.action in DANGEROUS,
    )


def typed(form: StepForm, getlist: GetList) -> StepForm:
    """Return the form with what was posted."""
    values: dict[str, Any] = {}
    for one in form.controls:
        if one.widget == "choices":
            values[one.name] = [text for text in getlist(one.name) if text]
        elif one.widget == "scores":
            each = {
                option.value: _first(getlist, f"scores.{option.value}") for option in one.options
            }
            values[one.name] = {unit: score for unit, score in each.items() if score}
        elif one.widget == "choice":
            values[one.name] = _first(getlist, one.name)
        elif one.widget != "photos":
            values[one.name] = one.field.from_form(getlist(one.name))
    return replace(
        form, values=values, step_id=_first(getlist, "step_id") or form.step_id,
        seen=_first(getlist, "seen"), sure=_first(getlist, "sure"),
    )  # fmt: skip


def said_by(
    form: StepForm, case: Case, around: Around, now: datetime, lang: str
) -> tuple[dict[str, Any], StepForm]:
    """Return the wire fields a typed form says, and the form with what is wrong with them."""
    wrong: dict[str, str] = {}
    said: dict[str, Any] = {}
    for one in form.controls:
        value = form.values.get(one.name)
        if one.widget == "photos" or one.name == "into_no":
            continue
        if value in (None, "", [], {}):
            if one.field.required:
                wrong[one.name] = Problem("required").text(lang)
            continue
        chosen = _wire(one, value)
        if chosen is None:
            wrong[one.name] = Problem("bad_code").text(lang)
        else:
            said[one.name] = chosen
    if form.action == "dispatch" and "mode" not in said and "target_id" in said:
        said["mode"] = _mode_of(said["target_id"], around)
    facts = {"issue_id": case.issue_id, "action": form.action, "at": written(now)}
    for fault in check(kind_of(STEP), "step", said | facts).problems:
        name = fault.pointer.strip("/").split("/")[0]
        wrong.setdefault(name, fault.problem.text(lang))
    for name, label in _out_of_time(form.action, said, case, now).items():
        wrong.setdefault(name, label.text(lang))
    return said, replace(form, problems=wrong)


def _first(getlist: GetList, name: str) -> str:
    texts = getlist(name)
    return texts[0].strip() if texts else ""


def _wire(one: StepControl, value: Any) -> Any:
    """Return what a control says on the wire, None for what was not offered."""
    offered = {option.value for option in one.options}
    if one.widget == "choices":
        return {"add": {unit: {} for unit in value}} if set(value) <= offered else None
    if one.widget == "scores":
        if not all(score in ("1", "2", "3", "4", "5") for score in value.values()):
            return None
        return {"add": {unit: {"score": int(score)} for unit, score in value.items()}}
    if one.widget == "choice":
        if value not in offered:
            return None
        return int(value) if one.name in ("rating", "resolved_level") else value
    return value


def _mode_of(unit: str, around: Around) -> str:
    kind = next((one["fields"].get("unit_kind") for one in around.units
                 if one["record_id"] == unit), None)  # fmt: skip
    return "property_order" if kind == "company" else "department"


def _out_of_time(
    action: str, said: Mapping[str, Any], case: Case, now: datetime
) -> dict[str, Label]:
    """Return what is wrong with days and times: past, too far, or no extension.

    Who agrees without a day or time of his own agrees to the one that was asked for.
    """
    wrong = {}
    suspends = action in ("ask_suspend", "suspend")
    asked = case.asked[action].step.fields if action in case.asked else {}
    until, today = said.get("until") or asked.get("until"), local_day(now)
    if isinstance(until, str):
        last = local_day(now + timedelta(days=flow.MOST_SUSPENDED_DAYS))
        if until < today or (until == today and suspends):
            wrong["until"] = Label("要选今天以后的日期。", "Choose a day after today.")
        elif suspends and until > last:
            most = flow.MOST_SUSPENDED_DAYS
            wrong["until"] = Label(f"最多 {most} 天，不晚于 {last}。",
                                   f"At most {most} days: no later than {last}.")  # fmt: skip
    due_at = said.get("due_at") or asked.get("due_at")
    try:
        due = read_moment(due_at) if isinstance(due_at, str) else None
    except (ValueError, OverflowError):
        due = None
    present = case.due_at if action in ("ask_extend", "extend") else None
    if due and due <= now:
        wrong["due_at"] = Label("时限要晚于现在。", "The due time must be in the future.")
    elif due and present and due <= read_moment(present):
        words = deadlines.words(read_moment(present))
        wrong["due_at"] = Label(
            f"延期要晚于现在的时限 {words}。", f"Choose a time after the present limit, {words}."
        )
    return wrong


def _control(
    action: str, name: str, needed: bool, case: Case, around: Around, lang: str
) -> StepControl:
    declared = kind_of(STEP).declared()
    if name == PHOTO:
        shown: Declared = Paragraph("处置后照片", "Photos from after")
        if action == "note":
            shown = Paragraph("照片", "Photos")
    elif name == "into_no":
        shown = copy.copy(declared["no"])
        shown.label = Label("或填事件编号", "Or its number")
    else:
        shown = copy.copy(declared[name])
        shown.label = label_of(name, shown, action)
    shown.required = needed
    shown.hint = HINTS.get(f"{action}.{name}")
    if name == "text":
        shown.label = TEXTS.get(action, shown.label)
    if action == "plan_lookback":
        shown.label = {
            "until": Label("回头看日期", "Look back on"),
            "assignee_id": Label("检查人", "Who looks"),
        }.get(name, shown.label)
    options, widget = _options(action, name, case, around, lang)
    if name == PHOTO:
        widget = "photos"
    return StepControl(name, shown, widget or shown.widget, tuple(options))


def _options(
    action: str, name: str, case: Case, around: Around, lang: str
) -> tuple[Iterable[Option], str]:
    """Return what may be chosen in a control and its widget, empty for the field's own."""
    if name == "target_id":
        return _units(case, around, lang), "choice"
    if name == "calls":
        return _units(case, around, lang), "choices"
    if name == "assignee_id":
        return [Option(one["user_id"], one["name"], one["no"]) for one in around.workers], "choice"
    if name == "scores":
        open_ones = [one for one in case.whistles if not one.concluded][:1]
        called = {unit for one in open_ones for unit in one.calls}
        return [one for one in _units(case, around, lang) if one.value in called], "scores"
    if name == "into_id":
        return around.similar, "choice"
    if name == "declines":
        words = code_list("STEP_ACTION")
        asked = case.asked if case.state != flow.REPORTED else {"void": 0}
        return [Option(one, words.text(f"ask_{one}", lang)) for one in sorted(asked)], "choice"
    if name == "mode" and action in MODES:
        modes = code_list("HANDLE_MODE")
        return [Option(one, modes.text(one, lang)) for one in MODES[action]], "choice"
    if name == "rating":
        return [Option(str(one), _stars(one, lang)) for one in range(5, 0, -1)], "choice"
    if name == "resolved_level":
        levels = code_list("ISSUE_LEVEL")
        return [
            Option("0", INSIDE.text(lang)),
            *(Option(item.code, item.label.text(lang)) for item in levels.active),
        ], "choice"
    return (), ""


def _stars(rating: int, lang: str) -> str:
    words = {
        5: Label("很满意", "Very satisfied"), 4: Label("满意", "Satisfied"),
        3: Label("一般", "Fair"), 2: Label("不满意", "Dissatisfied"),
        1: Label("很不满意", "Very dissatisfied"),
    }  # fmt: skip
    return f"{rating} {words[rating].text(lang)}"


def _units(case: Case, around: Around, lang: str) -> list[Option]:
    """Return the units, those first that lead the issue's category."""
    kinds = code_list("UNIT_KIND")
    leads = "leads this category" if lang == "en" else "主办此类"
    found = []
    for one in around.units:
        said = one["fields"]
        kind = kinds.text(said.get("unit_kind") or "", lang)
        lead = case.category in (said.get("categories") or ())
        note = f"{kind} · {leads}" if lead else kind
        found.append((not lead, Option(one["record_id"], str(said.get("name") or ""), note)))
    return [option for _, option in sorted(found, key=lambda pair: (pair[0], pair[1].words))]


def _begin(
    action: str, case: Case, controls: Sequence[StepControl], now: datetime
) -> dict[str, Any]:
    """Return what a new form holds already."""
    values: dict[str, Any] = {}
    if action in ("accept", "classify"):
        item = code_list("ISSUE_CAT").get(case.category or "")
        standard = item.std_map if item is not None else ""
        values = {
            "level": case.level, "category": case.category, "urgency": case.urgency,
            "path": case.path, "std_code": case.std_code or standard,
        }  # fmt: skip
    elif action == "dispatch":
        first = next((one for one in controls[0].options if case.category and one.note), None)
        if first is not None and "·" in first.note:
            values["target_id"] = first.value
    elif action == "resolve":
        values = {"resolved_level": str(owning_level(case))}
    elif action == "suspend" and "suspend" in case.asked:
        values = {"until": case.asked["suspend"].step.fields.get("until")}
    elif action == "extend" and "extend" in case.asked:
        values = {"due_at": _local(case.asked["extend"].step.fields.get("due_at"))}
    elif action == "plan_lookback":
        values = {"until": local_day(now + timedelta(days=flow.LOOKBACK_DAYS))}
    elif action == "decline":
        options = controls[0].options
        values = {"declines": options[0].value} if len(options) == 1 else {}
    return values


def _local(text: object) -> str | None:
    """Return a time as its control shows it."""
    if not isinstance(text, str):
        return None
    shown = Moment("", "").show(written(read_moment(text)), "zh")
    return shown.replace(" ", "T")
