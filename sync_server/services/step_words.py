"""What an issue's steps are called on buttons and forms, and why one is not possible."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.labels import Label
from schemas.workflow import HIGHEST_LEVEL, MOST_SUSPENDED_DAYS

STEP = "issue_step"
BUTTONS: dict[tuple[str, str], Label] = {
    ("close", "50"): Label("确认自行处置，办结", "Confirm self-handled work and close"),
    ("return", "50"): Label("自行处置不认可，退回", "Do not accept; return to the worker"),
    ("return", "10"): Label("退回补充", "Return for more"),
    ("suspend", "40"): Label("同意挂账", "Agree to suspend"),
    ("extend", "40"): Label("同意延期", "Agree to extend"),
    ("void", "10"): Label("同意作废", "Agree to void"),
    ("resume", "45"): Label("恢复处置", "Resume handling"),
    ("handle", "20"): Label("本级处置", "Handle it ourselves"),
    ("rework", "50"): Label("未解决，返工", "Not solved: rework"),
    ("classify", "20"): Label("改定级别和类别", "Change level and category"),
    ("classify", "40"): Label("改定级别和类别", "Change level and category"),
    ("rate", "60"): Label("录入评价", "Enter a rating"),
    ("rate", "70"): Label("录入评价", "Enter a rating"),
    ("lookback", "70"): Label("录入回头看结果", "Enter the look-back's result"),
}
"""Where a button says more than the action's name, by action and the state it is taken from."""

FORWARD = (
    "accept", "take", "report_in", "conclude", "handle", "dispatch", "resume", "resolve", "verify",
    "close", "rate", "lookback",
)  # fmt: skip
"""What brings an issue on, the most pressing first; everything else is done for a reason."""

TEXTS: dict[str, Label] = {
    "accept": Label("受理意见", "Remarks"),
    "return": Label("要补充什么", "What is to be added"),
    "ask_void": Label("作废理由", "Why it should be voided"),
    "classify": Label("改定理由", "Why"),
    "handle": Label("交代事项", "Instructions"),
    "dispatch": Label("派发意见", "Instructions"),
    "take": Label("接单说明", "Remarks"),
    "refuse": Label("拒收说明", "Explanation"),
    "recall": Label("撤回理由（告知该单位）", "Why it is recalled (the unit is told)"),
    "ask_escalate": Label("提级理由", "Why it should go up"),
    "escalate": Label("提级理由", "Why it goes up"),
    "whistle": Label("吹哨事由", "What the units are called for"),
    "report_in": Label("报到说明", "Remarks"),
    "conclude": Label("哨件结论", "Conclusion"),
    "ask_suspend": Label("挂账理由", "Why it must wait"),
    "ask_extend": Label("延期理由", "Why more time is needed"),
    "decline": Label("不同意的理由", "Why not"),
    "resolve": Label("处置情况", "What was done"),
    "verify": Label("核查情况", "What was found"),
    "rework": Label("返工理由", "Why it must be done again"),
    "rate": Label("评价意见", "What was said"),
    "lookback": Label("检查情况", "What was found"),
    "reopen": Label("重新打开的理由", "Why it is opened again"),
    "merge": Label("并案说明", "Remarks"),
    "unmerge": Label("取消并案的理由", "Why they are parted again"),
    "remind": Label("催办意见", "Words"),
}

HINTS: dict[str, Label] = {
    "ask_suspend.until": Label(
        f"最多 {MOST_SUSPENDED_DAYS} 天；上一级同意后停止计时。",
        f"At most {MOST_SUSPENDED_DAYS} days; the clock stops once the level above agrees.",
    ),
    "suspend.until": Label(
        "可改短；当日0时自动恢复。",
        "May be made shorter; it resumes by itself at 00:00 of that day.",
    ),
    "accept.level": Label(
        "一、二级由社区办，三级由街道办，四级由区县办；时限按级别和类别自动计算。",
        "Levels 1 and 2 are the community's, 3 the street's, 4 the district's; due times follow.",
    ),
    "dispatch.due_at": Label("不填则按时限表。", "Leave empty to go by the table of limits."),
    "handle.due_at": Label("不填则按时限表。", "Leave empty to go by the table of limits."),
    "dispatch.mode": Label(
        "不选则按单位：物业企业为物业整改，部门为部门交办。",
        "Left open: property rectification for a company, else handed to the department.",
    ),
    "handle.assignee_id": Label(
        "交给网格员的，终端同步后送达；不选则由本级办理。",
        "A worker gets it with the next sync; left open, the office handles it.",
    ),
    "merge.into_no": Label("不在上面的，填事件编号。", "If it is not above, give its number."),
    "resolve.photo": Label(
        "处置后照片，可选多张；照片中的位置等信息不保存。",
        "Photos from after; several may be chosen. Positions within them are not kept.",
    ),
    "whistle.calls": Label(
        "报到时限自动计算；逾期未报到的会列出。",
        "Report-in times are worked out; those that do not report in are listed.",
    ),
}

WHY: dict[str, Label] = {
    "state": Label(
        "这件事现在的状态不能这样办理。", "As the issue stands now this cannot be done."
    ),
    "owner": Label(
        "这件事不归您这一级办理：一、二级归社区，三级归街道，四级归区县。",
        "The issue is not your level's: levels 1 and 2 are the community's, 3 the street's, "
        "4 the district's.",
    ),
    "approver": Label(
        "要由上一级审批；再次延期要再高一级。",
        "This is for the level above to approve; a further extension for one higher still.",
    ),
    "handler": Label(
        "只有正在办理这件事的人或单位可以这样做。",
        "Only who is handling the issue may do this.",
    ),
    "decliner": Label("要由有权审批的一级来答复。", "This is for the level that may approve it."),
    "resumer": Label(
        "只有办理人、主管一级或审批一级可以恢复。",
        "Only the handler, the owning level or the approving level may resume.",
    ),
    "second_person": Label(
        "作废要两个人：提出的人不能自己同意。",
        "Voiding takes two people: who asked cannot agree.",
    ),
    "recaller": Label(
        "只有主管一级或它的上一级可以撤回派发。",
        "Only the owning level or the one above it may recall the issue.",
    ),
    "with_unit": Label(
        "这件事不在单位手里，不用撤回。", "No unit has it: nothing is to be recalled."
    ),
    "its_unit": Label("这件事没有派给您的单位。", "The issue was not dispatched to your unit."),
    "called": Label(
        "没有吹哨叫到您的单位，或已经报到。", "Your unit was not called, or has reported in."
    ),
    "whistle_open": Label("没有还在进行的哨件。", "No whistle is open."),
    "not_highest": Label(
        f"已经是最高级（{HIGHEST_LEVEL}级），不能再提级。",
        f"It is at the highest level ({HIGHEST_LEVEL}) already.",
    ),
    "void_asked": Label("没有待审批的作废申请。", "Nobody has asked to void it."),
    "suspend_asked": Label("没有待审批的挂账申请。", "Nobody has asked to suspend it."),
    "extend_asked": Label("没有待审批的延期申请。", "Nobody has asked for more time."),
    "asked": Label("没有待答复的申请。", "Nothing has been asked for."),
    "self_handled": Label("这不是自行处置的事件。", "The issue was not self-handled."),
    "not_self_handled": Label(
        "自行处置的事件由网格长或社区确认，不走核查。",
        "Self-handled issues are confirmed by the leader or the community, not verified.",
    ),
    "from_laptop": Label(
        "中心登记的事件没有填报人可退。登记有误可以申请作废，或写补充说明。",
        "The issue was entered at the centre: there is nobody to return it to. Ask to void it, or"
        " add a note.",
    ),
    "rated_or_waited": Label(
        "还没有评价。录入评价后可以办结；三天无评价自动办结。",
        "There is no rating yet. Enter one to close it; without one it closes after three days.",
    ),
    "lookback_planned": Label("没有安排回头看。", "No look-back is planned."),
}


def leading(actions: Iterable[tuple[str, str]]) -> str:
    """Return which of these ``(action, words)`` brings an issue on, empty if none does."""
    possible = {action for action, _ in actions}
    return next((action for action in FORWARD if action in possible), "")


def words_of_action(action: str, state: str, lang: str) -> str:
    """Return what a step taken from ``state`` is called on a button."""
    label = BUTTONS.get((action, state))
    return label.text(lang) if label else code_list("STEP_ACTION").text(action, lang)


def words_of_why(why: object, lang: str) -> str:
    """Return in a sentence why a step is not possible: a guard, "state", or a field it needs."""
    known = WHY.get(str(why))
    if known:
        return known.text(lang)
    declared = kind_of(STEP).declared().get(str(why))
    if declared is None:
        return WHY["state"].text(lang)
    name = declared.label.text(lang)
    return f"“{name}” must be filled in." if lang == "en" else f"“{name}”必须填写。"
