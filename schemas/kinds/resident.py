"""resident 居民: a person of a household; the least that grid work needs."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.fields import (
    Code,
    Codes,
    Day,
    Flag,
    IdNumber,
    Keyed,
    Line,
    Moment,
    Month,
    Part,
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


class Consent(Part):
    """That somebody agreed, to what, and until when it held; one who withdraws keeps the entry."""

    on = Day("同意日期", "Agreed on", required=True)
    by = Code("同意人", "Given by", "CONSENT_BY", required=True)
    scope = Codes("范围", "For what", "FIELD_GROUP", required=True)
    how = Code("方式", "In what way", "CONFIRM", required=True)
    ended = Day("撤回日期", "Withdrawn on")


def standing_consents(fields: Mapping[str, Any], group: str, day: str) -> list[str]:
    """Return by whom (CONSENT_BY) the consents to a group of fields were given that hold on a day
    (2026-09-30)."""
    return [
        str(one.get("by"))
        for one in (fields.get("consents") or {}).values()
        if group in one.get("scope", ())
        and str(one.get("on") or "") <= day
        and not (one.get("ended") and one["ended"] <= day)
    ]


def withdrawn(
    fields: Mapping[str, Any], group: str, day: str, new_key: Callable[[], str]
) -> dict[str, Any]:
    """Return the entries of ``consents`` to be written so that none to a group of fields stands
    from a day on: what else was agreed to in one entry stays, the rest becomes one of its own."""
    found: dict[str, Any] = {}
    for key, one in (fields.get("consents") or {}).items():
        scope = list(one.get("scope", ()))
        if group not in scope or one.get("ended"):
            continue
        ended = {**one, "scope": [group], "ended": day}
        if scope == [group]:
            found[key] = ended
        else:
            found[key] = {**one, "scope": [other for other in scope if other != group]}
            found[new_key()] = ended
    return found


class Resident(Kind):
    """Religion, marital status, ethnic group, income and control labels are left out on purpose."""

    info = KindInfo(
        name="resident",
        label=Label("居民", "Resident"),
        group="people",
        title=("name",),
        parent="household_id",
        laptop=frozenset({"create", "update", "void"}),
        version=3,
        rules=(guardian_named,),
        retention="people",
        retention_words=("move_reason",),
    )

    name = PersonName(
        "姓名", "Name", required=True, search=True, column=True, policy="review", group="basic"
    )
    sex = Code("性别", "Sex", "SEX", required=True, column=True, group="basic")
    birth = Month(
        "出生年月", "Birth month", required=True, privacy="personal", policy="review", group="basic"
    )
    id_no = IdNumber(
        "身份证号", "ID number", policy="review", group="id_no",
        hint=Label("可不填；不拍照。", "Optional; never photographed."),
    )  # fmt: skip
    relation = Code(
        "与户主关系", "Relation to head", "RELATION", required=True, column=True, group="basic"
    )
    household_id = Ref(
        "所属户", "Household", "household", required=True, column=True, policy="review"
    )
    phone = Phone("电话", "Phone", policy="review", column=True, group="phone")
    reside = Code("居住类型", "Residence", "RESIDE", required=True, column=True)
    same_as_registered = Flag("人户一致", "Lives where registered", group="reside")
    guardian = PersonName("监护人", "Guardian", group="guardian")
    notice_version = Line("告知书版本", "Notice version", required=True, longest=20)
    notice_at = Moment("告知时间", "Notice given at", required=True)
    basis = Code("处理依据", "Legal basis", "BASIS", required=True)
    consents = Keyed(
        "同意记录", "Consents", Consent, newest_by="on", privacy="personal", group="basic",
        hint=Label(
            "关怀资料、身份证号要单独同意；不满14周岁由监护人同意。撤回的填撤回日期，不删除。",
            "Care data and ID numbers ask for consent of their own; under 14 a guardian gives it. "
            "Who withdraws gets a day of withdrawal; the entry stays.",
        ),
    )  # fmt: skip
    moved_in_at = Day("迁入日期", "Moved in on", group="reside")
    moved_out_at = Day("迁出日期", "Moved out on", policy="review")
    move_reason = Line(
        "迁出原因", "Reason for moving",
        hint=Label("如：搬家、外出务工、去世。", "As: moved away, works elsewhere, died."),
    )  # fmt: skip
