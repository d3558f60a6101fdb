"""unit 单位: a department or a property company that issues are dispatched to."""

from schemas.fields import Code, Codes, Flag, Line, PersonName, Phone
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Unit(Kind):
    """Stands at the district or at the community it serves; laptops show its name."""

    info = KindInfo(
        name="unit",
        label=Label("单位", "Unit"),
        group="place",
        title=("name",),
        reach="community",
        laptop=frozenset(),
        staff=frozenset({"create", "update", "void"}),
    )

    name = Line("名称", "Name", required=True, search=True, column=True, longest=80)
    unit_kind = Code("类别", "Kind", "UNIT_KIND", required=True, column=True)
    categories = Codes("主办事件大类", "Leads categories", "ISSUE_CAT", column=True)
    uscc = Line("统一社会信用代码", "Social credit code", longest=18)
    keeper = PersonName("负责人", "In charge", group="contact")
    phone = Phone("电话", "Phone", group="contact")
    has_org = Flag("有党组织", "Has a Party organisation")
