"""org 组织: a Party organisation, owners' body, mediation group or team, and what it covers."""

from schemas.fields import Code, Day, Keyed, Line, Paragraph, Part, PersonName, Phone, Ref, Refs
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Member(Part):
    """Somebody with a post; his source tells which of the five kinds of people he is."""

    name = PersonName("姓名", "Name", required=True, search=True)
    post = Line("职务", "Post", longest=40)
    source = Code("来源", "Source", "MEMBER_SOURCE")
    phone = Phone("电话", "Phone")
    since = Day("起", "Since")
    until = Day("止", "Until")


class Org(Kind):
    """Stands at the community or in a grid; the compounds it covers are named, and may be none."""

    info = KindInfo(
        name="org",
        label=Label("组织", "Organisation"),
        group="place",
        title=("name",),
        reach="community",
        laptop=frozenset({"create", "update"}),
        staff=frozenset({"create", "update", "void"}),
    )

    name = Line("名称", "Name", required=True, search=True, column=True, longest=80)
    org_kind = Code("类型", "Kind", "ORG_KIND", required=True, column=True)
    compound_ids = Refs("覆盖小区", "Compounds covered", "compound", column=True)
    upper_id = Ref("上级组织", "Organisation above", "org")
    members = Keyed("成员", "Members", Member, privacy="personal", group="contact")
    founded = Day("成立日期", "Founded on")
    remarks = Paragraph("备注", "Remarks", longest=1000)
