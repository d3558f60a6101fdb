"""campaign 敲门行动: every door of an area is knocked at within a period, for one purpose."""

from collections.abc import Mapping
from typing import Any

from schemas.fields import Amount, AreaCode, Code, Codes, Day, Keyed, Line, Paragraph, Part, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem


class Question(Part):
    """One thing to be asked at every door."""

    text = Line("问题", "Question", required=True, longest=120)


class Planned(Part):
    """How much of a material each household gets; keyed by material."""

    qty = Whole("每户份数", "Sets per household", required=True, least=1, most=100)


class Result(Part):
    """What a campaign achieved: four tons of wires taken down, 80 charging points."""

    item = Line("事项", "Item", required=True, longest=40)
    qty = Amount("数量", "Quantity", required=True)
    unit = Code("单位", "Unit", "RESULT_UNIT", required=True)
    on = Day("完成日期", "Done on", required=True)
    area_code = AreaCode("地点", "Where")
    note = Line("说明", "Note")


def ends_after_it_starts(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A campaign cannot end before it starts."""
    starts, ends = whole.get("starts_on"), whole.get("ends_on")
    return ("ends_on", Problem("ends_before_start")) if starts and ends and ends < starts else None


class Campaign(Kind):
    """Made at the centre; reaches every laptop of its area.

    What became of a door is never stored: it is read off the visits that name the campaign
    (``schemas/knock.py``). What it achieved beyond that, staff note as results.
    """

    info = KindInfo(
        name="campaign",
        label=Label("敲门行动", "Knock campaign"),
        group="field",
        title=("name",),
        reach="community",
        laptop=frozenset(),
        staff=frozenset({"create", "update", "void"}),
        rules=(ends_after_it_starts,),
        version=2,
    )

    name = Line("名称", "Name", required=True, search=True, column=True, longest=60)
    area_code = AreaCode("范围", "Area", required=True, column=True)
    starts_on = Day("开始日期", "Starts on", required=True, column=True)
    ends_on = Day("结束日期", "Ends on", required=True, column=True)
    purpose = Paragraph("目的和说明", "Purpose", required=True, search=True, longest=2000)
    questions = Keyed("入户要问的问题", "Questions at the door", Question)
    opinion_cats = Codes("征求意见的类别", "Opinions wanted on", "OPINION_CAT")
    materials = Keyed("计划发放的材料", "Leaflets planned", Planned, keys="MATERIAL")
    results = Keyed("成果", "Results", Result, newest_by="on", ask=False)
