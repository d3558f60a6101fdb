"""An issue's life in words: who did what when, with which photos, and what stands now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.issues import Light, light, provisional_no
from field_app.services import photos
from field_app.services.issues import STEP, Standing
from field_app.services.titles import lookup
from field_app.services.workspace import Workspace
from schemas.cases import Reading
from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.kinds.issue_step import label_of
from schemas.labels import Label
from schemas.stages import Stage, stages
from schemas.workflow import SYSTEM_ID

TOLD = (
    "no", "level", "category", "urgency", "path", "mode", "std_code", "target_id", "assignee_id",
    "until", "refuse", "declines", "result", "resolved_level", "rating", "rated_by", "remind",
    "lookback", "into_id",
)  # fmt: skip
"""Fields of a step that are told beside its words; due times have a place of their own."""

WHY: Mapping[str, Label] = {
    "state": Label("当时事件已不在这一步", "the issue had moved on by then"),
    "role": Label("不是这个岗位办的事", "it was not for this role to do"),
    "owner": Label("不归这一级办理", "it was not this level's to decide"),
    "approver": Label("须由上一级批准", "the level above has to approve"),
    "handler": Label("已不是承办人", "somebody else was to handle it"),
    "decliner": Label("无权答复这项申请", "it was not theirs to answer this request"),
    "resumer": Label("无权恢复办理", "it was not theirs to resume"),
    "second_person": Label("须由另一人同意", "a second person has to agree"),
    "recaller": Label("不归这一级撤回", "it was not this level's to recall"),
    "with_unit": Label("当时不在单位手里", "no unit had it by then"),
    "its_unit": Label("没有派给这个单位", "it was not sent to this unit"),
    "called": Label("没有吹哨叫这个单位，或已报到", "the unit was not called, or had reported in"),
    "whistle_open": Label("没有未办结的哨件", "no whistle was open"),
    "not_highest": Label("已是最高一级", "it was at the highest level already"),
    "void_asked": Label("没有人申请作废", "nobody had asked to void it"),
    "suspend_asked": Label("没有人申请挂账", "nobody had asked to suspend it"),
    "extend_asked": Label("没有人申请延期", "nobody had asked for more time"),
    "asked": Label("没有待答复的申请", "no request was open"),
    "self_handled": Label("不是自行处置的事件", "it was not self-handled"),
    "not_self_handled": Label("自行处置的由网格长或社区确认", "leader or community confirm it"),
    "from_laptop": Label("是中心登记的", "it was entered at the centre"),
    "rated_or_waited": Label("还没有评价", "it was not rated yet"),
    "lookback_planned": Label("没有安排回头看", "no look-back was planned"),
}


@dataclass(frozen=True)
class Entry:
    """One step in words. ``why`` is empty for one that counted, ``said`` pairs of label and value,
    ``due_at`` the due time it set, ``state`` how far it came on its way to the centre."""

    step_id: str
    at: str
    action: str
    who: str
    role: str
    unit: str
    text: str
    said: tuple[tuple[str, str], ...]
    due_at: str
    before: str
    after: str
    why: str
    state: str
    view: Mapping[str, Any]
    photos: tuple[photos.Shown, ...]


@dataclass(frozen=True)
class Call:
    """One unit a whistle called: until when, and when it reported in."""

    unit: str
    due_at: str
    reported_at: str
    score: int | None


@dataclass(frozen=True)
class Story:
    """An issue's page: its number, what stands now, and every step."""

    number: str
    provisional: bool
    light: Light
    unit: str
    assignee: str
    asked: tuple[Entry, ...]
    reminders: tuple[Entry, ...]
    whistles: tuple[tuple[Entry, tuple[Call, ...], str], ...]
    """Each with its units and its conclusion."""
    lookbacks: tuple[tuple[str, str, Entry | None], ...]
    """The day planned, what was found, by which step."""
    entries: tuple[Entry, ...]


class _Words:
    """Names people and units for one page."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.lookup = lookup(ws, ws.lang)
        self.declared = kind_of(STEP).declared()

    def person(self, user_id: str | None) -> str:
        """Return a person's name, the system's words for its own steps."""
        if user_id == SYSTEM_ID:
            return code_list("ROLE").text("system", self.ws.lang)
        return (self.lookup("user", user_id) or f"…{user_id[-6:]}") if user_id else ""

    def unit(self, unit_id: str | None) -> str:
        """Return a unit's name."""
        return (self.lookup("unit", unit_id) or f"…{unit_id[-6:]}") if unit_id else ""

    def role(self, step_author: str, fields: Mapping[str, Any]) -> str:
        """Return in which role a step was taken; a laptop's are a grid worker's."""
        own = self.ws.identity.role if step_author == self.ws.worker_id else "worker"
        role = fields.get("role") or ("" if fields.get("central") else own)
        return code_list("ROLE").text(role, self.ws.lang) if role and role != "system" else ""

    def said(self, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield what a step says beside its words."""
        for name in TOLD:
            value = fields.get(name)
            if value not in (None, "", [], {}):
                field = self.declared[name]
                label = label_of(name, field, str(fields.get("action")))
                yield label.text(self.ws.lang), field.show(value, self.ws.lang, self.name)

    def name(self, kind: str, record_id: str) -> str | None:
        """Return what a step's reference is called."""
        return self.person(record_id) if kind == "user" else self.lookup(kind, record_id)


def why_words(why: str, lang: str) -> str:
    """Return in plain words why a step did not count: a guard, or a field it lacked."""
    if not why:
        return ""
    if why in WHY:
        return WHY[why].text(lang)
    field = kind_of(STEP).declared().get(why)
    lacking = Label("缺少", "lacking")
    return f"{lacking.text(lang)}: {field.label.text(lang) if field else why}"


def stages_of(found: Standing) -> tuple[Stage, ...]:
    """Return the five stages of an issue; none of one that is void or merged."""
    view = found.view
    if view["voided"] or view["merged_into"]:
        return ()
    return stages(found.case, str(view["fields"].get("happened_at") or ""))


def story_of(ws: Workspace, found: Standing) -> Story:
    """Return everything an issue's page tells of its life."""
    words, case = _Words(ws), found.case
    entries = {one.reading.step.step_id: _entry(words, one.view, one.reading)
               for one in found.steps}  # fmt: skip
    fields = found.view["fields"]
    return Story(
        number=case.no or provisional_no(case.issue_id, fields.get("happened_at")),
        provisional=case.no is None,
        light=light(case, ws.true_now()),
        unit=words.unit(case.unit_id),
        assignee=words.person(case.assignee_id),
        asked=tuple(entries[one.step.step_id] for one in case.asked.values()),
        reminders=tuple(entries[one.step_id] for one in case.reminders),
        whistles=tuple(
            (
                entries[one.step.step_id],
                tuple(
                    Call(words.unit(unit), call.due_at or "", call.reported_at or "", call.score)
                    for unit, call in one.calls.items()
                ),
                one.conclusion,
            )
            for one in case.whistles
        ),
        lookbacks=tuple(
            (
                one.planned,
                code_list("LOOKBACK").text(one.result, ws.lang) if one.result else "",
                entries[one.step.step_id] if one.step else None,
            )
            for one in case.lookbacks
        ),
        entries=tuple(entries.values()),
    )


def _entry(words: _Words, view: Mapping[str, Any], reading: Reading) -> Entry:
    lang, fields, step = words.ws.lang, view["fields"], reading.step
    states = code_list("ISSUE_STATE")
    return Entry(
        step_id=step.step_id,
        at=step.at,
        action=code_list("STEP_ACTION").text(step.action, lang),
        who=words.person(step.author),
        role=words.role(step.author, fields),
        unit=words.unit(fields.get("unit_id")),
        text=str(fields.get("text") or ""),
        said=tuple(words.said(fields)),
        due_at=str(fields.get("due_at") or ""),
        before=states.text(reading.before, lang),
        after=states.text(reading.after, lang),
        why=why_words(reading.why, lang),
        state=view["state"],
        view=view,
        photos=tuple(photos.of_record(words.ws, step.step_id)),
    )


def instead_words(ws: Workspace, readings: tuple[Reading, ...]) -> list[tuple[str, str]]:
    """Return what counted in the place of an overtaken step: what by whom, and when."""
    words = _Words(ws)
    found = []
    for one in readings:
        step = one.step
        said = (
            code_list("STEP_ACTION").text(step.action, ws.lang),
            words.unit(step.fields.get("unit_id")),
            words.role(step.author, step.fields),
            words.person(step.author),
        )
        found.append((" · ".join(word for word in said if word), step.at))
    return found
