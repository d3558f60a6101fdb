"""issue_step 流转: one immutable step in an issue's life; appended, never edited.

One kind for all that happens to an issue: acceptance, dispatch, whistle, reminder, look-back. What
the steps amount to is folded (``schemas/cases.py``); due times and numbers are set by the centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.codes import code_list
from schemas.fields import (
    Code,
    Day,
    Declared,
    Flag,
    Keyed,
    Line,
    Moment,
    Paragraph,
    Part,
    PersonName,
    Ref,
    Refs,
    Whole,
)  # fmt: skip
from schemas.fields.base import Lookup, nobody
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem
from schemas.workflow import OFFLINE_ACTIONS

CENTRAL_ONLY = frozenset({"central", "role", "unit_id", "no", "due_at", "due_rule", "clock"})
"""Fields that only the centre sets."""

INSIDE = Label("小区内", "Inside the compound")
"""What level 0 is called: an issue was settled without leaving its compound."""
RESUMES = Label("恢复计时（当日0时起）", "Clock runs again (from 00:00)")
"""What a suspension's day is called: the first one that counts again."""


def label_of(name: str, declared: Declared, action: str) -> Label:
    """Return what a field is called in a step of this action."""
    suspends = name == "until" and action in ("ask_suspend", "suspend")
    return RESUMES if suspends else declared.label


class ResolvedLevel(Whole):
    """The level an issue was settled at: ISSUE_LEVEL's codes as numbers, 0 for its compound."""

    def show(self, value: Any, lang: str, lookup: Lookup = nobody) -> str:
        """The level's words, the district's own where it has some."""
        if value is None:
            return ""
        return code_list("ISSUE_LEVEL").text(str(value), lang) if value else INSIDE.text(lang)


class Called(Part):
    """One unit that a whistle calls; keyed by the unit's record id."""

    due_at = Moment("报到时限", "Report in by")


class Score(Part):
    """How the street rates a unit's part in a whistle; keyed by the unit's record id."""

    score = Whole("评分", "Score", required=True, least=1, most=5)


def from_laptop(fields: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A laptop appends only what may be done offline, and never what the centre sets."""
    if fields.get("action") not in OFFLINE_ACTIONS:
        return "action", Problem("not_allowed")
    for name in sorted(CENTRAL_ONLY & fields.keys()):
        return name, Problem("not_allowed")
    return None


class IssueStep(Kind):
    """Steps travel with the action ``step``; what they did to the issue is folded from all."""

    info = KindInfo(
        name="issue_step",
        label=Label("流转", "Step"),
        group="issue",
        title=("at", "action"),
        version=2,
        parent="issue_id",
        laptop=frozenset({"step"}),
        staff=frozenset({"step"}),
        dated_by="at",
        only_author=True,
        laptop_rules=(from_laptop,),
    )

    issue_id = Ref("事件", "Issue", "issue", required=True, column=True)
    action = Code("动作", "Action", "STEP_ACTION", required=True, column=True)
    from_state = Code("原状态", "From", "ISSUE_STATE", ask=False)
    to_state = Code("新状态", "To", "ISSUE_STATE", ask=False)
    at = Moment("时间", "At", required=True, column=True)
    text = Paragraph("意见", "Words", search=True, column=True)
    clock = Code("计时", "Clock", "CLOCK", ask=False)
    after = Refs("此前流转", "Steps seen before", "record", ask=False)
    central = Flag("中心办理", "At the centre", ask=False)
    role = Code("身份", "Acting as", "ROLE", ask=False)
    unit_id = Ref("办理单位", "Acting unit", "unit", ask=False)
    no = Line("编号", "Number", longest=30, ask=False)
    target_id = Ref("派往单位", "Sent to", "unit", ask=False)
    into_id = Ref("并入", "Merged into", "issue", ask=False)
    assignee_id = Ref("承办网格员", "Assigned worker", "user", ask=False)
    level = Code("级别", "Level", "ISSUE_LEVEL")
    category = Code("大类", "Category", "ISSUE_CAT", ask=False)
    urgency = Code("紧急程度", "Urgency", "URGENCY", ask=False)
    path = Code("路径", "Path", "ISSUE_PATH")
    mode = Code("办理方式", "Handled by way of", "HANDLE_MODE")
    std_code = Line("国标事项代码", "Standard's code", longest=40, ask=False)
    due_at = Moment("时限", "Due at", ask=False)
    due_rule = Line("时限依据", "Rule of the due time", longest=60, ask=False)
    until = Day("至", "Until", ask=False)
    declines = Line("不同意的申请", "Declined request", longest=20, ask=False)
    refuse = Code("拒收理由", "Reason of refusal", "REFUSE")
    result = Code("处置结果", "Result", "RESULT")
    resolved_level = ResolvedLevel("化解层级", "Resolved at level", most=4)
    rating = Whole("评价（1–5）", "Rating (1–5)", least=1, most=5)
    rated_by = PersonName("评价人", "Rated by", group="reporter")
    remind = Code("催办方式", "Kind of reminder", "REMIND")
    lookback = Code("回头看结果", "Look-back result", "LOOKBACK")
    calls = Keyed("吹哨单位", "Units called", Called)
    scores = Keyed("报到评分", "Scores", Score)
