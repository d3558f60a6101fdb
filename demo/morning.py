"""The script of the morning: what worker 林示例 does, one part of it while the centre is away."""

from __future__ import annotations

from demo.laptop import SyncEnd, Worker

Answers = dict[str, str | list[str]]

MET: Answers = {"mode": "door", "result": "met", "notice_given": "1"}
NOBODY: Answers = {"mode": "door", "result": "nobody", "notice_given": "0"}
CHARGING = {
    "text": "三楼窗户拉线下来给电动车充电，线搭在晾衣架上，下雨有危险。",
    "place": "单元门前",
    "level": "2",
    "urgency": "urgent",
}
SOFA: Answers = {
    "category": "ENV",
    "title": "楼道口堆放旧沙发",
    "text": "旧沙发挡住单元门，已联系住户。",
    "place": "二单元门口",
    "level": "1",
    "urgency": "normal",
    "source": "patrol",
    "self_handled": "1",
    "handled_text": "住户当场搬走，通道已恢复。",
    "_no_photo": "住户当场搬走，没有来得及拍。",
}


def patrol_and_visit(worker: Worker) -> None:
    """While the centre answers: a patrol with a problem, and a care visit."""
    worker.patrol("ebike", CHARGING, "environment", "垃圾桶旁散落垃圾，已当场清理。")
    worker.visit_due({**MET, "findings": "精神不错，药够用一周，约好下周再来。"})


def visit_and_report_offline(worker: Worker) -> None:
    """While the centre is away: two visits, a changed phone number, an issue handled at once."""
    worker.visit_found(
        "502", {**MET, "findings": "换了新号码。"}, at=1, household={"phone": "10000002026"}
    )
    worker.visit_found("502", NOBODY, at=2)
    worker.report(SOFA)


def all_stored(end: SyncEnd) -> bool:
    """Tell whether a round ended with every change confirmed."""
    return end.stage == "done" and end.confirmed == end.total
