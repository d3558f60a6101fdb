"""patrol 巡查: one of a grid's three patrols a day, with its checklist."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.fields import Code, Keyed, Line, Moment, Paragraph, Part, Ref, Refs
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem


class CheckedItem(Part):
    """The result of one check item; a reported problem names its issue."""

    result = Code("结果", "Result", "CHECK_RESULT", required=True)
    note = Line("说明", "Note", longest=500)
    issue_id = Ref("事件", "Issue", "issue")


def ends_after_start(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A patrol cannot end before it started."""
    if not whole.get("started_at") or not whole.get("ended_at"):
        return None
    if datetime.fromisoformat(whole["ended_at"]) < datetime.fromisoformat(whole["started_at"]):
        return "ended_at", Problem("ends_before_start")
    return None


class Patrol(Kind):
    """A patrol counts for its slot by its start; its author walked it."""

    info = KindInfo(
        name="patrol",
        label=Label("巡查", "Patrol"),
        group="field",
        title=("started_at", "slot"),
        laptop=frozenset({"create", "update", "void"}),
        rules=(ends_after_start,),
        dated_by="started_at",
        only_author=True,
    )

    slot = Code("班次", "Slot", "SLOT", required=True, column=True)
    started_at = Moment("开始时间", "Started at", required=True, column=True)
    ended_at = Moment("结束时间", "Ended at", required=True, column=True)
    with_ids = Refs("同行人", "Together with", "user")
    covered_ids = Refs("巡查范围", "Compounds covered", "compound", required=True, column=True)
    items = Keyed("检查项", "Check items", CheckedItem, keys="CHECK_ITEM", required=True)
    weather = Code("天气", "Weather", "WEATHER", carry=True)
    summary = Paragraph("小结", "Summary", search=True, longest=2000)
    late_reason = Line("补录原因", "Reason for late entry")
