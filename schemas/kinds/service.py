"""service 服务单: what a resident asks to be done for them; its state is the fold of its steps."""

from schemas.fields import Code, Line, Moment, Paragraph, PersonName, Phone, Ref
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Service(Kind):
    """An order, a proxy service or a micro-wish.

    It lies in a grid, or in a community when every grid there may claim it. Amounts of money are
    never recorded.
    """

    info = KindInfo(
        name="service",
        label=Label("服务单", "Service request"),
        group="service",
        title=("item", "applicant"),
        reach="community",
        laptop=frozenset({"create", "update", "void"}),
        staff=frozenset({"create", "update"}),
        dated_by="requested_at",
        only_author=True,
    )

    requested_at = Moment("提出时间", "Requested at", required=True, column=True)
    kind = Code("类型", "Type", "SERVICE_KIND", required=True, column=True)
    item = Code("事项", "Item", "SERVICE_ITEM", required=True, column=True)
    words = Paragraph("需求", "What is asked for", required=True, search=True, longest=2000)
    applicant = PersonName(
        "申请人", "Applicant", required=True, search=True, column=True, group="applicant"
    )
    phone = Phone("联系电话", "Phone", group="applicant")
    household_id = Ref("家庭户", "Household", "household")
    resident_id = Ref("居民", "Resident", "resident", ask=False)
    visit_id = Ref("来自走访", "From visit", "visit", ask=False)
    channel = Code("渠道", "Channel", "CHANNEL", required=True, column=True)
    point = Line("服务点", "Service point", longest=80)
    urgency = Code("紧急程度", "Urgency", "URGENCY")
    skill = Code("所需特长", "Skill wanted", "SKILL")
