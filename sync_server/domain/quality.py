"""What is looked for in base data: the checks of the data-quality report, in words.

A grid is meant to have about 300 households; the thresholds of warning are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from schemas.fields import IdNumber
from schemas.kinds.resident import GUARDIAN_AGE
from schemas.labels import Label

LEAST_HOUSEHOLDS, MOST_HOUSEHOLDS = 100, 500
"""A grid below or above is listed."""
DIFFERENCE = 10
"""Percent by which a compound's registered households may differ from those counted."""


@dataclass(frozen=True)
class Check:
    """One thing that is looked for: its words, what is meant, of which group and kind."""

    code: str
    label: Label
    hint: Label
    group: Label
    kind: str


GRIDS, COMPOUNDS, HOMES, PEOPLE, CARE, SHOPS, PLACES = (
    Label("网格", "Grids"), Label("小区", "Compounds"), Label("房屋和住户", "Rooms and households"),
    Label("居民", "Residents"), Label("关怀", "Care"), Label("商铺", "Shops"),
    Label("归属", "Where records lie"),
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    Check("small",
          Label(f"网格不足{LEAST_HOUSEHOLDS}户", f"Grids under {LEAST_HOUSEHOLDS} households"),
          Label("可考虑与邻近网格合并。", "Consider merging with a neighbour."), GRIDS, "area"),
    Check("large",
          Label(f"网格超过{MOST_HOUSEHOLDS}户", f"Grids over {MOST_HOUSEHOLDS} households"),
          Label("可考虑拆分。", "Consider splitting."), GRIDS, "area"),
    Check("no_worker", Label("网格没有网格员", "Grids without a worker"),
          Label("没有人的终端负责它。", "Nobody's laptop holds it."), GRIDS, "area"),
    Check("no_leader", Label("网格没有网格长", "Grids without a leader"),
          Label("没有登记网格长。", "No leader is registered."), GRIDS, "area"),
    Check("crossing", Label("小区跨网格且与别的小区共用", "Compounds crossing grids they share"),
          Label("由楼栋所在网格推算，不属于一致、大于、小于三种情形。",
                "Worked out from the buildings: neither equal, larger nor smaller."),
          COMPOUNDS, "compound"),
    Check("communities", Label("小区跨社区", "Compounds in two communities"),
          Label("楼栋分在两个以上社区的网格里。", "Its buildings lie in several communities."),
          COMPOUNDS, "compound"),
    Check("no_buildings", Label("小区没有楼栋", "Compounds without buildings"),
          Label("没有登记任何楼栋，无法推算与网格的关系。",
                "No building is registered, so its grids are unknown."), COMPOUNDS, "compound"),
    Check("overlap_differs", Label("登记的网格关系与楼栋不符", "Overlap differs from buildings"),
          Label("服务器运行时会自动改正。", "A running server corrects it by itself."),
          COMPOUNDS, "compound"),
    Check("households_differ", Label("小区登记户数与实际不符", "Households differ from register"),
          Label(f"登记的户数与已建档住户相差超过{DIFFERENCE}%。",
                f"Registered and filed households differ by more than {DIFFERENCE} %."),
          COMPOUNDS, "compound"),
    Check("three_none", Label("三无小区", "Three-none compounds"),
          Label("无物业、无主管单位、无人防物防技防。",
                "No management, no unit in charge, nothing that guards them."),
          COMPOUNDS, "compound"),
    Check("building_alone", Label("楼栋不属于任何小区", "Buildings without a compound"),
          Label("所指的小区不存在或已作废。", "The compound they name does not stand."),
          HOMES, "building"),
    Check("room_alone", Label("房屋不属于任何楼栋", "Rooms without a building"),
          Label("所指的楼栋不存在或已作废。", "The building they name does not stand."),
          HOMES, "room"),
    Check("household_alone", Label("住户不属于任何房屋", "Households without a room"),
          Label("所指的房屋不存在或已作废。", "The room they name does not stand."),
          HOMES, "household"),
    Check("vacant_lived", Label("空置房屋里有住户", "Vacant rooms with a household"),
          Label("房屋状态与住户登记矛盾。", "The room's state contradicts the register."),
          HOMES, "room"),
    Check("empty", Label("住户没有成员", "Households without members"),
          Label("没有登记在住的居民。", "No present resident is registered."), HOMES, "household"),
    Check("heads", Label("住户没有或有几个户主", "Households without one head"),
          Label("与户主关系为本人、户主的应正好一人；集体户除外。",
                "Exactly one member should be the head; collective ones are left out."),
          HOMES, "household"),
    Check("resident_alone", Label("居民不属于任何住户", "Residents without a household"),
          Label("所指的住户不存在或已作废。", "The household they name does not stand."),
          PEOPLE, "resident"),
    Check("guardian",
          Label(f"不满{GUARDIAN_AGE}岁没有监护人", f"Under {GUARDIAN_AGE}, no guardian"),
          Label("个人信息保护法第三十一条。", "Personal information law, article 31."),
          PEOPLE, "resident"),
    Check("id_no", Label("身份证号校验不符", "ID numbers that fail the check"),
          Label("位数、出生日期或校验码不对。", "Length, date of birth or check digit is wrong."),
          PEOPLE, "resident"),
    Check("id_differs", Label("身份证号与出生年月或性别不符", "ID differs from birth or sex"),
          Label("号码里的年月、性别与登记的不同。", "What the number says is not what is filed."),
          PEOPLE, "resident"),
    Check("notice", Label("没有告知或处理依据", "No notice or legal basis"),
          Label("告知书版本、告知时间、处理依据缺一项以上。",
                "Version, time or basis of the notice is missing."), PEOPLE, "resident"),
    Check("consent_child",
          Label(f"不满{GUARDIAN_AGE}岁凭同意处理，没有监护人同意的记录",
                f"Under {GUARDIAN_AGE}, by consent, no guardian's consent"),
          Label("个人信息保护法第三十一条：应记监护人的同意，撤回的不算。",
                "Article 31: a guardian's consent is noted; a withdrawn one does not count."),
          PEOPLE, "resident"),
    Check("consent_gone", Label("同意已全部撤回，处理依据还是同意",
                                "All consents withdrawn, still held by consent"),
          Label("应停止使用或改记法定职责。", "Stop using the data, or name the duty."),
          PEOPLE, "resident"),
    Check("unused", Label("本区县不采集的信息还有登记", "Filled in though not collected"),
          Label("见“信息用途”；请网格员在记录里清空。",
                "See “Purposes of data”; a worker empties them in the record."), PEOPLE, ""),
    Check("consent_care", Label("凭同意的关怀，没有单独同意的记录",
                                "Care by consent without a consent noted"),
          Label("敏感信息要单独同意：居民的同意记录里应有“关怀”一项，撤回的不算。",
                "Sensitive data ask for a consent of their own, noted with the resident."),
          CARE, "care"),
    Check("care_nobody", Label("关怀对象已迁出或不存在", "Care of people who left"),
          Label("应终止这条关怀记录。", "The care record should end."), CARE, "care"),
    Check("care_keeper", Label("关怀责任人不负责该网格", "Care whose keeper left the grid"),
          Label("责任人已停用，或不再负责这个网格。",
                "Whoever is in charge is not active or holds the grid no more."), CARE, "care"),
    Check("care_seldom", Label("关怀间隔超过级别规定", "Care visits too far apart"),
          Label("高7天、重点30天、一般90天。", "High 7, key 30, general 90 days."), CARE, "care"),
    Check("extinguisher", Label("商铺灭火器已过期", "Shops with an expired extinguisher"),
          Label("有效期在今天以前；30天内到期的终端上也提醒。",
                "Valid until a day before today; laptops remind of the next 30 days too."),
          SHOPS, "shop"),
    Check("nowhere", Label("记录在失效或未登记的区域", "Records in ended or unknown areas"),
          Label("没有人的终端能看到，请移到别的网格。",
                "No laptop sees them: move them to another grid."), PLACES, ""),
)  # fmt: skip


def differs(id_no: str, birth: str | None, sex: str | None) -> bool:
    """Whether an ID number that passes its check says another birth month or sex than is filed."""
    said = f"{id_no[6:10]}-{id_no[10:12]}"
    male = int(id_no[16]) % 2 == 1
    wrong_sex = sex in ("1", "2") and (sex == "1") != male
    return bool(birth and birth[:7] != said) or wrong_sex


def plainly_right(id_no: str) -> bool:
    """Whether an ID number passes its check as it is written, told quickly for very many; the check
    itself (``IdNumber``) says of every other one whether it fails."""
    if not _WRITTEN_PLAINLY.fullmatch(id_no) or not _is_day(id_no[6:14]):
        return False
    return IdNumber.last_character(id_no) == id_no[17]


@lru_cache(maxsize=50_000)
def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


_WRITTEN_PLAINLY = re.compile(r"\d{17}[\dX]", re.ASCII)
