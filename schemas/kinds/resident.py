"""resident 居民: a person of a household; the least that grid work needs."""

from collections.abc import Mapping
from typing import Any

from schemas.fields import (
    Code,
    Day,
    Flag,
    IdNumber,
    Line,
    Moment,
    Month,
    PersonName,
    Phone,
    Ref,
)  # fmt: skip
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from schemas.messages import Problem

GUARDIAN_AGE = 14
"""Under this age a guardian must be named (personal information law, art. 31)."""


def guardian_named(whole: Mapping[str, Any]) -> tuple[str, Problem] | None:
    """A person under 14 at the time of notice needs a guardian."""
    born, asked = str(whole.get("birth") or ""), str(whole.get("notice_at") or "")
    if len(born) < 7 or len(asked) < 7 or whole.get("guardian") or whole.get("moved_out_at"):
        return None
    months = (int(asked[:4]) - int(born[:4])) * 12 + int(asked[5:7]) - int(born[5:7])
    if months >= GUARDIAN_AGE * 12:
        return None
    return "guardian", Problem("guardian_required")


class Resident(Kind):
    """Religion, marital status, ethnic group, income and control labels are left out on purpose."""

    info = KindInfo(
        name="resident",
        label=Label("居民", "Resident"),
        group="people",
        title=("name",),
        parent="household_id",
        laptop=frozenset({"create", "update", "void"}),
        version=2,
        rules=(guardian_named,),
        retention="people",
        retention_words=("move_reason",),
    )

    name = PersonName("姓名", "Name", required=True, search=True, column=True, policy="review")
    sex = Code("性别", "Sex", "SEX", required=True, column=True)
    birth = Month("出生年月", "Birth month", required=True, privacy="personal", policy="review")
    id_no = IdNumber(
        "身份证号", "ID number", policy="review",
        hint=Label("可不填；不拍照。", "Optional; never photographed."),
    )  # fmt: skip
    relation = Code("与户主关系", "Relation to head", "RELATION", required=True, column=True)
    household_id = Ref(
        "所属户", "Household", "household", required=True, column=True, policy="review"
    )
    phone = Phone("电话", "Phone", policy="review", column=True)
    reside = Code("居住类型", "Residence", "RESIDE", required=True, column=True)
    same_as_registered = Flag("人户一致", "Lives where registered")
    guardian = PersonName("监护人", "Guardian")
    notice_version = Line("告知书版本", "Notice version", required=True, longest=20)
    notice_at = Moment("告知时间", "Notice given at", required=True)
    basis = Code("处理依据", "Legal basis", "BASIS", required=True)
    moved_in_at = Day("迁入日期", "Moved in on")
    moved_out_at = Day("迁出日期", "Moved out on", policy="review")
    move_reason = Line(
        "迁出原因", "Reason for moving",
        hint=Label("如：搬家、外出务工、去世。", "As: moved away, works elsewhere, died."),
    )  # fmt: skip
