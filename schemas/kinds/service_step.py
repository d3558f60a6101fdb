"""service_step 服务流转: one immutable step of a service request; appended, never edited."""

from collections.abc import Mapping
from typing import Any

from schemas.fields import Code, Flag, Moment, Paragraph, Ref, Refs, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem
from schemas.service_flow import DUES, OFFLINE_ACTIONS, WORKERS

NEEDED = {
    "assign": ("taker_id",),
    "reply": ("text",),
    "plan": ("text",),
    "release": ("text",),
    "solve": ("result", "person_times"),
    "rate": ("rating",),
    "reopen": ("text",),
    "cancel": ("text",),
    "note": ("text",),
}
"""What a step of an action must say."""


def said_enough(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A step says what its action is for."""
    for name in NEEDED.get(str(whole.get("action")), ()):
        if whole.get(name) is None:
            return name, Problem("required")
    return None


def from_laptop(fields: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A laptop appends what may be done offline, as a worker, and never what the centre sets."""
    if fields.get("action") not in OFFLINE_ACTIONS:
        return "action", Problem("not_allowed")
    if fields.get("role") not in WORKERS:
        return "role", Problem("not_allowed")
    for name in ("central", *DUES):
        if name in fields:
            return name, Problem("not_allowed")
    return None


class ServiceStep(Kind):
    """What it did to the request is folded from all steps (``service_flow.py``)."""

    info = KindInfo(
        name="service_step",
        label=Label("服务流转", "Service step"),
        group="service",
        title=("at", "action"),
        reach="community",
        parent="service_id",
        laptop=frozenset({"step"}),
        staff=frozenset({"step"}),
        rules=(said_enough,),
        laptop_rules=(from_laptop,),
        dated_by="at",
        only_author=True,
    )

    service_id = Ref("服务单", "Service request", "service", required=True, column=True)
    action = Code("动作", "Action", "SERVICE_ACTION", required=True, column=True)
    role = Code("身份", "Taken as", "ROLE", required=True, ask=False)
    central = Flag("中心办理", "At the centre", ask=False)
    after = Refs("此前流转", "Steps seen before", "record", ask=False)
    at = Moment("时间", "At", required=True, column=True)
    text = Paragraph("说明", "Words", search=True, column=True, longest=2000)
    taker_id = Ref("接单人", "Taken by", "user")
    result = Code("结果", "Result", "RESULT")
    person_times = Whole("服务人次", "Person-times", most=999)
    rating = Whole("评价（1–5）", "Rating (1–5)", least=1, most=5)
    due_respond = Moment("响应时限", "Respond by", ask=False)
    due_reply = Moment("回复时限", "Reply by", ask=False)
    due_solve = Moment("解决时限", "Solve by", ask=False)
    due_plan = Moment("方案时限", "Plan by", ask=False)
