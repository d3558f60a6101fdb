"""org 组织: a Party organisation, owners' body, mediation group or team, and what it covers."""

from schemas import party
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


class MemberCheck(Part):
    """How a Party member was found when last looked up (摸排); keyed by the member's key."""

    member_class = Code("党员类别", "Class of member", "PARTY_CLASS", required=True)
    checked_on = Day("摸排日期", "Checked on", required=True)
    note = Line("摸排情况", "What was found")


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
        version=2,
    )

    name = Line("名称", "Name", required=True, search=True, column=True, longest=80)
    org_kind = Code("类型", "Kind", "ORG_KIND", required=True, column=True)
    compound_ids = Refs("覆盖小区", "Compounds covered", "compound", column=True)
    upper_id = Ref("上级组织", "Organisation above", "org")
    members = Keyed("成员", "Members", Member, privacy="personal", group="contact")
    member_checks = Keyed(
        "党员摸排", "Checks of members", MemberCheck, of="members", where=("org_kind", party.KINDS),
        privacy="personal", group="contact",
        hint=Label("只填党员；上门或联系时核对，改成当天日期。",
                   "Party members only; put today's day when you have met or reached them."),
    )  # fmt: skip
    founded = Day("成立日期", "Founded on")
    remarks = Paragraph("备注", "Remarks", longest=1000)
