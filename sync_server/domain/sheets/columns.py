"""Which columns a register of each kind has: the kind's own fields, and how a row names what it
belongs to.

The fields follow from the kind's declaration. A reference becomes the columns by which people name
the record above: compound and building number, room, household. What registers usually call a
column stands in ``SYNONYMS``, what may be filled in once for a whole file in ``USUAL``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from schemas.catalogue import kind_of
from schemas.fields import AreaCode, Declared, Keyed, Ref, Refs
from schemas.labels import Label

REGISTERS = (
    "area", "unit", "compound", "building", "room", "shop", "household", "resident", "care",
)  # fmt: skip
"""The kinds that registers hold, what others belong to first."""
ORDER = (*REGISTERS, "issue")
"""What files bring: registers, and work orders of hotlines and inspections."""
PARENT: Mapping[str, str] = {
    "building": "compound", "room": "building", "household": "room", "resident": "household",
    "care": "resident",
}  # fmt: skip
"""What each belongs to; a shop may lie in a room."""
MADE_ALONG = ("building", "room", "household")
"""What a row may bring along when it is not there yet."""

GRID, COMMUNITY = "grid", "community"
"""The columns that say in which grid a row lies, and in which community."""

LOCATORS: Mapping[str, tuple[tuple[str, Label], ...]] = {
    "compound": (
        ("compound.name", Label("小区名称", "Compound")),
        ("compound.code", Label("小区编码", "Compound code")),
    ),
    "building": (("building.no", Label("楼号", "Building no.")),),
    "room": (
        ("room.unit_no", Label("单元号", "Entrance no.")),
        ("room.no", Label("房号", "Room no.")),
        ("room.label", Label("门牌全称", "Full label")),
    ),
    "household": (
        ("household.code", Label("户号", "Household no.")),
        ("household.head", Label("户主姓名", "Head of household")),
    ),
    "resident": (
        ("resident.name", Label("居民姓名", "Resident")),
        ("resident.id_no", Label("居民身份证号", "Resident's ID number")),
    ),
}
"""By kind: the columns that name one of its records from below."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    COMMUNITY: ("社区名称", "所属社区", "所在社区", "居委会", "村居", "社区村"),
    GRID: ("网格", "网格代码", "网格编码", "网格编号", "网格名称", "所属网格", "所在网格"),
    "compound.name": (
        "小区", "所属小区", "小区名", "所在小区", "院落", "平房区", "片区", "小区院落",
    ),
    "compound.code": ("小区代码", "小区编号", "所属小区编码"),
    "building.no": ("楼栋", "楼栋号", "栋号", "幢号", "楼", "栋", "幢", "楼幢", "楼栋编号", "座"),
    "room.unit_no": ("单元", "单元号"),
    "room.no": ("室", "房间号", "房屋号", "户室", "室号", "房室", "房号室"),
    "room.label": ("门牌", "房屋", "门牌号", "门牌地址", "房屋地址", "详细门牌", "楼单元室"),
    "household.code": ("户编号", "家庭编号", "户籍号", "所属户号", "所属户"),
    "household.head": ("户主", "户主名", "户主名字", "所属户主"),
    "resident.name": ("姓名", "居民", "对象姓名", "老人姓名"),
    "resident.id_no": ("身份证号", "身份证", "身份证号码", "公民身份号码", "证件号码"),
    "area.code": ("代码", "编码", "区划代码", "网格代码", "社区代码"),
    "area.name": ("区域名称", "网格名称", "社区名称"),
    "area.level": ("级别",),
    "area.parent_code": ("上级", "所属社区", "社区", "上级区域", "所属上级"),
    "area.leader_id": ("网格长姓名", "网格长工号"),
    "area.worker_ids": ("网格员姓名", "专职网格员", "网格员工号"),
    "unit.name": ("单位", "单位名称", "部门名称", "企业名称"),
    "compound.community_code": ("社区", "所属社区", "社区名称", "所在社区"),
    "building.floors": ("楼层数", "总层数"),
    "building.entrances": ("单元个数",),
    "building.lift": ("电梯", "有无电梯"),
    "building.head": ("楼长", "楼栋长姓名", "楼长姓名"),
    "building.head_phone": ("楼长电话", "楼长联系方式"),
    "room.floor": ("所在楼层", "层"),
    "room.state": ("房屋状态", "居住状态", "使用状态", "房屋性质"),
    "room.use": ("房屋用途",),
    "household.kind": ("户别", "户类别"),
    "household.size": ("家庭人口", "家庭人口数", "人数", "人口"),
    "household.phone": ("电话", "联系方式", "手机号", "户主电话", "手机", "电话号码"),
    "resident.sex": ("男女",),
    "resident.birth": ("出生日期", "出生年月日", "生日", "出生时间"),
    "resident.relation": ("关系", "与户主的关系", "家庭关系"),
    "resident.phone": ("联系电话", "手机", "手机号", "手机号码", "联系方式", "电话号码"),
    "resident.reside": ("居住情况", "居住性质", "人员类别", "人口类型"),
    "resident.same_as_registered": ("是否人户一致",),
    "resident.guardian": ("监护人姓名",),
    "shop.name": ("店名", "商铺名称", "商户名称", "门店名称", "字号"),
    "shop.kind": ("经营类别", "业态", "类型", "行业"),
    "shop.address": ("经营地址", "店铺地址", "商铺地址"),
    "shop.keeper": ("经营者", "老板", "店主", "法人", "经营者姓名", "负责人姓名"),
    "shop.phone": ("联系电话", "电话", "手机号", "联系方式"),
    "shop.uscc": ("信用代码", "营业执照号", "统一信用代码"),
    "shop.staff": ("人数", "从业人员", "员工数"),
    "issue.source": ("工单来源", "来源渠道", "诉求来源", "反映渠道", "信息来源"),
    "issue.source_no": (
        "工单号", "工单编号", "单号", "编号", "受理编号", "诉求编号", "流水号", "督查单号",
    ),
    "issue.happened_at": (
        "受理时间", "来电时间", "诉求时间", "登记时间", "派单时间", "反映时间", "时间", "日期",
    ),
    "issue.category": ("类别", "诉求类别", "问题类别", "诉求类型", "问题类型", "分类"),
    "issue.title": ("工单标题", "诉求标题", "主题", "事由", "问题"),
    "issue.text": ("诉求内容", "工单内容", "内容", "反映内容", "问题描述", "主要内容", "具体内容"),
    "issue.place": ("地址", "事发地点", "事发地址", "诉求地址", "详细地址", "问题地点"),
    "issue.reporter": ("来电人", "诉求人", "反映人姓名", "投诉人", "来电人姓名"),
    "issue.reporter_phone": ("来电号码", "联系电话", "联系方式", "诉求人电话", "来电人电话"),
    "issue.urgency": ("紧急级别", "缓急"),
    "issue.level": ("事件级别",),
    "care.cats": ("类别", "人员类别", "特殊群体", "特殊类别", "对象类别"),
    "care.risk": ("风险等级", "等级", "关爱等级"),
    "care.contact": ("联系人",),
    "care.keeper_id": ("包联人", "负责人", "帮扶人", "网格员"),
    "care.since": ("纳入日期", "开始日期", "登记日期"),
}  # fmt: skip
"""Other names of columns, by ``kind.field`` or by the locator's name."""

FIXED_NOW, FIXED_TODAY = "导入时刻", "导入当天"
"""Fixed values that stand for the moment and the day of the import."""
IN_ENGLISH = {FIXED_NOW: "now", FIXED_TODAY: "today"}
USUAL: Mapping[str, str] = {
    "area.valid_from": FIXED_TODAY,
    "compound.kind": "小区",
    "compound.property_mode": "无物业",
    "compound.self_gov": "无",
    "compound.guard": "否",
    "compound.barrier": "否",
    "compound.cctv": "否",
    "room.state": "不详",
    "household.kind": "家庭户",
    "resident.relation": "",
    "resident.reside": "户籍常住",
    "resident.notice_version": "旧台账",
    "resident.notice_at": FIXED_NOW,
    "resident.basis": "法定职责",
    "issue.source": "市长热线",
    "issue.happened_at": FIXED_NOW,
    "issue.category": "其他",
    "issue.level": "二级（社区）",
    "issue.urgency": "一般",
    "care.risk": "一般",
    "care.since": FIXED_TODAY,
    "care.basis": "法定职责",
}
"""What is proposed for a whole file that lacks the column; people see it and may change it."""
WORKED_OUT = frozenset(
    {
        "area.std_code", "household.code", "room.label", "resident.birth", "resident.sex",
        "care.visit_every_days", "care.keeper_id", "compound.code", "issue.title", "issue.text",
        "issue.place",
    }
)  # fmt: skip
"""Needed fields that a row without them gets from its others (``completing.py``)."""


@dataclass(frozen=True)
class SheetColumn:
    """One column of a register. ``field`` None: a locator, which only names the record above.

    ``needed``: no new record without it. ``worked_out``: it follows from others where it is empty.
    """

    name: str
    label: Label
    synonyms: tuple[str, ...]
    field: Declared | None
    needed: bool = False
    worked_out: bool = False
    usual: str = ""

    @property
    def own(self) -> bool:
        """Whether it is a field of the kind itself."""
        return self.field is not None


def above(kind: str) -> tuple[str, ...]:
    """Return what a kind hangs below, nearest first: room → building, compound."""
    if kind == "issue":
        return ("compound",)
    found: list[str] = []
    present = "room" if kind == "shop" else PARENT.get(kind)
    if kind == "shop":
        found.append("room")
        present = PARENT["room"]
    while present:
        found.append(present)
        present = PARENT.get(present)
    return tuple(found)


@lru_cache(maxsize=32)
def columns_of(kind: str) -> tuple[SheetColumn, ...]:
    """Return the columns of a register of ``kind``: where a row belongs, then its own fields."""
    found: list[SheetColumn] = []
    if kind == "unit":
        found.append(SheetColumn(GRID, Label("服务区域", "Area served"), ("社区", "区域"), None))
    elif kind not in ("area", "compound"):
        for name, label in (
            (COMMUNITY, Label("社区", "Community")),
            (GRID, Label("所在网格", "Grid")),
        ):
            found.append(SheetColumn(name, label, SYNONYMS[name], None))
    for parent in reversed(above(kind)):
        for name, label in LOCATORS[parent]:
            found.append(SheetColumn(name, label, SYNONYMS.get(name, ()), None))
    if kind == "household":  # several may live in one room: its head tells them apart
        name, label = LOCATORS["household"][1]
        found.append(SheetColumn(name, label, SYNONYMS[name], None))
    for name, field in kind_of(kind).declared().items():
        if _is_column(kind, name, field):
            full = f"{kind}.{name}"
            found.append(
                SheetColumn(
                    name,
                    field.label,
                    SYNONYMS.get(full, ()),
                    field,
                    needed=field.required,
                    worked_out=full in WORKED_OUT,
                    usual=USUAL.get(full, ""),
                )
            )
    return tuple(found)


NOT_BY_FILE = frozenset({"issue.self_handled", "issue.handled_text"})
"""What no file says: only who was there has handled a thing himself."""
LISTED_ELSEWHERE = frozenset({"compound.tag", "compound.tag_from"})
"""Fields no form asks, because a list of the record tells them; registers say them all the same."""


def _is_column(kind: str, name: str, field: Declared) -> bool:
    """References to records above are named by locators; lists within a record have pages."""
    if isinstance(field, Keyed) or f"{kind}.{name}" in NOT_BY_FILE:
        return False
    if not field.ask and f"{kind}.{name}" not in LISTED_ELSEWHERE:
        return False
    if isinstance(field, Ref):
        return field.kind == "user"
    return True


def is_area(field: Declared | None, name: str, kind: str) -> bool:
    """Whether a field names an area that is there already (an area's own code does not)."""
    return isinstance(field, AreaCode) and not (kind == "area" and name == "code")


def is_people(field: Declared | None) -> bool:
    """Whether a field names people of the centre."""
    return isinstance(field, Ref | Refs) and field.kind == "user"
