"""care 关怀: a person's care group, its own protected record (sensitive personal information)."""

from schemas.fields import Code, Codes, Day, Line, Paragraph, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label

INTERVAL_DAYS = {"high": 7, "key": 30, "general": 90}
"""Longest time between care visits by risk."""


class Care(Kind):
    """Why and how often somebody is looked after, and by whom."""

    info = KindInfo(
        name="care",
        label=Label("关怀对象", "Care"),
        group="people",
        title=("resident_id.name",),
        parent="resident_id",
        laptop=frozenset({"create", "update", "void"}),
        protected=True,
        retention="people",
    )

    resident_id = Ref("居民", "Resident", "resident", required=True, column=True)
    cats = Codes(
        "关怀类别",
        "Care groups",
        "CARE_CAT",
        required=True,
        privacy="sensitive",
        column=True,
        group="care",
    )
    risk = Code(
        "级别", "Risk", "CARE_RISK", required=True, policy="review", column=True, group="care"
    )
    visit_every_days = Whole(
        "探访间隔（天）", "Visit every (days)", required=True, least=1, most=365,
        hint=Label("不填则按级别：高 7 天，重点 30 天，一般 90 天。",
                   "Left empty it follows the risk: high 7, key 30, general 90 days."),
    )  # fmt: skip
    contact = Line("紧急联系人", "Emergency contact", privacy="personal", group="care_more")
    needs = Paragraph("需求", "Needs", privacy="sensitive", longest=2000, group="care_more")
    keeper_id = Ref("责任人", "In charge", "user", required=True)
    since = Day("起始日期", "Since", required=True)
    until = Day("终止日期", "Until")
    basis = Code(
        "处理依据", "Legal basis", "BASIS", required=True,
        hint=Label("凭本人同意的，在居民的同意记录里记“关怀”一项。",
                   "Held by consent: note one to care with the resident's consents."),
    )  # fmt: skip
