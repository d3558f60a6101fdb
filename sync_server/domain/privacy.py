"""Requests of persons about their own data (个人信息请求): what can be asked, and by whom.

The articles are those of the Personal Information Protection Law (个人信息保护法).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.labels import Label

ACCESS, CORRECT, ERASE, WITHDRAW, EXPLAIN = "access", "correct", "erase", "withdraw", "explain"
ASKED: Mapping[str, Label] = MappingProxyType({
    ACCESS: Label("查阅、复制", "Access and copy"),
    CORRECT: Label("更正、补充", "Correction"),
    ERASE: Label("删除", "Deletion"),
    WITHDRAW: Label("撤回同意", "Withdrawal of consent"),
    EXPLAIN: Label("解释说明", "Explanation"),
})  # fmt: skip
"""What can be asked (articles 44 to 48, 15)."""
STOPPING = frozenset({ERASE, WITHDRAW})
"""Requests that end with records no longer being used."""
ASKERS: Mapping[str, Label] = MappingProxyType({
    "self": Label("本人", "The person"),
    "guardian": Label("监护人", "Guardian"),
    "relative": Label("死者近亲属", "Close relative of a deceased person"),
    "deputy": Label("受托人（有委托书）", "Deputy (with a written authority)"),
})  # fmt: skip
CHECKS: Mapping[str, Label] = MappingProxyType({
    "card": Label("当面核对身份证件", "Identity document shown in person"),
    "known": Label("当面，工作人员认识本人", "In person, known to the staff"),
    "callback": Label("按登记电话回拨核对", "Called back on the registered number"),
    "papers": Label("身份和关系、委托证明", "Papers on identity and relation or authority"),
    "none": Label("还没有核实", "Not checked yet"),
})  # fmt: skip
"""How it was made sure who asks."""
UNCHECKED = "none"
ROADS: Mapping[str, Label] = MappingProxyType({
    "desk": Label("窗口当面", "At the desk"),
    "door": Label("上门时提出", "At the door"),
    "phone": Label("电话", "By phone"),
    "letter": Label("来信", "By letter"),
    "online": Label("网上", "Online"),
})  # fmt: skip
OPEN, ANSWERED, REFUSED = "open", "answered", "refused"
LATE = "late"
"""Among the states of the list: open ones whose day is over."""
STATES: Mapping[str, Label] = MappingProxyType({
    OPEN: Label("待答复", "Open"),
    ANSWERED: Label("已答复", "Answered"),
    REFUSED: Label("不予办理", "Refused"),
})  # fmt: skip
ALL, CARE_ONLY = "all", "care"
STOPS: Mapping[str, Label] = MappingProxyType({
    ALL: Label("居民资料和关怀资料都停止使用", "Stop using the resident's and the care records"),
    CARE_ONLY: Label("只停止使用关怀资料", "Stop using the care records alone"),
})  # fmt: skip
"""How much is no longer used."""
PURPOSES: Mapping[str, Label] = MappingProxyType({
    "resident": Label("网格走访、上门服务、政策通知和紧急联络",
                      "Visits of the grid, services at the door, notices and urgent contact"),
    "care": Label("关怀对象的定期探访和紧急帮助",
                  "Regular visits to people in care, and help in need"),
    "photo": Label("证明所记录的情况", "Proof of what was recorded"),
    "visit": Label("记录走访经过和随访结果", "A record of visits and of how people were found"),
    "service": Label("办理提出的需求", "Seeing through what was asked for"),
    "issue": Label("办理反映的事件并回复", "Handling what was reported, and the answer"),
    "member": Label("组织成员和楼栋联系人名册", "Lists of members and of contacts"),
})  # fmt: skip
"""What each group of data is for."""


def number_of(district: str, year: int, place: int) -> str:
    """Return the number of a request: 990101-2026-GX0007."""
    return f"{district}-{year}-GX{place:04d}"
