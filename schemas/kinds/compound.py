"""compound 小区: a residential compound or bungalow area, seen by every grid of its community."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.fields import (
    AreaCode,
    Code,
    Day,
    Flag,
    Keyed,
    Line,
    Location,
    Paragraph,
    Part,
    PersonName,
    Phone,
    Ref,
    Whole,
)  # fmt: skip
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Contact(Part):
    """Somebody with a role in the compound."""

    role = Code("角色", "Role", "ROLE_LOCAL", required=True)
    name = PersonName("姓名", "Name", required=True, search=True)
    phone = Phone("电话", "Phone")


class Linked(Part):
    """One of the five who stand by a compound (五方共建)."""

    name = Line("姓名或单位", "Person or unit", required=True, longest=80)
    phone = Phone("电话", "Phone")


class Tagged(Part):
    """What a compound is tagged with from a day on, until another day or until the next tag."""

    tag = Code("标签", "Tag", "COMPOUND_TAG", required=True)
    since = Day("起", "Since", required=True)
    until = Day("止", "Until")
    why = Line("缘由", "Reason", longest=100)


class Trouble(Part):
    """A problem on the compound's list: one that many compounds have, or its own."""

    what = Line("问题", "Problem", required=True, longest=200)
    scope = Code("性质", "Common or individual", "PROBLEM_SCOPE", required=True)
    category = Code("大类", "Category", "ISSUE_CAT")
    found = Day("发现日期", "Found on")
    measure = Line("措施", "Measure", longest=200)
    lead = Line("责任单位", "Unit responsible", longest=80)
    settled = Day("销号日期", "Settled on")


class Site(Part):
    """A place where the compound's people meet or are served (阵地)."""

    facility = Code("类型", "Kind", "FACILITY", required=True)
    name = Line("名称", "Name", required=True, longest=80)
    area = Whole("面积（平方米）", "Area (m²)", most=100_000)
    acquire = Code("取得方式", "How acquired", "ACQUIRE")
    rules = Flag("制度上墙", "Rules on the wall")
    keeper = PersonName("负责人", "In charge")
    phone = Phone("电话", "Phone")


@dataclass(frozen=True)
class Span:
    """One stretch of a compound's tag: from ``since`` to before ``until`` (empty: still), and what
    its entry says."""

    key: str
    tag: str
    since: str
    until: str
    why: str = ""


def tag_spans(fields: Mapping[str, Any]) -> list[Span]:
    """Return what a compound was tagged with, the newest first. A tag holds until the day its entry
    says, and never longer than until the next one began."""
    entries = sorted(
        (fields.get("tags") or {}).items(), key=lambda one: (str(one[1].get("since")), one[0])
    )
    found = []
    for place, (key, entry) in enumerate(entries):
        following = str(entries[place + 1][1]["since"]) if place + 1 < len(entries) else ""
        ends = [day for day in (str(entry.get("until") or ""), following) if day]
        found.append(
            Span(key, str(entry["tag"]), str(entry["since"]), min(ends, default=""),
                 str(entry.get("why") or ""))
        )  # fmt: skip
    return found[::-1]


def tag_on(fields: Mapping[str, Any], day: str) -> Span | None:
    """Return the tag in force on a day (2026-09-30), None when there is none."""
    for span in tag_spans(fields):
        if span.since <= day:
            return span if not span.until or day < span.until else None
    return None


def three_none(fields: Mapping[str, Any]) -> bool:
    """Whether a compound is 三无: no property management, no unit in charge, nothing that guards
    it. What was never said counts as absent only for the unit in charge."""
    unguarded = all(fields.get(name) is False for name in ("guard", "barrier", "cctv"))
    return fields.get("property_mode") == "none" and not fields.get("owner_unit") and unguarded


class Compound(Kind):
    """Compound and grid overlap in several ways; buildings are the joint between them."""

    info = KindInfo(
        name="compound",
        label=Label("小区", "Compound"),
        group="place",
        title=("name",),
        reach="community",
        laptop=frozenset({"update"}),
        staff=frozenset({"create", "update"}),
        version=3,
    )

    code = Line("小区编码", "Compound code", required=True, search=True, column=True, longest=30)
    name = Line("名称", "Name", required=True, search=True, column=True)
    kind = Code("类别", "Kind", "COMPOUND_KIND", required=True, column=True)
    type_ty4 = Code("类型（四类）", "Type (four)", "COMPOUND_TYPE_TY4", column=True)
    type_lz5 = Code("类型（五类）", "Type (five)", "COMPOUND_TYPE_LZ5")
    overlap = Code("与网格关系", "Overlap with grids", "OVERLAP", ask=False, column=True)
    community_code = AreaCode("社区代码", "Community code", required=True)
    address = Line("地址", "Address", required=True, search=True)
    built_year = Whole("建成年份", "Year built", least=1900, most=2100)
    buildings = Whole("楼栋数", "Buildings", most=2000)
    households = Whole("户数", "Households", most=50_000, column=True)
    property_mode = Code("物业模式", "Property mode", "PROPERTY_MODE", required=True, column=True)
    company_id = Ref("物业企业", "Property company", "unit")
    owner_unit = Line("主管单位", "Unit in charge")
    governing_body = Line("治理主体", "Governing body", longest=80)
    guard = Flag("人防", "Guards", required=True)
    barrier = Flag("物防", "Barriers", required=True)
    cctv = Flag("技防", "Cameras", required=True)
    self_gov = Code("自治组织", "Self-government body", "SELF_GOV", required=True)
    eligible = Flag("符合成立条件", "Meets the conditions for a body")
    org_form = Code("党组织形式", "Form of Party branch", "ORG_FORM")
    # What ``tags`` say of today, kept by the centre (services/base_facts.py) for lists, filters
    # and tables. Older laptops and registers still write them; that becomes an entry of the list.
    tag = Code("标签", "Tag", "COMPOUND_TAG", ask=False, column=True)
    tag_from = Day("标签起始", "Tag since", ask=False)
    tags = Keyed("历次标签", "Tags over time", Tagged, newest_by="since")
    space = Line("空间条件", "Space")
    lifts = Whole("电梯", "Lifts", most=5000)
    parking = Whole("车位", "Parking places", most=100_000)
    chargers = Whole("充电设施", "Chargers", most=100_000)
    hydrants = Whole("消防栓", "Hydrants", most=5000)
    brand = Line("品牌", "Brand")
    contacts = Keyed("联系人", "Contacts", Contact, privacy="personal", group="contact")
    linked = Keyed(
        "五方联系",
        "Five who stand by it",
        Linked,
        keys="LINKED_ROLE",
        privacy="personal",
        group="contact",
    )
    problems = Keyed("问题台账", "Problem list", Trouble, newest_by="found")
    sites = Keyed("阵地", "Sites", Site, privacy="personal", group="contact")
    location = Location("位置坐标", "Location")
    remarks = Paragraph("备注", "Remarks", longest=1000)
