"""issue 事件: a problem seen in the field; its state is the fold of its steps (workflow.py)."""

from collections.abc import Mapping
from typing import Any

from schemas.fields import (
    Code,
    Flag,
    Line,
    Location,
    Moment,
    Paragraph,
    PersonName,
    Phone,
    Ref,
    Whole,
)  # fmt: skip
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem


def self_handled_rules(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """Only level 1 may be self-handled, and it must say how."""
    if not whole.get("self_handled"):
        return None
    if whole.get("level") != "1":
        return "level", Problem("self_handled_level")
    if not whole.get("handled_text"):
        return "handled_text", Problem("self_handled_text")
    return None


class Issue(Kind):
    """Owned by its author until accepted; a laptop may later only append steps. What a desk at the
    centre enters (a hotline's order, an inspection's finding) is nobody's to send again."""

    info = KindInfo(
        name="issue",
        label=Label("事件", "Issue"),
        group="issue",
        title=("title",),
        laptop=frozenset({"create", "update", "void"}),
        staff=frozenset({"create"}),
        version=2,
        rules=(self_handled_rules,),
        dated_by="happened_at",
        only_author=True,
    )

    happened_at = Moment("发现时间", "Found at", required=True, column=True)
    category = Code("大类", "Category", "ISSUE_CAT", required=True, column=True)
    sub = Line("小类", "Sub-category", longest=60)
    title = Line("标题", "Title", required=True, search=True, column=True, longest=80)
    text = Paragraph("描述", "Description", required=True, search=True)
    level = Code("级别", "Level", "ISSUE_LEVEL", required=True, column=True)
    urgency = Code("紧急程度", "Urgency", "URGENCY", required=True, column=True)
    source = Code("来源", "Source", "ISSUE_SOURCE", required=True)
    source_no = Line("来源单号", "No. at the source", search=True, longest=40)
    at_centre = Flag("中心登记", "Entered at the centre", ask=False)
    source_id = Ref("来源记录", "Source record", "patrol", ask=False)
    source_item = Code("来源检查项", "Source check item", "CHECK_ITEM", ask=False)
    compound_id = Ref("小区", "Compound", "compound", column=True)
    building_id = Ref("楼栋", "Building", "building")
    place = Line("地点", "Place", required=True, search=True, column=True)
    location = Location("位置坐标", "Location")
    reporter = PersonName("反映人", "Reported by", group="reporter")
    reporter_phone = Phone("反映人电话", "Reporter's phone", group="reporter")
    people = Whole("涉及人数", "People involved", most=100_000)
    self_handled = Flag("已自行处置", "Self-handled")
    handled_text = Paragraph("处置情况", "How it was handled", longest=2000)
