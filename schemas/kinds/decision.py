"""decision 裁决: what staff settled about a conflict or a refused change, and who did.

Made by the centre and travelling down like any record, so that every worker concerned sees what
became of his value. A conflict's decision has the conflict's id; deciding anew is a new version.
"""

from schemas.fields import Code, Flag, Line, Moment, Paragraph, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Decision(Kind):
    """Lies where the record it speaks of lies."""

    info = KindInfo(
        name="decision",
        label=Label("裁决", "Decision"),
        group="notice",
        reach="community",
        title=("subject", "outcome"),
        parent="target_id",
        laptop=frozenset(),
        staff=frozenset({"create", "update"}),
        dated_by="decided_at",
        retention="people",
        retention_words=("words",),
    )

    subject = Code("事由", "About", "DECISION_SUBJECT", required=True, column=True)
    outcome = Code("结果", "Outcome", "DECISION_OUTCOME", required=True, column=True)
    target_kind = Line("记录类别", "Kind of record", required=True, longest=40)
    target_id = Ref("记录", "Record", "record", required=True)
    path = Line("字段", "Field", longest=120, hint=Label("空：整条", "Empty: the whole change"))
    change_id = Ref("未采用的变更", "Change beside or refused", "change", required=True)
    visible_change_id = Ref("原有值的变更", "Change that stood", "change")
    version = Whole("裁决后版本", "Version with the outcome")
    words = Paragraph("说明", "Words", longest=1000)
    automatic = Flag("系统自动", "By the system")
    decided_by = Ref("裁决人", "Decided by", "user", column=True)
    decided_at = Moment("裁决时间", "Decided at", required=True, column=True)
