"""visit 走访: a visit to a household or a shop, on foot or by phone."""

from collections.abc import Mapping
from typing import Any

from schemas.fields import (
    Code,
    Codes,
    Day,
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
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem


class Opinion(Part):
    """What a resident thinks should change."""

    category = Code("类别", "Category", "OPINION_CAT", required=True)
    text = Line("内容", "Text", required=True, search=True, longest=500)


class SafetyCheck(Part):
    """One safety item of the home."""

    state = Code("情况", "State", "SAFETY_STATE", required=True)
    note = Line("说明", "Note")


class CareCheck(Part):
    """How a person in care was found; keyed by the resident's record id."""

    state = Code("状态", "State", "CARE_STATE", required=True)
    change = Line("变化", "Change", longest=500)
    action = Line("处理", "Action", longest=500)
    next_on = Day("下次探访", "Next visit")


class Answer(Part):
    """What was answered to a campaign's question; keyed by the question's key there."""

    text = Line("答复", "Answer", search=True, longest=500)


class Handed(Part):
    """Leaflets handed out; keyed by material."""

    qty = Whole("数量", "Quantity", required=True, least=1, most=10_000)


def one_target(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A visit goes to one household or one shop."""
    if bool(whole.get("household_id")) == bool(whole.get("shop_id")):
        return "household_id", Problem("one_target")
    return None


class Visit(Kind):
    """What was found at one door; last values are carried forward, only changes are asked."""

    info = KindInfo(
        name="visit",
        label=Label("走访", "Visit"),
        group="field",
        version=2,
        title=(
            "visited_at",
            "household_id.room_id.building_id.compound_id.name",
            "household_id.room_id.label",
            "shop_id.name",
        ),
        laptop=frozenset({"create", "update", "void"}),
        rules=(one_target,),
        dated_by="visited_at",
        only_author=True,
    )

    visited_at = Moment("走访时间", "Visited at", required=True, column=True)
    household_id = Ref("家庭户", "Household", "household", column=True)
    shop_id = Ref("商铺", "Shop", "shop", column=True)
    purposes = Codes("目的", "Purposes", "VISIT_PURPOSE", required=True, column=True, carry=True)
    mode = Code("方式", "Mode", "VISIT_MODE", required=True, carry=True)
    result = Code("结果", "Result", "VISIT_RESULT", required=True, column=True)
    met = PersonName("见到的人", "Person met", carry=True, group="met")
    findings = Paragraph("情况", "Findings", search=True)
    campaign_id = Ref("敲门行动", "Knock campaign", "campaign", ask=False)
    answers = Keyed("行动问题", "Campaign's questions", Answer)
    issue_ids = Refs("引出的事件", "Issues raised", "issue", ask=False)
    service_ids = Refs("引出的服务单", "Services requested", "service", ask=False)
    opinions = Keyed("意见建议", "Opinions", Opinion)
    safety = Keyed("安全检查", "Safety", SafetyCheck, keys="SAFETY_ITEM")
    care_checks = Keyed("关怀随访", "Care checks", CareCheck, privacy="sensitive", group="care")
    materials = Keyed("宣传材料", "Leaflets", Handed, keys="MATERIAL")
    rating = Whole("满意度（1–5）", "Satisfaction (1–5)", least=1, most=5)
    confirm = Code("确认方式", "Confirmed", "CONFIRM")
    notice_given = Flag("已告知个人信息处理规则", "Privacy notice given", required=True, carry=True)
    late_reason = Line("补录原因", "Reason for late entry")
